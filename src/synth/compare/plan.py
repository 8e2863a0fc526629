"""What is trained to be compared: which data, which networks, how often, and on what all are tested."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pydantic import JsonValue

from synth.compare.arms import REAL, Arm
from synth.dataset.leak import LeakGuard, OnProgress
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Split
from synth.errors import InputError
from synth.metrics.comparison import MIN_IMAGES
from synth.train.run import TASKS, Choose, Settings, Source, TrainSpec
from synth.train.tasks.detection import DetectionSettings
from synth.train.tasks.detection_images import refuse_other_labels
from synth.train.tasks.task import TaskName

_LEAST: tuple[tuple[Split, int], ...] = (("train", 1), ("val", 1), ("test", MIN_IMAGES))


@dataclass(frozen=True)
class Contest:
    """One network of one task, trained by every arm with every seed."""

    task: TaskName
    settings: Settings
    seeds: tuple[int, ...]

    @property
    def key(self) -> str:
        """How its figures are called in report.json."""
        return f"{self.task}.{self.settings.model}"


@dataclass(frozen=True)
class Cell:
    """One training of the plan."""

    contest: Contest
    arm: Arm
    seed: int

    @property
    def name(self) -> str:
        """How its folder is called."""
        return f"{self.contest.task}_{self.contest.settings.model}_{self.arm.name}_seed{self.seed}"


@dataclass(frozen=True)
class Plan:
    """All trainings of one comparison. roots: datasets by kind, for each task, ``real`` among them."""

    arms: tuple[Arm, ...]
    contests: tuple[Contest, ...]
    roots: Mapping[TaskName, Mapping[str, Path]]
    out: Path
    choose: Choose = "own-val"
    device: str | None = None
    n_workers: int | None = None
    _readers: dict[Path, DatasetReader] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        if REAL not in [arm.name for arm in self.arms]:
            raise InputError("a comparison is made on real test images: give the arm real")
        if len(self.arms) < 2:
            names = ", ".join(arm.name for arm in self.arms)
            raise InputError(f"one arm cannot be compared with itself, got {names}: give two")
        if len({arm.name for arm in self.arms}) < len(self.arms):
            raise InputError("arms must differ from one another")
        for contest in self.contests:
            if not contest.seeds or len(set(contest.seeds)) < len(contest.seeds):
                raise InputError(
                    f"seeds must differ and there must be one at least, got {list(contest.seeds)}"
                )

    @property
    def cells(self) -> tuple[Cell, ...]:
        """In the order in which they are trained: every arm once before any arm twice."""
        return tuple(
            Cell(contest, arm, seed)
            for contest in self.contests
            for seed in contest.seeds
            for arm in self.arms
        )

    @property
    def is_simulated(self) -> bool:
        """Whether the test images come from the simulated cell."""
        return any(self.reader(task, REAL).info.made_by.simulated for task in self.roots)

    def reader(self, task: TaskName, kind: str) -> DatasetReader:
        """The dataset of a kind of images."""
        root = self.roots[task][kind]
        if root not in self._readers:
            self._readers[root] = DatasetReader(root)
        return self._readers[root]

    def spec(self, cell: Cell) -> TrainSpec:
        """What a cell's training is asked for."""
        roots = self.roots[cell.contest.task]
        return TrainSpec(
            cell.contest.task,
            cell.contest.settings,
            cell.arm.sources(roots),
            roots[REAL],
            cell.seed,
            self.choose,
        )

    def folder(self, cell: Cell) -> Path:
        """Where a cell's training lies."""
        return self.out / "cells" / cell.name

    def n_real_labels(self, cell: Cell) -> int:
        """Images of the captured dataset whose labels a cell's training or choosing has read."""
        reader, n = self.reader(cell.contest.task, REAL), 0
        n_train, n_val = len(reader.of_split("train")), len(reader.of_split("val"))
        used = [limit for stage in cell.arm.stages for kind, limit in stage if kind == REAL]
        if used:
            n = max(n_train + n_val if limit is None else limit for limit in used)
        return max(n, n_val) if self.choose == "real-val" else n

    def to_config(self) -> dict[str, JsonValue]:
        """What a comparison that is gone on with must share."""
        return {
            "arms": [arm.name for arm in self.arms],
            "contests": [
                {"task": c.task, "settings": asdict(c.settings), "seeds": list(c.seeds)}
                for c in self.contests
            ],
            "choose": self.choose,
            "data": {
                task: {kind: [str(root), self.reader(task, kind).digest()] for kind, root in roots.items()}
                for task, roots in self.roots.items()
            },
        }

    def refuse_unfit(self) -> None:
        """Raises InputError where a task has too few test images, a dataset none to learn from, fewer than an
        arm's limit, or boxes of another kind than the others, or a checkpoint is absent.
        """
        for contest in self.contests:
            if isinstance(contest.settings, DetectionSettings):
                self._refuse_unfit_boxes(contest.task, contest.settings)
        for task, roots in self.roots.items():
            for kind, root in roots.items():
                for split, least in _LEAST:
                    if split == "test" and kind != REAL:
                        continue
                    n = TASKS[task].count(self.reader(task, kind).of_split(split))
                    if n < least:
                        unlabelled = n == 0 and task == "normals" and self.reader(task, kind).of_split(split)
                        advice = "leave normals out with --tasks detection" if unlabelled else "make more"
                        raise InputError(
                            f"{root} has {n} {split} images for {task}, and {least} are the least: {advice}"
                        )

            for arm in self.arms:
                for stage in arm.stages:
                    for kind, limit in stage:
                        Source(roots[kind], limit).samples(self.reader(task, kind), seed=0)

    def _refuse_unfit_boxes(self, task: TaskName, settings: DetectionSettings) -> None:
        for kind in self.roots[task]:
            refuse_other_labels(self.reader(task, kind), settings.box_kind)
        if settings.pretrained is not None and not Path(settings.pretrained).is_file():
            raise InputError(f"there is no checkpoint at {settings.pretrained}")

    def refuse_leaks(self, on_progress: OnProgress | None = None) -> int:
        """Raises DatasetError that names every test image of any dataset found among what would train.

        Returns how many images were looked at.
        """
        readers = {
            root: self.reader(task, kind) for task, rs in self.roots.items() for kind, root in rs.items()
        }
        guard = LeakGuard.of(list(readers.values()), on_progress=on_progress)
        n_looked_at = 0
        for reader in readers.values():
            samples = (*reader.of_split("train"), *reader.of_split("val"))
            guard.check(reader, samples)
            n_looked_at += len(samples)
        return n_looked_at
