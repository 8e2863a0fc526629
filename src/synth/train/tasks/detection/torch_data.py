"""Pictures and boxes as torchvision's detectors take them."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from synth.dataset.reader import DatasetReader
from synth.dataset.sample import MIN_VISIBLE_FOR_LABEL, Sample
from synth.train.torch_data import TorchData, collate_lists

Item = tuple[Tensor, dict[str, Tensor]]


def make_torch_data(dataset: DatasetReader, samples: Sequence[Sample]) -> TorchData[Item]:
    """Whole pictures with the boxes of every instance visible enough for a label.

    An item is a picture, float32 [3,H,W], RGB in 0 to 1, and its truth: ``boxes`` float32 [M,4], x0 y0 x1 y1
    in pixels, of the dataset's box kind, and ``labels`` int64 [M], index in ``dataset.info.classes`` + 1,
    since torchvision keeps 0 for the background.
    """
    return TorchData(dataset, samples, _read, collate_lists)


def _read(dataset: DatasetReader, sample: Sample) -> Item:
    labelled = [i for i in sample.instances if i.visib_fract >= MIN_VISIBLE_FOR_LABEL]
    boxes = np.array([i.box_of(dataset.info.box_kind) for i in labelled], np.float32).reshape(-1, 4)
    labels = [dataset.info.classes.index(i.class_name) + 1 for i in labelled]
    picture = torch.from_numpy(dataset.load_rgb(sample)).permute(2, 0, 1).float() / 255
    return picture, {"boxes": torch.from_numpy(boxes), "labels": torch.tensor(labels, dtype=torch.int64)}
