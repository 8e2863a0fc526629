"""Every example runs as its first lines say."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from small_cell import write_small_cell

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("[0-9]*.py"))


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
@pytest.mark.usefixtures("few_patches", "coarse_maps", "in_this_process", "unexported")
def test_example_runs(
    example: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each ends well and leaves nothing behind; the first in an empty folder and as a process, the others
    with a cell of small pictures.
    """
    monkeypatch.chdir(tmp_path)
    before: set[Path] = set()
    if example == EXAMPLES[0]:
        answer = subprocess.run([sys.executable, example], capture_output=True, text=True, timeout=240)
        assert answer.returncode == 0, answer.stderr
        assert answer.stdout
    else:
        write_small_cell(tmp_path)
        before = set(tmp_path.iterdir())
        runpy.run_path(str(example), run_name="__main__")
        assert capsys.readouterr().out
    assert set(tmp_path.iterdir()) == before
