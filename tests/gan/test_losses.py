"""Loss terms against values worked out by hand, and the ways that their gradients push."""

import math

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from synth.gan.losses import (
    background_loss,
    cycle_loss,
    edge_band,
    identity_loss,
    mask_edge_loss,
    witness_loss,
)

LN2, LN3 = math.log(2), math.log(3)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# Image terms.


def test_l1_terms_by_hand() -> None:
    """Means over images, colours and pixels of the absolute difference."""
    images = torch.tensor([0.0, 0.5, -1.0]).reshape(1, 3, 1, 1)
    others = torch.tensor([0.3, 0.5, -0.4]).reshape(1, 3, 1, 1)
    for term in (cycle_loss, identity_loss):
        assert term(images, others).item() == pytest.approx(0.3)
        assert term(images, images).item() == 0


def test_background_terms_look_outside_the_mask() -> None:
    """What changes inside costs nothing; outside it is the mean over outside pixels, however many."""
    source = torch.zeros(1, 3, 2, 2)
    mask = torch.tensor([[1.0, 0.0], [0.0, 0.0]])[None, None]
    translated = torch.full_like(source, 0.6)
    translated[:, :, 0, 0] = -1
    assert background_loss(source, translated, mask).item() == pytest.approx(0.6)
    translated[:, :, 0, 1] = translated[:, :, 1, 0] = 0
    assert background_loss(source, translated, mask).item() == pytest.approx(0.2)
    assert background_loss(source, translated, torch.ones_like(mask)).item() == 0
    moved = translated.clone().requires_grad_()
    background_loss(source, moved, mask).backward()
    assert (moved.grad[:, :, 0, 0] == 0).all()
    assert (moved.grad[:, :, 1, 1] > 0).all()


# Mask edges.

SIDE = 96
COLOURFUL, FAINT = (0.3, -0.4, -0.7), (0.27, 0.1, 0.1)
Part = tuple[float, float, float]


def bench(part: Part, shift_px: float = 0.0, blur_px: float = 0.6) -> tuple[Tensor, Tensor]:
    """A part with straight edges on a bench of 0.17 with a gradient [1,3,H,W], and its mask."""
    fine = np.zeros((8 * SIDE, 8 * SIDE), np.float32)
    corners = np.array([[30, 25], [70, 32], [64, 72], [26, 60]]) + np.array([shift_px, 0])
    cv2.fillConvexPoly(fine, np.round(8 * corners).astype(np.int32), 1.0)
    share = cv2.resize(fine, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(share, (0, 0), blur_px)
    ground = 0.17 + 0.05 * np.linspace(-1, 1, SIDE)[None, None, :]
    image = ground * (1 - soft) + np.array(part)[:, None, None] * soft
    mask = (share > 0.5).astype(np.float32)
    return torch.from_numpy(image.astype(np.float32))[None], torch.from_numpy(mask)[None, None]


def gamma(images: Tensor, power: float) -> Tensor:
    return 2 * ((images + 1) / 2).clamp(0, 1) ** power - 1


@pytest.mark.parametrize("part", [COLOURFUL, FAINT], ids=["colourful", "faint"])
def test_a_moved_edge_costs_the_more_the_further(part: Part) -> None:
    """1, 2 and 3 pixels cost more and more, and 1 pixel several times what any change of look does."""
    source, mask = bench(part)
    moved = [mask_edge_loss(source, bench(part, shift)[0], mask).item() for shift in (0.5, 1, 2, 3)]
    assert moved == sorted(moved)
    assert moved[1] > 0.05
    assert moved[2] > 2 * moved[1]
    assert moved[3] > 1.2 * moved[2]
    looks = {
        "same": source,
        "gain 0.5": 0.5 * source,
        "gain 0.7 with offset": 0.7 * source + 0.15,
        "offset": source - 0.2,
        "gamma 0.7": gamma(source, 0.7),
        "gamma 2.2": gamma(source, 2.2),
        "negative": -source,
        "other colours": bench((0.6, 0.1, -0.5))[0],
        "softer": bench(part, blur_px=1.0)[0],
        "noise": source + 0.01 * torch.randn(source.shape, generator=seeded()),
    }
    costs = {name: mask_edge_loss(source, image, mask).item() for name, image in looks.items()}
    assert costs["same"] == pytest.approx(0, abs=1e-6)
    assert max(costs.values()) < moved[1] / 4, costs


def test_an_edge_that_is_gone_costs_most() -> None:
    """An edge of the source that the translation wipes out costs nearly 1, the bound."""
    source, mask = bench(COLOURFUL)
    assert 0.9 < mask_edge_loss(source, torch.full_like(source, 0.17), mask).item() <= 1


def test_what_the_source_does_not_show_is_not_asked_for() -> None:
    """A source without any visible edge, or a mask without one, holds nothing; gradients stay finite."""
    source, mask = bench(COLOURFUL)
    flat = torch.full_like(source, 0.17)
    assert mask_edge_loss(flat, source, mask).item() == pytest.approx(0, abs=1e-3)
    for nothing in (torch.zeros_like(mask), torch.ones_like(mask)):
        assert mask_edge_loss(source, bench(COLOURFUL, 3)[0], nothing).item() == 0
    translated = flat.clone().requires_grad_()
    mask_edge_loss(source, translated, mask).backward()
    assert torch.isfinite(translated.grad).all()


@pytest.mark.parametrize("shift_px", [-1.5, -0.5, 0.5, 1.5])
def test_edges_are_drawn_back(shift_px: float) -> None:
    """The gradient by the shift of the translated image points away from where its edges belong."""
    source, mask = bench(COLOURFUL)
    base = torch.eye(2, 3)[None]
    moved_px = torch.tensor(shift_px, requires_grad=True)
    theta = base - F.pad((2 * moved_px / SIDE).reshape(1, 1, 1), (2, 0, 0, 1))
    grid = F.affine_grid(theta, list(source.shape), align_corners=False)
    translated = F.grid_sample(source, grid, align_corners=False, padding_mode="border")
    mask_edge_loss(source, translated, mask).backward()
    assert math.copysign(1, moved_px.grad.item()) == math.copysign(1, shift_px)
    assert abs(moved_px.grad.item()) > 0.01


def test_edge_terms_ignore_what_is_far_from_the_mask() -> None:
    """Any change of the background away from the part, and the image's border, cost nothing."""
    source, mask = bench(COLOURFUL)
    other = source.clone()
    other[..., 85:] = torch.rand(other[..., 85:].shape, generator=seeded())
    assert mask_edge_loss(source, other, mask).item() == pytest.approx(0, abs=1e-6)
    cut = torch.zeros(1, 1, 12, 12)
    cut[..., :6] = 1
    band = edge_band(cut)
    assert band.unique().tolist() == [0, 1]
    assert band[0, 0, 0].tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0]
    assert torch.equal(band[0, 0], band[0, 0, :1].expand(12, 12))


