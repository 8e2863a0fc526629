"""What translation is trained by, one small function a term, each with its equation and source.

Images are [N,3,H,W] in −1..1, masks float [N,1,H,W] of 0 and 1, scores the lists of maps that a
discriminator gives, one a scale. E is the mean over images, score maps' places and scales. Every function
returns one number to be made small; weights are the caller's.
"""

from collections.abc import Callable, Sequence
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from synth.errors import InputError
from synth.gan.layers import at_least_float32

AdversarialKind = Literal["least-squares", "wasserstein", "log"]
ADVERSARIAL_KINDS: tuple[AdversarialKind, ...] = get_args(AdversarialKind)

Scores = Sequence[Tensor]
Discriminate = Callable[[Tensor], Scores]
Reading = tuple[Tensor, Tensor]
"""What a reader sees: mask logits [N,1,H,W] and unit normals [N,3,H,W]."""


def discriminator_loss(kind: AdversarialKind, scores_real: Scores, scores_fake: Scores) -> Tensor:
    """What a discriminator makes small; raises InputError for an unknown kind.

    least-squares: ½ E[(D(x) − 1)²] + ½ E[D(G(y))²] (Mao et al. 2017, equation 9, as Zhu et al. 2017 use it).
    wasserstein: E[D(G(y))] − E[D(x)] (Arjovsky et al. 2017, equation 3), to go with `gradient_penalty`.
    log: −E[log σ(D(x))] − E[log(1 − σ(D(G(y))))] (Goodfellow et al. 2014, equation 1).
    """
    if kind == "least-squares":
        return 0.5 * (_mean(scores_real, lambda s: (s - 1).square()) + _mean(scores_fake, torch.square))
    if kind == "wasserstein":
        return _mean(scores_fake) - _mean(scores_real)
    if kind == "log":
        return _mean(scores_real, lambda s: F.softplus(-s)) + _mean(scores_fake, F.softplus)
    raise _unknown(kind)


def generator_loss(kind: AdversarialKind, scores_fake: Scores) -> Tensor:
    """What a generator makes small; raises InputError for an unknown kind.

    least-squares: E[(D(G(y)) − 1)²] (Zhu et al. 2017, section 4: not halved).
    wasserstein: −E[D(G(y))] (Arjovsky et al. 2017).
    log: −E[log σ(D(G(y)))], which does not saturate (Goodfellow et al. 2014, section 3).
    """
    if kind == "least-squares":
        return _mean(scores_fake, lambda s: (s - 1).square())
    if kind == "wasserstein":
        return -_mean(scores_fake)
    if kind == "log":
        return _mean(scores_fake, lambda s: F.softplus(-s))
    raise _unknown(kind)


def gradient_penalty(D: Discriminate, real: Tensor, fake: Tensor, generator: torch.Generator) -> Tensor:
    """E[(‖∇D(x̂)‖₂ − 1)²] with x̂ = ε x + (1 − ε) G(y), ε uniform in 0..1, one an image.

    Gulrajani et al. 2017, equation 3. D(x̂) is the mean that the Wasserstein loss takes, over places and
    scales. generator: draws ε, on its own device.
    """
    share = torch.rand(len(real), 1, 1, 1, generator=generator, device=generator.device).to(real)
    mixed = (share * real.detach() + (1 - share) * fake.detach()).requires_grad_()
    score = torch.stack([s.flatten(1).mean(dim=1) for s in D(mixed)]).mean(dim=0).sum()
    (gradient,) = torch.autograd.grad(score, mixed, create_graph=True)
    excess: Tensor = gradient.flatten(1).norm(dim=1) - 1
    return excess.square().mean()


def r1_penalty(D: Discriminate, real: Tensor) -> Tensor:
    """½ E[‖∇D(x)‖²] on real images: R1 of Mescheder et al. 2018, equation 9, whose γ is the weight.

    A map of P scores counts as D(x) = Σ scores / √P: P independent patches then weigh as much as one,
    whatever the image's size.
    """
    real = real.detach().requires_grad_()
    scores = torch.cat([s.flatten(1) for s in D(real)], dim=1)  # [N,P]
    (gradient,) = torch.autograd.grad(scores.sum() / scores.shape[1] ** 0.5, real, create_graph=True)
    energy: Tensor = gradient.flatten(1).square().sum(dim=1)
    return 0.5 * energy.mean()


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


def edge_band(mask: Tensor, reach_px: int = 2) -> Tensor:
    """[N,1,H,W] of 0 and 1: pixels within ``reach_px`` of the mask's edge; the image's border is no edge."""
    side = 2 * reach_px + 1
    grown = F.max_pool2d(mask, side, stride=1, padding=reach_px)
    shrunk = -F.max_pool2d(-mask, side, stride=1, padding=reach_px)
    return grown - shrunk


def reader_loss(before: Reading, after: Reading, mask: Tensor) -> Tensor:
    """KL(p ‖ p') over all pixels + E[1 − n · n'] inside the mask: a frozen reader sees the same as before.

    p, n: the reader's mask probability and normals on the source, which get no gradient; p', n': on the
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


def _mean(scores: Scores, of: Callable[[Tensor], Tensor] = lambda s: s) -> Tensor:
    return torch.stack([of(s).mean() for s in scores]).mean()


def _unknown(kind: str) -> InputError:
    return InputError(f"there is no adversarial loss {kind!r}: choose one of {', '.join(ADVERSARIAL_KINDS)}")
