"""The local engine's child process: opens a worker, answers shard after shard, ends with its parent."""

import ctypes
import gc
import os
import signal
import sys
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, NoReturn

from synth.compute.engines.worker_process import Answer, pack, unpack
from synth.errors import SynthError, WorkerLost

_PR_SET_PDEATHSIG = 1


class _Closed(Exception):
    """The other end is gone, perhaps in the middle of a message: nobody hears what is said."""


def serve(pipe: Connection) -> None:
    """Answer every shard that comes; returns when the other end is closed."""
    with suppress(_Closed):
        _serve(pipe)


def _serve(pipe: Connection) -> None:
    shard_in_hand = False
    gc.disable()  # Modules stay; looking them through for garbage takes a quarter of the time to load them.
    try:
        sys.path[:] = _receive(pipe)  # What the parent can import, so can we.
        with _receive(pipe)() as handle:
            gc.freeze()
            gc.enable()
            while True:
                shard = _receive(pipe)
                shard_in_hand = True
                _send(pipe, Answer(result=handle(shard)))
                shard_in_hand = False
    except _Closed:
        raise
    except Exception as error:  # noqa: BLE001  Whatever it is, the parent decides.
        if not isinstance(error, SynthError):
            traceback.print_exc()
            error = WorkerLost(f"a worker process failed: {type(error).__name__}: {error}")
        if not shard_in_hand:  # Opening failed: that is the answer to the first shard.
            _receive(pipe)
        _send(pipe, Answer(error=error))
    finally:
        gc.enable()


def _receive(pipe: Connection) -> Any:
    try:
        content = pipe.recv_bytes()
    except (EOFError, OSError) as error:
        raise _Closed from error
    return unpack(content)


def _send(pipe: Connection, answer: Answer) -> None:
    content = pack(answer)
    try:
        pipe.send_bytes(content)
    except OSError as error:
        raise _Closed from error


def main() -> NoReturn:
    fd, parent = int(sys.argv[1]), int(sys.argv[2])
    signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is the parent's; what is started here obeys it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(0)
    serve(Connection(fd))
    sys.exit(0)


if __name__ == "__main__":
    main()
