"""New poses of imported models, around the observed range, over plates made of their own photographs."""

from collections.abc import Callable, Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from synth.errors import InputError
from synth.geometry import se3
from synth.geometry.boxes import inside_image, square_box
from synth.geometry.mesh import Mesh
from synth.geometry.pinhole import Pinhole
from synth.geometry.se3 import Array
from synth.sim.backdrop import Placement
from synth.sim.furnish import pinhole_of, scene_seed, training_split
from synth.sim.photographs.backdrop import PhotographBackdrop, open_over_photographs
from synth.sim.scene import Scene
from synth.sim.settings import RenderSettings
from synth.sim.sources.source import N_NAMES, Order
from synth.sim.studio import BlenderStudio

FIRST = N_NAMES

_STREAM, _POSE_STREAM = 1, 0x11CE

BEYOND = 1.0
"""How far a turn goes on past the two observed ones between which it is drawn, in steps from one to the
other.
"""

SHAKE_DEG = 20.0
"""Standard deviation of a random turn about each axis on top of that."""

DEPTH_FACTOR = 1.25
"""Distances reach from the nearest observed one over this to the farthest times this."""

_TRIES = 200


class Photographs:
    """All scenes that twins leave over, with ``--over``."""

    words = ("pose over a photograph", "poses over photographs")

    def studio_of(self, settings: RenderSettings) -> Callable[[RenderSettings], BlenderStudio]:
        """Before the photographs of ``settings.over``."""
        return open_over_photographs

    def most(self, settings: RenderSettings) -> tuple[int, str]:
        """As many as have names."""
        return N_NAMES, "that have names: render several datasets, each with its own --out and --seed"

    def portion(self, settings: RenderSettings) -> float:
        """None without photographs."""
        return 0.0 if settings.over is None else 1.0

    def plan(self, studio: BlenderStudio, n: int, *, seed: int) -> Sequence[Order]:
        """Poses drawn for each by its number alone."""
        backdrop = studio.backdrop
        assert isinstance(backdrop, PhotographBackdrop)
        scenes = [make_fresh(backdrop, i, f"{FIRST + i:06d}", seed=seed) for i in range(n)]
        return [Order(scene.name, scene) for scene in scenes]


def make_fresh(backdrop: PhotographBackdrop, i: int, name: str, *, seed: int) -> Scene:
    """The i-th scene of new poses: as many parts as in some sample, each anywhere in the image.

    Turns are drawn on the way between two observed ones and beyond; a place in the image evenly, since where
    parts were seen says little of where they will be; a distance evenly on a logarithmic scale. The whole 1:1
    box lies in the image, and parts do not touch. Equal seeds give equal scenes, whatever else is made.

    Raises InputError where a part fits nowhere.
    """
    rng = np.random.default_rng([seed, _POSE_STREAM, i])
    seen, meshes = backdrop.seen, backdrop.meshes
    model = seen[int(rng.integers(len(seen)))]
    pinhole = pinhole_of(model.camera)
    placed: list[tuple[str, Array]] = []
    for class_name, _ in model.poses:
        observed = [T for s in seen for known, T in s.poses if known == class_name]
        mesh = meshes[class_name]
        for _ in range(_TRIES):
            T = _draw(observed, pinhole, rng)
            if _fits(mesh, T, pinhole) and all(
                _apart(mesh, T, meshes[other], T_other) for other, T_other in placed
            ):
                placed.append((class_name, T))
                break
    if not placed:
        raise InputError(
            f"no new pose of {model.poses[0][0]} has its whole 1:1 box in the image at the observed "
            "distances: leave --share photographs out"
        )
    return backdrop.furnish(
        Placement(model.camera, tuple(placed)),
        name=name,
        scenario="fresh",
        split=training_split(seed, _STREAM, i),
        seed=scene_seed(seed, _STREAM, i),
    )


def _draw(observed: Sequence[Array], camera: Pinhole, rng: np.random.Generator) -> Array:
    a, b = (observed[int(k)][:3, :3] for k in rng.integers(len(observed), size=2))
    step = Rotation.from_matrix(a.T @ b).as_rotvec() * rng.uniform(-BEYOND, 1 + BEYOND)
    shake = np.radians(SHAKE_DEG) * rng.standard_normal(3)
    R = (Rotation.from_rotvec(shake) * Rotation.from_matrix(a) * Rotation.from_rotvec(step)).as_matrix()
    depths_m = [float(T[2, 3]) for T in observed]
    near, far = np.log([min(depths_m) / DEPTH_FACTOR, max(depths_m) * DEPTH_FACTOR])
    ray = camera.unproject(rng.uniform([0, 0], camera.size_wh) - 0.5).reshape(3)
    return se3.make(R, ray * np.exp(rng.uniform(near, far)))


def _fits(mesh: Mesh, T_cam_part: Array, camera: Pinhole) -> bool:
    points = se3.transform(T_cam_part, mesh.vertices_m)
    if points[:, 2].min() <= 0.05:
        return False
    pixels = camera.project(points) + 0.5
    square = square_box(np.concatenate([pixels.min(axis=0) - 1, pixels.max(axis=0) + 1]))
    return inside_image(square, camera.size_wh)


def _apart(a: Mesh, T_a: Array, b: Mesh, T_b: Array) -> bool:
    """Whether the balls around two placed meshes do not meet."""
    centres, radii = [], []
    for mesh, T in ((a, T_a), (b, T_b)):
        points = se3.transform(T, mesh.vertices_m)
        centres.append((points.min(axis=0) + points.max(axis=0)) / 2)
        radii.append(np.linalg.norm(points - centres[-1], axis=1).max())
    return bool(np.linalg.norm(centres[0] - centres[1]) > sum(radii))


PHOTOGRAPHS = Photographs()
