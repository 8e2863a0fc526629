"""What a user is told when a translation is refused frame by frame."""

from pathlib import Path

import pytest

from synth.gan.apply import Applied
from synth.gan.commands import describe_refusals
from synth.gan.methods import METHODS


def applied(kept: int, **refused: int) -> Applied:
    causes = {cause.replace("_", " "): n for cause, n in refused.items()}
    return Applied(n_samples=kept, refused=causes, n_new=0, seconds_per_image=0.0)


def test_some_refusals_are_no_verdict() -> None:
    """Up to one frame in ten says nothing of the translator."""
    assert describe_refusals(applied(90, artefacts=10), "cyclegan", Path("out")) is None
    assert describe_refusals(applied(0), "cyclegan", Path("out")) is None


def test_many_say_what_is_wrong_and_what_to_do() -> None:
    """The commonest cause, where to look, and methods that are there and were not the one that failed."""
    said = describe_refusals(applied(4, artefacts=74, normal_drift=2), "cyclegan", Path("out"))
    assert said is not None
    assert "76 of 80 frames are refused, most for artefacts: it draws specks or blobs" in said
    assert "out/rejected" in said
    assert "--method refiner or gains" in said
    said = describe_refusals(applied(4, box_drift=74), "gains", Path("out"))
    assert said is not None
    assert "outlines of parts move" in said
    assert "gains" not in said


@pytest.mark.parametrize("cause", ["part lost", "edge lost", "edge drift", "seam", "class lost", "another"])
def test_every_cause_has_its_words(cause: str) -> None:
    """One sentence after another, none about what is not there."""
    said = describe_refusals(Applied(0, {cause: 5}, 5, 0.0), next(iter(METHODS)), Path("out"))
    assert said is not None
    assert "\n" not in said
    assert cause in said
