"""One writer at a time: a lock that the kernel takes back when its process ends, however it ends."""

import errno
import fcntl
import os
import socket
from pathlib import Path

from synth.errors import InputError
from synth.storage.atomic import storage

LOCK_FILE = ".lock"


def acquire(root: Path, *, create: bool, refusal: type[InputError] = InputError) -> int:
    """Take the lock of a folder and return its descriptor; closing that lets go.

    create: make the folder where there is none. Raises ``refusal`` that names the process that has the lock,
    or says that the folder cannot be written; StorageError when the disk is full.
    """
    try:
        if create:
            root.mkdir(parents=True, exist_ok=True)
        lock = os.open(root / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            with storage(root):
                raise
        raise refusal(f"cannot write in {root} ({error.strerror}): choose another folder") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = _say_owner(lock)
        os.close(lock)
        raise refusal(f"{root} is being written by process {owner}: wait for it to end, or stop it") from None
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()} {socket.gethostname()}\n".encode(), 0)
    return lock


def find_writer(root: Path) -> str | None:
    """The number of the process that is writing in the folder now, with ``on HOST`` where that is another
    machine; None where none is.
    """
    try:
        lock = os.open(root / LOCK_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _say_owner(lock)
    finally:
        os.close(lock)
    return None


def _say_owner(lock: int) -> str:
    pid, _, host = os.read(lock, 300).decode(errors="replace").strip().partition(" ")
    where = "" if host in ("", socket.gethostname()) else f" on {host}"
    return f"{pid or 'unknown'}{where}"
