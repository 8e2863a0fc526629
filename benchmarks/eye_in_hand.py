"""A camera on the arm of the simulated cell: does its calibration know how good it is, and are labels?

    python benchmarks/eye_in_hand.py calibrate --runs 12 --json runs/eye_in_hand.jsonl
    python benchmarks/eye_in_hand.py calibrate --views 0 --pictures 20 --poses 0 --size 640 360
    python benchmarks/eye_in_hand.py capture --poses 100 --out runs/eye_in_hand

calibrate: cells whose camera and part are elsewhere than their file says, calibrated by the commands, then
captured: errors against the simulator's truth over the stated standard deviation, one line a cell; without
views the camera is where the file says, without poses nothing is captured. capture:
as many poses by the command, undisturbed, and killed in the middle and gone on; labels against the truth.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from kill import contents, kill_and_resume

from capture import compare_with_truth
from synth.cell.edit import edit_cell
from synth.cell.load import load_cell
from synth.cell.mesh import load_bodies
from synth.cell.model import JOINT_NAMES, Cell
from synth.cell.template import write_template
from synth.dataset.reader import DatasetReader
from synth.dataset.verify import verify
from synth.geometry import se3
from synth.geometry.normals import angle_deg
from synth.geometry.se3 import Array
from synth.hardware.simulated.eye_in_hand import WorldFromArm
from synth.hardware.simulated.motion import ArmTruth, repeatability_offset_rad
from synth.hardware.simulated.truth import load_truth

SYNTH = Path(sys.executable).with_name("synth")
RANGES_DEG = [(165, 205), (-125, -85), (50, 105), (-100, -20), (-120, -60), (-150, 150)]
PLACES = {
    ("camera", "mounted"): "tool",
    ("camera", "T_tool_cam"): [[1, 0, 0, 0], [0, 1, 0, -0.07], [0, 0, 1, 0], [0, 0, 0, 1]],
    ("part", "T_base_part"): [[1, 0, 0, 0.3], [0, 1, 0, 0.04], [0, 0, 1, 0], [0, 0, 0, 1]],
    ("robot", "home_deg"): [185, -110, 80, -60, -90, 0],
    ("robot", "park_deg"): None,
}
"""Of the cell that comes with synth: what changes where its camera looks down from the arm on a part."""

OFF_MM, OFF_DEG = {"T_tool_cam": 15.0, "T_base_part": 3.0}, {"T_tool_cam": 3.0, "T_base_part": 1.5}


def write_cell(folder: Path, size_wh: list[int]) -> Path:
    """``cell.yaml`` with its camera on the arm."""
    file = write_template(folder / "cell.yaml")[-1]
    joints = {
        ("robot", "joints", name): {"min_deg": low, "max_deg": high, "fixed_deg": None}
        for name, (low, high) in zip(JOINT_NAMES, RANGES_DEG, strict=True)
    }
    edit_cell(file, PLACES | joints | {("camera", "color_size_wh"): size_wh})
    return file


WIDE_GATES = {("gates", "max_calibration_mm"): 50.0, ("gates", "max_calibration_deg"): 10.0}
"""What is measured is how honest a calibration is, also where it is not good enough to label."""


def misplace(file: Path, rng: np.random.Generator) -> dict[str, Array]:
    """Write a truth file in which camera and part are elsewhere; returns where."""
    cell = load_cell(file)
    places = {"T_tool_cam": cell.camera.T_tool_cam, "T_base_part": cell.part.T_base_part}
    truth = {}
    for name, T in places.items():
        turn, shift = (v / np.linalg.norm(v) for v in rng.normal(size=(2, 3)))
        shift[2] = (
            abs(shift[2]) if name == "T_base_part" else shift[2]
        )  # A part does not sink into the bench.
        off = se3.from_rotvec(np.radians(OFF_DEG[name]) * turn, OFF_MM[name] / 1000 * shift)
        truth[name] = np.asarray(T) @ off
    content = {name: T.tolist() for name, T in truth.items()}
    (file.parent / "truth.yaml").write_text(yaml.safe_dump(content))
    edit_cell(file, {("simulation", "truth"): "truth.yaml"})
    return truth


def errors(found: Any, truth: Array) -> tuple[Array, Array]:
    """[3] turn in degrees and [3] shift in mm by which a place is off, in its own axes."""
    off = se3.inverse(truth) @ np.asarray(found)
    return np.degrees(se3.to_rotvec(off)), 1000 * off[:3, 3]


def run(folder: Path, *words: object) -> None:
    """A command of synth in a folder; ends the program where it fails."""
    ran = subprocess.run([SYNTH, *map(str, words)], cwd=folder, capture_output=True, text=True, check=False)
    if ran.returncode:
        sys.exit(f"synth {' '.join(map(str, words))} ended with {ran.returncode}: {ran.stdout}{ran.stderr}")


def calibrate_one(
    seed: int, n_views: int, n_pictures: int, n_poses: int, size_wh: list[int]
) -> dict[str, Any]:
    """One cell from its rough places to labels; errors and what was said of them."""
    with tempfile.TemporaryDirectory() as scratch:
        file = write_cell(Path(scratch), size_wh)
        truth = misplace(file, np.random.default_rng(seed))
        exact = {("camera", "T_tool_cam"): np.round(truth["T_tool_cam"], 9).tolist()}
        edit_cell(file, WIDE_GATES | ({} if n_views else exact))
        pace = ("--pace", 1000, "--seed", seed)
        if n_views:
            run(file.parent, "calibrate", "run", "--eye-in-hand", "--views", n_views, *pace)
        run(file.parent, "calibrate", "part", "--poses", n_pictures, *pace)
        if n_poses:
            run(file.parent, "capture", "--poses", n_poses, *pace)
        cell = load_cell(file)
        line: dict[str, Any] = {"seed": seed, "views": n_views, "pictures": n_pictures, "size_wh": size_wh}
        for name, found, record in (
            ("T_tool_cam", cell.camera.T_tool_cam, cell.calibration.hand),
            ("T_base_part", cell.part.T_base_part, cell.calibration.part),
        ):
            if record is None:
                continue
            turn_deg, shift_mm = errors(found, truth[name])
            line[name] = {
                "turn_deg": turn_deg.tolist(),
                "shift_mm": shift_mm.tolist(),
                "sigma_deg": record.sigma_deg,
                "sigma_mm": record.sigma_mm,
                "z_turn": float(np.linalg.norm(turn_deg)) / record.sigma_deg,
                "z_shift": float(np.linalg.norm(shift_mm)) / record.sigma_mm,
            }
        if n_poses:
            line["normals"] = normals(cell, DatasetReader(file.parent / "data/real"))
        return line


def normals(cell: Cell, reader: DatasetReader) -> dict[str, list[float]]:
    """Errors of a capture's normals in degrees, and the standard deviation that each carries."""
    world = WorldFromArm(cell, load_bodies(cell), load_truth(cell), 0)
    found: dict[str, list[float]] = {"error_deg": [], "sigma_deg": []}
    for sample in reader.samples:
        assert sample.robot is not None
        q_rad = np.asarray(sample.robot.before.q_rad)
        offset = repeatability_offset_rad(q_rad, ArmTruth(world.dh), reader.info.made_by.seed)
        instance = sample.instances[0]
        true_uvw = world.truth_of(q_rad + offset).normal_uvw
        found["error_deg"].append(float(angle_deg(np.asarray(instance.normal_uvw), true_uvw)))
        found["sigma_deg"].append(float(instance.normal_sigma_deg or np.nan))
    return found


