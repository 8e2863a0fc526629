"""Geometry seen through each pixel's very centre: normals, depth and instances in synth's frames."""

from pathlib import Path
from typing import Any

import bpy
import numpy as np

_SOURCES = {
    "normals": ("use_pass_normal", "Normal"),
    "depth": ("use_pass_z", "Depth"),
    "ids": ("use_pass_object_index", "IndexOB"),
}


def draw(layers: list[str], T_base_cam: np.ndarray, folder: Path) -> dict[str, np.ndarray]:
    """The layers of the window that is set, from one ray a pixel.

    normals: float32 [h,w,3], unit, OpenCV camera axes, 0 where nothing is. depth: float32 [h,w], metres along
    z, 0 where nothing is. ids: uint16 [h,w], the bodies' instances.
    """
    scene = bpy.context.scene
    cycles = scene.cycles
    cycles.samples, cycles.filter_width, cycles.max_bounces = 1, 0.01, 0
    cycles.use_adaptive_sampling = cycles.use_denoising = False
    paths = _connect(layers, folder)
    bpy.ops.render.render(write_still=False)
    return {layer: _decoded(layer, read_exr(path), T_base_cam) for layer, path in paths.items()}


def _decoded(layer: str, raw: np.ndarray, T_base_cam: np.ndarray) -> np.ndarray:
    if layer == "normals":
        return _normals(raw, T_base_cam)
    return _depth(raw) if layer == "depth" else np.rint(raw[..., 0]).astype(np.uint16)


def _connect(layers: list[str], folder: Path) -> dict[str, Path]:
    """Compositor nodes that write each pass to a file of its own."""
    scene = bpy.context.scene
    scene.use_nodes = True
    scene.render.use_compositing = True
    tree = scene.node_tree
    tree.nodes.clear()
    source = tree.nodes.new("CompositorNodeRLayers")
    target = tree.nodes.new("CompositorNodeComposite")
    tree.links.new(source.outputs["Image"], target.inputs["Image"])
    paths = {}
    for layer in layers:
        flag, socket = _SOURCES[layer]
        setattr(bpy.context.view_layer, flag, True)
        file = tree.nodes.new("CompositorNodeOutputFile")
        file.base_path = str(folder)
        file.format.file_format, file.format.color_depth, file.format.exr_codec = "OPEN_EXR", "32", "NONE"
        file.file_slots[0].path = f"{layer}_"
        tree.links.new(source.outputs[socket], file.inputs[0])
        paths[layer] = folder / f"{layer}_{scene.frame_current:04d}.exr"
    return paths


def read_exr(path: Path) -> np.ndarray:
    """The values of a file [h,w,C], the first row on top; the file is removed."""
    image: Any = bpy.data.images.load(str(path), check_existing=False)
    try:
        image.colorspace_settings.name = "Non-Color"
        width, height = image.size
        values = np.empty(width * height * image.channels, dtype=np.float32)
        image.pixels.foreach_get(values)
    finally:
        bpy.data.images.remove(image)
        path.unlink()
    return values.reshape(height, width, -1)[::-1]


def _normals(raw: np.ndarray, T_base_cam: np.ndarray) -> np.ndarray:
    """Cycles' normals stand in the world, which is the base."""
    turned = raw[..., :3] @ T_base_cam[:3, :3].astype(np.float32)
    length = np.linalg.norm(turned, axis=-1, keepdims=True)
    return np.where(length > 0.5, turned / np.maximum(length, 1e-6), 0).astype(np.float32)


def _depth(raw: np.ndarray) -> np.ndarray:
    depth_m = raw[..., 0]
    return np.where(depth_m < 1e3, depth_m, 0).astype(np.float32)
