"""A ResNet generator as a translator of whole frames."""

from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from synth.compute.device import inference
from synth.dataset.codecs import file_sha256
from synth.gan.checkpoint import load_generator_of
from synth.gan.export import export_onnx
from synth.gan.methods.method import Direction, Identity, Layers, Rgb
from synth.gan.patches import to_u8
from synth.networks.generators import GeneratorShape, fold
from synth.storage.atomic import write_bytes

_MULTIPLE = 4


class GeneratorTranslator:
    """The generator of a checkpoint, folded to plain convolutions where its kind allows.

    Raises InputError for a file that is absent, torn, or of another method.
    """

    def __init__(self, path: Path, method: str, direction: Direction, device: torch.device) -> None:
        generator, _ = load_generator_of(path, method, direction)
        shape = generator.shape
        folded = fold(generator) if isinstance(shape, GeneratorShape) and shape.can_fold else generator
        self._generator, self._device = generator, device
        self._translate = folded.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._content = path.read_bytes()
        self.identity = Identity(method, direction, file_sha256(self._content))

    def apply(self, frame: Rgb, layers: Layers) -> Rgb:
        """A whole frame [H,W,3] in the other look, at its own resolution; layers are not looked at."""
        height, width = frame.shape[:2]
        images = torch.from_numpy(frame).to(self._device).permute(2, 0, 1)[None].float() / 127.5 - 1
        padding = (0, -width % _MULTIPLE, 0, -height % _MULTIPLE)
        with inference(self._device):
            images = functional.pad(images, padding, mode="reflect")
            images = self._translate(images.contiguous(memory_format=torch.channels_last))
        return np.asarray(to_u8(images[..., :height, :width])[0])

    def save(self, path: Path) -> None:
        """The whole checkpoint, byte for byte; raises StorageError."""
        write_bytes(path, self._content)

    def export(self, path: Path) -> str:
        """One ONNX file, weights inside (export.export_onnx)."""
        export_onnx(self._generator, path)
        return "images float32 [N,3,H,W] in -1..1, H and W multiples of 4"
