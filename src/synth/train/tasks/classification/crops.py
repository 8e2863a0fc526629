"""Crops with their class, as networks that tell classes apart take them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synth.dataset.reader import DatasetReader
from synth.dataset.sample import MIN_VISIBLE_FOR_LABEL, Instance, Sample
from synth.errors import InputError
from synth.geometry.squares import Square, cut, square_round
from synth.train.tasks.known_classes import refuse_foreign


@dataclass(frozen=True, eq=False)
class ClassCrops:
    """N crops with their truth.

    crops_u8: [N,S,S,3]. true: the class of each, by name. class_names: those that the network learns, in its
    order; ``true`` may have others. names: of each crop's sample and the instance in it.
    """

    crops_u8: NDArray[np.uint8]
    true: tuple[str, ...]
    class_names: tuple[str, ...]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def places(self) -> NDArray[np.int64]:
        """[N] of each true class its place in ``class_names``; −1 for one that is not learnt."""
        known = {name: i for i, name in enumerate(self.class_names)}
        return np.array([known.get(name, -1) for name in self.true], np.int64)

    def joined(self, other: "ClassCrops") -> "ClassCrops":
        """These and then those, of the same network."""
        return ClassCrops(
            np.concatenate([self.crops_u8, other.crops_u8]),
            self.true + other.true,
            self.class_names,
            self.names + other.names,
        )


def list_labelled(sample: Sample) -> list[tuple[int, Instance]]:
    """The instances that are visible enough for a label, with their places."""
    return [(i, one) for i, one in enumerate(sample.instances) if one.visib_fract >= MIN_VISIBLE_FOR_LABEL]


def load_class_crops(
    dataset: DatasetReader, samples: Sequence[Sample], side_px: int, context: float, classes: tuple[str, ...]
) -> ClassCrops:
    """The crop of every instance that is visible enough; raises InputError when there is none, and
    for a dataset of whose classes the network knows none.

    context: as `crop_square` has it. classes: what the network learns, in its order.
    """
    refuse_foreign(dataset, classes)
    crops, true, names = [], [], []
    for sample in samples:
        labelled = list_labelled(sample)
        if not labelled:
            continue
        picture = dataset.load_rgb(sample)
        for i, instance in labelled:
            square = crop_square(instance.box_xyxy_px, sample.size_wh, context)
            crops.append(cut(picture, square, side_px))
            true.append(instance.class_name)
            names.append(f"{sample.name}_{i}")
    if not crops:
        raise InputError(
            f"{dataset.root} has no labelled instances among the {len(samples)} samples asked for"
        )
    return ClassCrops(np.stack(crops), tuple(true), classes, tuple(names))


def crop_square(box_xyxy_px: Sequence[float], size_wh: Sequence[int], context: float) -> Square:
    """What is cut out for an instance: the square about its tight box, ``context`` times its longer side.

    A box that is the whole picture says that the picture itself is of that class: then the square is as long
    as the picture's longer side. Outside the picture its border is repeated.
    """
    whole = tuple(box_xyxy_px) == (0, 0, *size_wh)
    return square_round(box_xyxy_px, 1.0 if whole else context)
