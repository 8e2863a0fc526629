"""What a camera does to every picture alike: white balance, blur and grain, measured and not learnt.

Grain is drawn anew for each picture, its variance growing with brightness as a sensor's does::

    variance = read + shot · level            8-bit counts², level 0..1

A network that had to draw grain itself would draw it where it tells the label: on outlines.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.optimize import nnls
from torch import Tensor, nn

Floats = NDArray[np.float32]

_HALF = 127.5
"""Counts in half of a picture's range of −1..1."""

_BLOCK_PX = 8
_SMOOTH_PX, _FINE_PX, _COARSE_PX = 1.5, 0.7, 2.0
_FLAT_SHARE = 0.25
_BIN_COUNTS = 32
_MIN_BLOCKS = 50
_FLATTEST = 1.0
"""Counts a pixel, after `_COARSE_PX` of blur, up to which a place is flat; grain of 10 counts makes 0.5."""

_DARKEST, _BRIGHTEST = 4, 250
_STEEP = 3.0
"""Counts a pixel, after `_COARSE_PX` of blur, from which on a place is an edge."""

_SHARPEST = 0.9
"""Quantile of edges: shadows and what is out of focus are soft before any camera."""

_AS_SHARP = 1.02
"""Edges this much steeper are as steep: pictures of other scenes differ by so much."""

_MIN_EDGE_PIXELS = 500
_MOST_BLUR_PX = 2.0
_N_HALVINGS = 6


class Sensor(nn.Module):
    """Pictures [N,3,H,W] in −1..1 as another camera would take them.

    gain: of each channel, in counts as they are stored. blur_px: sigma. read, shot: of each channel. shared:
    correlation of grain between channels, 0..1. All are 1 or 0, and nothing changes, until `fit`.
    """

    gain: Tensor
    blur_px: Tensor
    read: Tensor
    shot: Tensor
    shared: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("gain", torch.ones(3))
        self.register_buffer("blur_px", torch.zeros(()))
        self.register_buffer("read", torch.zeros(3))
        self.register_buffer("shot", torch.zeros(3))
        self.register_buffer("shared", torch.zeros(()))

    @torch.no_grad()
    def fit(self, source: Tensor, target: Tensor) -> None:
        """Measure what takes pictures [N,3,H,W] of one camera to those of another, of other scenes.

        Gains from means; blur where the source's edges are the steeper ones; the grain that the source lacks.
        """
        means = [(x.double().mean(dim=(0, 2, 3)) + 1).clamp(min=1 / _HALF) for x in (source, target)]
        self.gain.copy_(means[1] / means[0])
        balanced = self.balance(source)
        self.blur_px.fill_(_find_blur(balanced, target))
        grains = [measure_grain(x) for x in (blur(balanced, float(self.blur_px)), target)]
        if grains[0] is None or grains[1] is None:
            return
        lacking = grains[1].less(grains[0])
        self.read.copy_(torch.from_numpy(lacking.read))
        self.shot.copy_(torch.from_numpy(lacking.shot))
        self.shared.fill_(grains[1].shared)

    def balance(self, images: Tensor) -> Tensor:
        """By the gains alone, kept within −1..1."""
        return ((images + 1) * self.gain[:, None, None] - 1).clamp(-1, 1)

    def expose(self, images: Tensor, rng: torch.Generator) -> Tensor:
        """Balanced images with blur and grain; rng: on their device."""
        images = blur(images, float(self.blur_px))
        level = ((images.detach() + 1) / 2).clamp(0, 1)
        sigma = (self.read[:, None, None] + self.shot[:, None, None] * level).sqrt() / _HALF
        n, c, height, width = images.shape
        own, common = (torch.randn(n, k, height, width, generator=rng, device=images.device) for k in (c, 1))
        grain = own * (1 - self.shared).sqrt() + common * self.shared.sqrt()
        return images + sigma * grain


@dataclass(frozen=True)
class Grain:
    """read, shot: float32 [3]. shared: correlation between channels."""

    read: Floats
    shot: Floats
    shared: float

    def less(self, other: "Grain") -> "Grain":
        """What the other lacks of this one: variances of independent grains add up."""
        levels = np.linspace(0, 1, 9)
        rows = np.stack([np.ones_like(levels), levels], axis=1)
        lacking = rows @ (np.stack([self.read, self.shot]) - np.stack([other.read, other.shot]))
        fits = _fit_rows(rows, np.clip(lacking, 0, None))
        return Grain(fits[:, 0], fits[:, 1], self.shared)


