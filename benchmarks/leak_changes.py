"""What is done to a picture so that it may pass for another one; each change by several amounts."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]
Change = Callable[[Rgb], Rgb]


def jpeg(quality: int) -> Change:
    def compress(rgb: Rgb) -> Rgb:
        content = cv2.imencode(".jpg", rgb[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, quality))[1]
        return np.ascontiguousarray(cv2.imdecode(content, cv2.IMREAD_COLOR)[..., ::-1])

    return compress


def shrink(times: int, back: bool) -> Change:
    def resize(rgb: Rgb) -> Rgb:
        height, width = rgb.shape[:2]
        small = cv2.resize(rgb, (width // times, height // times), interpolation=cv2.INTER_AREA)
        return cv2.resize(small, (width, height)) if back else small

    return resize


def gain(*channels: float) -> Change:
    return lambda rgb: np.clip(rgb * np.array(channels), 0, 255).astype(np.uint8)


def blur(sigma_share: float) -> Change:
    return lambda rgb: cv2.GaussianBlur(rgb, (0, 0), sigma_share * rgb.shape[1])


def mirror(*axes: int) -> Change:
    return lambda rgb: np.ascontiguousarray(np.flip(rgb, axes))


def warp(turn_deg: float = 0, shift_share: float = 0) -> Change:
    def move(rgb: Rgb) -> Rgb:
        height, width = rgb.shape[:2]
        matrix = cv2.getRotationMatrix2D((width / 2 - 0.5, height / 2 - 0.5), turn_deg, 1)
        matrix[:, 2] += shift_share * width, shift_share * height
        return cv2.warpAffine(rgb, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)

    return move


def crop(share: float) -> Change:
    def cut(rgb: Rgb) -> Rgb:
        height, width = rgb.shape[:2]
        y, x = round(height * (1 - share) / 2), round(width * (1 - share) / 2)
        return np.ascontiguousarray(rgb[y : height - y, x : width - x])

    return cut


def stamp(rgb: Rgb) -> Rgb:
    height, width = rgb.shape[:2]
    place, font = (round(0.03 * width), round(0.95 * height)), cv2.FONT_HERSHEY_SIMPLEX
    ink, scale = (255, 220, 0), width / 800
    return cv2.putText(rgb.copy(), "2024-05-17 13:22:41", place, font, scale, ink, 1, cv2.LINE_AA)


def patch(share: float) -> Change:
    """The middle, of this share of the area, cut out of the picture: what is left when a part is cut out."""
    return crop(share**0.5)


CHANGES: dict[str, dict[str, Change]] = {
    "JPEG quality": {str(q): jpeg(q) for q in (70, 30, 10)},
    "shrunk, times": {str(n): shrink(n, back=False) for n in (2, 4, 8)},
    "shrunk and back, times": {str(n): shrink(n, back=True) for n in (2, 4, 8)},
    "gain": {str(g): gain(g, g, g) for g in (0.6, 0.8, 1.15, 1.4)},
    "colour cast, red and blue by": {f"±{c} %": gain(1 + c / 100, 1, 1 - c / 100) for c in (10, 20, 40)},
    "blur, sigma of width": {f"{s} %": blur(s / 100) for s in (0.3, 0.6, 1.2)},
    "mirrored": {"left to right": mirror(1), "upside down": mirror(0), "both": mirror(0, 1)},
    "shifted, of width and height": {f"{s} %": warp(shift_share=s / 100) for s in (1, 2, 4, 8)},
    "cropped to": {f"{c} %": crop(c / 100) for c in (98, 95, 90, 80)},
    "turned": {f"{a}°": warp(turn_deg=a) for a in (1, 2, 3, 5, 10)},
    "stamped": {"date": stamp},
    "cut out of the middle, of the area": {"50 %": patch(0.5)},
    "mirrored, gain 1.15, cropped to": {
        "95 %": lambda rgb: gain(1.15, 1.15, 1.15)(crop(0.95)(mirror(1)(rgb)))
    },
}
