"""From the ideal pinhole that a renderer draws to the distorted image that the camera takes, and back.

Pixel centres lie at integers in both. Windows are half-open pixel ranges x0, y0, x1, y1.
"""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.geometry.pinhole import Pinhole

Window = tuple[int, int, int, int]
_KERNEL_PX = 2  # Cubic resampling reads two pixels to each side.


def cover(camera: Pinhole) -> Pinhole:
    """The pinhole without distortion, of the same focal length, that sees every ray of a distorted image.

    Its image is larger or smaller than the camera's, as the lens bends, with a margin for resampling.
    """
    width, height = camera.size_wh
    x, y = np.linspace(-0.5, width - 0.5, width // 4 + 2), np.linspace(-0.5, height - 0.5, height // 4 + 2)
    outline = np.concatenate(
        [np.column_stack([x, np.full_like(x, edge)]) for edge in (y[0], y[-1])]
        + [np.column_stack([np.full_like(y, edge), y]) for edge in (x[0], x[-1])]
    )
    focal_px = np.array([camera.K[0, 0], camera.K[1, 1]])
    pixels = camera.unproject(outline)[:, :2] * focal_px
    margin = _KERNEL_PX + 0.5
    # A whole number of pixels keeps the camera's pixel grid where the lens bends nothing.
    shift = np.ceil(margin - pixels.min(axis=0) - camera.K[:2, 2])
    centre = camera.K[:2, 2] + shift
    size = np.ceil((pixels + centre).max(axis=0) + margin).astype(int)
    K = np.array([[focal_px[0], 0.0, centre[0]], [0.0, focal_px[1], centre[1]], [0.0, 0.0, 1.0]])
    return Pinhole((int(size[0]), int(size[1])), K)


@dataclass(frozen=True, eq=False)
class Lens:
    """The way between one camera's distorted image and its ideal pinhole."""

    camera: Pinhole
    ideal: Pinhole

    @classmethod
    def of(cls, camera: Pinhole) -> "Lens":
        """The lens of a camera with the ideal pinhole that covers it."""
        return cls(camera, cover(camera))

    @cached_property
    def ideal_xy(self) -> NDArray[np.float32]:
        """[H,W,2] where each pixel of the distorted image lies in the ideal one, pixels."""
        K = self.ideal.K
        xy = self.camera.rays[..., :2] * (K[0, 0], K[1, 1]) + K[:2, 2]
        return np.asarray(xy, dtype=np.float32)

    def window_in_ideal(self, window: Window) -> Window:
        """What must be drawn of the ideal image to know a window of the distorted one."""
        x0, y0, x1, y1 = window
        xy = self.ideal_xy[y0:y1, x0:x1].reshape(-1, 2)
        low = np.maximum(np.floor(xy.min(axis=0)).astype(int) - (_KERNEL_PX - 1), 0)
        high = np.minimum(np.floor(xy.max(axis=0)).astype(int) + _KERNEL_PX + 1, self.ideal.size_wh)
        return int(low[0]), int(low[1]), int(high[0]), int(high[1])

    def distort(self, linear: NDArray[np.float32]) -> NDArray[np.float32]:
        """The distorted image's light [H,W,C] or [H,W] from the ideal image's, resampled bicubically, ≥ 0."""
        bent = cv2.remap(
            np.ascontiguousarray(linear, dtype=np.float32),
            self.ideal_xy,
            None,  # type: ignore[call-overload]
            cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return np.asarray(np.maximum(bent, 0), dtype=np.float32)
