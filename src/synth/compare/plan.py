"""What is trained to be compared: which data, how often, and on what all are tested."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pydantic import JsonValue

from synth.dataset.leak import LeakGuard, OnProgress
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample, Split
from synth.errors import InputError
from synth.train.tasks.normals import NormalSettings

TEST_ARM = "real"
"""The arm whose test images all arms are measured on."""

QUICK_NORMALS = NormalSettings(net="paper", side_px=112, n_images=6_000, n_checks=12)
DEFAULT_NORMALS = NormalSettings(net="resnet18", side_px=224, n_images=40_000, loss="angle")


@dataclass(frozen=True)
class Arm:
    """Training data under a name. Its own val images choose the weights that are kept (own-val)."""

    name: str
    dataset: DatasetReader

    def samples(self, split: Split) -> tuple[Sample, ...]:
        """Of one split."""
        return self.dataset.of_split(split)


@dataclass(frozen=True)
class Cell:
    """One training of the plan."""

    arm: str
    seed: int

    @property
    def name(self) -> str:
        """How its file is called."""
        return f"normals_{self.arm}_seed{self.seed}"


@dataclass(frozen=True)
class Plan:
    """All trainings of one comparison. arms: by name, ``real`` among them. seeds: of every arm."""

    arms: Mapping[str, Arm]
    seeds: tuple[int, ...]
    out: Path
    normals: NormalSettings = field(default_factory=lambda: DEFAULT_NORMALS)
    device: str | None = None

    def __post_init__(self) -> None:
        if TEST_ARM not in self.arms:
            raise InputError("a comparison is made on real test images: give --real")
        if len(self.arms) < 2:
            raise InputError(f"one arm cannot be compared with itself, got {', '.join(self.arms)}: give two")
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise InputError(f"seeds must differ and there must be one at least, got {list(self.seeds)}")

    @property
    def cells(self) -> tuple[Cell, ...]:
        """In the order in which they are trained: every arm once before any arm twice."""
        return tuple(Cell(arm, seed) for seed in self.seeds for arm in self.arms)

    @property
    def test_samples(self) -> tuple[Sample, ...]:
        """What all arms are measured on."""
        return self.arms[TEST_ARM].samples("test")

    @property
    def is_simulated(self) -> bool:
        """Whether the test images come from the simulated cell."""
        return self.arms[TEST_ARM].dataset.info.made_by.simulated

    def to_config(self) -> dict[str, JsonValue]:
        """What a comparison that is gone on with must share."""
        return {
            "normals": asdict(self.normals),
            "seeds": list(self.seeds),
            "arms": {name: _digest(arm) for name, arm in self.arms.items()},
        }

    def refuse_leaks(self, on_progress: OnProgress | None = None) -> int:
        """Raises DatasetError that names every test image of any arm found among what would train.

        Returns how many images were looked at.
        """
        guard = LeakGuard.of([arm.dataset for arm in self.arms.values()], on_progress=on_progress)
        n_looked_at = 0
        for arm in self.arms.values():
            samples = (*arm.samples("train"), *arm.samples("val"))
            guard.check(arm.dataset, samples)
            n_looked_at += len(samples)
        return n_looked_at


def _digest(arm: Arm) -> dict[str, JsonValue]:
    """Which images an arm learns from and is tested on."""
    lines = "\n".join(f"{s.split} {s.name} {s.pixels_sha256}" for s in arm.dataset)
    counts: dict[str, JsonValue] = {split: len(arm.samples(split)) for split in ("train", "val", "test")}
    return {**counts, "sha256": hashlib.sha256(lines.encode()).hexdigest()}
