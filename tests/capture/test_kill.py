"""SIGKILL at random moments, and Ctrl-C: nothing is lost, nothing is left behind."""

import importlib.util
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from small_cell import write_cell_with_camera_on_arm, write_small_cell
from synth.dataset.reader import DatasetReader
from synth.dataset.verify import verify

SYNTH = Path(sys.executable).with_name("synth")


@pytest.fixture(scope="module")
def killer():
    path = Path(__file__).parents[2] / "benchmarks" / "kill.py"
    spec = importlib.util.spec_from_file_location("benchmark_kill", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize(
    ("write_cell", "plates"),
    [(write_small_cell, 1), (write_cell_with_camera_on_arm, 0)],
    ids=["standing", "camera on the arm"],
)
def test_killed_again_and_again_it_still_completes(killer, tmp_path, write_cell, plates):
    """Exactly the planned samples, none twice, no orphan file, verify silent, no process left; and the same
    bytes as a capture that nothing disturbed.
    """
    options = ("--pace", "200", "--plates", str(plates), "--cell", str(write_cell(tmp_path)))
    result = killer.kill_and_resume(tmp_path / "real", poses=4, kills=2, seed=1, options=options)
    assert result.pop("killed") == 2
    assert not any(result.values()), result
    killer.kill_and_resume(tmp_path / "whole", poses=4, kills=0, seed=1, options=options)
    assert killer.contents(tmp_path / "real") == killer.contents(tmp_path / "whole")


@pytest.mark.slow
def test_ctrl_c_finishes_the_sample_in_hand_and_says_how_to_go_on(tmp_path):
    """SIGINT while poses are taken: exit code 130, one line on how to go on, a whole folder."""
    out = tmp_path / "real"
    process = subprocess.Popen(
        [SYNTH, "capture", "--poses", "40", "--out", out, "--plates", "1"],
        cwd=write_small_cell(tmp_path).parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and not (out / "samples.jsonl").exists():
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert "the same command goes on" in " ".join(stdout.split())
    assert "Traceback" not in stderr
    assert 1 <= len(DatasetReader(out).samples) < 40
    assert verify(out) == []
