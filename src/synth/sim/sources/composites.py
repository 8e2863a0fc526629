"""The paper's detection sets (section 3.3.1): one to four parts on the empty bench, cut from other pictures.

Of photographs that bring no plate of the empty bench, plates are made: the train images, each part painted
out. Then no test photograph is cut from either.

Who says where parts go is a placer (`synth.sim.placing`). As `random` lays them where no range is asked for,
a part moves by whole pixels and turns by quarters, and nothing is resampled. A turn in the image turns the
normal, and perspective changes with the place: composites carry boxes and masks, no normals, poses or crops.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from synth.compute.progress import Progress
from synth.dataset.info import DatasetInfo
from synth.errors import InputError
from synth.sim.composite import Compositor
from synth.sim.cutting_table import CuttingTable, open_cutting_table
from synth.sim.describe import describe_composite, describe_run, to_layers
from synth.sim.ingredients import Ingredients
from synth.sim.placing import PLACERS
from synth.sim.placing.placer import Deal
from synth.sim.settings import RenderSettings
from synth.sim.sources.source import N_NAMES, MadeSample, Order, Studio


class Composites:
    """Made when asked for alone: they have names from 0 on and a kind of dataset of their own."""

    words = ("composite", "composites")
    grows = False

    def studio_of(self, settings: RenderSettings) -> "Callable[[RenderSettings], Desk]":
        """Takes ``settings.own["composites"]``, `Ingredients`, which ``synth compose`` alone asks for."""
        if not isinstance(settings.own.get("composites"), Ingredients):
            raise InputError(
                "--share composites is no part of a rendering: composites are cut out of a dataset by "
                "synth compose, with options of its own"
            )
        return open_desk

    def most(self, settings: RenderSettings) -> tuple[int, str]:
        """As many as have names of six digits."""
        return 10 * N_NAMES, "that have names"

    def portion(self, settings: RenderSettings) -> float:
        """None unasked."""
        return 0.0

    def plan(self, studio: "Desk", n: int, *, seed: int) -> Sequence[Order]:
        """Each with its split, in the proportions of the pictures that parts are cut from."""
        return [Order(f"{i:06d}", (i, split)) for i, split in enumerate(studio.table.splits)]


@dataclass(frozen=True, eq=False)
class Desk(Studio):
    """Where composites are made. deal: who places them, once that is known."""

    info: DatasetInfo
    table: CuttingTable
    deal: Deal | None = None

    def prepared(self, out: Path, progress: Progress) -> Self:
        """With what the placer found out."""
        if n := self.table.n_doubtful:
            progress.say(
                f"{n} parts are not cut out, since mask and box disagree; --keep-doubtful takes them"
            )
        placer = PLACERS[self.table.ingredients.place]
        return replace(self, deal=placer.open(self.table, out, progress))

    def can_make(self, order: Order) -> bool:
        """Not where a placer found too few."""
        return self.deal is None or order.job[0] not in self.deal.missing

    @contextmanager
    def __call__(self) -> Iterator[Callable[[Order], MadeSample]]:
        """What comes out makes one composite after the other."""
        compositor, deal = Compositor(self.table), self.deal
        assert deal is not None

        def make(order: Order) -> MadeSample:
            i, _ = order.job
            recipe = deal(compositor, i)
            made = compositor.compose(recipe)
            draft = describe_composite(order.name, recipe, made, compositor)
            return MadeSample(draft, to_layers(made, self.info), recipe=recipe)

        yield make


def open_desk(settings: RenderSettings) -> Desk:
    """Where composites are made.

    Raises InputError for datasets that do not fit together, DatasetError for one that mixes splits.
    """
    table = open_cutting_table(settings.own["composites"], settings.count, settings.seed)
    return Desk(describe_run(table), table)


COMPOSITES = Composites()
