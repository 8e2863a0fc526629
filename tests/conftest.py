"""Lets the tests of every folder import bop_scene and its like, and their child processes obey Ctrl-C and
start quickly.
"""

import gc
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import pytest
import typer.main
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent))

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # Begun in the background of a script.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What a process compiles is kept: without, each child that loads torch starts five seconds later.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# How long an example takes says what else the machine does.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

# The command line is put together once, not anew for each of the many hundred commands that tests type.
typer.main.get_command = cache(typer.main.get_command)

# What is loaded stays. Looking through it for garbage every 700 objects takes a tenth of all time.
gc.set_threshold(10_000, 10, 10)


def pytest_collection_finish() -> None:
    """None of it is looked through from here on."""
    gc.freeze()


def pytest_sessionfinish() -> None:
    """Libraries that count what they leave behind find it let go of."""
    gc.unfreeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first, so that no worker is left with one of them at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture
def few_patches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands that translate train the witness for a few steps and measure on a few patches."""
    from synth.gan.judge import DOWNSTREAM, JudgeSettings
    from synth.witness.witness import WitnessSettings

    monkeypatch.setattr(
        "synth.gan.request.WitnessSettings", partial(WitnessSettings, n_steps=100, n_error_patches=16)
    )
    monkeypatch.setattr("synth.gan.request.JudgeSettings", partial(JudgeSettings, n_patches=16))
    monkeypatch.setattr("synth.gan.request.DOWNSTREAM", replace(DOWNSTREAM, n_error_patches=16))


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands start no children that would load torch or Blender anew, which have tests of their own."""
    from in_this_process import stay_in_this_process

    stay_in_this_process(monkeypatch)


@pytest.fixture(scope="module")
def warm_blender() -> Iterator[None]:
    """Blender that is wanted is the one that waits, if there is one."""
    from in_this_process import take

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("synth.sim.blender.Worker", take)
        yield


@pytest.fixture(scope="session", autouse=True)
def cold_blender() -> Iterator[None]:
    """None is left at the end."""
    yield
    if "in_this_process" in sys.modules:
        sys.modules["in_this_process"].end_all()


@pytest.fixture
def unexported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Comparisons leave out their ONNX files, which tests/compare/test_compare.py looks at."""
    monkeypatch.setattr("synth.compare.report.write.export_best", lambda *_: [])


@pytest.fixture
def coarse_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports show where a network looks by a few large patches and steps."""
    from coarse_maps import look_coarsely

    look_coarsely(monkeypatch)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings and translations leave their curves empty, which tests/gan/test_run.py and test_translate.py
    look at: drawing them takes longer than such trainings.
    """
    for figure in ("gan.figures", "gan.criteria_figure", "witness.drift_figure"):
        monkeypatch.setattr(f"synth.{figure}.encode_figure", lambda *_, **__: b"")
