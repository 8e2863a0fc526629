"""Parts dropped into an open box, as they come to rest: several in view, some before others."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import open3d as o3d
from scipy.spatial.transform import Rotation

from synth.cell.model import Cell
from synth.errors import InputError
from synth.geometry import se3
from synth.geometry.clearance import hull_vertices
from synth.geometry.mesh import Mesh
from synth.geometry.se3 import Array
from synth.sim.bench import Bench, open_on_bench, refuse_photographs
from synth.sim.bin_box import FLOOR_M, BinBox, bin_box, diagonal_m, moved
from synth.sim.furnish import on_bench, part_body, scene_seed, training_split
from synth.sim.meshes import Meshes
from synth.sim.scene import Finish, Scene, SceneBody, SceneCamera
from synth.sim.scene_studio import SceneStudio
from synth.sim.settings import RenderSettings
from synth.sim.sources.source import N_NAMES, Order
from synth.sim.studio import Settle

FIRST = 2 * N_NAMES

_STREAM = 2

MAX_PARTS = 12
MAX_OVERLAP_M = 0.0015
"""How deep physics may leave one body in another."""

MAX_TRIES = 5
_AIR = 1.05
_SURFACE_POINTS = 600

BOX_FINISH = Finish(colour_rgb=(96, 104, 116), roughness=0.55)


class Bin:
    """A quarter of the scenes that twins leave over."""

    words = ("bin", "bins")
    grows = True

    def studio_of(self, settings: RenderSettings) -> Callable[[RenderSettings], SceneStudio]:
        """On the cell's bench. Raises InputError where Blender is not to be started, in which parts fall."""
        refuse_photographs(settings, "bin")
        if settings.maps_only:
            raise InputError(
                "--share bin lets parts fall in Blender, and --maps-only starts none: leave one of them out"
            )
        return open_on_bench

    def most(self, settings: RenderSettings) -> tuple[int, str]:
        """As many as have names."""
        return N_NAMES, "that have names: render several datasets, each with its own --out and --seed"

    def portion(self, settings: RenderSettings) -> float:
        """None where there is no cell, or no Blender in which parts fall."""
        return 0.25 if not settings.is_over_photographs and not settings.maps_only else 0.0

    def plan(self, studio: SceneStudio, n: int, *, seed: int) -> Sequence[Order]:
        """Numbers alone: what is in a bin is known when physics has run."""
        return [Order(f"{FIRST + i:06d}", _Dropped(i, seed)) for i in range(n)]


@dataclass(frozen=True)
class _Dropped:
    """The job of one order."""

    number: int
    seed: int

    def settle(self, bench: Bench, settle: Settle) -> Scene:
        """The bin with its parts at rest."""
        return make_bin(
            self.number, bench.cell, bench.meshes, bench.camera, settle, seed=self.seed, first_number=FIRST
        )


def make_bin(
    number: int,
    cell: Cell,
    meshes: Meshes,
    camera: SceneCamera,
    settle: Settle,
    *,
    seed: int,
    first_number: int = 0,
) -> Scene:
    """The ``number``-th bin of a run, train or val: 1 to `MAX_PARTS` parts at rest in a box on the table.

    It is named ``first_number`` + ``number``. The arm is out of view. A part that comes to rest outside
    the box is taken away. Raises InputError when parts stay inside one another in every try.
    """
    own_seed = scene_seed(seed, _STREAM, number)
    box = moved(cell, bin_box(cell, meshes["part"]), np.random.default_rng([own_seed, MAX_TRIES + 1]))
    walls = box_body(box)
    count = int(np.random.default_rng([own_seed, MAX_TRIES]).integers(1, MAX_PARTS + 1))
    for attempt in range(MAX_TRIES):
        rng = np.random.default_rng([own_seed, attempt])
        dropped = [
            part_body(cell, T, i + 1) for i, T in enumerate(start_poses(box, meshes["part"], count, rng))
        ]
        rest = settle(dropped, [walls])
        inside = [T for T in map(np.asarray, rest) if is_inside(box, meshes["part"].transformed(T))]
        parts = [meshes["part"].transformed(T) for T in inside]
        if inside and deepest_overlap_m([*parts, meshes["bin"].transformed(box.T_base_bin)]) <= MAX_OVERLAP_M:
            return on_bench(
                cell,
                name=f"{first_number + number:06d}",
                scenario="bin",
                split=training_split(seed, _STREAM, number),
                seed=own_seed,
                camera=camera,
                bodies=[walls, *(part_body(cell, T, i + 1) for i, T in enumerate(inside))],
            )
    raise InputError(
        f"Bin {number}: {count} dropped parts stay inside one another or leave the box, {MAX_TRIES} times "
        "in a row: mend the part's mesh (a closed solid without inner faces), or render no bins."
    )


