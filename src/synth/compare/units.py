"""Which test images are alike, and must be drawn together when an interval is made.

Crops of one image are. Frames of one film are, and composites that share what was cut out. Where there are
few films nothing can be said of others: then blocks of neighbouring frames are drawn, and what is found is
said of these films.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
from scipy.cluster.hierarchy import DisjointSet

from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.metrics.comparison import MIN_IMAGES

BY_FILM = "by_film"
"""The breakdown of figures by film, where films are few."""

MIN_FILMS = 6
"""From so many on, films are drawn; with fewer, blocks of their frames."""


@dataclass(frozen=True)
class TestUnits:
    """What is drawn again. of: the unit of each image. films: the film of each, where there are several few.

    what: how units are called in sentences.
    """

    __test__ = False

    of: tuple[str, ...]
    what: str
    films: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        """How many there are."""
        return len(set(self.of))


def find_units(reader: DatasetReader, names: Sequence[str]) -> TestUnits:
    """The units of test images or crops by their names, ``sample`` or ``sample_instance``."""
    by_name = {sample.name: sample for sample in reader.of_split("test")}
    samples = [by_name.get(name) or by_name[name.rpartition("_")[0]] for name in names]
    films = [sample.group for sample in samples]
    if any(film is not None for film in films):
        return _by_film([film or "no film" for film in films], [s.name for s in samples])
    shared = _join_shared(samples)
    if len(set(shared)) < len({s.name for s in samples}):
        return _enough(TestUnits(tuple(shared), "groups of images that share what they are made of"), samples)
    return TestUnits(tuple(s.name for s in samples), "images")


def _by_film(films: Sequence[str], frames: Sequence[str]) -> TestUnits:
    distinct = tuple(dict.fromkeys(films))
    if len(distinct) >= MIN_FILMS:
        return TestUnits(tuple(films), "films")
    units = dict[str, str]()
    for film in distinct:
        own = sorted({frame for frame, of in zip(frames, films, strict=True) if of == film})
        n_blocks = max(ceil(sqrt(len(own))), min(len(own), ceil(MIN_FILMS / len(distinct))))
        for i, block in enumerate(np.array_split(own, n_blocks)):
            units |= dict.fromkeys(map(str, block), f"{film} {i}")
    what = "blocks of neighbouring frames of one film" if len(distinct) == 1 else "blocks of frames"
    return TestUnits(tuple(units[frame] for frame in frames), what, tuple(films) if len(distinct) > 1 else ())


def _join_shared(samples: Sequence[Sample]) -> list[str]:
    """The first of those that have a parent in common, directly or by others, for each sample."""
    joined = DisjointSet(dict.fromkeys(sample.name for sample in samples))
    first: dict[str, str] = {}
    for sample in samples:
        for parent in sample.origin.parents:
            if parent.used is None or set(parent.used) - {"plate", "look"}:
                joined.merge(first.setdefault(parent.pixels_sha256, sample.name), sample.name)
    return [str(joined[sample.name]) for sample in samples]


def _enough(units: TestUnits, samples: Sequence[Sample]) -> TestUnits:
    """Images, and said so, where so much is shared that too few units are left to draw."""
    if units.n >= MIN_IMAGES:
        return units
    return TestUnits(tuple(s.name for s in samples), "images (which share what they are made of)")
