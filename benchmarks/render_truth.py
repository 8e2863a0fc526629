"""How true rendered scenes are: Blender's own pixels against the simulator's truth and against our labels.

python benchmarks/render_truth.py --scenes 20 --json runs/benchmark_render_truth.json

Twins of a simulated capture: Blender's ids and normals against what the simulator knows and capture saw.
Twins, fresh poses, bins: ray-cast labels against Blender's ids, each part with the others and alone. All at
the camera's full size, through its lens, by STEPS² of Blender's rays a pixel.
"""

import argparse
import json
import tempfile
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console

from synth.capture.run import capture, make_plan
from synth.capture.settings import CaptureSettings
from synth.cell.load import load_cell
from synth.cell.mesh import load_bodies
from synth.compute.progress import make_progress
from synth.dataset.reader import DatasetReader
from synth.geometry import se3
from synth.geometry.boxes import tight_box
from synth.geometry.frames import cam_from_uvw
from synth.geometry.normals import angle_deg
from synth.geometry.pinhole import Pinhole
from synth.geometry.visible import SPECK_PX
from synth.hardware.simulated.motion import ArmTruth, repeatability_offset_rad
from synth.hardware.simulated.truth import load_truth
from synth.hardware.simulated.world import World
from synth.sim.bench import Bench
from synth.sim.blender import Blender, Quality
from synth.sim.furnish import camera_of_cell, pinhole_of
from synth.sim.labels import cell_labels, label_scene, placed
from synth.sim.meshes import cell_meshes, write_meshes
from synth.sim.optics import Lens
from synth.sim.sources.bin import make_bin
from synth.sim.sources.fresh import make_fresh
from synth.sim.twins import make_twin

STEPS = 4
MARGIN_PX = 6
BOUNDS = {
    "mask IoU with the simulator's truth": ("median", 0.985, "least"),
    "contour to the captured colour mask, px": ("median", 1.0, "most"),
    "normal at the point of interest, deg": ("worst", 0.5, "most"),
    "box edges, px": ("worst", 1.0, "most"),
    "mask IoU off edges": ("worst", 0.99, "least"),
    "visible fraction": ("worst", 0.02, "most"),
}
"""What is measured: which figure is held, to what, as the least or the most."""


class Eye:
    """Blender's layers of a window of the distorted picture, by STEPS² rays a pixel."""

    def __init__(self, blender: Blender, camera) -> None:
        self._blender, self._lens = blender, Lens.of(pinhole_of(camera))
        ideal = self._lens.ideal
        K = ideal.K * STEPS
        K[:2, 2] = (ideal.K[:2, 2] + 0.5) * STEPS - 0.5
        K[2, 2] = 1.0
        self._fine = Pinhole((ideal.size_wh[0] * STEPS, ideal.size_wh[1] * STEPS), K)

    def look(self, scene, window, layers=("ids",)):
        """Each layer [h,w,STEPS²,...] of a window x0, y0, x1, y1."""
        x0, y0, x1, y1 = window
        ideal_window = tuple(STEPS * edge for edge in self._lens.window_in_ideal(window))
        drawn = self._blender.render(scene, self._fine, ideal_window, Quality(1, denoiser=None), layers)
        xy = self._lens.ideal_xy
        along_y, along_x = np.gradient(xy, axis=(0, 1))
        part = np.s_[y0:y1, x0:x1]
        offsets = (np.arange(STEPS) + 0.5) / STEPS - 0.5
        places = [xy[part] + dx * along_x[part] + dy * along_y[part] for dy in offsets for dx in offsets]
        fine = np.rint((np.stack(places, axis=2) + 0.5) * STEPS - 0.5).astype(int) - ideal_window[:2]
        return {name: layer[fine[..., 1], fine[..., 0]] for name, layer in drawn.layers.items()}


def window_of(scene, meshes):
    """Around every labelled part, clipped to the image."""
    camera = pinhole_of(scene.camera)
    T_cam_base = se3.inverse(np.asarray(scene.camera.T_base_cam))
    vertices_m = np.concatenate([placed(b, meshes).vertices_m for b in scene.bodies if b.instance])
    pixels = camera.project(se3.transform(T_cam_base, vertices_m))
    x0, y0 = np.maximum(np.floor(pixels.min(axis=0)).astype(int) - MARGIN_PX, 0)
    x1, y1 = np.minimum(np.ceil(pixels.max(axis=0)).astype(int) + MARGIN_PX + 1, camera.size_wh)
    return int(x0), int(y0), int(x1), int(y1)


def without_specks(mask):
    """A mask less the pieces that labels leave out."""
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return mask & (stats[:, cv2.CC_STAT_AREA] >= SPECK_PX)[pieces]


def iou(a, b):
    """Intersection over union of two masks."""
    return float((a & b).sum() / max((a | b).sum(), 1))


def contour(mask):
    """[h,w] the mask's own pixels on its outline."""
    return mask & (cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0)


