"""What the leak guard finds, what it takes for a copy though it is none, and what it costs.

    python benchmarks/leaks.py --out runs/leaks --data DATA

534 captures of the simulated cell a part (orange, grey, of the bench's own colour): 134 test images, 400
others, at two sizes, with labels and without. DATA: a folder of photographs and films, each left out where
it is not there: coco128seg/images, camvid/images, pose_cat/rgb, signs_lab/images, street_video/*.mp4.

Neighbouring frames are accepted here in one place, `measure_films`, which counts what a guard would say of
them, and in photographs.py, which says why. No other benchmark trains on a neighbour of a test image.

Each row of benchmarks/results/leaks.jsonl is a figure with its n. What stands there is not measured again;
delete a row, or the file, to have it anew.
"""

import argparse
import itertools
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from leak_changes import CHANGES, Change, Rgb
from numpy.typing import NDArray

from synth.capture.run import make_plan
from synth.capture.settings import CaptureSettings
from synth.cell.load import load_cell
from synth.cell.mesh import load_bodies
from synth.dataset.leak.gallery import Entry, Gallery
from synth.dataset.leak.look import Look
from synth.geometry import se3
from synth.hardware.simulated.truth import load_truth
from synth.hardware.simulated.world import World

RESULTS = Path(__file__).with_name("results") / "leaks.jsonl"
PARTS = {"orange": (226, 104, 24), "grey": (128, 128, 128), "bench's colour": (214, 213, 208)}
N_CAPTURES, SIZE_WH, WIDTHS = 534, (320, 180), (320, 160)
EXPOSURE_US, GAIN, WHITE_BALANCE_K = 15600, 64, 5200
SEEDS = (0, 1, 2)  # Of poses, noise and jitter; the guard's bounds were set while looking at the first two.
N_CHANGED = 8
FILMS = {
    "camvid 0001TP": "camvid/images/0001TP*",
    "camvid 0006R0": "camvid/images/0006R0*",
    "camvid 0016E5": "camvid/images/0016E5*",
    "pose_cat": "pose_cat/rgb/*",
    "signs_lab": "signs_lab/images/*",
    "street_video": "street_video/*.mp4",
}
FILM_STEP, MAX_GAP = 8, 4
N_LOOKED_AT = 8  # By the guard, to tell what stands still.


