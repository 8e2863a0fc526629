"""Methods: ways of learning a translation between two looks. One file a method, named here and nowhere else.

method.py says what a method is and what a new one needs.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from synth.gan.schedule import CropSettings, MapSettings
from synth.registry import Registry

if TYPE_CHECKING:
    from synth.gan.methods.method import Method

METHODS: "Registry[Callable[[], Method]]" = Registry(
    "method",
    {
        "cyclegan": "synth.gan.methods.cyclegan:CycleGANMethod",
        "refiner": "synth.gan.methods.refiner:RefinerMethod",
        "mtgan": "synth.gan.methods.mtgan:MTGANMethod",
        "gains": "synth.gan.methods.gains:GainsMethod",
        "colour-map": "synth.gan.methods.colour_map:ColourMapMethod",
        "fda": "synth.gan.methods.fda:FDAMethod",
        "untouched": "synth.gan.methods.untouched:UntouchedMethod",
        "spade": "synth.gan.methods.spade:SpadeMethod",
        "oasis": "synth.gan.methods.oasis:OasisMethod",
        "pix2pixhd": "synth.gan.methods.pix2pixhd:Pix2PixHDMethod",
    },
)

PRESETS: "Registry[Mapping[str, Any]]" = Registry(
    "method",
    {
        "cyclegan": "synth.gan.methods.cyclegan_settings:PRESETS",
        "refiner": "synth.gan.methods.refiner_settings:PRESETS",
        "mtgan": "synth.gan.methods.mtgan_settings:PRESETS",
        "gains": "synth.gan.methods.baseline_settings:GAINS_PRESETS",
        "colour-map": "synth.gan.methods.baseline_settings:COLOUR_MAP_PRESETS",
        "fda": "synth.gan.methods.baseline_settings:FDA_PRESETS",
        "untouched": "synth.gan.methods.baseline_settings:UNTOUCHED_PRESETS",
        "spade": "synth.gan.methods.spade_settings:PRESETS",
        "oasis": "synth.gan.methods.oasis_settings:PRESETS",
        "pix2pixhd": "synth.gan.methods.pix2pixhd_settings:PRESETS",
    },
)
"""Each method's presets again, for help, which must not load torch."""

DEFAULT = "refiner"
"""What is learnt with where nobody says: it cannot draw rings round parts (benchmarks/translators.py)."""

TWO_WAYS = "cyclegan"
"""What learns the way back too."""

BASELINES = ("gains", "colour-map", "fda")
"""What is made in seconds, and what a method that is learnt must beat."""

UNTOUCHED = "untouched"
"""What changes nothing, and what baselines must beat."""

UNNAMED = "cyclegan"
"""What wrote the checkpoints that do not name their method: there was no other then."""


def choose_default(preset: str | None = None, *, reverse: bool = False) -> str:
    """`DEFAULT`, or the first translator that can, where that lacks the preset or the way back."""
    wanted = TWO_WAYS if reverse else DEFAULT
    names = [wanted, *list_translators()] if wanted in METHODS else list_translators()
    return next((name for name in names if preset is None or preset in PRESETS.get(name, ())), names[0])


def describe_presets(names: Sequence[str]) -> str:
    """The presets of those of the methods that list them here."""
    return "; ".join(f"{name}: {', '.join(PRESETS[name])}" for name in names if name in PRESETS)


def list_painters() -> list[str]:
    """Those that read label maps and paint them."""
    return [name for name in METHODS if _has_settings(name, MapSettings)]


def list_translators() -> list[str]:
    """Those that read pictures and translate them."""
    painters = list_painters()
    return [name for name in METHODS if name not in painters]


def list_crop_methods() -> list[str]:
    """Those that learn from crops of labelled instances, and not from whole pictures."""
    return [name for name in METHODS if _has_settings(name, CropSettings)]


def _has_settings(name: str, kind: type) -> bool:
    return name in PRESETS and any(isinstance(preset, kind) for preset in PRESETS[name].values())
