"""What networks could say, without a network."""

from typing import Any

import torch


class Said:
    """Answers beside the truth, as a task's scores take them."""

    def __init__(self, predicted: list[Any], true: list[Any]) -> None:
        self.predicted, self.true = predicted, true


class Says(torch.nn.Module):
    """A network that always gives the same answer."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer, self.stride = answer, torch.tensor([32.0])

    def forward(self, images: torch.Tensor) -> Any:
        return self.answer
