"""A network that others train against."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def frozen(net: nn.Module) -> Iterator[None]:
    """In eval mode and without gradients of its own; those of its pictures pass. Afterwards as it was."""
    training = {module: module.training for module in net.modules()}
    learning = [parameter for parameter in net.parameters() if parameter.requires_grad]
    net.eval()
    for parameter in learning:
        parameter.requires_grad = False
    try:
        yield
    finally:
        for module, was in training.items():
            module.training = was
        for parameter in learning:
            parameter.requires_grad = True
