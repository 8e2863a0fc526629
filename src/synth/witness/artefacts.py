"""What a translated picture shows that no change of look explains: droplets, spikes, checkerboards.

A change of look is what a guided filter (He et al. 2010) can do with the source: around every place, each
output channel is a linear function of the source's channels, their squares and their detail at several
scales, which covers gain, white balance, gamma, shading, blur, sharpening and local contrast: the halo, some
pixels wide, that a network lays around what is dark. What is left over is set against its own noise, learnt
from the same picture by brightness, and against how steep the source is there, since a soft or slightly moved
edge is no artefact.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_BLOCK_PX = 64
_RIDGE_COUNTS = 1.0
_DETAILS_PX = (1.2, 3.0, 8.0)
_SIGMAS = 6.5
_MAX_POWER = 3.0
_SLACK_PX = 0.25
_MIN_NOISE_COUNTS = 0.7
_N_LEVELS = 12
_TILE_PX = 32
_MIN_TILES = 16
"""Fewer have peaks by chance: of 75 crops of 64 px, four tiles each, 49 had some that no eye found."""

_PEAK_RATIO = 4.0
_MIN_PEAK_COUNTS = 0.3


@dataclass(frozen=True)
class Band:
    """Leftovers between two Gaussian scales; regions of at least ``min_area_px`` pixels count."""

    fine_px: float
    coarse_px: float
    min_area_px: int


SPIKES = Band(0.6, 2.5, 2)
DROPLETS = Band(2.5, 9.0, 24)


@dataclass(frozen=True)
class Artefacts:
    """Counts of one picture.

    droplets: blobs some pixels wide, as of normalisation layers (Karras et al. 2020, section 2). spikes:
    specks that lie in no droplet. stripes: spatial frequencies that stand out over the whole picture, as of a
    checkerboard.
    """

    droplets: int
    spikes: int
    stripes: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.droplets + self.spikes + self.stripes

    def __add__(self, other: "Artefacts") -> "Artefacts":
        """Counts of both."""
        return Artefacts(
            self.droplets + other.droplets, self.spikes + other.spikes, self.stripes + other.stripes
        )


def find_artefacts(source_u8: NDArray[np.uint8], translated_u8: NDArray[np.uint8]) -> Artefacts:
    """Artefacts of a translated picture [H,W,3] against its source of the same size.

    Both as the translator saw and left them: where only parts of a picture were translated, their outline is
    a change of look that is not smooth, and what was left alone has no noise to set anything against.
    Stripes are not looked for below 128×128 px.
    """
    source, translated = source_u8.astype(np.float32), translated_u8.astype(np.float32)
    expected = explain_by_look(source, translated)
    rest = translated - expected
    level = expected.mean(axis=2)
    n_droplets, droplets = _regions(_stands_out(rest, source, level, DROPLETS), DROPLETS)
    n_spikes, _ = _regions(_stands_out(rest, source, level, SPIKES) & ~droplets, SPIKES)
    return Artefacts(n_droplets, n_spikes, stripes=_count_stripes(rest.mean(axis=2)))


def explain_by_look(source: Floats, translated: Floats) -> Floats:
    """The translated picture [H,W,3] as far as a smoothly varying look of the source gives it.

    Least squares in overlapping blocks, coefficients interpolated between the blocks' middles.
    """
    height, width = source.shape[:2]
    terms = _terms(source)
    step = _BLOCK_PX // 2
    middles = [np.arange(0, n + step, step) for n in (height, width)]
    shape = (len(middles[0]), len(middles[1]))
    weights = np.empty((*shape, terms.shape[2] + 1, 3), np.float32)
    for i, y in enumerate(middles[0]):
        for j, x in enumerate(middles[1]):
            block = np.s_[max(y - step, 0) : y + step : 2, max(x - step, 0) : x + step : 2]
            weights[i, j] = _fit(terms[block], translated[block])
    grid_y, grid_x = np.mgrid[:height, :width].astype(np.float32) / step

    def spread(k: int) -> Floats:
        return np.asarray(cv2.remap(np.ascontiguousarray(weights[:, :, k]), grid_x, grid_y, cv2.INTER_LINEAR))

    expected = spread(terms.shape[2])
    for k in range(terms.shape[2]):
        expected += spread(k) * terms[..., k, None]
    return expected


def _terms(source: Floats) -> Floats:
    """[H,W,15]: channels, their squares, their detail at each scale; each about as large as counts."""
    details = [source - _blur(source, scale_px) for scale_px in _DETAILS_PX]
    return np.concatenate([source, source**2 / 255, *details], axis=2)


def _fit(terms: Floats, target: Floats) -> Floats:
    """Weights [K+1,3] of terms [h,w,K] and 1 for a target [h,w,3], ridge on all but the 1."""
    x, y = terms.reshape(-1, terms.shape[2]).astype(np.float64), target.reshape(-1, 3).astype(np.float64)
    mean_x, mean_y = x.mean(axis=0), y.mean(axis=0)
    x, y = x - mean_x, y - mean_y
    square = x.T @ x + np.eye(x.shape[1]) * _RIDGE_COUNTS**2 * len(x) * 0.1
    slopes = np.linalg.solve(square, x.T @ y)
    return np.vstack([slopes, mean_y - mean_x @ slopes]).astype(np.float32)


def _stands_out(rest: Floats, source: Floats, level: Floats, band: Band) -> NDArray[np.bool_]:
    """[H,W] where what is left over in a band exceeds its noise and what a soft edge may leave.

    It does so by itself or, weaker, all around.
    """
    part = _blur(rest, band.fine_px) - _blur(rest, band.coarse_px)
    around = 2 * int(np.ceil(band.coarse_px)) + 1
    height = np.abs(part).max(axis=2)
    power = np.sqrt(np.maximum(cv2.blur(part**2, (around, around)).max(axis=2), 0))
    smooth = _blur(source, band.fine_px)
    slopes = [cv2.Sobel(smooth, cv2.CV_32F, dx, 1 - dx, scale=1 / 8) for dx in (0, 1)]
    steepness = cv2.dilate(np.hypot(*slopes).max(axis=2), np.ones((around, around), np.uint8))
    slack = _SIGMAS * _SLACK_PX * steepness
    found = [
        value > np.hypot(limit * _usual_by_level(value, level), slack)
        for value, limit in ((height, _SIGMAS), (power, _MAX_POWER))
    ]
    return np.asarray(found[0] | found[1])


def _usual_by_level(height: Floats, level: Floats) -> Floats:
    """[H,W] the usual size of ``height`` at each pixel's brightness."""
    edges = np.quantile(level[::4, ::4], np.linspace(0, 1, _N_LEVELS + 1))
    bins = np.clip(np.searchsorted(edges, level, side="right") - 1, 0, _N_LEVELS - 1)
    usual = np.full(_N_LEVELS, _MIN_NOISE_COUNTS, np.float32)
    for k in range(_N_LEVELS):
        inside = height[bins == k]
        if len(inside):
            usual[k] = max(np.median(inside), _MIN_NOISE_COUNTS)
    return usual[bins]


