"""What keeps a translation to its source, one small function a term, each with its equation and source.

Images are [N,3,H,W] in −1..1, masks float [N,1,H,W] of 0 and 1. E is the mean over images and pixels. Every
function returns one number to be made small; weights are the caller's. Adversarial terms stand in
networks/adversarial.py.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from synth.networks.layers import at_least_float32

Seen = tuple[Tensor, Tensor]
"""What a witness sees: mask logits [N,1,H,W] and unit normals [N,3,H,W]."""


def cycle_loss(images: Tensor, cycled: Tensor) -> Tensor:
    """E[|F(G(x)) − x|]: there and back again changes nothing (Zhu et al. 2017, equation 2)."""
    return F.l1_loss(cycled, images)


def identity_loss(images: Tensor, mapped: Tensor) -> Tensor:
    """E[|G(y) − y|]: what has the wanted look already is left alone (Zhu et al. 2017, section 5.2)."""
    return F.l1_loss(mapped, images)


def background_loss(source: Tensor, translated: Tensor, mask: Tensor) -> Tensor:
    """E[|G(x) − x|] over the pixels outside the mask (context preservation, Mo et al. 2019, equation 4).

    It forbids the background a new look, so it is for sources whose background is a captured one.
    """
    return _mean_where((translated - source).abs().mean(dim=1, keepdim=True), 1 - mask)


def mask_edge_loss(source: Tensor, translated: Tensor, mask: Tensor) -> Tensor:
    """1 − E[Σ a b / √(Σ a² Σ b²)] over the band around the mask's edge: edges may change looks, not places.

    a, b: strength of change in source and translated image, √(|∇(g ∗ x)|² + ε²) − ε, the square averaged over
    colours, g a Gaussian of one pixel. Σ runs over 9×9 pixels around each pixel of the band, so each piece of
    the edge is compared with itself, and contrast and colours fall out; where the source shows no edge,
    nothing is asked. Normalised cross-correlation (Lewis 1995) of the strengths. Zero for the same edges,
    towards one for edges that lie apart or are gone; a batch without any mask edge gives 0.
    """
    with torch.autocast(source.device.type, enabled=False):
        a, b = (_edge_strength(at_least_float32(x)) for x in (source, translated))
        power_a, power_b = _box(a.square()), _box(b.square())
        alike = (_box(a * b) + _FLAT) * ((power_a + _FLAT) * (power_b + _FLAT)).rsqrt()
        shown = (power_a / (power_a + _FAINT)).detach()
        return _mean_where(1 - alike, edge_band(mask) * shown)


def edge_band(mask: Tensor) -> Tensor:
    """[N,1,H,W] of 0 and 1: pixels within 2 px of the mask's edge; the image's border is no edge."""
    grown = F.max_pool2d(mask, 2 * _REACH_PX + 1, stride=1, padding=_REACH_PX)
    shrunk = -F.max_pool2d(-mask, 2 * _REACH_PX + 1, stride=1, padding=_REACH_PX)
    return grown - shrunk


def witness_loss(before: Seen, after: Seen, mask: Tensor) -> Tensor:
    """KL(p ‖ p') over all pixels + E[1 − n · n'] inside the mask: a frozen witness sees the same as before.

    p, n: the witness's mask probability and normals on the source, which get no gradient; p', n': on the
    translated image. KL of a pixel is the cross-entropy of p' against p less what no p' can be below, so that
    "nothing moved" is 0. Semantic consistency (Hoffman et al. 2018, CyCADA, equation 4) with soft labels.
    """
    logits, normals = (at_least_float32(t.detach()) for t in before)
    logits_after, normals_after = (at_least_float32(t) for t in after)
    p = logits.sigmoid()
    kl = F.binary_cross_entropy_with_logits(logits_after, p) - F.binary_cross_entropy_with_logits(logits, p)
    turned = 1 - F.cosine_similarity(normals_after, normals, dim=1)[:, None]
    return kl + _mean_where(turned, mask)


_EDGE_FLOOR = 0.005
"""ε: changes a pixel (of a range of 2) that are as good as none."""

_FLAT = 1e-6
"""Mean squares of strength that make two windows alike: neither shows anything."""

_FAINT = 1e-4
"""Mean square of strength at which a piece of edge counts half: a step of 0.07; noise of 0.02 has a tenth."""

_WINDOW_PX = 9
_REACH_PX = 2
_SMOOTH_SIGMA_PX = 1.0
_SMOOTH_REACH_PX = 3


def _edge_strength(images: Tensor) -> Tensor:
    """[N,3,H,W] to [N,1,H,W]: change of the smoothed image a pixel, as far as above `_EDGE_FLOOR`."""
    x = torch.arange(-_SMOOTH_REACH_PX, _SMOOTH_REACH_PX + 1, device=images.device, dtype=images.dtype)
    smooth = torch.exp(-0.5 * (x / _SMOOTH_SIGMA_PX).square())
    smooth = smooth / smooth.sum()
    slope = x * smooth
    slope = slope / (x * slope).sum()
    n, c, h, w = images.shape
    flat = F.pad(images.reshape(n * c, 1, h, w), (_SMOOTH_REACH_PX,) * 4, mode="replicate")
    across = F.conv2d(flat, torch.outer(smooth, slope)[None, None])
    down = F.conv2d(flat, torch.outer(slope, smooth)[None, None])
    energy = (across.square() + down.square()).reshape(n, c, h, w).mean(dim=1, keepdim=True)
    return (energy + _EDGE_FLOOR**2).sqrt() - _EDGE_FLOOR


def _box(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, _WINDOW_PX, stride=1, padding=_WINDOW_PX // 2)


def _mean_where(values: Tensor, where: Tensor) -> Tensor:
    """Mean over the pixels where ``where`` is 1; 0 where there is none."""
    return (values * where).sum() / where.sum().clamp(min=1)
