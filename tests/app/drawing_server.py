"""``synth draw`` as a program of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CHECKPOINT = Path("painter/checkpoints/step_000001.safetensors")


@contextmanager
def serving(desk: Path, *words: object) -> Iterator[str]:
    """``synth draw`` as a program; gives the address that it prints, and ends it by Ctrl-C."""
    command = [sys.executable, "-m", "synth", "draw", "--checkpoint", CHECKPOINT, "--no-browser", *words]
    environment = os.environ | {"PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        list(map(str, command)), cwd=desk, env=environment, stdout=subprocess.PIPE, text=True
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
