"""The published generator's stages with demodulated convolutions in place of norms on activations.

Learned biases, leaky ReLU and its gain (Karras et al. 2020), residual sums divided by √2, enlarging by
interpolation: a spread of one at the input stays about one down to the last convolution, which is a plain one
before tanh. Images are shifted and scaled to mean 0 and variance 1 on the way in, by numbers that travel with
the weights.

Leaky, because no norm holds activations up: while the discriminator knows nothing yet, L1 to the source
drives what a skip adds to nothing. ReLUs ended below 0 for every pixel, and no gradient brought them back.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synth.networks.architecture import GeneratorShape
from synth.networks.layers import (
    SKIP_SIGMA,
    WEIGHT_SIGMA,
    DemodulatedConv2d,
    DemodulatedUpConv2d,
    EqualisedConv2d,
    check_images,
    to_picture,
)

SLOPE = 0.2
RELU_GAIN = math.sqrt(2 / (1 + SLOPE**2))
"""What keeps the mean square of a symmetric input through a leaky ReLU."""

SUM_GAIN = math.sqrt(0.5)

LAST_SIGMA = 0.5
"""Spread of what fresh weights hand to tanh: a picture of medium contrast, where tanh is nearly straight."""

_UNIFORM_GAIN = math.sqrt(3)
_MIN_INPUT_SIGMA = 2 / 255


class DemodulatedGenerator(nn.Module):
    """Images [N,3,H,W] in −1..1 to the same, float32.

    input_mean: [1,3,1,1], input_gain: one number; images spread evenly over −1..1 until `fit_input`.
    """

    input_mean: Tensor
    input_gain: Tensor

    def __init__(self, shape: GeneratorShape) -> None:
        super().__init__()
        self.shape = shape
        n = shape.n_filters
        self.register_buffer("input_mean", torch.zeros(1, 3, 1, 1))
        self.register_buffer("input_gain", torch.tensor(_UNIFORM_GAIN))
        self.first = DemodulatedConv2d(3, n, 7, padding_px=3, gain=RELU_GAIN)
        self.down = nn.ModuleList(
            DemodulatedConv2d(i, 2 * i, 3, stride=2, padding_px=1, gain=RELU_GAIN) for i in (n, 2 * n)
        )
        self.blocks = nn.ModuleList(ResidualBlock(4 * n) for _ in range(shape.n_blocks))
        self.up = nn.ModuleList(DemodulatedUpConv2d(i, i // 2, gain=RELU_GAIN) for i in (4 * n, 2 * n))
        self.last = EqualisedConv2d(n, 3, 7)

    def forward(self, images: Tensor) -> Tensor:
        check_images(images)
        x = (images - self.input_mean) * self.input_gain
        for conv in (self.first, *self.down):
            x = F.leaky_relu_(conv(x), SLOPE)
        for block in self.blocks:
            x = block(x)
        for conv in self.up:
            x = F.leaky_relu_(conv(x), SLOPE)
        return to_picture(self.last(x), images if self.shape.skip else None, clamp=not self.training)

    @torch.no_grad()
    def fit_input(self, images: Tensor) -> None:
        """Shift and scale what comes in so that images like these, [N,3,H,W], have mean 0 and variance 1."""
        mean = images.double().mean(dim=(0, 2, 3), keepdim=True)
        sigma = (images.double() - mean).square().mean().sqrt()
        self.input_mean.copy_(mean)
        self.input_gain.copy_(1 / sigma.clamp(min=_MIN_INPUT_SIGMA))

    @torch.no_grad()
    def draw_weights(self, rng: torch.Generator | None) -> None:
        """Fresh weights: normal, where a picture is flat orthogonal (`draw_even`)."""
        for name, module in self.named_modules():
            if isinstance(module, DemodulatedConv2d):
                draw_even(module.weight, rng, in_pairs=module.gain == RELU_GAIN)
                module.bias.zero_()
            elif name == "last":
                self.last.weight.normal_(0, SKIP_SIGMA if self.shape.skip else LAST_SIGMA, generator=rng)
                module.get_parameter("bias").zero_()


class ResidualBlock(nn.Module):
    """(x + conv(gain · leaky ReLU(conv(x)))) / √2, the gains inside the convolutions."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.inner = DemodulatedConv2d(n, n, 3, padding_px=1, gain=RELU_GAIN)
        self.outer = DemodulatedConv2d(n, n, 3, padding_px=1, gain=SUM_GAIN)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.outer(F.leaky_relu_(self.inner(x), SLOPE))
        return torch.add(y, x, alpha=SUM_GAIN)


def draw_even(weight: Tensor, rng: torch.Generator | None, in_pairs: bool) -> None:
    """Normal weights [n_out,n_in,K,K] whose sums over the kernel are orthogonal filters.

    Those sums are all that acts where a picture is flat, and few random ones let the spread there wander from
    layer to layer: with 16 filters every fourth network left 0.5 to 2. in_pairs: of each filter's sums there
    are the negatives too, so that a ReLU takes away exactly half.
    """
    n_out, n_in, height, width = weight.shape
    weight.normal_(0, WEIGHT_SIGMA, generator=rng)
    n_rows = -(-n_out // 2) if in_pairs else n_out
    rows = _orthogonal(n_rows, n_in, rng) * math.sqrt(max(1, n_rows / n_in))  # Length 1, at least on average.
    sums = (torch.cat([rows, -rows]) if in_pairs else rows)[:n_out].to(weight)
    sums *= WEIGHT_SIGMA * math.sqrt(n_in * height * width)
    weight += (sums - weight.sum(dim=(2, 3)))[..., None, None] / (height * width)


def _orthogonal(n_rows: int, n_columns: int, rng: torch.Generator | None) -> Tensor:
    """[n_rows,n_columns], float64, orthonormal rows, or columns where those are fewer.

    Rows and columns of a cosine transform (DCT-IV), drawn, with random signs: the decomposition of a random
    matrix takes seconds for a whole generator.
    """
    n = max(n_rows, n_columns)
    places = torch.arange(n, dtype=torch.float64) + 0.5
    transform = math.sqrt(2 / n) * torch.cos(math.pi / n * torch.outer(places, places))
    rows, columns = (torch.randperm(n, generator=rng)[:k] for k in (n_rows, n_columns))
    signs = 1 - 2 * torch.randint(2, (n_columns,), generator=rng)
    return transform[rows][:, columns] * signs
