"""What templates laid into photographs, and their translations, are worth beside few real signs.

    python benchmarks/signs.py DATA --out runs/signs --jobs 2
    python benchmarks/signs.py DATA --out runs/signs --jobs 2 --quick
    python benchmarks/signs_table.py --write docs/results.md --dots runs/signs/classes.png

DATA holds signs_lab: 672 photographs of 15 printed traffic signs, one a picture, with the drawings that were
printed (github.com/tjr16/traffic-sign-detector, MIT; students of KTH DD2419). The experiments are those of
SYN-MTGAN (section 4).

Frozen on the day that `FROZEN` names, before any figure of a test image was looked at; since then generators
changed once. After five trainings CycleGAN's and mtgan's were found to have died (docs/results.md,
"Translators that did nothing"; it was seen in weights and pictures): they were mended, those mixes begun
again. After one training each in two folds mtgan's quick preset was changed, by val distances, frames kept
and pictures of fold frame (docs/results.md, "Signs"), when its test figures had been seen; those trainings
are called `BEFORE` and stand in no contrast.

Eight classes occur in three recordings, 15 boxes of each in each. A fold tests one recording and learns from
the other two, thinned by `HEAD`, `TAIL` and `NONE`: 30, 5 and no boxes a class are labelled; the last fifth
of each class in a recording is val. Drawings are laid into regions of photographs of the two train
recordings; no region and no size comes from the one that tests. The other seven classes have one film each:
its first half trains, the next tenth is val, a tenth is left out, 30 % tests. They are a table of their own,
"same film".

All mixes see as many images. ``colour-matched`` is whichever of gains, colour-map and fda comes nearest to
real val images, as ``synth compare`` chooses. Asked first (`PRIMARY`), each of head, tail and none: whether
real + mtgan finds more than real + colour-matched, and than real + CycleGAN.

Cost, in CPU seconds, measured on two folds beside other work: a training of 2,400 images 150 to 180; one seed
of the generator some 1,310 (X 80, the match of colours 440, CycleGAN 330, mtgan 460), the second, which keeps
the first's match, some 1,020. A fold with two seeds of the generator and three of the training has 27
trainings: 6,800. Three such and "same film", with one seed of the generator, 3,800, take 24,000 in all, by
sum 3.4 hours on two cores. A fold ends before the next begins. ``--quick`` is two folds, one a core, with the
first seeds and the mixes that are contrasted: 1,800 each, 30 minutes; its trainings are among those of the
whole. Each stage is the command that a user types; the same command goes on where it stopped. ``--plan``
names further trainings, which come on top.
"""

import argparse
import itertools
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from one_thread import synth
from result_lines import Line, append, read_lines
from signs_folds import BY_RECORDING, FOLDS, QUICK_FOLDS, SAME_FILM, Fold, write_photographs

from synth.compute.checkpoint import load_weights
from synth.dataset.origin import READINGS, count_real_labels, decode_readings
from synth.dataset.reader import DatasetReader
from synth.gan.methods import BASELINES
from synth.metrics import detection
from synth.metrics.by_class import ClassMatches
from synth.train.run import RESULT_FILE, WEIGHTS_FILE, load_result
from synth.train.tasks.detection.boxes import match_lists

RESULTS = Path(__file__).resolve().parent / "results/signs.jsonl"
FROZEN = "2026-11-29"
SEEDS, GENERATOR_SEEDS = (0, 1, 2), (0, 1)
PER_CLASS = 60
"""Train instances of each class that are laid; a quarter as many are val."""

N_IMAGES = 2400
"""That a training sees in all: yolov5n, 320 px."""

COLOURED = "coloured"
TRANSLATORS: dict[str, tuple[str, ...]] = {
    **{name: ("--method", name) for name in BASELINES},
    "cyclegan": ("--method", "cyclegan", "--preset", "quick", "--anyway"),
    "mtgan": ("--method", "mtgan", "--preset", "quick", "--anyway"),
}
HEADS = {
    "no head": "adversarial",
    "localisation": "adversarial,localisation",
    "class": "adversarial,class",
    "both": "adversarial,class,localisation",
}
ABLATED = {
    f"mtgan, {head}, {word}": (*TRANSLATORS["mtgan"], "--set", f"heads={heads}", *extra)
    for head, heads in HEADS.items()
    for word, extra in (("identity", ()), ("no identity", ("--set", "w_identity=0")))
}
WEIGHTED = {
    f"mtgan, μ {mu:g}, α {alpha:g}": (
        *TRANSLATORS["mtgan"],
        *("--set", f"w_class={mu:g}", "--set", f"w_identity={alpha:g}"),
    )
    for mu, alpha in itertools.product((0.1, 0.5, 2.0), repeat=2)
}
Mixes = Mapping[str, tuple[str, ...]]
MAIN: Mixes = {
    "real": ("real",),
    "real + X": ("real", "X"),
    "real + colour-matched": ("real", COLOURED),
    "real + CycleGAN": ("real", "cyclegan"),
    "real + mtgan": ("real", "mtgan"),
}
PLANS: dict[str, Mixes] = {
    "main": MAIN,
    "alone": {"X": ("X",), "CycleGAN": ("cyclegan",), "mtgan": ("mtgan",)},
    "ablation": {name: (name,) for name in ABLATED},
    "weights": {name: (name,) for name in WEIGHTED},
}
"""alone: with "real" the paper's Table 2. ablation: its Table 3. weights: its future work."""

