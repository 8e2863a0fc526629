"""A picture of the board with the arm's pose: what a calibration is solved from."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from synth.geometry.se3 import Array

Eye = Literal["to-hand", "in-hand"]
"""The camera stands beside the arm and the arm carries the board, or the camera is on the arm."""

MIN_CORNERS = 6
"""Corners that a view must show to be of use."""


@dataclass(frozen=True, eq=False)
class View:
    """Corners of the board in one image.

    T_base_tool: [4,4], as the controller reports it. ids: [N] numbers of the corners (`Board.corners_m`).
    pixels_xy: [N,2], centres at integers.
    """

    name: str
    T_base_tool: Array
    ids: NDArray[np.intp]
    pixels_xy: Array

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def key(self) -> str:
        """A hash of what was seen and where the arm was, by which views are ordered and held out: neither
        depends on names or on the order of files.
        """
        content = (self.T_base_tool, self.ids.astype(np.int64), self.pixels_xy)
        return hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in content)).hexdigest()


def in_fixed_order(views: Sequence[View]) -> list[View]:
    """The views by their content."""
    return sorted(views, key=lambda view: view.key)
