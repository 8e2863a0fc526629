"""All stages that exist, tiny, on the CPU, as a newcomer types them."""

import subprocess
import sys
from pathlib import Path

import pytest

SYNTH = Path(sys.executable).with_name("synth")


@pytest.mark.slow
def test_a_newcomer_gets_a_labelled_dataset(tmp_path):
    """Capture, verify, sheet, info, export: every command ends well and leaves what it says."""
    commands = [
        ("capture", "--poses", "4", "--plates", "1", "--pace", "40"),
        ("dataset", "verify"),
        ("dataset", "sheet"),
        ("dataset", "info"),
        ("dataset", "export", "coco", "--out", "coco"),
        ("status",),
    ]
    for command in commands:
        answer = subprocess.run([SYNTH, *command], cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert answer.returncode == 0, f"{command}: {answer.stderr}"
    root = tmp_path / "data" / "real"
    assert sorted(p.name for p in (root / "images").iterdir()) == [f"{i:06d}.png" for i in range(4)]
    assert len((root / "normals.txt").read_text().splitlines()) >= 2
    assert (root / "sheet.png").stat().st_size > 10_000
    assert (
        "SIMULATED"
        in subprocess.run(
            [SYNTH, "capture", "--poses", "4", "--plates", "1"], cwd=tmp_path, capture_output=True, text=True
        ).stdout
    )
