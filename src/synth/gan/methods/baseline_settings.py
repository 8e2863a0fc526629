"""Settings and presets of the baselines, and where each number comes from; nothing here needs torch.

gains: none, the three numbers follow from the images.

colour-map: how many quantiles, evenly spaced, bend each channel's curve. ``percentiles`` follows a histogram
as nearly as 8-bit counts allow; ``deciles`` is smoother, for looks of few images. Neither is tuned.

fda: Yang and Soatto 2020, "FDA: Fourier Domain Adaptation for Semantic Segmentation", section 4: β of 0.01,
0.05 and 0.09; the larger, the more of the other picture's shading shows as blotches, so 0.01 is the default.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from synth.errors import InputError


@dataclass(frozen=True)
class GainsSettings:
    """There is nothing to set."""


@dataclass(frozen=True)
class ColourMapSettings:
    """n_quantiles: of each channel, the least and the largest count among them; 2 or more."""

    n_quantiles: int = 101

    def __post_init__(self) -> None:
        if self.n_quantiles < 2:
            raise InputError(f"a colour map needs 2 quantiles or more, got n_quantiles = {self.n_quantiles}")


@dataclass(frozen=True)
class FDASettings:
    """beta: half the side of the window of swapped amplitudes, as a share of the picture's shorter side; 0 to
    0.5. n_pictures: whose amplitudes are kept of each look, drawn among the train images.
    """

    beta: float = 0.01
    n_pictures: int = 64

    def __post_init__(self) -> None:
        if not 0 <= self.beta <= 0.5:
            raise InputError(f"beta is a share of the picture's shorter side, 0 to 0.5, got {self.beta:g}")
        if self.n_pictures < 1:
            raise InputError(f"at least one picture lends amplitudes, got n_pictures = {self.n_pictures}")


GAINS_PRESETS: Mapping[str, GainsSettings] = {"means": GainsSettings()}

COLOUR_MAP_PRESETS: Mapping[str, ColourMapSettings] = {
    "percentiles": ColourMapSettings(),
    "deciles": ColourMapSettings(n_quantiles=11),
}

FDA_PRESETS: Mapping[str, FDASettings] = {
    "narrow": FDASettings(),
    "middle": FDASettings(beta=0.05),
    "wide": FDASettings(beta=0.09),
}
