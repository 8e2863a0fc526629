"""Pictures with label maps, as networks that tell classes of pixels take them, and such maps as text."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synth.dataset.codecs import Rgb, decode_semantic, encode_semantic
from synth.dataset.label_maps import (
    Ids,
    find_mirrored,
    find_void,
    list_labelled,
    read_ids,
)
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.errors import InputError

Colours = tuple[tuple[int, int, int], ...]

Answer = dict[str, Any]
"""A label map for JSON. ``png``: a PNG of class ids, as text (base64). ``classes``, ``colours``: of the ids
from 0 on, names and RGB; 255 is void, 65535 where there are more than 255 classes.
"""

_MOST_NAMED = 5


@dataclass(frozen=True, eq=False)
class SegmentationImages:
    """N pictures with their label maps; each is read from disk when it is asked for.

    entries: dataset and sample of each. classes: those that the network learns, in its order. colours: RGB of
    each. side_px: how long the network sees a picture.
    """

    entries: tuple[tuple[DatasetReader, Sample], ...]
    classes: tuple[str, ...]
    colours: Colours
    side_px: int

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def names(self) -> tuple[str, ...]:
        """The samples'."""
        return tuple(sample.name for _, sample in self.entries)

    def joined(self, other: "SegmentationImages") -> "SegmentationImages":
        """These and then those, for the same network."""
        return SegmentationImages(self.entries + other.entries, self.classes, self.colours, self.side_px)

    def read_rgb(self, i: int) -> Rgb:
        """A picture [H,W,3] at its own size."""
        dataset, sample = self.entries[i]
        return dataset.load_rgb(sample)

    def read_ids(self, i: int) -> Ids:
        """Its label map [H,W], in the network's order of classes; void where the layer ``ignore`` says so."""
        dataset, sample = self.entries[i]
        return read_ids(dataset, sample, self.classes)

    def find_mirrored(self, i: int) -> Ids:
        """Of each id, void too, the id that it has in a mirror, by the dataset's ``flip_pairs``."""
        return find_mirrored(self.entries[i][0], self.classes)

    @cached_property
    def pixel_counts(self) -> NDArray[np.int64]:
        """Pixels of each class in each picture, [N,C]; reads every map, one after the other."""
        n = len(self.classes)
        counts = [np.bincount(self.read_ids(i).ravel(), minlength=n)[:n] for i in range(len(self))]
        return np.stack(counts).astype(np.int64)


def load_images(
    dataset: DatasetReader,
    samples: Sequence[Sample],
    side_px: int,
    classes: tuple[str, ...],
    colours: Colours,
) -> SegmentationImages:
    """Those of the samples that have a picture and a label map.

    Raises InputError where there is none, and as `refuse_other_classes`.
    """
    refuse_other_classes(dataset, classes)
    labelled = list_labelled(samples)
    if not labelled:
        raise InputError(
            f"{dataset.root} has no pictures with label maps among the {len(samples)} samples asked for: "
            "synth dataset stats says what it has"
        )
    return SegmentationImages(tuple((dataset, sample) for sample in labelled), classes, colours, side_px)


def refuse_other_classes(dataset: DatasetReader, classes: Sequence[str]) -> None:
    """Raises InputError where a dataset has no label maps, or maps of other classes than a network's."""
    semantic = dataset.info.semantic
    if semantic is None:
        raise InputError(
            f"{dataset.root} has no label maps, from which segmentation is learnt: synth import semantic "
            "reads pictures with label maps"
        )
    missing = [name for name in classes if name not in semantic.names]
    further = [name for name in semantic.names if name not in classes]
    if missing or further:
        differences = [f"it lacks {_name_few(missing)}"] * bool(missing)
        differences += [f"it has {_name_few(further)} besides"] * bool(further)
        raise InputError(
            f"the label maps of {dataset.root} have other classes than the network: "
            f"{' and '.join(differences)}; import it with the same --palette as what the network learns from"
        )


def _name_few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def fit_size(size_wh: Sequence[int], side_px: float) -> tuple[int, int]:
    """Width and height with the longer side at ``side_px``."""
    ratio = side_px / max(size_wh)
    return max(1, round(size_wh[0] * ratio)), max(1, round(size_wh[1] * ratio))


def to_answer(ids: Ids, classes: Sequence[str], colours: Sequence[Sequence[int]]) -> Answer:
    """A label map [H,W] as text."""
    content = encode_semantic(ids.astype(np.uint8) if find_void(classes) == 255 else ids)
    png = base64.b64encode(content).decode()
    return {"classes": list(classes), "colours": [list(rgb) for rgb in colours], "png": png}


def read_answer(answer: Answer) -> Ids:
    """The label map [H,W] of a text."""
    return read_png(answer["png"])


def read_png(png: str) -> Ids:
    """The label map [H,W] of what stands under ``png``."""
    return decode_semantic(base64.b64decode(png), "a label map").astype(np.uint16)
