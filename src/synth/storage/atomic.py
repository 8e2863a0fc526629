"""Writing so that a reader finds all of a file or none of it, and a full disk is one sentence."""

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from synth.errors import StorageError

_TEMP_PREFIX, _TEMP_SUFFIX = ".", ".synth-partial"


@contextmanager
def storage(path: Path) -> Iterator[None]:
    """Turn an OSError while writing ``path`` into a StorageError of one sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageError(f"the disk that holds {path} is full: make room, then run it again") from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise StorageError(
                f"no permission to write {path}: make its folder writable, then run it again"
            ) from error
        raise StorageError(f"cannot write {path}: {error.strerror or error}") from error


def temp_path(path: Path) -> Path:
    """Where the content of ``path`` stands until it is complete; is_temp recognises it."""
    return path.with_name(f"{_TEMP_PREFIX}{path.name}{_TEMP_SUFFIX}")


def is_temp(name: str) -> bool:
    """Whether a file of this name is an unfinished write of this module."""
    return name.startswith(_TEMP_PREFIX) and name.endswith(_TEMP_SUFFIX)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write that takes the place of ``path`` when the block ends well, and vanishes otherwise.

    Durable; raises StorageError.
    """
    temp = temp_path(path)
    with storage(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            temp.unlink(missing_ok=True)  # Perhaps a link to somewhere else.
            with temp.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temp.replace(path)
        except BaseException:
            with suppress(OSError):
                temp.unlink(missing_ok=True)
            raise


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, durably; raises StorageError."""
    with replacing(path) as file:
        file.write(content)


def link_file(path: Path, source: Path) -> None:
    """Make ``path`` the same file as ``source``, or a copy where the disk does not allow that.

    Whole or not at all, durably; raises StorageError.
    """
    temp = temp_path(path)
    with storage(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temp.unlink(missing_ok=True)
        try:
            temp.hardlink_to(source.resolve())
        except OSError:
            write_bytes(path, source.read_bytes())
        else:
            temp.replace(path)
            temp.unlink(missing_ok=True)  # Renaming to another name of the same file leaves both.


class LineLog:
    """A file of lines that grows by whole lines: one that lacks its line break was never written."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> list[bytes]:
        """Every finished line, without line breaks; none when there is no file."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return []
        return content.split(b"\n")[:-1]

    def size(self) -> int:
        """Bytes in the file."""
        return self.path.stat().st_size if self.path.exists() else 0

    def append(self, line: str) -> None:
        """Add one line durably; on any failure the file is as it was. Raises StorageError."""
        data = line.encode() + b"\n"
        with storage(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            before = self.size()
            try:
                with self.path.open("ab", buffering=0) as file:
                    while data:
                        data = data[file.write(data) :]
                    os.fsync(file.fileno())
            except BaseException:
                self.truncate(before)
                raise

    def truncate(self, size: int) -> None:
        """Cut the file back to ``size`` bytes."""
        if self.path.exists() and self.size() > size:
            with storage(self.path):
                os.truncate(self.path, size)

    def mend(self) -> bool:
        """Cut off a torn last line; whether there was one."""
        finished = sum(len(line) + 1 for line in self.read())
        torn = self.size() > finished
        self.truncate(finished)
        return torn

    def rewrite(self, lines: Sequence[str]) -> None:
        """Replace every line at once."""
        write_bytes(self.path, "".join(line + "\n" for line in lines).encode())
