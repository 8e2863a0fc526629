"""What is made small: the cross-entropy of pixels, in several forms; void counts nowhere."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from synth.train.tasks.segmentation.choices import ClassWeights, Loss

_ENOUGH = 0.3
_N_HARDEST = 4096
_OFFSET = 1.05


def weigh_classes(name: ClassWeights, counts: NDArray[np.int64]) -> Tensor:
    """How much each class counts, [C], by its pixels in all train pictures [C]."""
    if name == "none":
        return torch.ones(len(counts))
    shares = counts / max(1, counts.sum())
    return torch.from_numpy(1 / np.log(_OFFSET + shares)).float()


def compute_loss(name: Loss, logits: Tensor, ids: Tensor, weights: Tensor, void: int) -> Tensor:
    """The loss of a batch; 0 where all is void.

    logits: [N,C,H,W]. ids: [N,H,W]. weights: [C].
    """
    losses = functional.cross_entropy(
        logits.float(), ids, weights, ignore_index=void, reduction="none"
    ).flatten(1)  # [N,HW]
    known = (ids != void).flatten(1)
    if name == "cross-entropy":
        each = weights[ids.masked_fill(ids == void, 0)].flatten(1) * known
        return losses.sum() / each.sum().clamp(min=torch.finfo(losses.dtype).tiny)
    return _keep_hardest(losses, known).mean()


def _keep_hardest(losses: Tensor, known: Tensor) -> Tensor:
    """[N]: the mean over each picture's pixels above `_ENOUGH` or, where they are fewer, its `_N_HARDEST`."""
    ordered = losses.masked_fill(~known, -1.0).sort(dim=1, descending=True).values
    n_known = known.sum(dim=1, keepdim=True)
    least = n_known.clamp(max=_N_HARDEST)
    n = torch.maximum((ordered > _ENOUGH).sum(dim=1, keepdim=True), least)  # [N,1]
    is_kept = torch.arange(ordered.shape[1], device=losses.device) < n
    return (ordered * is_kept).sum(dim=1) / n[:, 0].clamp(min=1)
