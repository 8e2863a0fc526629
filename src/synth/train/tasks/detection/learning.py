"""How a detector learns boxes, and the boxes it says.

Networks, losses and suppression of doubles are those of its family, random changes Ultralytics'; the loop is
synth's, so that every mix sees as many images and a training can be gone on with.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from synth.errors import InputError
from synth.metrics.by_class import match_classes
from synth.metrics.detection import STANDARD, Measurable, match
from synth.train.loop import SCORE, Rows
from synth.train.models.yolo import keep_frozen
from synth.train.tasks.detection.changes import make_changes
from synth.train.tasks.detection.detectors import detector_of, find_detector
from synth.train.tasks.detection.images import DetectionImages, plain_batches
from synth.train.tasks.detection.settings import DetectionSettings

Floats = NDArray[np.float64]

_BATCH = 16
_BLIND_MAP = 0.01
"""mAP50-95 that boxes drawn without a look do not reach: random weights and constant boxes stay near 0."""


class DetectionLearner:
    """A detector that learns boxes; a Learner.

    stages: train images of each stage. val: what chooses. test: looked at on the way, without a say.
    """

    def __init__(
        self,
        stages: Sequence[DetectionImages],
        val: DetectionImages,
        settings: DetectionSettings,
        *,
        seed: int,
        device: torch.device,
        test: DetectionImages | None = None,
    ) -> None:
        self._val, self._test, self._device = val, test, device
        self.pools = tuple(len(stage) for stage in stages)
        self.blind_score = -_BLIND_MAP
        self._detector = find_detector(settings.net)
        net = self._detector.make(settings.net, settings.n_classes, settings.side_px, seed)
        _refuse_unknown(stages, settings)
        stride_px = self._detector.find_stride(net)
        self._stages = [
            make_changes(settings.changes, stage, settings.side_px, settings.photometric, stride_px)
            for stage in stages
        ]
        if settings.pretrained is not None:
            self._detector.load_pretrained(net, Path(settings.pretrained))
        if settings.freeze:
            self._detector.freeze(net)
        self.net = net.to(device)

    def load(self, stage: int, rows: Rows, seed: int) -> dict[str, Tensor]:
        """A batch of randomly changed pictures, with the seed for chance that a network has of its own."""
        return self._stages[stage].batch(rows, seed) | {"seed": torch.tensor(seed)}

    def compute_losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Those of the detector's family, however large the batch."""
        keep_frozen(self.net)
        return self._detector.compute_losses(self.net, _to_device(batch, self._device))

    def check(self) -> dict[str, float]:
        """mAP and losses per image on val pictures, and on test pictures where there are any."""
        figures = self._measure(self._val, "val")
        figures[SCORE] = -figures["val_map50_95"]
        return figures | (self._measure(self._test, "test") if self._test is not None else {})

    def _measure(self, images: DetectionImages, split: str) -> dict[str, float]:
        boxes, losses = _look(self.net, images, losses=True)
        if images.class_names:
            true = [np.column_stack(pair) for pair in zip(images.boxes_xyxy_px, images.classes, strict=True)]
            matches: Measurable = match_classes(boxes, true, images.class_names, STANDARD)
        else:
            matches = match([rows[:, :5] for rows in boxes], images.boxes_xyxy_px, STANDARD)
        once = np.ones((1, len(images)))
        figures = {
            name: float(getattr(matches, name)(once)[0])
            for name in ("map50_95", "map50", "precision", "recall")
        }
        return {f"{split}_{name}": value for name, value in (figures | losses).items()}


def _refuse_unknown(stages: Sequence[DetectionImages], settings: DetectionSettings) -> None:
    """Raises InputError where train images have boxes of a class that the network has no place for."""
    for stage in stages:
        unknown = {int(c) for each in stage.classes for c in each if c >= settings.n_classes}
        if unknown:
            raise InputError(
                f"train images show {', '.join(stage.class_names[c] for c in sorted(unknown))}, and the "
                f"network learns {', '.join(settings.classes)}: leave those images out or learn their "
                "classes too"
            )


def predict_boxes(net: nn.Module, images: DetectionImages) -> list[Floats]:
    """Boxes [D,5] of each image, x0 y0 x1 y1 in its pixels and confidence, the surest first; [D,6] with the
    class's place in ``images.class_names`` where classes have names.

    As many as the standard protocol keeps; the network's mode is left as it was.
    """
    return [rows if images.class_names else rows[:, :5] for rows in _look(net, images, losses=False)[0]]


def measure_losses(net: nn.Module, images: DetectionImages) -> dict[str, float]:
    """The family's losses on unchanged pictures (annex A of the paper measures them outside training).

    Batch by batch, so that figures compare for the same images in the same order.
    """
    return _look(net, images, losses=True)[1]


def _look(net: nn.Module, images: DetectionImages, *, losses: bool) -> tuple[list[Floats], dict[str, float]]:
    device, was_training, detector = next(net.parameters()).device, net.training, detector_of(net)
    found: list[Floats] = [np.empty((0, 6))] * len(images)
    sums: dict[str, float] = {}
    net.eval()
    with torch.no_grad():
        for rows, batch in plain_batches(images, _BATCH, detector.find_stride(net)):
            said, told = detector.look(net, _to_device(batch, device), losses=losses)
            for name, value in told.items():
                sums[name] = sums.get(name, 0.0) + value
            for row, boxes in zip(rows, said, strict=True):
                found[row] = _to_original(boxes.double().cpu().numpy(), images, row)
    net.train(was_training)
    return found, {f"{name}_loss": value / len(images) for name, value in sums.items()}


def _to_device(batch: dict[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """On the device, pictures in 0 to 1."""
    batch = {key: part.to(device, non_blocking=True) for key, part in batch.items()}
    return batch | {"img": batch["img"].float() / 255}


def _to_original(boxes: Floats, images: DetectionImages, row: int) -> Floats:
    h, w = images.bgr_u8[row].shape[:2]
    size = np.array(images.sizes_wh[row], dtype=np.float64)
    scaled = boxes.copy()
    scaled[:, :4] *= np.tile(size / (w, h), 2)
    scaled[:, :4] = scaled[:, :4].clip(0, np.tile(size, 2))
    return scaled
