"""sRGB in and out of linear light (IEC 61966-2-1), vectorised. Pictures are taken to follow this curve."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Linear = NDArray[np.float32]


def to_linear(srgb: ArrayLike) -> Linear:
    """Linear light 0–1 of sRGB-coded values 0–1 [...]."""
    c = np.asarray(srgb, dtype=np.float32)
    return np.asarray(np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4), dtype=np.float32)


def to_srgb(linear: ArrayLike) -> Linear:
    """sRGB-coded values of linear light [...]; light below 0 and above 1 is clipped."""
    x = np.clip(np.asarray(linear, dtype=np.float32), 0, 1)
    return np.asarray(np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055), dtype=np.float32)


_LINEAR_OF_U8 = to_linear(np.arange(256) / 255)


def linear_of_u8(rgb_u8: NDArray[np.uint8]) -> Linear:
    """Linear light 0–1 of an 8-bit picture [...]."""
    return np.asarray(_LINEAR_OF_U8[rgb_u8])


def u8_of_linear(linear: ArrayLike) -> NDArray[np.uint8]:
    """The 8-bit picture [...] of linear light."""
    return np.asarray(to_srgb(linear) * 255 + 0.5, dtype=np.uint8)


def slope_of_linear(linear: ArrayLike) -> Linear:
    """Linear light per count of an 8-bit picture, at linear light [...]."""
    c = to_srgb(linear)
    slope = np.where(c <= 0.04045, 1 / 12.92, 2.4 / 1.055 * ((c + 0.055) / 1.055) ** 1.4)
    return np.asarray(slope / 255, dtype=np.float32)
