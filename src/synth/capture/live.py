"""Pictures of a cell's camera as they come, without a motion."""

import time
from collections.abc import Iterator

from synth.cell.mesh import load_bodies
from synth.cell.model import Cell
from synth.dataset.codecs import Rgb
from synth.hardware.connect import connect_camera


def grab_pictures(cell: Cell, n: int) -> Iterator[Rgb]:
    """``n`` pictures [H,W,3], each taken after it was asked for. Raises the camera's errors."""
    with connect_camera(cell, load_bodies(cell)) as camera:
        for _ in range(n):
            yield camera.grab(after_ns=time.monotonic_ns()).rgb_u8
