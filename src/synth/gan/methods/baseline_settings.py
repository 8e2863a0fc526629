"""Settings and presets of the baselines, and where each number comes from; nothing here needs torch.

untouched: none.

gains: none, the three numbers follow from the images.

colour-map: how far each channel's curve is smoothed. Where ``exact`` bends sharply, specks show: on 40 frames
of the demo's data 20 were refused for artefacts, none of ``smooth``, at kernel distances to real val patches
of 80 (13 to 223) and 75 (13 to 214).

fda: Yang and Soatto 2020, "FDA: Fourier Domain Adaptation for Semantic Segmentation", section 4: β of 0.01,
0.05 and 0.09; the larger, the more of the other picture's shading shows as blotches, so 0.01 is the default.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from synth.errors import InputError


@dataclass(frozen=True)
class UntouchedSettings:
    """There is nothing to set."""


@dataclass(frozen=True)
class GainsSettings:
    """There is nothing to set."""


@dataclass(frozen=True)
class ColourMapSettings:
    """smooth_counts: standard deviation of the Gaussian that smooths each curve, 8-bit counts; 0: none."""

    smooth_counts: float = 10.0

    def __post_init__(self) -> None:
        if not 0 <= self.smooth_counts <= 255:
            raise InputError(f"smooth_counts is a number of counts, 0 to 255, got {self.smooth_counts:g}")


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


UNTOUCHED_PRESETS: Mapping[str, UntouchedSettings] = {"nothing": UntouchedSettings()}
GAINS_PRESETS: Mapping[str, GainsSettings] = {"means": GainsSettings()}

COLOUR_MAP_PRESETS: Mapping[str, ColourMapSettings] = {
    "smooth": ColourMapSettings(),
    "exact": ColourMapSettings(smooth_counts=0.0),
}

FDA_PRESETS: Mapping[str, FDASettings] = {
    "narrow": FDASettings(),
    "middle": FDASettings(beta=0.05),
    "wide": FDASettings(beta=0.09),
}
