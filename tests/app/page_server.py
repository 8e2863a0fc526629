"""Commands that show a page, as programs of their own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CHECKPOINT = Path("painter/checkpoints/step_000001.safetensors")


@contextmanager
def drawing(desk: Path, *words: object) -> Iterator[str]:
    """``synth draw`` with the desk's painter, as `serving` does."""
    with serving(desk, "draw", "--checkpoint", CHECKPOINT, *words) as address:
        yield address


@contextmanager
def serving(folder: Path, *words: object) -> Iterator[str]:
    """A command that shows a page, as a program; gives the address that it prints, and ends it by Ctrl-C."""
    command = [sys.executable, "-m", "synth", *words, "--no-browser"]
    environment = os.environ | {"PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        list(map(str, command)), cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        said = []
        for line in server.stdout:
            said.append(line)
            if line.startswith("Open http://"):
                break
        try:
            assert said, "it ended before it printed an address"
            yield said[-1].removeprefix("Open ").strip()
        finally:
            server.send_signal(signal.SIGINT)
            rest = server.stdout.read()
            assert server.wait(timeout=20) == 0, rest
