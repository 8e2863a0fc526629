"""A film as frames in the order in which they are shown; it is decoded in a process of its own."""

import json
import selectors
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from synth.dataset.imports import video_process
from synth.errors import InputError

MAX_WAIT_S = 120.0
"""How long a film may go on without a frame."""

Rect = tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame.

    pts: its presentation time in the film's own units. t_s: from the first frame on. share: of the file that
    was read so far. pixels: [H,W] grey or [H,W,3] RGB, uint8; None where it is broken.
    """

    pts: int
    t_s: float
    share: float
    pixels: NDArray[np.uint8] | None


class Film:
    """One film, read once from its beginning; a context manager. Raises InputError for what is none.

    size_wh: of its upright frames, square pixels. duration_s: as it promises, None where it does not. Once it
    was read: n_broken, packets that gave no frame; end_s, when its last frame is shown.
    """

    def __init__(self, path: Path, where: str) -> None:
        self._where = where
        self._child = _Child(path)
        about = self._read_line()
        self.size_wh: tuple[int, int] = tuple(about["size_wh"])
        self.duration_s: float | None = about["duration_s"]
        self.n_broken, self.end_s = 0, 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.close()

    def read(
        self, rect: Rect, size_wh: tuple[int, int], *, colour: bool, pts: Sequence[int] | None = None
    ) -> Iterator[Frame]:
        """Frames, cut to ``rect`` (x0, y0, x1, y1, upright pixels) and scaled to ``size_wh``.

        pts: which; None for all. Raises InputError where the film ends its process, or stands still.
        """
        shape = (*size_wh[::-1], 3) if colour else size_wh[::-1]
        order = {"rect": rect, "size_wh": size_wh, "colour": colour, "pts": None if pts is None else [*pts]}
        self._child.send(order)
        while "pts" in (about := self._read_line()):
            pixels = None
            if not about["is_broken"]:
                content = self._child.read_bytes(int(np.prod(shape)))
                if content is None:
                    raise self._ended()
                pixels = np.frombuffer(content, np.uint8).reshape(shape)
            yield Frame(about["pts"], about["t_s"], about["share"], pixels)
        self.n_broken, self.end_s = about["n_broken"], about["t_s"]

    def _read_line(self) -> dict[str, Any]:
        about = self._child.read_line()
        if about is None:
            raise self._ended()
        if "no_film" in about:
            self._child.close()
            raise InputError(f"{self._where} {about['no_film']}")
        return about

    def _ended(self) -> InputError:
        self._child.close()
        return InputError(
            f"{self._where} cannot be decoded within {video_process.MAX_MEMORY_BYTES >> 30} GiB, "
            f"{video_process.MAX_SECONDS // 3600} h and {MAX_WAIT_S:g} s a frame: it is damaged, or must be "
            "made smaller"
        )


class _Child:
    """The process that decodes."""

    def __init__(self, path: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", video_process.__file__, str(path.resolve())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._selector = selectors.DefaultSelector()
        assert self._process.stdout is not None
        self._selector.register(self._process.stdout, selectors.EVENT_READ)
        self._buffer = bytearray()

    def send(self, order: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()

    def read_line(self) -> dict[str, Any] | None:
        """None where it ended before."""
        while (end := self._buffer.find(b"\n")) < 0:
            if not self._fill():
                return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        found: dict[str, Any] = json.loads(line)
        return found

    def read_bytes(self, n: int) -> bytes | None:
        while len(self._buffer) < n:
            if not self._fill():
                return None
        content = bytes(self._buffer[:n])
        del self._buffer[:n]
        return content

    def close(self) -> None:
        """End it, wherever it is; may be called twice."""
        self._process.kill()
        self._process.wait()
        self._selector.close()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            with suppress(BrokenPipeError):
                stream.close()

    def _fill(self) -> bool:
        assert self._process.stdout is not None
        if not self._selector.select(MAX_WAIT_S):
            return False
        content = self._process.stdout.read1(1 << 20)  # type: ignore[attr-defined]
        self._buffer += content
        return bool(content)
