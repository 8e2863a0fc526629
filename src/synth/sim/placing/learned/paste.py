"""Cut-outs laid into pictures so that gradients go from the picture to where and how each was laid.

N pictures of K cut-outs each, at the size at which the target network looks. A cut-out is a patch [4,h,w]:
linear light 0 to 1, as it goes on beyond the outline, and coverage; the middle of its mask's box is the
middle of the patch, and its pixels are as large as the picture's.
"""

from dataclasses import dataclass, replace
from math import exp, pi

import torch
from torch import Tensor
from torch.nn import functional

from synth.sim.placing.learned.light import blur, reach_px, to_linear, to_srgb
from synth.sim.placing.placement import Bounds

SEEN_SHARE = 0.7
"""Of the side of what a synthesizer looks at: the longer side of a cut-out's box (the paper's A.2)."""

_LEAST_LIGHT = 1e-6
COVERED = 0.5


@dataclass(frozen=True, eq=False)
class Placed:
    """Cut-outs as they are laid: `Placement`'s fields, [N,K] and, of points and scales, [N,K,2]."""

    centre_xy_px: Tensor
    angle_deg: Tensor
    shear: Tensor
    log_scale_xy: Tensor
    gain: Tensor
    gamma: Tensor
    blur_px: Tensor

    def matrix(self) -> Tensor:
        """[N,K,2,2], as `Placement.matrix`."""
        turn = self.angle_deg * (pi / 180)
        c, s, k = turn.cos(), turn.sin(), self.shear
        turned = torch.stack([c - s * k, -s, s + c * k, c], dim=-1).reshape(*k.shape, 2, 2)
        return turned * self.log_scale_xy.exp()[..., None, :]

    def extent(self, extent_wh: Tensor) -> Tensor:
        """[N,K,2]: width and height of the upright boxes around transformed boxes [N,K,2], pixels."""
        boxes: Tensor = self.matrix().abs() @ extent_wh[..., None]
        return boxes[..., 0]


@dataclass(frozen=True, eq=False)
class Pasted:
    """What came of it.

    images: [N,3,H,W], sRGB 0 to 1. alphas: [N,K,H,W], what is visible of each. boxes_xyxy_px: [N,K,4], tight
    around what covers a pixel by more than half, without gradient; all 0 where nothing does. visible: [N,K],
    share of each that neither others nor the picture's edges hide.
    """

    images: Tensor
    alphas: Tensor
    boxes_xyxy_px: Tensor
    visible: Tensor


def place(unit: Tensor, bounds: Bounds, extent_wh: Tensor, size_wh: tuple[int, int]) -> Placed:
    """`Bounds.place` of unit coordinates [N,K,9]; extent_wh: [N,K,2], of masks as they were taken, pixels."""
    angle, shear, scale_x, scale_y, shift_x, shift_y, gain, gamma, blurred = unit.unbind(dim=-1)
    low, high = bounds.log_scale
    scale = torch.stack([scale_x, scale_y], dim=-1)
    scales = torch.where(scale >= 0, high * scale, -low * scale)
    mean = scales.mean(dim=-1, keepdim=True)
    log_scale_xy = mean + bounds.aspect * (scales - mean)
    placed = Placed(
        torch.zeros_like(scales),
        bounds.angle_deg * angle,
        bounds.shear * shear,
        log_scale_xy,
        (bounds.log_gain * gain).exp(),
        (bounds.log_gamma * gamma).exp(),
        bounds.blur_px * blurred.clamp(min=0),
    )
    box, size = placed.extent(extent_wh), unit.new_tensor(size_wh)
    slack = ((size - box) / 2 + bounds.truncation * box).clamp(min=0)
    return replace(placed, centre_xy_px=size / 2 + slack * torch.stack([shift_x, shift_y], dim=-1))


