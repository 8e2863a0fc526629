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


def background_identity_loss(images: Tensor, mapped: Tensor, outside: Tensor) -> Tensor:
    """E[|G(y*) − y*|] over the pixels outside boxes (SYN-MTGAN, equation 3).

    images: y*, of the look that G makes, boxes blotted out (`blot_out`). mapped: G(y*). outside: 1 there. It
    lets a generator do what it wants to instances, and asks nothing of what it does to the other look's
    background, for which there is `background_loss`.
    """
    return background_loss(images, mapped, 1 - outside)


def outside_boxes(boxes: Tensor, side_px: int) -> Tensor:
    """[N,1,S,S]: 1 on pixels whose middle lies outside boxes [N,4], xyxy in fractions of the side."""
    middles = (torch.arange(side_px, device=boxes.device, dtype=boxes.dtype) + 0.5) / side_px
    x0, y0, x1, y1 = boxes[..., None].unbind(dim=1)  # [N,1] each
    across, down = (middles > x0) & (middles < x1), (middles > y0) & (middles < y1)  # [N,S]
    return 1 - (down[:, :, None] & across[:, None, :])[:, None].to(boxes.dtype)


def blot_out(images: Tensor, outside: Tensor) -> Tensor:
    """y*: images that are mid-grey wherever ``outside`` is 0."""
    return images * outside


def class_loss(logits: Tensor, classes: Tensor) -> Tensor:
    """E[−log p(class)] with p the softmax of logits [N,K] (SYN-MTGAN, one term of equation 4).

    As printed, the equation's third term has one sign too many and would reward F(y) for being taken for
    another class; here all four are equal.
    """
    return F.cross_entropy(at_least_float32(logits), classes)


def localisation_loss(found: Tensor, boxes: Tensor) -> Tensor:
    """E[Σ SL1(θ)] over x, y, width and height (SYN-MTGAN, equations 6 and 7).

    SL1(θ) = θ²/2, from |θ| = 1 on |θ| − ½. found, boxes: [N,4], xyxy in fractions of the side. x, y are those
    of the middle. The paper names no unit of θ: here it is a sixteenth of the crop's side, a cell of the
    discriminator's map at 256 pixels.
    """
    theta = _BOX_UNITS * (_middle_and_size(at_least_float32(found)) - _middle_and_size(boxes))
    return F.smooth_l1_loss(theta, torch.zeros_like(theta), reduction="none").sum(dim=1).mean()


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


_BOX_UNITS = 16

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


def _middle_and_size(boxes: Tensor) -> Tensor:
    """xyxy [N,4] as x, y of the middle, width, height."""
    first, last = boxes[:, :2], boxes[:, 2:]
    return torch.cat([(first + last) / 2, last - first], dim=1)


def _mean_where(values: Tensor, where: Tensor) -> Tensor:
    """Mean over the pixels where ``where`` is 1; 0 where there is none."""
    return (values * where).sum() / where.sum().clamp(min=1)
