"""What rendered, translated and pasted images are worth on published photographs, training by training.

    python benchmarks/photographs.py DATA --out runs/photographs
    python benchmarks/photographs_table.py --write docs/results.md

DATA holds three folders. pose_cat: the 16 photographs of a figurine of DeepAC's ``data/demo``
(github.com/WangLongZJU/DeepAC, MIT), as a BOP scene. table_nuts: 11 photographs of dates, figs and hazelnuts
with COCO polygons (github.com/Tony607/mmdetection_instance_segmentation_demo, MIT). coco128seg/images:
unrelated photographs (Ultralytics' COCO128-seg).

The settings below were frozen on the day that `FROZEN` names. Pictures 8 to 15 of the figurine tested earlier
settings of the renderer and of the training, which were chosen with their figures in sight: what is found
there, and in its turn on 0 to 7, describes these pictures and is no test of the method. The 16 are one film
before one background, so both directions are measured, and renderings over unrelated photographs stand
beside those over plates of the train images. The mix without poses, of the mesh and boxes of six
pictures, and that of the refiner (*translated* is by CycleGAN), came on 2026-11-30; all else of them is as
of the others.

Each stage is the command that a user types. Each training that has ended is one line of the results; the
same command goes on where it stopped, with the first seed of everything before the second of anything. On a
free core a training of the figurine takes about seven minutes and one of the nuts three: five hours in all.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from result_lines import Line, append, read_lines

from synth.compute.checkpoint import load_weights
from synth.dataset.colour_filter import colour_mask, fit_colour, largest_component
from synth.dataset.origin import READINGS, count_real_labels, decode_readings
from synth.dataset.reader import DatasetReader
from synth.geometry.boxes import tight_box
from synth.metrics import detection
from synth.metrics.operating_point import measure_operating_point
from synth.train.run import RESULT_FILE, WEIGHTS_FILE, load_result
from synth.train.tasks import TASKS
from synth.train.tasks.detection.baseline import filter_boxes
from synth.train.tasks.detection.boxes import match_lists

RESULTS = Path(__file__).resolve().parent / "results/photographs.jsonl"
FROZEN = "2026-11-29"
SEEDS = (0, 1, 2)
N_MADE = 120
"""Images that are rendered or pasted for each fold."""

CHANGE_COUNTS, CHANGE_CELL_PX = 20, 4
"""How far a cell differs from the plate, in 8-bit counts of its strongest channel, to have changed."""


@dataclass(frozen=True)
class Fold:
    """Numbers of pictures, as ``synth import`` takes them; what none names is left out."""

    name: str
    train: str
    val: str
    test: str

    @property
    def words(self) -> tuple[str, ...]:
        """The options of an import."""
        return ("--train", self.train, "--val", self.val, "--test", self.test)


@dataclass(frozen=True)
class Scene:
    """source: its folder in DATA. mixes: datasets that train together, by the name that the tables have.
    n_images: that each training sees in all. max_parts: of a composite.
    """

    name: str
    source: str
    folds: tuple[Fold, ...]
    mixes: dict[str, tuple[str, ...]]
    n_images: int
    max_parts: int


FIGURINE = Scene(
    "figurine",
    "pose_cat",
    (Fold("forward", "0-5", "6", "8-15"), Fold("backward", "10-15", "9", "0-7")),
    {
        "the six real": ("real",),
        "real and copy-paste": ("real", "composited"),
        "rendered over their plates": ("synthetic",),
        "rendered over unrelated photographs": ("unrelated",),
        "translated": ("translated",),
        "translated by the refiner": ("refined",),
        "rendered without poses": ("unposed",),
    },
    n_images=8000,
    max_parts=1,
)
NUTS = Scene(
    "nuts",
    "table_nuts",
    # Sorted by name the pictures are 0, 11, 12, 14, 16, 2, 3, 5, 6, 8 and 9. White towel: 2, 5, 6, 8, 9.
    # Clear tray: 0, 3, 14. Blue cloths: 11, 12, 16. A fold leaves out the tray on the cloth that it tests.
    (
        Fold("towel", "0-2,4", "3", "5,7-10"),
        Fold("tray", "1,2,4,5,8-10", "7", "0,3,6"),
        Fold("blue cloths", "0,5,6,8-10", "7", "1,2,4"),
    ),
    {"real": ("real",), "real and copy-paste": ("real", "composited")},
    n_images=3000,
    max_parts=10,
)
SCENES = (FIGURINE, NUTS)
FILTER, CHANGE = "colour filter, no network", "colour and change, no network"


@dataclass(frozen=True)
class Trial:
    """One training."""

    scene: Scene
    fold: Fold
    mix: str
    seed: int

    @property
    def key(self) -> dict[str, Any]:
        """What its line of the results begins with."""
        return {"scene": self.scene.name, "fold": self.fold.name, "mix": self.mix, "seed": self.seed}


def list_trials(seeds: Sequence[int] = SEEDS) -> Iterator[Trial]:
    """All trainings in the order in which they are run."""
    for seed in seeds:
        for scene in SCENES:
            for fold in scene.folds:
                yield from (Trial(scene, fold, mix, seed) for mix in scene.mixes)


class Bench:
    """Runs stages in one folder, each once.

    n_made: images that are rendered or pasted. n_images: that a training sees in place of the scene's own;
    None for those.
    """

    def __init__(self, data: Path, out: Path, n_made: int, n_images: int | None) -> None:
        self._data, self._out, self._n_made, self._n_images = data.resolve(), out, n_made, n_images
        self._kept = out / "stages.json"
        self._seconds = json.loads(self._kept.read_text()) if self._kept.is_file() else {}

    def folder(self, trial: Trial, name: str) -> str:
        """Of a dataset, as the commands name it."""
        return f"{trial.scene.name}/{trial.fold.name.replace(' ', '_')}/{name}"

    def n_images(self, scene: Scene) -> int:
        """That a training sees in all."""
        return self._n_images or scene.n_images

    def open(self, trial: Trial) -> DatasetReader:
        """The imported photographs of a trial's fold."""
        self._make(trial, "real")
        return DatasetReader(self._out / self.folder(trial, "real"))

    def train(self, trial: Trial) -> Path:
        """The folder of a trial's training, which has ended."""
        for name in ("real", *trial.scene.mixes[trial.mix]):
            self._make(trial, name)
        folder = f"runs/{self.folder(trial, trial.mix.replace(' ', '_'))}/seed_{trial.seed}"
        data = [x for name in trial.scene.mixes[trial.mix] for x in ("--data", self.folder(trial, name))]
        if not (self._out / folder / RESULT_FILE).is_file():
            self._run(
                *("train", "detection", "--preset", "default", *data, "--test", self.folder(trial, "real")),
                *("--net", "yolov5n", "--side", "320", "--images", str(self.n_images(trial.scene))),
                *("--seed", str(trial.seed), "--device", "cpu", "--out", folder),
            )
        return self._out / folder

    def _make(self, trial: Trial, name: str) -> None:
        """A dataset of a fold, and what it is made of."""
        out = self.folder(trial, name)
        if out in self._seconds:
            return
        real, synthetic = self.folder(trial, "real"), self.folder(trial, "synthetic")
        source = str(self._data / trial.scene.source)
        count = ("--count", str(self._n_made))
        match name:
            case "real":
                as_bop, as_coco = ("bop", source, "--name", "1=figurine"), ("coco", source)
                how = as_bop if trial.scene is FIGURINE else as_coco
                words = ("import", *how, *trial.fold.words)
            case "composited":
                words = ("compose", real, *count, "--max-parts", str(trial.scene.max_parts))
            case "synthetic":
                words = ("render", "--over", real, *count)
            case "unrelated":
                pictures = str(self._data / "coco128seg/images")
                words = ("render", "--over", real, "--backgrounds", pictures, *count)
            case "boxed":
                yolo = f"{out}_yolo"
                self._run("dataset", "export", "yolo", real, "--out", yolo)
                words = ("import", "yolo", yolo)
            case "unposed":
                self._make(trial, "boxed")
                mesh = str(self._data / trial.scene.source / "model/Cat.obj")
                words = ("render", "--mesh", mesh, "--over", self.folder(trial, "boxed"), *count)
            case _:
                self._make(trial, "synthetic")
                method = "refiner" if name == "refined" else "cyclegan"
                learning = ("--preset", "quick", "--anyway", "--device", "cpu", "--run", f"runs/{out}")
                learning += ("--method", method)
                if self._n_images:
                    learning += ("--images", str(self._n_images))
                words = ("translate", "--real", real, "--sim", synthetic, *learning)
        began = time.monotonic()
        self._run(*words, "--out", out)
        self._seconds[out] = round(time.monotonic() - began, 1)
        self._kept.write_text(json.dumps(self._seconds, indent=2) + "\n")

    def _run(self, *words: str) -> None:
        """One command, with one thread, as the trainings of a comparison have."""
        print(f"\n$ synth {' '.join(words)}", flush=True)
        synth = Path(sys.executable).with_name("synth")
        answer = subprocess.run(
            [synth, *words], cwd=self._out, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"}
        )
        if answer.returncode:
            raise SystemExit(f"synth {words[0]} ended with {answer.returncode}; the same command goes on")


