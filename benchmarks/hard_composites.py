"""What composites are worth that a detector finds hard: random, random-hard and learned places (TERSE).

    python benchmarks/hard_composites.py DATA --out runs/hard_composites --jobs 2
    python benchmarks/hard_composites.py DATA --out runs/hard_composites --jobs 2 --quick
    python benchmarks/hard_composites_table.py --write docs/results.md

DATA holds table_nuts (github.com/Tony607/mmdetection_instance_segmentation_demo, MIT) and cutpaste_objects
(github.com/debidatta/syndata-generation and others, MIT). The cell is simulated.

Frozen on the day that `FROZEN` names, before any figure of a test image was looked at. A base, YOLOv5n at
320 px, learns 2,400 images of 60 ordinary captures of the simulated cell (48 train, 12 val). The test set is
120 pictures, 20 of each cell of hard_scenes.py: nearer, farther, a clamp across the part, another bench with
other light and a lid of the part's colour, and two with several of these. They are captured, never composed.
Of table_nuts one surface tests and the others train (hard_places.Nuts).

Each mix of a seed begins with the same base, sees as many images (1,200; 600 of nuts), every second of them
real, and keeps its last weights. Composites: 240 (120), all within `RANGES`, which are as wide for chance as
for a synthesizer. random-hard and learned run three cycles (two) against a copy of the base; what they kept,
from a hardness of `HARD_AT` on, chosen on train candidates, is what trains. Asked first: whether learned
finds more than random-hard, and whether each finds more than random, at IoU 0.5 and 0.8.

Cost, in CPU seconds measured beside other work, one of each: ordinary captures 40, the hard test set 115, the
base 139, 50 batches of a synthesizer with a harvest of 16 and all that goes round it 96, 24 random composites
5. From these, and YOLOv5n's 17 images a second, follow for the cell 70 for each training, 300 for random-hard
and 500 for learned, 600 with D; about half of that for a surface of nuts. So ``--quick`` takes 1,400, 16
minutes on two cores, of which captures and base have one; the whole 19,000, 2.7 hours. Neither has been run.

Each stage is the command that a user types, but for hard_tune.py; the same command goes on where it stopped.
``--plan ablation`` has TERSE's Table 2, a column a mix, in the same places; ``--plan groceries`` the setting
of its Table 3, where no real picture tests; ``--plan bins`` asks which composites help: each mix has those of
one range of hardness for the base, as many as chance finds in one cycle.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import one_thread
from hard_places import REAL, Cell, Place, list_places
from result_lines import Line, append, read_lines

from synth.compute.checkpoint import load_weights
from synth.dataset.origin import READINGS, count_real_labels, decode_readings
from synth.dataset.reader import DatasetReader
from synth.metrics import detection
from synth.metrics.by_class import ClassMatches
from synth.metrics.intervals import Floats, resample_counts
from synth.train.run import WEIGHTS_FILE, load_result
from synth.train.tasks.detection.boxes import match_lists

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results/hard_composites.jsonl"
FROZEN = "2026-11-29"
SEEDS = (0, 1, 2)
IOUS = (0.5, 0.6, 0.7, 0.8)
N_DRAWS = 200
"""Of the cell's test images, for intervals: kept in each line, the same for all."""

RANGES = (
    *("--turn", "180", "--scale", "0.5-1.7", "--shear", "0.1", "--truncation", "0.1"),
    *("--gain", "1.5", "--gamma", "1.3", "--min-visible", "0.3"),
)
HARD_AT = ("--hard-at", "0.25")
"""The article has 0.5, above which 5 % of 315 candidates of the cell lie that chance draws for the base; 33 %
lie above 0.25, and a cycle has room for 20 %."""

BASE = "runs/base"
FEWER = (0.75, 0.5, 0.25, 0.1)
"""Shares of the composites that are wanted, tried where too few were hard."""

USAGE_ERROR = 2
"""What synth ends with for input that it cannot use."""


@dataclass(frozen=True)
class Mix:
    """What a training goes on with. place: words of ``synth compose``; empty for no composites. with_real:
    whether every second image is real.
    """

    name: str
    place: tuple[str, ...] = ()
    with_real: bool = True

    @property
    def folder(self) -> str:
        """Its name as a folder."""
        return self.name.replace(" ", "_").replace(",", "").replace("+", "and")


def _learned(name: str, *words: str, with_real: bool = True) -> Mix:
    return Mix(name, ("--place", "learned", *words), with_real)


