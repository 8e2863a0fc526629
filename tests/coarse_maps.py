"""Where networks look, by a few large patches and steps, which take a fraction of the time."""

import pytest


def look_coarsely(patch: pytest.MonkeyPatch) -> None:
    """Until the patch is undone."""
    patch.setattr("synth.compare.explain.saliency._PATCHES_A_SIDE", 2)
    patch.setattr("synth.compare.explain.saliency._N_STEPS", 2)
