"""A trained detector of torchvision's for whoever trains against it."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from synth.train.frozen import frozen
from synth.train.tasks.detection.boxes import class_of
from synth.train.tasks.detection.detectors.torchvision_nets import TorchvisionDetector, Truth
from synth.train.tasks.detection.target import fill_up, to_classification, to_hardness
from synth.train.tasks.task import Target


class TorchvisionTarget(Target):
    """Of pictures [N,3,H,W] whose longer side is the network's, which grey makes square where it must be.

    truth: boxes x0 y0 x1 y1 in pixels of each, and their class's name where classes have names; no gradient
    goes into them. Boxes of a class that the network never learnt have no loss; they count as missed.
    """

    def __init__(self, family: TorchvisionDetector, net: nn.Module, classes: Sequence[str]) -> None:
        self._family, self._net = family, net
        self._labels = {name: i for i, name in enumerate(classes, start=1)}

    def loss(self, images: Tensor, truth: Sequence[Any]) -> Tensor:
        """All of the network's losses together, picture by picture, of the same anchors and proposals every
        time. That of boxes grows without end as a part leaves the picture: who wants hard pictures and not
        absent parts goes by `classification`.
        """
        pictures = fill_up(images, self._family.find_stride(self._net))
        with frozen(self._net):
            return torch.stack(
                [
                    self._family.measure_one(self._net, picture, self._to_truth(boxes, picture))
                    for picture, boxes in zip(pictures, truth, strict=True)
                ]
            )

    def hardness(self, images: Tensor, truth: Sequence[Any]) -> Tensor:
        """1 less the mean over true boxes of the confidence in the true class there; 0 without a true box.
        What "there" is says `believe` of each family.
        """
        return to_hardness(self._find(images, truth).exp(), truth)

    def classification(self, images: Tensor, truth: Sequence[Any]) -> Tensor:
        """The mean over true boxes of −log of that confidence; 0 without a true box."""
        return to_classification(self._find(images, truth), truth)

    def judge(self, images: Tensor, truth: Sequence[Any]) -> tuple[Tensor, Tensor]:
        """Both of one pass."""
        found = self._find(images, truth)
        return to_classification(found, truth), to_hardness(found.detach().exp(), truth)

    def _find(self, images: Tensor, truth: Sequence[Any]) -> Tensor:
        """[N,M]: the logarithm of the confidence in each true box, M the most in a picture; −∞ beyond and
        where a class was never learnt.
        """
        pictures = list(fill_up(images, self._family.find_stride(self._net)))
        truths = [self._to_truth(boxes, p) for p, boxes in zip(pictures, truth, strict=True)]
        with frozen(self._net):
            seen, scaled = self._net.transform(pictures, truths)  # type: ignore[operator]
            features = self._net.backbone(seen.tensors)  # type: ignore[operator]
            features = {"0": features} if isinstance(features, Tensor) else features
            believed = self._family.believe(self._net, seen, features, scaled)
        nothing = sum(part.sum() for part in features.values()) * 0
        most = max((len(boxes) for boxes in truth), default=0)
        rows = [functional.pad(own, (0, most - len(own)), value=-torch.inf) for own in believed]
        return torch.stack(rows) + torch.as_tensor(nothing)

    def _to_truth(self, true: Sequence[Any], like: Tensor) -> Truth:
        known = [box for box in true if class_of(box) is None or class_of(box) in self._labels]
        boxes = [[float(edge) for edge in box[:4]] for box in known]
        labels = [self._labels.get(class_of(box) or "", 1) for box in known]
        return {
            "boxes": torch.tensor(boxes, dtype=like.dtype, device=like.device).reshape(-1, 4),
            "labels": torch.tensor(labels, dtype=torch.int64, device=like.device),
        }
