"""A generator that cannot draw: against its equation word by word, and what it leaves alone."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from synth.errors import InputError
from synth.networks.architecture import BilateralShape
from synth.networks.bilateral import BilateralGenerator

SMALL = BilateralShape(n_filters=4, n_halvings=3, n_blocks=1, n_levels=3)


def make(seed: int = 0) -> BilateralGenerator:
    return BilateralGenerator(SMALL, torch.Generator().manual_seed(seed)).eval()


def relight_literally(images: Tensor, grid: Tensor, cell_px: int) -> Tensor:
    """Equation by equation: A_p from the cells around p and the levels next to its brightness."""
    n, n_levels, _, h, w = grid.shape
    out = images.clone()
    for i in range(n):
        for y in range(images.shape[2]):
            for x in range(images.shape[3]):
                colour = images[i, :, y, x]
                level = float(((colour.mean() + 1) / 2).clamp(0, 1)) * (n_levels - 1)
                at = torch.tensor([[(x + 0.5) / (w * cell_px), (y + 0.5) / (h * cell_px)]]) * 2 - 1
                cells = F.grid_sample(
                    grid[i], at.expand(n_levels, 1, 1, 2), padding_mode="border", align_corners=False
                )[..., 0, 0]
                share = (1 - (torch.arange(n_levels) - level).abs()).clamp(min=0)
                a = (share[:, None] * cells).sum(dim=0)
                # a[0:3] are what red gives to each channel, then green, blue and the offsets.
                out[i, :, y, x] = (
                    colour + a[0:3] * colour[0] + a[3:6] * colour[1] + a[6:9] * colour[2] + a[9:]
                )
    return out


def test_it_equals_its_equation() -> None:
    """To 1e-5, at a size that is no multiple of a cell."""
    generator = make()
    rng = torch.Generator().manual_seed(3)
    images = torch.rand(2, 3, 18, 21, generator=rng) * 2 - 1
    grid = torch.rand(generator.fill(images).shape, generator=rng) - 0.5
    expected = relight_literally(images, grid, generator.cell_px)
    torch.testing.assert_close(generator.relight(images, grid), expected, rtol=1e-5, atol=1e-5)


def test_a_fresh_one_changes_next_to_nothing() -> None:
    """Every pixel stays within some counts of where it was, at any size from one pixel on."""
    images = torch.rand(1, 3, 40, 50, generator=torch.Generator().manual_seed(0)) * 2 - 1
    for size in ((40, 50), (1, 1), (7, 33)):
        part = images[..., : size[0], : size[1]]
        made = make()(part)
        assert made.shape == part.shape
        assert (made - part).abs().max() < 30 / 127.5


def test_no_coefficient_leaves_its_bounds() -> None:
    """However large the weights have become."""
    generator = make()
    with torch.no_grad():
        generator.last.weight.mul_(1e4)
    grid = generator.fill(torch.rand(1, 3, 32, 32) * 2 - 1)
    assert grid.abs().max() <= SMALL.most_change


def test_its_first_weights_come_from_its_generator_alone() -> None:
    """Equal for one seed, whatever torch drew before; another seed gives others."""
    torch.rand(3)
    first, again, other = make(1), make(1), make(2)
    for (name, a), b in zip(first.state_dict().items(), again.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0, msg=name)
    assert not torch.equal(first.last.weight, other.last.weight)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"n_levels": 1}, "n_levels 2 or more"),
        ({"most_change": 0.0}, "most_change must be above 0"),
        ({"n_halvings": 99}, "n_halvings must be 1 to 8"),
    ],
)
def test_shapes_that_cannot_be_are_refused(changes: dict[str, float], said: str) -> None:
    """In one sentence."""
    with pytest.raises(InputError, match=said):
        BilateralShape(**changes)