def measure_training(folder: Path) -> dict[str, Any]:
    """What a finished training found in the test images."""
    result, (_, words) = load_result(folder), load_weights(folder / WEIGHTS_FILE)
    point = TASKS["detection"].measure_use([result.predicted], result.true)
    assert point is not None
    matches = match_lists(result.predicted, result.true, detection.STANDARD)
    once = np.ones((1, len(result.true)))
    return {
        "n_test": point.n_images,
        "n_true": point.n_true,
        "found": point.hits[0],
        "false_boxes": point.false_boxes[0],
        "median_iou": None if point.median_iou is None else round(point.median_iou, 3),
        "map50": round(float(matches.map50(once)[0]), 4),
        "map50_95": round(float(matches.map50_95(once)[0]), 4),
        "best_step": result.best.step,
        "seconds": round(result.seconds),
        "real_labels": count_real_labels((), decode_readings(words[READINGS])),
    }


def find_changed(captured: DatasetReader) -> list[NDArray[np.float64]]:
    """Boxes [D,5] of every test image, one or none: around the largest blob that has the part's colour where
    the picture differs from the plate, the median of the train images.
    """
    train = captured.of_split("train")
    pictures = [captured.load_rgb(sample) for sample in train]
    masks = [captured.load_mask(sample) for sample in train]
    colour = fit_colour(
        np.concatenate([p[m > 0] for p, m in zip(pictures, masks, strict=True) if m is not None])
    )
    plate = np.median(np.stack(pictures), axis=0)
    boxes = []
    for sample in captured.of_split("test"):
        rgb_u8 = captured.load_rgb(sample)
        change = cv2.blur(np.abs(rgb_u8 - plate).max(axis=-1), (CHANGE_CELL_PX, CHANGE_CELL_PX))
        box = tight_box(largest_component(colour_mask(rgb_u8, colour) & (change > CHANGE_COUNTS)))
        boxes.append(np.empty((0, 5)) if box is None else np.array([[*box, 1.0]]))
    return boxes


