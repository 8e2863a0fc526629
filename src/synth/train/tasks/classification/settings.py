"""How a network learns classes: the settings of the task."""

from dataclasses import dataclass

from synth.errors import InputError
from synth.train.models.class_nets import refuse_side
from synth.train.settings import TaskSettings


@dataclass(frozen=True)
class ClassificationSettings(TaskSettings):
    """How a network learns classes.

    net: one of class_nets' own, or one of torchvision's classifiers. side_px: crops are resized to it.
    context: the side of a crop in longer sides of its instance's tight box. pretrained: a local checkpoint;
    None for random weights. classes: names of what is told apart, in the network's order.
    """

    batch_size: int = 64
    net: str = "small"
    side_px: int = 64
    context: float = 1.25
    pretrained: str | None = None
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_side(self.net, self.side_px)
        if not 1 <= self.context <= 4:
            raise InputError(f"context must be 1 to 4, got {self.context:g}")

    def demand_classes(self) -> tuple[str, ...]:
        """The classes; raises InputError where there are fewer than two."""
        if len(self.classes) < 2:
            said = f"one class, {self.classes[0]}" if self.classes else "no class"
            raise InputError(
                f"there is {said}, and classification tells classes apart: give data of two classes or "
                "more, or train detection"
            )
        return self.classes
