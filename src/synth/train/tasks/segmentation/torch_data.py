"""Pictures with label maps for plain PyTorch."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from synth.dataset.label_maps import list_labelled
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.train.tasks.segmentation.maps import load_images
from synth.train.torch_data import TorchData, collate_lists

Item = tuple[Tensor, Tensor]


def make_torch_data(dataset: DatasetReader, samples: Sequence[Sample]) -> TorchData[Item]:
    """Every sample with a picture and a label map, at its own size; a batch is a list of each.

    An item is a picture, float32 [3,H,W], RGB in 0 to 1, and class ids, int64 [H,W], indices in
    ``dataset.info.semantic.names``; 255, or 65535 with more than 255 classes, is void.
    """
    return TorchData(dataset, list_labelled(samples), _read, collate_lists)


def _read(dataset: DatasetReader, sample: Sample) -> Item:
    assert dataset.info.semantic is not None
    semantic = dataset.info.semantic
    one = load_images(dataset, [sample], max(sample.size_wh), semantic.names, semantic.colours)
    rgb = torch.from_numpy(one.read_rgb(0)).permute(2, 0, 1).float() / 255
    return rgb, torch.from_numpy(one.read_ids(0).astype(np.int64))
