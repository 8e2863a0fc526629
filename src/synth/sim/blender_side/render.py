"""Cycles' settings, and windows of a picture as linear light."""

from pathlib import Path
from typing import Any

import bpy
import numpy as np
from bpy.types import Scene

from synth.sim.blender_side import build, passes, start

_MARGIN_PX = 12  # The denoiser sees this far beyond the window, so that its edges look like the rest.
_SAMPLES_FOR_DENOISER = 16  # Times as many make up for a missing one.


def render(request: dict[str, Any], scratch: Path) -> dict[str, Any]:
    """Render windows of a scene's ideal image into an npz: rgb_I [h,w,3] and LAYER_I of the I-th window.

    request: scene, meshes (folder), ideal {size_wh, K}, windows_xyxy, quality, layers, shows ("all", or
    "table" without the bodies but with their shadows), table_light (path of an npy, or null). Answer: out.
    """
    scene = request["scene"]
    build.build(scene, Path(request["meshes"]), request["ideal"])
    if request["shows"] == "table":
        build.hide_bodies()
    if request["table_light"]:
        build.paint_table(np.load(request["table_light"], allow_pickle=False))
    size_wh = request["ideal"]["size_wh"]
    arrays = {}
    for i, window in enumerate(request["windows_xyxy"]):
        arrays[f"rgb_{i}"] = _draw(window, size_wh, request["quality"], scene["seed"], scratch)
        if request["layers"]:
            _set_window(window, size_wh)
            drawn = passes.draw(request["layers"], np.array(scene["camera"]["T_base_cam"]), scratch)
            arrays |= {f"{name}_{i}": layer for name, layer in drawn.items()}
    out = scratch / "render.npz"
    np.savez(out, allow_pickle=False, **arrays)
    return {"out": str(out)}


def _draw(
    window: list[int], size_wh: list[int], quality: dict[str, Any], seed: int, scratch: Path
) -> np.ndarray:
    x0, y0, x1, y1 = window
    width, height = size_wh
    margin = _MARGIN_PX if quality["denoiser"] else 0
    left, top = max(x0 - margin, 0), max(y0 - margin, 0)
    _set_quality(quality, seed)
    _set_window([left, top, min(x1 + margin, width), min(y1 + margin, height)], size_wh)
    path = scratch / "light.exr"
    settings = bpy.context.scene.render
    settings.image_settings.file_format = "OPEN_EXR"
    settings.image_settings.color_mode, settings.image_settings.color_depth = "RGB", "32"
    settings.image_settings.exr_codec = "NONE"
    settings.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    return passes.read_exr(path)[y0 - top : y1 - top, x0 - left : x1 - left, :3]


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


def _set_window(window: list[int], size_wh: list[int]) -> None:
    """Only this part of the picture is rendered and written. Blender counts rows from below."""
    x0, y0, x1, y1 = window
    width, height = size_wh
    settings = bpy.context.scene.render
    settings.use_border = settings.use_crop_to_border = True
    # A hair further than the edge: Blender cuts the fraction, kept in float32, off in one place of its code.
    hair = 0.01
    settings.border_min_x, settings.border_max_x = (x0 + hair) / width, (x1 + hair) / width
    settings.border_min_y = (height - y1 + hair) / height
    settings.border_max_y = (height - y0 + hair) / height
