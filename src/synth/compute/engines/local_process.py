"""The local engine's child process: opens a worker, answers shard after shard, ends with its parent."""

import ctypes
import os
import signal
import sys
import traceback
from multiprocessing.connection import Connection
from typing import NoReturn

from synth.compute.engines.local import _Answer
from synth.errors import SynthError, WorkerLost

_PR_SET_PDEATHSIG = 1


def serve(pipe: Connection) -> None:
    """Answer every shard that comes; returns when the other end is closed."""
    shard_in_hand = False
    try:
        sys.path[:] = pipe.recv()  # What the parent can import, so can we.
        with pipe.recv()() as handle:
            while True:
                shard = pipe.recv()
                shard_in_hand = True
                answer = _Answer(result=handle(shard))
                pipe.send(answer)
                shard_in_hand = False
    except EOFError:
        return
    except Exception as error:  # noqa: BLE001  Whatever it is, the parent decides.
        if not isinstance(error, SynthError):
            traceback.print_exc()
            error = WorkerLost(f"a worker process failed: {type(error).__name__}: {error}")
        if not shard_in_hand:  # Opening failed: that is the answer to the first shard.
            pipe.recv()
        pipe.send(_Answer(error=error))


def main() -> NoReturn:
    fd, parent = int(sys.argv[1]), int(sys.argv[2])
    signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is the parent's; what is started here obeys it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(0)
    pipe = Connection(fd)
    try:
        serve(pipe)
    except (EOFError, BrokenPipeError):
        sys.exit(0)
    sys.exit(0)


if __name__ == "__main__":
    main()
