"""How fast a picture is rendered, and how good it is, beside plain BlenderProc in one run.

python benchmarks/render.py references --frames 4 --references runs/references
python benchmarks/render.py quality --frames 4 --references runs/references --json runs/benchmark_render.json
python benchmarks/render.py growth --images 10 300 --workers 1 2

quality: seconds a frame against SSIM to a 1024-sample reference without denoising, on the whole image and on
part and shadow alone. Both sides draw the same light paths (BlenderProc's bounces). Ours is timed from scene
to light in Python; the peer's building of the scene is left out. references: draws those references, minutes
each, and keeps them for quality. growth: workers, images, memory.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import psutil
from skimage.metrics import structural_similarity

from synth.cell.load import load_cell
from synth.geometry.pinhole import Pinhole
from synth.sim.blender import QUALITIES, Blender, Quality
from synth.sim.colour import u8_of_linear
from synth.sim.furnish import camera_of_cell
from synth.sim.light import draw_light
from synth.sim.meshes import cell_meshes, write_meshes
from synth.sim.sources.fresh import make_fresh

PEER = {
    "defaults": {"samples": None, "noise_threshold": None},
    **{f"{n} samples": {"samples": n, "noise_threshold": 0.0} for n in (4, 8, 16, 32)},
}
SHADOW_COUNTS = 3
"""A pixel is in shadow where the reference and the empty bench differ by more, 8-bit counts."""


BOUNCES = {"diffuse_bounces": 3, "glossy_bounces": 0}
"""BlenderProc's."""

OURS = {
    **{name: replace(QUALITIES[name], **BOUNCES) for name in ("draft", "normal")},
    **{f"{n} samples": Quality(n, table_samples=8, **BOUNCES) for n in (12, 16)},
}
BENCH = Quality(64, table_samples=64, **BOUNCES)
REFERENCE = Quality(1024, denoiser=None, **BOUNCES)


class Subject:
    """Fresh scenes of the simulated cell with the meshes that they name, and the camera that takes them."""

    def __init__(self, folder: Path, count: int, size_wh: tuple[int, int]) -> None:
        cell = load_cell(None)
        self.folder = folder / "meshes"
        self.meshes = cell_meshes(cell)
        write_meshes(self.meshes, self.folder)
        camera = camera_of_cell(cell)
        self.scenes = make_fresh(count, cell, self.meshes, camera, seed=5)
        scale = size_wh[0] / camera.size_wh[0]
        K = np.diag([scale, scale, 1.0]) @ np.asarray(camera.K)
        K[0, 2], K[1, 2] = (size_wh[0] - 1) / 2, (size_wh[1] - 1) / 2
        self.ideal = Pinhole(size_wh, K)
        self.whole = (0, 0, *size_wh)


def similarity(light, reference, where):
    """Mean SSIM of two pictures over the whole image and where a mask is set."""
    _, ssim = structural_similarity(
        u8_of_linear(light), u8_of_linear(reference), channel_axis=-1, full=True, data_range=255
    )
    return float(ssim.mean()), float(ssim.mean(axis=-1)[where].mean())


