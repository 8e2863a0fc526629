"""New poses of the held part: the same joint ranges and checks as a capture's, another seed."""

import numpy as np

from synth.cell.candidates import draw_candidates
from synth.cell.mesh import CellBodies
from synth.cell.model import Cell
from synth.sim.furnish import held_bodies, on_bench, pinhole_of, scene_seed, training_split
from synth.sim.meshes import Meshes
from synth.sim.scene import Scene, SceneCamera

_STREAM = 0xF2E54
"""Keeps these draws apart from those of a capture with the same seed."""


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
    rng = np.random.default_rng([seed, _STREAM])
    poses = draw_candidates(cell, bodies, pinhole_of(camera), count, rng)
    return [
        on_bench(
            cell,
            name=f"{first_number + i:06d}",
            scenario="fresh",
            split=training_split(seed, "fresh", i),
            seed=scene_seed(seed, "fresh", i),
            camera=camera,
            bodies=held_bodies(cell, poses.q_rad[i], poses.T_base_tool[i]),
            q_rad=tuple(poses.q_rad[i].tolist()),
            T_base_tool=poses.T_base_tool[i].tolist(),
        )
        for i in range(count)
    ]
