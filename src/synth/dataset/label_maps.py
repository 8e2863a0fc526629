"""Label maps as arrays: read, renumbered, mirrored, scaled by the nearest pixel alone.

Between two classes there is no class, so nothing is mixed.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.dataset.codecs import Rgb
from synth.dataset.info import SemanticInfo
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample

Ids = NDArray[np.uint16]


def find_void(classes: Sequence[str]) -> int:
    """The id of pixels without a class."""
    return 255 if len(classes) <= 255 else 65535


def list_labelled(samples: Sequence[Sample]) -> list[Sample]:
    """Samples with a picture and a label map."""
    return [sample for sample in samples if {"image", "semantic"} <= sample.layers.keys()]


def renumber(semantic: SemanticInfo, classes: Sequence[str]) -> Ids:
    """Of each id of a dataset, void too, its place among ``classes``, which must have all of its names."""
    own = np.full(semantic.void + 1, find_void(classes), np.uint16)
    own[: len(semantic.names)] = [classes.index(name) for name in semantic.names]
    return own


def read_ids(dataset: DatasetReader, sample: Sample, classes: Sequence[str]) -> Ids:
    """A sample's map [H,W], ids places among ``classes``; void where the layer ``ignore`` says so."""
    ids, ignored = dataset.load_semantic(sample), dataset.load_layer(sample, "ignore")
    assert ids is not None
    assert dataset.info.semantic is not None
    own = renumber(dataset.info.semantic, classes)[ids]
    if ignored is not None:
        own[ignored == 255] = find_void(classes)
    return own


def find_mirrored(dataset: DatasetReader, classes: Sequence[str]) -> Ids:
    """Of each id, void too, the id that it has in a mirror, by the dataset's ``flip_pairs``."""
    places = {name: place for place, name in enumerate(classes)}
    mirrored = np.arange(find_void(classes) + 1, dtype=np.uint16)
    for left, right in dataset.info.flip_pairs:
        if left in places and right in places:
            mirrored[[places[left], places[right]]] = places[right], places[left]
    return mirrored


def scale_rgb(rgb_u8: Rgb, size_wh: tuple[int, int]) -> Rgb:
    """A picture [H,W,3] at another size."""
    smaller = size_wh[0] < rgb_u8.shape[1]
    how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(rgb_u8, size_wh, interpolation=how), np.uint8)


def scale_ids(ids: Ids, size_wh: tuple[int, int]) -> Ids:
    """A label map [H,W] at another size: of each pixel the class of the nearest one."""
    return np.asarray(cv2.resize(ids, size_wh, interpolation=cv2.INTER_NEAREST_EXACT), np.uint16)
