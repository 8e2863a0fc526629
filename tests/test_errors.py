"""What every deliberate error promises, whoever raises it."""

import copy
import pickle
from collections.abc import Iterator
from math import inf
from pathlib import Path

import pytest

from synth.errors import CellError, Problem, SynthError, TrainingDiverged

MADE_OF = {
    CellError: (Path("cell.yaml"), [Problem("camera.type", "is missing", 3), Problem("robot", "is missing")]),
    TrainingDiverged: (7, {"loss/square": inf, "loss/cycle": 0.5}),
}
"""What the constructors of those take that are not made of a sentence."""


def kinds(base: type[SynthError] = SynthError) -> Iterator[type[SynthError]]:
    yield base
    for kind in base.__subclasses__():
        yield from kinds(kind)


@pytest.mark.parametrize("kind", list(kinds()), ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(
    "travel", [lambda e: pickle.loads(pickle.dumps(e)), copy.deepcopy], ids=["process", "copy"]
)
def test_every_error_survives_the_way_from_a_child_process(kind, travel):
    """Its kind, and with it the exit code, its sentence and all that it carries."""
    error = kind(*MADE_OF.get(kind, ("The arm stands still; run the same command again",)))
    error.add_note("while the plan was read")
    arrived = travel(error)
    assert type(arrived) is kind
    assert str(arrived) == str(error)
    assert vars(arrived) == vars(error)
    assert arrived.args == error.args
