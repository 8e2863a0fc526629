"""How a detector learns: the settings of the task."""

from dataclasses import dataclass, fields
from typing import Any

from synth.dataset.choices import BoxKind
from synth.errors import InputError
from synth.train.settings import TaskSettings
from synth.train.tasks.detection.changes import Changes
from synth.train.tasks.detection.detectors import find_detector

_LATER = ("changes", "halved_after", "classes")
"""Fields that config.json leaves out where they are as usual: so runs go on that are older than they are."""


@dataclass(frozen=True)
class DetectionSettings(TaskSettings):
    """How a detector learns.

    net: any detector of DETECTORS' families. side_px: pictures are made this long. box_kind: what the labels
    must be. pretrained: a local checkpoint; None for random weights. freeze: leave the pretrained layers that
    the family freezes, a yolo's whole backbone, as they are. classes: names of what is learnt, in the
    network's order; empty where all data have one class, whose name then does not matter. changes: how train
    pictures vary by chance. halved_after: the share of the training after which the learning rate is halved,
    again and again, without a rise before; 0 for the loop's own.
    """

    batch_size: int = 16
    learning_rate: float = 2e-3
    weight_decay: float = 5e-4
    net: str = "yolov5n"
    side_px: int = 640
    photometric: float = 1.0
    box_kind: BoxKind = "square"
    pretrained: str | None = None
    freeze: bool = False
    classes: tuple[str, ...] = ()
    changes: Changes = "mosaic"
    halved_after: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        find_detector(self.net).refuse_side(self.net, self.side_px)
        if not 0 <= self.halved_after <= 1:
            raise InputError(f"halved_after must be 0 to 1, got {self.halved_after:g}")
        if self.freeze and self.pretrained is None:
            raise InputError(
                "a backbone of random weights cannot be frozen: give a checkpoint with --pretrained or "
                "freeze nothing"
            )

    @property
    def n_classes(self) -> int:
        """How many the network tells apart."""
        return max(1, len(self.classes))

    def rate_at(self, step: int) -> float:
        """The learning rate of a step, counted from 1."""
        if not self.halved_after:
            return super().rate_at(step)
        n_halvings = (step - 1) // (self.halved_after * self.n_steps)
        return float(self.learning_rate * 0.5**n_halvings)

    def to_config(self) -> dict[str, Any]:
        """Every field; later ones where they are not as usual."""
        usual = {field.name: field.default for field in fields(self) if field.name in _LATER}
        config = super().to_config()
        return {name: v for name, v in config.items() if name not in usual or v != usual[name]}
