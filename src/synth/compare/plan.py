"""What is trained to be compared: which data, which networks, how often, and on what all are tested."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from pydantic import JsonValue

from synth.compare.baseline import Baseline
from synth.compare.mixes import REAL, Mix, Roots
from synth.compare.questions import Gap, Question, find_origins, list_gaps, list_questions
from synth.compute.engines import DEFAULT_ENGINE, open_engine
from synth.compute.engines.engine import Engine
from synth.dataset.choices import Criterion
from synth.dataset.leak import LeakGuard
from synth.dataset.leak.acceptance import list_accepted
from synth.dataset.reader import DatasetReader
from synth.dataset.record import Split
from synth.errors import InputError
from synth.metrics.comparison import MIN_IMAGES
from synth.train.run import Portion, TrainSpec, open_once
from synth.train.settings import TaskSettings
from synth.train.tasks import TASKS, list_usual

_MANY = 0.1
"""Share of refused images from which on mixes are of unlike size."""

_LEAST: tuple[tuple[Split, int], ...] = (("train", 1), ("val", 1), ("test", MIN_IMAGES))


@dataclass(frozen=True)
class Contest:
    """One network of one task, trained on every mix with every seed."""

    task: str
    settings: TaskSettings
    seeds: tuple[int, ...]

    @property
    def title(self) -> str:
        """How it is called in sentences."""
        return f"{TASKS[self.task].words.title} ({self.settings.model})"


@dataclass(frozen=True)
class Trial:
    """One training of the plan."""

    contest: Contest
    mix: Mix
    seed: int

    @property
    def name(self) -> str:
        """How its folder is called."""
        return f"{self.contest.task}_{self.contest.settings.model}_{self.mix.name}_seed{self.seed}"

    @property
    def i_seed(self) -> int:
        """The seed's place among the contest's."""
        return self.contest.seeds.index(self.seed)


@dataclass(frozen=True)
class Plan:
    """All trainings of one comparison.

    roots: datasets by name for each task, ``real``, which is one, among them. asked: questions beside those
    that every comparison asks. engine: what trains the trials, by name; address: on which cluster, None for
    the usual one. baseline: the translation that joined the mixes by itself.
    """

    mixes: tuple[Mix, ...]
    contests: tuple[Contest, ...]
    roots: Mapping[str, Roots]
    out: Path
    choose: Criterion = "own-val"
    device: str | None = None
    n_workers: int | None = None
    engine: str = DEFAULT_ENGINE
    address: str | None = None
    asked: tuple[Question, ...] = ()
    baseline: Baseline | None = None
    _readers: dict[Path, DatasetReader] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        self.open_engine()  # That there is one.
        names = [mix.name for mix in self.mixes]
        if not self.contests:
            raise InputError("nothing is to be learnt: name a task")
        if REAL not in names:
            raise InputError("a comparison is made on real test images: give the mix real")
        if len(names) < 2:
            raise InputError(f"one mix cannot be compared with itself, got {', '.join(names)}: give two")
        if len(set(names)) < len(names):
            raise InputError("mixes must differ from one another")
        for roots in self.roots.values():
            if len(roots[REAL]) > 1:
                raise InputError(
                    f"{REAL} must be one dataset, whose test images decide, got {len(roots[REAL])}"
                )
        for contest in self.contests:
            if not contest.seeds or len(set(contest.seeds)) < len(contest.seeds):
                raise InputError(
                    f"seeds must differ and there must be one at least, got {list(contest.seeds)}"
                )
            self._refuse_unused_datasets(contest)

    @property
    def trials(self) -> tuple[Trial, ...]:
        """In the order in which they are trained: every mix once before any mix twice."""
        return tuple(
            Trial(contest, mix, seed)
            for contest in self.contests
            for seed in contest.seeds
            for mix in self.mixes
        )

    @property
    def is_simulated(self) -> bool:
        """Whether the test images come from the simulated cell."""
        return any(self.reader(task, REAL).info.made_by.simulated for task in self.roots)

    @cached_property
    def questions(self) -> tuple[Question, ...]:
        """Which mixes are held against which."""
        names = [mix.name for mix in self.mixes]
        usual = list_questions(list(next(iter(self.roots.values()))), names, self._origins)
        return tuple(dict.fromkeys((*usual, *self.asked)))

    @cached_property
    def gaps(self) -> tuple[Gap, ...]:
        """What translations are there to close."""
        return list_gaps([mix.name for mix in self.mixes], self._origins)

    def reader(self, task: str, name: str) -> DatasetReader:
        """The dataset of a name, the first where there are several."""
        return self.open(self.roots[task][name][0])

    def readers(self, task: str, name: str) -> tuple[DatasetReader, ...]:
        """All datasets of a name."""
        return tuple(self.open(root) for root in self.roots[task][name])

    def spec(self, trial: Trial) -> TrainSpec:
        """What a trial's training is asked for."""
        roots = self.roots[trial.contest.task]
        return TrainSpec(
            trial.contest.task,
            trial.contest.settings,
            trial.mix.portions(roots, trial.i_seed),
            roots[REAL][0],
            trial.seed,
            self.choose,
        )

    def folder(self, trial: Trial) -> Path:
        """Where a trial's training lies."""
        return self.out / "trials" / trial.name

    def n_captured(self, trial: Trial) -> int:
        """Images of the dataset ``real`` that a trial's training or choosing was given."""
        reader, n = self.reader(trial.contest.task, REAL), 0
        n_train, n_val = len(reader.of_split("train")), len(reader.of_split("val"))
        used = [limit for stage in trial.mix.stages for name, limit in stage if name == REAL]
        if used:
            n = max(n_train + n_val if limit is None else limit for limit in used)
        return max(n, n_val) if self.choose == "real-val" else n

    def n_translators(self, trial: Trial) -> int:
        """How many translators made the translated images of a trial's mix; of the name with most."""
        task = trial.contest.task
        made = [self.readers(task, name) for name in trial.mix.datasets]
        return max((len(own) for own in made if own[0].info.kind == "translated"), default=0)

    def to_config(self) -> dict[str, JsonValue]:
        """What a comparison that is gone on with must share."""
        joined: dict[str, JsonValue] = {"baseline": self.baseline.to_config()} if self.baseline else {}
        return joined | {
            "mixes": [mix.name for mix in self.mixes],
            "contests": [
                {"task": c.task, "settings": c.settings.to_config(), "seeds": list(c.seeds)}
                for c in self.contests
            ],
            "choose": self.choose,
            "data": {
                task: {
                    name: [[str(reader.root), reader.digest()] for reader in self.readers(task, name)]
                    for name in roots
                }
                for task, roots in self.roots.items()
            },
        }

    def open_engine(self) -> Engine:
        """What trains the trials."""
        return open_engine(self.engine, self.address)

    def refuse_unfit(self) -> None:
        """Raises InputError where a task cannot be learnt from a dataset, or has too few images in one, or a
        mix wants more images than there are.
        """
        for contest in self.contests:
            for _, reader in self._named(contest.task):
                TASKS[contest.task].refuse_unfit(reader, contest.settings)
        for task in self.roots:
            for name, reader in self._named(task):
                self._refuse_few(task, name, reader)
            for mix in self.mixes:
                for name, limit in (part for stage in mix.stages for part in stage):
                    for reader in self.readers(task, name):
                        Portion(reader.root, limit).samples(reader, seed=0)

    def refuse_leaks(self) -> int:
        """Raises DatasetError that names every test image of any dataset found among what would train.

        Returns how many images were looked at.
        """
        guard = LeakGuard.of(self._all_readers)
        n_looked_at = 0
        for reader in self._all_readers:
            samples = (*reader.of_split("train"), *reader.of_split("val"))
            guard.check(reader, samples)
            n_looked_at += len(samples)
        return n_looked_at

    @property
    def accepted_near_copies(self) -> tuple[str, ...]:
        """A sentence for each dataset near copies of whose test images may train."""
        return tuple(list_accepted(self._all_readers))

    @property
    def lost_images(self) -> tuple[str, ...]:
        """A sentence for each dataset that has fewer images than what it was made from, by refusals."""
        made = [reader for reader in self._all_readers if reader.info.kind in ("translated", "painted")]
        return tuple(
            f"{reader.root} lost {n_lost} of {n_lost + len(reader)} images to refusals, so mixes with it "
            f"learn from fewer distinct ones: NAME@{len(reader)} in --mixes gives another dataset as many."
            for reader in made
            if (n_lost := len(reader.rejections)) > _MANY * (n_lost + len(reader))
        )

    @property
    def forecasts(self) -> tuple[str, ...]:
        """A sentence for each dataset of which it was foretold whether a translator can bring anything."""
        figures = {reader.root: reader.info.made_by.figures for reader in self._all_readers}
        return tuple(
            f"{root}, foretold by how pictures look: {told['forecast']}."
            for root, told in figures.items()
            if "forecast" in told
        )

    @property
    def _all_readers(self) -> list[DatasetReader]:
        return list({reader.root: reader for task in self.roots for _, reader in self._named(task)}.values())

    @cached_property
    def _origins(self) -> dict[str, str]:
        task, roots = next(iter(self.roots.items()))
        readers = {name: self.reader(task, name) for name in roots}
        return find_origins(
            {name: reader.info for name, reader in readers.items()},
            {name: reader.name for name, reader in readers.items()},
        )

    def open(self, root: Path) -> DatasetReader:
        """The dataset of a folder, opened once."""
        if root not in self._readers:
            self._readers[root] = open_once(root)
        return self._readers[root]

    def _named(self, task: str) -> Iterator[tuple[str, DatasetReader]]:
        for name in self.roots[task]:
            for reader in self.readers(task, name):
                yield name, reader

    def _refuse_few(self, task: str, name: str, reader: DatasetReader) -> None:
        for split, least in _LEAST:
            samples = reader.of_split(split)
            n = TASKS[task].count(samples)
            if split == "val" and not samples and self._is_chosen_by_others(task, name):
                continue
            if n < least and (split != "test" or name == REAL):
                others = ",".join(other for other in self.roots if other != task)
                unlabelled = n == 0 and samples and others
                advice = f"leave {task} out with --tasks {others}" if unlabelled else "make more"
                if fitting := self._list_fitting(reader):
                    advice = f"its labels are for --tasks {','.join(fitting)}"
                raise InputError(
                    f"{reader.root} has {n} {split} images for {task}, and {least} are the least: {advice}"
                )

    def _is_chosen_by_others(self, task: str, name: str) -> bool:
        """Whether captured val images choose or, in each mix that ends with a dataset, those of another."""
        if self.choose == "real-val":
            return True
        ends = [{other for other, _ in mix.stages[-1]} for mix in self.mixes]
        return all(
            any(self.reader(task, other).of_split("val") for other in end - {name})
            for end in ends
            if name in end
        )

    def _list_fitting(self, reader: DatasetReader) -> list[str]:
        """Tasks by name alone that were not asked for and are learnt from a dataset without instances."""
        if reader.info.classes:
            return []
        further = [name for name in TASKS if name not in (*self.roots, *list_usual())]
        return [name for name in further if TASKS[name].count(reader.samples)]

    def _refuse_unused_datasets(self, contest: Contest) -> None:
        for name, roots in self.roots[contest.task].items():
            if len(roots) > len(contest.seeds):
                raise InputError(
                    f"{name} has {len(roots)} datasets, and {contest.task} is trained with "
                    f"{len(contest.seeds)} seed{'s' if len(contest.seeds) > 1 else ''}, one dataset each: "
                    f"give --seeds {len(roots)} or fewer datasets"
                )
