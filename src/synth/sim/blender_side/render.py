"""Cycles' settings, and a window of a picture as linear light."""

from pathlib import Path
from typing import Any

import bpy
import numpy as np
from bpy.types import Scene

from synth.sim.blender_side import build, passes, start

_MARGIN_PX = 12  # The denoiser sees this far beyond the window, so that its edges look like the rest.
_SAMPLES_FOR_DENOISER = 16  # Times as many make up for a missing one.


def render(request: dict[str, Any], scratch: Path) -> dict[str, Any]:
    """Render a window of a scene's ideal image into an npz: rgb [h,w,3] and the layers asked for.

    request: scene, meshes (folder), ideal {size_wh, K}, window_xyxy, quality, layers. Answer: out (path).
    """
    scene, quality = request["scene"], request["quality"]
    build.build(scene, Path(request["meshes"]), request["ideal"])
    x0, y0, x1, y1 = request["window_xyxy"]
    width, height = request["ideal"]["size_wh"]
    margin = _MARGIN_PX if quality["denoiser"] else 0
    left, top = max(x0 - margin, 0), max(y0 - margin, 0)
    _set_quality(quality, scene["seed"])
    _set_window((left, top, min(x1 + margin, width), min(y1 + margin, height)), width, height)
    light = _draw(scratch / "light.exr")
    arrays: dict[str, Any] = {"rgb": light[y0 - top : y1 - top, x0 - left : x1 - left]}
    if request["layers"]:
        _set_window((x0, y0, x1, y1), width, height)
        arrays |= passes.draw(request["layers"], np.array(scene["camera"]["T_base_cam"]), scratch)
    out = scratch / "render.npz"
    np.savez(out, allow_pickle=False, **arrays)
    return {"out": str(out)}


def _set_quality(quality: dict[str, Any], seed: int) -> None:
    scene: Scene = bpy.context.scene
    cycles = scene.cycles
    denoises = quality["denoiser"] is not None and start.has_denoiser()
    cycles.samples = quality["samples"]
    if quality["denoiser"] is not None and not denoises:
        cycles.samples = min(_SAMPLES_FOR_DENOISER * quality["samples"], 1024)
    cycles.use_adaptive_sampling = quality["noise_threshold"] > 0
    cycles.adaptive_threshold = quality["noise_threshold"]
    cycles.seed = seed % 2**31
    cycles.use_denoising = bpy.context.view_layer.cycles.use_denoising = denoises
    if denoises:
        cycles.denoiser = quality["denoiser"]
        cycles.denoising_prefilter = quality["prefilter"]
        cycles.denoising_input_passes = "RGB_ALBEDO_NORMAL"
    cycles.diffuse_bounces, cycles.glossy_bounces = quality["diffuse_bounces"], quality["glossy_bounces"]
    cycles.max_bounces = max(cycles.diffuse_bounces, cycles.glossy_bounces)
    cycles.filter_width = 1.5
    scene.use_nodes = False


def _set_window(window: tuple[int, int, int, int], width: int, height: int) -> None:
    """Only this part of the picture is rendered and written. Blender counts rows from below."""
    x0, y0, x1, y1 = window
    settings = bpy.context.scene.render
    settings.use_border = settings.use_crop_to_border = True
    # A hair further than the edge: Blender cuts the fraction, kept in float32, off in one place of its code.
    hair = 0.01
    settings.border_min_x, settings.border_max_x = (x0 + hair) / width, (x1 + hair) / width
    settings.border_min_y = (height - y1 + hair) / height
    settings.border_max_y = (height - y0 + hair) / height


def _draw(path: Path) -> np.ndarray:
    settings = bpy.context.scene.render
    settings.image_settings.file_format = "OPEN_EXR"
    settings.image_settings.color_mode, settings.image_settings.color_depth = "RGB", "32"
    settings.image_settings.exr_codec = "NONE"
    settings.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    return passes.read_exr(path)[..., :3]
