"""A label map with what is known of its instances, as balancing reads it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from synth.dataset.label_maps import Ids, read_ids
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample


@dataclass(frozen=True, eq=False)
class LabelMap:
    """ids: [H,W], places in a list of C classes, C itself where void. instance: [H,W], 0 where no instance is
    known; classes: of each of these. An instance counts where its pixels are of its class.
    """

    ids: Ids
    instance: NDArray[np.uint16] | None = None
    classes: Mapping[int, int] = field(default_factory=dict)

    @property
    def shape_hw(self) -> tuple[int, int]:
        """Height and width, pixels."""
        return self.ids.shape[0], self.ids.shape[1]


def read_map(dataset: DatasetReader, sample: Sample) -> LabelMap:
    """The map of a sample that has one; what the layer ``ignore`` marks is void."""
    assert dataset.info.semantic is not None
    names = dataset.info.semantic.names
    ids = np.minimum(read_ids(dataset, sample, names), len(names)).astype(np.uint16)
    mask = dataset.load_mask(sample)
    of = {i + 1: names.index(o.class_name) for i, o in enumerate(sample.instances) if o.class_name in names}
    return LabelMap(ids) if mask is None or not of else LabelMap(ids, mask, of)


def list_maps(dataset: DatasetReader) -> list[Sample]:
    """Its train samples with a label map."""
    return [sample for sample in dataset.of_split("train") if "semantic" in sample.layers]


def list_known(dataset: DatasetReader) -> tuple[str, ...]:
    """Classes of pixels of which train maps have instances with masks."""
    assert dataset.info.semantic is not None
    shown = {i.class_name for s in list_maps(dataset) if "mask" in s.layers for i in s.instances}
    return tuple(name for name in dataset.info.semantic.names if name in shown)
