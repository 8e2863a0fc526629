"""Crops and their class for plain PyTorch."""

from collections.abc import Sequence

import torch
from torch import Tensor

from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.geometry.squares import cut
from synth.train.tasks.classification.crops import crop_square, list_labelled
from synth.train.tasks.classification.settings import ClassificationSettings
from synth.train.torch_data import TorchData

Item = tuple[Tensor, Tensor]


def make_torch_data(dataset: DatasetReader, samples: Sequence[Sample]) -> TorchData[Item]:
    """Every instance that is visible enough for a label.

    An item is a crop, float32 [3,64,64], RGB in 0 to 1, and its class, int64, index in
    ``dataset.info.classes``.
    """
    items = [(sample, i) for sample in samples for i, _ in list_labelled(sample)]
    return TorchData(dataset, items, _read)


def _read(dataset: DatasetReader, item: tuple[Sample, int]) -> Item:
    (sample, i), usual = item, ClassificationSettings()
    instance = sample.instances[i]
    square = crop_square(instance.box_xyxy_px, sample.size_wh, usual.context)
    crop_u8 = cut(dataset.load_rgb(sample), square, usual.side_px)
    return (
        torch.from_numpy(crop_u8).permute(2, 0, 1).float() / 255,
        torch.tensor(dataset.info.classes.index(instance.class_name)),
    )
