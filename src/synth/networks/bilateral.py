"""A generator that cannot draw: each pixel's colour goes through an affine map that varies smoothly.

Coefficients stand in a coarse grid over the picture and over brightness, the bilateral grid (Chen et al.
2007), which a small network fills (Gharbi et al. 2017, section 3)::

    G(x)_p = x_p + A_p (x_p, 1),    A_p = Σ_l max(0, 1 − |l − g_p|) · grid_l(p)

x: the picture with the other camera's white balance; g_p: brightness of pixel p in levels of the grid,
grid_l(p) interpolated between cells; every coefficient is bounded by tanh. Light, shading and casts can
change from place to place; edges stay where they are, and no ring of a cell's width or less can be drawn.
Blur and grain come after it, as the sensor's (sensor.py).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synth.networks.architecture import BilateralShape
from synth.networks.demodulated import RELU_GAIN, SLOPE, ResidualBlock, draw_even
from synth.networks.layers import DemodulatedConv2d, EqualisedConv2d
from synth.networks.sensor import Sensor

_N_COEFFICIENTS = 12
_FIRST_SIGMA = 0.02
"""Spread of the fresh last convolution's weights: a picture begins as it is, but for its white balance."""

_MOST_DOUBLINGS = 2
_LEAST_CELLS = 2


class BilateralGenerator(nn.Module):
    """Images [N,3,H,W] in −1..1, of any size, to the same, float32, with grain. rng draws the weights.

    rng, of a call: on the images' device, draws the grain; None for one that is always the same.
    """

    def __init__(self, shape: BilateralShape, rng: torch.Generator | None = None) -> None:
        super().__init__()
        self.shape, self.cell_px = shape, 2**shape.n_halvings
        self.sensor = Sensor()
        widths = [shape.n_filters * 2 ** min(i, _MOST_DOUBLINGS) for i in range(shape.n_halvings)]
        self.down = nn.ModuleList(
            DemodulatedConv2d(n_in, n, 3, stride=2, padding_px=1, gain=RELU_GAIN)
            for n_in, n in zip([3, *widths], widths, strict=False)
        )
        self.blocks = nn.ModuleList(ResidualBlock(widths[-1]) for _ in range(shape.n_blocks))
        self.last = EqualisedConv2d(widths[-1], _N_COEFFICIENTS * shape.n_levels, 3)
        with torch.no_grad():
            for module in self.modules():
                if isinstance(module, DemodulatedConv2d):
                    draw_even(module.weight, rng, in_pairs=module.gain == RELU_GAIN)
            self.last.weight.normal_(0, _FIRST_SIGMA, generator=rng)
            self.last.get_parameter("bias").zero_()

    def forward(self, images: Tensor, rng: torch.Generator | None = None) -> Tensor:
        if rng is None:
            rng = torch.Generator(images.device).manual_seed(0)
        balanced = self.sensor.balance(images.float())
        exposed = self.sensor.expose(self.relight(balanced, self.fill(balanced)), rng)
        return exposed if self.training else exposed.clamp(-1, 1)

    def fill(self, balanced: Tensor) -> Tensor:
        """The grid [N,L,12,h,w] of balanced images, a cell for each ``cell_px``; float32."""
        height, width = balanced.shape[2:]
        padding = (0, self._lacks(width), 0, self._lacks(height))
        x = F.pad(balanced, padding, mode="replicate") * 2
        for conv in self.down:
            x = F.leaky_relu_(conv(x), SLOPE)
        for block in self.blocks:
            x = block(x)
        most = self.shape.most_change
        grid = most * torch.tanh(self.last(x).float() / most)
        return torch.stack(grid.chunk(self.shape.n_levels, dim=1), dim=1)

    def relight(self, balanced: Tensor, grid: Tensor) -> Tensor:
        """Balanced images [N,3,H,W] by the coefficients of their grid."""
        (height, width), (h, w) = balanced.shape[2:], grid.shape[3:]
        x, y = (
            (torch.arange(side, device=grid.device) + 0.5) * 2 / (cells * self.cell_px) - 1
            for side, cells in ((width, w), (height, h))
        )
        levels = self.shape.n_levels
        brightness = ((balanced.mean(dim=1) + 1) / 2).clamp(0, 1)
        place = (brightness * (levels - 1) + 0.5) * 2 / levels - 1  # Of level l its middle, as of cells.
        places = torch.stack([x.expand_as(place), y[:, None].expand_as(place), place], dim=-1)
        volume = grid.transpose(1, 2)
        affine = F.grid_sample(volume, places[:, None], padding_mode="border", align_corners=False)[:, :, 0]
        red, green, blue, offset = affine.chunk(4, dim=1)
        change = red * balanced[:, :1] + green * balanced[:, 1:2] + blue * balanced[:, 2:] + offset
        return balanced + change

    def _lacks(self, side_px: int) -> int:
        """Pixels to the next whole cell, and to `_LEAST_CELLS`."""
        return int(max(-side_px % self.cell_px, _LEAST_CELLS * self.cell_px - side_px))
