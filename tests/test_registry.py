"""Registries: names without imports, members when they are asked for, one sentence for a wrong name."""

import sys

import pytest

from synth.errors import InputError
from synth.registry import Registry


def test_a_name_costs_no_import(monkeypatch):
    """Listing and looking for names imports no member; asking for it does, once."""
    monkeypatch.delitem(sys.modules, "this", raising=False)
    tasks = Registry[object]("task", {"pi": "math:pi", "colour": "colorsys:rgb_to_hsv"})
    sys.modules.pop("colorsys", None)
    assert list(tasks) == ["pi", "colour"]
    assert "colour" in tasks
    assert "colorsys" not in sys.modules
    assert tasks["colour"] is tasks["colour"]
    assert "colorsys" in sys.modules


def test_a_wrong_name_is_answered_with_the_right_ones():
    """The sentence says what kind is meant and which members there are."""
    with pytest.raises(InputError, match="there is no task 'depth': choose among pi, e"):
        Registry[float]("task", {"pi": "math:pi", "e": "math:e"})["depth"]


def test_members_come_and_go(monkeypatch):
    """A member is one line, and can be taken out again."""
    tasks = Registry[float]("task", {"pi": "math:pi"})
    tasks["two"] = 2.0
    assert tasks["two"] == 2.0
    monkeypatch.delitem(tasks, "pi")
    assert list(tasks) == ["two"]
    assert tasks.get("pi", 3.0) == 3.0
    monkeypatch.setitem(tasks, "three", 3.0)
    assert tasks["three"] == 3.0
    monkeypatch.undo()
    assert set(tasks) == {"pi", "two"}
