"""Demodulated convolutions: the fast forms against equations 2 and 3 word by word."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from synth.networks.layers import DemodulatedConv2d, DemodulatedUpConv2d, demodulated_conv2d_reference

counts = st.integers(1, 5)
sides = st.integers(4, 11)
modes = st.sampled_from(["reflect", "zeros"])
gains = st.sampled_from([1.0, 2**0.5, 0.5**0.5])


def normal(rng: torch.Generator, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, generator=rng).to(dtype)


def filled(conv: DemodulatedConv2d, rng: torch.Generator) -> DemodulatedConv2d:
    with torch.no_grad():
        conv.weight.copy_(normal(rng, *conv.weight.shape))
        conv.bias.copy_(normal(rng, *conv.bias.shape))
    return conv


def exact(conv: DemodulatedConv2d, x: Tensor) -> Tensor:
    """The literal form in float64."""
    return demodulated_conv2d_reference(
        x.double(),
        conv.weight.double(),
        conv.bias.double(),
        stride=conv.stride,
        padding_px=conv.padding_px,
        padding_mode=conv.padding_mode,
        gain=conv.gain,
        enlarge=isinstance(conv, DemodulatedUpConv2d),
    )


def error(got: Tensor, wanted: Tensor) -> float:
    """Relative to the output, or to a tenth of a layer's spread where convolution and bias all but cancel."""
    assert got.shape == wanted.shape
    scale = wanted.square().mean().sqrt().clamp(min=0.1)
    return ((got - wanted).square().mean().sqrt() / scale).item()


