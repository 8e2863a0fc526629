"""Every example runs as its first lines say."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("[0-9]*.py"))


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
@pytest.mark.usefixtures("few_patches", "coarse_maps")
def test_example_runs(
    example: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An example ends well in an empty folder and leaves nothing behind; the first as a process."""
    monkeypatch.chdir(tmp_path)
    if example == EXAMPLES[0]:
        answer = subprocess.run([sys.executable, example], capture_output=True, text=True, timeout=240)
        assert answer.returncode == 0, answer.stderr
        assert answer.stdout
    else:
        runpy.run_path(str(example), run_name="__main__")
        assert capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
