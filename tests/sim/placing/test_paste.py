"""Pasting that gradients pass, beside NumPy's placement and laying."""

from math import log

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from synth.geometry.boxes import tight_box
from synth.sim import colour
from synth.sim.cutout import cut_out, lay
from synth.sim.placing.learned.light import blur, to_linear, to_srgb
from synth.sim.placing.learned.paste import Pasted, find_boxes, frame, paste, place
from synth.sim.placing.placement import Bounds
from synth.sim.warp import extent_of, lay_out

ALL = Bounds(170, 0.3, (log(0.6), log(1.5)), 0.7, 0.2, 0.3, 0.2, 0.8)
STILL = Bounds(log_scale=(0, 0))


def make_cutouts(n: int, k: int, side: int = 8, inner: int = 4, light: float = 1.0) -> Tensor:
    """Squares in the middle of a transparent patch."""
    cutouts = torch.zeros(n, k, 4, side, side)
    cutouts[:, :, :3] = light
    low = (side - inner) // 2
    cutouts[:, :, 3, low : low + inner, low : low + inner] = 1
    return cutouts


def lay_squares(unit: Tensor, bounds: Bounds = STILL, size: tuple[int, int] = (16, 12)) -> Pasted:
    """White squares of 4 px on black, at unit coordinates [N,K,9]."""
    n, k = unit.shape[:2]
    backgrounds = torch.zeros(n, 3, size[1], size[0])
    placed = place(unit, bounds, torch.full((n, k, 2), 4.0), size)
    return paste(backgrounds, make_cutouts(n, k), placed, bounds)


