"""How wide an edge is spread, from the part's outline against its surroundings (slanted edges, ISO 12233).

Straight stretches of an outline are enough: every pixel near one has its own distance from it, so the profile
is known far finer than the pixel grid without resampling.
"""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.special import ndtr

from synth.geometry.boxes import Mask
from synth.sim.colour import Linear

_HALF_LENGTH_PX = 8
_REACH_PX = 4.5
_MAX_BEND_PX = 0.6
_MIN_CONTRAST = 0.04
_MAX_MISFIT = 0.06
_MAX_EDGES = 40
_MOST_STEPS = 25

Array = NDArray[np.float64]


def measure_edge_sigma(linear: Linear, mask: Mask) -> list[float]:
    """Spread σ in pixels of each usable straight edge of a mask [H,W] in light [H,W,3]; none may be found.

    A Gaussian step is fitted, so σ² holds lens, demosaicing and the pixel's own area (1/12) together.
    """
    found = []
    for centre, along in _straight_stretches(mask):
        sigma = _fit_edge(linear, centre, along)
        if sigma is not None:
            found.append(sigma)
        if len(found) == _MAX_EDGES:
            break
    return found


def _straight_stretches(mask: Mask) -> Iterator[tuple[Array, Array]]:
    """Middle [2] and direction [2] of stretches of the outline that hardly bend."""
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    for outline in outlines:
        points = outline.reshape(-1, 2).astype(float)
        if len(points) < 4 * _HALF_LENGTH_PX:
            continue
        for start in range(0, len(points), _HALF_LENGTH_PX):
            stretch = points[np.arange(start, start + 2 * _HALF_LENGTH_PX + 1) % len(points)]
            centre = stretch.mean(axis=0)
            _, spread, axes = np.linalg.svd(stretch - centre, full_matrices=False)
            if spread[1] / np.sqrt(len(stretch)) < _MAX_BEND_PX:
                yield centre, axes[0]


def _fit_edge(linear: Linear, centre: Array, along: Array) -> float | None:
    """σ of the edge through ``centre``, or None where the picture shows no clean step."""
    reach = int(np.ceil(np.hypot(_HALF_LENGTH_PX, _REACH_PX)))
    x0, y0 = np.round(centre).astype(int) - reach
    height, width = linear.shape[:2]
    if x0 < 0 or y0 < 0 or x0 + 2 * reach >= width or y0 + 2 * reach >= height:
        return None
    block = linear[y0 : y0 + 2 * reach + 1, x0 : x0 + 2 * reach + 1].reshape(-1, 3).astype(float)
    xy = np.stack(np.meshgrid(np.arange(2 * reach + 1), np.arange(2 * reach + 1)), axis=-1).reshape(-1, 2)
    offset = xy + np.array([x0, y0]) - centre
    u, v = offset @ along, offset @ np.array([-along[1], along[0]])
    near = (np.abs(u) <= _HALF_LENGTH_PX * 0.8) & (np.abs(v) <= _REACH_PX)
    u, v, light = u[near], v[near], block[near]
    step = light[v > 2].mean(axis=0) - light[v < -2].mean(axis=0)
    contrast = float(np.linalg.norm(step))
    if contrast < _MIN_CONTRAST:
        return None
    value = (light - light[v < -2].mean(axis=0)) @ step / contrast**2

    def misfit(p: Array) -> Array:
        distance = (v - p[0] - p[1] * u) / np.sqrt(1 + p[1] ** 2)
        slope_out, slope_in = p[5] * np.minimum(distance, 0), p[6] * np.maximum(distance, 0)
        return np.asarray(p[3] + p[4] * ndtr(distance / max(abs(p[2]), 1e-3)) + slope_out + slope_in - value)

    def derivatives(p: Array) -> Array:
        length = np.sqrt(1 + p[1] ** 2)
        distance = (v - p[0] - p[1] * u) / length
        sigma = max(abs(p[2]), 1e-3)
        outside, inside = np.minimum(distance, 0), np.maximum(distance, 0)
        rise = p[4] * np.exp(-0.5 * (distance / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))
        slope = rise + np.where(distance < 0, p[5], p[6])
        by_shift, by_turn = -slope / length, -slope * (u / length + distance * p[1] / length**2)
        by_sigma = -rise * distance / sigma * np.sign(p[2]) * (abs(p[2]) > 1e-3)
        columns = (by_shift, by_turn, by_sigma, np.ones_like(v), ndtr(distance / sigma), outside, inside)
        return np.stack(columns, axis=1)

    start = [0.0, 0.0, 0.8, 0.0, 1.0, 0.0, 0.0]
    fit = least_squares(misfit, start, derivatives, method="lm", max_nfev=_MOST_STEPS)
    rms = float(np.sqrt(np.mean(fit.fun**2)))
    sigma = abs(float(fit.x[2]))
    clean = (
        rms < _MAX_MISFIT and abs(fit.x[0]) < 2 and 0.7 < fit.x[4] < 1.4 and 0.05 < sigma < _REACH_PX / 1.5
    )
    return sigma if clean else None
