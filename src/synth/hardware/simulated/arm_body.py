"""What the simulated light makes of the arm's shape, and cables."""

from functools import cache

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import CubicSpline

from synth.cell.arm_surfaces import ARM_SURFACES
from synth.geometry.arm import ArmModel, FinishName
from synth.geometry.mesh import Mesh
from synth.hardware.simulated.body import Body, Material
from synth.hardware.simulated.light import to_material
from synth.hardware.simulated.truth import SurfaceDeviation

_MOTTLES: dict[FinishName, float] = {
    "silver": 0.012,
    "tube": 0.015,
    "cap": 0.01,
    "rubber": 0.1,
    "steel": 0.05,
}

_Z = np.array([0.0, 0.0, 1.0])


@cache
def arm_bodies(arm: ArmModel, deviation: SurfaceDeviation) -> tuple[Body, ...]:
    """Seven bodies, in the frames that ``arm.joint_frames`` returns: base, then after each joint up to the
    flange. deviation: of all its surfaces from those in ARM_SURFACES.
    """
    materials = {
        name: to_material(deviation.of(ARM_SURFACES[name]), mottle=mottle)
        for name, mottle in _MOTTLES.items()
    }
    return tuple(
        Body.joined([Body.of(piece.mesh, materials[piece.finish]) for piece in link]) for link in arm.links()
    )


def cable_body(path_m: ArrayLike, r_m: float, material: Material, *, sides: int = 12) -> Body:
    """A cable, or with few sides a bent bar, along smoothed points [P,3]."""
    points = np.asarray(path_m, dtype=float)
    t = np.linspace(0, 1, len(points))
    fine = CubicSpline(t, points)(np.linspace(0, 1, 24 * len(points)))
    tangents = np.gradient(fine, axis=0)
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    side = np.cross(tangents, _Z)
    side /= np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-9)
    up = np.cross(side, tangents)
    n = sides
    angle = np.arange(n) * 2 * np.pi / n
    rings = fine[:, None] + r_m * (
        np.cos(angle)[:, None] * side[:, None] + np.sin(angle)[:, None] * up[:, None]
    )
    ring, follower = np.arange(n), (np.arange(n) + 1) % n
    low = np.arange(len(fine) - 1)[:, None] * n
    a, b, c, d = low + ring, low + follower, low + n + ring, low + n + follower
    triangles = np.concatenate(
        [np.stack([a, b, c], -1).reshape(-1, 3), np.stack([b, d, c], -1).reshape(-1, 3)]
    )
    return Body.of(Mesh(rings.reshape(-1, 3), triangles.astype(np.int32)), material, crease_deg=40)
