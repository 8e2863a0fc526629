"""A worker as a child process: opened once, given a shard at a time, ended. All that goes in is pickled."""

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Pipe
from pathlib import Path
from typing import Any

from synth.compute.cores import thread_defaults
from synth.errors import SynthError, WorkerLost


def pack(thing: object) -> bytes:
    """Pickled by value, so that another machine can read it; torch's way with processes hands memory over."""
    return pickle.dumps(thing)


def unpack(content: bytes) -> Any:
    """What a process of this program's own packed."""
    return pickle.loads(content)  # noqa: S301


_CLOSE_S = 10.0


@dataclass(frozen=True)
class Answer:
    """What a worker sends back for one shard: a result, or what went wrong."""

    result: Any = None
    error: SynthError | None = None


class WorkerProcess:
    """A process that opens a worker and waits for shards; it ends with the process that started it.

    path: where it finds modules. open_worker: an `OpenWorker`, pickled. folder: in which it works; None for
    this process's own.
    """

    def __init__(self, path: Sequence[str], open_worker: bytes, folder: Path | None = None) -> None:
        self.pipe, theirs = Pipe()
        ends = [str(theirs.fileno()), str(os.getpid())]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "synth.compute.engines.local_process", *ends],
            stdin=subprocess.DEVNULL,
            env={**os.environ, **thread_defaults(os.environ)},
            pass_fds=(theirs.fileno(),),
            start_new_session=True,
            cwd=folder,
        )
        theirs.close()
        self.give(pack(list(path)))
        self.give(open_worker)

    def give(self, shard: bytes) -> None:
        """Hand over a shard; a process that died is seen when its answer is taken."""
        with suppress(OSError):
            self.pipe.send_bytes(shard)

    def take(self) -> bytes:
        """Wait for the pickled `Answer`; raises EOFError when the process has ended."""
        try:
            return self.pipe.recv_bytes()
        except OSError as error:
            raise EOFError from error

    def terminate(self) -> None:
        """Have it end in the middle of a shard."""
        self._process.terminate()

    def end(self) -> WorkerLost:
        """Let it close what it opened, or kill it; returns how it ended as an error."""
        self.pipe.close()
        try:
            code = self._process.wait(_CLOSE_S)
        except BaseException as error:
            self._process.kill()
            code = self._process.wait()
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
        return WorkerLost(f"a worker process ended with {_in_words(code)}")


def _in_words(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
