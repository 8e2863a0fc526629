"""A pattern printed on a body: sharp, but averaged over each pixel as a sensor does."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from synth.cell.board import Board
from synth.geometry import se3
from synth.geometry.se3 import Array
from synth.hardware.simulated.body import Float32

INK = np.float32(0.05)
"""Light that ink returns, as a share of what paper does."""

_TEXELS_PER_SQUARE = 128
_PER_SIDE = 5
_STEPS = (np.arange(_PER_SIDE) + 0.5) / _PER_SIDE - 0.5
OFFSETS_PX = np.stack(np.meshgrid(_STEPS, _STEPS), axis=-1).reshape(-1, 2)
"""[25,2] where within a pixel its light is looked at."""


class Print:
    """A board's pattern on the z = 0 face of the body of that number, read from −z; white around it."""

    def __init__(self, board: Board, body: int) -> None:
        self.body = body
        self._texture = board.draw(_TEXELS_PER_SQUARE).astype(np.float32) / 255
        self._texels_per_m = _TEXELS_PER_SQUARE / board.square_m

    def share(self, T_base_board: Array, eye_base_m: Array, rays_base: NDArray[np.floating]) -> Float32:
        """[N] the share of the paper's light that comes from pixels whose rays [N,25,3] lead to the board."""
        T_board_base = se3.inverse(T_base_board)
        origin = se3.transform(T_board_base, eye_base_m)
        if origin[2] >= 0:
            return np.ones(len(rays_base), np.float32)
        rays = rays_base @ T_board_base[:3, :3].T
        xy_m = origin[:2] - rays[..., :2] * (origin[2] / rays[..., 2:])
        column, row = (xy_m[..., axis] * self._texels_per_m - 0.5 for axis in (0, 1))
        white = map_coordinates(self._texture, [row, column], order=1, mode="constant", cval=1.0)
        return np.asarray(INK + (1 - INK) * white.mean(axis=1), dtype=np.float32)
