"""What a step learns from: patches or crops of two looks, or label maps with their pictures."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from torch import Tensor

from synth.compute.seeding import step_seed
from synth.dataset.reader import DatasetReader
from synth.dataset.record import Split
from synth.errors import InputError
from synth.gan.crop_cutter import CropCutter, Crops
from synth.gan.fit import FitSettings
from synth.gan.map_pairs import PairCutter
from synth.gan.methods.method import WITNESS, Batch, LearnedMethod
from synth.gan.patches import PatchCutter
from synth.gan.schedule import CropSettings, Lengths, MapSettings, Schedule

_MOST_PIXELS, _FEW = 4_000_000, 4
"""Of all train pairs that are drawn at once, whose maps take as many floats a pixel as there are classes."""


class Looks(Protocol):
    """Where a training's batches come from."""

    def measure(self, n_processes: int) -> Lengths:
        """How long the run is where so many share it."""
        ...

    def draw(self, rank: int, n_images_seen: int) -> Batch:
        """What is learnt from at one moment of the run."""
        ...

    def draw_train(self, n: int) -> tuple[Tensor, Tensor]:
        """So many train images of each look; they depend on the seed alone."""
        ...

    def draw_fixed(self, n: int) -> tuple[Tensor, Tensor]:
        """So many val images of each look, train ones where there are none; they depend on the seed alone."""
        ...


def make_looks(fit: FitSettings, method: LearnedMethod) -> Looks:
    """Raises InputError for datasets that the settings cannot train on."""
    return MapLooks(fit) if isinstance(fit.settings, MapSettings) else PictureLooks(fit, method)


@dataclass
class PictureLooks:
    """Patches or crops of two datasets, drawn apart."""

    fit: FitSettings
    method: LearnedMethod
    sim: PatchCutter | CropCutter = field(init=False)
    real: PatchCutter | CropCutter = field(init=False)

    def __post_init__(self) -> None:
        needs = {n: who for n, who in self.method.needs(self.fit.settings).items() if n != WITNESS}
        self.sim = self._cutter(self.fit.sim, "train", needs)
        self.real = self._cutter(self.fit.real, "train")
        for layer, who in needs.items():
            if not self.sim.has(layer):
                raise InputError(
                    f"{self.fit.sim.root} has images without the layer {layer}, and the method "
                    f"{self.fit.method} needs it for {who}: set that to 0 or give a dataset that has it"
                )

    def measure(self, n_processes: int) -> Lengths:
        """By the larger dataset."""
        return self._schedule.measure(max(self.sim.n_images, self.real.n_images), n_processes)

    def draw(self, rank: int, n_images_seen: int) -> Batch:
        """As many of each look."""
        rng = np.random.default_rng(step_seed(self.fit.seed, rank, n_images_seen))
        n = self._schedule.batch_size
        sim, real = self.sim.draw(n, rng), self.real.draw(n, rng)
        if isinstance(sim, Crops) and isinstance(real, Crops):
            return Batch(sim.images, real.images, sim.layers, {"sim": sim.labels, "real": real.labels})
        return Batch(sim.images, real.images, sim.layers)

    def draw_train(self, n: int) -> tuple[Tensor, Tensor]:
        """Of either dataset."""
        rng = np.random.default_rng(self.fit.seed)
        return self.sim.draw(n, rng).images, self.real.draw(n, rng).images

    def draw_fixed(self, n: int) -> tuple[Tensor, Tensor]:
        """Of either dataset."""
        rng = np.random.default_rng(self.fit.seed)
        sim, real = (
            self._cutter(dataset, "val") if dataset.of_split("val") else train
            for dataset, train in ((self.fit.sim, self.sim), (self.fit.real, self.real))
        )
        return sim.draw(n, rng).images, real.draw(n, rng).images

    @property
    def _schedule(self) -> Schedule:
        schedule: Schedule = self.fit.settings.schedule
        return schedule

    def _cutter(
        self, dataset: DatasetReader, split: Split, layers: Collection[str] = ()
    ) -> PatchCutter | CropCutter:
        settings = self.fit.settings
        if isinstance(settings, CropSettings):
            return CropCutter.of(dataset, split, settings, jitter=True)
        return PatchCutter(dataset, split, self._schedule.side_px, layers=layers)


@dataclass
class MapLooks:
    """Label maps [N,P,H,W] as ``sim`` and, as ``real``, the pictures that they tell of."""

    fit: FitSettings
    train: PairCutter = field(init=False)

    def __post_init__(self) -> None:
        self.train = PairCutter(self.fit.real, "train", self.fit.settings)

    def measure(self, n_processes: int) -> Lengths:
        """By the pairs that there are."""
        lengths: Lengths = self.fit.settings.schedule.measure(self.train.n_images, n_processes)
        return lengths

    def draw(self, rank: int, n_images_seen: int) -> Batch:
        """Pairs."""
        rng = np.random.default_rng(step_seed(self.fit.seed, rank, n_images_seen))
        pairs = self.train.draw(self.fit.settings.schedule.batch_size, rng)
        return Batch(pairs.planes, pairs.images)

    def draw_train(self, n: int) -> tuple[Tensor, Tensor]:
        """Pairs; fewer where they are large."""
        width, height = self.fit.settings.size_wh
        n = min(n, max(_FEW, _MOST_PIXELS // (width * height)))
        pairs = self.train.draw(n, np.random.default_rng(self.fit.seed))
        return pairs.planes, pairs.images

    def draw_fixed(self, n: int) -> tuple[Tensor, Tensor]:
        """Pairs."""
        real = self.fit.real
        has_val = any(sample.layers.get("semantic") for sample in real.of_split("val"))
        pairs = PairCutter(real, "val", self.fit.settings) if has_val else self.train
        drawn = pairs.draw(n, np.random.default_rng(self.fit.seed))
        return drawn.planes, drawn.images
