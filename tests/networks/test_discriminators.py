"""PatchGAN discriminators: what a score sees, scales, sizes."""

import pytest
import torch
from torch import nn

from synth.errors import InputError
from synth.networks.discriminators import DiscriminatorShape, make_discriminator


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("n_layers", "patch_px"), [(1, 16), (2, 34), (3, 70)])
def test_a_score_sees_its_patch_and_no_more(n_layers: int, patch_px: int) -> None:
    """70×70 pixels with three strided stages (norms, which join all pixels' statistics, set aside)."""
    discriminator = make_discriminator(DiscriminatorShape(4, n_layers), rng=seeded())
    for layers in discriminator.scales:
        for i, layer in enumerate(layers):
            if isinstance(layer, nn.InstanceNorm2d):
                layers[i] = nn.Identity()
    images = torch.randn(1, 3, 128, 128, generator=seeded(1)).requires_grad_()
    scores = discriminator(images)[0]
    scores[0, 0, scores.shape[2] // 2, scores.shape[3] // 2].backward()
    rows, columns = images.grad[0].abs().sum(dim=0).nonzero().T
    assert rows.max() - rows.min() + 1 == patch_px
    assert columns.max() - columns.min() + 1 == patch_px


def test_stages_are_those_of_the_paper() -> None:
    """C64-C128-C256-C512 and one more to a single channel; a norm in all but the first and the last."""
    discriminator = make_discriminator(DiscriminatorShape(), rng=seeded())
    convs = [m for m in discriminator.modules() if isinstance(m, nn.Conv2d)]
    assert [(c.in_channels, c.out_channels, c.kernel_size[0], c.stride[0]) for c in convs] == [
        (3, 64, 4, 2),
        (64, 128, 4, 2),
        (128, 256, 4, 2),
        (256, 512, 4, 1),
        (512, 1, 4, 1),
    ]
    assert [m.num_features for m in discriminator.modules() if isinstance(m, nn.InstanceNorm2d)] == [
        128,
        256,
        512,
    ]
    assert not any(isinstance(m, nn.Sigmoid) for m in discriminator.modules())


@pytest.mark.parametrize("n_scales", [1, 2, 3])
def test_each_scale_gives_a_map_of_its_own(n_scales: int) -> None:
    """One float32 map a scale, each of an image half as large; scales share no weights."""
    shape = DiscriminatorShape(4, 2, n_scales)
    discriminator = make_discriminator(shape, rng=seeded())
    with torch.autocast("cpu", torch.bfloat16):
        scores = discriminator(torch.randn(2, 3, 64, 96, generator=seeded(1)))
    assert [s.shape for s in scores] == [(2, 1, 64 // k - 2, 96 // k - 2) for k in (4, 8, 16)[:n_scales]]
    assert all(s.dtype == torch.float32 for s in scores)
    first = [next(layers.parameters()) for layers in discriminator.scales]
    assert all(not torch.equal(first[0], other) for other in first[1:])


def test_the_smallest_image_is_known() -> None:
    """min_side_px is scored at every scale; four pixels less is refused with both numbers."""
    for shape in (DiscriminatorShape(2, 3, 1), DiscriminatorShape(2, 2, 2), DiscriminatorShape(2, 1, 1)):
        discriminator, side = make_discriminator(shape, rng=seeded()), shape.min_side_px
        assert all(s.numel() > 0 for s in discriminator(torch.zeros(1, 3, side, side)))
        with pytest.raises(InputError, match=f"at least {side} pixels a side, got {side}×{side - 4}"):
            discriminator(torch.zeros(1, 3, side - 4, side))
    assert DiscriminatorShape().min_side_px == 24


def test_nothing_of_nothing_is_refused() -> None:
    """No filters, layers or scales: one sentence with what was got."""
    for shape in ((0, 3, 1), (64, 0, 1), (64, 3, 0)):
        with pytest.raises(InputError, match="at least one filter, layer and scale"):
            DiscriminatorShape(*shape)


def test_weights_come_from_the_generator_passed_in() -> None:
    """The same seed draws the same weights, whatever torch's global state."""
    first = make_discriminator(DiscriminatorShape(4), rng=seeded(1)).state_dict()
    torch.rand(7)
    again = make_discriminator(DiscriminatorShape(4), rng=seeded(1)).state_dict()
    other = make_discriminator(DiscriminatorShape(4), rng=seeded(2)).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)