def contour_distance_px(a, b):
    """Median distance between the outlines of two masks, seen from both."""
    to_a, to_b = (
        cv2.distanceTransform((~contour(m)).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        for m in (a, b)
    )
    return float(np.median(np.concatenate([to_b[contour(a)], to_a[contour(b)]])))


def compare_twin(sample, scene, eye, meshes, cell, world, reader, found):
    """Blender's ids and normals of a twin against the simulator's truth and the captured mask."""
    window = x0, y0, x1, y1 = window_of(scene, meshes)
    seen = eye.look(scene, window, ("ids", "normals"))
    mask = np.zeros(scene.camera.size_wh[::-1], bool)
    mask[y0:y1, x0:x1] = (seen["ids"] == 1).mean(axis=-1) >= 0.5
    q_rad = np.asarray(sample.robot.before.q_rad)
    at_rest = repeatability_offset_rad(q_rad, ArmTruth(world.dh), reader.info.made_by.seed)
    truth = world.truth_of(q_rad + at_rest)
    found["mask IoU with the simulator's truth"].append(iou(mask, truth.mask_visib))
    captured = reader.load_mask(sample) > 0
    found["contour to the captured colour mask, px"].append(contour_distance_px(mask, captured))
    instance = label_scene(scene, meshes, cell_labels(cell, meshes)).instances[0]
    x, y = np.rint(np.asarray(instance.point_xy) * scene.camera.size_wh - 0.5).astype(int) - (x0, y0)
    if (seen["ids"][y, x] == 1).all():
        normals = seen["normals"][y, x]
        error_deg = angle_deg(normals, np.broadcast_to(cam_from_uvw(instance.normal_uvw), normals.shape))
        found["normal at the point of interest, deg"].append(float(error_deg.max()))


def compare_labels(scene, eye, meshes, cell, found):
    """Ray-cast labels of a scene against Blender's ids of it, and of each part alone."""
    labels = label_scene(scene, meshes, cell_labels(cell, meshes), demand_part=False)
    window = x0, y0, x1, y1 = window_of(scene, meshes)
    seen = eye.look(scene, window)["ids"]
    mask = labels.mask[y0:y1, x0:x1]
    T_base_cam = np.asarray(scene.camera.T_base_cam)
    parts = {body.instance: body for body in scene.bodies if body.instance}
    for i, instance in enumerate(labels.instances, start=1):
        T_base_part = T_base_cam @ np.asarray(instance.T_cam_part)
        body = next(b for b in parts.values() if np.allclose(b.T_base_body, T_base_part, atol=1e-9))
        share = (seen == body.instance).mean(axis=-1)
        box = tight_box(without_specks(share >= 0.5))
        if box is None:  # A glimpse: nothing that a box could be held against.
            continue
        edges = np.abs(box + np.array([x0, y0, x0, y0]) - instance.box_xyxy_px)
        found["box edges, px"].append(float(edges.max()))
        found["mask IoU"].append(iou(mask == i, share >= 0.5))
        whole = (share == 0) | (share == 1)
        if ((share == 1) & whole).any():
            found["mask IoU off edges"].append(iou((mask == i) & whole, share == 1))
        by_itself = scene.model_copy(update={"bodies": (body,)})
        alone = eye.look(by_itself, window_of(by_itself, meshes))["ids"] == body.instance
        found["visible fraction"].append(
            abs(float(share.sum() / alone.mean(axis=-1).sum()) - instance.visib_fract)
        )


def print_table(title, found):
    """A row a measure, with what it is held to; returns the rows."""
    print(f"\n{title:42} {'n':>4} {'median':>9} {'worst':>9}  bound")
    rows = {}
    for name, values in found.items():
        figure, bound, kind = BOUNDS.get(name, (None, None, "least" if "IoU" in name else "most"))
        worst = min(values) if kind == "least" else max(values)
        rows[name] = {"n": len(values), "median": float(np.median(values)), "worst": float(worst)}
        held = ""
        if figure:
            good = rows[name][figure] >= bound if kind == "least" else rows[name][figure] <= bound
            rows[name] |= {"bound": f"{figure}, at {kind} {bound:g}", "kept": bool(good)}
            held = f"{rows[name]['bound']}: {'kept' if good else 'MISSED'}"
        print(f"{name:42} {len(values):4} {rows[name]['median']:9.4f} {worst:9.4f}  {held}", flush=True)
    return rows


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenes", type=int, default=20, help="of each scenario")
    parser.add_argument("--real", type=Path, help="a finished capture of the simulated cell")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    cell = load_cell(None)
    bodies = load_bodies(cell)
    with tempfile.TemporaryDirectory() as name:
        real = options.real or Path(name) / "real"
        if options.real is None:
            settings = CaptureSettings(
                cell=cell, out=real, n_poses=options.scenes, seed=options.seed, pace=200.0
            )
            capture(settings, make_plan(settings, bodies), bodies, make_progress(Console(), "capture"))
        reader = DatasetReader(real)
        samples = reader.samples[: options.scenes]
        world = World(cell, bodies, load_truth(cell), reader.info.made_by.seed)
        meshes = cell_meshes(cell)
        write_meshes(meshes, Path(name) / "meshes")
        camera = camera_of_cell(cell, reader.info.camera)
        tables = {}
        with Blender(Path(name) / "meshes") as blender:
            eye = Eye(blender, camera)
            twins = [make_twin(s, Bench(cell, camera), seed=options.seed, for_analysis=True) for s in samples]
            found = defaultdict(list)
            for sample, scene in zip(samples, twins, strict=True):
                compare_twin(sample, scene, eye, meshes, cell, world, reader, found)
            tables["simulator"] = print_table("Blender's twins, against the simulator", found)
            scenarios = {
                "twin": twins,
                "fresh": make_fresh(options.scenes, cell, meshes, camera, seed=options.seed),
                "bin": (
                    make_bin(i, cell, meshes, camera, blender.settle, seed=options.seed)
                    for i in range(options.scenes)
                ),
            }
            for scenario, scenes in scenarios.items():
                found = defaultdict(list)
                for scene in scenes:
                    compare_labels(scene, eye, meshes, cell, found)
                tables[scenario] = print_table(f"Labels of {scenario}, against Blender's ids", found)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps({"scenes": options.scenes, "tables": tables}, indent=1), "utf-8")


if __name__ == "__main__":
    main()
