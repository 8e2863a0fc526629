"""The sensor's noise in linear light: how strong at which brightness, how it hangs together, and making it.

variance = read + shot · light, each channel by itself; demosaicing and sharpening tie neighbours and channels
together, which a small kernel a channel and a 3×3 correlation describe.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict
from scipy.optimize import nnls

from synth.errors import InputError
from synth.geometry.boxes import Mask
from synth.sim.colour import Linear, linear_of_u8, slope_of_linear

_BINS = 24
_PATCH_PX = 32
_KERNEL_PX = 7
_DRIFT_SIGMA_PX = 8.0
_MIN_PIXELS = 4000


class Noise(BaseModel):
    """read, shot: per channel, variance = read + shot · linear light. kernel: [3][7][7], each of unit energy.

    correlation: [3][3] between the channels of one pixel.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    read: tuple[float, float, float]
    shot: tuple[float, float, float]
    kernel: tuple[tuple[tuple[float, ...], ...], ...]
    correlation: tuple[tuple[float, float, float], ...]

    def sigma(self, linear: Linear) -> Linear:
        """Standard deviation [...,3] of linear light [...,3]."""
        read, shot = np.array(self.read, np.float32), np.array(self.shot, np.float32)
        variance = read + shot * np.clip(linear, 0, 1)
        return np.asarray(np.sqrt(variance), dtype=np.float32)

    def draw(self, shape_hw: tuple[int, int], rng: np.random.Generator) -> Linear:
        """A field [H,W,3] of unit variance with this noise's grain."""
        white = rng.standard_normal((*shape_hw, 3), dtype=np.float32)
        kernels = np.asarray(self.kernel, dtype=np.float32)
        overlap = np.einsum("cij,dij->cd", kernels, kernels)
        mixed = white @ _root(np.asarray(self.correlation) / np.clip(overlap, 0.2, None)).T.astype(np.float32)
        grains = [
            cv2.filter2D(np.ascontiguousarray(mixed[..., c]), -1, kernels[c], borderType=cv2.BORDER_REFLECT)
            for c in range(3)
        ]
        return np.asarray(np.stack(grains, axis=-1), dtype=np.float32)


def measure_noise(
    pairs_u8: Sequence[tuple[NDArray[np.uint8], NDArray[np.uint8]]],
    usable: Sequence[Mask | None] | None = None,
) -> Noise:
    """The noise of pairs of 8-bit pictures [H,W,3] of one unmoving scene.

    usable: [H,W] a pair, where nothing moved between the two; None for everywhere. Slow drift between the two
    is taken out, counts at the ends of the scale are left out, the rounding to counts is subtracted. Raises
    InputError where too few pixels are left.
    """
    levels: list[list[NDArray[np.float32]]] = [[], [], []]
    differences: list[list[NDArray[np.float32]]] = [[], [], []]
    whitened: list[tuple[Linear, Mask]] = []
    for i, (a_u8, b_u8) in enumerate(pairs_u8):
        a, b = linear_of_u8(a_u8), linear_of_u8(b_u8)
        difference = a - b
        difference = _image(difference - cv2.GaussianBlur(difference, (0, 0), _DRIFT_SIGMA_PX))
        level = _image(cv2.GaussianBlur((a + b) / 2, (0, 0), 1.5))
        good: Mask = np.all((np.minimum(a_u8, b_u8) > 2) & (np.maximum(a_u8, b_u8) < 253), axis=-1)
        if usable is not None and (mask := usable[i]) is not None:
            good = good & mask
        for c in range(3):
            levels[c].append(level[..., c][good])
            differences[c].append(difference[..., c][good])
        whitened.append((difference, good))
    n = sum(len(block) for block in levels[0])
    if n < _MIN_PIXELS:
        raise InputError(
            f"noise cannot be measured: {n} pixels stay the same from picture to picture, "
            f"{_MIN_PIXELS} are needed: capture two plates or more, or render with --look plain"
        )
    fits = [_fit(np.concatenate(levels[c]), np.concatenate(differences[c])) for c in range(3)]
    read, shot = (tuple(float(f[k]) for f in fits) for k in (0, 1))
    plain = Noise(read=read, shot=shot, kernel=_DELTA, correlation=_EYE)
    spectrum, covariance = _grain(plain, pairs_u8, whitened)
    return plain.model_copy(update={"kernel": _kernels(spectrum), "correlation": _tuples(covariance)})


