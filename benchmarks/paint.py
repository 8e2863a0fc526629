"""How far painted label maps of a drive are read as what they say, by a segmenter that no painter saw.

    python benchmarks/paint.py DATA --out runs/paint_bench --jobs 2
    python benchmarks/paint.py DATA --out runs/paint_bench --jobs 2 --quick
    python benchmarks/paint_table.py --write docs/results.md

DATA holds camvid, see streets.py. Of its first fold by drive the train pictures, of two drives, teach each
painter by its quick preset, and they teach the judge, streets.py's FC-HarDNet-70. The third drive taught
nobody. Its maps are painted, enlarged to the photographs' size, and read; mIoU is of all its pictures
together, against the maps. Beside the painters stand, read by the same judge: the photographs at full size,
and at the painters' size and back; and each class in its mean colour of the train photographs, the floor.
What is asked: whether each method is ahead of the floor by 0.15.

``diversity``: mean absolute difference of two paintings of a map in two styles, as a share of the range of
counts; what cannot paint two styles has 0. ``auc``, ``kernel``: paint_judge.py. Painters `WITHOUT` a
perceptual loss, one seed of each, say what that loss buys and what it costs in diversity; oasis has none.

``--plan film`` is the chain of "GauGAN Hong Kong": the drive 0016E5 as a film, its frames by ``synth import
video``, its labels by ``synth label`` from networks of the two other drives (paint_film.py). spade learns
these pseudo-labels, or people's labels of the same frames, and paints the maps of the same third drive:
Table 3 of the article.

Frozen on the day that `FROZEN` names, before a painting of that drive had been judged. Two seeds of each
painter; one of the judge. Each training is one line of the results; the same command goes on where it
stopped. ``--quick`` is the judge and the first seed of spade.

Cost in CPU seconds, by the seconds a step of short trials and not from a whole run: the judge 990, spade
1,800, oasis 2,000, pix2pixhd 2,100 each; with the two that lack a perceptual loss 17,000 in all, 2.3 hours
on two cores; ``--quick`` 2,800, 30 minutes; ``--plan film`` 9,000, two labellers among them.
"""

import argparse
import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np
from one_thread import synth
from paint_film import PSEUDO, TRUE, Film
from paint_judge import Judge, measure_diversity, painted_in
from result_lines import Line, append, read_lines
from streets import HARDNET
from streets import Bench as Streets
from streets import Trial as StreetsTrial
from streets_folds import BY_DRIVE

from synth.dataset.reader import DatasetReader

RESULTS = Path(__file__).resolve().parent / "results/paint.jsonl"
FROZEN = "2026-11-30"
FOLD = BY_DRIVE[0]
SIZE_WH = 256, 192
"""Of each method's quick preset."""

SEEDS = (0, 1)
OTHER_STYLE = 1000
"""What is added to a painter's seed for paintings in another style."""

FULL, SMALL, FLOOR = "photographs", "photographs at 256×192", "mean colour of each class"
PAINTERS: Mapping[str, tuple[str, ...]] = {
    "spade": ("--method", "spade"),
    "oasis": ("--method", "oasis"),
    "pix2pixhd": ("--method", "pix2pixhd"),
}
WITHOUT: Mapping[str, tuple[str, ...]] = {
    "spade, no perceptual loss": (*PAINTERS["spade"], "--set", "w_perceptual=0"),
    "pix2pixhd, no perceptual loss": (*PAINTERS["pix2pixhd"], "--set", "w_perceptual=0"),
}
FILM: Mapping[str, tuple[str, str]] = {
    "spade, people's labels": ("spade", TRUE),
    "spade, pseudo-labels": ("spade", PSEUDO),
}
"""Each with the dataset from which it learns."""


@dataclass(frozen=True)
class Trial:
    """One painter."""

    painter: str
    seed: int

    @property
    def key(self) -> Line:
        """What its line of the results begins with."""
        return {"painter": self.painter, "seed": self.seed}


def list_trials(seed: int, plan: str = "main", *, quick: bool = False) -> Iterator[Trial]:
    """The painters of one seed."""
    main = ["spade"] if quick else [*PAINTERS, *(WITHOUT if seed == SEEDS[0] else ())]
    yield from (Trial(painter, seed) for painter in (FILM if plan == "film" else main))


