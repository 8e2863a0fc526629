"""New poses of the held part: the same joint ranges and checks as a capture's, another seed."""

from collections.abc import Callable, Sequence

import numpy as np

from synth.cell.candidates import draw_candidates
from synth.cell.mesh import CellBodies
from synth.cell.model import Cell
from synth.cell.places import T_base_cam
from synth.geometry.se3 import Array
from synth.sim.bench import Bench, open_on_bench, refuse_photographs
from synth.sim.furnish import held_bodies, on_bench, pinhole_of, scene_seed, training_split
from synth.sim.meshes import Meshes
from synth.sim.scene import Scene, SceneCamera
from synth.sim.scene_studio import SceneStudio
from synth.sim.settings import RenderSettings
from synth.sim.sources.source import N_NAMES, Order

FIRST = N_NAMES

_STREAM = 1
_POSE_STREAM = 0xF2E54
"""Keeps these draws apart from those of a capture with the same seed."""


class Fresh:
    """Three of four scenes that twins leave over."""

    words = ("fresh pose", "fresh poses")
    grows = True

    def studio_of(self, settings: RenderSettings) -> Callable[[RenderSettings], SceneStudio]:
        """On the cell's bench."""
        refuse_photographs(settings, "fresh")
        return open_on_bench

    def most(self, settings: RenderSettings) -> tuple[int, str]:
        """As many as have names."""
        return N_NAMES, "that have names: render several datasets, each with its own --out and --seed"

    def portion(self, settings: RenderSettings) -> float:
        """None where there is no cell."""
        return 0.75 if not settings.is_over_photographs else 0.0

    def plan(self, studio: SceneStudio, n: int, *, seed: int) -> Sequence[Order]:
        """Poses that the cell's arm can reach."""
        bench = studio.backdrop
        assert isinstance(bench, Bench)
        scenes = make_fresh(n, bench.cell, bench.meshes, bench.camera, seed=seed, first_number=FIRST)
        return [Order(scene.name, scene) for scene in scenes]


def make_fresh(
    count: int, cell: Cell, meshes: Meshes, camera: SceneCamera, *, seed: int, first_number: int = 0
) -> list[Scene]:
    """``count`` scenes, train or val, numbered from ``first_number``; equal seeds give equal first ones.

    Poses come from a scrambled Sobol sequence over the joint ranges and pass a capture's checks: room all
    around, the whole square box in the image, tilt, size, visible share. Raises InputError when the cell does
    not have that many.
    """
    if count == 0:
        return []
    bodies = CellBodies(meshes["part"], meshes["mount"])
    rng = np.random.default_rng([seed, _POSE_STREAM])
    poses = draw_candidates(cell, bodies, pinhole_of(camera), count, rng)
    return [
        on_bench(
            cell,
            name=f"{first_number + i:06d}",
            scenario="fresh",
            split=training_split(seed, _STREAM, i),
            seed=scene_seed(seed, _STREAM, i),
            camera=_carried(camera, cell, poses.T_base_tool[i]),
            bodies=held_bodies(cell, poses.q_rad[i], poses.T_base_tool[i]),
            q_rad=tuple(poses.q_rad[i].tolist()),
            T_base_tool=poses.T_base_tool[i].tolist(),
        )
        for i in range(count)
    ]


def _carried(camera: SceneCamera, cell: Cell, T_base_tool: Array) -> SceneCamera:
    """The camera where the arm holds it, or as it stands."""
    if not cell.camera.is_on_arm:
        return camera
    return SceneCamera(**camera.model_dump() | {"T_base_cam": T_base_cam(cell, T_base_tool).tolist()})


FRESH = Fresh()
