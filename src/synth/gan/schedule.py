"""How long a translator is trained, and how often it is looked at."""

from dataclasses import dataclass, replace
from typing import Self

from synth.errors import InputError

MOST_PIXELS = 64 * 512**2
"""Of each look in a batch; ten times those of SYN-MTGAN's 24 crops of 256×256."""


@dataclass(frozen=True)
class Schedule:
    """The course of one training, whatever is learnt.

    side_px: of the patches. n_images: images of each look seen in all; where None, n_epochs times the larger
    dataset. n_checkpoints: evenly spread, the last at the end. tick_images: between two lines of stats.
    ema_half_life_images: until a weight counts half in the averages.
    """

    side_px: int
    n_images: int | None = None
    n_epochs: int | None = None
    batch_size: int = 1
    n_checkpoints: int = 20
    tick_images: int = 100
    ema_half_life_images: float = 1000.0

    def __post_init__(self) -> None:
        counts = [self.n_images, self.n_epochs]
        if sum(count is not None for count in counts) != 1:
            raise InputError("give either images or epochs to train for")
        positive = {
            name: getattr(self, name) for name in ("side_px", "batch_size", "n_checkpoints", "tick_images")
        }
        positive["n_images or n_epochs"] = next(count for count in counts if count is not None)
        for name, value in positive.items():
            if value < 1:
                raise InputError(f"{name} must be 1 or more, got {value}")
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
