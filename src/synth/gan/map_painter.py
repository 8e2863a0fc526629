"""What becomes of one label map that is painted; in this process, or by an engine's worker."""

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from synth.compute.device import choose_device
from synth.compute.spread import Carried
from synth.dataset.label_maps import read_ids
from synth.dataset.reader import DatasetReader
from synth.dataset.record import Figure
from synth.dataset.sample import Sample
from synth.gan.checkpoint import read_method
from synth.gan.map_reader import MapReader, compare_maps
from synth.gan.methods import METHODS
from synth.gan.methods.method import Painter, Rgb
from synth.gan.sample_layers import SampleLayers
from synth.gan.unread import MeanLosses, count_void


@dataclass(frozen=True, eq=False)
class Painting:
    """Of one map. quality: what a reader reads of it. agreement: share of the map that is read as it is; None
    where nobody reads. unread: pixels [H,W] that become void; None where none may.
    """

    rgb_u8: Rgb
    seconds: float
    quality: dict[str, Figure]
    agreement: float | None = None
    unread: NDArray[np.bool_] | None = None


@dataclass(frozen=True, eq=False)
class Easel:
    """Maps of a dataset are painted on it. seed: of the styles. least_agreement: share of a map that must be
    read as it is. means: by which pixels are unread; None for none.
    """

    maps: DatasetReader
    seed: int
    least_agreement: float
    means: MeanLosses | None

    def paint(self, painter: Painter, reader: MapReader | None, sample: Sample) -> Painting:
        """The map of one sample, painted and read."""
        began = time.perf_counter()
        classes = painter.settings.classes
        ids = read_ids(self.maps, sample, classes)
        seed = draw_style_seed(self.seed, sample.name)
        painted = painter.paint(ids, SampleLayers(self.maps, sample), seed)
        seconds = time.perf_counter() - began
        if reader is None:
            return Painting(painted, seconds, {})
        told = reader.tell(painted)
        agreement = compare_maps(ids, told.ids, classes)
        quality, unread = agreement.figures(), None
        if self.means is not None and not agreement.share < self.least_agreement:
            unread = self.means.find_unread(told.losses(ids), ids, classes)
            quality |= count_void(ids, unread, classes)
        return Painting(painted, seconds, quality, agreement.share, unread)


@dataclass(frozen=True, eq=False)
class PaintingWorker:
    """A worker for an engine. painter, reader: their files; None for nobody who reads."""

    easel: Easel
    device: str
    painter: Carried
    reader: Carried | None

    @contextmanager
    def __call__(self) -> Iterator[Callable[[Sample], Painting]]:
        """Load who paints and who reads."""
        with self.painter.laid_down() as path:
            painter = METHODS[read_method(path)]().load(path, "sim2real", choose_device(self.device))
        assert isinstance(painter, Painter)
        reader = None
        if self.reader is not None:
            with self.reader.laid_down() as path:
                reader = MapReader(path, painter.settings.classes, self.device)
        yield partial(self.easel.paint, painter, reader)


def draw_style_seed(seed: int, name: str) -> int:
    """Of the style of one map: it depends on the painting's seed and the map's name alone."""
    return int.from_bytes(hashlib.sha256(f"{seed} {name}".encode()).digest()[:6])