REAL_ONLY, RANDOM = Mix("real only"), Mix("random", ("--place", "random"))
RANDOM_HARD, LEARNED = Mix("random-hard", ("--place", "random-hard")), _learned("learned")
LEARNED_D, NO_PATCHES = (
    _learned("learned + D", "--discriminator"),
    _learned("learned, no patches", "--no-patches"),
)
MAIN = (REAL_ONLY, RANDOM, RANDOM_HARD, LEARNED, LEARNED_D, NO_PATCHES)
_DROPOUT, _ALONE, _BARE = ("--dropout", "0.5"), ("--ratio", "0"), ("--no-patches",)
ABLATION = (
    _learned("column 1", "--keep-doubtful", *_BARE, *_ALONE, with_real=False),
    _learned("column 2, clean-up", *_BARE, *_ALONE, with_real=False),
    _learned("column 3, dropout", *_DROPOUT, *_BARE, *_ALONE, with_real=False),
    _learned("column 4, patches", *_DROPOUT, *_ALONE, with_real=False),
    _learned("column 5, half real", *_DROPOUT),
    _learned("column 6, D", *_DROPOUT, "--discriminator"),
)
CUT_PASTE_LEARN = Mix("all blends", ("--place", "random", "--blend", "all"))
BINS = tuple(
    Mix(
        f"hardness {low:g} to {high:g}",
        ("--place", "random-hard", "--hard-at", f"{low:g}", "--hard-to", f"{high:g}"),
    )
    for low, high in ((0.01, 0.1), (0.1, 0.25), (0.25, 0.5), (0.5, 1))
)
PLANS: Mapping[str, tuple[Mix, ...]] = {
    "main": MAIN,
    "ablation": ABLATION,
    "groceries": (REAL_ONLY, CUT_PASTE_LEARN, LEARNED),
    "bins": (REAL_ONLY, RANDOM, *BINS),
}
QUICK = MAIN[:4]
PRIMARY = ((LEARNED, RANDOM_HARD), (LEARNED, RANDOM), (RANDOM_HARD, RANDOM))
PRIMARY_IOUS = (0.5, 0.8)


@dataclass(frozen=True)
class Trial:
    """One training."""

    place: Place
    mix: Mix
    seed: int

    @property
    def key(self) -> Line:
        """What its line of the results begins with."""
        return {
            "place": self.place.name,
            "mix": self.mix.name,
            "seed": self.seed,
            "images": self.place.images,
        }


class EmptyBin(Exception):
    """Chance finds no composite of a range of hardness."""


class Bench:
    """Runs the stages of a place in one folder, each once. Several trials may use it at a time."""

    def __init__(self, data: Path, out: Path, place: Place) -> None:
        self._data, self._out, self.place = data.resolve(), out / place.folder, place
        self._out.mkdir(parents=True, exist_ok=True)
        self._kept, self._lock = self._out / "stages.json", Lock()
        self._tries: dict[str, float] = {}
        self.stages: dict[str, Line] = json.loads(self._kept.read_text()) if self._kept.is_file() else {}

    def prepare(self) -> None:
        """Pictures, and the base."""
        for words in self.place.prepare(self._data, self._out):
            self._stage(words)
        self._stage(
            (
                *("train", "detection", "--preset", "default", "--data", REAL, "--test", self.place.test),
                *("--net", "yolov5n", "--side", "320", "--images", str(self.place.base_images)),
                *("--device", "cpu", "--out", BASE),
            )
        )

    def train(self, trial: Trial) -> tuple[Path, Line]:
        """The folder of a trial's training, which has ended, and what its composites took."""
        mix, seed, made = trial.mix, str(trial.seed), f"made/{trial.mix.folder}/s{trial.seed}"
        folder = f"runs/{mix.folder}/s{seed}"
        if mix.place:
            self._compose(mix, seed, made)
        data = self._share(made, mix)
        tune = (*data, "--test", self.place.test, "--images", str(self.place.images))
        self._stage(("tune", BASE, *tune, "--seed", seed, "--out", folder))
        return self._out / folder, self.stages.get(made, {})

    def _compose(self, mix: Mix, seed: str, made: str) -> None:
        """As many composites as are wanted or, where too few were hard, the largest of `FEWER` of them."""
        is_bin = "--hard-to" in mix.place  # By the base alone: as soon as it has learnt, hardness is another.
        how = ("--cycles", "1") if is_bin else ("--cycles", str(self.place.cycles), *HARD_AT)
        cycles = ("--run", BASE, *how, "--device", "cpu")
        hard = () if RANDOM.place[-1] in mix.place else cycles
        for share in (1.0, *FEWER):
            count = str(round(share * self.place.count))
            words = ("compose", REAL, "--count", count, *RANGES, *mix.place, *hard)
            is_last_try = not hard or (share == FEWER[-1] and not is_bin)
            if self._stage((*words, "--seed", seed, "--out", made), must_end_well=is_last_try):
                return
        raise EmptyBin(f"{self.place.name}, {mix.name}, seed {seed}: no composite is that hard, no training")

    def _share(self, made: str, mix: Mix) -> list[str]:
        """Composites, and real pictures as often as it takes to be as many."""
        if not mix.place:
            return ["--data", REAL]
        n_made, n_real = (len(DatasetReader(self._out / name).of_split("train")) for name in (made, REAL))
        times = max(1, round(n_made / n_real)) if mix.with_real else 0
        return [word for name in (*[REAL] * times, made) for word in ("--data", name)]

    def _stage(self, words: Sequence[str], *, must_end_well: bool = True) -> bool:
        """A command, known by the folder that it makes; whether it ended well."""
        out = words[-1]
        if out in self.stages:
            return True
        began, (status, cpu_s) = time.monotonic(), self._run(*words)
        before = self._tries.pop(out, 0.0)
        if status == USAGE_ERROR and not must_end_well:
            self._tries[out] = before + cpu_s
            return False
        if status:
            raise SystemExit(f"{words[0]} ended with {status}; the same command goes on")
        line: Line = {"seconds": round(time.monotonic() - began), "cpu_s": round(before + cpu_s)}
        if (cycles := self._out / f"{out}.cycles/result.json").is_file():
            every = json.loads(cycles.read_text())
            line |= {name: [one[name] for one in every] for name in ("n_tried", "n_unfair", "n_kept")}
        with self._lock:
            self.stages[out] = line
            self._kept.write_text(json.dumps(self.stages, indent=2) + "\n")
        return True

    def _run(self, *words: str) -> tuple[int, float]:
        """One command, with one thread: its exit code and its CPU seconds."""
        print(f"\n{self.place.name}$ {' '.join(words)}", flush=True)
        if words[0] == "tune":
            return one_thread.run([sys.executable, str(HERE / "hard_tune.py"), *words[1:]], self._out)
        return one_thread.run([*one_thread.SYNTH, *words], self._out)


