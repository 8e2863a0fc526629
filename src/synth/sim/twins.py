"""A sample once more, as a scene: same pose, camera and surroundings, so that only looks differ."""

from synth.dataset.sample import Sample
from synth.errors import InputError
from synth.sim.backdrop import Backdrop
from synth.sim.furnish import scene_seed
from synth.sim.scene import Scene

STREAM = 0
"""Of the seeds of twins."""


def make_twin(sample: Sample, backdrop: Backdrop, *, seed: int, for_analysis: bool = False) -> Scene:
    """The twin of a sample; it keeps name and split, and names the sample as its parent.

    for_analysis: test samples too; their twins are test, which no training accepts.

    Raises InputError for a sample that does not say where things stood, and for a test sample unless
    ``for_analysis``.
    """
    if sample.split == "test" and not for_analysis:
        raise InputError(
            f"Sample {sample.name} is a test sample: what is rendered after it may be looked at but never "
            "trained on; ask for its twin with --test-twins."
        )
    return backdrop.furnish(
        backdrop.place(sample),
        name=sample.name,
        scenario="twin",
        split=sample.split,
        seed=scene_seed(seed, STREAM, int(sample.name)),
        parents=(sample.name,),
    )
