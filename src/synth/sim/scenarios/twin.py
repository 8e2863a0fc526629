"""A captured sample once more, as a scene: same pose, camera, arm and lamps, so that only looks differ."""

import numpy as np

from synth.cell.model import Cell
from synth.dataset.sample import Sample
from synth.errors import InputError
from synth.geometry import se3
from synth.sim.furnish import camera_of_sample, held_bodies, on_bench, scene_seed
from synth.sim.scene import Scene


def make_twin(sample: Sample, cell: Cell, *, seed: int, for_analysis: bool = False) -> Scene:
    """The twin of a captured sample; it keeps name and split, and names the sample as its parent.

    The tool stands where the robot measured it, half way between the readings before and after the shot.
    for_analysis: test samples too; their twins are test, which no training accepts.

    Raises InputError for a sample that does not say where arm and camera stood, and for a test sample unless
    ``for_analysis``.
    """
    if sample.split == "test" and not for_analysis:
        raise InputError(
            f"Sample {sample.name} is a test sample: what is rendered after it may be looked at but never "
            "trained on; ask for its twin with --test-twins."
        )
    if sample.robot is None:
        raise InputError(
            f"Sample {sample.name} does not say where the arm stood, so it has no twin: "
            "use a dataset that synth capture made."
        )
    before, after = sample.robot.before, sample.robot.after
    T_base_tool = se3.mean_pose(np.asarray(before.T_base_tool), np.asarray(after.T_base_tool))
    q_rad = (np.asarray(before.q_rad) + np.asarray(after.q_rad)) / 2
    return on_bench(
        cell,
        name=sample.name,
        scenario="twin",
        split=sample.split,
        seed=scene_seed(seed, "twin", int(sample.name)),
        camera=camera_of_sample(sample),
        bodies=held_bodies(cell, q_rad, T_base_tool),
        q_rad=tuple(q_rad.tolist()),
        T_base_tool=T_base_tool.tolist(),
        parents=(sample.name,),
    )
