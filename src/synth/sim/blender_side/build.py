"""From a scene as JSON to objects in Blender. Lengths are metres and axes the base's in both."""

import math
from pathlib import Path
from typing import Any

import blenderproc as bproc
import bpy
import numpy as np
from mathutils import Matrix, Vector

_TABLE = "table"
_TABLE_HALF_M = 8.0
_LAMP_RADIANCE = (
    21.0  # Of brightness 1: two panels of 0.35 m, 1.2 m above it, light white paper to about 0.8.
)
_ROOM_RADIANCE = (0.194, 0.190, 0.184)  # The room around the bench, from everywhere.
_CREASE_DEG = 35.0
_OWN_COLOURS = "own_colours"
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
    for image in list(bpy.data.images):
        if image.source == "GENERATED":
            bpy.data.images.remove(image)


def hide_bodies() -> None:
    """Leave the table alone before the camera; bodies still throw shadows on it and colour on to it."""
    for thing in bpy.data.objects:
        if thing.type == "MESH" and thing.name != _TABLE:
            thing.visible_camera = False


def paint_table(light: np.ndarray) -> None:
    """Show the camera a table of known light [H,W,4] over the whole picture; rays that end there cost little.

    The last channel says how much of the light is known, 0-1; the rest, and rays that do not come from the
    camera, meet the table as it is.
    """
    height, width = light.shape[:2]
    image = bpy.data.images.new(_TABLE, width, height, float_buffer=True, is_data=True)
    image.alpha_mode = "CHANNEL_PACKED"
    image.pixels.foreach_set(np.ascontiguousarray(light[::-1], np.float32).ravel())  # Its rows begin below.
    material = bpy.data.objects[_TABLE].material_slots[0].material
    nodes, links = material.node_tree.nodes, material.node_tree.links
    place_in_picture = nodes.new("ShaderNodeTexCoord").outputs["Window"]
    texture, glow = nodes.new("ShaderNodeTexImage"), nodes.new("ShaderNodeEmission")
    texture.image, texture.interpolation, texture.extension = image, "Linear", "EXTEND"
    known, mix = nodes.new("ShaderNodeMath"), nodes.new("ShaderNodeMixShader")
    known.operation = "MULTIPLY"
    links.new(place_in_picture, texture.inputs["Vector"])
    links.new(texture.outputs["Color"], glow.inputs["Color"])
    links.new(nodes.new("ShaderNodeLightPath").outputs["Is Camera Ray"], known.inputs[0])
    links.new(texture.outputs["Alpha"], known.inputs[1])
    links.new(known.outputs[0], mix.inputs[0])
    links.new(nodes["Principled BSDF"].outputs[0], mix.inputs[1])
    links.new(glow.outputs[0], mix.inputs[2])
    links.new(mix.outputs[0], nodes["Material Output"].inputs["Surface"])
    if hasattr(material.cycles, "emission_sampling"):
        material.cycles.emission_sampling = "NONE"
    else:  # Blender before 3.5.
        material.cycles.sample_as_light = False


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
            corner_rgb = file.get("corner_rgb")
        mesh = bpy.data.meshes.new(path.stem)
        mesh.from_pydata(vertices_m.tolist(), [], triangles.tolist())
        if is_smooth:
            _smooth(mesh)
        if corner_rgb is not None:
            _colour(mesh, corner_rgb)
        mesh.materials.append(None)
        mesh.use_fake_user = True
        _meshes[key] = mesh
    return _meshes[key]


def _colour(mesh: Any, corner_rgb: np.ndarray) -> None:
    """Give every corner of every triangle its own colour, sRGB 0-255 [T,3,3]."""
    rgba = np.ones((corner_rgb.shape[0] * 3, 4), np.float32)
    rgba[:, :3] = corner_rgb.reshape(-1, 3) / np.float32(255)
    layer = mesh.color_attributes.new(_OWN_COLOURS, "BYTE_COLOR", "CORNER")
    layer.data.foreach_set("color_srgb", rgba.ravel())


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
    if _OWN_COLOURS in thing.data.color_attributes:
        own = material.node_tree.nodes.new("ShaderNodeVertexColor")
        own.layer_name = _OWN_COLOURS
        material.node_tree.links.new(own.outputs["Color"], shader["Base Color"])
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
    mesh = bpy.data.meshes.new(_TABLE)
    mesh.from_pydata(
        [(-half, -half, 0), (half, -half, 0), (half, half, 0), (-half, half, 0)], [], [(0, 1, 2, 3)]
    )
    mesh.materials.append(None)
    thing = bpy.data.objects.new(_TABLE, mesh)
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
