"""SIGKILL at any instant: what was reported as written is there, nothing twice, nothing left over."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from synth.dataset.reader import DatasetReader
from synth.dataset.verify import verify

SCRIPT = Path(__file__).with_name("killed_writer.py")
N_SAMPLES, N_KILLS = 200, 25


@pytest.mark.slow
def test_killed_at_random_moments(tmp_path: Path) -> None:
    """25 kills: all samples in the end, none that was committed ever missing, no orphan, verify silent.

    Every seventh sample is taken out and shot again by the script; only that one may be missing in between.
    """
    root = tmp_path / "real"
    arguments = [sys.executable, str(SCRIPT), str(root), str(N_SAMPLES), str(N_KILLS), "0"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, timeout=120)
    rounds = [json.loads(line) for line in done.stdout.splitlines()]
    assert sum(r["killed"] for r in rounds) == N_KILLS
    committed: set[int] = set()
    for r in rounds:
        committed |= set(r["committed"])
        missing = committed - set(r["on_disk"])
        assert len(missing) <= 1
        assert all(i % 7 == 6 for i in missing)
    assert [int(s.name) for s in DatasetReader(root).samples] == list(range(N_SAMPLES))
    assert verify(root) == []
