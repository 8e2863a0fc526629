"""What translators do to labels and outlines, by method, seed and precision.

    python benchmarks/translators.py --out runs/translators
    python benchmarks/translators.py --write docs/results.md

The cell is SIMULATED: 100 captures at 640×360 (60 train, 15 val) and 80 plain renders, as the demo has them.
The last checkpoint of each training is judged, nothing is chosen: share of the 80 frames that is refused;
rings round parts (ring_change.py), share of frames above 6 counts; how far boxes and normals move and how
near pictures come, on 192 val patches, read by a second witness of another width and seed, which no loss and
no choice saw. Controls: gains, which cannot draw; its pictures with a planted cyan ring of 8 counts.

Asked first, of each run: at most 5 % refused; ring ≤ 6 counts in 95 % of frames; boxes moved by ≤ 1 %.
Cost: 3 CPU minutes a training of the refiner, 5 of CycleGAN; 1 hour in all. It goes on where it stopped.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from one_thread import synth
from result_lines import Line, append, read_lines
from result_tables import Table, say_state, to_markdown, write_tables
from ring_change import LIMIT_COUNTS, measure_ring, plant_halo

from synth.compute.progress import LineProgress
from synth.dataset.reader import DatasetReader
from synth.demo import write_cell
from synth.gan.apply import apply
from synth.gan.checkpoint import last_checkpoint
from synth.gan.fit import FitSettings
from synth.gan.judge import Judge, JudgeSettings, by_translator
from synth.gan.methods import METHODS
from synth.gan.methods.method import LearnedMethod, Translator
from synth.gan.patches import PatchCutter
from synth.gan.run import train
from synth.gan.witnesses import learn_witness
from synth.networks.sensor import Sensor
from synth.terminal import make_console
from synth.witness.drift import DriftLimits
from synth.witness.witness import Witness, WitnessSettings, load_witness

RESULTS = Path(__file__).resolve().parent / "results/translators.jsonl"
FROZEN = "2026-11-30"
WITNESSES = {"first": WitnessSettings(), "second": WitnessSettings(n_filters=24, seed=7)}
CPU = torch.device("cpu")
MARKS = ("<!-- benchmarks/translators.py -->", "<!-- end of translators -->")


@dataclass(frozen=True)
class Run:
    """precision: None for a method that is fitted at once. halo: counts planted round parts."""

    method: str
    seed: int = 0
    precision: str | None = None
    halo: float = 0.0


RUNS = (
    Run("gains"),
    Run("gains", halo=8.0),
    Run("colour-map"),
    *(Run("refiner", seed, precision) for precision in ("bf16-mixed", "32-true") for seed in range(5)),
    *(Run("cyclegan", seed, "bf16-mixed") for seed in range(5)),
)


def make_progress(_verb: str, unit: str) -> LineProgress:
    return LineProgress(make_console(), unit)


def have_data(out: Path) -> tuple[DatasetReader, DatasetReader]:
    """Renders and captures, by the commands that make them."""
    out.mkdir(parents=True, exist_ok=True)
    write_cell(out)
    synth("capture", "--poses", "100", "--pace", "50", "--out", "real", cwd=out)
    render = ("--real", "real", "--count", "80", "--look", "plain", "--quality", "draft")
    synth("render", *render, "--out", "synthetic", cwd=out)
    return DatasetReader(out / "synthetic"), DatasetReader(out / "real")


def have_witnesses(out: Path, fit: FitSettings) -> dict[str, Witness]:
    """Each learnt once."""
    for name, settings in WITNESSES.items():
        path = out / f"{name}.safetensors"
        if not path.is_file():
            learn_witness(fit, settings, CPU, make_progress).save(path)
    return {name: load_witness(out / f"{name}.safetensors", CPU) for name in WITNESSES}


class Haloed:
    """A translator whose pictures get a ring round each part."""

    def __init__(self, translator: Translator, counts: float) -> None:
        self.identity, self._translator, self._counts = translator.identity, translator, counts

    def apply(self, frame: Any, layers: Any) -> Any:
        made = self._translator.apply(frame, layers)
        return plant_halo(made, np.asarray(layers["mask"]) > 0, self._counts)


def have_translator(run: Run, fit: FitSettings) -> tuple[Any, float]:
    """The last checkpoint's, and the CPU seconds that it took."""
    method, began = METHODS[run.method](), time.process_time()
    if isinstance(method, LearnedMethod):
        train(fit, make_progress("train", "steps"))
        translator = method.load(last_checkpoint(fit.out), "sim2real", CPU)
    else:
        translator = method.fit(fit.sim, fit.real, fit.settings, run.seed, CPU)
    taken_s = time.process_time() - began
    return (Haloed(translator, run.halo) if run.halo else translator), taken_s


