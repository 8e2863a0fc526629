"""The peer of render.py: plain BlenderProc, whole frames, its own render settings and its default denoiser.

python benchmarks/peer_blenderproc.py JOB.json

JOB: meshes and out (folders), ideal {size_wh, K}, scenes (paths), settings: name → samples and noise
threshold, null for what BlenderProc sets by itself. Writes out/NAME_FRAME.npy, linear light, and prints
seconds and CPU seconds as JSON.
"""

import json
import sys
import time
from pathlib import Path

from synth.sim.blender_side import wheels

wheels.prepare()  # Nothing is downloaded; from here on it is BlenderProc as it comes.

import blenderproc as bproc  # noqa: E402
import bpy  # noqa: E402
import numpy as np  # noqa: E402
from blenderproc.python.utility.DefaultConfig import DefaultConfig  # noqa: E402

from synth.sim.blender_side import build, start  # noqa: E402


def main():
    job = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    start.initialise(0)  # BlenderProc's defaults, 1024 samples with the INTEL denoiser.
    bpy.context.scene.render.use_persistent_data = True
    bproc.renderer.set_output_format("OPEN_EXR")
    seconds = {}
    for name, setting in job["settings"].items():
        bproc.renderer.set_max_amount_of_samples(setting["samples"] or DefaultConfig.samples)
        threshold = setting["noise_threshold"]
        bproc.renderer.set_noise_threshold(
            DefaultConfig.sampling_noise_threshold if threshold is None else threshold
        )
        for i_frame, path in enumerate(job["scenes"]):
            scene = json.loads(Path(path).read_text("utf-8"))
            build.build(scene, Path(job["meshes"]), job["ideal"])
            bproc.utility.reset_keyframes()
            T_base_cam = np.array(scene["camera"]["T_base_cam"]) @ np.diag([1.0, -1.0, -1.0, 1.0])
            bproc.camera.add_camera_pose(T_base_cam)
            began, cpu_began = time.perf_counter(), time.process_time()
            light = bproc.renderer.render()["colors"][0]
            spent = time.perf_counter() - began, time.process_time() - cpu_began
            seconds.setdefault(name, []).append(spent)
            np.save(Path(job["out"]) / f"{name}_{i_frame}.npy", np.asarray(light, np.float32)[..., :3])
    print(json.dumps(seconds))


if __name__ == "__main__":
    main()
