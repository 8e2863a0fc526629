"""Whether translating earns its place, and whether the forecast says so beforehand: twelve pairs of data.

    python benchmarks/bridge.py DATA --out runs/bridge
    python benchmarks/bridge.py DATA --out runs/bridge --quick
    python benchmarks/bridge_table.py --write docs/results.md

The cell is SIMULATED: 400 captures at 640×360 (240 train, 60 val, 100 test) of an orange part and of a blue
one. A source is 80 renderings of 1. plain, 2. matched, 3. randomised looks, of either part; plain ones spoilt
in four ways (dark, inverted, blurred, noisy); and 80 captures of another seed, which need no translation.
DATA holds pose_cat: 16 photographs of a figurine (see photographs.py), its renderings the source.

For each pair: the forecast of ``synth translate --method refiner`` before it learns; the refiner's best
checkpoint, whatever the forecast says (``--anyway``); the best baseline, as the forecast names it. Readers of
normals are trained on source, baseline and translation, 6,400 crops and five seeds each, and tested on
captured test images. By the interval of the log error of translation against baseline a pair is *gain* (clear
of 0), *none* (a gain of 10 % or more is excluded) or *open* (neither: it decides nothing).

Frozen on the day that `FROZEN` names, before any of these figures was seen. Cost: 9 CPU minutes a pair and 10
for the captures, 2 hours in all on one core; ``--quick`` is the first pair. It goes on where it stopped.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from one_thread import is_done, note_done, synth_once
from result_lines import Line, append, read_lines

from synth.compute.progress import LineProgress
from synth.dataset.reader import DatasetReader
from synth.demo import write_cell
from synth.gan.apply import apply
from synth.gan.methods.method import Identity
from synth.terminal import make_console
from synth.witness.drift import DriftLimits
from synth.witness.witness import load_witness

Rgb = NDArray[np.uint8]

RESULTS = Path(__file__).resolve().parent / "results/bridge.jsonl"
FROZEN = "2026-11-30"
N_CAPTURED, N_MADE = 400, 80
N_SEEDS, N_IMAGES = 5, 6400
BEST_GAIN = 0.1
"""A gain of this share is worth having; a pair that excludes it has none."""

_ANY_DRIFT = DriftLimits(edge_box=9, witness_box=9, edge_px=99, lost=1, normal_deg=180, artefacts=10**6)
_ORANGE, _BLUE = "[226, 104, 24]", "[24, 84, 200]"
_ORANGE_HUES, _BLUE_HUES = "h_min: 2, h_max: 22", "h_min: 100, h_max: 122"


def darken(rgb_u8: Rgb) -> Rgb:
    return np.asarray(rgb_u8 * 0.3, np.uint8)


def invert(rgb_u8: Rgb) -> Rgb:
    return 255 - rgb_u8


def blur(rgb_u8: Rgb) -> Rgb:
    return np.asarray(cv2.GaussianBlur(rgb_u8, (0, 0), 3.0), np.uint8)


def add_noise(rgb_u8: Rgb) -> Rgb:
    rng = np.random.default_rng(rgb_u8.sum())
    return np.clip(rgb_u8 + rng.normal(0, 40, rgb_u8.shape), 0, 255).astype(np.uint8)


SPOIL: dict[str, Callable[[Rgb], Rgb]] = {
    "dark": darken,
    "inverted": invert,
    "blurred": blur,
    "noisy": add_noise,
}
LOOKS = {
    "plain": ("--look", "plain"),
    "matched": ("--look", "matched"),
    "randomised": ("--look", "plain", "--randomize"),
}


@dataclass(frozen=True)
class Pair:
    """A source and whose pictures it is to look like."""

    source: str
    target: str

    def __str__(self) -> str:
        return f"{self.source} to {self.target}"


PAIRS = (
    *(Pair(look, "orange") for look in LOOKS),
    Pair("captured", "orange"),
    *(Pair(name, "orange") for name in SPOIL),
    *(Pair(look, "blue") for look in LOOKS),
    Pair("rendered", "figurine"),
)


class Spoiler:
    """Whatever happens to a picture before it is a source."""

    def __init__(self, name: str) -> None:
        self.identity = Identity(f"spoilt-{name}", "sim2real", "0" * 64)
        self._spoil = SPOIL[name]

    def apply(self, frame: Rgb, _layers: Any) -> Rgb:
        return self._spoil(frame)


class Bench:
    """Stages in one folder, each once."""

    def __init__(self, data: Path, out: Path) -> None:
        self._data, self._out = data.resolve(), out

    def have_target(self, target: str) -> Path:
        """The folder of a cell or a scene, with its real pictures."""
        folder = self._out / target
        if target == "figurine":
            self._make(folder / "real", "import", "bop", self._data / "pose_cat", "--name", "1=figurine",
                       "--train", "0-5", "--val", "6", "--test", "8-15")  # fmt: skip
            return folder
        if not (folder / "cell.yaml").is_file():
            folder.mkdir(parents=True, exist_ok=True)
            write_cell(folder)
            if target == "blue":
                cell = (folder / "cell.yaml").read_text("utf-8")
                for orange, blue in ((_ORANGE, _BLUE), (_ORANGE_HUES, _BLUE_HUES)):
                    assert orange in cell
                    cell = cell.replace(orange, blue)
                (folder / "cell.yaml").write_text(cell, "utf-8")
        self._make(folder / "real", "capture", "--poses", str(N_CAPTURED), "--pace", "50")
        return folder

    def have_source(self, pair: Pair) -> Path:
        """Its dataset."""
        folder = self.have_target(pair.target)
        made = folder / pair.source / "source"
        if pair.source in LOOKS:
            self._make(made, "render", "--real", "real", "--count", str(N_MADE), *LOOKS[pair.source])
        elif pair.source == "captured":
            self._make(made, "capture", "--poses", str(N_MADE), "--pace", "50", "--seed", "7")
        elif pair.source == "rendered":
            self._make(made, "render", "--over", "real", "--count", str(N_MADE))
        elif not is_done(made):
            plain = Pair("plain", pair.target)
            sim, real = DatasetReader(self.have_source(plain)), DatasetReader(folder / "real")
            self.forecast(plain)
            witness = load_witness(folder / "plain/forecast/witness.safetensors", torch.device("cpu"))
            apply(
                Spoiler(pair.source), sim, made, witness, _ANY_DRIFT,
                LineProgress(make_console(), "images"), parents=(sim, real), readings=(),
                device=torch.device("cpu"),
            )  # fmt: skip
            note_done(made)
        return made

    def forecast(self, pair: Pair) -> dict[str, Any]:
        """What is told before a refiner learns; it learns next to nothing here."""
        run = self.have_target(pair.target) / pair.source / "forecast"
        learning = ("--method", "refiner", "--set", "schedule.n_images=8")
        self._make(
            run.with_name("forecast_made"), "translate", *learning, *self._from(pair),
            "--run", f"{pair.source}/forecast",
        )  # fmt: skip
        result = json.loads((run / "result.json").read_text("utf-8"))
        return {
            "forecast": result["forecast"],
            "distances": result["rivals"],
            "floor": result["floor"]["estimates"],
            "before": result["before"]["distances"]["estimates"],
        }

    def compare(self, pair: Pair, best: str) -> dict[str, Any]:
        """The figures of a comparison, by name."""
        folder = self.have_target(pair.target)
        own = folder / pair.source
        self._make(own / "translated", "translate", "--method", "refiner", "--anyway", *self._from(pair),
                   "--run", f"{pair.source}/refiner")  # fmt: skip
        data = {"source": "source", "translated": "translated"}
        if best != "untouched":
            self._make(own / "baseline", "translate", "--method", best, *self._from(pair),
                       "--run", f"{pair.source}/best")  # fmt: skip
            data["baseline"] = "baseline"
        named = (f"{name}={pair.source}/{where}" for name, where in data.items())
        words = [word for each in ("real=real", *named) for word in ("--data", each)]
        mixes = ("--mixes", ",".join(("real", *data)))
        asked = ("--ask", f"translated:{'baseline' if 'baseline' in data else 'source'}")
        self._make(
            own / "compare", "compare", *words, *mixes, *asked, "--tasks", "normals", "--no-baseline",
            "--seeds", str(N_SEEDS), "--images", str(N_IMAGES), "--preset", "quick", "--workers", "1",
            "--device", "cpu",
        )  # fmt: skip
        figures = json.loads((own / "compare/report.json").read_text("utf-8"))["figures"]
        kept = ("log_deg", "median_deg")
        return {
            key: {name: value for name, value in found.items() if name != "what"}
            for key, found in figures.items()
            if key.startswith("normals.") and key.rpartition(".")[2] in kept
        } | {"images": {name: len(DatasetReader(own / where)) for name, where in data.items()}}

    def _from(self, pair: Pair) -> tuple[str, ...]:
        source = self.have_source(pair).relative_to(self._out / pair.target)
        return ("--real", "real", "--sim", str(source), "--device", "cpu")

    def _make(self, made: Path, *words: str | Path) -> None:
        target = self._out / made.relative_to(self._out).parts[0]
        synth_once(str(made.relative_to(target)), *map(str, words), cwd=target)


def measure(pair: Pair, bench: Bench) -> Line:
    """One line of the results."""
    bench.have_source(pair)
    told = bench.forecast(pair)
    forecast = told["forecast"]
    best = forecast["best"] if forecast is not None else "untouched"
    return {"source": pair.source, "target": pair.target, "best": best, **told} | {
        "figures": bench.compare(pair, best)
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/bridge"))
    parser.add_argument("--quick", action="store_true", help="The first pair alone.")
    options = parser.parse_args()
    done = {(line["source"], line["target"]) for line in read_lines(RESULTS, FROZEN)}
    bench = Bench(options.data, options.out.resolve())
    for pair in PAIRS[:1] if options.quick else PAIRS:
        if (pair.source, pair.target) not in done:
            print(f"\n{pair}", flush=True)
            append(RESULTS, measure(pair, bench), FROZEN)


if __name__ == "__main__":
    main()
