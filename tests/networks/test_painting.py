"""Networks that paint label maps: every layer's shape, parameters counted by hand, literal twins, losses."""

import math
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synth.errors import InputError
from synth.networks.architecture import DiscriminatorShape, Pix2PixHDShape, SpadeShape
from synth.networks.batch_statistics import measure_statistics
from synth.networks.discriminators import make_discriminator, normalise_spectrally
from synth.networks.matching import feature_matching_loss, perceptual_loss
from synth.networks.oasis import (
    OasisGenerator,
    SegmentationDiscriminator,
    class_balanced_loss,
    draw_label_mix,
    label_mix_loss,
    painted_loss,
)
from synth.networks.pix2pixhd import Pix2PixHDGenerator
from synth.networks.spade import SpadeBlock, SpadeGenerator, SpatialNorm, StyleEncoder, kl_loss

P = 35
"""Planes: Cityscapes' 34 classes and the edges of instances, say."""


def on_meta(make: Callable[[], nn.Module]) -> nn.Module:
    """Only the outline: published sizes hold a hundred million numbers, and none is drawn."""
    with torch.device("meta"), pytest.MonkeyPatch.context() as patch:
        for module in ("spade", "oasis", "pix2pixhd"):
            patch.setattr(
                f"synth.networks.{module}.draw_{'published' if module == 'pix2pixhd' else 'xavier'}", id
            )
        for module in ("spade", "oasis"):
            patch.setattr(f"synth.networks.{module}.spectral_norm", id)
        return make()


def convs(net: nn.Module) -> list[tuple[int, ...]]:
    """Channels in and out, kernel and stride of each convolution, in order."""
    return [
        (c.in_channels, c.out_channels, c.kernel_size[0], c.stride[0])
        for c in net.modules()
        if isinstance(c, nn.Conv2d)
    ]


