"""Batch norm's running statistics, measured anew for weights that were averaged."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn


@torch.no_grad()
def measure_statistics(net: nn.Module, run: Callable[[Tensor], object], batches: Sequence[Tensor]) -> None:
    """Give every batch norm of a network in eval mode the mean statistics of these batches.

    Averaged weights give activations that no single step's did, so the statistics that training left do not
    fit them (Izmailov et al. 2018, section 3.2). run: a forward pass of the network.
    """
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # A plain mean.
        norm.train()
    for batch in batches if norms else ():
        run(batch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()