def _regions(where: NDArray[np.bool_], band: Band) -> tuple[int, NDArray[np.bool_]]:
    """How many regions are large enough, and their pixels with some around them.

    Pixels closer than the band's coarse scale belong to one region.
    """
    near = np.ones((2 * int(band.coarse_px / 2) + 1,) * 2, np.uint8)
    joined = cv2.dilate(where.astype(np.uint8), near)
    n, regions = cv2.connectedComponents(joined, connectivity=8)
    areas = np.bincount(regions[where], minlength=n)
    kept = areas >= band.min_area_px
    return int(kept.sum()), kept[regions]


def _count_stripes(rest: Floats) -> int:
    """Peaks of the power spectrum well above their surroundings.

    The median over tiles, where Welch (1967) takes the mean, so that a line across the picture is no peak.
    """
    rows, columns = (n // _TILE_PX for n in rest.shape)
    if rows * columns < _MIN_TILES:
        return 0
    whole = rest[: rows * _TILE_PX, : columns * _TILE_PX].reshape(rows, _TILE_PX, columns, _TILE_PX)
    tiles = whole.transpose(0, 2, 1, 3).reshape(-1, _TILE_PX, _TILE_PX)
    taper = np.hanning(_TILE_PX + 1)[:-1]
    taper2 = np.outer(taper, taper)
    spectra = np.abs(np.fft.fft2((tiles - tiles.mean(axis=(1, 2), keepdims=True)) * taper2)) ** 2
    power = np.fft.fftshift(np.median(spectra, axis=0)) / (taper2**2).sum()
    padded = np.pad(power, 3, mode="wrap")
    views = np.lib.stride_tricks.sliding_window_view(padded, (7, 7))
    ring = np.ones((7, 7), bool)
    ring[2:5, 2:5] = False
    usual = np.median(views[..., ring], axis=-1)
    high = (power > _PEAK_RATIO * usual) & (power / _TILE_PX**2 > _MIN_PEAK_COUNTS**2)
    middle = _TILE_PX // 2
    high[middle - 2 : middle + 3, middle - 2 : middle + 3] = False
    n_peaks, _ = cv2.connectedComponents(high[: middle + 1].astype(np.uint8), connectivity=8)
    return int(n_peaks) - 1


def _blur(picture: Floats, sigma_px: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma_px))
