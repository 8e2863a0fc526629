"""A segmenter of the registry as the task asks it: pictures of any size in 0 to 1."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from synth.train.tasks.segmentation.segmenters import SEGMENTERS

_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class SegmentNet(nn.Module):
    """Pictures [N,3,H,W], RGB in 0 to 1, to logits [N,C,H,W]; what a network's strides ask for is filled up
    with the border's own pixels and cut off again.
    """

    def __init__(self, name: str, n_classes: int) -> None:
        super().__init__()
        segmenter = SEGMENTERS[name]
        self.net, self._multiple = segmenter.build(n_classes), segmenter.side_multiple

    def forward(self, images: Tensor) -> Tensor:
        h, w = images.shape[2:]
        mean, std = (images.new_tensor(v)[:, None, None] for v in (_IMAGENET_MEAN, _IMAGENET_STD))
        extra = (0, -w % self._multiple, 0, -h % self._multiple)
        filled = functional.pad((images - mean) / std, extra, mode="replicate")
        logits: Tensor = self.net(filled.contiguous(memory_format=torch.channels_last))
        return logits[:, :, :h, :w]


def make_segment_net(name: str, n_classes: int, seed: int) -> SegmentNet:
    """A fresh network; weights depend on the seed alone. Raises InputError for an unknown name."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return SegmentNet(name, n_classes)