def _fit(level: NDArray[np.float32], difference: NDArray[np.float32]) -> tuple[float, float]:
    """read, shot of one channel: robust variances in bins of brightness, non-negative least squares."""
    order = np.argsort(level, kind="stable")
    rows, values = [], []
    for chunk in np.array_split(order, _BINS):
        light, d = float(level[chunk].mean()), difference[chunk].astype(np.float64)
        scale = 1.4826 * float(np.median(np.abs(d))) + 1e-6
        d = d[np.abs(d) < 4.5 * scale]
        rounding = float(slope_of_linear(light)) ** 2 / 12
        rows.append((1.0, light))
        values.append(max(float(d.var()) / 2 - rounding, 1e-10))
    target = np.asarray(values)
    weight = 1 / (target + np.median(target))
    solution, _ = nnls(np.asarray(rows) * weight[:, None], target * weight)
    return float(solution[0]), float(solution[1])


def _grain(
    noise: Noise,
    pairs_u8: Sequence[tuple[NDArray[np.uint8], NDArray[np.uint8]]],
    whitened: Sequence[tuple[Linear, Mask]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean power spectrum [3,P,P] and channel correlation [3,3] of differences over their own spread."""
    power = np.zeros((3, _PATCH_PX, _PATCH_PX))
    covariance = np.zeros((3, 3))
    for (a_u8, b_u8), (difference, good) in zip(pairs_u8, whitened, strict=True):
        sigma = noise.sigma(_image((linear_of_u8(a_u8) + linear_of_u8(b_u8)) / 2))
        unit = np.clip(difference / np.maximum(sigma * np.sqrt(2), 1e-5), -6, 6)
        height, width = good.shape
        for top in range(0, height - _PATCH_PX + 1, _PATCH_PX):
            for left in range(0, width - _PATCH_PX + 1, _PATCH_PX):
                block = np.s_[top : top + _PATCH_PX, left : left + _PATCH_PX]
                if good[block].mean() > 0.995:
                    patch = unit[block]
                    power += np.abs(np.fft.fft2(patch, axes=(0, 1)).transpose(2, 0, 1)) ** 2
                    covariance += np.einsum("ijc,ijd->cd", patch, patch)
    spread = np.sqrt(np.maximum(np.diag(covariance), 1e-12))
    correlation = covariance / np.outer(spread, spread)
    np.fill_diagonal(correlation, 1.0)
    return power, correlation


def _kernels(power: NDArray[np.float64]) -> tuple[tuple[tuple[float, ...], ...], ...]:
    """Zero-phase kernels [3][7][7] of unit energy with these power spectra [3,P,P]."""
    if not power.any():
        return _DELTA
    response = np.fft.fftshift(np.fft.ifft2(np.sqrt(power), axes=(1, 2)).real, axes=(1, 2))
    middle, half = _PATCH_PX // 2, _KERNEL_PX // 2
    kernels = response[:, middle - half : middle + half + 1, middle - half : middle + half + 1]
    kernels /= np.sqrt((kernels**2).sum(axis=(1, 2), keepdims=True))
    return tuple(tuple(tuple(float(round(v, 6)) for v in row) for row in kernel) for kernel in kernels)


def _root(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """The symmetric root of a symmetric matrix, negative eigenvalues taken as 0, diagonal kept at 1."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    return np.asarray(root / np.sqrt((root**2).sum(axis=1, keepdims=True)))


def _image(array: ArrayLike) -> Linear:
    return np.asarray(array, dtype=np.float32)


def _tuples(matrix: NDArray[np.float64]) -> tuple[tuple[float, float, float], ...]:
    return tuple((float(r[0]), float(r[1]), float(r[2])) for r in matrix)


_EYE = _tuples(np.eye(3))
_DELTA = tuple(
    tuple(tuple(float(i == j == _KERNEL_PX // 2) for j in range(_KERNEL_PX)) for i in range(_KERNEL_PX))
    for _ in range(3)
)
NO_NOISE = Noise(read=(0.0, 0.0, 0.0), shot=(0.0, 0.0, 0.0), kernel=_DELTA, correlation=_EYE)
