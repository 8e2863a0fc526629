"""How true label maps are, and how fast they are made.

python benchmarks/maps.py --twins 20 --maps 200

Truth: twins of a simulated capture, each pixel's class against Blender's ids of the very scene, drawn with
STEPS² rays a pixel through the camera's lens; and the part's class against the simulator's own truth. A pixel
is away from edges where all of Blender's rays in it and its eight neighbours meet one class. Speed: `synth
render --maps-only` at 640×360, fresh poses; seconds of a long run less those of a short one, so that starting
does not count.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import psutil
from render_truth import STEPS, Eye, iou
from result_lines import append
from rich.console import Console

from synth.capture.run import capture, make_plan
from synth.capture.settings import CaptureSettings
from synth.cell.edit import edit_cell
from synth.cell.load import load_cell
from synth.cell.mesh import load_bodies
from synth.cell.template import write_template
from synth.compute.progress import make_progress
from synth.dataset.reader import DatasetReader
from synth.hardware.simulated.motion import ArmTruth, repeatability_offset_rad
from synth.hardware.simulated.truth import load_truth
from synth.hardware.simulated.world import World
from synth.sim.bench import Bench
from synth.sim.blender import Blender
from synth.sim.furnish import camera_of_cell
from synth.sim.labels import label_scene
from synth.sim.meshes import write_meshes
from synth.sim.twins import make_twin

FROZEN = "2026-11-29"
RESULTS = Path(__file__).parent / "results" / "maps.jsonl"
SMALL_WH = (640, 360)
_SHORT = 20


def write_cell(folder):
    """The simulated cell with cameras of 640×360."""
    file = write_template(folder / "cell.yaml")[-1]
    edit_cell(file, {("camera", "color_size_wh"): [*SMALL_WH], ("camera", "depth_size_wh"): [320, 240]})
    return load_cell(file)


def seen_by_blender(scene, eye, classes):
    """Blender's class [H,W,STEPS²] of every ray, an index of ``classes.names``; void for nothing."""
    names = classes.names
    bodies = tuple(
        b.model_copy(update={"instance": 1 + names.index(classes.of_mesh[b.mesh])}) for b in scene.bodies
    )
    numbered = scene.model_copy(update={"bodies": bodies})
    drawn = eye.look(numbered, (0, 0, *scene.camera.size_wh), ("ids", "depth"))
    behind = np.where(drawn["depth"] > 0, names.index(classes.behind), classes.semantic.void)
    return np.where(drawn["ids"] > 0, drawn["ids"].astype(int) - 1, behind)


def compare(ids, rays):
    """Pixels of a map [H,W] that agree with Blender's rays [H,W,STEPS²]: away from edges, and of all."""
    lowest, highest = rays.min(axis=-1).astype(np.uint8), rays.max(axis=-1).astype(np.uint8)
    box = np.ones((3, 3), np.uint8)
    inside = cv2.erode(lowest, box) == cv2.dilate(highest, box)
    values = np.unique(rays)
    most = values[np.stack([(rays == v).sum(axis=-1) for v in values]).argmax(axis=0)]
    return {
        "n_inside": int(inside.sum()),
        "same_inside": int((ids == lowest)[inside].sum()),
        "n_pixels": ids.size,
        "same_pixels": int((ids == most).sum()),
    }


def measure_truth(cell, real, n_twins, seed):
    """One line of a table a twin."""
    reader = DatasetReader(real)
    bench = Bench(cell, camera_of_cell(cell, reader.info.camera))
    world = World(cell, load_bodies(cell), load_truth(cell), reader.info.made_by.seed)
    classes = bench.pixel_classes
    with tempfile.TemporaryDirectory() as folder:
        write_meshes(bench.meshes, Path(folder))
        with Blender(Path(folder)) as blender:
            eye = Eye(blender, bench.camera)
            for sample in reader.samples[:n_twins]:
                scene = make_twin(sample, bench, seed=seed, for_analysis=True)
                ids = label_scene(scene, bench.meshes, bench.labels).semantic(classes)
                line = compare(ids, seen_by_blender(scene, eye, classes))
                q_rad = np.asarray(sample.robot.before.q_rad)
                at_rest = repeatability_offset_rad(q_rad, ArmTruth(world.dh), reader.info.made_by.seed)
                line["iou_simulator"] = iou(ids == 0, world.truth_of(q_rad + at_rest).mask_visib)
                yield {"part": "truth", "sample": sample.name, "size_wh": scene.camera.size_wh} | line


def time_command(folder, n):
    """Wall seconds and CPU seconds of one command and its children, of ``n`` maps."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    words = ["render", "--maps-only", "--share", f"fresh={n}", "--out", f"maps_{n}", "--workers", "2"]
    subprocess.run([sys.executable, "-m", "synth", *words], cwd=folder, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - began, cpu_s


def measure_speed(n_maps):
    """Seconds a map, and how busy others kept the machine meanwhile."""
    with tempfile.TemporaryDirectory() as name:
        write_cell(Path(name))
        short = time_command(Path(name), _SHORT)
        psutil.cpu_percent()
        before, began = psutil.cpu_times(), time.perf_counter()
        wall_s, cpu_s = time_command(Path(name), n_maps)
        after, seconds = psutil.cpu_times(), time.perf_counter() - began
    busy_s = sum(getattr(after, k) - getattr(before, k) for k in ("user", "system", "nice"))
    return {
        "part": "speed",
        "n_maps": n_maps - _SHORT,
        "wall_s_a_map": round((wall_s - short[0]) / (n_maps - _SHORT), 4),
        "cpu_s_a_map": round((cpu_s - short[1]) / (n_maps - _SHORT), 4),
        "cores": psutil.cpu_count(),
        "cores_busy_with_others": round((busy_s - cpu_s) / seconds, 2),
        "load": round(psutil.getloadavg()[0], 1),
    }


def print_truth(lines):
    """Shares of equal pixels, over all twins and of the worst."""
    for same, n, what in (
        ("same_inside", "n_inside", "away from edges"),
        ("same_pixels", "n_pixels", "all pixels"),
    ):
        total = sum(line[same] for line in lines) / sum(line[n] for line in lines)
        worst = min(line[same] / line[n] for line in lines)
        print(f"{len(lines)} twins, {what}: {total:.6f} equal to Blender's ids, {worst:.6f} in the worst")
    found = [line["iou_simulator"] for line in lines]
    print(f"part against the simulator's truth: IoU {np.median(found):.4f} median, {min(found):.4f} worst")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--twins", type=int, default=20, help="0 for none")
    parser.add_argument("--maps", type=int, default=200, help="of the longer run; 0 for none")
    parser.add_argument("--real", type=Path, help="a finished capture of that cell at 640×360")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.twins:
        with tempfile.TemporaryDirectory() as name:
            cell, real = write_cell(Path(name)), options.real
            if real is None:
                real = Path(name) / "real"
                bodies = load_bodies(cell)
                settings = CaptureSettings(
                    cell=cell, out=real, n_poses=options.twins, seed=options.seed, pace=200.0
                )
                capture(settings, make_plan(settings, bodies), bodies, make_progress(Console(), "capture"))
            lines = []
            for line in measure_truth(cell, real, options.twins, options.seed):
                lines.append(line)
                append(RESULTS, line | {"rays_a_pixel": STEPS**2, "seed": options.seed}, FROZEN)
                print_truth(lines[-1:])
            print_truth(lines)
    if options.maps:
        line = measure_speed(options.maps)
        append(RESULTS, line, FROZEN)
        print(line)


if __name__ == "__main__":
    main()
