"""Adversarial losses and penalties, one small function each, with its equation and source.

Images are [N,3,H,W] in −1..1, scores the lists of maps that a discriminator gives, one a scale. E is the mean
over images, score maps' places and scales. Every function returns one number to be made small; weights are
the caller's.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from synth.errors import InputError
from synth.networks.architecture import ADVERSARIAL_KINDS, AdversarialKind

Scores = Sequence[Tensor]
Discriminate = Callable[[Tensor], Scores]


def discriminator_loss(kind: AdversarialKind, scores_real: Scores, scores_fake: Scores) -> Tensor:
    """What a discriminator makes small; raises InputError for an unknown kind.

    least-squares: ½ E[(D(x) − 1)²] + ½ E[D(G(y))²] (Mao et al. 2017, equation 9, as Zhu et al. 2017 use it).
    wasserstein: E[D(G(y))] − E[D(x)] (Arjovsky et al. 2017, equation 3), to go with `gradient_penalty`.
    log: −E[log σ(D(x))] − E[log(1 − σ(D(G(y))))] (Goodfellow et al. 2014, equation 1).
    hinge: E[max(0, 1 − D(x))] + E[max(0, 1 + D(G(y)))] (Miyato et al. 2018, equation 16).
    """
    if kind == "least-squares":
        return 0.5 * (_mean(scores_real, lambda s: (s - 1).square()) + _mean(scores_fake, torch.square))
    if kind == "wasserstein":
        return _mean(scores_fake) - _mean(scores_real)
    if kind == "log":
        return _mean(scores_real, lambda s: F.softplus(-s)) + _mean(scores_fake, F.softplus)
    if kind == "hinge":
        return _mean(scores_real, lambda s: F.relu(1 - s)) + _mean(scores_fake, lambda s: F.relu(1 + s))
    raise _unknown(kind)


def generator_loss(kind: AdversarialKind, scores_fake: Scores) -> Tensor:
    """What a generator makes small; raises InputError for an unknown kind.

    least-squares: E[(D(G(y)) − 1)²] (Zhu et al. 2017, section 4: not halved).
    wasserstein: −E[D(G(y))] (Arjovsky et al. 2017).
    log: −E[log σ(D(G(y)))], which does not saturate (Goodfellow et al. 2014, section 3).
    hinge: −E[D(G(y))] (Miyato et al. 2018, equation 17).
    """
    if kind == "least-squares":
        return _mean(scores_fake, lambda s: (s - 1).square())
    if kind in ("wasserstein", "hinge"):
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


def _mean(scores: Scores, of: Callable[[Tensor], Tensor] = lambda s: s) -> Tensor:
    return torch.stack([of(s).mean() for s in scores]).mean()


def _unknown(kind: str) -> InputError:
    return InputError(f"there is no adversarial loss {kind!r}: choose one of {', '.join(ADVERSARIAL_KINDS)}")
