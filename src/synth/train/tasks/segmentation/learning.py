"""How a network learns the class of every pixel, and what it says of a picture."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from synth.dataset.codecs import Rgb
from synth.dataset.label_maps import Ids, find_void, scale_rgb
from synth.errors import InputError
from synth.metrics.segmentation import count_image, gather
from synth.train.loop import SCORE, Rows
from synth.train.tasks.segmentation.changes import ChangedImages, RareClasses
from synth.train.tasks.segmentation.losses import compute_loss, weigh_classes
from synth.train.tasks.segmentation.maps import SegmentationImages, fit_size
from synth.train.tasks.segmentation.net import make_segment_net
from synth.train.tasks.segmentation.segmenters import SEGMENTERS
from synth.train.tasks.segmentation.settings import SegmentationSettings

MOST_LOOKED_AT = 50
"""Test pictures that a look on the way takes; they choose nothing."""


class SegmentationLearner:
    """A network that learns the class of every pixel; a Learner.

    stages: train pictures of each stage. val: what chooses. test: looked at on the way, without a say.
    """

    def __init__(
        self,
        stages: Sequence[SegmentationImages],
        val: SegmentationImages,
        settings: SegmentationSettings,
        *,
        seed: int,
        device: torch.device,
        test: SegmentationImages | None = None,
    ) -> None:
        self._val, self._test, self._device, self._settings = val, test, device, settings
        self.pools = tuple(len(stage) for stage in stages)
        self.blind_score = _find_blind_score(val)
        is_rare, n = settings.sampling == "rare", len(settings.classes)
        self._stages = [
            ChangedImages(stage, settings, RareClasses(_demand_labels(stage)) if is_rare else None)
            for stage in stages
        ]
        counts = np.zeros(n, np.int64)
        if settings.class_weights != "none":
            counts = sum((_demand_labels(stage).sum(axis=0) for stage in stages), counts)
        self._weights = weigh_classes(settings.class_weights, counts).to(device)
        net = make_segment_net(settings.net, n, seed)
        if settings.pretrained is not None:
            SEGMENTERS[settings.net].load_pretrained(net.net, Path(settings.pretrained))
        self.net: nn.Module = net.to(device)

    def load(self, stage: int, rows: Rows, seed: int) -> tuple[Tensor, Tensor, Tensor]:
        """Crops [B,S,S,3] uint8, their class ids [B,S,S], and the seed for units that a network drops."""
        return *self._stages[stage].batch(rows, seed), torch.tensor(seed)

    def compute_losses(self, batch: tuple[Tensor, Tensor, Tensor]) -> dict[str, Tensor]:
        """``class``, of the name in the settings."""
        rgb_u8, ids = (part.to(self._device, non_blocking=True) for part in batch[:2])
        with torch.random.fork_rng(devices=[self._device] if self._device.type == "cuda" else []):
            torch.manual_seed(int(batch[2]))
            logits = self.net(to_images(rgb_u8))
        void = find_void(self._settings.classes)
        return {"class": compute_loss(self._settings.loss, logits, ids, self._weights, void)}

    def check(self) -> dict[str, float]:
        """mIoU and loss on val pictures, and on up to MOST_LOOKED_AT test pictures, evenly spaced, where
        there are any.
        """
        figures = self._measure(self._val, range(len(self._val)), "val")
        figures[SCORE] = 1 - figures["val_miou"]
        if self._test is not None:
            step = -(-len(self._test) // MOST_LOOKED_AT)
            figures |= self._measure(self._test, range(0, len(self._test), step), "test")
        return figures

    def _measure(self, images: SegmentationImages, rows: range, split: str) -> dict[str, float]:
        counted, sums = [], [0.0, 0]
        void = find_void(images.classes)
        for i in rows:
            logits, true = say(self.net, images.read_rgb(i), images.side_px), images.read_ids(i)
            wanted = torch.from_numpy(true.astype(np.int64)).to(logits.device)
            sums[0] += float(
                functional.cross_entropy(logits[None], wanted[None], ignore_index=void, reduction="sum")
            )
            sums[1] += int((wanted != void).sum())
            counted.append(count_image(true, to_ids(logits), len(images.classes), void=void))
        counts, once = gather(counted, images.classes), np.ones((1, len(rows)))
        return {
            f"{split}_miou": float(np.nan_to_num(counts.miou(once)[0])),
            f"{split}_pixel_accuracy": float(np.nan_to_num(counts.pixel_accuracy(once)[0])),
            f"{split}_cross_entropy": sums[0] / max(1, sums[1]),
        }


def _demand_labels(images: SegmentationImages) -> NDArray[np.int64]:
    """Pixels of each class in each picture; raises InputError where all of them are void."""
    if not images.pixel_counts.any():
        raise InputError(
            f"{images.entries[0][0].root} has nothing but void in its train label maps: nothing can be learnt"
        )
    return images.pixel_counts


def _find_blind_score(val: SegmentationImages) -> float:
    """Of saying the commonest class of all val pixels everywhere."""
    total = val.pixel_counts.sum(axis=0)
    return float(1 - total.max() / max(1, total.sum()) / max(1, np.count_nonzero(total)))


def say(net: nn.Module, rgb_u8: Rgb, side_px: int) -> Tensor:
    """Logits [C,H,W] of a picture [H,W,3] that is looked at with its longer side at ``side_px``.

    The network's mode is left as it was.
    """
    device, was_training = next(net.parameters()).device, net.training
    h, w = rgb_u8.shape[:2]
    seen = torch.from_numpy(scale_rgb(rgb_u8, fit_size((w, h), side_px))).to(device)
    net.eval()
    with torch.inference_mode():
        logits = net(to_images(seen[None])).float()
        full = functional.interpolate(logits, (h, w), mode="bilinear", align_corners=False)[0]
    net.train(was_training)
    return full


def to_ids(logits: Tensor) -> Ids:
    """The likeliest class of each pixel [H,W], of logits [C,H,W]."""
    return np.asarray(logits.argmax(dim=0).cpu().numpy(), np.uint16)


def to_images(rgb_u8: Tensor) -> Tensor:
    """[N,H,W,3] uint8 to [N,3,H,W] in 0 to 1."""
    return rgb_u8.permute(0, 3, 1, 2).float() / 255
