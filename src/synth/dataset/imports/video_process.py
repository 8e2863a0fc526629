"""A program that decodes one film: on its output a line that says what the film is; then, as one line on its
input asks, frames in the order in which they are shown, a line and the pixels each.

It is a process of its own, since a damaged film can end the process that decodes it, or ask it for any amount
of time and memory.
"""

import json
import os
import resource
import sys
from collections.abc import Generator, Iterator
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

MAX_FILE_BYTES, MAX_FRAMES, MAX_PIXELS = 64 << 30, 3_000_000, 36_000_000
MAX_SECONDS, MAX_MEMORY_BYTES = 12 * 3600, 6 << 30

_FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,dv,mxf"
"""Containers alone: playlists, which name other files and addresses, are none."""

_N_THREADS = 4
_HD_HEIGHT_PX, _UNSPECIFIED, _BT709 = 720, 2, 1

Message = tuple[dict[str, Any], NDArray[np.uint8] | None]


class NoFilm(Exception):
    """Why a file cannot be taken for a film, as the end of a sentence that begins with its name."""


def decode(path: str) -> Generator[Message, Any, None]:
    """What a film is; then, once an order is sent, each frame with its pixels; at the end a message without
    ``pts``.

    The film: ``size_wh`` (upright, square pixels) and ``duration_s`` (None where it does not say). The
    order: ``rect`` (x0 y0 x1 y1 of the upright picture), ``size_wh`` (what it becomes), ``colour`` (whether
    [H,W,3] RGB is wanted, or [H,W] grey) and ``pts`` (which frames; None for all). A frame: ``pts``, ``t_s``
    (from the first one on), ``share`` (of the file that was read) and ``is_broken``, without pixels then. The
    end: ``n_broken``, packets that gave no frame, and ``t_s``. Raises NoFilm.
    """
    import av

    try:
        with (
            open(path, "rb") as file,  # noqa: PTH123 - av.open takes some names for addresses.
            av.open(file, options={"format_whitelist": _FORMATS, "protocol_whitelist": "file"}) as container,
        ):
            yield from _decode(cast("InputContainer", container), os.fstat(file.fileno()).st_size)
    except av.FFmpegError as error:
        raise NoFilm(
            f"is no film that can be read, or is cut short ({error.strerror}): copy it again, or repair it"
        ) from error


def _decode(container: "InputContainer", n_bytes: int) -> Generator[Message, Any, None]:
    if n_bytes > MAX_FILE_BYTES:
        raise NoFilm(f"has more than {MAX_FILE_BYTES >> 30} GB: cut it into several files")
    if not container.streams.video:
        if container.streams.audio:
            raise NoFilm("holds sound and no pictures: give a film")
        raise NoFilm("holds no pictures, or is cut short: copy it again, or give a film")
    stream = container.streams.video[0]
    stream.thread_type, stream.codec_context.thread_count = "AUTO", _N_THREADS
    broken: list[int] = []
    frames = _list_frames(container, stream, broken)
    first, n_before, is_first_whole = next(frames, (None, 0, False))
    if first is None or first.time is None:
        raise NoFilm("has no frame that can be decoded: it is damaged, or of a codec unknown here")
    if first.width * first.height > MAX_PIXELS:
        raise NoFilm(
            f"has frames of {first.width}×{first.height}, more than {MAX_PIXELS // 10**6} million pixels: "
            "make it smaller"
        )
    aspect = stream.sample_aspect_ratio or 1
    size = _upright_size(first, aspect)
    order = yield {"size_wh": size, "duration_s": _duration_s(container, stream)}, None
    wanted = None if order["pts"] is None else set(order["pts"])
    to_pixels = _Cutter(size, order)
    t_s, n_frames = 0.0, 0
    for frame, n_read, is_whole in chain([(first, n_before, is_first_whole)], frames):
        n_frames += 1
        if n_frames > MAX_FRAMES:
            raise NoFilm(f"has more than {MAX_FRAMES} frames: cut it into several files")
        if frame.pts is None or frame.time is None or frame.time - first.time < t_s:
            continue  # Not to be shown, or time that runs backwards, where recordings were joined.
        t_s = frame.time - first.time
        if wanted is not None and frame.pts not in wanted:
            continue
        about = {"pts": frame.pts, "t_s": t_s, "share": min(n_read / n_bytes, 1.0)}
        is_broken = not is_whole or _upright_size(frame, aspect) != size
        yield {**about, "is_broken": is_broken}, None if is_broken else to_pixels(frame)
        if wanted is not None and frame.pts == max(wanted):
            break
    yield {"n_broken": len(broken), "t_s": t_s}, None


