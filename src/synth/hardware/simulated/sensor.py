"""From light to counts: lens, colour sensor with its mosaic and tone curve, and the depth sensor's errors."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.geometry.pinhole import Pinhole
from synth.hardware.simulated.body import Float32
from synth.hardware.simulated.light import blackbody_rgb

REFERENCE_EXPOSURE_US = 15_600.0
REFERENCE_GAIN = 64.0
_FULL_WELL_E = 9000.0
_READ_NOISE_E = 7.0
_BLACK_LEVEL = 1024
_CAST = np.array([1.012, 1.0, 0.978], np.float32)  # what white balance leaves behind


def generator(*key: int) -> np.random.Generator:
    """A stream that depends on its key alone."""
    return np.random.Generator(
        np.random.SFC64(np.random.SeedSequence([k & 0xFFFF_FFFF_FFFF_FFFF for k in key]))
    )


def through_lens(radiance: Float32, camera: Pinhole) -> Float32:
    """Radiance [H,W,3] after the lens: a point spread of 0.7 px and the fall-off towards the corners."""
    x, y = (camera.rays[..., axis].astype(np.float32) for axis in (0, 1))
    falloff = 1 / (1 + np.float32(0.32) * (x * x + y * y)) ** 2
    blurred = cv2.GaussianBlur(radiance, (7, 7), 0.7, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.multiply(blurred, cv2.merge([falloff] * 3)))


def _tone_curve() -> NDArray[np.uint8]:
    """16-bit linear counts, black level included, to 8-bit: sRGB's curve with a soft shoulder above 0.6."""
    x = np.maximum(np.arange(65536) - _BLACK_LEVEL, 0) / (65535 - _BLACK_LEVEL) * 1.6
    knee, room = 0.6, 0.4
    x = np.where(x > knee, knee + room * (1 - np.exp(-(x - knee) / room)), x)
    encoded = np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)
    return np.asarray(np.clip(np.round(encoded * 255), 0, 255), dtype=np.uint8)


_TONE = _tone_curve()


def to_picture(
    radiance: Float32, exposure_us: float, gain: float, white_balance_k: float, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """The 8-bit RGB picture [H,W,3] of one exposure.

    Photons pass an RGGB mosaic, shot and read noise join there, then come demosaicing (which ties
    neighbouring pixels' noise together), white balance and tone curve.
    """
    height, width = radiance.shape[:2]
    light = np.float32(exposure_us / REFERENCE_EXPOSURE_US)
    amplify = np.float32(gain / REFERENCE_GAIN)
    raw = np.empty((height, width), np.float32)
    balance = _CAST / blackbody_rgb(white_balance_k)
    for row, column, channel in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)):
        raw[row::2, column::2] = radiance[row::2, column::2, channel]
    raw *= light * np.float32(_FULL_WELL_E)
    noise = rng.standard_normal((height, width), dtype=np.float32)
    noise *= np.sqrt(raw + np.float32(_READ_NOISE_E**2))
    raw += noise
    gains = np.empty((2, 2), np.float32)
    gains[0, 0], gains[0, 1], gains[1, 0], gains[1, 1] = balance[0], balance[1], balance[1], balance[2]
    scale = amplify / np.float32(_FULL_WELL_E) * np.float32((65535 - _BLACK_LEVEL) / 1.6)
    for row in (0, 1):
        for column in (0, 1):
            raw[row::2, column::2] *= gains[row, column] * scale
    raw += _BLACK_LEVEL
    np.clip(raw, 0, 65535, out=raw)
    mosaic = raw.astype(np.uint16)
    rgb = cv2.cvtColor(mosaic, cv2.COLOR_BayerRGGB2RGB)
    return np.asarray(cv2.LUT(rgb, _TONE), dtype=np.uint8)


@dataclass(frozen=True, eq=False)
class DepthView:
    """What the depth sensor would see without errors. depth_m [H,W] along z, 0 = nothing.

    cos_incidence [H,W]. ir [H,W]: share of the laser's light that returns diffusely. gleam [H,W]: shiny ones.
    """

    depth_m: Float32
    cos_incidence: Float32
    ir: Float32
    gleam: Float32


def depth_counts(
    view: DepthView, depth_scale_m: float, range_m: tuple[float, float], rng: np.random.Generator
) -> NDArray[np.uint16]:
    """Counts [H,W] as an L515 gives them: noise and bias that grow with range, holes, flying pixels; 0 =
    missing.
    """
    z = view.depth_m
    shape = z.shape
    near = cv2.erode(np.where(z > 0, z, np.float32(9)), np.ones((3, 3), np.uint8))
    far = cv2.dilate(z, np.ones((3, 3), np.uint8))
    edge = (far - near > 0.015) & (z > 0)
    signal = view.ir * np.maximum(view.cos_incidence, 0.02) / np.maximum(z, 0.2) ** 2
    noise = rng.standard_normal(shape, dtype=np.float32)
    noise = 0.8 * noise + 0.9 * cv2.GaussianBlur(noise, (0, 0), 0.9)
    sigma = (0.0010 + 0.0018 * z * z) * np.clip(0.75 / np.sqrt(signal + 1e-3), 0.6, 4.0)
    measured = z + sigma * noise + np.float32(0.0006) * np.sin(z * 24) - 0.0012 * view.gleam
    chance = rng.random(shape, dtype=np.float32)
    flying = edge & (chance < 0.45)
    measured = np.where(flying, near + (far - near) * rng.random(shape, dtype=np.float32) ** 2, measured)
    patch = (
        cv2.GaussianBlur(rng.random(shape, dtype=np.float32), (0, 0), 2.0) * 6 - 2.5
    )  # about 0–1, in clusters
    lost = patch > np.clip((signal - 0.02) / 0.10, -1, 1) + 0.9
    lost |= edge & (chance > 0.80)
    lost |= (view.gleam > 0.75) & (patch > 0.25)
    lost |= (measured < range_m[0]) | (measured > range_m[1]) | (z <= 0)
    counts = np.where(lost, 0, np.round(measured / depth_scale_m))
    return np.asarray(np.clip(counts, 0, 65535), dtype=np.uint16)