def box_body(box: BinBox) -> SceneBody:
    """The box as a body of the scene."""
    return SceneBody(name="bin", mesh="bin", T_base_body=box.T_base_bin.tolist(), finish=BOX_FINISH)


def start_poses(box: BinBox, part: Mesh, count: int, rng: np.random.Generator) -> list[Array]:
    """``count`` poses [4,4] in base above the box's floor, turned at random, none touching another.

    Each has a cell of its own in a grid that is as wide as the box and as high as it takes.
    """
    ball_m = diagonal_m(part)
    centre_m = (part.vertices_m.min(axis=0) + part.vertices_m.max(axis=0)) / 2
    across = max(1, int(box.side_m / (ball_m * _AIR)))
    cell_m = box.side_m / across
    poses: list[Array] = []
    for layer in range(-(-count // across**2)):
        for place in rng.permutation(across**2)[: count - len(poses)]:
            xy = (np.array(divmod(int(place), across)) + 0.5) * cell_m - box.side_m / 2
            xy += rng.uniform(-0.5, 0.5, 2) * max(cell_m - ball_m, 0)
            z = FLOOR_M + ball_m * _AIR * (layer + 0.55)
            R = Rotation.random(rng=rng).as_matrix()
            T_bin_part = se3.make(R, np.array([*xy, z]) - R @ centre_m)
            poses.append(box.T_base_bin @ T_bin_part)
    return poses


def is_inside(box: BinBox, part_base: Mesh) -> bool:
    """Whether all of a part (in base) is over the box's floor and between its walls."""
    points = se3.transform(se3.inverse(box.T_base_bin), part_base.vertices_m)
    within = np.abs(points[:, :2]).max() <= box.side_m / 2 + MAX_OVERLAP_M
    return bool(within and points[:, 2].min() >= FLOOR_M - MAX_OVERLAP_M)


def deepest_overlap_m(bodies: Sequence[Mesh]) -> float:
    """How deep any closed body lies in another, at points on its faces and just under them."""
    scenes = [_solid(body) for body in bodies]
    points = [_points_of(body, scene) for body, scene in zip(bodies, scenes, strict=True)]
    deepest = 0.0
    for i, j in combinations(range(len(bodies)), 2):
        for inner, outer in ((i, j), (j, i)):
            low, high = bodies[outer].vertices_m.min(axis=0), bodies[outer].vertices_m.max(axis=0)
            near = points[inner][((points[inner] >= low) & (points[inner] <= high)).all(axis=1)]
            if len(near):
                deepest = max(deepest, float(_depth_m(scenes[outer], near).max()))
    return deepest


def _solid(body: Mesh) -> o3d.t.geometry.RaycastingScene:
    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(
        o3d.core.Tensor.from_numpy(body.vertices_m.astype(np.float32)),
        o3d.core.Tensor.from_numpy(body.triangles.astype(np.uint32)),
    )
    return scene


def _depth_m(solid: o3d.t.geometry.RaycastingScene, points_m: Array) -> Array:
    """How far inside a solid points [N,3] lie; negative outside."""
    query = o3d.core.Tensor.from_numpy(points_m.astype(np.float32))
    return -np.asarray(solid.compute_signed_distance(query, 1, 3).numpy(), dtype=float)


def _points_of(body: Mesh, solid: o3d.t.geometry.RaycastingScene) -> Array:
    """Points [N,3] of a body, the same at every call: its corners, some spread evenly over its faces, and
    those once more where they lie inside, twice the allowed overlap under the face.
    """
    rng = np.random.default_rng(0)
    a, b, c = np.moveaxis(body.vertices_m[body.triangles], 1, 0)
    outwards = np.cross(b - a, c - a)
    area = np.linalg.norm(outwards, axis=1)
    which = rng.choice(len(area), _SURFACE_POINTS, p=area / area.sum())
    u, v = rng.random((2, _SURFACE_POINTS, 1))
    flip = u + v > 1
    u, v = np.where(flip, 1 - u, u), np.where(flip, 1 - v, v)
    faces = a[which] + u * (b - a)[which] + v * (c - a)[which]
    under = faces - 2 * MAX_OVERLAP_M * outwards[which] / area[which, None]
    under = under[_depth_m(solid, under) > MAX_OVERLAP_M]
    return np.concatenate([hull_vertices(body), faces, under])


BIN = Bin()
