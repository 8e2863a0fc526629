"""The whole chain on published photographs: import, render, translate, compare, in one report.

    python benchmarks/real_cat.py SCENE --out runs/real_cat

SCENE: the 16 photographs of DeepAC's ``data/demo`` (github.com/WangLongZJU/DeepAC, MIT) with their poses as a
BOP scene: rgb/, scene_gt.json, scene_camera.json, model/Cat.obj. Pictures 0 to 5 train, 6 validates, 7 is
left out, 8 to 15 test. They are one film before one background, which train and test share: what is found
here is not what would be found elsewhere.

Each stage is the command that a user types; run again, it goes on where it stopped. At most 75 minutes on two
cores.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

SYNTH = Path(sys.executable).with_name("synth")
MIXES = ("real", "synthetic", "translated", "real+translated")
TARGET_HITS = 7
SHARED = "Train and test are one film before one background: these figures hold for that background alone."


def list_stages(scene: Path, n_renders: int, n_images: int, n_seeds: int) -> dict[str, list[str]]:
    """The command of each stage."""
    return {
        "import": [
            *("import", "bop", str(scene), "--name", "1=cat"),
            *("--train", "0-5", "--val", "6", "--test", "8-15"),
        ],
        "render": ["render", "--over", "data/real", "--count", str(n_renders)],
        "translate": ["translate", "--device", "cpu", "--preset", "quick"],
        "compare": [
            *("compare", "--tasks", "detection", "--mixes", ",".join(MIXES)),
            *("--seeds", str(n_seeds), "--images", str(n_images), "--device", "cpu", "--no-baseline"),
        ],
    }


def run_stages(stages: dict[str, list[str]], out: Path) -> dict[str, float]:
    """Seconds of each stage, kept in stages.json so that a run that goes on adds up."""
    kept = out / "stages.json"
    seconds: dict[str, float] = json.loads(kept.read_text()) if kept.is_file() else {}
    for name, words in stages.items():
        print(f"\n$ synth {' '.join(words)}", flush=True)
        began = time.monotonic()
        answer = subprocess.run([SYNTH, *words], cwd=out, check=False)
        seconds[name] = round(seconds.get(name, 0.0) + time.monotonic() - began, 1)
        kept.write_text(json.dumps(seconds, indent=2) + "\n")
        if answer.returncode:
            raise SystemExit(f"synth {name} ended with {answer.returncode}; the same command goes on")
    return seconds


def sum_up(out: Path, seconds: dict[str, float]) -> str:
    """What was found, as Markdown, from report.json alone."""
    report = json.loads((out / "runs/compare/report.json").read_text())
    figures, ending = report["figures"], ".in_use"
    points = {key.split(".")[2]: figures[key] for key in figures if key.endswith(ending)}
    n_images = next(iter(points.values()))["n_images"]
    lines = [
        "| trained on | found at confidence 0.5, by seed | false boxes an image | median IoU | mAP50-95 |",
        "|---|---|---|---|---|",
    ]
    for name, point in points.items():
        effect = figures.get(f"detection.yolov5n.{name}.standard_map50_95")
        hits = ", ".join(f"{n} of {point['n_true']}" for n in point["hits"])
        false = sum(point["false_boxes"]) / len(point["false_boxes"]) / n_images
        iou = "none" if point["median_iou"] is None else f"{point['median_iou']:.2f}"
        area = f"{effect['value']:.2f} ({effect['low']:.2f}–{effect['high']:.2f})" if effect else ""
        lines.append(f"| {name} | {hits} | {false:.2f} | {iou} | {area} |")
    minutes = ", ".join(f"{name} {s / 60:.1f}" for name, s in seconds.items())
    total = sum(seconds.values()) / 60
    lines += ["", f"{n_images} test images. {SHARED}", f"Minutes: {minutes}, {total:.0f} in all."]
    found = points["synthetic"]["hits"]
    enough = sum(n >= TARGET_HITS for n in found)
    lines.append(
        f"Target, {TARGET_HITS} of 8 by synthetic images alone: met in {enough} of {len(found)} seeds."
    )
    return "\n".join(lines)


def main() -> None:
    """Run what is left to do and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("scene", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/real_cat"))
    parser.add_argument("--renders", type=int, default=120)
    parser.add_argument("--images", type=int, default=8000, help="that each training sees in all")
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    stages = list_stages(given.scene.resolve(), given.renders, given.images, given.seeds)
    seconds = run_stages(stages, given.out)
    table = sum_up(given.out, seconds)
    (given.out / "results.md").write_text(table + "\n")
    print(f"\n{table}\nReport: {given.out / 'runs/compare/report.html'}")


if __name__ == "__main__":
    main()
