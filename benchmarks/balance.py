"""What balanced and painted label maps are worth beside real pictures, to segmenters of a drive unseen.

    python benchmarks/balance.py DATA --out runs/balance_bench --jobs 2
    python benchmarks/balance.py DATA --out runs/balance_bench --jobs 2 --quick
    python benchmarks/balance_table.py --write docs/results.md

DATA holds camvid, see streets.py. Of its first fold by drive the train pictures are ``real``. Beside them
stand as many made ones (balance_mixes.py): label maps balanced in the three ways of the poster on label
balancing and painted by spade, which learnt from the same train pictures; and what a painted mix must beat:
rare classes drawn more often, no photometric change, things of rare classes pasted as they look, the same
train maps painted as they are, and noise in place of a picture. All mixes see equally many crops. Two
judges, `JUDGES`, each with three seeds; seeds of a judge stand on two of painter and maps, by turns.

Asked first: whether a painted mix finds more than ``real`` by 0.02 of mIoU, and more than ``real +
copy-paste`` on the four rarest classes.

Style transfer of the poster's second table is missing: `synth translate` measures harm to labels by masks,
and a street has none.

Frozen on the day that `FROZEN` names, before any of these mixes had been judged. Each training is one line of
the results; the same command goes on where it stopped.

Cost in CPU seconds, by the seconds a step of other benchmarks and not from a whole run: a painter 1,800, the
reader of paintings 830, a training of PSPNet 490, of small 275; 28,000 in all, 3.9 hours on two cores.
``--quick`` is PSPNet's first seed with three mixes, painted by a painter of half the photographs: 25 minutes
on two cores; its painted line is called so and stands in no other table.
"""

import argparse
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from balance_mixes import COPY_PASTE, MIXES, PAINTED_MULTI, REAL, Mixes
from one_thread import synth
from result_lines import Line, append, read_lines
from streets_labels import measure_training

from synth.train.run import RESULT_FILE

RESULTS = Path(__file__).resolve().parent / "results/balance.jsonl"
FROZEN = "2026-11-30"
SEEDS = (0, 1, 2)
N_GENERATORS = 2
"""Seeds of painter and maps."""

PSPNET, SMALL = "pspnet-lite0", "small"
JUDGES: Mapping[str, int] = {PSPNET: 1_600, SMALL: 10_000}
"""Crops that each sees."""

CROPS = ("crop_px=224", "least_scale=0.6", "most_scale=1.4")
QUICK = (REAL, COPY_PASTE, PAINTED_MULTI)
HALF = ", half a painter"


@dataclass(frozen=True)
class Trial:
    """One training of a judge."""

    judge: str
    mix: str
    seed: int
    quick: bool = False

    @property
    def key(self) -> Line:
        """What its line of the results begins with."""
        is_half = self.quick and MIXES[self.mix].is_painted
        return {"judge": self.judge, "mix": self.mix + (HALF if is_half else ""), "seed": self.seed}


def list_trials(*, quick: bool = False) -> Iterator[Trial]:
    """All trainings, seed by seed."""
    if quick:
        yield from (Trial(PSPNET, mix, 0, quick=True) for mix in QUICK)
        return
    for seed in SEEDS:
        yield from (Trial(judge, mix, seed) for mix in MIXES for judge in JUDGES)


class Bench:
    """Runs the commands of the trainings in one folder, each once.

    tiny: a few small crops each, to see that it runs.
    """

    def __init__(self, data: Path, out: Path, *, tiny: bool) -> None:
        self._out, self._tiny = out, tiny
        self.mixes = Mixes(data, out, tiny=tiny)

    def n_images(self, judge: str) -> int:
        """Crops that a training of a judge sees in all."""
        return 16 if self._tiny else JUDGES[judge]

    def run_trial(self, trial: Trial) -> Line:
        """One training, gone on with, and what it says of the test pictures."""
        mix, name = MIXES[trial.mix], str(trial.key["mix"]).replace(" ", "_").replace(",", "")
        generator = trial.seed % N_GENERATORS
        made = self.mixes.make(trial.mix, generator, half=trial.quick)
        folder = self._out / f"{trial.judge}_{name}_{trial.seed}"
        is_new = not folder.exists()
        datasets = [self.mixes.data, *([] if made is None else [made])]
        cpu_s = None
        if not (folder / RESULT_FILE).is_file():
            cpu_s = synth(
                *("train", "segmentation", *(w for d in datasets for w in ("--data", str(d)))),
                *("--test", str(self.mixes.data), "--net", trial.judge),
                *("--images", str(self.n_images(trial.judge)), *mix.training),
                *(("--side", "96") if self._tiny else ()),
                *(word for change in CROPS for word in ("--set", change)),
                *("--seed", str(trial.seed), "--device", "cpu", "--out", str(folder)),
            )
        return trial.key | {
            "generator": None if made is None else generator,
            "images": self.n_images(trial.judge),
            "n_made": 0 if made is None else self.mixes.count(made),
            "cpu_s": round(cpu_s) if is_new and cpu_s is not None else None,
            **measure_training(folder),
        }


def main() -> None:
    """Train what is left to do."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/balance_bench"))
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--quick", action="store_true", help="one judge's first seed with three mixes")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at the same time, a core each")
    parser.add_argument("--tiny", action="store_true", help="a few small crops each, to see that it runs")
    given = parser.parse_args()
    bench = Bench(given.data, given.out.resolve(), tiny=given.tiny)
    bench.mixes.make_real()
    one_at_a_time = Lock()

    def one(trial: Trial) -> None:
        done = [{k: x[k] for k in trial.key} for x in read_lines(given.results, FROZEN)]
        if trial.key not in done:
            line = bench.run_trial(trial)
            with one_at_a_time:
                append(given.results, line, FROZEN)

    trials = [t for t in list_trials(quick=given.quick) if not given.tiny or t.seed == 0]
    with ThreadPoolExecutor(given.jobs) as pool:
        for each in [pool.submit(one, trial) for trial in trials]:
            each.result()


if __name__ == "__main__":
    main()
