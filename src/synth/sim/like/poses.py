"""Scenes after photographs: their own poses once more, and fresh ones around the observed range."""

from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from synth.errors import InputError
from synth.geometry import se3
from synth.geometry.boxes import inside_image, square_box
from synth.geometry.mesh import Mesh
from synth.geometry.pinhole import Pinhole
from synth.geometry.se3 import Array
from synth.sim.furnish import pinhole_of, scene_seed, training_split
from synth.sim.like.appearance import Appearance
from synth.sim.like.objects import Objects, Seen
from synth.sim.scene import Finish, Scenario, Scene, SceneBody, SceneCamera, SceneLamp

_STREAM, _LIGHT_STREAM = 0x11CE, 0x1A39

BEYOND = 1.0
"""How far a turn goes on past the two observed ones between which it is drawn, in steps from one to the
other.
"""

SHAKE_DEG = 20.0
"""Standard deviation of a random turn about each axis on top of that."""

DEPTH_FACTOR = 1.25
"""Distances reach from the nearest observed one over this to the farthest times this."""

_TRIES = 200
_BEHIND = 1.6
_LAMP_DISTANCE_M = 1.5
_WHITE_K = 5500.0


def make_twin(seen: Seen, appearance: Appearance, *, seed: int) -> Scene:
    """A sample's parts where they were, before its own camera; it keeps name and split."""
    return _scene(
        seen.sample.name,
        "twin",
        seen.sample.split,
        scene_seed(seed, "twin", int(seen.sample.name)),
        seen.camera,
        seen.poses,
        appearance,
        parents=(seen.sample.name,),
    )


def make_fresh(
    seen: Sequence[Seen], i: int, name: str, objects: Objects, appearance: Appearance, *, seed: int
) -> Scene:
    """The i-th scene of new poses: as many parts as in some sample, each anywhere in the image.

    Turns are drawn on the way between two observed ones and beyond; a place in the image evenly, since where
    parts were seen says little of where they will be; a distance evenly on a logarithmic scale. The whole 1:1
    box lies in the image, and parts do not touch. Equal seeds give equal scenes, whatever else is made.

    Raises InputError where a part fits nowhere.
    """
    rng = np.random.default_rng([seed, _STREAM, i])
    model = seen[int(rng.integers(len(seen)))]
    pinhole = pinhole_of(model.camera)
    placed: list[tuple[str, Array]] = []
    for class_name, _ in model.poses:
        observed = [T for s in seen for known, T in s.poses if known == class_name]
        mesh = objects.meshes[class_name]
        for _ in range(_TRIES):
            T = _draw(observed, pinhole, rng)
            if _fits(mesh, T, pinhole) and all(
                _apart(mesh, T, objects.meshes[other], T_other) for other, T_other in placed
            ):
                placed.append((class_name, T))
                break
    if not placed:
        raise InputError(
            f"no fresh pose of {model.poses[0][0]} has its whole 1:1 box in the image at the observed "
            "distances: render twins only, with --fresh 0"
        )
    return _scene(
        name,
        "fresh",
        training_split(seed, "fresh", i),
        scene_seed(seed, "fresh", i),
        model.camera,
        placed,
        appearance,
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


def _scene(
    name: str,
    scenario: Scenario,
    split: str,
    seed: int,
    camera: SceneCamera,
    poses: Sequence[tuple[str, Array]],
    appearance: Appearance,
    *,
    parents: tuple[str, ...] = (),
) -> Scene:
    """Parts under lamps that are drawn anew for every scene, before a wall in the colour of all around."""
    rng = np.random.default_rng([seed, _LIGHT_STREAM])
    middle_m = np.mean([T[:3, 3] for _, T in poses], axis=0)
    far_m = max(float(T[2, 3]) for _, T in poses)
    roughness, coat = float(rng.uniform(0.15, 0.6)), float(rng.uniform(0, 0.6))
    return Scene(
        name=name,
        scenario=scenario,
        split=split,
        seed=seed,
        camera=camera,
        table_point_m=(0.0, 0.0, far_m * _BEHIND),
        table_normal=(0.0, 0.0, -1.0),
        table_finish=Finish(colour_rgb=appearance.surroundings_rgb, roughness=0.9),
        bodies=tuple(
            SceneBody(
                name=f"part_{i}",
                mesh=class_name,
                T_base_body=T.tolist(),
                finish=Finish(
                    colour_rgb=_shaken(appearance.colours_rgb[class_name], rng),
                    roughness=roughness,
                    coat=coat,
                ),
                instance=i,
            )
            for i, (class_name, T) in enumerate(poses, start=1)
        ),
        lamps=tuple(_lamp(middle_m, brightness, rng) for brightness in (1.0, float(rng.uniform(0.1, 0.7)))),
        parents=parents,
    )


def _lamp(middle_m: Array, brightness: float, rng: np.random.Generator) -> SceneLamp:
    """A panel above or beside the parts, on the camera's side; nobody knows where the real ones hung."""
    direction = np.array([0.0, -0.8, -0.6]) + 0.6 * rng.standard_normal(3)
    direction[2] = min(direction[2], -0.1)
    position_m = middle_m + _LAMP_DISTANCE_M * direction / np.linalg.norm(direction)
    return SceneLamp(
        position_m=tuple(position_m.tolist()),
        target_m=tuple(middle_m.tolist()),
        side_m=float(rng.uniform(0.3, 1.2)),
        brightness=brightness * float(np.exp(rng.uniform(-0.35, 0.35))),
        temperature_k=_WHITE_K + float(rng.uniform(-700, 700)),
    )


def _shaken(colour_rgb: tuple[float, float, float], rng: np.random.Generator) -> tuple[float, float, float]:
    r, g, b = np.clip(np.asarray(colour_rgb) + rng.uniform(-10, 10, 3), 0, 255).tolist()
    return r, g, b