class Results:
    """The rows of a file of JSON lines; what a row is of is all but its figures."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_text("utf-8").splitlines() if path.is_file() else []
        self._known = {json.dumps(json.loads(line)["of"], sort_keys=True) for line in lines}

    def add(self, of: dict[str, Any], measure: Callable[[], dict[str, Any]]) -> None:
        """Measure what is not there yet, and append it."""
        if json.dumps(of, sort_keys=True) in self._known:
            return
        row = {"of": of, **measure()}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
        print(row, flush=True)


class Captures:
    """Pictures [N,H,W,3], boxes [N,4] as fractions, and which are test images, of one part."""

    def __init__(self, rgb_u8: Rgb, boxes: NDArray[np.float64], is_test: NDArray[np.bool_]) -> None:
        self.rgb_u8, self.boxes, self.is_test = rgb_u8, boxes, is_test

    def at(self, width: int) -> "Captures":
        """The same in pictures of another width."""
        size_wh = (width, width * SIZE_WH[1] // SIZE_WH[0])
        resized = [cv2.resize(rgb, size_wh, interpolation=cv2.INTER_AREA) for rgb in self.rgb_u8]
        return Captures(np.array(resized), self.boxes, self.is_test)

    def make_gallery(self, labels: bool) -> Gallery:
        boxes = self.boxes[self.is_test]
        looks = [Look.of(rgb) for rgb in self.rgb_u8[self.is_test]]
        return Gallery(
            [Entry(look, boxes[i : i + 1] if labels else np.zeros((0, 4))) for i, look in enumerate(looks)]
        )


def shoot(part: str, out: Path, seed: int) -> Captures:
    """The simulated world's pictures of a capture's poses, kept in a file."""
    kept = out / f"{part}_{seed}.npz"
    if not kept.is_file():
        cell = load_cell(None)
        bodies = load_bodies(cell)
        plan = make_plan(CaptureSettings(cell=cell, out=out, n_poses=N_CAPTURES, seed=seed), bodies)
        camera = cell.camera.model_copy(update={"color_size_wh": SIZE_WH})
        dressed = cell.part.model_copy(update={"colour_rgb": PARTS[part]})
        cell = cell.model_copy(update={"camera": camera, "part": dressed})
        world = World(cell, bodies, load_truth(cell), seed=seed)
        pictures, boxes = [], []
        for i, pose in enumerate(plan.poses):
            q_rad = np.asarray(pose.q_rad)
            pictures.append(world.expose(world.color(q_rad), EXPOSURE_US, GAIN, WHITE_BALANCE_K, (i,)))
            T_cam_part = se3.inverse(world.T_base_cam) @ world.T_base_tool_of(q_rad) @ world.T_tool_part
            outline = world.color_camera.project(se3.transform(T_cam_part, bodies.part.vertices_m)) + 0.5
            boxes.append(np.clip([*outline.min(axis=0), *outline.max(axis=0)] / np.tile(SIZE_WH, 2), 0, 1))
        is_test = [pose.split == "test" for pose in plan.poses]
        out.mkdir(parents=True, exist_ok=True)
        np.savez(kept, rgb_u8=pictures, boxes=boxes, is_test=is_test)
    with np.load(kept) as arrays:
        return Captures(arrays["rgb_u8"], arrays["boxes"], arrays["is_test"])


def count_found(gallery: Gallery, tests: list[Rgb], change: Change) -> dict[str, Any]:
    """Of changed copies of test images, how many are found, and how many of these as another one."""
    matches = [(i, gallery.find(Look.of(change(rgb)))) for i, rgb in enumerate(tests)]
    found = [(i, match) for i, match in matches if match is not None]
    return {
        "n": len(tests),
        "found": len(found),
        "as_another": sum(match.i != i for i, match in found),
        "as_near_copy": sum(match.is_near for _, match in found),
    }


def measure_captures(results: Results, out: Path) -> None:
    """False alarms of each part, with two seeds, and what is found of changed copies, with the first."""
    for seed, part in itertools.product(SEEDS, PARTS):
        captures = shoot(part, out, seed)
        for width, labels in itertools.product(WIDTHS, (True, False)):
            of = {"of": part, "width": width, "labels": labels, "seed": seed}
            sized = captures.at(width)

            def count_alarms(sized: Captures = sized, labels: bool = labels) -> dict[str, Any]:
                gallery, others = sized.make_gallery(labels), sized.rgb_u8[~sized.is_test]
                alarms = sum(gallery.find(Look.of(rgb)) is not None for rgb in others)
                return {"n": len(others), "n_tests": int(sized.is_test.sum()), "alarms": alarms}

            results.add({"what": "false alarms"} | of, count_alarms)
            if seed == SEEDS[0]:
                tests = list(sized.rgb_u8[sized.is_test][:N_CHANGED])
                measure_changes(results, of, sized.make_gallery(labels), tests)


def measure_changes(results: Results, of: dict[str, Any], gallery: Gallery, tests: list[Rgb]) -> None:
    """A row a change."""
    for name, amounts in CHANGES.items():
        for amount, change in amounts.items():
            what = {"what": "changed copies", "change": name, "amount": amount}
            results.add(what | of, lambda change=change: count_found(gallery, tests, change))


def measure_photographs(results: Results, folder: Path) -> None:
    """Photographs of nothing in common: what is found of changed copies of half, and alarms of the others."""
    if not (rgb := list(read_frames(folder, "coco128seg/images/*"))):
        return
    tests, others = rgb[::2], rgb[1::2]
    gallery = Gallery([Entry(Look.of(test), np.zeros((0, 4))) for test in tests])
    of = {"of": "coco128seg", "width": 640, "labels": False}
    alarms = sum(gallery.find(Look.of(other)) is not None for other in others)
    figures = {"n": len(others), "n_tests": len(tests), "alarms": alarms}
    results.add({"what": "false alarms"} | of, lambda: figures)
    measure_changes(results, of, gallery, tests)


def measure_films(results: Results, folder: Path) -> None:
    """Every eighth frame tests: what is said of the others, by how many frames they are from a test image."""
    for name, pattern in FILMS.items():
        looks = [Look.of(rgb) for rgb in read_frames(folder, pattern)]
        if not looks:
            continue
        tests = looks[::FILM_STEP]
        others = looks[1::2][: max(N_LOOKED_AT - len(tests), 0)]
        gallery = Gallery([Entry(look, np.zeros((0, 4))) for look in tests], others)
        for gap in range(1, MAX_GAP + 1):
            at = [i for i in range(len(looks)) if gap in (i % FILM_STEP, FILM_STEP - i % FILM_STEP)]

            def count(
                at: list[int] = at, gallery: Gallery = gallery, looks: list[Look] = looks
            ) -> dict[str, Any]:
                found = [match for i in at if (match := gallery.find(looks[i])) is not None]
                near = sum(match.is_near for match in found)
                return {"n": len(at), "near_copies": near, "copies": len(found) - near}

            results.add({"what": "neighbouring frames", "of": name, "frames_apart": gap}, count)


def read_frames(folder: Path, pattern: str) -> Iterator[Rgb]:
    """Pictures, or the frames of films, in the order of their names."""
    for path in sorted(folder.glob(pattern)):
        source = cv2.VideoCapture(str(path))
        while (frame := source.read())[0]:
            yield np.ascontiguousarray(frame[1][..., ::-1])


def measure_cost(results: Results, out: Path, n_tests: int = 2000, n_looked_at: int = 200) -> None:
    """CPU milliseconds an image of 320×180 in memory: its look, making a gallery, and finding in it."""

    def measure() -> dict[str, Any]:
        captures, rng = shoot("orange", out, 0), np.random.default_rng(0)

        def expose_again(of: NDArray[np.bool_], n: int) -> list[Rgb]:
            chosen = captures.rgb_u8[of]
            noisy = (chosen[i % len(chosen)] + rng.normal(0, 2, chosen[0].shape) for i in range(n))
            return [np.clip(rgb, 0, 255).astype(np.uint8) for rgb in noisy]

        looks, spent = [], 0.0
        for _ in range(n_tests // 100):
            batch = expose_again(captures.is_test, 100)
            began = time.process_time()
            looks += [Look.of(rgb) for rgb in batch]
            spent += time.process_time() - began
        began = time.process_time()
        gallery = Gallery([Entry(look, np.zeros((0, 4))) for look in looks])
        made = time.process_time()
        others = [Look.of(rgb) for rgb in expose_again(~captures.is_test, n_looked_at)]
        ready = time.process_time()
        for other in others:
            gallery.find(other)
        found = time.process_time()
        return {
            "n_tests": n_tests,
            "n": n_looked_at,
            "look_ms": round(1000 * spent / n_tests, 2),
            "gallery_ms": round(1000 * (made - began) / n_tests, 2),
            "find_ms": round(1000 * (found - ready) / n_looked_at, 2),
        }

    results.add({"what": "cost", "of": "orange", "width": SIZE_WH[0]}, measure)


def sum_up(path: Path) -> str:
    """The rows of a file as Markdown: false alarms, changed copies, films, cost."""
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    alarms = [row for row in rows if row["of"]["what"] == "false alarms"]
    lines = ["| others taken for copies | " + " | ".join(_COLUMNS) + " |", "|---" * (len(_COLUMNS) + 1) + "|"]
    for of, seed in dict.fromkeys((row["of"]["of"], row["of"].get("seed")) for row in alarms):
        here = {
            _column(row["of"]): row
            for row in alarms
            if (row["of"]["of"], row["of"].get("seed")) == (of, seed)
        }
        cells = [f"{here[c]['alarms']} of {here[c]['n']}" if c in here else "" for c in _COLUMNS]
        lines.append(f"| {of}{'' if seed is None else f', seed {seed}'} | " + " | ".join(cells) + " |")
    changed = [row for row in rows if row["of"]["what"] == "changed copies"]
    lines += ["", "| found | " + " | ".join(_COLUMNS) + " |", "|---" * (len(_COLUMNS) + 1) + "|"]
    for name, amounts in CHANGES.items():
        cells = []
        for column in _COLUMNS:
            here = [r for r in changed if r["of"]["change"] == name and _column(r["of"]) == column]
            cells.append(" ".join(_share_found(here, amount) for amount in amounts))
        lines.append(f"| {name}: {', '.join(amounts)} | " + " | ".join(cells) + " |")
    wrong = sum(row["as_another"] for row in changed)
    lines += ["", f"{wrong} of {sum(row['found'] for row in changed)} were found as another test image.", ""]
    films = [row for row in rows if row["of"]["what"] == "neighbouring frames"]
    lines += ["| film | " + " | ".join(f"{gap} apart" for gap in range(1, MAX_GAP + 1)) + " |"]
    lines.append("|---" * (MAX_GAP + 1) + "|")
    for of in dict.fromkeys(row["of"]["of"] for row in films):
        cells = [f"{r['near_copies'] + r['copies']} of {r['n']}" for r in films if r["of"]["of"] == of]
        lines.append(f"| {of} | " + " | ".join(cells) + " |")
    costs = [row for row in rows if row["of"]["what"] == "cost"]
    return "\n".join([*lines, "", *(json.dumps(cost) for cost in costs)])


_COLUMNS = (*(f"{w} px, {words}" for words in ("labels", "no labels") for w in WIDTHS), "photographs")


def _column(of: dict[str, Any]) -> str:
    if of["of"] not in PARTS:
        return _COLUMNS[-1]
    return f"{of['width']} px, {'labels' if of['labels'] else 'no labels'}"


def _share_found(rows: list[dict[str, Any]], amount: str) -> str:
    here = [row for row in rows if row["of"]["amount"] == amount]
    n = sum(row["n"] for row in here)
    return f"{sum(row['found'] for row in here) / n:.0%}".rstrip("%") if n else "–"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("runs/leaks"), help="where captures are kept")
    parser.add_argument("--data", type=Path, help="photographs and films")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    results = Results(options.results)
    if options.data is not None:
        measure_films(results, options.data)
        measure_photographs(results, options.data)
    measure_captures(results, options.out)
    measure_cost(results, options.out)
    print(sum_up(options.results))


if __name__ == "__main__":
    main()
