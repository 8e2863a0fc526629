"""How good and how fast a capture of the simulated cell is, against the simulator's exact truth.

python benchmarks/capture.py --poses 400 --life-poses 40 --json runs/benchmark_capture.json
"""

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from synth.capture.run import fill, make_plan
from synth.capture.settings import CaptureSettings
from synth.cell.load import load_cell
from synth.cell.mesh import load_bodies
from synth.dataset.reader import DatasetReader
from synth.dataset.verify import verify
from synth.geometry.normals import angle_deg
from synth.hardware.connect import connect
from synth.hardware.simulated.motion import ArmTruth, repeatability_offset_rad
from synth.hardware.simulated.world import World


class Stopwatch:
    """Progress that notes when shooting began and ended, and how long the simulator had rendered by then."""

    def __init__(self, render_s):
        self._render_s = render_s
        self.shooting_s = self.rendering_s = 0.0

    def say(self, text):
        print(text)

    def begin(self, *, total, done):
        self._began = time.perf_counter(), self._render_s()

    def accepted(self, name):
        pass

    def refused(self, name, reason):
        print(f"{name} refused: {reason}")

    def end(self):
        self.shooting_s = time.perf_counter() - self._began[0]
        self.rendering_s = self._render_s() - self._began[1]


def compare_with_truth(reader: DatasetReader, world: World) -> dict[str, float]:
    """Errors of labels against ``world``: tight box edges in pixels, normals in degrees.

    The arm truly rests beside what its encoders read, by its repeatability.
    """
    arm = ArmTruth(world.dh)
    edges_px, normals_deg, depth_deg, sides_px = [], [], [], []
    for sample in reader.samples:
        q_rad = np.asarray(sample.robot.before.q_rad)
        truth = world.truth_of(q_rad + repeatability_offset_rad(q_rad, arm, reader.info.made_by.seed))
        instance = sample.instances[0]
        edges_px.append(np.abs(np.asarray(instance.box_xyxy_px) - truth.box_xyxy_px))
        normals_deg.append(angle_deg(instance.normal_uvw, truth.normal_uvw))
        x0, _, x1, _ = instance.square_xyxy_px
        sides_px.append(x1 - x0)
        if "normal_depth_deg" in sample.quality:
            depth_deg.append(sample.quality["normal_depth_deg"])
    return {
        "box_side_median_px": float(np.median(sides_px)),
        "edge_error_median_px": float(np.median(edges_px)),
        "edge_error_p95_px": float(np.percentile(edges_px, 95)),
        "normal_error_median_deg": float(np.median(normals_deg)),
        "depth_normal_error_median_deg": float(np.median(depth_deg)) if depth_deg else float("nan"),
        "depth_checked": len(depth_deg) / len(reader.samples),
    }


def run_capture(out: Path, n_poses: int, pace: float, seed: int) -> dict[str, float]:
    """Capture into ``out``, compare with the truth, and count."""
    cell = load_cell(None)
    bodies = load_bodies(cell)
    settings = CaptureSettings(cell=cell, out=out, n_poses=n_poses, seed=seed, pace=pace)
    started = time.perf_counter()
    plan = make_plan(settings, bodies)
    with connect(cell, bodies, seed=seed, pace=pace) as devices:
        watch = Stopwatch(lambda: devices.bench.camera.render_s)
        summary = fill(settings, plan, bodies, devices, watch)
        figures = compare_with_truth(DatasetReader(out), devices.bench.world)
    wall_s = time.perf_counter() - started
    reader = DatasetReader(out)
    motion_s = sum(s.timing["motion_s"] for s in reader.samples)
    busy_s = watch.shooting_s - watch.rendering_s
    return {
        "poses": summary.n_samples,
        "pace": pace,
        "refused": summary.n_refused,
        **figures,
        "verify_findings": len(verify(out)),
        "wall_min": wall_s / 60,
        "poses_per_min": 60 * summary.n_taken / watch.shooting_s,
        "render_s_per_pose": watch.rendering_s / summary.n_taken,
        "label_s_per_pose": float(np.mean([s.timing["label_s"] for s in reader.samples])),
        "not_motion": 1 - motion_s / pace / busy_s,
        "peak_rss_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
        "coverage": plan.coverage,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--poses", type=int, default=400)
    parser.add_argument("--life-poses", type=int, default=40, help="poses at life's pace; 0 leaves them out")
    parser.add_argument("--pace", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="keep the datasets here")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    results = {}
    with tempfile.TemporaryDirectory() as scratch:
        out = options.out or Path(scratch)
        results["fast"] = run_capture(out / "fast", options.poses, options.pace, options.seed)
        if options.life_poses:
            results["life"] = run_capture(out / "life", options.life_poses, 1.0, options.seed)
    for name, figures in results.items():
        print(f"\n{name}")
        for key, value in figures.items():
            print(f"  {key:32s} {value:10.4f}")
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
