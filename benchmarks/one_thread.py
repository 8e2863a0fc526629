"""Commands run with one thread, and what they cost."""

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