def average_precision(matches: detection.Matches | ClassMatches, weights: Floats) -> Floats:
    """[4,R] at `IOUS`: mean over the classes that are there."""
    singles = list(matches.of.values()) if isinstance(matches, ClassMatches) else [matches]
    singles = [one for one in singles if one.n_true.any()]
    places = [int(np.flatnonzero(np.isclose(detection.IOU_THRESHOLDS, iou))[0]) for iou in IOUS]
    return np.stack([np.mean([one.at_iou(weights, i) for one in singles], axis=0) for i in places])


def measure_training(folder: Path, place: Place) -> Line:
    """What a finished training found in the test images; of the cell also when they are drawn again, in
    thousandths, and scene by scene.
    """
    result, (_, words) = load_result(folder), load_weights(folder / WEIGHTS_FILE)
    n = len(result.true)
    matches = match_lists(result.predicted, result.true, detection.STANDARD)
    line: Line = {
        "n_test": n,
        "n_true": sum(map(len, result.true)),
        "ap": [round(float(ap), 4) for ap in average_precision(matches, np.ones((1, n)))[:, 0]],
        "n_train": result.n_train,
        "seconds": round(result.seconds),
        "real_labels": count_real_labels((), decode_readings(words[READINGS])),
    }
    if isinstance(place, Cell):
        drawn = average_precision(matches, resample_counts(n, N_DRAWS, np.random.default_rng(0)))
        line["drawn"] = np.rint(1000 * drawn).astype(int).tolist()
        scenes = np.eye(n // place.n_hard).repeat(place.n_hard, axis=1)  # [scenes,N]
        line["scene_ap50"] = average_precision(matches, scenes)[0].round(4).tolist()
    return line


_ONE_AT_A_TIME = Lock()


def run(bench: Bench, trial: Trial, results: Path) -> None:
    """One training, and its line; none where there are no composites for it."""
    try:
        folder, made = bench.train(trial)
    except EmptyBin as empty:
        print(empty, flush=True)
        return
    line = trial.key | measure_training(folder, bench.place)
    with _ONE_AT_A_TIME:
        append(results, line | {"made": made}, FROZEN)


def key_of(line: Line) -> tuple[Any, ...]:
    """What tells one training from another."""
    return line["place"], line["mix"], line["seed"], line["images"]


def list_trials(places: Sequence[Place], mixes: Sequence[Mix], seeds: Sequence[int]) -> Iterator[Trial]:
    """All mixes of all places by one seed, then by the next. No mask that a camera's colour gave is in
    doubt, so clean-up is not asked of the cell.
    """
    for seed in seeds:
        for place in places:
            for mix in mixes:
                if not (isinstance(place, Cell) and "--keep-doubtful" in mix.place):
                    yield Trial(place, mix, seed)


def main() -> None:
    """Train what is left to do."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/hard_composites"))
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--plan", choices=PLANS, default="main")
    parser.add_argument("--quick", action="store_true", help="the cell, four mixes, one seed")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at the same time, a core each")
    parser.add_argument("--tiny", action="store_true", help="a few images of each, to see that it runs")
    given = parser.parse_args()
    places, mixes = list_places(tiny=given.tiny)[given.plan], PLANS[given.plan]
    if given.quick:
        places, mixes = places[:1], mixes[: len(QUICK)]
    trials = list(list_trials(places, mixes, SEEDS[:1] if given.quick or given.tiny else SEEDS))
    done = {key_of(line) for line in read_lines(given.results, FROZEN)}
    trials = [trial for trial in trials if key_of(trial.key) not in done]
    benches = {place.name: Bench(given.data, given.out.resolve(), place) for place in places}
    with ThreadPoolExecutor(given.jobs) as pool:
        wanted = {trial.place.name for trial in trials}
        list(pool.map(lambda name: benches[name].prepare(), [name for name in benches if name in wanted]))
        list(pool.map(lambda trial: run(benches[trial.place.name], trial, given.results), trials))


if __name__ == "__main__":
    main()
