"""The camera's place on the simulated cell: our fit beside each of OpenCV's closed-form methods alone.

    python benchmarks/calibrate.py --out runs/benchmark_calibrate

Takes 30 views of a board on the simulated cell that comes with synth (noise, blur and distortion on; some two
minutes), solves them in every way, and compares with the simulator's truth. Then the same with one view in
ten corrupted, with the views shuffled, and 100 simulations on projected corners of how often the stated
region holds the truth.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console

from synth.capture.calibrate.chain import Chain, Guess
from synth.capture.calibrate.detect import find_corners
from synth.capture.calibrate.fit import fit
from synth.capture.calibrate.folder import Description, list_images, read_description
from synth.capture.calibrate.hand_eye import METHODS, WORLD_METHODS, board_poses, solve_closed_form
from synth.capture.calibrate.read import known_lens, read_views
from synth.capture.calibrate.solve import solve
from synth.capture.calibrate.uncertainty import estimate_uncertainty
from synth.capture.calibrate.view import MIN_CORNERS, View
from synth.cell.load import default_cell
from synth.compute.progress import LineProgress
from synth.geometry import se3
from synth.geometry.pinhole import Pinhole
from synth.geometry.se3 import Array
from synth.hardware.simulated.truth import load_truth

SYNTH = Path(sys.executable).with_name("synth")
N_SIMULATIONS = 100
REPEATABILITY_M, TURN_RAD, CORNER_PX = 3e-5, 1e-4, 0.2


def error_of(T: Array, truth: Array) -> tuple[float, float]:
    """mm and degrees."""
    off = se3.inverse(truth) @ T
    return 1000 * float(np.linalg.norm(off[:3, 3])), float(np.degrees(se3.rotation_angle_rad(off)))


def corrupt(views: Sequence[View], folder: Path, description: Description) -> tuple[list[View], set[str]]:
    """One view in ten: every second of them with another view's pose, the others blurred by 6 px."""
    images = list_images(folder, description)
    changed = list(views)
    chosen = list(range(5, len(views), 10))
    for k, i in enumerate(chosen):
        view = views[i]
        if k % 2 == 0:
            changed[i] = replace(view, T_base_tool=views[(i + 7) % len(views)].T_base_tool)
            continue
        blurred = cv2.GaussianBlur(cv2.imread(str(images[view.name]), cv2.IMREAD_GRAYSCALE), (0, 0), 6)
        corners = find_corners(np.asarray(blurred, dtype=np.uint8), description.board)
        changed[i] = replace(view, ids=corners.ids, pixels_xy=corners.pixels_xy)
    return changed, {views[i].name for i in chosen}


def coverage(views: Sequence[View], description: Description, camera: Pinhole, start: Guess) -> int:
    """In how many simulations the 95 % region holds the truth: the same poses, new corners and readings."""
    held = 0
    chain = Chain(views, description.board, "to-hand")
    exact = chain.residuals(start) + chain.pixels_xy
    for seed in range(N_SIMULATIONS):
        rng = np.random.default_rng(seed)
        drawn = [
            replace(
                view,
                T_base_tool=view.T_base_tool
                @ se3.from_rotvec(rng.normal(0, TURN_RAD, 3), rng.normal(0, REPEATABILITY_M, 3)),
                pixels_xy=pixels + rng.normal(0, CORNER_PX, pixels.shape),
            )
            for view, pixels in zip(views, np.split(exact, chain.starts[1:]), strict=True)
        ]
        result = fit(Chain(drawn, description.board, "to-hand"), start)
        off = se3.inverse(result.guess.X) @ start.X
        held += estimate_uncertainty(result).holds(np.r_[se3.to_rotvec(off), off[:3, 3]])
    return held


def main() -> None:
    """Take what is missing, solve it in every way, print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("runs/benchmark_calibrate"))
    out = parser.parse_args().out
    subprocess.run([SYNTH, "calibrate", "run", "--views", "30", "--pace", "1000", "--out", out], check=True)
    description = read_description(out)
    found = read_views(out, description, LineProgress(Console(), "images"))
    seen = [view for view in found.views if len(view) >= MIN_CORNERS]
    camera = known_lens(description, found.size_wh)
    assert camera is not None
    cell = default_cell()
    truth = load_truth(cell).T_base_cam_of(cell)
    broken, names = corrupt(seen, out, description)
    print("| | 30 views: mm | degrees | one in ten corrupted: mm | degrees |\n|---|---|---|---|---|")
    for method in (*METHODS, *WORLD_METHODS):
        row = []
        for views in (seen, [view for view in broken if len(view) >= MIN_CORNERS]):
            chain = Chain(views, description.board, "to-hand")
            start = solve_closed_form(method, chain.M, board_poses(views, description.board, camera), camera)
            row += [f"{value:.4f}" for value in error_of(start.X, truth)] if start else ["fails", ""]
        print(f"| OpenCV, {method} alone | " + " | ".join(row) + " |")
    good = solve(seen, description.board, camera, eye="to-hand")
    bad = solve(broken, description.board, camera, eye="to-hand")
    lens = solve(seen, description.board, camera, eye="to-hand", solve_lens=True)
    rows = [[f"{v:.4f}" for v in error_of(s.guess.X, truth)] for s in (good, bad, lens)]
    print("| synth | " + " | ".join([*rows[0], *rows[1]]) + " |")
    print("| synth, lens solved too | " + " | ".join([*rows[2], "", ""]) + " |")
    left_out = set(bad.outliers) | {view.name for view in broken if len(view) < MIN_CORNERS}
    print(f"Corrupted: {sorted(names)}; named or not seen: {sorted(left_out)}.")
    order = np.random.default_rng(0).permutation(len(seen))
    shuffled = solve([seen[i] for i in order], description.board, camera, eye="to-hand")
    print(f"Shuffled: {1000 * np.abs(shuffled.guess.X - good.guess.X).max():.6f} mm at most.")
    print(f"Stated: {good.uncertainty.sigma_mm:.3f} mm, {good.uncertainty.sigma_deg:.4f}° (one sigma).")
    held = coverage(good.views, description, camera, good.guess)
    print(f"The 95 % region holds the truth in {held} of {N_SIMULATIONS} simulations.")


if __name__ == "__main__":
    main()
