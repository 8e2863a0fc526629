"""Which networks there are, as plain data that travels with their weights; nothing here needs torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Self, get_args

from synth.errors import InputError

GeneratorKind = Literal["batch", "instance", "demodulated"]
GENERATOR_KINDS: tuple[GeneratorKind, ...] = get_args(GeneratorKind)

_LEAKY = {"generator_activation": "leaky-relu"}
"""What the header of a demodulated generator says besides."""

AdversarialKind = Literal["least-squares", "wasserstein", "log", "hinge"]
ADVERSARIAL_KINDS: tuple[AdversarialKind, ...] = get_args(AdversarialKind)


MOST_FILTERS, MOST_BLOCKS, MOST_LAYERS, MOST_SCALES, MOST_LEVELS = 256, 20, 8, 4, 32
"""Beyond these, networks fill the memory before they learn anything: at 256 filters, four times the published
ones, and 9 blocks two generators with averages and moments take 7 GB."""


@dataclass(frozen=True)
class GeneratorShape:
    """All that fixes a generator's architecture.

    n_filters: channels of the first convolution, 64 as published. n_blocks: residual blocks, 9 as published
    for 256 pixels and more, 6 below. skip: the network learns what to add to its input, where the
    published one makes a whole picture for tanh; it begins with next to nothing, so that every edge is in
    place from the first step on. Raises InputError for what there is no generator of.
    """

    kind: GeneratorKind
    n_filters: int = 64
    n_blocks: int = 9
    skip: bool = False

    def __post_init__(self) -> None:
        if self.kind not in GENERATOR_KINDS:
            raise InputError(
                f"there is no generator of the kind {self.kind!r}: choose one of {', '.join(GENERATOR_KINDS)}"
            )
        if min(self.n_filters, self.n_blocks) < 1:
            raise InputError(
                f"a generator needs at least one filter and one block, got {self.n_filters} and "
                f"{self.n_blocks}"
            )
        _refuse_above(self, n_filters=MOST_FILTERS, n_blocks=MOST_BLOCKS)

    @property
    def can_fold(self) -> bool:
        """Whether `generators.fold` makes plain convolutions of this kind."""
        return self.kind == "demodulated"

    def to_metadata(self) -> dict[str, str]:
        """The architecture as the header of a weights file keeps it."""
        metadata = {
            "generator_kind": self.kind,
            "generator_n_filters": str(self.n_filters),
            "generator_n_blocks": str(self.n_blocks),
            "generator_skip": str(self.skip).lower(),
        }
        return metadata | (_LEAKY if self.kind == "demodulated" else {})

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str], where: str) -> Self:
        """What `to_metadata` wrote; further keys are left alone. Raises InputError that names ``where``."""
        try:
            kind, n_filters, n_blocks, skip = (
                metadata[f"generator_{key}"] for key in ("kind", "n_filters", "n_blocks", "skip")
            )
            shape = cls(kind, int(n_filters), int(n_blocks), skip == "true")  # type: ignore[arg-type]
            if shape.kind == "demodulated" and not _LEAKY.items() <= metadata.items():
                raise InputError(
                    "its demodulated convolutions stand before ReLUs, which an earlier synth had and which "
                    "could die: train it again"
                )
            return shape
        except KeyError as error:
            raise InputError(
                f"{where} does not say which generator it holds ({error.args[0]} is missing): "
                "choose a checkpoint that synth translate wrote"
            ) from None
        except (ValueError, InputError) as error:
            raise InputError(f"{where} holds a generator that cannot be built: {error}") from None


@dataclass(frozen=True)
class BilateralShape:
    """All that fixes a generator of bilateral grids.

    n_filters: channels of the first convolution. n_halvings: strided stages; a cell of the grid is 2 to that
    power pixels wide. n_blocks: residual blocks after them. n_levels: of brightness. most_change: of any
    coefficient, in half ranges. Raises InputError for numbers that no generator has.
    """

    n_filters: int = 16
    n_halvings: int = 5
    n_blocks: int = 2
    n_levels: int = 6
    most_change: float = 0.25

    def __post_init__(self) -> None:
        if min(self.n_filters, self.n_halvings, self.n_blocks) < 1 or self.n_levels < 2:
            raise InputError(
                "n_filters, n_halvings and n_blocks must be 1 or more and n_levels 2 or more, got "
                f"{self.n_filters}, {self.n_halvings}, {self.n_blocks} and {self.n_levels}"
            )
        if not 0 < self.most_change <= 1:
            raise InputError(f"most_change must be above 0 and at most 1, got {self.most_change:g}")
        _refuse_above(
            self,
            n_filters=MOST_FILTERS,
            n_blocks=MOST_BLOCKS,
            n_halvings=MOST_LAYERS,
            n_levels=MOST_LEVELS,
        )


@dataclass(frozen=True)
class DiscriminatorShape:
    """All that fixes a discriminator's architecture.

    n_filters: channels of the first stage. n_layers: strided stages; 3 see patches of 70×70 pixels, 2 of
    34×34, 1 of 16×16. n_scales: how many there are, each on an image half as large as the one before. Raises
    InputError for numbers below 1 and above the most.
    """

    n_filters: int = 64
    n_layers: int = 3
    n_scales: int = 1

    def __post_init__(self) -> None:
        if min(self.n_filters, self.n_layers, self.n_scales) < 1:
            raise InputError(
                f"a discriminator needs at least one filter, layer and scale, got {self.n_filters}, "
                f"{self.n_layers} and {self.n_scales}"
            )
        _refuse_above(self, n_filters=MOST_FILTERS, n_layers=MOST_LAYERS, n_scales=MOST_SCALES)

    @property
    def min_side_px(self) -> int:
        """The smallest image that every scale gives a score for."""
        return int(3 * 2 ** (self.n_layers + self.n_scales - 1))


Affine = Literal["pixel", "class"]
AFFINES: tuple[Affine, ...] = get_args(Affine)
"""Where scale and shift of a norm come from: convolutions over the label map (SPADE), or one pair a class
(after CLADE's idea), which costs next to nothing."""


@dataclass(frozen=True)
class SpadeShape:
    """All that fixes a generator of spatially-adaptive norms, but for what it takes in.

    n_filters: channels of the last block, 64 as published; the first has 16 times as many. n_hidden: of the
    convolutions between map and norm, where the affine is ``pixel``. n_doublings: how often the first, small
    map is doubled; 5 as published, 6 for Cityscapes; OASIS has 5. n_style: numbers that a style has, drawn
    one vector a picture (SPADE) or as planes (OASIS); 0 for none. Raises InputError for numbers that no
    generator has.
    """

    n_filters: int = 64
    n_hidden: int = 128
    affine: Affine = "pixel"
    n_doublings: int = 5
    n_style: int = 0

    def __post_init__(self) -> None:
        if self.affine not in AFFINES:
            raise InputError(f"affine must be one of {', '.join(AFFINES)}, got {self.affine!r}")
        if min(self.n_filters, self.n_hidden) < 1 or self.n_style < 0:
            raise InputError(
                "n_filters and n_hidden must be 1 or more and n_style 0 or more, got "
                f"{self.n_filters}, {self.n_hidden} and {self.n_style}"
            )
        if self.n_doublings not in (5, 6):
            raise InputError(f"n_doublings must be 5 or 6, got {self.n_doublings}")
        _refuse_above(self, n_filters=MOST_FILTERS)

    @property
    def multiple_px(self) -> int:
        """Of what the sides of a picture must be multiples."""
        return int(2**self.n_doublings)


@dataclass(frozen=True)
class Pix2PixHDShape:
    """All that fixes pix2pixHD's generator, but for what it takes in.

    n_filters: channels of the first convolution, 64 as published. n_halvings: strided stages, 4. n_blocks:
    residual blocks, 9. n_enhancer_blocks: of the local enhancer round it, which works at twice the size, 3;
    0 for none. Raises InputError for numbers that no generator has.
    """

    n_filters: int = 64
    n_halvings: int = 4
    n_blocks: int = 9
    n_enhancer_blocks: int = 0

    def __post_init__(self) -> None:
        if min(self.n_filters, self.n_halvings, self.n_blocks) < 1 or self.n_enhancer_blocks < 0:
            raise InputError(
                "n_filters, n_halvings and n_blocks must be 1 or more and n_enhancer_blocks 0 or more, got "
                f"{self.n_filters}, {self.n_halvings}, {self.n_blocks} and {self.n_enhancer_blocks}"
            )
        _refuse_above(self, n_filters=MOST_FILTERS, n_blocks=MOST_BLOCKS, n_halvings=MOST_LAYERS)

    @property
    def multiple_px(self) -> int:
        """Of what the sides of a picture must be multiples."""
        return int(2 ** (self.n_halvings + bool(self.n_enhancer_blocks)))


SynthesizerSize = Literal["digits", "pictures", "small"]
SYNTHESIZER_SIZES: tuple[SynthesizerSize, ...] = get_args(SynthesizerSize)


@dataclass(frozen=True)
class SynthesizerShape:
    """All that fixes a synthesizer's architecture.

    size: ``digits`` and ``pictures`` are the two of Tripathi et al. 2019, ``small`` is for CPUs. dropout:
    share of units that rest while it learns; the article's digits have 0.5. n_parameters: how many
    numbers it gives a cut-out, and takes as noise. Raises InputError for what there is no synthesizer of.
    """

    size: SynthesizerSize = "small"
    dropout: float = 0.0
    n_parameters: int = 9

    def __post_init__(self) -> None:
        if self.size not in SYNTHESIZER_SIZES:
            raise InputError(
                f"there is no synthesizer of the size {self.size!r}: choose one of "
                f"{', '.join(SYNTHESIZER_SIZES)}"
            )
        if not 0 <= self.dropout < 1:
            raise InputError(f"dropout must be 0 or more and below 1, got {self.dropout:g}")
        if self.n_parameters < 1:
            raise InputError(f"a synthesizer gives at least one number, got {self.n_parameters}")

    @property
    def side_px(self) -> int:
        """Of the pictures that it looks at."""
        return {"digits": 40, "pictures": 300, "small": 64}[self.size]


def _refuse_above(shape: object, **most: int) -> None:
    for name, limit in most.items():
        if (got := getattr(shape, name)) > limit:
            raise InputError(f"{name} must be 1 to {limit}, or networks fill the memory, got {got}")
