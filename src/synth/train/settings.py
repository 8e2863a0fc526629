"""What every task's settings begin with."""

from dataclasses import asdict, dataclass
from typing import Any

from synth.errors import InputError
from synth.train.loop import Schedule


@dataclass(frozen=True)
class TaskSettings(Schedule):
    """How a network learns a task.

    net: its architecture's name. side_px: of the images that it takes. photometric: how far hue, saturation
    and brightness of train images vary by chance in `Learner.load` (`photometric.vary_colours`), 0, not at
    all, to 1; left out of config.json where it is the task's own default.
    """

    net: str = ""
    side_px: int = 0
    photometric: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.photometric <= 1:
            raise InputError(f"photometric must be 0 to 1, got {self.photometric:g}")

    @property
    def model(self) -> str:
        """How the network is called in figures and folders; no dot in it."""
        return self.net

    def to_config(self) -> dict[str, Any]:
        """Every field that says something, for config.json: so runs go on that are older than a field."""
        config = asdict(self)
        if self.photometric == type(self).photometric:
            del config["photometric"]
        return config