def test_edge_terms_keep_their_precision_under_autocast() -> None:
    """Half-precision training does not blur where an edge lies."""
    source, mask = bench(FAINT)
    moved = bench(FAINT, 1)[0]
    exact = mask_edge_loss(source, moved, mask).item()
    with torch.autocast("cpu", torch.bfloat16):
        assert mask_edge_loss(source, moved, mask).item() == pytest.approx(exact, rel=1e-6)


# A frozen witness.


def observation(logits: list[float], normals: list[tuple[float, float, float]]) -> tuple[Tensor, Tensor]:
    return torch.tensor(logits)[None, None, None], torch.tensor(normals).T[None, :, None]


def test_witness_terms_by_hand() -> None:
    """Probability 1/2 read as 3/4, and one of two masked normals turned by 60 degrees."""
    up, aside = (0.0, 0.0, 1.0), (0.0, math.sqrt(0.75), 0.5)
    before = observation([0.0, 0.0, 0.0], [up, up, up])
    mask = torch.tensor([1.0, 1.0, 0.0])[None, None, None]
    assert witness_loss(before, before, mask).item() == pytest.approx(0, abs=1e-7)
    # KL(½ ‖ ¾) = ½ ln(½ / ¾) + ½ ln(½ / ¼) = ln 2 − ½ ln 3.
    other_mask = observation([LN3, LN3, LN3], [up, up, up])
    assert witness_loss(before, other_mask, mask).item() == pytest.approx(LN2 - LN3 / 2, rel=1e-5)
    turned = observation([0.0, 0.0, 0.0], [aside, up, aside])
    assert witness_loss(before, turned, mask).item() == pytest.approx(0.25, rel=1e-5)
    assert witness_loss(before, turned, torch.zeros_like(mask)).item() == pytest.approx(0, abs=1e-7)


def test_witness_terms_push_the_translation_only() -> None:
    """Logits go back to where they were; what was read before gets no gradient."""
    before = (torch.zeros(1, 1, 2, 2, requires_grad=True), torch.ones(1, 3, 2, 2, requires_grad=True))
    after = (torch.full((1, 1, 2, 2), 0.7, requires_grad=True), torch.rand(1, 3, 2, 2).requires_grad_())
    witness_loss(before, after, torch.ones(1, 1, 2, 2)).backward()
    assert (after[0].grad > 0).all()
    assert after[1].grad.abs().sum() > 0
    assert before[0].grad is None
    assert before[1].grad is None


@pytest.mark.parametrize("term", ["background", "edge", "witness"])
def test_label_terms_have_the_gradients_of_their_values(term: str) -> None:
    """gradcheck in float64."""
    rng = seeded(5)
    mask = torch.zeros(1, 1, 6, 7, dtype=torch.float64)
    mask[..., 2:5, 2:5] = 1
    source = torch.randn(1, 3, 6, 7, generator=rng, dtype=torch.float64)
    translated = torch.randn(1, 3, 6, 7, generator=rng, dtype=torch.float64).requires_grad_()
    if term == "witness":
        logits = torch.randn(1, 1, 6, 7, generator=rng, dtype=torch.float64)
        assert torch.autograd.gradcheck(
            lambda n: witness_loss((logits, source), (n[:, :1], n), mask), (translated,)
        )
    else:
        loss = background_loss if term == "background" else mask_edge_loss
        assert torch.autograd.gradcheck(lambda t: loss(source, t, mask), (translated,))
