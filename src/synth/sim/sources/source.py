"""What a source of images offers: orders, and the studio in which samples are made of them.

A run (`synth.sim.run`) is one loop for all sources::

    studio = source.studio_of(settings)(settings).measured()   # cheap, then what needs a look at pictures
    orders = source.plan(studio, n, seed=settings.seed)        # names and jobs, the same for equal settings
    studio = studio.prepared(out, progress)                    # once a run, before the first order
    with studio() as make:                                     # once a child process
        sample = make(order)                                   # any process, any order of orders

A sample depends on settings and its name alone: neither the number of processes nor a kill in between shows
in what is written.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from synth.compute.engines.engine import Resources
from synth.compute.progress import Progress
from synth.dataset.info import DatasetInfo
from synth.dataset.layers import LayerName
from synth.dataset.sample import Draft
from synth.sim.placing.recipe import Recipe
from synth.sim.scene import Scene
from synth.sim.settings import RenderSettings

ALL_THERE_ARE = float("inf")
"""The portion of a source that comes before all others."""

WORK_FOLDER = ".render"
"""Of a dataset's folder, while a run makes it."""

N_NAMES = 100_000
"""How many names lie between the first ones of two sources that number their own."""


@dataclass(frozen=True)
class Order:
    """One sample to be made. job: what its studio makes it of; pickled on its way to a child process."""

    name: str
    job: Any = None


@dataclass(frozen=True, eq=False)
class MadeSample:
    """All that is written of one sample.

    layers: as `synth.dataset.layers.LAYERS` has them, the image among them where pictures are made. crops:
    one [224,224,3] or None an instance, wherever its record has R_crop_cam; empty for none at all. scene,
    recipe: what was rendered or composed, where something was.
    """

    draft: Draft
    layers: Mapping[LayerName, NDArray[Any]]
    crops: Sequence[NDArray[np.uint8] | None] = ()
    scene: Scene | None = None
    recipe: Recipe | None = None


class Studio(Protocol):
    """What all orders of a run share; subclass it. It is pickled to every child process.

    info: dataset.json of the run, less how many samples of which source; known without a look at any
    picture. All in ``made_by.config`` must be the same for a run to be gone on with. resources: what one
    process needs.
    """

    info: DatasetInfo
    resources: ClassVar[Resources] = Resources(cores=1)

    @property
    def models(self) -> Mapping[str, Path | bytes]:
        """The meshes that ``info`` names, by their paths in the dataset: a file each, or its bytes."""
        return {}

    def check(self) -> None:
        """Raise InputError where something is missing on this machine; nothing is written before."""
        return

    def measured(self) -> Self:
        """With what plans and pictures need to know of other datasets; starts no renderer.

        Raises InputError for datasets that do not do.
        """
        return self

    def prepared(self, out: Path, progress: Progress) -> Self:
        """With what is found out once a run, before its first order. out: the dataset's folder, in which
        `WORK_FOLDER` is this run's own and is removed in the end.
        """
        return self

    def can_make(self, order: Order) -> bool:
        """Whether there is anything to make of an order, once prepared."""
        return True

    def __call__(self) -> AbstractContextManager[Callable[[Order], MadeSample]]:
        """Open what one process needs; what comes out makes the sample of one order after the other.

        Equal orders give equal samples but for ``timing``. An order that raises is tried once more in a
        fresh process, unless it raises InputError.
        """
        ...


StudioT = TypeVar("StudioT")


class Source(Protocol[StudioT]):
    """Makes labelled images; an object that holds nothing, in a file of its own, named in ``SOURCES``.

    words: what one sample is called, and several: ("fresh pose", "fresh poses"). grows: whether the orders of
    a larger number hold those of a smaller one, so that a dataset may be asked for more later.

    Names are six digits. Samples that stand for others have their names and splits. A source that shares its
    studio owns the number at which the names of all others begin, a multiple of `N_NAMES`; one that has a
    studio to itself may begin at 0. A sample is test only where all that it is made of is.
    """

    words: ClassVar[tuple[str, str]]
    grows: ClassVar[bool]

    def studio_of(self, settings: RenderSettings) -> Callable[[RenderSettings], StudioT]:
        """What opens the studio of its orders. Sources that share a dataset share it, so it is compared.

        Raises InputError where the settings ask for what this source cannot do.
        """
        ...

    def most(self, settings: RenderSettings) -> tuple[int, str]:
        """How many samples there can be, and of what: (5, "samples that can have a twin").

        Raises InputError where there are none and the settings can be mended.
        """
        ...

    def portion(self, settings: RenderSettings) -> float:
        """Of what ``--count`` leaves when sources were not asked for by name: `ALL_THERE_ARE` to come first,
        else a weight beside the others', 0 to stay out.
        """
        ...

    def plan(self, studio: StudioT, n: int, *, seed: int) -> Sequence[Order]:
        """``n`` orders; equal studios and seeds give equal ones. Raises InputError where they cannot be."""
        ...