def test_places_are_numpys() -> None:
    """Every field, matrix and box within 1e-5, for random coordinates, bounds, extents and pictures."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        angle, shear, low, high, aspect, truncation, gain, gamma, blurred = rng.uniform(0, 1, 9)
        bounds = Bounds(180 * angle, shear, (-low, high), aspect, truncation / 2, gain, gamma, 3 * blurred)
        unit, extent = rng.uniform(-1, 1, (3, 2, 9)), rng.uniform(2, 60, (3, 2, 2))
        size = (int(rng.integers(20, 80)), int(rng.integers(20, 80)))
        placed = place(torch.tensor(unit), bounds, torch.tensor(extent), size)
        for i, j in np.ndindex(3, 2):
            want = bounds.place(unit[i, j], tuple(extent[i, j]), size)
            for field, value in vars(placed).items():
                assert value[i, j].numpy() == pytest.approx(np.array(getattr(want, field)), abs=1e-5), field
            assert placed.matrix()[i, j].numpy() == pytest.approx(want.matrix(), abs=1e-5)
            box = placed.extent(torch.tensor(extent))[i, j].numpy()
            assert box == pytest.approx(want.extent(tuple(extent[i, j])), abs=1e-5)


def test_slopes_are_those_of_differences() -> None:
    """Of pictures and visible shares, by every parameter of two cut-outs, in float64, through bounds, warp,
    light, blur and order.
    """
    rng = torch.Generator().manual_seed(1)
    unit = (torch.rand(1, 2, 9, generator=rng, dtype=torch.float64) * 1.4 - 0.7).requires_grad_()
    with torch.no_grad():
        unit[..., -1].abs_()  # Below 0 there is no blur, and no slope.
    cutouts = torch.rand(1, 2, 4, 7, 7, generator=rng, dtype=torch.float64)
    background, weight = (torch.rand(1, 3, 9, 11, generator=rng, dtype=torch.float64) for _ in range(2))
    extent_wh = torch.tensor([[[5.0, 4.0], [3.0, 5.0]]], dtype=torch.float64)

    def measure(at: Tensor) -> Tensor:
        pasted = paste(background, cutouts, place(at, ALL, extent_wh, (11, 9)), ALL)
        assert not pasted.boxes_xyxy_px.requires_grad
        return torch.stack([(pasted.images * weight).sum(), pasted.visible.sum()])

    steps = 1e-6 * torch.eye(18, dtype=torch.float64).reshape(18, 1, 2, 9)
    with torch.no_grad():
        differences = torch.stack([(measure(unit + s) - measure(unit - s)) / 2e-6 for s in steps])
    for i, value in enumerate(measure(unit)):
        (slope,) = torch.autograd.grad(value, unit, retain_graph=True)
        assert torch.allclose(slope.flatten(), differences[:, i], rtol=1e-4, atol=1e-5)
        assert (slope[..., :6].abs() > 1e-4).all()


def test_whole_pixels_are_laid_as_numpy_lays_them() -> None:
    """Unturned at a whole pixel, soft edges too: the picture is that of `lay` in linear light."""
    rng = np.random.default_rng(0)
    background, light = rng.random((12, 16, 3), np.float32), rng.random((8, 8, 3), np.float32)
    alpha = cv2.GaussianBlur(np.pad(np.ones((4, 4), np.float32), 2), (0, 0), 0.7)
    unit = torch.zeros(1, 1, 9)
    unit[..., 4], unit[..., 5] = 3 / 6, -2 / 4  # Of slacks of 6 and 4 px: 3 to the right, 2 up.
    cutout = torch.from_numpy(np.dstack([light, alpha])).permute(2, 0, 1)[None, None]
    placed = place(unit, STILL, torch.full((1, 1, 2), 4.0), (16, 12))
    pasted = paste(torch.from_numpy(background).permute(2, 0, 1)[None], cutout, placed, STILL)
    want, ids = colour.to_linear(background), np.zeros((12, 16, 3), np.float32)
    lay(want, light, alpha, (7, 0))
    lay(ids, np.ones_like(light), alpha, (7, 0))
    assert pasted.images[0].permute(1, 2, 0).numpy() == pytest.approx(colour.to_srgb(want), abs=1e-5)
    assert pasted.boxes_xyxy_px[0, 0].numpy() == pytest.approx(tight_box(ids[..., 0] > 0.5))


def test_no_outline_darkens() -> None:
    """What is as bright as what it is laid on cannot be seen, turned and shrunk, whatever light lies beyond
    its outline.
    """
    cutouts = make_cutouts(1, 1, light=0.5)
    cutouts[:, :, :3] *= 0.2 + 0.8 * cutouts[:, :, 3:]
    unit = torch.tensor([[[0.2, 0.5, -0.9, 0.3, 0.1, -0.3, 0, 0, 0.7]]])
    bounds = Bounds(180, 0.3, (log(0.5), log(1.5)), 1, blur_px=1)
    placed = place(unit, bounds, torch.full((1, 1, 2), 4.0), (16, 12))
    grey = to_srgb(torch.full((1, 3, 12, 16), 0.5))
    pasted = paste(grey, cutouts, placed, bounds)
    assert pasted.alphas.max() > 0.5
    assert torch.allclose(pasted.images, grey, atol=1e-4)


def test_what_lies_in_front_hides() -> None:
    """The last is in front: the box behind is that of what is seen of it, and one without any is 0."""
    unit = torch.zeros(1, 3, 9)
    unit[0, 1, 4] = 2 / 6  # Two px to the right; the other two in the middle, one on the other.
    pasted = lay_squares(unit)
    assert torch.allclose(pasted.visible, torch.tensor([[0.0, 0.5, 1.0]]), atol=1e-4)
    assert pasted.boxes_xyxy_px[0].tolist() == [[0] * 4, [10, 4, 12, 8], [6, 4, 10, 8]]
    assert torch.allclose(pasted.alphas.sum(dim=1).max(), torch.tensor(1.0))


def test_what_leaves_the_picture_is_not_visible() -> None:
    """Truncation by a half shows a half of an axis; scales count as area."""
    unit = torch.zeros(2, 1, 9)
    unit[:, :, 4], unit[1, 0, 2:4] = 1, 1
    bounds = Bounds(log_scale=(0, log(2)), truncation=0.5)
    pasted = lay_squares(unit, bounds, (32, 24))
    assert pasted.visible[:, 0].numpy() == pytest.approx([0.5, 0.5], abs=1e-4)
    assert pasted.boxes_xyxy_px[:, 0].tolist() == [[30, 10, 32, 14], [28, 8, 32, 16]]


def test_light_changes_as_placements_say() -> None:
    """gain · light^gamma, linear."""
    unit = torch.zeros(1, 1, 9)
    unit[..., 6], unit[..., 7] = -1, 0.5
    bounds = Bounds(log_scale=(0, 0), log_gain=log(2), log_gamma=log(4))
    placed = place(unit, bounds, torch.full((1, 1, 2), 4.0), (16, 12))
    cutouts = make_cutouts(1, 1, light=0.6)
    middle = paste(torch.zeros(1, 3, 12, 16), cutouts, placed, bounds).images[0, 0, 6, 8].item()
    assert middle == pytest.approx(colour.to_srgb(0.5 * 0.6**2).item(), abs=1e-5)


def test_light_is_colours_and_a_blur_is_opencvs() -> None:
    """The curves at and beside their bends; a blur of each picture by its own spreads, and of 0 none."""
    levels = np.concatenate([np.linspace(0, 1, 41), [0.0031308, 0.04045, 0.003, 0.04]]).astype(np.float32)
    assert to_linear(torch.from_numpy(levels)).numpy() == pytest.approx(colour.to_linear(levels), abs=1e-6)
    assert to_srgb(torch.from_numpy(levels)).numpy() == pytest.approx(colour.to_srgb(levels), abs=1e-6)
    pictures = np.random.default_rng(0).random((2, 20, 20), np.float32)
    got = blur(torch.from_numpy(pictures)[:, None], torch.tensor([[1.0, 0.5], [0.0, 0.0]]), 1.0)[:, 0].numpy()
    want = cv2.GaussianBlur(pictures[0], (7, 7), 1.0, sigmaY=0.5, borderType=cv2.BORDER_CONSTANT)
    assert got[0] == pytest.approx(want, abs=1e-5)
    assert got[1] == pytest.approx(pictures[1], abs=1e-6)


def test_what_shrinks_does_not_flicker() -> None:
    """Stripes of one px at half their size are grey, wherever the cut-out lies."""
    cutouts = make_cutouts(2, 1, side=24, inner=20)
    cutouts[:, :, :3, :, ::2] = 0
    unit = torch.zeros(2, 1, 9)
    unit[:, :, 2:4] = -1
    unit[1, :, 4] = 0.05
    bounds = Bounds(0, log_scale=(log(0.4), 0))
    placed = place(unit, bounds, torch.full((2, 1, 2), 20.0), (24, 24))
    light = to_linear(paste(torch.zeros(2, 3, 24, 24), cutouts, placed, bounds).images[:, 0, 10:14, 10:14])
    assert (light - 0.5).abs().max() < 0.12


def test_what_a_synthesizer_looks_at() -> None:
    """The longer side of every box takes 0.7 of the side, whatever its size, in the middle."""
    cutouts = make_cutouts(1, 2, side=24, inner=20, light=0.25)
    cutouts[:, 1, 3] = 0
    cutouts[:, 1, 3, 10:14, 8:16] = 1
    views = frame(cutouts.requires_grad_(), torch.tensor([[[20.0, 20.0], [8.0, 4.0]]]), 40)
    assert views.shape == (1, 2, 4, 40, 40)
    assert not views.requires_grad
    assert find_boxes(views[:, :, 3])[0].tolist() == [[6, 6, 34, 34], [6, 13, 34, 27]]
    assert views[0, 0, 0, 20, 20].item() == pytest.approx(colour.to_srgb(0.25).item(), abs=1e-5)


def test_the_compositor_lays_where_pasting_does() -> None:
    """Random turns, shears and scales at full size: boxes agree within a pixel, no coverage differs by more
    than 0.2, and along edges by less than 0.08 in the mean. Here it is bilinear, there edges are made anew.
    """
    mask = np.zeros((70, 60), np.uint8)
    cv2.fillConvexPoly(mask, np.array([[30, 8], [48, 30], [30, 58], [14, 30]]), 1)
    cutout = cut_out(np.full((70, 60, 3), 0.4, np.float32), mask > 0, 0.9)
    assert cutout is not None
    x0, y0, x1, y1 = tight_box(cutout.mask).astype(int)  # type: ignore[union-attr]
    height, width = cutout.mask.shape
    pad_x, pad_y = max(x0, width - x1), max(y0, height - y1)
    around = ((pad_y - y0, pad_y - height + y1), (pad_x - x0, pad_x - width + x1))
    patch = np.dstack([np.pad(cutout.light, (*around, (0, 0)), mode="edge"), np.pad(cutout.alpha, around)])
    bounds, size = Bounds(180, 0.2, (log(0.7), log(1.4)), 0.5), (110, 100)
    cutouts = torch.from_numpy(patch).permute(2, 0, 1)[None, None]
    for seed in range(6):
        unit = np.random.default_rng(seed).uniform(-1, 1, 9)
        placement = bounds.place(unit, extent_of(cutout), size)
        extent = torch.tensor([[extent_of(cutout)]])
        placed = place(torch.tensor(unit)[None, None].float(), bounds, extent.float(), size)
        pasted = paste(torch.zeros(1, 3, *size[::-1]), cutouts, placed, bounds)
        laid = lay_out(cutout, placement, 0.9)
        covered = np.zeros((*size[::-1], 3), np.float32)
        lay(covered, np.ones_like(laid.light), laid.alpha, laid.corner_xy)
        mine, theirs = covered[..., 0], pasted.alphas[0, 0].numpy()
        assert np.abs(mine - theirs).max() < 0.2
        edge = (mine > 0.01) & (mine < 0.99)
        assert np.abs(mine - theirs).sum() < 0.08 * edge.sum()
        assert pasted.boxes_xyxy_px[0, 0].numpy() == pytest.approx(tight_box(mine > 0.5), abs=1)