BEFORE = "real + mtgan, preset before"
PRIMARY = (("real + mtgan", "real + colour-matched"), ("real + mtgan", "real + CycleGAN"))
CONTRASTED: Mixes = {mix: parts for mix, parts in MAIN.items() if any(mix in pair for pair in PRIMARY)}


@dataclass(frozen=True)
class Trial:
    """One training. generator: the seed of what made its images; None where all are real."""

    fold: Fold
    mix: str
    parts: tuple[str, ...]
    generator: int | None
    seed: int

    @property
    def key(self) -> Line:
        """What its line of the results begins with."""
        return {"fold": self.fold.name, "mix": self.mix, "generator": self.generator, "seed": self.seed}


def list_trials(fold: Fold, seed: int, mixes: Mixes = MAIN, *, quick: bool = False) -> Iterator[Trial]:
    """A fold's trainings by one seed: all mixes by the generator's first seed, then by its next."""
    generators = GENERATOR_SEEDS[:1] if quick or fold is SAME_FILM else GENERATOR_SEEDS
    for generator, (mix, parts) in itertools.product(generators, mixes.items()):
        if parts != ("real",):
            yield Trial(fold, mix, parts, generator, seed)
        elif generator == generators[0]:
            yield Trial(fold, mix, parts, None, seed)


class Bench:
    """Runs the stages of a fold in one folder, each once.

    tiny: a few images of each, to see that it runs.
    """

    def __init__(self, data: Path, out: Path, fold: Fold, *, tiny: bool) -> None:
        self._data, self._out, self.fold = (data / "signs_lab").resolve(), out / fold.folder, fold
        self.per_class, self.n_images = (2, 32) if tiny else (PER_CLASS, N_IMAGES)
        self._few = ("--images", "32") if tiny else ()
        self._out.mkdir(parents=True, exist_ok=True)
        self._kept = self._out / "stages.json"
        self.stages: dict[str, Line] = json.loads(self._kept.read_text()) if self._kept.is_file() else {}

    def train(self, trial: Trial) -> tuple[Path, str]:
        """The folder of a trial's training, which has ended, and the last dataset that it learns from."""
        names = ["real" if part == "real" else self._folder(trial.generator, part) for part in trial.parts]
        for name, part in zip(("real", *names), ("real", *trial.parts), strict=True):
            self._make(name, part, trial.generator)
        mix = trial.mix.replace(" ", "_").replace(",", "")
        folder = f"runs/{mix}/g{trial.generator}_s{trial.seed}"
        if not (self._out / folder / RESULT_FILE).is_file():
            cpu_s = self._run(
                *("train", "detection", "--preset", "default"),
                *(word for name in names for word in ("--data", name)),
                *("--test", "real", "--net", "yolov5n", "--side", "320", "--images", str(self.n_images)),
                *("--seed", str(trial.seed), "--device", "cpu", "--out", folder),
            )
            self._keep(folder, {"cpu_s": round(cpu_s)})
        return self._out / folder, names[-1]

    def _folder(self, generator: int | None, part: str) -> str:
        return f"g{generator}/{part.replace(' ', '_').replace(',', '')}"

    def _make(self, out: str, part: str, generator: int | None) -> None:
        """A dataset, and what it is made of."""
        if out in self.stages:
            return
        began, cpu_s = time.monotonic(), 0.0
        made: Line = {}
        if part == "real":
            write_photographs(self._data, self._out / "photographs", self.fold)
            cpu_s += self._run("import", "yolo", "photographs", *self.fold.import_words, "--out", out)
            if self.fold is SAME_FILM:
                why = "each class has one film"
                cpu_s += self._run("dataset", "accept-near-copies", out, "--because", why)
        elif part == "X":
            cpu_s += self._run(
                *("compose", "--templates", "photographs/templates", "--on", "photographs/regions.csv"),
                *(
                    "--like",
                    "real",
                    "--per-class",
                    str(self.per_class),
                    "--seed",
                    str(generator),
                    "--out",
                    out,
                ),
            )
        elif part == COLOURED:
            made["method"] = self._choose_colours(generator)
            (self._out / out).unlink(missing_ok=True)
            (self._out / out).symlink_to(made["method"])
        else:
            source = self._folder(generator, "X")
            self._make(source, "X", generator)
            words = (TRANSLATORS | ABLATED | WEIGHTED)[part]
            words += self._few if part not in BASELINES else ()
            cpu_s += self._run(
                *("translate", "--real", "real", "--sim", source, *words, "--device", "cpu"),
                *("--seed", str(generator), "--run", f"runs/{out}", "--out", out),
            )
        made |= {"images": len(DatasetReader(self._out / out).of_split("train"))}
        self._keep(out, made | {"seconds": round(time.monotonic() - began), "cpu_s": round(cpu_s)})

    def _keep(self, stage: str, line: Line) -> None:
        self.stages[stage] = line
        self._kept.write_text(json.dumps(self.stages, indent=2) + "\n")

    def _choose_colours(self, generator: int | None) -> str:
        """The baseline that comes nearest to real val images among those that keep labels and half of the
        frames, if any does; the generator's first seed chooses for all.
        """
        first = self._folder(GENERATOR_SEEDS[0], COLOURED)
        if generator != GENERATOR_SEEDS[0] and first in self.stages:
            method: str = self.stages[first]["method"]
            self._make(self._folder(generator, method), method, generator)
            return method
        found = {}
        for name in BASELINES:
            folder = self._folder(generator, name)
            self._make(folder, name, generator)
            result = json.loads((self._out / "runs" / folder / "result.json").read_text())
            distance = result["after"]["distances"]["estimates"]["kernel_distance"]["value"]
            is_kept = 2 * self.stages[folder]["images"] >= self.stages[self._folder(generator, "X")]["images"]
            found[name] = (not (result["choice"]["labels_kept"] and is_kept), distance)
        return min(found, key=lambda name: found[name])

    def _run(self, *words: str) -> float:
        """One command, as the trainings of a comparison are run; returns its CPU seconds."""
        return synth(*words, cwd=self._out, where=self.fold.name)


