"""Rigid bodies fall until they lie still."""

from pathlib import Path
from typing import Any

import bpy
import numpy as np
from blenderproc.python.types.MeshObjectUtility import MeshObject
from mathutils import Matrix

from synth.sim.blender_side import build

_SCALE = 10.0  # Bullet is made for bodies of some decimetres: everything is larger, gravity too.
_FPS, _SUBSTEPS, _SOLVER_STEPS = 60, 8, 30
_MARGIN_M = 0.0001
_STILL_S, _STILL_M = 0.3, 0.0002  # At rest: no corner moved further in this time.
_FRICTION = 0.5


def settle(request: dict[str, Any], _scratch: Path) -> dict[str, Any]:
    """Drop bodies on to static ones; the answer has T_base_body of each body.

    request: bodies and static (as in a scene), meshes (folder), seconds (simulated, at most).
    """
    build.clear()
    folder = Path(request["meshes"])
    scene = bpy.context.scene
    scene.gravity = (0.0, 0.0, -9.81 * _SCALE)
    scene.render.fps = _FPS
    bpy.ops.rigidbody.world_add()
    try:
        for body in request["static"]:
            _enter(body, folder, np.zeros(3), False)
        bodies = []
        for body in request["bodies"]:
            centre = _centre_of_mass(build.mesh_of(body["mesh"], folder))
            bodies.append((_enter(body, folder, centre, True), centre))
        _fall([thing for thing, _ in bodies], round(request["seconds"] * _FPS))
        return {"T_base_body": [_pose(thing, centre).tolist() for thing, centre in bodies]}
    finally:
        bpy.ops.rigidbody.world_remove()
        scene.frame_set(0)
        build.clear()


def _enter(body: dict[str, Any], folder: Path, centre_m: np.ndarray, is_active: bool) -> Any:
    """An enlarged copy of a body, its origin in its centre of mass, in the world of rigid bodies."""
    mesh = build.mesh_of(body["mesh"], folder).copy()
    mesh.use_fake_user = False
    mesh.transform(Matrix.Scale(_SCALE, 4) @ Matrix.Translation(-centre_m))
    thing = bpy.data.objects.new(body["name"], mesh)
    T = np.array(body["T_base_body"], dtype=float)
    T[:3, 3] = (T[:3, 3] + T[:3, :3] @ centre_m) * _SCALE
    thing.matrix_world = Matrix(T)
    bpy.context.scene.collection.objects.link(thing)
    MeshObject(thing).enable_rigidbody(
        is_active,
        collision_shape="CONVEX_HULL" if is_active else "MESH",
        collision_margin=_MARGIN_M * _SCALE,
        mass=1.0,
        friction=_FRICTION,
    )
    return thing


def _fall(things: list[Any], n_frames: int) -> None:
    """Step until nothing moves any more."""
    scene = bpy.context.scene
    world = scene.rigidbody_world
    world.substeps_per_frame, world.solver_iterations = _SUBSTEPS, _SOLVER_STEPS
    world.point_cache.frame_start, world.point_cache.frame_end = 0, n_frames
    every = round(_STILL_S * _FPS)
    before = None
    for frame in range(n_frames + 1):
        scene.frame_set(frame)
        if frame % every == 0:
            corners = np.concatenate([_corners(thing) for thing in things])
            if before is not None and np.abs(corners - before).max() < _STILL_M * _SCALE:
                return
            before = corners


def _corners(thing: Any) -> np.ndarray:
    T = np.array(thing.matrix_world)
    return np.asarray(np.array([list(corner) for corner in thing.bound_box]) @ T[:3, :3].T + T[:3, 3])


def _pose(thing: Any, centre_m: np.ndarray) -> np.ndarray:
    T = np.eye(4)
    T[:3, :3] = np.array(thing.matrix_world.to_quaternion().to_matrix())
    T[:3, 3] = np.array(thing.matrix_world.translation) / _SCALE - T[:3, :3] @ centre_m
    return T


def _centre_of_mass(mesh: Any) -> np.ndarray:
    """Of a closed solid of one density: tetrahedra from the origin to each triangle, by signed volume."""
    vertices = np.empty(3 * len(mesh.vertices), dtype=np.float32)
    mesh.vertices.foreach_get("co", vertices)
    triangles = np.empty(3 * len(mesh.polygons), dtype=np.int32)
    mesh.polygons.foreach_get("vertices", triangles)
    corners = vertices.reshape(-1, 3).astype(float)[triangles.reshape(-1, 3)]
    volume = np.einsum("ti,ti->t", corners[:, 0], np.cross(corners[:, 1], corners[:, 2]))
    return np.asarray((corners.sum(axis=1) * volume[:, None]).sum(axis=0) / (4 * volume.sum()))
