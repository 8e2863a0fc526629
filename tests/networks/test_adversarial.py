"""Adversarial terms and penalties against values worked out by hand."""

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from synth.errors import InputError
from synth.networks.adversarial import (
    ADVERSARIAL_KINDS,
    AdversarialKind,
    discriminator_loss,
    generator_loss,
    gradient_penalty,
    r1_penalty,
)

LN2, LN3 = math.log(2), math.log(3)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def scores(*values: float) -> list[Tensor]:
    """One map of one image."""
    return [torch.tensor(values)[None, None, None]]


# Adversarial terms. σ(ln 3) = 3/4.


@pytest.mark.parametrize(
    ("kind", "of_discriminator", "of_generator"),
    [
        ("least-squares", 0.5 * ((1 + 0) / 2 + (4 + 0) / 2), (1 + 1) / 2),
        ("wasserstein", 1.0 - 1.5, -1.0),
        ("hinge", (0 + 0) / 2 + (3 + 1) / 2, -(2 + 0) / 2),
        ("log", (LN2 + math.log(1 + math.exp(-1))) / 2 - math.log(1), None),
    ],
)
def test_adversarial_terms_by_hand(
    kind: AdversarialKind, of_discriminator: float, of_generator: float | None
) -> None:
    """Real scores 2 and 1, translated ones 2 and 0; for the log loss real 0 and 1, translated far down."""
    if kind == "log":
        got = discriminator_loss(kind, scores(0.0, 1.0), scores(-200.0))
        assert got.item() == pytest.approx(of_discriminator, rel=1e-5)
        # −log σ(ln 3) = ln 4 − ln 3; −log(1 − σ(ln 3)) = ln 4.
        assert generator_loss(kind, scores(LN3)).item() == pytest.approx(2 * LN2 - LN3, rel=1e-5)
        assert discriminator_loss(kind, scores(200.0), scores(LN3)).item() == pytest.approx(2 * LN2, rel=1e-5)
    else:
        assert discriminator_loss(kind, scores(2.0, 1.0), scores(2.0, 0.0)).item() == pytest.approx(
            of_discriminator
        )
        assert generator_loss(kind, scores(2.0, 0.0)).item() == pytest.approx(of_generator)


@pytest.mark.parametrize("kind", ADVERSARIAL_KINDS)
def test_the_two_sides_pull_apart(kind: AdversarialKind) -> None:
    """A discriminator raises real scores and lowers translated ones; a generator raises the latter."""
    real, fake = (scores(0.2, 0.7)[0].requires_grad_() for _ in range(2))
    discriminator_loss(kind, [real], [fake]).backward()
    assert (real.grad < 0).all()
    assert (fake.grad > 0).all()
    again = scores(0.2, 0.7)[0].requires_grad_()
    generator_loss(kind, [again]).backward()
    assert (again.grad < 0).all()


def test_the_log_loss_does_not_saturate() -> None:
    """Where the discriminator is sure, the generator's gradient is still whole."""
    sure = scores(-30.0)[0].requires_grad_()
    generator_loss("log", [sure]).backward()
    assert sure.grad.item() == pytest.approx(-1)


@pytest.mark.parametrize("kind", ADVERSARIAL_KINDS)
def test_scales_count_alike(kind: AdversarialKind) -> None:
    """A map of four scores weighs as much as a map of one."""
    large, small = scores(0.3, 0.3, 0.3, 0.3), scores(-0.6)
    each = [generator_loss(kind, s).item() for s in (large, small)]
    assert generator_loss(kind, [*large, *small]).item() == pytest.approx(sum(each) / 2)


def test_unknown_adversarial_terms_are_refused() -> None:
    """One sentence with what there is."""
    for call in (
        lambda: discriminator_loss("l2", scores(1), scores(1)),  # type: ignore[arg-type]
        lambda: generator_loss("l2", scores(1)),  # type: ignore[arg-type]
    ):
        with pytest.raises(InputError, match="'l2': choose one of least-squares, wasserstein, log"):
            call()


# Penalties. D(x) = ⟨a, x⟩ has the gradient a everywhere.


def linear(a: Tensor) -> Callable[[Tensor], list[Tensor]]:
    return lambda images: [(images * a).sum(dim=(1, 2, 3), keepdim=True)]


def test_penalties_of_a_linear_discriminator() -> None:
    """‖a‖ = 3: R1 is 9/2, the gradient penalty (3 − 1)² = 4, wherever the images are."""
    a = torch.zeros(3, 2, 2)
    a[0, 0, 0], a[1, 0, 1], a[2, 1, 1] = 1.0, 2.0, 2.0
    real, fake = torch.randn(4, 3, 2, 2, generator=seeded()), torch.randn(4, 3, 2, 2, generator=seeded(1))
    assert r1_penalty(linear(a), real).item() == pytest.approx(4.5)
    assert gradient_penalty(linear(a), real, fake, seeded(2)).item() == pytest.approx(4.0)
    assert gradient_penalty(linear(a / 3), real, fake, seeded(2)).item() == pytest.approx(0.0, abs=1e-10)


def test_penalties_are_taken_where_they_should_be() -> None:
    """D(x) = ½ ‖x‖² has the gradient x: R1 at the real images, the other between real and translated."""

    def bowl(images: Tensor) -> list[Tensor]:
        return [0.5 * images.square().sum(dim=(1, 2, 3), keepdim=True)]

    real, fake = torch.full((1, 1, 1, 1), 3.0), torch.full((1, 1, 1, 1), 5.0)
    assert r1_penalty(bowl, real).item() == pytest.approx(4.5)
    share = torch.rand(1, 1, 1, 1, generator=seeded(9)).item()
    expected = (share * 3 + (1 - share) * 5 - 1) ** 2
    assert gradient_penalty(bowl, real, fake, seeded(9)).item() == pytest.approx(expected, rel=1e-5)
    drawn = {round(gradient_penalty(bowl, real, fake, seeded(seed)).item(), 3) for seed in range(8)}
    assert len(drawn) > 4
    assert all(4 <= value <= 16 for value in drawn)


def test_maps_of_scores() -> None:
    """The gradient penalty takes a map's mean; R1 weighs P patches that share no pixel like one."""

    def each_pixel(images: Tensor) -> list[Tensor]:
        return [2 * images]

    real = torch.randn(2, 1, 4, 4, generator=seeded())
    # Mean over 16 places: gradient 2/16 in each, length 4 · 2/16 = 1/2.
    assert gradient_penalty(each_pixel, real, real, seeded()).item() == pytest.approx(0.25)
    assert r1_penalty(each_pixel, real).item() == pytest.approx(2.0)
    larger = torch.randn(2, 1, 16, 16, generator=seeded())
    assert r1_penalty(each_pixel, larger).item() == pytest.approx(2.0)


def test_penalties_make_slopes_flatter() -> None:
    """Their gradient reaches the discriminator's weights and points to the wanted length."""
    for scale, penalty in ((3.0, "r1"), (3.0, "gp"), (0.2, "gp")):
        a = (scale * F.normalize(torch.ones(1, 4), dim=1)).reshape(1, 2, 2).requires_grad_()
        images = torch.randn(2, 1, 2, 2, generator=seeded())
        value = (
            r1_penalty(linear(a), images)
            if penalty == "r1"
            else gradient_penalty(linear(a), images, images, seeded(1))
        )
        value.backward()
        towards = -(a.grad * a).sum()
        assert (towards < 0) == (scale > 1)
