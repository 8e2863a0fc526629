"""Composites of cut-out parts: what ``synth compose`` asks of the one loop."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from synth.compute.progress import Progress
from synth.dataset.reader import DatasetReader
from synth.errors import InputError
from synth.sim.composite import Ingredients
from synth.sim.run import Summary, make_plan, render
from synth.sim.settings import RenderSettings

SOURCE = "composites"


@dataclass(frozen=True)
class ComposeSettings:
    """How many composites, with 1 to max_parts parts each.

    min_visible: share of each part that no other may hide.
    """

    count: int
    seed: int = 0
    max_parts: int = 4
    min_visible: float = 0.5

    def __post_init__(self) -> None:
        if self.count < 1:
            raise InputError(f"the number of composites must be 1 or more, got {self.count}")
        if not 1 <= self.max_parts <= 20:
            raise InputError(f"the number of parts must be 1 to 20, got {self.max_parts}")
        if not 0.25 <= self.min_visible <= 1:
            raise InputError(f"the visible share must be 0.25 to 1, got {self.min_visible:g}")
        if self.seed < 0:
            raise InputError(f"the seed must be 0 or more, got {self.seed}")


def compose(
    datasets: Sequence[DatasetReader],
    out: Path,
    settings: ComposeSettings,
    progress: Progress,
    *,
    plates: DatasetReader | None = None,
) -> Summary:
    """Make a dataset of composites, or go on with it.

    datasets: captured, rendered or translated ones whose parts are cut out. plates: the one whose empty bench
    they are laid on, None for the first of these that has plates. Each composite takes parts and plate of one
    split. Raises InputError for datasets that do not fit together, DatasetError for one that mixes splits or
    a folder that was made otherwise, StorageError when the disk refuses.
    """
    ingredients = Ingredients(tuple(datasets), plates, settings.max_parts, settings.min_visible)
    run = RenderSettings(
        out=out, shares={SOURCE: settings.count}, seed=settings.seed, own={SOURCE: ingredients}
    )
    return render(make_plan(run), progress)
