"""What every entry point promises about any data: it ends soon, in success or a SynthError, in its folder."""

import os
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from synth.errors import SynthError

LIMIT_S = 10
_MEMORY_BYTES = 3 * 2**30


class Hung(BaseException):
    """An entry point did not end in time."""


def attempt(action: Callable[[], Any]) -> Any:
    """What an action returns, None where it refuses; any other exception goes on as it is."""
    try:
        return action()
    except SynthError:
        return None


@contextmanager
def bounded() -> Iterator[None]:
    """A block that may take only so much time and memory."""

    def stop(_signal: int, _frame: Any) -> None:
        raise Hung(f"did not end within {LIMIT_S} s")

    before, hard = resource.getrlimit(resource.RLIMIT_AS)
    in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    handler = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, LIMIT_S)
    resource.setrlimit(resource.RLIMIT_AS, (in_use + _MEMORY_BYTES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (before, hard))
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)


def snapshot(folder: Path, *, without: tuple[Path, ...] = ()) -> dict[str, tuple[str, bytes]]:
    """Every entry below a folder and what it is, links not followed; some subfolders left out."""
    found = {}
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if Path(place, name) not in without]
        for name in (*folders, *files):
            path = Path(place, name)
            if path.is_symlink():
                found[str(path)] = ("link", os.fsencode(path.readlink()))
            elif path.is_file():
                found[str(path)] = ("file", path.read_bytes())
            else:
                found[str(path)] = ("folder" if path.is_dir() else "other", b"")
    return found