def measure_without_network(captured: DatasetReader) -> Iterator[tuple[str, dict[str, Any]]]:
    """What the colour filter finds, and what colour and change find."""
    test = captured.of_split("test")
    true = [np.array([instance.box_xyxy_px for instance in sample.instances]) for sample in test]
    for name, found in ((FILTER, filter_boxes(captured)), (CHANGE, find_changed(captured))):
        assert found is not None
        point = measure_operating_point([found], true)
        single = [measure_operating_point([[box]], [truth]) for box, truth in zip(found, true, strict=True)]
        yield (
            name,
            {
                "n_test": point.n_images,
                "n_true": point.n_true,
                "found": point.hits[0],
                "false_boxes": point.false_boxes[0],
                "median_iou": None if point.median_iou is None else round(point.median_iou, 3),
                "real_labels": {"mask": len(captured.of_split("train"))},
                "ious": [None if one.median_iou is None else round(one.median_iou, 3) for one in single],
            },
        )


def run(data: Path, out: Path, results: Path, seeds: Sequence[int], tiny: bool) -> None:
    """Whatever has no line in the results yet."""
    bench = Bench(data, out, *((7, 32) if tiny else (N_MADE, None)))
    done = {_key(line) for line in read_lines(results, FROZEN)}
    for trial in list_trials(seeds):
        plain = trial.key | {"seed": None}
        if trial.scene is FIGURINE and _key(plain | {"mix": FILTER}) not in done:
            for name, found in measure_without_network(bench.open(trial)):
                append(results, plain | {"mix": name} | found, FROZEN)
                done.add(_key(plain | {"mix": name}))
        if _key(trial.key) not in done:
            found = measure_training(bench.train(trial))
            append(results, trial.key | {"images": bench.n_images(trial.scene)} | found, FROZEN)


def _key(line: Line) -> tuple[Any, ...]:
    return line["scene"], line["fold"], line["mix"], line["seed"]


def main() -> None:
    """Train what is left to do."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/photographs"))
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--seeds", type=int, default=len(SEEDS), help="the first so many of all")
    parser.add_argument("--tiny", action="store_true", help="a few images of each, to see that it runs")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    run(given.data, given.out, given.results, SEEDS[: given.seeds], given.tiny)


if __name__ == "__main__":
    main()
