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

from pydantic import JsonValue, TypeAdapter

from synth.compute.progress import Progress
from synth.compute.versions import list_versions
from synth.dataset.info import DatasetInfo, MadeBy
from synth.dataset.origin import Origin, Step, merge_parents
from synth.dataset.record import Split
from synth.dataset.sample import Draft
from synth.errors import InputError
from synth.sim.composite import Composite, Compositor
from synth.sim.cutting_table import CuttingTable, open_cutting_table
from synth.sim.ingredients import Ingredients
from synth.sim.placing import PLACERS
from synth.sim.placing.placement import Bounds
from synth.sim.placing.placer import Deal
from synth.sim.placing.recipe import Recipe
from synth.sim.settings import RenderSettings
from synth.sim.sources.source import N_NAMES, MadeSample, Order, Studio

_BOUNDS = TypeAdapter(Bounds | None)
_PACKAGES = ("synth-robotics", "numpy", "opencv-python")


class Composites:
    """Made when asked for alone: they have names from 0 on and a kind of dataset of their own."""

    words = ("composite", "composites")

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

    @contextmanager
    def __call__(self) -> Iterator[Callable[[Order], MadeSample]]:
        """What comes out makes one composite after the other."""
        compositor, deal = Compositor(self.table), self.deal
        assert deal is not None

        def make(order: Order) -> MadeSample:
            i, split = order.job
            recipe = deal(compositor, i)
            made = compositor.compose(recipe)
            draft = self._describe(order.name, split, recipe, made, compositor)
            return MadeSample(draft, {"image": made.rgb_u8, "mask": made.labels.ids}, recipe=recipe)

        yield make

    def _describe(
        self, name: str, split: Split, recipe: Recipe, made: Composite, compositor: Compositor
    ) -> Draft:
        """The record: parts, each with what was done to its picture before, a plate, patches of others."""
        picks, bench, ingredients = compositor.picks_of(recipe), self.table.bench, self.table.ingredients
        before = [parent for pick in picks for parent in pick.sample.origin.parents]
        steps = [
            step.model_copy(update={"region": i})
            for i, pick in enumerate(picks)
            for step in pick.sample.origin.steps
        ]
        origin = Origin(
            parents=merge_parents(
                *before,
                *(pick.parent for pick in picks),
                bench.parents[recipe.plate],
                *(bench.parents[number].model_copy(update={"used": ("pixels",)}) for number in made.patches),
            ),
            steps=(
                *steps,
                Step(
                    verb="compose",
                    method=ingredients.place,
                    params={"blend": recipe.blend},
                    seed=self.table.seed,
                ),
            ),
        )
        return Draft(
            name=name,
            split=split,
            size_wh=bench.size_wh,
            instances=made.labels.instances,
            origin=origin,
            quality={"plate": recipe.plate, "bench_patches": len(made.patches)},
        )


def open_desk(settings: RenderSettings) -> Desk:
    """Where composites are made.

    Raises InputError for datasets that do not fit together, DatasetError for one that mixes splits.
    """
    table = open_cutting_table(settings.own["composites"], settings.count, settings.seed)
    return Desk(_describe(table), table)


def _describe(table: CuttingTable) -> DatasetInfo:
    ingredients, source, bench = table.ingredients, table.source, table.bench
    datasets = ingredients.datasets
    first = datasets[0].info
    dealt = [number for numbers in table.shares.values() for number in numbers]
    config: dict[str, JsonValue] = {
        "max_parts": ingredients.max_parts,
        "min_visible": ingredients.min_visible,
        "place": ingredients.place,
        "bounds": _BOUNDS.dump_python(table.bounds, mode="json"),
        "where": ingredients.where,
        "blend": ingredients.blend,
        "patches": ingredients.patches,
        "doubtful_left_out": table.n_doubtful,
        "datasets": {d.name: {"kind": d.info.kind, "digest": d.digest()} for d in datasets},
        "plates": {
            "dataset": source.name,
            "pixels_sha256": [parent.pixels_sha256 for parent in bench.parents],
        },
        "plates_of_split": {split: list(numbers) for split, numbers in table.shares.items()},
        "plates_shared_by_splits": len(dealt) > len(set(dealt)),
    }
    return DatasetInfo(
        kind="composited",
        classes=tuple(dict.fromkeys(name for d in datasets for name in d.info.classes)),
        flip_pairs=tuple(dict.fromkeys(pair for d in datasets for pair in d.info.flip_pairs)),
        camera=first.camera,
        part=first.part,
        box_kind=first.box_kind,
        made_by=MadeBy(
            verb="compose",
            config=config,
            seed=table.seed,
            versions=list_versions(_PACKAGES),
            parents=tuple(dict.fromkeys(d.name for d in (*datasets, source))),
            readings=tuple(dict.fromkeys(r for d in datasets for r in d.info.made_by.readings)),
            simulated=any(d.info.made_by.simulated for d in (*datasets, source)),
        ),
    )


COMPOSITES = Composites()
