"""How long a translator is trained, and how often it is looked at."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, Self, get_args

from synth.errors import InputError

MOST_PIXELS = 64 * 512**2
"""Of each look in a batch; ten times those of SYN-MTGAN's 24 crops of 256×256."""


@dataclass(frozen=True)
class Schedule:
    """The course of one training, whatever is learnt.

    side_px: of the patches. n_images: images of each look seen in all; where None, n_epochs times the larger
    dataset. accumulate: parts of a batch that are learnt from one after another, where memory is short; what
    networks normalise over a batch, they then do over a part. n_checkpoints: evenly spread, the last at the
    end. tick_images: between two lines of stats. ema_half_life_images: until a weight counts half in the
    averages.
    """

    side_px: int
    n_images: int | None = None
    n_epochs: int | None = None
    batch_size: int = 1
    accumulate: int = 1
    n_checkpoints: int = 20
    tick_images: int = 100
    ema_half_life_images: float = 1000.0

    def __post_init__(self) -> None:
        counts = [self.n_images, self.n_epochs]
        if sum(count is not None for count in counts) != 1:
            raise InputError("give either images or epochs to train for")
        positive = {
            name: getattr(self, name)
            for name in ("side_px", "batch_size", "accumulate", "n_checkpoints", "tick_images")
        }
        positive["n_images or n_epochs"] = next(count for count in counts if count is not None)
        for name, value in positive.items():
            if value < 1:
                raise InputError(f"{name} must be 1 or more, got {value}")
        if self.batch_size % self.accumulate:
            raise InputError(
                f"accumulate takes a batch in equal parts: batch_size = {self.batch_size} is no multiple of "
                f"{self.accumulate}"
            )
        if self.batch_size * self.side_px**2 > MOST_PIXELS:
            raise InputError(
                f"a batch has at most {MOST_PIXELS:,} pixels of each look, as 64 of 512×512 px, got "
                f"batch_size = {self.batch_size} of side_px = {self.side_px}"
            )
        if self.ema_half_life_images <= 0:
            raise InputError(f"ema_half_life_images must be above 0, got {self.ema_half_life_images:g}")

    def measure(self, n_train: int, n_devices: int) -> "Lengths":
        """Steps, where the larger dataset has ``n_train`` train images."""
        images_a_step = self.batch_size * n_devices
        n_images = self.n_images if self.n_images is not None else (self.n_epochs or 0) * n_train
        n_steps = -(-n_images // images_a_step)
        return Lengths(
            n_steps=n_steps,
            n_images=n_steps * images_a_step,
            tick_every=max(1, self.tick_images // images_a_step),
            checkpoint_every=-(-n_steps // self.n_checkpoints),
        )


@dataclass(frozen=True)
class Lengths:
    """A run in steps. n_images: of each look, over all devices. tick_every, checkpoint_every: in steps."""

    n_steps: int
    n_images: int
    tick_every: int
    checkpoint_every: int

    def is_tick(self, step: int) -> bool:
        """Whether this step ends with a line of stats."""
        return step % self.tick_every == 0 or step == self.n_steps

    def is_checkpoint(self, step: int) -> bool:
        """Whether this step ends with a checkpoint."""
        return step % self.checkpoint_every == 0 or step == self.n_steps


@dataclass(frozen=True, kw_only=True)
class LearnedSettings:
    """What the settings of every learned method begin with."""

    schedule: Schedule


@dataclass(frozen=True, kw_only=True)
class CropSettings(LearnedSettings):
    """What the settings of a method begin with that learns from crops of instances, not from patches.

    The schedule's side_px is that of a crop as the networks see it, whatever it was in the frame. context:
    side of a crop, in longer sides of the instance's box. shift, scale: how far crops are jittered while it
    learns, in shares of their side and as a factor; without, every box would lie in the middle. classes:
    names of what may be shown, in the order of class indices; presets have none, `FitSettings` puts in those
    of its datasets.
    """

    context: float = 1.5
    shift: float = 0.08
    scale: float = 1.15
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.context < 1:
            raise InputError(
                f"a crop must hold its instance: context must be 1 or more, got {self.context:g}"
            )
        if not 0 <= self.shift < 0.5 or self.scale < 1:
            raise InputError(
                f"crops are shifted by 0 to less than 0.5 of their side and scaled by 1 or more, got shift = "
                f"{self.shift:g} and scale = {self.scale:g}"
            )

    def with_classes(self, names: tuple[str, ...]) -> Self:
        """The same for datasets of these classes."""
        return replace(self, classes=names)


Plane = Literal["edges", "depth", "normals"]
PLANES: tuple[Plane, ...] = get_args(Plane)
"""What a map may tell of its pixels besides their classes: where one instance meets another, how far away
they are, which way they face."""

LAYER_OF: Mapping[Plane, Literal["mask", "depth", "normals"]] = {
    "edges": "mask",
    "depth": "depth",
    "normals": "normals",
}
"""The layer of a sample that each is made from."""

_WIDE: Mapping[Plane, int] = {"edges": 1, "depth": 1, "normals": 3}


@dataclass(frozen=True, kw_only=True)
class MapSettings(LearnedSettings):
    """What the settings of a method begin with that learns to paint label maps.

    The schedule's side_px is how wide what networks learn from is, height_px how high; pictures are scaled to
    cover that, and it is cut from them at random. view_px: how wide pictures are scaled to instead, for
    networks that shall paint finer than what they learn from at once; maps are painted whole, at that width.
    flip: mirror half of the pairs. brightness: largest random change of contrast, as a factor, and of
    brightness, in half ranges. planes: what a map must bring besides classes. edges_where_known: take
    ``edges`` too where every train sample has masks. classes, colours: of the maps' ids, names and RGB;
    presets have none, `FitSettings` puts in those of its dataset.
    """

    height_px: int
    view_px: int | None = None
    flip: bool = True
    brightness: float = 0.0
    planes: tuple[Plane, ...] = ()
    edges_where_known: bool = True
    classes: tuple[str, ...] = ()
    colours: tuple[tuple[int, int, int], ...] = ()

    def __post_init__(self) -> None:
        if self.height_px < 1:
            raise InputError(f"height_px must be 1 or more, got {self.height_px}")
        if self.view_px is not None and self.view_px < self.schedule.side_px:
            raise InputError(
                f"what is cut from a picture cannot be wider than the picture is seen: view_px must be "
                f"schedule.side_px = {self.schedule.side_px} or more, got {self.view_px}"
            )
        if not 0 <= self.brightness < 1:
            raise InputError(f"brightness must be 0 to less than 1, got {self.brightness:g}")
        if unknown := [name for name in self.planes if name not in PLANES]:
            raise InputError(f"planes may be {', '.join(PLANES)}, got {unknown[0]!r}")
        if self.schedule.batch_size * self.schedule.side_px * self.height_px > MOST_PIXELS:
            raise InputError(
                f"a batch has at most {MOST_PIXELS:,} pixels, got batch_size = {self.schedule.batch_size} of "
                f"{self.schedule.side_px}×{self.height_px}"
            )

    @property
    def size_wh(self) -> tuple[int, int]:
        """Of a picture as networks see it."""
        return self.schedule.side_px, self.height_px

    @property
    def n_planes(self) -> int:
        """Channels of a map as networks see it."""
        return len(self.classes) + sum(_WIDE[name] for name in self.planes)

    def describe(self) -> tuple[str, ...]:
        """What a log should say of them."""
        return ()

    def refuse_rates(self, rate: float, rate_D: float, beta1: float, beta2: float) -> None:
        """Raises InputError for numbers that Adam cannot go by."""
        for name, value in (("learning_rate", rate), ("learning_rate_D", rate_D)):
            if value <= 0:
                raise InputError(f"{name} must be above 0, got {value:g}")
        if not (0 <= beta1 < 1 and 0 <= beta2 < 1):
            raise InputError(
                f"beta1 and beta2 must be 0 or more and less than 1, got {beta1:g} and {beta2:g}"
            )

    def refuse_sides(self, multiple_px: int) -> None:
        """Raises InputError for pictures whose sides are no multiples of what a generator doubles."""
        width, height = self.size_wh
        if width % multiple_px or height % multiple_px:
            raise InputError(
                f"schedule.side_px and height_px must be multiples of {multiple_px}, got {width} and {height}"
            )

    def list_layers(self) -> list[str]:
        """Layers of a sample that planes are made from."""
        return [LAYER_OF[name] for name in self.planes]

    def of_maps(
        self, classes: tuple[str, ...], colours: tuple[tuple[int, int, int], ...], *, has_masks: bool
    ) -> Self:
        """The same for maps of these classes; has_masks: whether every train sample has masks."""
        planes = self.planes
        if has_masks and self.edges_where_known and "edges" not in planes:
            planes = ("edges", *planes)
        return replace(self, planes=planes, classes=classes, colours=colours)
