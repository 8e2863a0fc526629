"""Commands as they are typed, run in this process, which need not load torch and its like for each anew."""

import contextlib
import io
import subprocess
import sys
from pathlib import Path

import pytest

from synth.cli import main


def synth(*words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Exit code and both streams, as the program's own process in ``cwd`` would leave them."""
    command = ["synth", *map(str, words)]
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(cwd):
        patch.setattr(sys, "argv", command)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as e:
            main()
    assert isinstance(e.value.code, int)
    return subprocess.CompletedProcess(command, e.value.code, out.getvalue(), err.getvalue())
