"""Crops and their normals for plain PyTorch."""

from collections.abc import Sequence

import torch
from torch import Tensor

from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.train.torch_data import TorchData

Item = tuple[Tensor, Tensor]


def make_torch_data(dataset: DatasetReader, samples: Sequence[Sample]) -> TorchData[Item]:
    """Every crop that tells a normal.

    An item is a crop, float32 [3,224,224], RGB in 0 to 1, and its normal, float32 [3], unit, in crop axes.
    """
    items = [(s, i) for s in samples for i, instance in enumerate(s.instances) if instance.normal_crop]
    return TorchData(dataset, items, _read)


def _read(dataset: DatasetReader, item: tuple[Sample, int]) -> Item:
    sample, i = item
    crop_u8 = dataset.load_crop(sample, i)
    assert crop_u8 is not None
    return (
        torch.from_numpy(crop_u8).permute(2, 0, 1).float() / 255,
        torch.tensor(sample.instances[i].normal_crop_uvw, dtype=torch.float32),
    )
