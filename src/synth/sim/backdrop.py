"""What stands behind the parts of a scene, and how rendered light becomes a picture before it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from synth.compute.progress import Progress
from synth.dataset.origin import Parent, Reading, Used
from synth.dataset.reader import DatasetReader
from synth.dataset.record import Split
from synth.dataset.sample import Sample
from synth.geometry.se3 import Array
from synth.sim.blender import Blender, Quality
from synth.sim.colour import Linear
from synth.sim.labels import PartLabels
from synth.sim.meshes import Meshes
from synth.sim.optics import Lens
from synth.sim.pixel_classes import PixelClasses
from synth.sim.scene import Scene, SceneCamera

T = TypeVar("T")

LOOK_FOLDER = "look"
"""Of a rendered dataset: what was measured on pictures, so that a run that goes on takes it over."""

Coverage = NDArray[np.float32]
"""[H,W] share of each pixel of the distorted image that bodies fill, 0–1."""

Pair = tuple[Scene, NDArray[np.uint8]]
"""A twin's scene and the picture [H,W,3] that was taken of it."""

Compare = Callable[[Sequence[Pair], str | None], list[Any]]
"""Draws scenes at a quality, by name, None for the run's own, and says how much brighter each picture is."""


@dataclass(frozen=True, eq=False)
class Placement:
    """Where things are in a scene that is yet to be furnished.

    parts: mesh and T_base_part [4,4] of each that is labelled, where nothing holds them. q_rad [6],
    T_base_tool [4,4]: of the arm that holds the part.
    """

    camera: SceneCamera
    parts: tuple[tuple[str, Array], ...] = ()
    q_rad: Array | None = None
    T_base_tool: Array | None = None


class Pictures(Protocol):
    """From scenes to pictures, in one process with a Blender."""

    def lens(self, scene: Scene) -> Lens:
        """Of the scene's camera."""
        ...

    def draw(self, scene: Scene) -> tuple[Linear, Coverage]:
        """Light of a scene, linear, and what its bodies fill."""
        ...

    def make_picture(
        self, plain: Scene, scene: Scene, light: Linear, coverage: Coverage
    ) -> NDArray[np.uint8]:
        """The 8-bit picture [H,W,3]. plain: the scene before anything was randomized."""
        ...

    def parents(self, scene: Scene) -> Mapping[str, tuple[Used, ...]]:
        """Names of the samples that the picture was made of or stands for, and what was taken of each."""
        ...

    def compare(self, pair: Pair) -> Any:
        """How much brighter the taken picture is than the drawn one; None where too little can be seen."""
        ...


class Backdrop(Protocol):
    """Plain data, pickled to every process.

    knows_behind: whether place and depth of what stands behind the parts are known.
    """

    knows_behind: bool

    @property
    def meshes(self) -> Meshes:
        """Every mesh that a scene may name."""
        ...

    @property
    def models(self) -> Mapping[str, Path | bytes]:
        """What datasets bring along of the parts, as `Studio.models`."""
        ...

    @property
    def labels(self) -> PartLabels:
        """What is labelled on each mesh that is a part."""
        ...

    @property
    def pixel_classes(self) -> PixelClasses:
        """Of which class of a label map each body is, and what stands behind them."""
        ...

    @property
    def twinned(self) -> DatasetReader | None:
        """The dataset whose samples can have twins."""
        ...

    def list_twinnable(self) -> Sequence[Sample]:
        """The samples that say enough of where things were."""
        ...

    def place(self, sample: Sample) -> Placement:
        """Where everything was in a sample. Raises InputError for one that does not say."""
        ...

    def list_behind(self, scene: Scene) -> tuple[Parent, ...]:
        """What stands behind the parts of a scene, unless it is a sample of the twinned dataset."""
        ...

    @property
    def readings(self) -> tuple[Reading, ...]:
        """The samples on which it is measured how pictures come out."""
        ...

    def furnish(
        self,
        placement: Placement,
        *,
        name: str,
        scenario: str,
        split: Split,
        seed: int,
        parents: tuple[str, ...] = (),
    ) -> Scene:
        """A scene of what was placed, with light and surroundings."""
        ...

    def randomized(self, scene: Scene) -> Scene:
        """With values drawn around their own, where that was asked for."""
        ...

    def measured(self) -> Self:
        """With what was measured on pictures; starts no Blender."""
        ...

    def matched(self, compare: Compare, look_folder: Path, progress: Progress) -> Self:
        """With the brightness of objects, from twins of train samples or as an earlier run left it."""
        ...

    def open(self, blender: Blender, folder: Path, quality: Quality) -> Pictures:
        """For one process. folder: for what processes keep from one another's work."""
        ...


def evenly(items: Sequence[T], n: int) -> list[T]:
    """``n`` of the items, evenly spread over them, in their order."""
    return [items[i] for i in np.linspace(0, len(items) - 1, n).round().astype(int)] if n else []
