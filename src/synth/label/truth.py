"""Pictures that people labelled: what networks are scored by, and what is not labelled anew."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synth.dataset.info import SemanticInfo
from synth.dataset.label_maps import list_labelled
from synth.dataset.origin import LABELS
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.label.class_table import ClassTable
from synth.label.labeller import Ids, Labeller
from synth.label.scores import Frame


@dataclass(frozen=True, eq=False)
class Truth:
    """Some samples of a dataset, with label maps that no network made. places: [C], of each of their classes
    its index among the labels; the number of these for void. wanted: the classes of the labels.
    """

    dataset: DatasetReader
    samples: tuple[Sample, ...]
    places: NDArray[np.int64]
    wanted: SemanticInfo

    def load(self, sample: Sample) -> Ids:
        """Its label map [H,W] in the classes of the labels."""
        ids, own = self.dataset.load_semantic(sample), self.dataset.info.semantic
        assert ids is not None
        assert own is not None
        labels = np.full(own.void + 1, self.wanted.void, np.uint16)
        labels[: len(self.places)] = np.where(
            self.places < len(self.wanted.names), self.places, self.wanted.void
        )
        return labels[ids]

    def without_learnt(self, labellers: Sequence[Labeller]) -> "Truth":
        """Those that neither taught nor chose any of the networks, by dataset and name: on others a score
        would flatter.
        """
        learnt = {
            (reading.dataset, name)
            for labeller in labellers
            for reading in labeller.trained.readings
            if reading.used is None or {*reading.used} & {*LABELS}
            for name in reading.names
        }
        fresh = tuple(sample for sample in self.samples if (self.dataset.name, sample.name) not in learnt)
        return Truth(self.dataset, fresh, self.places, self.wanted)

    def frames(self) -> Iterator[Frame]:
        """One after the other."""
        for sample in self.samples:
            yield load_frame(self.dataset, sample, self.load(sample))


def list_true(dataset: DatasetReader) -> tuple[Sample, ...]:
    """Pictures with a label map that no network made."""
    return tuple(one for one in list_labelled(dataset.samples) if not one.origin.is_pseudo_labelled)


def open_truth(dataset: DatasetReader, table: ClassTable, wanted: SemanticInfo) -> Truth | None:
    """All that people labelled of a dataset; None where there is nothing. Raises InputError for maps of other
    classes.
    """
    samples = list_true(dataset)
    if not samples or dataset.info.semantic is None:
        return None
    places = table.find_places(dataset.info.semantic.names, wanted, str(dataset.root))
    return Truth(dataset, samples, places, wanted)


def load_frame(dataset: DatasetReader, sample: Sample, truth: Ids | None = None) -> Frame:
    """A sample as networks are asked about it."""
    ignored = dataset.load_layer(sample, "ignore")
    return Frame(dataset.load_rgb(sample), None if ignored is None else ignored == 255, truth, sample.group)
