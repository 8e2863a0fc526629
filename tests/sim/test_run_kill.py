"""SIGKILL on a rendering and its children, and Ctrl-C: nothing is lost, differs or is left behind."""

import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from synth.dataset.reader import DatasetReader
from synth.dataset.verify import verify
from typed import synth

SYNTH = Path(sys.executable).with_name("synth")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def killer():
    path = Path(__file__).parents[2] / "benchmarks" / "kill_render.py"
    spec = importlib.util.spec_from_file_location("benchmark_kill_render", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _words(captured):
    return ("--real", str(captured), "--share", "twin=2", "--share", "fresh=1", "--quality", "draft")


@pytest.mark.usefixtures("in_this_process")
def test_killed_again_and_again_it_still_completes(killer, captured, tmp_path):
    """Parent and child killed: all samples, verify silent, nobody left, everything as if undisturbed."""
    undisturbed = synth("render", *_words(captured), "--out", "a", cwd=tmp_path)
    assert undisturbed.returncode == 0, undisturbed.stderr
    result = killer.kill_and_resume(tmp_path / "b", options=_words(captured), count=3, kills=2, seed=2)
    assert result.pop("killed") == 2
    assert not any(result.values()), result
    assert killer.labels_of(tmp_path / "a") == killer.labels_of(tmp_path / "b")


def test_ctrl_c_says_how_to_go_on(killer, captured, tmp_path):
    """SIGINT while pictures are rendered: exit code 130, one line, a whole folder, no process left."""
    family = killer.Family()
    out = tmp_path / "synthetic"
    process = subprocess.Popen(
        [SYNTH, "render", "--out", out, "--real", captured, "--share", "fresh=9", "--quality", "draft"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and killer.count_samples(out) == 0:
        family.look_at(process)
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert "the same command goes on" in " ".join(stdout.split())
    assert "Traceback" not in stderr
    assert 1 <= len(DatasetReader(out).samples) < 9
    assert verify(out) == []
    assert family.alive() == []