def measure(run: Run, out: Path, sim: DatasetReader, real: DatasetReader) -> Line:
    """All figures of one run."""
    method = METHODS[run.method]()
    preset = method.presets[method.default_preset(CPU)]
    name = f"{run.method}_{run.seed}_{run.precision}_{run.halo:g}"
    fit = FitSettings(
        sim, real, out / "runs" / name, preset, run.method, seed=run.seed, device="cpu",
        precision=run.precision,  # type: ignore[arg-type]
    )  # fmt: skip
    witnesses = have_witnesses(out, fit)
    translator, taken_s = have_translator(run, fit)
    applied = apply(
        translator, sim, out / "made" / name, witnesses["first"], DriftLimits(),
        make_progress("translate", "images"), parents=(sim, real), readings=(), device=CPU,
    )  # fmt: skip
    rings = list(measure_rings(translator, sim, measure_blur(sim, real)))
    cut = [PatchCutter(d, split, 128) for d, split in ((sim, "train"), (sim, "val"), (real, "val"))]
    judge = Judge(*cut, witnesses["second"], JudgeSettings(downstream=None), CPU)
    score = judge.score(1, by_translator(translator, sim))
    return {
        "method": run.method,
        "seed": run.seed,
        "precision": run.precision,
        "halo": run.halo,
        "n": len(sim),
        "refused": dict(applied.refused),
        "rings": len(rings),
        "ring_median": round(float(np.median(rings)), 2),
        "ring_p95": round(float(np.quantile(rings, 0.95)), 2),
        "above_limit": sum(ring > LIMIT_COUNTS for ring in rings),
        "box_drift": round(score.box_drift, 4),
        "normal_drift_deg": round(score.normal_drift_deg, 2),
        "kernel_distance": [round(v, 3) for v in _interval(score.distances["kernel_distance"])],
        "kernel_floor": round(judge.floor["kernel_distance"].value, 3),
        "cpu_s": round(taken_s, 1),
    }


def measure_blur(sim: DatasetReader, real: DatasetReader) -> float:
    """Sigma that makes the renderings' edges as soft as the captures', pixels; from train pictures."""
    sensor = Sensor()
    sensor.fit(*(stack_train(dataset) for dataset in (sim, real)))
    return float(sensor.blur_px)


def stack_train(dataset: DatasetReader) -> torch.Tensor:
    """All train pictures, [N,3,H,W] in −1..1."""
    pictures = np.stack([dataset.load_rgb(sample) for sample in dataset.of_split("train")])
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1


def measure_rings(translator: Any, sim: DatasetReader, blur_px: float) -> Iterator[float]:
    """Of each frame that shows enough of a ring."""
    for sample in sim.samples:
        source, mask = sim.load_rgb(sample), sim.load_mask(sample)
        assert mask is not None
        ring = measure_ring(source, translator.apply(source, {"mask": mask}), mask > 0, blur_px)
        if ring is not None:
            yield ring


def _interval(estimate: Any) -> tuple[float, float, float]:
    return estimate.value, estimate.low, estimate.high


def _key(line: Line | Run) -> tuple[Any, ...]:
    told = line if isinstance(line, dict) else vars(line)
    return tuple(told[name] for name in ("method", "seed", "precision", "halo"))


def write_table(lines: list[Line], page: Path) -> None:
    """Into the page, between its marks."""
    table: Table = [
        [
            "method", "precision", "seed", "refused of 80", "ring, counts: median, 95th percentile",
            "above 6 counts", "boxes moved", "normals turned", "kernel distance", "CPU s",
        ]
    ]  # fmt: skip
    for line in lines:
        planted = f" and a ring of {line['halo']:g}" if line["halo"] else ""
        value, low, high = line["kernel_distance"]
        table.append(
            [
                line["method"] + planted,
                line["precision"] or "",
                str(line["seed"]),
                str(sum(line["refused"].values())),
                f"{line['ring_median']:.1f}, {line['ring_p95']:.1f}",
                f"{line['above_limit']} of {line['rings']}",
                f"{line['box_drift']:.1%}",
                f"{line['normal_drift_deg']:.1f}°",
                f"{value:.2f} ({low:.2f} to {high:.2f})",
                f"{line['cpu_s']:.0f}",
            ]
        )
    told = say_state(lines, len(lines), len(RUNS), "runs")
    write_tables(page, "\n".join([told, "", *to_markdown(table), ""]), MARKS)


def main() -> None:
    """Run what is left to do, or write what there is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("runs/translators"))
    parser.add_argument("--methods", help="these alone, such as refiner,gains")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="lay the table into this page")
    given = parser.parse_args()
    if given.write:
        write_table(read_lines(RESULTS, FROZEN), given.write)
        return
    done = {_key(line) for line in read_lines(RESULTS, FROZEN)}
    only = given.methods.split(",") if given.methods else [run.method for run in RUNS]
    left = [run for run in RUNS if _key(run) not in done and run.method in only]
    sim, real = have_data(given.out)
    for run in left:
        line = measure(run, given.out, sim, real)
        print(line, flush=True)
        append(RESULTS, line, FROZEN)


if __name__ == "__main__":
    main()
