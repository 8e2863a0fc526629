"""One child process with Blender in it: how it is started, spoken to and ended."""

import contextlib
import importlib.util
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from synth.errors import InputError, RendererError
from synth.extras import how_to_install
from synth.sim import installed

_START_S, _EXIT_S = 180.0, 5.0
_SCRATCH_BYTES = 2**29
FOLDER_PREFIX = "synth_blender_"
"""Of a worker's folder; the host's process id follows."""

MakeCommand = Callable[[Path], list[str]]
"""The command that starts a worker; its argument is an empty folder that goes with the worker."""


def make_command(program: Path | None) -> MakeCommand:
    """How to start a worker: from the pip wheels (None), or with an installed Blender (program or folder).

    Raises InputError when either is absent or cannot be used.
    """
    needed = ("blenderproc", "bpy") if program is None else ("blenderproc",)
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(
            f"Rendering needs {' and '.join(missing)}, not found in this environment: "
            f"{how_to_install('render')}."
        )
    if program is None:
        return lambda _: [sys.executable, "-m", "synth.sim.blender_side.wheels"]
    found = installed.find_installed(program.absolute())
    return lambda folder: installed.command_line(found.program, folder)


class Worker:
    """A running child process; ``hello`` says what it is: versions, devices, scratch folder.

    All that it keeps on disk lies in one folder, which goes with it. n_threads: 0 for all. Raises
    RendererError when it does not start.
    """

    def __init__(self, make: MakeCommand, n_threads: int) -> None:
        self._folder = _make_folder()
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process lives.
        self._answers: queue.Queue[str] = queue.Queue()
        self.hello: dict[str, Any] = {}
        self._process: subprocess.Popen[str] = subprocess.Popen(
            make(self._folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env={
                **os.environ,
                "TMPDIR": str(self._folder),
                "SYNTH_SCRATCH": str(self._folder),
                "SYNTH_HOST_PID": str(os.getpid()),
                "SYNTH_BLENDER_THREADS": str(n_threads),
            },
            start_new_session=True,  # Ctrl-C is the host's to handle.
        )
        assert self._process.stdout
        threading.Thread(target=self._listen, args=(self._process.stdout,), daemon=True).start()
        try:
            self.hello = self._answer(_START_S)
        except BaseException:
            self.end(at_once=True)
            raise

    @property
    def pid(self) -> int:
        """The process id, which is that of its process group too."""
        return self._process.pid

    def ask(self, request: Mapping[str, Any], deadline_s: float) -> dict[str, Any]:
        """The answer to one request. Raises RendererError when the process ends or takes longer."""
        assert self._process.stdin
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except OSError:
            raise self._ended() from None
        return self._answer(deadline_s)

    def end(self, *, at_once: bool = False) -> None:
        """Let it go, or kill all of its process group; nothing of it stays on disk."""
        assert self._process.stdin
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(0 if at_once else _EXIT_S)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, 9)
            self._process.wait()
        self._log.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _listen(self, stdout: IO[str]) -> None:
        with stdout:
            for line in stdout:
                self._answers.put(line)
        self._answers.put("")

    def _answer(self, deadline_s: float) -> dict[str, Any]:
        ends = time.monotonic() + deadline_s
        while True:
            try:
                line = self._answers.get(timeout=max(ends - time.monotonic(), 0))
            except queue.Empty:
                raise RendererError(
                    f"Blender gave no answer within {deadline_s:g} s and was ended; the same command goes on."
                ) from None
            if not line:
                raise self._ended()
            if line.startswith("{"):  # `blenderproc run` speaks before its worker does.
                answer: dict[str, Any] = json.loads(line)
                return answer

    def _ended(self) -> RendererError:
        try:
            code = self._process.wait(_EXIT_S)
        except subprocess.TimeoutExpired:
            code = 0
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        self._log.seek(0)
        said = [line.strip() for line in self._log.read().decode("utf-8", "replace").splitlines()]
        last = next((f" Its last words: {line}" for line in reversed(said) if line), "")
        return RendererError(f"Blender's worker {how}; the same command goes on.{last}")


def _make_folder() -> Path:
    """For what goes to and fro, in memory where there is room."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it.
    has_room = os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > _SCRATCH_BYTES
    return Path(tempfile.mkdtemp(prefix=f"{FOLDER_PREFIX}{os.getpid()}_", dir=memory if has_room else None))
