"""What composites are made of: datasets to cut parts from, a bench to lay them on, and how."""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from pydantic import JsonValue

from synth.dataset.codecs import Rgb
from synth.dataset.origin import Parent, Reading
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.errors import InputError
from synth.geometry.boxes import Mask
from synth.sim.blend import ALL_BLENDS, BLENDS, DEFAULT_BLEND
from synth.sim.choices import Where
from synth.sim.colour import Linear, linear_of_u8
from synth.sim.placing import DEFAULT_PLACER, PLACERS
from synth.sim.placing.ranges import Ranges


class PlacerOptions(Protocol):
    """What a placer takes besides."""

    def to_config(self) -> dict[str, JsonValue]:
        """What a run that is gone on with must share."""
        ...

    def list_readings(self) -> tuple[Reading, ...]:
        """The samples that were read to make what it goes by."""
        ...


@dataclass(frozen=True, eq=False)
class Ingredients:
    """What composites are made of, and how; InputError for numbers out of range.

    datasets: whose parts are cut out, captured, rendered or translated. plates: the one whose empty bench
    they are laid on; None for the first of the others that has plates, or else the first that holds
    photographs with masks, of which plates are made. max_parts: 1 to this many a picture.
    min_visible: share of each part that no other may hide. place: who says where, by its name in `PLACERS`.
    ranges: how far parts are turned, scaled and so on. where: anywhere, or where train boxes are. blend: how
    an edge is mixed, by its name in `BLENDS`, or ``all`` for every composite with each. patches: whether
    patches of bench are laid as parts are. keep_doubtful: whether to cut out parts whose mask and box
    disagree. own: what the placer takes besides.
    """

    datasets: tuple[DatasetReader, ...]
    plates: DatasetReader | None = None
    max_parts: int = 4
    min_visible: float = 0.5
    place: str = DEFAULT_PLACER
    ranges: Ranges = field(default_factory=Ranges)
    where: Where = "free"
    blend: str = DEFAULT_BLEND
    patches: bool = True
    keep_doubtful: bool = False
    own: PlacerOptions | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.max_parts <= 20:
            raise InputError(f"the number of parts must be 1 to 20, got {self.max_parts}")
        if not 0.25 <= self.min_visible <= 1:
            raise InputError(f"the visible share must be 0.25 to 1, got {self.min_visible:g}")
        if self.blend != ALL_BLENDS and self.blend not in BLENDS:
            known = ", ".join((*BLENDS, ALL_BLENDS))
            raise InputError(f"there is no blend {self.blend!r}: choose among {known}")
        placer = PLACERS[self.place]
        if self.where == "context" and not placer.draws:
            raise InputError(f"--where context draws places, which --place {self.place} learns: give one")


@dataclass(frozen=True, eq=False)
class Bench:
    """What parts are laid on. rgb_u8: plates [H,W,3]. parents: what records say of each."""

    rgb_u8: tuple[Rgb, ...]
    parents: tuple[Parent, ...]

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height of every plate, pixels."""
        height, width = self.rgb_u8[0].shape[:2]
        return width, height


@dataclass(frozen=True, eq=False)
class Pick:
    """One instance that can be cut out."""

    dataset: DatasetReader
    sample: Sample
    i_instance: int

    @property
    def key(self) -> tuple[str, str, int]:
        """What recipes call it: dataset, sample, instance."""
        return self.dataset.name, self.sample.name, self.i_instance

    @property
    def class_name(self) -> str:
        """Of the instance."""
        return self.sample.instances[self.i_instance].class_name

    def load(self) -> tuple[Linear, Mask]:
        """The whole picture [H,W,3] in linear light and the instance's pixels [H,W]."""
        mask = self.dataset.load_mask(self.sample)
        assert mask is not None
        return linear_of_u8(self.dataset.load_rgb(self.sample)), np.asarray(mask == self.i_instance + 1)

    @property
    def parent(self) -> Parent:
        """The record of where it came from."""
        return self.dataset.as_parent(self.sample, "pixels", "labels", "mask")
