"""How a target is trained on in a cycle."""

from dataclasses import dataclass

from synth.errors import InputError


@dataclass(frozen=True)
class Schooling:
    """InputError for numbers out of range.

    epochs: how often the target sees everything kept. ratio: real images to each made one.
    """

    epochs: float = 3.0
    ratio: float = 1.0
    learning_rate: float = 1e-4
    batch_size: int = 16

    def __post_init__(self) -> None:
        for name in ("epochs", "learning_rate", "batch_size"):
            if getattr(self, name) <= 0:
                raise InputError(f"{name} of a target must be above 0, got {getattr(self, name):g}")
        if not 0 <= self.ratio <= 100:
            raise InputError(f"--ratio is 0 to 100 real images to each made one, got {self.ratio:g}")
