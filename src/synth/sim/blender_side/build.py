"""From a scene as JSON to objects in Blender. Lengths are metres and axes the base's in both."""

import math
from pathlib import Path
from typing import Any

import blenderproc as bproc
import bpy
import numpy as np
from mathutils import Matrix, Vector

_TABLE_HALF_M = 8.0
_LAMP_RADIANCE = (
    21.0  # Of brightness 1: two panels of 0.35 m, 1.2 m above it, light white paper to about 0.8.
)
_ROOM_RADIANCE = (0.194, 0.190, 0.184)  # The room around the bench, from everywhere.
_CREASE_DEG = 35.0
_FLIP_YZ = np.diag([1.0, -1.0, -1.0, 1.0])  # OpenCV's camera axes ↔ Blender's.

_meshes: dict[tuple[str, int], Any] = {}


def build(scene: dict[str, Any], meshes: Path, ideal: dict[str, Any]) -> None:
    """Put a scene where the one before was. Only meshes outlive one, so the past shows in no pixel."""
    clear()
    _table(scene)
    for body in scene["bodies"]:
        _wear(place(body, meshes), body["finish"], body["instance"])
    for lamp in scene["lamps"]:
        _lamp(lamp)
    bproc.renderer.set_world_background(list(_ROOM_RADIANCE), 1.0)
    _camera(ideal, np.array(scene["camera"]["T_base_cam"]))


def clear() -> None:
    """Remove every object but the camera, and what only they used."""
    for thing in list(bpy.data.objects):
        if thing.type != "CAMERA":
            bpy.data.objects.remove(thing)
    for collection in (bpy.data.materials, bpy.data.lights):
        for block in list(collection):
            collection.remove(block)
    for mesh in list(bpy.data.meshes):
        if not mesh.use_fake_user:
            bpy.data.meshes.remove(mesh)


def place(body: dict[str, Any], meshes: Path) -> Any:
    """One body as an object with its mesh from the folder."""
    thing = bpy.data.objects.new(body["name"], mesh_of(body["mesh"], meshes))
    thing.matrix_world = Matrix(body["T_base_body"])
    bpy.context.scene.collection.objects.link(thing)
    return thing


def mesh_of(name: str, folder: Path) -> Any:
    """A mesh from the folder, read once."""
    path = folder / f"{name}.npz"
    key = (str(path), path.stat().st_mtime_ns)
    if key not in _meshes:
        with np.load(path, allow_pickle=False) as file:
            vertices_m, triangles, is_smooth = file["vertices_m"], file["triangles"], bool(file["smooth"])
        mesh = bpy.data.meshes.new(path.stem)
        mesh.from_pydata(vertices_m.tolist(), [], triangles.tolist())
        if is_smooth:
            _smooth(mesh)
        mesh.materials.append(None)
        mesh.use_fake_user = True
        _meshes[key] = mesh
    return _meshes[key]


def _smooth(mesh: Any) -> None:
    """Smooth shading but for sharp edges."""
    mesh.polygons.foreach_set("use_smooth", np.ones(len(mesh.polygons), dtype=bool))
    if hasattr(mesh, "set_sharp_from_angle"):
        mesh.set_sharp_from_angle(angle=math.radians(_CREASE_DEG))
    else:  # Blender before 4.1.
        mesh.use_auto_smooth, mesh.auto_smooth_angle = True, math.radians(_CREASE_DEG)


def _wear(thing: Any, finish: dict[str, Any], instance: int) -> None:
    material = bpy.data.materials.new(thing.name)
    material.use_nodes = True
    shader = material.node_tree.nodes["Principled BSDF"].inputs
    shader["Base Color"].default_value = (*_linear(finish["colour_rgb"]), 1.0)
    shader["Roughness"].default_value = finish["roughness"]
    shader["Metallic"].default_value = finish["metallic"]
    shader["Coat Weight" if "Coat Weight" in shader else "Clearcoat"].default_value = finish["coat"]
    thing.material_slots[0].link = "OBJECT"
    thing.material_slots[0].material = material
    thing.pass_index = instance


def _linear(colour_rgb: list[float]) -> list[float]:
    c = np.asarray(colour_rgb, dtype=float) / 255
    return list(np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4))


def _table(scene: dict[str, Any]) -> None:
    half = _TABLE_HALF_M
    mesh = bpy.data.meshes.new("table")
    mesh.from_pydata(
        [(-half, -half, 0), (half, -half, 0), (half, half, 0), (-half, half, 0)], [], [(0, 1, 2, 3)]
    )
    mesh.materials.append(None)
    thing = bpy.data.objects.new("table", mesh)
    turn = Vector(scene["table_normal"]).to_track_quat("Z", "Y").to_matrix().to_4x4()
    thing.matrix_world = Matrix.Translation(scene["table_point_m"]) @ turn
    bpy.context.scene.collection.objects.link(thing)
    _wear(thing, scene["table_finish"], 0)


def _lamp(lamp: dict[str, Any]) -> None:
    """A square that shines from its front, in the colour of a black body."""
    light = bpy.data.lights.new("lamp", "AREA")
    light.shape, light.size = "SQUARE", lamp["side_m"]
    # An area light of P watts has the radiance P / (π · area).
    light.energy = math.pi * lamp["side_m"] ** 2 * _LAMP_RADIANCE * lamp["brightness"]
    light.use_nodes = True
    nodes, links = light.node_tree.nodes, light.node_tree.links
    black_body = nodes.new("ShaderNodeBlackbody")
    black_body.inputs["Temperature"].default_value = lamp["temperature_k"]
    links.new(black_body.outputs["Color"], nodes["Emission"].inputs["Color"])
    thing = bpy.data.objects.new("lamp", light)
    position, target = Vector(lamp["position_m"]), Vector(lamp["target_m"])
    thing.matrix_world = (
        Matrix.Translation(position) @ (target - position).to_track_quat("-Z", "Y").to_matrix().to_4x4()
    )
    bpy.context.scene.collection.objects.link(thing)


def _camera(ideal: dict[str, Any], T_base_cam: np.ndarray) -> None:
    width, height = ideal["size_wh"]
    bproc.camera.set_intrinsics_from_K_matrix(ideal["K"], width, height, clip_start=0.01, clip_end=100.0)
    bpy.context.scene.camera.matrix_world = Matrix(T_base_cam @ _FLIP_YZ)
