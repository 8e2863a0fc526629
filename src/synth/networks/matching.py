"""What a painted picture is held to besides a discriminator's verdict: features of the real one.

Features come as one list a network or scale, of activations [N,C,h,w] from the first layer on.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from synth.networks.layers import at_least_float32


def feature_matching_loss(real: Sequence[Sequence[Tensor]], fake: Sequence[Sequence[Tensor]]) -> Tensor:
    """(1/K) Σ_k Σ_i E|D_k,i(x) − D_k,i(G(s))| (Wang et al. 2018, equation 4, the mean over K scales).

    real, fake: what each scale's stages give, the score map last, which is left out. Real ones get no
    gradient.
    """
    scales = [
        torch.stack([_difference(a, b) for a, b in zip(stages_real, stages_fake, strict=True)]).sum()
        for stages_real, stages_fake in ((r[:-1], f[:-1]) for r, f in zip(real, fake, strict=True))
    ]
    return torch.stack(scales).mean()


def perceptual_loss(real: Sequence[Tensor], fake: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """Σ_i w_i E|F_i(x) − F_i(G(s))| by a network F that is never trained (Wang et al. 2018, section 3.3)."""
    terms = [w * _difference(a, b) for w, a, b in zip(weights, real, fake, strict=True)]
    return torch.stack(terms).sum()


def _difference(real: Tensor, fake: Tensor) -> Tensor:
    return F.l1_loss(at_least_float32(fake), at_least_float32(real.detach()))
