"""A loop in Blender's process: one JSON request a line on stdin, one JSON answer a line on stdout.

Requests: {"do": "render", ...} and {"do": "settle", ...}. An answer has "ok"; where it is false, "error" says
why in a sentence. The first answer comes unasked and names versions, devices and the scratch folder, which
goes with this process. All that Blender prints goes to stderr. The loop ends with stdin, or with the host.
"""

import json
import os
import shutil
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any, TextIO

from synth.sim.blender_side import render, settle, start

_WATCH_S = 0.25


def main() -> None:
    """Answer requests until stdin ends."""
    answers = _keep_stdout_clean()
    scratch = Path(os.environ["SYNTH_SCRATCH"])
    try:
        _die_with(int(os.environ["SYNTH_HOST_PID"]), scratch)
        start.initialise(int(os.environ["SYNTH_BLENDER_THREADS"]))
        hello = {"versions": start.versions(), "devices": start.devices(), "scratch": str(scratch)}
        _say(answers, {"ok": True, **hello})
        for line in sys.stdin:
            _say(answers, _answer(json.loads(line), scratch))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _answer(request: dict[str, Any], scratch: Path) -> dict[str, Any]:
    begun = time.perf_counter()
    try:
        done = {"render": render.render, "settle": settle.settle}[request["do"]](request, scratch)
    except Exception as error:  # noqa: BLE001 - whatever Blender raises must reach the host as a sentence.
        traceback.print_exc()
        return {"ok": False, "error": f"{type(error).__name__}: {error}"}
    return {"ok": True, "seconds": time.perf_counter() - begun, "rss_mb": _rss_mb(), **done}


def _say(answers: TextIO, answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


def _keep_stdout_clean() -> TextIO:
    """The real stdout; file descriptor 1, which Blender writes on, becomes stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


def _die_with(host_pid: int, scratch: Path) -> None:
    """End this process when the host is gone. Cycles lets other threads run while it renders."""
    parent_pid = os.getppid()

    def watch() -> None:
        while os.getppid() == parent_pid and _lives(host_pid):
            time.sleep(_WATCH_S)
        shutil.rmtree(scratch, ignore_errors=True)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _rss_mb() -> float:
    """Memory that this process holds now."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:  # Not Linux: the highest so far.
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
            2**20 if sys.platform == "darwin" else 2**10
        )
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    main()
