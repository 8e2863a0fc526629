"""How a network learns the class of every pixel: the settings of the task."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch

from synth.errors import InputError
from synth.train.settings import TaskSettings
from synth.train.tasks.segmentation.choices import ClassWeights, Loss, Optimiser, Rate, Sampling
from synth.train.tasks.segmentation.segmenters import SEGMENTERS

_POLY_POWER = 0.9
_MOMENTUM = 0.9
_LEAST_PX = 32


@dataclass(frozen=True)
class SegmentationSettings(TaskSettings):
    """How a network learns the class of every pixel.

    net: any of SEGMENTERS. side_px: pictures are made this long. crop_px: the side of the square that is cut
    out of one in training, where the picture is as large. least_scale, most_scale: by how much a picture is
    made larger by chance before that. optimiser, rate, loss, class_weights, sampling: as `choices` has them.
    pretrained: a local checkpoint; None for random weights, or those that the network comes with. classes:
    names of what is told apart, in the network's order. colours: RGB of each, for drawing.
    """

    batch_size: int = 8
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    net: str = "small"
    side_px: int = 480
    photometric: float = 0.5
    crop_px: int = 256
    least_scale: float = 0.5
    most_scale: float = 2.0
    optimiser: Optimiser = "adamw"
    rate: Rate = "poly"
    loss: Loss = "cross-entropy"
    class_weights: ClassWeights = "inverse-log"
    sampling: Sampling = "uniform"
    pretrained: str | None = None
    classes: tuple[str, ...] = ()
    colours: tuple[tuple[int, int, int], ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        SEGMENTERS[self.net]  # That there is one.
        for name in ("side_px", "crop_px"):
            if getattr(self, name) < _LEAST_PX:
                raise InputError(f"{name} must be {_LEAST_PX} or more, got {getattr(self, name)}")
        if self.batch_size < 2:
            raise InputError(
                f"batch_size must be 2 or more, as networks normalise over a batch, got {self.batch_size}"
            )
        if not 0.1 <= self.least_scale <= self.most_scale <= 4:
            raise InputError(
                "least_scale and most_scale must be 0.1 to 4, the least first, got "
                f"{self.least_scale:g} and {self.most_scale:g}"
            )

    def rate_at(self, step: int) -> float:
        """The learning rate of a step, counted from 1."""
        if self.rate == "cosine":
            return super().rate_at(step)
        return float(self.learning_rate * (1 - (step - 1) / self.n_steps) ** _POLY_POWER)

    def make_optimiser(self, parameters: Iterable[torch.nn.Parameter]) -> torch.optim.Optimizer:
        """Of the name in ``optimiser``."""
        if self.optimiser == "adamw":
            return super().make_optimiser(parameters)
        return torch.optim.SGD(
            parameters, self.learning_rate, momentum=_MOMENTUM, weight_decay=self.weight_decay
        )