def measure_training(folder: Path) -> Line:
    """What a finished training found in the test images, by class."""
    result, (_, words) = load_result(folder), load_weights(folder / WEIGHTS_FILE)
    matches = match_lists(result.predicted, result.true, detection.STANDARD)
    assert isinstance(matches, ClassMatches)
    once = np.ones((1, len(result.true)))
    by_class = {
        name: {
            "n": int(one.n_true.sum()),
            "voc_ap50": round(float(one.voc_map50(once)[0]), 4),
            "ap50_95": round(float(one.map50_95(once)[0]), 4),
        }
        for name, one in matches.of.items()
    }
    return {
        "n_test": len(result.true),
        "classes": by_class,
        "best_step": result.best.step,
        "n_train": result.n_train,
        "seconds": round(result.seconds),
        "real_labels": count_real_labels((), decode_readings(words[READINGS])),
    }


_ONE_AT_A_TIME = Lock()


def run(bench: Bench, trials: Sequence[Trial], results: Path) -> None:
    """Whatever of a fold has no line in the results yet."""
    done = {key_of(line) for line in read_lines(results, FROZEN)}
    for trial in trials:
        if key_of(trial.key) in done:
            continue
        folder, made = bench.train(trial)
        line = trial.key | {"images": bench.n_images} | measure_training(folder)
        with _ONE_AT_A_TIME:
            append(results, line | {"made": bench.stages[made]}, FROZEN)


def key_of(line: Line) -> tuple[Any, ...]:
    """What tells one training from another."""
    return line["fold"], line["mix"], line["generator"], line["seed"]


def main() -> None:
    """Train what is left to do."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/signs"))
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--plan", choices=PLANS, default="main")
    parser.add_argument(
        "--quick", action="store_true", help="two folds, the contrasted mixes, the first seeds"
    )
    parser.add_argument("--jobs", type=int, default=1, help="folds at the same time, a core each")
    parser.add_argument("--tiny", action="store_true", help="one fold, a few images, to see that it runs")
    given = parser.parse_args()
    folds = FOLDS if given.plan == "main" else BY_RECORDING
    folds = folds[:1] if given.tiny else QUICK_FOLDS if given.quick else folds
    mixes = CONTRASTED if given.quick and given.plan == "main" else PLANS[given.plan]
    benches = [Bench(given.data, given.out.resolve(), fold, tiny=given.tiny) for fold in folds]
    few = given.quick or given.tiny
    with ThreadPoolExecutor(given.jobs) as pool:
        waiting = []
        for bench in benches:
            seeds = SEEDS[:1] if few else SEEDS
            trials = [trial for seed in seeds for trial in list_trials(bench.fold, seed, mixes, quick=few)]
            trials.sort(key=lambda trial: trial.generator or 0)
            waiting.append(pool.submit(run, bench, trials, given.results))
        for each in waiting:
            each.result()


if __name__ == "__main__":
    main()
