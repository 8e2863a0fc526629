"""A generator that learnt from crops, as a translator of whole frames: it changes instances alone."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from synth.dataset.codecs import file_sha256
from synth.dataset.sample import Sample
from synth.errors import InputError
from synth.gan.checkpoint import load_generator_of
from synth.gan.crop_cutter import box_region
from synth.gan.crops import Change, find_change, lay_back
from synth.gan.export import export_onnx
from synth.gan.methods.method import (
    Direction,
    Identity,
    InstanceTranslator,
    Layers,
    Rgb,
    Translated,
    Translator,
)
from synth.gan.patches import from_u8
from synth.gan.schedule import CropSettings
from synth.geometry.boxes import tight_box
from synth.geometry.squares import cut, square_round
from synth.networks.generators import GeneratorShape, fold
from synth.storage.atomic import write_bytes
from synth.witness.artefacts import Artefacts, find_artefacts

_BATCH = 16
_SIDE, _CONTEXT = "crop_side_px", "crop_context"


def crop_words(settings: CropSettings) -> dict[str, str]:
    """What a checkpoint's header says of the crops that its generators take."""
    return {_SIDE: str(settings.schedule.side_px), _CONTEXT: repr(settings.context)}


class CropTranslator:
    """The generator of a checkpoint that `crop_words` is in; raises InputError for any other file."""

    def __init__(self, path: Path, method: str, direction: Direction, device: torch.device) -> None:
        self._generator, words = load_generator_of(path, method, direction)
        try:
            self._side_px, self._context = int(words[_SIDE]), float(words[_CONTEXT])
        except (KeyError, ValueError):
            raise InputError(f"{path} does not say of which crops its generators are: train again") from None
        shape = self._generator.shape
        can_fold = isinstance(shape, GeneratorShape) and shape.can_fold
        self._translate: nn.Module = fold(self._generator) if can_fold else self._generator
        self._translate.to(device)
        self._device, self._content = device, path.read_bytes()
        self.identity = Identity(method, direction, file_sha256(self._content))

    def apply(self, frame: Rgb, layers: Layers) -> Rgb:
        """A frame [H,W,3] with the instances of its mask translated; as it is where none is known."""
        mask = layers.get("mask")
        if mask is None:
            return frame.copy()
        boxes = [tight_box(mask == i + 1) for i in range(int(mask.max(initial=0)))]
        return self.translate_instances(frame, [() if b is None else b.tolist() for b in boxes], mask).rgb_u8

    def translate_instances(
        self, frame: Rgb, boxes_xyxy_px: Sequence[Sequence[float]], mask: NDArray[np.uint16] | None
    ) -> Translated:
        """Each is cut out, translated and laid back; boxes that are empty sequences are left out."""
        there = [(i, box) for i, box in enumerate(boxes_xyxy_px) if len(box)]
        squares = [square_round(box, self._context) for _, box in there]
        crops = [cut(frame, square, self._side_px) for square in squares]
        changes: list[Change] = []
        artefacts = Artefacts(0, 0, 0)
        for (i, box), square, crop, new in zip(there, squares, crops, self._look_at(crops), strict=True):
            if mask is None:
                region, others = box_region(box, frame.shape), np.zeros(frame.shape[:2], bool)
            else:
                region, others = mask == i + 1, (mask > 0) & (mask != i + 1)
            changes.append(find_change(square, crop.astype(np.float32), new, region, others))
            artefacts += find_artefacts(crop, np.clip(np.rint(new), 0, 255).astype(np.uint8))
        rgb_u8, share_u8 = lay_back(frame, changes)
        seams = {i: change.seam_counts for (i, _), change in zip(there, changes, strict=True)}
        of_each = tuple(seams.get(i) for i in range(len(boxes_xyxy_px)))
        return Translated(rgb_u8, share_u8, of_each, artefacts)

    def save(self, path: Path) -> None:
        """The whole checkpoint, byte for byte; raises StorageError."""
        write_bytes(path, self._content)

    def export(self, path: Path) -> str:
        """One ONNX file of the generator, weights inside (export.export_onnx)."""
        export_onnx(self._generator, path)
        side = self._side_px
        return f"crops float32 [N,3,{side},{side}] in -1..1, each {self._context:g} times its instance's side"

    def _look_at(self, crops: Sequence[Rgb]) -> list[NDArray[np.float32]]:
        """Crops [S,S,3] in the other look, in counts, not rounded."""
        if not crops:
            return []
        images = from_u8(np.stack(crops))
        with torch.inference_mode():
            parts = [
                self._translate(part.to(self._device)).float().cpu() for part in torch.split(images, _BATCH)
            ]
        counts = (torch.cat(parts) + 1) * 127.5
        return list(counts.permute(0, 2, 3, 1).numpy())


def translate_sample(translator: Translator, sample: Sample, rgb_u8: Rgb, layers: Layers) -> Translated:
    """What a translator makes of a sample's picture [H,W,3], by its mask, or its boxes where it has none.

    A translator of whole frames leaves no share and no seams.
    """
    if isinstance(translator, InstanceTranslator):
        boxes = [instance.box_xyxy_px for instance in sample.instances]
        return translator.translate_instances(rgb_u8, boxes, layers.get("mask"))
    return Translated(translator.apply(rgb_u8, layers))
