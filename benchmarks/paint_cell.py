"""What painted frames of the simulated cell are worth beside rendered ones, and what a frame costs.

    python benchmarks/paint_cell.py --out runs/paint_cell

The cell is SIMULATED, at 640×360: 100 captures; 80 rendered frames, plain and in the captured look, and the
plain ones by a colour map; painters of `PAINTERS`, which learn from captures with the maps of their twins
(``synth label --twins``) and paint as many maps of twins and fresh poses. Each step is the command that a
user types. Last comes ``synth compare``: normals and detection, three seeds of the training, nested in two
of the painter; its report.html holds the verdict.
``paint_cell.json`` holds seconds a frame of each kind, the median of what their records time: from map read
to picture painted, or from scene to picture rendered.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from one_thread import synth

from synth.dataset.reader import DatasetReader
from synth.demo import write_cell

N_POSES, N_FRAMES = 100, 80
PAINTER_SEEDS = (0, 1)
PAINTERS = ("spade", "pix2pixhd")
PLANES = ("--set", "planes=depth,normals", "--set", "view_px=640")
SEEDS = "3"


class Bench:
    """Runs commands in one folder; each leaves a dataset and is run once. tiny: to see that it runs."""

    def __init__(self, out: Path, *, tiny: bool) -> None:
        self._out, self._tiny = out, tiny
        self._out.mkdir(parents=True, exist_ok=True)

    def make(self, folder: str, *words: str) -> DatasetReader:
        """A dataset by the command that makes it."""
        synth(*words, "--out", folder, cwd=self._out)
        return DatasetReader(self._out / folder)

    def run(self, n_poses: int, n_frames: int) -> None:
        """All steps, the comparison last."""
        write_cell(self._out)
        few = ("--images", "4") if self._tiny else ()
        real = self.make("data/real", "capture", "--poses", str(n_poses), "--plates", "2", "--pace", "50")
        frames = ("--real", "data/real", "--count", str(n_frames))
        kinds = {
            "plain": self.make("data/plain", "render", *frames, "--look", "plain"),
            "matched": self.make("data/matched", "render", *frames),
        }
        method = ("--method", "colour-map", "--run", "runs/colour")
        self.make("data/colour", "translate", "--sim", "data/plain", "--real", "data/real", *method)
        n_twins = sum(sample.split != "test" for sample in real.samples)
        twins = ("--real", "data/real", "--maps-only", "--share", f"twin={n_twins}")
        self.make("data/twins", "render", *twins)
        self.make("data/mapped", "label", "data/real", "--twins", "data/twins")
        self.make("data/maps", "render", *frames, "--maps-only")
        mixes = {
            "real": "data/real",
            "plain": "data/plain",
            "matched": "data/matched",
            "colour": "data/colour",
        }
        for painter in PAINTERS[:1] if self._tiny else PAINTERS:
            made = [f"data/{painter}_{seed}" for seed in PAINTER_SEEDS]
            for seed, folder in zip(PAINTER_SEEDS, made, strict=True):
                words = (
                    "paint",
                    "data/maps",
                    "--data",
                    "data/mapped",
                    "--method",
                    painter,
                    "--preset",
                    "quick",
                )
                run = ("--run", f"runs/{painter}_{seed}", "--seed", str(seed))
                kinds[painter] = self.make(folder, *words, *PLANES, *run, *few)
            mixes[painter] = ",".join(made)
        self._write_costs(kinds)
        data = [word for name, path in mixes.items() for word in ("--data", f"{name}={path}")]
        seeds = ("--seeds", "2" if self._tiny else SEEDS)
        words = ("--tasks", "normals,detection", "--preset", "quick", "--no-baseline", *few)
        synth(
            "compare",
            *data,
            "--mixes",
            ",".join(mixes),
            *words,
            *seeds,
            "--out",
            "runs/compare",
            cwd=self._out,
        )

    def _write_costs(self, kinds: dict[str, DatasetReader]) -> None:
        costs = {name: find_cost_s(dataset) for name, dataset in kinds.items()}
        (self._out / "paint_cell.json").write_text(json.dumps(costs, indent=2) + "\n", encoding="utf-8")
        for name, cost_s in costs.items():
            print(f"{name}: {cost_s:.3f} s a frame, {1 / cost_s:.1f} frames a second")


def find_cost_s(dataset: DatasetReader) -> float:
    """The median frame's seconds, of all that its record times."""
    return float(np.median([sum(sample.timing.values()) for sample in dataset.samples]))


def main() -> None:
    """Run what is left to do."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("runs/paint_cell"))
    parser.add_argument("--tiny", action="store_true", help="a few frames of each, to see that it runs")
    given = parser.parse_args()
    n_poses, n_frames = (24, 6) if given.tiny else (N_POSES, N_FRAMES)
    Bench(given.out.resolve(), tiny=given.tiny).run(n_poses, n_frames)


if __name__ == "__main__":
    main()
