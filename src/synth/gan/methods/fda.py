"""Fourier domain adaptation: the low frequencies' amplitudes of a picture of the other look, the own phases.

Yang and Soatto 2020, equation 1, from the discrete Fourier transform F of each channel::

    x_sim2real = F⁻¹([M_β ∘ |F(x_real)| + (1 − M_β) ∘ |F(x_sim)|], ∠F(x_sim))

M_β is 1 for |h|, |w| ≤ β·min(H,W), in cycles a picture. Amplitudes are kept for a pixel's share of a picture,
so that frames of other sizes than those learnt from get the same shading. What is shown outside 0..255 is
cut off.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import fft

from synth.dataset.codecs import file_sha256
from synth.dataset.origin import Used
from synth.dataset.reader import DatasetReader
from synth.errors import InputError
from synth.gan.checkpoint import encode_checkpoint, load_checkpoint
from synth.gan.methods.baseline_settings import FDA_PRESETS, FDASettings
from synth.gan.methods.method import Direction, Identity, Layers, Rgb
from synth.storage.atomic import write_bytes

_LOOKS = ("sim", "real")


class FDATranslator:
    """amplitudes: of each look by its name, float32 [N,2b+1,b+1,3]: rows of −b..b and columns of 0..b cycles
    a picture; the rest of a window follows from these. words: for the header.
    """

    def __init__(
        self,
        amplitudes: Mapping[str, NDArray[np.float32]],
        direction: Direction,
        words: Mapping[str, str],
    ) -> None:
        self._amplitudes = amplitudes["real" if direction == "sim2real" else "sim"]
        tensors = {look: torch.from_numpy(amplitudes[look]) for look in _LOOKS}
        self._content = encode_checkpoint(FDAMethod.name, tensors, words)
        self.identity = Identity(FDAMethod.name, direction, file_sha256(self._content))

    def apply(self, frame: Rgb, layers: Layers) -> Rgb:
        """A frame [H,W,3] of any size; which picture it gets the shading of follows from its bytes."""
        height, width = frame.shape[:2]
        seed = int.from_bytes(hashlib.sha256(frame.tobytes()).digest()[:8])
        amplitudes = self._amplitudes[np.random.default_rng(seed).integers(len(self._amplitudes))]
        b = min(amplitudes.shape[0] // 2, (min(height, width) - 1) // 2)
        window = _cut(amplitudes, b) * (height * width)
        spectrum = fft.rfft2(frame.astype(np.float32), axes=(0, 1))
        rows = np.arange(-b, b + 1)
        spectrum[rows, : b + 1] = window * np.exp(1j * np.angle(spectrum[rows, : b + 1]))
        rgb = fft.irfft2(spectrum, s=(height, width), axes=(0, 1))
        return np.asarray(np.clip(np.rint(rgb), 0, 255).astype(np.uint8))

    def save(self, path: Path) -> None:
        """The amplitudes of both looks; raises StorageError."""
        write_bytes(path, self._content)

    def export(self, path: Path) -> str:
        """There is none."""
        raise InputError(
            "the method fda has no ONNX form: which picture lends its amplitudes follows from the bytes of a "
            "frame; translate with synth translate --checkpoint"
        )


class FDAMethod:
    """Amplitudes of some train pictures of each look."""

    name = "fda"
    title = "Fourier domain adaptation"
    reads: tuple[Used, ...] = ("pixels",)
    presets: Mapping[str, FDASettings] = FDA_PRESETS

    def default_preset(self, device: torch.device) -> str:
        """The one that leaves fewest traces."""
        return "narrow"

    def fit(
        self,
        sim: DatasetReader,
        real: DatasetReader,
        settings: FDASettings,
        seed: int,
        device: torch.device,
    ) -> FDATranslator:
        """Draw pictures of each look by the seed, and measure those."""
        looks = zip(_LOOKS, (sim, real), strict=True)
        measured = {look: _measure(dataset, settings, seed) for look, dataset in looks}
        return FDATranslator(measured, "sim2real", {})

    def load(self, path: Path, direction: Direction, device: torch.device) -> FDATranslator:
        """Of a checkpoint, in either direction."""
        tensors, words = load_checkpoint(path, self.name)
        return FDATranslator({look: tensors[look].numpy() for look in _LOOKS}, direction, words)


def _measure(dataset: DatasetReader, settings: FDASettings, seed: int) -> NDArray[np.float32]:
    """Amplitudes of train pictures, [N,2b+1,b+1,3]; raises InputError where there are none."""
    if not (samples := dataset.of_split("train")):
        raise InputError(f"{dataset.root} has no train images: give a dataset that has some")
    drawn = np.random.default_rng(seed).permutation(len(samples))[: settings.n_pictures]
    shorter = min(min(samples[i].size_wh) for i in drawn)
    b = min(int(settings.beta * shorter), (shorter - 1) // 2)
    amplitudes = []
    for i in drawn:
        rgb = dataset.load_rgb(samples[i]).astype(np.float32)
        spectrum = np.abs(fft.rfft2(rgb, axes=(0, 1))) / (rgb.shape[0] * rgb.shape[1])
        amplitudes.append(spectrum[np.arange(-b, b + 1), : b + 1])
    return np.stack(amplitudes).astype(np.float32)


def _cut(amplitudes: NDArray[np.float32], b: int) -> NDArray[np.float32]:
    """The middle of a window that is as wide or wider."""
    middle = amplitudes.shape[0] // 2
    return amplitudes[middle - b : middle + b + 1, : b + 1]
