"""What placers take that go by a target network, as it is asked for."""

from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import JsonValue

from synth.compute.checkpoint import load_weights
from synth.dataset.codecs import file_sha256
from synth.dataset.origin import READINGS, Reading, decode_readings
from synth.errors import InputError
from synth.sim.ingredients import PlacerOptions
from synth.train.tasks import TASKS
from synth.train.trained import find_weights

DEFAULT_PRESET = "quick"


@dataclass(frozen=True, kw_only=True)
class HardOptions(PlacerOptions):
    """InputError for numbers out of range, and for a run without a network; None for what the preset says.

    run: the folder of the target's training, or its weights. preset: by its name in `presets.PRESETS`.
    cycles, hard_at, hard_to: as `CycleSettings` has them. ratio: real images to each made one. discriminator:
    whether a synthesizer is held to what real pictures look like. diversity: weight of the spread of what it
    proposes. dropout: of a synthesizer. device: as --device.
    """

    run: Path
    preset: str = DEFAULT_PRESET
    cycles: int | None = None
    ratio: float | None = None
    hard_at: float | None = None
    hard_to: float | None = None
    discriminator: bool = False
    diversity: float | None = None
    dropout: float | None = None
    device: str | None = None

    def __post_init__(self) -> None:
        assert self.weights
        if self.cycles is not None and not 1 <= self.cycles <= 100:
            raise InputError(f"--cycles must be 1 to 100, got {self.cycles}")
        if self.ratio is not None and not 0 <= self.ratio <= 100:
            raise InputError(f"--ratio is 0 to 100 real images to each made one, got {self.ratio:g}")
        if self.hard_at is not None and not 0 < self.hard_at < 1:
            raise InputError(f"--hard-at must lie between 0 and 1, got {self.hard_at:g}")
        if self.hard_to is not None and not (self.hard_at or 0) < self.hard_to <= 1:
            raise InputError(f"--hard-to must lie above --hard-at and be 1 at most, got {self.hard_to:g}")
        if self.diversity is not None and not 0 <= self.diversity <= 1000:
            raise InputError(f"--diversity must be 0 to 1000, got {self.diversity:g}")
        if self.dropout is not None and not 0 <= self.dropout < 1:
            raise InputError(f"--dropout must be 0 or more and below 1, got {self.dropout:g}")

    @property
    def weights(self) -> Path:
        """The target's file."""
        return find_weights(self.run, [name for name, task in TASKS.items() if task.sees_composites])

    def to_config(self) -> dict[str, JsonValue]:
        """All but where the target lies and where it runs; the target by the hash of its weights."""
        config = {name: value for name, value in asdict(self).items() if name not in ("run", "device")}
        return {"hard": config | {"target_sha256": file_sha256(self.weights.read_bytes())}}

    def list_readings(self) -> tuple[Reading, ...]:
        """Those behind the target."""
        return decode_readings(load_weights(self.weights)[1].get(READINGS, "[]"))
