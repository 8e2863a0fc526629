"""Commands run with one thread, each once where that is asked for, and what they cost."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

SYNTH = (sys.executable, "-c", "from synth.cli import main; main()")


def run(command: Sequence[str], cwd: Path | None = None) -> tuple[int, float]:
    """Its exit code and its CPU seconds."""
    with subprocess.Popen(command, cwd=cwd, env=os.environ | {"OMP_NUM_THREADS": "1"}) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, used.ru_utime + used.ru_stime


def synth(*words: str, cwd: Path | None = None, where: str = "") -> float:
    """The CPU seconds of ``synth``; SystemExit where it fails. where: said before the command."""
    print(f"\n{where}$ synth {' '.join(words)}", flush=True)
    status, cpu_s = run([*SYNTH, *words], cwd)
    if status:
        raise SystemExit(f"synth {words[0]} ended with {status}; the same command goes on")
    return cpu_s


def synth_once(made: str, *words: str, cwd: Path) -> None:
    """``synth … --out`` of a place in that folder; nothing where that was done before."""
    if not is_done(cwd / made):
        cwd.mkdir(parents=True, exist_ok=True)
        synth(*words, "--out", made, cwd=cwd)
        note_done(cwd / made)


def is_done(made: Path) -> bool:
    """Whether it was made to its end."""
    return _name_mark(made).is_file()


def note_done(made: Path) -> None:
    """So that it is not made again."""
    _name_mark(made).touch()


def _name_mark(made: Path) -> Path:
    return made.with_name(f"{made.name}.done")