def run_peer(subject: Subject, folder: Path) -> dict[str, list[tuple[float, float]]]:
    """Seconds and CPU seconds of each frame by setting; the pictures lie in the folder."""
    paths = []
    for scene in subject.scenes:
        paths.append(folder / f"{scene.name}.json")
        paths[-1].write_text(scene.model_dump_json(), "utf-8")
    job = folder / "job.json"
    ideal = {"size_wh": subject.ideal.size_wh, "K": subject.ideal.K.tolist()}
    job.write_text(
        json.dumps(
            {
                "meshes": str(subject.folder),
                "out": str(folder),
                "ideal": ideal,
                "scenes": [str(path) for path in paths],
                "settings": PEER,
            }
        ),
        "utf-8",
    )
    script = Path(__file__).with_name("peer_blenderproc.py")
    done = subprocess.run([sys.executable, str(script), str(job)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def draw_references(subject: Subject, blender: Blender, folder: Path):
    """Light [H,W,3] and instances [H,W] of every scene, drawn unless they lie in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    references = []
    for scene in subject.scenes:
        what = f"{scene.model_dump_json()} {subject.ideal.size_wh} {subject.ideal.K.tolist()} {REFERENCE}"
        path = folder / f"{hashlib.sha256(what.encode()).hexdigest()[:16]}.npz"
        if not path.is_file():
            drawn = blender.render(scene, subject.ideal, subject.whole, REFERENCE, ("ids",))
            np.savez(path, rgb=drawn.rgb, ids=drawn.layers["ids"])
            print(f"reference {scene.name}: {drawn.seconds:.0f} s", flush=True)
        with np.load(path) as file:
            references.append((file["rgb"], file["ids"]))
    return references


def measure_quality(subject: Subject, folder: Path, references_folder: Path):
    """Rows of both sides: who, setting, seconds a frame, SSIM of the whole image and of part and shadow."""
    rows = []
    with Blender(subject.folder) as blender:
        references = draw_references(subject, blender, references_folder)
        empty = subject.scenes[0].model_copy(update={"bodies": ()})
        began = time.perf_counter()
        bench = draw_light(blender, empty, subject.meshes, subject.ideal, BENCH)
        print(f"bench, once: {time.perf_counter() - began:.1f} s")
        masks = [part_and_shadow(rgb, ids, bench) for rgb, ids in references]
        for name, quality in OURS.items():
            seconds, scores = [], []
            for scene, (expected, _), where in zip(subject.scenes, references, masks, strict=True):
                began, cpu_began = time.perf_counter(), cpu_seconds(blender)
                light = draw_light(blender, scene, subject.meshes, subject.ideal, quality)
                seconds.append((time.perf_counter() - began, cpu_seconds(blender) - cpu_began))
                scores.append(similarity(light, expected, where))
            rows.append(row("synth", name, seconds, scores))
    for name, seconds in run_peer(subject, folder).items():
        lights = [np.load(folder / f"{name}_{i}.npy") for i in range(len(seconds))]
        scores = [
            similarity(light, expected, where)
            for light, (expected, _), where in zip(lights, references, masks, strict=True)
        ]
        rows.append(row("BlenderProc", name, seconds, scores))
    return rows


def cpu_seconds(blender):
    """What this process and its worker have used; a busy machine changes it less than the clock."""
    return time.process_time() + sum(psutil.Process(blender.worker_pid).cpu_times()[:2])


def part_and_shadow(rgb, ids, bench):
    """[H,W] where the part is seen, and around it where the scene darkens or brightens the bench."""
    changed = np.abs(u8_of_linear(rgb).astype(int) - u8_of_linear(bench)).max(axis=-1) > SHADOW_COUNTS
    return cv2.dilate((changed | (ids > 0)).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0


def row(who, setting, seconds, scores):
    wall, cpu = np.median(seconds, axis=0)
    whole, part = np.mean(scores, axis=0)
    print(f"{who:12} {setting:12} {wall:7.2f} s {cpu:7.2f} s CPU   SSIM {whole:.4f} {part:.4f}", flush=True)
    return {
        "who": who,
        "setting": setting,
        "seconds": round(float(wall), 3),
        "cpu_seconds": round(float(cpu), 3),
        "ssim": round(float(whole), 4),
        "ssim_part_and_shadow": round(float(part), 4),
    }


def verdict(rows, enough=0.99):
    """Our fastest good setting on part and shadow, against the peer's defaults and its fastest."""
    good = [r for r in rows if r["ssim_part_and_shadow"] >= enough]
    best = {
        who: min((r for r in good if r["who"] == who), key=lambda r: r["seconds"], default=None)
        for who in ("synth", "BlenderProc")
    }
    if best["synth"] is None:
        return {"enough": enough, "synth": None}
    default = next(r for r in rows if r["setting"] == "defaults")
    found = {
        "enough": enough,
        "synth": best["synth"],
        "against_defaults": default["seconds"] / best["synth"]["seconds"],
    }
    if best["BlenderProc"]:
        found["against_best"] = best["BlenderProc"]["seconds"] / best["synth"]["seconds"]
        found["best"] = best["BlenderProc"]["setting"]
    return found


def measure_growth(subject: Subject, n_images: int, n_workers: int):
    """Seconds an image and memory of the first worker over a run."""
    share = n_images // n_workers
    memory_mb = []

    def work(i_worker):
        with Blender(
            subject.folder, n_threads=max(psutil.cpu_count() // n_workers, 1), max_scenes=10**6
        ) as blender:
            blender.made_by  # noqa: B018 - start-up is not counted.
            began = time.perf_counter()
            for i in range(share):
                scene = subject.scenes[(i_worker * share + i) % len(subject.scenes)]
                draw_light(blender, scene, subject.meshes, subject.ideal, QUALITIES["draft"])
                if i_worker == 0:
                    memory_mb.append(psutil.Process(blender.worker_pid).memory_info().rss / 2**20)
            return time.perf_counter() - began

    with ThreadPoolExecutor(n_workers) as pool:
        seconds = max(pool.map(work, range(n_workers)))
    third = max(len(memory_mb) // 3, 1)
    found = {
        "images": share * n_workers,
        "workers": n_workers,
        "seconds_an_image": round(seconds / (share * n_workers), 3),
        "memory_mb_first_third": round(float(np.median(memory_mb[:third])), 1),
        "memory_mb_last_third": round(float(np.median(memory_mb[-third:])), 1),
    }
    print(found, flush=True)
    return found


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["references", "quality", "growth"])
    parser.add_argument("--frames", type=int, default=2)
    parser.add_argument("--size", type=int, nargs=2, default=(640, 480))
    parser.add_argument("--images", type=int, nargs="+", default=[10, 300])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--references", type=Path, help="where references are kept")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.what == "growth":
            subject = Subject(folder, 8, tuple(options.size))
            found = {"rows": [measure_growth(subject, n, w) for w in options.workers for n in options.images]}
        else:
            subject = Subject(folder, options.frames, tuple(options.size))
            references = options.references or folder / "references"
            if options.what == "references":
                with Blender(subject.folder) as blender:
                    draw_references(subject, blender, references)
                return
            rows = measure_quality(subject, folder, references)
            found = {"rows": rows, "verdict": verdict(rows)}
            print(json.dumps(found["verdict"], indent=1))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(found, indent=1), "utf-8")


if __name__ == "__main__":
    main()
