"""How a detector learns boxes, and the boxes it says.

Networks, losses, random changes and suppression of doubles are Ultralytics' own; the loop is synth's, so that
every mix sees as many images and a training can be gone on with.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from synth.dataset.choices import BoxKind
from synth.errors import InputError
from synth.metrics.by_class import match_classes
from synth.metrics.detection import STANDARD, Measurable, match
from synth.train.loop import SCORE, Rows
from synth.train.models.yolo import find_stride, freeze_backbone, keep_frozen, load_pretrained, make_yolo
from synth.train.settings import TaskSettings
from synth.train.tasks.detection.images import STRIDE_PX, AugmentedImages, DetectionImages, plain_batches
from synth.train.ultralytics_parts import ultralytics

Floats = NDArray[np.float64]

NMS_IOU = 0.7
"""Of two boxes of a class that overlap more, the surer one stays; a place may have boxes of several classes
(both Ultralytics' defaults for measuring)."""

_BATCH = 16
_BLIND_MAP = 0.01
"""mAP50-95 that boxes drawn without a look do not reach: random weights and constant boxes stay near 0."""
_NO_HURRY_S = 1e6


@dataclass(frozen=True)
class DetectionSettings(TaskSettings):
    """How a detector learns.

    net: any detector that Ultralytics ships. side_px: pictures are made this long. box_kind: what the labels
    must be. pretrained: a local checkpoint, safetensors or Ultralytics' .pt; None for random weights. freeze:
    leave the pretrained backbone as it is, as the paper does. classes: names of what is learnt, in the
    network's order; empty where all data have one class, whose name then does not matter.
    """

    batch_size: int = 16
    learning_rate: float = 2e-3
    weight_decay: float = 5e-4
    net: str = "yolov5n"
    side_px: int = 640
    photometric: float = 1.0
    box_kind: BoxKind = "square"
    pretrained: str | None = None
    freeze: bool = False
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.side_px < STRIDE_PX or self.side_px % STRIDE_PX:
            raise InputError(f"side_px must be a multiple of {STRIDE_PX}, got {self.side_px}")
        if self.freeze and self.pretrained is None:
            raise InputError(
                "a backbone of random weights cannot be frozen: give a checkpoint with --pretrained or "
                "freeze nothing"
            )

    @property
    def n_classes(self) -> int:
        """How many the network tells apart."""
        return max(1, len(self.classes))

    def to_config(self) -> dict[str, Any]:
        """Every field; classes where they have names."""
        config = super().to_config()
        return config if self.classes else {name: v for name, v in config.items() if name != "classes"}


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
        net = make_yolo(settings.net, settings.n_classes, seed)
        if settings.side_px % (stride := find_stride(net)):
            raise InputError(
                f"{settings.net} takes pictures whose side is a multiple of {stride}, got "
                f"{settings.side_px}: give another --side"
            )
        _refuse_unknown(stages, settings)
        self._stages = [AugmentedImages(stage, settings.side_px, settings.photometric) for stage in stages]
        if settings.pretrained is not None:
            load_pretrained(net, Path(settings.pretrained))
        if settings.freeze:
            freeze_backbone(net)
        self.net = net.to(device)

    def load(self, stage: int, rows: Rows, seed: int) -> dict[str, Tensor]:
        """A batch of randomly changed pictures."""
        return self._stages[stage].batch(rows, seed)

    def compute_losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """``box``, ``cls`` and ``dfl``, weighted as Ultralytics does, however large the batch."""
        keep_frozen(self.net)
        batch = self._to_device(batch)
        total, _ = self.net.loss(batch)  # type: ignore[operator]
        return dict(zip(("box", "cls", "dfl"), total / len(batch["img"]), strict=True))

    def check(self) -> dict[str, float]:
        """mAP and losses per image on val pictures, and on test pictures where there are any."""
        figures = self._measure(self._val, "val")
        figures[SCORE] = -figures["val_map50_95"]
        return figures | (self._measure(self._test, "test") if self._test is not None else {})

    def _measure(self, images: DetectionImages, split: str) -> dict[str, float]:
        boxes, losses = _look(self.net, images)
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

    def _to_device(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        batch = {key: part.to(self._device, non_blocking=True) for key, part in batch.items()}
        return batch | {"img": batch["img"].float() / 255}


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
    return [rows if images.class_names else rows[:, :5] for rows in _look(net, images)[0]]


def measure_losses(net: nn.Module, images: DetectionImages) -> dict[str, float]:
    """Ultralytics' losses on unchanged pictures (annex A of the paper measures them outside training).

    Each batch is divided by its own matches, so that figures compare for the same images in the same order.
    box, cls, dfl: the last is the distribution-focal loss; these heads have no objectness.
    """
    return _look(net, images)[1]


def _look(net: nn.Module, images: DetectionImages) -> tuple[list[Floats], dict[str, float]]:
    import_module("torchvision")  # Ultralytics suppresses box by box in Python where it is not loaded.
    suppress = ultralytics("utils.nms").non_max_suppression
    device, was_training = next(net.parameters()).device, net.training
    found: list[Floats] = [np.empty((0, 6))] * len(images)
    sums: dict[str, float] = {}
    net.eval()
    with torch.no_grad():
        for rows, batch in plain_batches(images, _BATCH, find_stride(net)):
            batch = {key: part.to(device) for key, part in _only_known(batch, net).items()}
            batch["img"] = batch["img"].float() / 255
            out = net(batch["img"])
            total, _ = net.loss(batch, out)  # type: ignore[operator]
            for name, value in zip(("box", "cls", "dfl"), total, strict=True):
                sums[name] = sums.get(name, 0.0) + float(value)
            kept = suppress(
                out,
                STANDARD.min_confidence,
                NMS_IOU,
                max_det=STANDARD.max_detections,
                max_time_img=_NO_HURRY_S,
                multi_label=True,
            )
            for row, boxes in zip(rows, kept, strict=True):
                found[row] = _to_original(boxes.double().cpu().numpy()[:, :6], images, row)
    net.train(was_training)
    return found, {f"{name}_loss": value / len(images) for name, value in sums.items()}


def _only_known(batch: dict[str, Tensor], net: nn.Module) -> dict[str, Tensor]:
    """A batch without boxes of classes that the network never learnt: they have no loss."""
    known = batch["cls"][:, 0] < net.model[-1].nc  # type: ignore[index, union-attr]
    return {key: part if key == "img" else part[known] for key, part in batch.items()}


def _to_original(boxes: Floats, images: DetectionImages, row: int) -> Floats:
    h, w = images.bgr_u8[row].shape[:2]
    size = np.array(images.sizes_wh[row], dtype=np.float64)
    scaled = boxes.copy()
    scaled[:, :4] *= np.tile(size / (w, h), 2)
    scaled[:, :4] = scaled[:, :4].clip(0, np.tile(size, 2))
    return scaled