def _list_frames(
    container: "InputContainer", stream: "VideoStream", broken: list[int]
) -> Iterator[tuple["VideoFrame", int, bool]]:
    """Frames, how many bytes were read up to each, and whether it is whole; the places of packets that give
    none go to ``broken``.

    What follows a damaged frame is made of it, until a key frame begins anew.
    """
    import av

    n_read, is_whole, packets = 0, True, container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.FFmpegError:  # The container is torn here.
            packet = None
        if packet is None:
            return
        n_read = packet.pos or n_read
        try:
            frames = packet.decode()
        except av.FFmpegError:
            broken.append(n_read)
            is_whole = False
            continue
        for frame in frames:
            is_whole = not frame.is_corrupt and (is_whole or frame.key_frame)
            yield frame, n_read, is_whole


def _duration_s(container: "InputContainer", stream: "VideoStream") -> float | None:
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return None if container.duration is None else container.duration / 1e6


def _upright_size(frame: "VideoFrame", aspect: Fraction | int) -> tuple[int, int]:
    """Width and height of a frame as it is shown: turned as the film says, its pixels made square."""
    width, height = max(1, round(frame.width * aspect)), frame.height
    return (height, width) if _turns(frame) % 2 else (width, height)


def _turns(frame: "VideoFrame") -> int:
    """Quarter turns, counter-clockwise, that bring a frame upright."""
    return round(frame.rotation / 90) % 4


class _Cutter:
    """Makes of a frame what the order asks for."""

    def __init__(self, size_wh: tuple[int, int], order: dict[str, Any]) -> None:
        self.size_wh = size_wh
        x0, y0, x1, y1 = order["rect"]
        self._out_wh: tuple[int, int] = tuple(order["size_wh"])
        scale = self._out_wh[0] / (x1 - x0), self._out_wh[1] / (y1 - y0)
        self._whole_wh = round(size_wh[0] * scale[0]), round(size_wh[1] * scale[1])
        self._begin = (
            min(round(x0 * scale[0]), self._whole_wh[0] - self._out_wh[0]),
            min(round(y0 * scale[1]), self._whole_wh[1] - self._out_wh[1]),
        )
        self._format = "rgb24" if order["colour"] else "gray"

    def __call__(self, frame: "VideoFrame") -> NDArray[np.uint8]:
        turns = _turns(frame)
        width, height = self._whole_wh[::-1] if turns % 2 else self._whole_wh
        is_hd = frame.colorspace == _UNSPECIFIED and frame.height >= _HD_HEIGHT_PX
        scaled = frame.reformat(
            width=width,
            height=height,
            format=self._format,
            src_colorspace=_BT709 if is_hd else None,
            interpolation="AREA" if width < frame.width else "BICUBIC",
        )
        upright = np.rot90(scaled.to_ndarray(), turns)
        (x, y), (w, h) = self._begin, self._out_wh
        return np.ascontiguousarray(upright[y : y + h, x : x + w])


def main() -> None:
    """Its last line has ``no_film``, why, where the file is none."""
    limits = ((resource.RLIMIT_CPU, MAX_SECONDS), (resource.RLIMIT_AS, MAX_MEMORY_BYTES))
    for limit, most in limits:
        resource.setrlimit(limit, (most, most))
    messages = decode(sys.argv[1])
    out = sys.stdout.buffer
    try:
        _write(out, *next(messages))
        if not (order := sys.stdin.buffer.readline()):
            return
        _write(out, *messages.send(json.loads(order)))
        for message in messages:
            _write(out, *message)
    except NoFilm as error:
        _write(out, {"no_film": str(error)}, None)
    except BrokenPipeError:  # Whoever asked has gone.
        os._exit(0)


def _write(out: BinaryIO, about: dict[str, Any], pixels: NDArray[np.uint8] | None) -> None:
    out.write(json.dumps(about).encode() + b"\n")
    if pixels is not None:
        out.write(pixels.data)
    out.flush()


if __name__ == "__main__":
    main()