def count(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


def n_conv(n_in: int, n_out: int, kernel: int, *, bias: bool = True) -> int:
    return n_in * n_out * kernel**2 + n_out * bias


def n_norm(n: int, n_planes: int, affine: str = "pixel") -> int:
    """Of a spatial norm: two convolutions over the map, the second for γ and β; or one number a class."""
    if affine == "class":
        return n_conv(n_planes, 2 * n, 1)
    return n_conv(n_planes, 128, 3) + 2 * n_conv(128, n, 3)


def n_block(n_in: int, n_out: int, n_planes: int, affine: str = "pixel") -> int:
    middle = min(n_in, n_out)
    total = n_norm(n_in, n_planes, affine) + n_norm(middle, n_planes, affine)
    total += n_conv(n_in, middle, 3) + n_conv(middle, n_out, 3)
    if n_in != n_out:
        total += n_norm(n_in, n_planes, affine) + n_conv(n_in, n_out, 1, bias=False)
    return total


SPADE_BLOCKS = [(1024, 1024)] * 3 + [(1024, 512), (512, 256), (256, 128), (128, 64)]
OASIS_BLOCKS = [(1024, 1024), (1024, 1024), (1024, 512), (512, 256), (256, 128), (128, 64)]


@pytest.mark.parametrize("affine", ["pixel", "class"])
@pytest.mark.parametrize("n_style", [0, 256])
def test_spade_is_as_published(affine: str, n_style: int) -> None:
    """Seven blocks from 1024 channels to 64; the total is the sum over its table."""
    shape = SpadeShape(affine=affine, n_style=n_style)
    net = on_meta(lambda: SpadeGenerator(shape, P, (512, 256)))
    ends = [(b.convs[0].in_channels, b.convs[1].out_channels) for b in net.blocks]
    assert ends == SPADE_BLOCKS
    first = 256 * 1024 * 8 * 16 + 1024 * 8 * 16 if n_style else n_conv(P, 1024, 3)
    expected = first + sum(n_block(a, b, P, affine) for a, b in SPADE_BLOCKS) + n_conv(64, 3, 3)
    assert count(net) == expected


def test_class_wise_affines_cost_little() -> None:
    """Published: SPADE has 39 % more parameters than without a map, CLADE 5 %; here of 35 planes."""
    plain = sum(n_block(a, b, 0, "class") for a, b in SPADE_BLOCKS)
    spade, clade = (
        count(on_meta(lambda kind=kind: SpadeGenerator(SpadeShape(affine=kind), P, (512, 256))))
        for kind in ("pixel", "class")
    )
    assert 1.3 < spade / plain < 1.5
    assert 1.0 < clade / plain < 1.06


def test_sizes_double_up_to_the_picture_s() -> None:
    """Five times, six for Cityscapes; the last block is not doubled; other proportions are painted too."""
    for n, places in ((5, [1, 2, 2, 4, 8, 16, 32]), (6, [1, 2, 4, 8, 16, 32, 64])):
        shape = SpadeShape(n_filters=2, n_hidden=2, n_doublings=n, n_style=3)
        net = SpadeGenerator(shape, 3, (2**n, 2**n)).eval()
        seen = []
        for block in net.blocks:
            block.register_forward_hook(lambda _m, args, _out, seen=seen: seen.append(args[0].shape[2]))
        assert net(torch.rand(1, 3, 2**n, 2**n)).shape == (1, 3, 2**n, 2**n)
        assert seen == places
    assert net(torch.rand(1, 3, 64, 128)).shape == (1, 3, 64, 128)
    with pytest.raises(InputError, match="multiples of 64 px, got 96×64"):
        net(torch.rand(1, 3, 64, 96))


def test_the_encoder_is_as_published() -> None:
    """Six strided convolutions to 512 channels of 4×4, then mean and log variance of 256."""
    net = on_meta(lambda: StyleEncoder(64, 256))
    widths = [3, 64, 128, 256, 512, 512, 512]
    assert convs(net) == [(a, b, 3, 2) for a, b in pairwise(widths)]
    assert count(net) == sum(n_conv(a, b, 3) for a, b in pairwise(widths)) + (512 * 16 * 512 + 512)


def test_oasis_generator_is_as_published() -> None:
    """Six blocks, 64 numbers of style beside the planes of every pixel."""
    net = on_meta(lambda: OasisGenerator(SpadeShape(n_style=64), P))
    assert [(b.convs[0].in_channels, b.convs[1].out_channels) for b in net.blocks] == OASIS_BLOCKS
    expected = n_conv(P + 64, 1024, 3) + n_conv(64, 3, 3)
    assert count(net) == expected + sum(n_block(a, b, P + 64) for a, b in OASIS_BLOCKS)


def test_oasis_discriminator_is_as_published() -> None:
    """Down 128, 128, 256, 256, 512, 512, mirrored up, joined across; one class more than the maps have."""
    net = on_meta(lambda: SegmentationDiscriminator(64, 34))
    down = [(3, 128), (128, 128), (128, 256), (256, 256), (256, 512), (512, 512)]
    up = [(512, 512), (1024, 256), (512, 256), (512, 128), (256, 128), (256, 64)]
    ends = [(b.convs[0].in_channels, b.convs[1].out_channels) for b in (*net.down, *net.up)]
    assert ends == down + up
    expected = n_conv(64, 35, 1)
    for a, b in down + up:
        expected += n_conv(a, b, 3) + n_conv(b, b, 3) + (n_conv(a, b, 1) if a != b else 0)
    assert count(net) == expected
    small = SegmentationDiscriminator(2, 4)
    assert small(torch.rand(2, 3, 64, 128)).shape == (2, 5, 64, 128)


def test_pix2pixhd_is_as_published() -> None:
    """c7s1-64, d128 to d1024, nine blocks, u512 to u64, c7s1-3, and the local enhancer round it."""
    down = [(64 * 2**i, 128 * 2**i, 3, 2) for i in range(4)]
    up = [(b, a, 3, 1) for a, b, _, _ in reversed(down)]
    body = [(P, 64, 7, 1), *down, *[(1024, 1024, 3, 1)] * 18, *up]
    whole = on_meta(lambda: Pix2PixHDGenerator(Pix2PixHDShape(), P))
    assert convs(whole) == [*body, (64, 3, 7, 1)]
    enhanced = on_meta(lambda: Pix2PixHDGenerator(Pix2PixHDShape(n_enhancer_blocks=3), P))
    round_it = [(P, 32, 7, 1), (32, 64, 3, 2), *[(64, 64, 3, 1)] * 6, (64, 32, 3, 1), (32, 3, 7, 1)]
    assert convs(enhanced) == [*body, *round_it]
    for net in (whole, enhanced):
        *before_norms, last = convs(net)
        total = sum(n_conv(a, b, k, bias=False) for a, b, k, _ in before_norms)
        assert count(net) == total + n_conv(*last[:3])


def test_pix2pixhd_paints_at_the_size_of_the_map() -> None:
    """With the enhancer the inner generator works at half of it; sides that do not fit are refused."""
    for n_blocks, multiple in ((0, 4), (1, 8)):
        net = Pix2PixHDGenerator(Pix2PixHDShape(4, 2, 1, n_blocks), 3)
        assert net(torch.rand(2, 3, 32, 64)).shape == (2, 3, 32, 64)
        assert net.multiple_px == multiple
        with pytest.raises(InputError, match=f"multiples of {multiple} px"):
            net(torch.rand(1, 3, 32, 62))


def test_spade_s_discriminator_is_as_published() -> None:
    """Two scales, 64 to 512 channels on 3 + P planes, instance norm, and spectral norm on every layer."""
    net = make_discriminator(DiscriminatorShape(n_scales=2), n_in=3 + P)
    one = [(3 + P, 64, 4, 2), (64, 128, 4, 2), (128, 256, 4, 2), (256, 512, 4, 1), (512, 1, 4, 1)]
    assert convs(net) == one * 2
    small = make_discriminator(
        DiscriminatorShape(4, n_scales=2), n_in=5, rng=torch.Generator().manual_seed(0)
    )
    normalise_spectrally(small)
    small.train()
    for _ in range(30):
        stages = small.look(torch.rand(2, 5, 64, 64))
    assert [len(scale) for scale in stages] == [5, 5]
    for module in small.modules():
        if isinstance(module, nn.Conv2d):
            largest = torch.linalg.matrix_norm(module.weight.detach().flatten(1), 2)
            assert largest.item() == pytest.approx(1, rel=0.05)


def spatial_norm_reference(norm: SpatialNorm, x: Tensor, planes: Tensor) -> Tensor:
    """Equation 1 word by word."""
    n_channels = x.shape[1]
    told = norm.affine(planes)
    y = torch.empty_like(x)
    for c in range(n_channels):
        values = x[:, c]
        mean = values.mean()
        variance = ((values - mean) ** 2).mean()
        gamma, beta = told[:, c], told[:, n_channels + c]
        y[:, c] = (values - mean) / torch.sqrt(variance + 1e-5) * (1 + gamma) + beta
    return y


@pytest.mark.parametrize("affine", ["pixel", "class"])
def test_norm_and_block_equal_their_equations(affine: str) -> None:
    """To 1e-5, and their gradients are those of finite differences."""
    torch.manual_seed(0)
    shape = SpadeShape(n_filters=2, n_hidden=3, affine=affine)
    block = SpadeBlock(3, 2, 4, shape).double()
    x, planes = torch.randn(2, 3, 3, 2).double(), torch.rand(2, 4, 3, 2).double()

    def half(norm: SpatialNorm, conv: nn.Conv2d, h: Tensor, *, is_shortcut: bool = False) -> Tensor:
        h = spatial_norm_reference(norm, h, planes)
        h = h if is_shortcut else torch.maximum(h, 0.2 * h)
        return F.conv2d(h, conv.weight, conv.bias, padding=conv.kernel_size[0] // 2)

    inner = half(block.norms[0], block.convs[0], x)
    expected = half(block.norms[1], block.convs[1], inner)
    expected = expected + half(block.shortcut_norm, block.shortcut_conv, x, is_shortcut=True)
    torch.testing.assert_close(block(x, planes), expected, rtol=1e-5, atol=1e-5)
    assert torch.autograd.gradcheck(block, (x.requires_grad_(), planes.requires_grad_()))


@pytest.mark.parametrize("affine", ["pixel", "class"])
def test_folded_norms_give_the_same(affine: str) -> None:
    """To 1e-5 of what eval mode gives, whatever the statistics; the map still decides."""
    torch.manual_seed(0)
    norm = SpatialNorm(3, 4, affine, 5)
    norm.norm.running_mean.normal_()
    norm.norm.running_var.uniform_(0.1, 4)
    norm.eval()
    x, planes = torch.randn(2, 3, 6, 5), torch.rand(2, 4, 6, 5)
    before, elsewhere = norm(x, planes), norm(x, planes.flip(3))
    norm.fold()
    torch.testing.assert_close(norm(x, planes), before, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(norm(x, planes.flip(3)), elsewhere, rtol=1e-5, atol=1e-5)


def test_a_class_wise_affine_is_a_look_up() -> None:
    """Where a pixel is of class k, scale and shift are column k; where it is void, the bias alone."""
    norm = SpatialNorm(2, 3, "class", 1)
    ids = torch.tensor([[0, 2], [1, 3]])  # 3 is void.
    planes = F.one_hot(ids, 4)[..., :3].permute(2, 0, 1)[None].float()
    told = norm.affine(planes)[0]
    weight, bias = norm.affine.weight[..., 0, 0], norm.affine.bias
    for (y, x), k in {(0, 0): 0, (0, 1): 2, (1, 0): 1}.items():
        torch.testing.assert_close(told[:, y, x], weight[:, k] + bias)
    torch.testing.assert_close(told[:, 1, 1], bias)


def test_void_teaches_nothing() -> None:
    """Neither what is said there, nor how much of it there is, moves a loss of OASIS."""
    torch.manual_seed(0)
    logits = torch.randn(1, 4, 2, 4)
    planes = F.one_hot(torch.tensor([[[0, 1, 2, 3], [0, 0, 1, 3]]]), 4)[..., :3].permute(0, 3, 1, 2).float()
    other = logits.clone()
    other[..., 3] = 9
    for loss in (class_balanced_loss, painted_loss):
        torch.testing.assert_close(loss(logits, planes), loss(other, planes))
        torch.testing.assert_close(loss(logits, planes), loss(logits[..., :3], planes[..., :3]))


def test_losses_of_oasis_equal_their_equations() -> None:
    """Classes count alike however rare; golden values on logits of 0."""
    torch.manual_seed(1)
    logits, ids = torch.randn(2, 4, 3, 3), torch.randint(3, (2, 3, 3))
    planes = F.one_hot(ids, 3).permute(0, 3, 1, 2).float()
    log_p = torch.log_softmax(logits, 1)
    means = [-log_p[:, k][ids == k].mean() for k in range(3)]
    torch.testing.assert_close(class_balanced_loss(logits, planes), torch.stack(means).mean())
    torch.testing.assert_close(painted_loss(logits, planes), -log_p[:, 3].mean())
    for loss in (class_balanced_loss, painted_loss):
        assert loss(torch.zeros(2, 4, 3, 3), planes).item() == pytest.approx(math.log(4))


def test_label_mix_takes_classes_whole() -> None:
    """Each class of each map, and void, from one picture; 0 where a discriminator mixes as it should."""
    torch.manual_seed(2)
    ids = torch.randint(5, (3, 8, 8))
    planes = F.one_hot(ids, 5)[..., :4].permute(0, 3, 1, 2).float()
    mask = draw_label_mix(planes, torch.Generator().manual_seed(0))
    assert set(mask.unique().tolist()) == {0.0, 1.0}
    for n in range(3):
        for k in range(5):
            assert len(mask[n, 0][ids[n] == k].unique()) <= 1
    real, fake = torch.randn(3, 5, 8, 8), torch.randn(3, 5, 8, 8)
    mixed = torch.where(mask > 0, real, fake)
    assert label_mix_loss(mixed, real, fake, mask) == 0
    assert label_mix_loss(mixed + 2, real, fake, mask).item() == pytest.approx(4)


def test_matching_losses_equal_their_equations() -> None:
    """Golden values: differences of 1 and 2 in two stages of two scales, the scores left out."""
    real = [[torch.zeros(1, 2, 3, 3), torch.zeros(1, 4, 2, 2), torch.zeros(1, 1, 1, 1)]] * 2
    fake = [[real[0][0] + 1, real[0][1] - 2, real[0][2] + 50]] * 2
    assert feature_matching_loss(real, fake).item() == pytest.approx(3)
    assert perceptual_loss(real[0][:2], fake[0][:2], (0.5, 0.25)).item() == pytest.approx(1)


def test_styles_of_the_prior_cost_nothing() -> None:
    """KL of N(0, 1) is 0; of N(1, 1) ½ a number; of N(0, e) ½ (e − 2)."""
    zero = torch.zeros(2, 3)
    assert kl_loss(zero, zero) == 0
    assert kl_loss(zero + 1, zero).item() == pytest.approx(1.5)
    assert kl_loss(zero, zero + 1).item() == pytest.approx(1.5 * (math.e - 2))


def test_statistics_are_measured_anew() -> None:
    """Mean and variance of the batches that are given, whatever training left; the net stays in eval mode."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.BatchNorm2d(2, affine=False)).eval()
    net[0].running_mean += 7
    batches = [torch.randn(4, 2, 8, 8) * 3 + 1 for _ in range(3)]
    measure_statistics(net, net, batches)
    torch.testing.assert_close(net[0].running_mean, torch.stack([b.mean((0, 2, 3)) for b in batches]).mean(0))
    torch.testing.assert_close(net[0].running_var, torch.stack([b.var((0, 2, 3)) for b in batches]).mean(0))
    assert not net.training
    assert not net[0].training
    assert net[0].momentum == 0.1
