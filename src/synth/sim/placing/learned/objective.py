"""What a synthesizer makes small, and what is told of it.

It seeks what the target finds hard, yet no harder than hard enough: images at or above ``hard_at`` give
nothing more. What keeps it from laying everything alike is how far its unit coordinates lie from uniform
ones, which `random` draws, by the energy distance (Székely and Rizzo 2013, equation 5) of each parameter:

    2 E|u − v| − E|u − u'| − E|v − v'| = 1 + E[u²] − E|u − u'| − 2/3,  v, v' uniform in −1 to 1,

u and u' of two noises for the same pair of cut-out and background. It is 0 where u is uniform and nowhere
else: it rewards spread, and punishes what heaps up at a bound or at one side.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from synth.errors import InputError
from synth.networks.adversarial import Scores, generator_loss
from synth.networks.architecture import AdversarialKind

UNIFORM_SPREAD = 2 / 3
"""Mean distance of two numbers that are uniform in −1 to 1."""

_SATURATED = 0.99


@dataclass(frozen=True)
class Aim:
    """What a synthesizer is after; InputError for numbers out of range.

    hard_at: hardness from which an image is hard enough. w_spread: weight of each parameter's energy
    distance. w_real, adversarial: weight and form of the discriminator's loss. w_unfair: weight of what is
    too hidden or too small; min_visible: share of each cut-out that stays visible; min_side_px: shorter side
    of its whole box, at the size at which the target looks.
    """

    hard_at: float = 0.5
    w_spread: float = 0.1
    w_real: float = 0.0
    adversarial: AdversarialKind = "log"
    w_unfair: float = 1.0
    min_visible: float = 0.5
    min_side_px: float = 6.0

    def __post_init__(self) -> None:
        for name in ("hard_at", "min_visible"):
            if not 0 < getattr(self, name) <= 1:
                raise InputError(f"{name} must be above 0 and at most 1, got {getattr(self, name):g}")
        for name in ("w_spread", "w_real", "w_unfair"):
            if getattr(self, name) < 0:
                raise InputError(f"{name} must be 0 or more, got {getattr(self, name):g}")
        if self.min_side_px <= 0:
            raise InputError(f"min_side_px must be above 0, got {self.min_side_px:g}")


def compute_losses(
    aim: Aim,
    unit: Tensor,
    judged: tuple[Tensor, Tensor],
    visible: Tensor,
    side_px: Tensor,
    scores_fake: Scores | None = None,
) -> dict[str, Tensor]:
    """The terms by name, each with its weight; their sum is what a synthesizer makes small.

    unit: [R,N,K,P], of R noises for each of N pairs, R at least 2. judged: what `Target.judge` says of their
    R·N images, each [R·N]. visible, side_px: share and shorter side of each cut-out, [R·N,K]. scores_fake:
    the discriminator's of the images, where there is one.
    """
    classification, hardness = judged
    hidden, small = 1 - visible / aim.min_visible, 1 - side_px / aim.min_side_px
    unfair = hidden.clamp(min=0) + small.clamp(min=0)
    wanted = (hardness < aim.hard_at) & (unfair == 0).all(dim=1)
    terms = {
        "hard": -(classification * wanted).mean(),
        "spread": aim.w_spread * energy_distance(unit).sum(),
        "unfair": aim.w_unfair * unfair.mean(),
    }
    if scores_fake is not None:
        terms["real"] = aim.w_real * generator_loss(aim.adversarial, scores_fake)
    return terms


def energy_distance(unit: Tensor) -> Tensor:
    """[P]: how far unit coordinates [R,N,K,P] lie from uniform ones, R noises of each pair at a time."""
    near = 1 + unit.square().mean(dim=(0, 1, 2)) - UNIFORM_SPREAD
    return near - UNIFORM_SPREAD * spread(unit)


def spread(unit: Tensor) -> Tensor:
    """[P]: mean distance of unit coordinates [R,N,K,P] of two noises for the same pair, as a share of what
    uniform ones have.
    """
    first, second = torch.triu_indices(len(unit), len(unit), offset=1, device=unit.device)
    return (unit[first] - unit[second]).abs().mean(dim=(0, 1, 2)) / UNIFORM_SPREAD


def saturated_share(unit: Tensor) -> Tensor:
    """[P]: share of unit coordinates [...,P] within a hundredth of a bound; of uniform ones 0.01 are."""
    return (unit.abs() > _SATURATED).flatten(0, -2).double().mean(dim=0)


def median_shift(unit: Tensor) -> Tensor:
    """[P]: how far the median of unit coordinates [...,P] lies from the middle, 1 at a bound."""
    return unit.flatten(0, -2).median(dim=0).values.abs()
