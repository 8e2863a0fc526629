"""Small films, as cameras, producers and accidents make them."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from synth.dataset.imports import video_process

Frame = NDArray[np.uint8]

SIZE_WH = 128, 64
GROUP = 8
"""Frames from one key frame to the next, in an MP4."""
_MS = 1000


def drive(n: int, seed: int, *, step_px: int = 9, size_wh: tuple[int, int] = SIZE_WH) -> list[Frame]:
    """Frames [H,W,3] of a camera that passes by a wall of posters."""
    rng = np.random.default_rng(seed)
    width, height = size_wh
    long = width + n * step_px
    wall = np.zeros((height, long, 3))
    for cell_px, weight in ((16, 0.6), (4, 0.4)):
        shape = height // cell_px + 1, long // cell_px + 1, 3
        cells = rng.uniform(0, 255, shape).repeat(cell_px, 0).repeat(cell_px, 1)
        wall += weight * cells[:height, :long]
    wall = cv2.GaussianBlur(wall, (0, 0), 0.6).astype(np.uint8)
    return [wall[:, i * step_px : i * step_px + width].copy() for i in range(n)]


def card(n: int, text: str = "CITY TOUR") -> list[Frame]:
    """The same card, n times."""
    frame = np.full((*SIZE_WH[::-1], 3), 200, np.uint8)
    cv2.putText(frame, text, (24, 38), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (10, 10, 10), 1)
    return [frame] * n


def shaken(frame: Frame, length_px: int = 9, angle_deg: float = 30.0) -> Frame:
    """A frame as a camera that moves meanwhile takes it."""
    return np.asarray(cv2.filter2D(frame, -1, motion_kernel(length_px, np.radians(angle_deg))), np.uint8)


def motion_kernel(length_px: int, angle_rad: float) -> NDArray[np.float32]:
    """The weights of a straight motion."""
    side = 2 * length_px + 1
    canvas = np.zeros((side, side), np.float32)
    for along in np.linspace(-(length_px - 1) / 2, (length_px - 1) / 2, 8 * length_px):
        place = (length_px + along * np.cos(angle_rad), length_px + along * np.sin(angle_rad))
        canvas += np.outer(*(np.maximum(0, 1 - np.abs(np.arange(side) - p)) for p in place[::-1]))
    return canvas / canvas.sum()


def make_film(
    path: Path, frames: Sequence[Frame], *, fps: float = 4, times_s: Sequence[float] | None = None
) -> Path:
    """Write frames, lossless in .mkv; times_s: when each is shown, where not every 1/fps seconds."""
    height, width = frames[0].shape[:2]
    with av.open(str(path), "w") as container:
        is_lossless = path.suffix == ".mkv"
        codec, options = (
            ("ffv1", {}) if is_lossless else ("libx264", {"g": str(GROUP), "bf": "0", "sc_threshold": "0"})
        )
        stream: Any = container.add_stream(codec, rate=Fraction(fps), options=options)
        stream.width, stream.height = width, height
        stream.pix_fmt = "yuv444p" if is_lossless else "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, _MS)
        for i, rgb in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            frame.pts = round(_MS * (i / fps if times_s is None else times_s[i]))
            frame.time_base = Fraction(1, _MS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def make_sound(path: Path) -> Path:
    """A second of silence, in a container of films."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def damage(path: Path, i_frame: int) -> Path:
    """Overwrite the middle of one frame's bytes."""
    with av.open(str(path)) as container:
        packet = [p for p in container.demux(video=0) if p.size][i_frame]
        assert packet.pos is not None
        begin, end = packet.pos + packet.size // 4, packet.pos + packet.size
    content = bytearray(path.read_bytes())
    content[begin:end] = b"\x55" * (end - begin)
    path.write_bytes(content)
    return path


def lay_on_side(path: Path) -> Path:
    """Have an MP4 say that it is shown turned by 90° clockwise, as telephones do (ISO 14496-12, tkhd)."""
    content = bytearray(path.read_bytes())
    begin = content.index(b"tkhd") + 4 + 40
    one, w = 1 << 16, 1 << 30
    turned = (0, one, 0, -one, 0, 0, 0, 0, w)
    content[begin : begin + 36] = b"".join(number.to_bytes(4, "big", signed=True) for number in turned)
    path.write_bytes(content)
    return path


class InThisProcess:
    """Decodes as the child does, without a process."""

    def __init__(self, path: Path) -> None:
        self._messages = video_process.decode(str(path))
        self._pixels: Frame | None = None
        self._order: Any = None

    def send(self, order: dict[str, Any]) -> None:
        self._order = order

    def read_line(self) -> dict[str, Any] | None:
        try:
            about, self._pixels = self._messages.send(self._order)
        except video_process.NoFilm as error:
            return {"no_film": str(error)}
        self._order = None
        return about

    def read_bytes(self, n: int) -> bytes | None:
        assert self._pixels is not None
        assert self._pixels.nbytes == n
        return self._pixels.tobytes()

    def close(self) -> None:
        self._messages.close()


def list_fates(plan: dict[str, Any]) -> Iterator[tuple[float, str]]:
    """When the frame of each window is shown, and what became of it."""
    for window in plan["windows"]:
        yield window["t_s"], window.get("reason", "taken")
