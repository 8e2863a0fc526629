"""From rendered light to the picture that the captured bench would have given.

picture = rendered light × gain. On the bench the gain is captured over rendered empty bench, pixel by pixel,
so the real bench stays and shadows fall on it; on objects it is that ratio's smooth part: exposure, white
balance and the lens's fall-off, without the bench's own texture. Coverage mixes the two at edges.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.errors import InputError
from synth.sim.colour import Linear, linear_of_u8, u8_of_linear
from synth.sim.look import Look, fit_gradient, gradient_terms
from synth.sim.optics import Lens

# Spread of a silhouette in a rendered picture after resampling, the pixel's own area included; measured.
RENDERED_EDGE_SIGMA_PX = 0.50
_DARK = 1e-4
_EDGE_PX = 9
_USABLE = (0.02, 0.85)
_MIN_PIXELS = 500


class CameraResponse:
    """What one camera would have made of rendered frames of one bench, in one look.

    look: of the captured or the plain bench. lens: of the camera. bench: light [h,w,3] of the empty bench in
    the whole ideal image, rendered once. Raises InputError where look and camera differ in size.
    """

    def __init__(self, look: Look, lens: Lens, bench: Linear) -> None:
        if look.size_wh != tuple(lens.camera.size_wh):
            raise InputError(
                f"the look was measured on pictures of {look.size_wh[0]}×{look.size_wh[1]}, the camera gives "
                f"{lens.camera.size_wh[0]}×{lens.camera.size_wh[1]}: measure it on pictures of this camera"
            )
        self._look = look
        self._lens = lens
        self._blur_px = float(np.sqrt(max(look.edge_sigma_px**2 - RENDERED_EDGE_SIGMA_PX**2, 0.0)))
        self._bench = self._blurred(lens.distort(bench))
        lit = np.maximum(self._bench, _DARK)
        if look.plate is None:
            gain = np.asarray(look.bench_rgb, np.float32) / np.median(lit.reshape(-1, 3), axis=0)
            self._smooth = np.broadcast_to(gain, lit.shape)
            self._plate = lit * gain
        else:
            ratio = look.plate / lit
            coefficients = np.asarray(fit_gradient(np.log(np.maximum(ratio, 1e-3))), np.float32)
            self._smooth = np.exp(gradient_terms(look.size_wh) @ coefficients.T)
            self._plate = look.plate
        self._object_gain = self._smooth * np.float32(look.object_gain)

    def apply(
        self, light: Linear, coverage: NDArray[np.float32], rng: np.random.Generator
    ) -> NDArray[np.uint8]:
        """The 8-bit picture [H,W,3] of one frame.

        light: [h,w,3] rendered, linear, the whole ideal image. coverage: [H,W] share of each pixel of the
        distorted image that what does not belong to the empty bench covers, 0–1. rng: for noise.
        """
        picture, plate_share = self.expose(light, coverage)
        noise = self._look.noise
        if any(noise.read) or any(noise.shot):
            grain = noise.sigma(picture) * noise.draw((picture.shape[0], picture.shape[1]), rng)
            grain *= np.sqrt(1 - self._look.plate_noise * plate_share)[..., None]
            picture = picture + grain
        return u8_of_linear(picture)

    def expose(self, light: Linear, coverage: NDArray[np.float32]) -> tuple[Linear, NDArray[np.float32]]:
        """The picture [H,W,3] in linear light before noise, and [H,W] how much of each pixel is plate."""
        seen = self._blurred(self._lens.distort(light))
        covered = np.clip(self._blurred(np.ascontiguousarray(coverage, np.float32)), 0, 1)
        bench_gain = self._plate / np.maximum(self._bench, _DARK)
        gain = covered[..., None] * self._object_gain + (1 - covered[..., None]) * bench_gain
        return seen * gain, 1 - covered

    def compare(
        self, light: Linear, coverage: NDArray[np.float32], captured_u8: NDArray[np.uint8]
    ) -> float | None:
        """How much brighter objects are in a captured picture [H,W,3] than in its twin as exposed; a median.

        None where too few pixels well inside objects are neither dark nor near saturation.
        """
        picture, _ = self.expose(light, coverage)
        inside = cv2.erode((coverage > 0.999).astype(np.uint8), np.ones((_EDGE_PX, _EDGE_PX), np.uint8)) > 0
        captured = linear_of_u8(captured_u8)
        usable = inside & (captured.max(axis=-1) > _USABLE[0]) & (captured.max(axis=-1) < _USABLE[1])
        if int(usable.sum()) < _MIN_PIXELS:
            return None
        return float(
            np.median(captured[usable].sum(axis=-1) / np.maximum(picture[usable].sum(axis=-1), 1e-3))
        )

    def _blurred(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        if self._blur_px < 0.1:
            return image
        return np.asarray(
            cv2.GaussianBlur(image, (0, 0), self._blur_px, borderType=cv2.BORDER_REPLICATE), np.float32
        )