@settings(max_examples=100)
@given(st.data())
def test_any_layer_equals_its_reference(data: st.DataObject) -> None:
    """Kernels, strides, borders, odd sizes, one image or several: 1e-5 in float32."""
    kernel_px = data.draw(st.sampled_from([1, 3, 4, 5, 7]))
    height, width = (
        data.draw(st.integers(max(4, kernel_px), 13)),
        data.draw(st.integers(max(4, kernel_px), 13)),
    )
    padding_px = data.draw(st.integers(0, min(3, kernel_px // 2)))
    n, n_in, n_out = data.draw(counts), data.draw(counts), data.draw(counts)
    rng = torch.Generator().manual_seed(data.draw(st.integers(0, 10**6)))
    conv = filled(
        DemodulatedConv2d(
            n_in,
            n_out,
            kernel_px,
            stride=data.draw(st.integers(1, 3)),
            padding_px=padding_px,
            padding_mode=data.draw(modes),
            gain=data.draw(gains),
        ),
        rng,
    )
    x = normal(rng, n, n_in, height, width)
    assert error(conv(x), exact(conv, x)) < 1e-5


@settings(max_examples=40)
@given(counts, counts, counts, sides, sides, modes, gains, st.integers(0, 10**6))
def test_enlarging_in_one_convolution_equals_enlarging_first(
    n: int, n_in: int, n_out: int, height: int, width: int, mode: str, gain: float, seed: int
) -> None:
    """The 4×4 transposed convolution is nearest neighbour and 3×3 convolution, borders included: 1e-5."""
    rng = torch.Generator().manual_seed(seed)
    conv = filled(DemodulatedUpConv2d(n_in, n_out, padding_mode=mode, gain=gain), rng)  # type: ignore[arg-type]
    x = normal(rng, n, n_in, height, width)
    got = conv(x)
    assert got.shape == (n, n_out, 2 * height, 2 * width)
    assert error(got, exact(conv, x)) < 1e-5


@pytest.mark.parametrize(
    "conv",
    [
        DemodulatedConv2d(2, 2, 3, stride=2, padding_px=1, padding_mode="reflect", gain=2**0.5),
        DemodulatedConv2d(2, 2, 3, stride=1, padding_px=1, padding_mode="zeros"),
        DemodulatedUpConv2d(2, 2, gain=2**0.5),
    ],
    ids=["strided", "zeros", "enlarging"],
)
def test_gradients_are_those_of_the_output(conv: DemodulatedConv2d) -> None:
    """gradcheck in float64 for input, weights and bias; the reference has the same gradients."""
    rng = torch.Generator().manual_seed(3)
    parameters = [
        normal(rng, *p.shape, dtype=torch.float64).requires_grad_() for p in (conv.weight, conv.bias)
    ]
    x = normal(rng, 2, 2, 4, 3, dtype=torch.float64).requires_grad_()
    leaves = [x, *parameters]

    def call(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return torch.func.functional_call(conv, {"weight": weight, "bias": bias}, (x,))

    assert torch.autograd.gradcheck(call, tuple(leaves))
    fast = call(*leaves)
    slow = demodulated_conv2d_reference(
        *leaves,
        stride=conv.stride,
        padding_px=conv.padding_px,
        padding_mode=conv.padding_mode,
        gain=conv.gain,
        enlarge=isinstance(conv, DemodulatedUpConv2d),
    )
    towards = normal(rng, *fast.shape, dtype=torch.float64)
    for a, b in zip(
        torch.autograd.grad(fast, leaves, towards), torch.autograd.grad(slow, leaves, towards), strict=True
    ):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0])
def test_spread_of_one_goes_in_and_out_whatever_the_weights(scale: float) -> None:
    """What equation 3 is for: independent inputs of variance 1 give outputs of variance 1."""
    rng = torch.Generator().manual_seed(0)
    conv = filled(DemodulatedConv2d(16, 32, 3), rng)
    with torch.no_grad():
        conv.weight.mul_(scale)
        conv.bias.zero_()
    assert conv(normal(rng, 4, 16, 24, 24)).std().item() == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("mode", ["reflect", "zeros"])
def test_a_folded_layer_is_plain_and_equal(mode: str) -> None:
    """Folding leaves convolutions and borders only, with the same output to 1e-5."""
    rng = torch.Generator().manual_seed(1)
    strided = DemodulatedConv2d(3, 5, 3, stride=2, padding_px=1, padding_mode=mode, gain=2**0.5)  # type: ignore[arg-type]
    enlarging = DemodulatedUpConv2d(3, 5, padding_mode=mode, gain=2**0.5)  # type: ignore[arg-type]
    x = normal(rng, 2, 3, 9, 7)
    for conv in (filled(strided, rng), filled(enlarging, rng)):
        folded = conv.fold()
        assert not any(isinstance(m, DemodulatedConv2d) for m in folded.modules())
        assert any(type(m) in (nn.Conv2d, nn.ConvTranspose2d) for m in folded.modules())
        assert error(folded(x), exact(conv, x)) < 1e-5


@pytest.mark.parametrize("n", [1, 3])
def test_half_precision_costs_rounding_only(n: int) -> None:
    """Under bfloat16 autocast weights are still normalised in float32: within 1 % of the exact output."""
    rng = torch.Generator().manual_seed(2)
    for conv in (DemodulatedConv2d(32, 32, 3, padding_px=1), DemodulatedUpConv2d(32, 32)):
        filled(conv, rng)
        x = normal(rng, n, 32, 12, 12)
        with torch.autocast("cpu", torch.bfloat16):
            got = conv(x.bfloat16())
        assert got.dtype == torch.bfloat16
        assert error(got.double(), exact(conv, x)) < 0.01


def test_channels_last_stays() -> None:
    """Images in channels-last order come out in it: no layer turns them around and back."""
    rng = torch.Generator().manual_seed(2)
    x = normal(rng, 2, 8, 12, 10).contiguous(memory_format=torch.channels_last)
    for conv in (DemodulatedConv2d(8, 6, 3, padding_px=1), DemodulatedUpConv2d(8, 6)):
        conv = conv.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        assert conv(x).is_contiguous(memory_format=torch.channels_last)