class Bench:
    """Runs the commands of the trainings in one folder, each once.

    tiny: a few pictures each, to see that it runs.
    """

    def __init__(self, data: Path, out: Path, *, tiny: bool) -> None:
        self._streets, self._out, self._tiny = Streets(data, out / "streets", tiny=tiny), out, tiny
        self._film = Film(data / "camvid", self._streets, out / "film")
        self._one_at_a_time = Lock()

    def make(self, plan: str) -> None:
        """The photographs with their maps, once, and what the plan learns from besides."""
        self._streets.make(FOLD)
        if plan == "film":
            self._film.make()

    def judge(self) -> Judge:
        """The segmenter, trained if it was not."""
        trial = StreetsTrial(FOLD, HARDNET, seed=0)
        with self._one_at_a_time:
            self._streets.train(trial)
        return Judge(self._streets.folder(trial), self._data)

    @property
    def _data(self) -> Path:
        return self._streets.data(FOLD)

    def paint(self, trial: Trial) -> tuple[Path, Path, float | None]:
        """Two painted datasets of different styles, and the CPU seconds of training and painting the first;
        None where it had begun before.
        """
        name = trial.painter.replace(" ", "_").replace(",", "").replace("'", "")
        folder = self._out / f"{name}_{trial.seed}"
        own, other = folder / "painted", folder / "other_style"
        method, labels = FILM.get(trial.painter, (trial.painter, None))
        photos = self._data if labels is None else self._film.data(labels)
        words = ("--data", str(photos), *(PAINTERS | WITHOUT)[method])
        words += ("--images", "16") if self._tiny else ()
        is_new = not folder.exists()
        learnt = ("--run", str(folder / "run"), "--seed", str(trial.seed))
        cpu_s = self._run(*words, *learnt, "--preset", "quick", "--out", str(own))
        checkpoint = folder / "run" / json.loads((folder / "run" / "result.json").read_text())["checkpoint"]
        seed = str(OTHER_STYLE + trial.seed)
        self._run("--checkpoint", str(checkpoint), "--seed", seed, "--out", str(other))
        return own, other, cpu_s if is_new else None

    def _run(self, *words: str) -> float:
        return synth("paint", str(self._data), *words, "--device", "cpu")


def run_trial(bench: Bench, trial: Trial, results: Path) -> Line | None:
    """One painter, trained and judged, unless it has its line."""
    if trial.key in keys_of(results):
        return None
    own, other, cpu_s = bench.paint(trial)
    judge, pictures = bench.judge(), DatasetReader(own)
    seconds = [sample.timing["paint_s"] for sample in pictures.samples]
    return trial.key | {
        "cpu_s": None if cpu_s is None else round(cpu_s),
        "paint_s": round(float(np.median(seconds)), 4),
        "diversity": measure_diversity(painted_in(own), painted_in(other), judge.samples),
        **judge.measure_realism(painted_in(own)),
        **judge.measure(painted_in(own)),
    }


def measure_bounds(bench: Bench) -> Iterator[Line]:
    """What the judge reads where nothing is painted."""
    judge = bench.judge()
    looks = {FULL: judge.own_picture, SMALL: judge.small_picture(SIZE_WH), FLOOR: judge.mean_colours()}
    for name, look in looks.items():
        realism = {} if name == FULL else judge.measure_realism(look)
        yield {"painter": name, "seed": None, **realism, **judge.measure(look)}


def keys_of(results: Path) -> list[Line]:
    """What the lines that are there begin with."""
    return [{"painter": x["painter"], "seed": x["seed"]} for x in read_lines(results, FROZEN)]


def main() -> None:
    """Train what is left to do."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/paint_bench"))
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--quick", action="store_true", help="the judge and one painter")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at the same time, a core each")
    parser.add_argument("--tiny", action="store_true", help="a few pictures each, to see that it runs")
    parser.add_argument("--plan", choices=("main", "film"), default="main")
    given = parser.parse_args()
    bench = Bench(given.data, given.out.resolve(), tiny=given.tiny)
    bench.make(given.plan)
    one_at_a_time = Lock()

    def keep(lines: Iterable[Line | None]) -> None:
        for line in filter(None, lines):
            with one_at_a_time:
                append(given.results, line, FROZEN)

    def bounds() -> None:
        if {"painter": FLOOR, "seed": None} not in keys_of(given.results):
            keep(list(measure_bounds(bench)))

    def one(trial: Trial) -> None:
        keep([run_trial(bench, trial, given.results)])

    few = given.quick or given.tiny
    seeds = SEEDS[:1] if few else SEEDS
    trials = [trial for seed in seeds for trial in list_trials(seed, given.plan, quick=few)]
    with ThreadPoolExecutor(given.jobs) as pool:
        waiting = [pool.submit(bounds), *(pool.submit(one, trial) for trial in trials)]
        for each in waiting:
            each.result()


if __name__ == "__main__":
    main()