def say(lines: list[dict[str, Any]]) -> None:
    """Root mean squares over the runs of errors, of what was stated, and of their ratios."""
    print("| | error | stated | root mean square of error / stated | largest |\n|---|---|---|---|---|")
    for name in ("T_tool_cam", "T_base_part"):
        known = [line[name] for line in lines if name in line]
        for kind, unit, value in (("turn", "°", "turn_deg"), ("shift", " mm", "shift_mm")):
            if known:
                sizes = [np.linalg.norm(place[value]) for place in known]
                stated = [place[f"sigma_{value.split('_')[1]}"] for place in known]
                z = [place[f"z_{kind}"] for place in known]
                row = f"| {name}, {kind} | {rms(sizes):.3f}{unit} | {rms(stated):.3f}{unit} "
                print(f"{row}| {rms(z):.2f} | {max(z):.2f} |")
    captured = [line["normals"] for line in lines if "normals" in line]
    if captured:
        error, sigma = (
            np.concatenate([each[key] for each in captured]) for key in ("error_deg", "sigma_deg")
        )
        z = error / sigma
        print(f"| normals | {rms(error):.3f}° | {rms(sigma):.3f}° | {rms(z):.2f} | {z.max():.2f} |")
    print(f"{len(lines)} cells")


def rms(values: Any) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def capture_twice(out: Path, n_poses: int, pace: float) -> dict[str, Any]:
    """One capture undisturbed, the same killed in the middle and gone on: what differs, how good it is."""
    file = write_cell(out, [1280, 720])
    options = ("--pace", str(pace), "--cell", str(file))
    results = {
        "undisturbed": kill_and_resume(out / "undisturbed", poses=n_poses, kills=0, seed=0, options=options),
        "killed": kill_and_resume(out / "killed", poses=n_poses, kills=1, seed=0, options=options),
    }
    whole, killed = (contents(out / name) for name in results)
    cell, reader = load_cell(file), DatasetReader(out / "killed")
    world = WorldFromArm(cell, load_bodies(cell), load_truth(cell), 0)
    return {
        **results,
        "files": len(whole),
        "files_that_differ": sorted(n for n in whole.keys() | killed.keys() if whole.get(n) != killed.get(n)),
        "poses": len(reader.samples),
        "refused": len(list((out / "killed/rejected").glob("*.json"))),
        "verify_findings": len(verify(out / "killed")),
        **compare_with_truth(reader, world),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    calibrate = verbs.add_parser("calibrate")
    calibrate.add_argument("--runs", type=int, default=12)
    calibrate.add_argument("--first", type=int, default=0, help="seed of the first")
    calibrate.add_argument("--views", type=int, default=30)
    calibrate.add_argument("--pictures", type=int, default=40)
    calibrate.add_argument("--poses", type=int, default=10)
    calibrate.add_argument("--size", type=int, nargs=2, default=[1280, 720])
    calibrate.add_argument("--json", type=Path, default=Path("runs/eye_in_hand.jsonl"))
    captured = verbs.add_parser("capture")
    captured.add_argument("--poses", type=int, default=100)
    captured.add_argument("--pace", type=float, default=1000.0)
    captured.add_argument("--out", type=Path, default=Path("runs/eye_in_hand"))
    options = parser.parse_args()
    if options.verb == "capture":
        print(json.dumps(capture_twice(options.out, options.poses, options.pace), indent=1))
        return
    options.json.parent.mkdir(parents=True, exist_ok=True)
    for seed in range(options.first, options.first + options.runs):
        line = calibrate_one(seed, options.views, options.pictures, options.poses, options.size)
        with options.json.open("a") as log:
            log.write(json.dumps(line) + "\n")
    say([json.loads(text) for text in options.json.read_text().splitlines()])


if __name__ == "__main__":
    main()