def paste(backgrounds: Tensor, cutouts: Tensor, placed: Placed, bounds: Bounds) -> Pasted:
    """Lay cut-outs [N,K,4,h,w], the first at the back, into pictures [N,3,H,W], sRGB 0 to 1.

    Light is blended linear and multiplied by coverage before it is resampled, so that no outline darkens. A
    cut-out that shrinks is blurred first, by half of what its scale is below 1 in each of its axes (as
    scikit-image's ``resize`` does). bounds: those of `place`.
    """
    n, k = cutouts.shape[:2]
    height, width = backgrounds.shape[-2:]
    light, alpha = cutouts[:, :, :3], cutouts[:, :, 3:]
    if bounds.log_gamma:
        light = light.clamp(min=_LEAST_LIGHT) ** placed.gamma[..., None, None, None]
    light = placed.gain[..., None, None, None] * light
    patches = torch.cat([light * alpha, alpha], dim=2).flatten(0, 1)
    patches = blur(patches, _shrink_sigma(1 / placed.log_scale_xy.exp()).flatten(0, 1), _shrink_most(bounds))
    margin = reach_px(bounds.blur_px)  # So that a blur finds beyond an edge what is there.
    layers = _resample(patches, placed, (width, height), margin)
    spread = placed.blur_px.flatten()[:, None].expand(-1, 2)
    layers = blur(layers, spread, bounds.blur_px)
    layers = layers[..., margin : margin + height, margin : margin + width].reshape(n, k, -1, height, width)
    through = (1 - layers[:, :, 3:]).flip(1).cumprod(dim=1).flip(1)  # By a layer and all before it.
    before = torch.cat([through[:, 1:], torch.ones_like(through[:, :1])], dim=1)
    seen = layers * before
    images = to_srgb(seen[:, :, :3].sum(dim=1) + through[:, 0] * to_linear(backgrounds))
    alphas = seen[:, :, 3]
    whole = cutouts[:, :, 3].sum(dim=(2, 3)) * placed.log_scale_xy.sum(dim=-1).exp()
    visible = alphas.sum(dim=(2, 3)) / whole.clamp(min=1)
    return Pasted(images, alphas, find_boxes(alphas), visible.clamp(max=1))


def frame(cutouts: Tensor, extent_wh: Tensor, side_px: int) -> Tensor:
    """What a synthesizer looks at: cut-outs [N,K,4,h,w] as [N,K,4,S,S], all as large, without gradient.

    sRGB on black and coverage; the longer side of each one's box takes `SEEN_SHARE` of the side.
    """
    n, k = cutouts.shape[:2]
    patches = torch.cat([to_srgb(cutouts[:, :, :3]) * cutouts[:, :, 3:], cutouts[:, :, 3:]], dim=2)
    patches = patches.detach().flatten(0, 1)
    longer = extent_wh.detach().amax(dim=-1).flatten()
    zoomed = longer / (SEEN_SHARE * side_px)  # Pixels of the patch in one of the view.
    sigma = _shrink_sigma(zoomed)
    patches = blur(patches, sigma[:, None].expand(-1, 2), float(sigma.max()))
    size = zoomed.new_tensor(patches.shape[:-3:-1])
    linear = torch.diag_embed(zoomed[:, None] * side_px / size)
    theta = torch.cat([linear, torch.zeros_like(linear[..., :1])], dim=-1)
    return _sample(patches, theta, (side_px, side_px)).reshape(n, k, -1, side_px, side_px)


def find_boxes(alphas: Tensor) -> Tensor:
    """Tight boxes [...,4], x0 y0 x1 y1 with edges 0..W, of coverage [...,H,W] above a half; 0 without any."""
    covered = alphas.detach() > COVERED
    edges = []
    for inside in (covered.any(dim=-2), covered.any(dim=-1)):  # Columns, then rows.
        n = inside.shape[-1]
        steps = torch.arange(n, device=alphas.device)
        edges += [steps.where(inside, n).amin(dim=-1), (steps + 1).where(inside, 0).amax(dim=-1)]
    x0, x1, y0, y1 = edges
    boxes = torch.stack([x0, y0, x1, y1], dim=-1) * (x1 > 0)[..., None]
    return boxes.to(alphas)


def _shrink_sigma(shrunk: Tensor) -> Tensor:
    """Spread of the blur before so many pixels become one."""
    return ((shrunk - 1) / 2).clamp(min=0)


def _shrink_most(bounds: Bounds) -> float:
    return max(exp(-bounds.log_scale[0]) - 1, 0) / 2


def _resample(patches: Tensor, placed: Placed, size_wh: tuple[int, int], margin: int) -> Tensor:
    """Patches [B,C,h,w] as they lie in a picture that is larger by a margin on every side."""
    (a, b), (c, d) = (row.flatten(0, 1).unbind(-1) for row in placed.matrix().unbind(-2))
    inverse = torch.stack([d, -b, -c, a], dim=-1).reshape(-1, 2, 2) / (a * d - b * c)[:, None, None]
    inverse = 2 * inverse / inverse.new_tensor(patches.shape[:-3:-1])[:, None]
    size = inverse.new_tensor(size_wh)
    middle = inverse @ (size / 2 - placed.centre_xy_px.flatten(0, 1))[..., None]
    theta = torch.cat([inverse * (size / 2 + margin), middle], dim=-1)
    width, height = size_wh
    return _sample(patches, theta, (width + 2 * margin, height + 2 * margin))


def _sample(patches: Tensor, theta: Tensor, size_wh: tuple[int, int]) -> Tensor:
    """Bilinear, transparent beyond the patch; theta: [B,2,3], in torch's units, from picture to patch."""
    grid = functional.affine_grid(theta, [*patches.shape[:2], *size_wh[::-1]], align_corners=False)
    return functional.grid_sample(patches, grid, align_corners=False)