def measure_grain(images: Tensor) -> Grain | None:
    """The grain of pictures [N,3,H,W] in −1..1, where they are flattest; None where too little is flat.

    Blocks of 8×8 px; of those of a brightness the quarter that is flattest when blurred, so that which are
    taken does not hang on their grain. A brightness counts by how many blocks it has.
    """
    counts = ((images.float().cpu().numpy() + 1) * _HALF).astype(np.float32)
    residual = counts - _smooth(counts, _SMOOTH_PX)
    slope = _slope(_smooth(counts, _COARSE_PX).mean(axis=1))
    steep, level = _by_block(slope), _by_block(counts)  # [N,h,w], [N,3,h,w]
    variance = _by_block(residual**2)
    covariance = _by_block(residual[:, 0] * residual[:, 1])
    usable = (level.min(axis=1) > _DARKEST) & (level.max(axis=1) < _BRIGHTEST)
    flat = steep <= _FLATTEST
    rows: list[tuple[float, float, Floats, float]] = []
    middle = level.mean(axis=1)
    for first in range(0, 256, _BIN_COUNTS):
        chosen = usable & flat & (middle >= first) & (middle < first + _BIN_COUNTS)
        if chosen.sum() < _MIN_BLOCKS:
            continue
        chosen &= steep <= np.quantile(steep[chosen], _FLAT_SHARE)
        spread = np.median(variance.transpose(0, 2, 3, 1)[chosen], axis=0)
        at, together = float(middle[chosen].mean()) / 255, float(np.median(covariance[chosen]))
        rows.append((np.sqrt(chosen.sum()), at, spread, together))
    if not rows:
        return None
    weights = np.array([row[0] for row in rows])[:, None]
    levels = np.stack([np.ones(len(rows)), [row[1] for row in rows]], axis=1)
    spreads = np.stack([row[2] for row in rows]) / _kept_of_white()
    fits = _fit_rows(weights * levels, weights * spreads)
    shared = [row[3] / max(float(np.sqrt(row[2][0] * row[2][1])), 1e-9) for row in rows]
    return Grain(fits[:, 0], fits[:, 1], float(np.clip(np.median(shared), 0, 0.99)))


def blur(images: Tensor, sigma_px: float) -> Tensor:
    """[N,C,H,W] under a Gaussian; the border is mirrored."""
    from torchvision.transforms.v2.functional import gaussian_blur  # A second, for who blurs.

    reach = min(int(3 * sigma_px + 0.5), *(side - 1 for side in images.shape[2:]))
    if reach < 1:
        return images
    blurred: Tensor = gaussian_blur(images, [2 * reach + 1] * 2, [sigma_px] * 2)
    return blurred


def _find_blur(source: Tensor, target: Tensor) -> float:
    """Sigma that makes the source's edges as soft as the target's; 0 where they are so, or none are there."""
    wanted, sharp = _acutance(target), _acutance(source)
    if wanted is None or sharp is None or sharp <= _AS_SHARP * wanted:
        return 0.0
    low, high = 0.0, _MOST_BLUR_PX
    for _ in range(_N_HALVINGS):
        middle = (low + high) / 2
        found = _acutance(blur(source, middle))
        low, high = (middle, high) if found is not None and found > wanted else (low, middle)
    return (low + high) / 2


def _acutance(images: Tensor) -> float | None:
    """How steep the sharpest edges are at a fine scale against a coarse one; None where there are too few."""
    grey = ((images.float().cpu().numpy().mean(axis=1) + 1) * _HALF).astype(np.float32)
    coarse = _slope(_smooth(grey, _COARSE_PX))
    edges = coarse > _STEEP
    if edges.sum() < _MIN_EDGE_PIXELS:
        return None
    fine = _slope(_smooth(grey, _FINE_PX))
    return float(np.quantile(fine[edges] / coarse[edges], _SHARPEST))


def _smooth(images: Floats, sigma_px: float) -> Floats:
    sigmas = (0,) * (images.ndim - 2) + (sigma_px, sigma_px)
    return np.asarray(gaussian_filter(images, sigmas), dtype=np.float32)


def _slope(images: Floats) -> Floats:
    down, across = np.gradient(images, axis=(-2, -1))
    return np.asarray(np.hypot(down, across), dtype=np.float32)


def _fit_rows(rows: NDArray[np.floating], values: NDArray[np.floating]) -> Floats:
    """Numbers [3,K], none below 0, that give values [B,3] by rows [B,K]."""
    return np.stack([nnls(rows, column)[0] for column in values.T]).astype(np.float32)


def _by_block(images: Floats) -> Floats:
    """Means of blocks: [...,H,W] to [...,h,w]."""
    height, width = (side - side % _BLOCK_PX for side in images.shape[-2:])
    cut = images[..., :height, :width]
    blocks = cut.reshape(*cut.shape[:-2], height // _BLOCK_PX, _BLOCK_PX, width // _BLOCK_PX, _BLOCK_PX)
    return np.asarray(blocks.mean(axis=(-3, -1)), dtype=np.float32)


def _kept_of_white() -> float:
    """Share of white grain's variance that is left when what is smooth is taken off."""
    impulse = np.zeros((33, 33), np.float32)
    impulse[16, 16] = 1
    return float(((impulse - _smooth(impulse, _SMOOTH_PX)) ** 2).sum())
