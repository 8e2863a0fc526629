"""How far the outline of a part moved between two pictures, to a fraction of a pixel.

The outline is that of the known mask, not found in either picture: across it, at many points, the strength
of the colour's change is sampled in both pictures and the two profiles are laid over one another by
normalised cross-correlation. Strength has no sign, so an edge may change its colours and its contrast and
still be found.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.geometry.boxes import Mask

Array = NDArray[np.float64]

REACH_PX = 5.0
"""The farthest shift that is looked for."""

_STEP_PX = 0.5
_HALF_TEMPLATE_PX = 4.0
_ALONG_PX = (-2.0, -1.0, 0.0, 1.0, 2.0)
_SPACING_PX = 2
_BLUR_PX = 0.8
_MIN_OUTLINE_PX = 24
_MIN_STRENGTH = 4.0
_MIN_CORRELATION = 0.7
_HUBER_PX = 0.5


@dataclass(frozen=True, eq=False)
class EdgeShifts:
    """Shifts of an outline at P points that show an edge in the source.

    points_xy: [P,2] pixels, centres at integers. normals_xy: [P,2] unit, outwards. shift_px: [P]
    outwards, nan where the other picture shows no such edge within REACH_PX.
    """

    points_xy: Array
    normals_xy: Array
    shift_px: Array

    @property
    def lost_fraction(self) -> float:
        """Share of the points whose edge is not found again; nan without points."""
        return float(np.isnan(self.shift_px).mean()) if len(self.shift_px) else float("nan")

    def found(self) -> Array:
        """The shifts [F] that were found."""
        return np.asarray(self.shift_px[~np.isnan(self.shift_px)])

    def moved_points(self) -> Array | None:
        """The points [P,2] under the affine map that explains the shifts best, None where under 6 are found.

        An edge shows only how far it moved across itself; together, edges of all directions tell translation,
        turn, scale and shear. Huber's loss keeps a few wrong shifts from deciding.
        """
        known = ~np.isnan(self.shift_px)
        if known.sum() < 6:
            return None
        middle = self.points_xy.mean(axis=0)
        size = max(float(np.abs(self.points_xy - middle).max()), 1.0)
        terms = np.column_stack([np.ones(len(self.points_xy)), (self.points_xy - middle) / size])  # [P,3]
        rows = np.hstack([terms * self.normals_xy[:, :1], terms * self.normals_xy[:, 1:]])[known]  # [F,6]
        shifts, weight = self.shift_px[known], np.ones(int(known.sum()))
        for _ in range(8):
            root = np.sqrt(weight)
            solution = np.linalg.lstsq(rows * root[:, None], shifts * root, rcond=1e-3)[0]
            rest = np.abs(shifts - rows @ solution)
            weight = np.minimum(1.0, _HUBER_PX / np.maximum(rest, 1e-9))
        return np.asarray(self.points_xy + terms @ solution.reshape(2, 3).T)


def measure_edge_shifts(
    source_u8: NDArray[np.uint8], other_u8: NDArray[np.uint8], region: Mask
) -> EdgeShifts:
    """Shifts of the outline of ``region`` [H,W] from one picture [H,W,3] to another of the same size.

    Points near the image's border, and those where the source shows no edge, are left out.
    """
    points, normals = _outline(region)
    if len(points) == 0:
        return EdgeShifts(points, normals, np.empty(0))
    half = REACH_PX + _HALF_TEMPLATE_PX
    across = np.arange(-half, half + _STEP_PX / 2, _STEP_PX)
    ours, theirs = (_strength(p, points, normals, across) for p in (source_u8, other_u8))  # [P,T]
    centre = slice(int(REACH_PX / _STEP_PX), len(across) - int(REACH_PX / _STEP_PX))
    shown = ours[:, centre].max(axis=1) >= _MIN_STRENGTH
    points, normals, ours, theirs = (a[shown] for a in (points, normals, ours, theirs))
    shifts = _lay_over(ours[:, centre], theirs, across[centre])
    return EdgeShifts(points, normals, shifts)


def _outline(region: Mask) -> tuple[Array, Array]:
    """Points [P,2] and outward normals [P,2] along the outlines of a region, holes included."""
    height, width = region.shape
    margin = REACH_PX + _HALF_TEMPLATE_PX + 1
    smooth = cv2.GaussianBlur(region.astype(np.float32), (0, 0), 2.0, borderType=cv2.BORDER_REPLICATE)
    slope_x, slope_y = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    outlines, _ = cv2.findContours(region.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    kept = [o.reshape(-1, 2)[::_SPACING_PX] for o in outlines if len(o) >= _MIN_OUTLINE_PX]
    xy = np.concatenate(kept) if kept else np.empty((0, 2), int)
    x, y = xy[:, 0], xy[:, 1]
    inside = (x >= margin) & (y >= margin) & (x < width - margin) & (y < height - margin)
    normals = -np.column_stack([slope_x[y, x], slope_y[y, x]]).astype(float)
    length = np.linalg.norm(normals, axis=1)
    use = inside & (length > 1e-3)
    return xy[use].astype(float), normals[use] / length[use, None]


def _strength(picture_u8: NDArray[np.uint8], points: Array, normals: Array, across: Array) -> Array:
    """How fast the colour changes across the outline, counts a pixel: [P,T] at ``across`` pixels outwards."""
    x0, y0 = np.maximum(points.min(axis=0).astype(int) - 16, 0)
    x1, y1 = points.max(axis=0).astype(int) + 17
    window = cv2.GaussianBlur(picture_u8[y0:y1, x0:x1].astype(np.float32), (0, 0), _BLUR_PX)
    tangents = np.column_stack([-normals[:, 1], normals[:, 0]])
    profiles = np.zeros((len(points), len(across), 3))
    for along in _ALONG_PX:
        xy = points[:, None] + normals[:, None] * across[:, None] + tangents[:, None] * along - (x0, y0)
        xy = xy.astype(np.float32)
        sampled = cv2.remap(window, xy[..., 0], xy[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        profiles = profiles + sampled.astype(float) / len(_ALONG_PX)
    slope = np.gradient(profiles, _STEP_PX, axis=1)  # [P,T,3]
    return np.asarray(np.linalg.norm(slope, axis=2))


def _lay_over(template: Array, profile: Array, across: Array) -> Array:
    """Shift [P] in pixels of each template [P,W] within its longer profile [P,T], nan where it fits
    nowhere.
    """
    weight = np.exp(-0.5 * (across / (_HALF_TEMPLATE_PX / 2)) ** 2)
    weight /= weight.sum()
    windows = np.lib.stride_tricks.sliding_window_view(profile, template.shape[1], axis=1)  # [P,L,W]
    ours = template - (template @ weight)[:, None]
    theirs = windows - (windows @ weight)[..., None]
    covariance = np.einsum("plw,pw,w->pl", theirs, ours, weight)
    spread = np.sqrt(np.einsum("plw,plw,w->pl", theirs, theirs, weight) * (ours**2 @ weight)[:, None])
    correlation = covariance / np.maximum(spread, 1e-9)
    best = correlation.argmax(axis=1)
    rows, last = np.arange(len(best)), correlation.shape[1] - 1
    inner = np.clip(best, 1, last - 1)
    before, at, after = (correlation[rows, inner + d] for d in (-1, 0, 1))
    bend = np.minimum(before - 2 * at + after, -1e-9)
    lag = inner + np.clip((before - after) / (2 * bend), -1, 1)
    found = (best > 0) & (best < last) & (correlation[rows, best] >= _MIN_CORRELATION)
    return np.where(found, (lag - last / 2) * _STEP_PX, np.nan)
