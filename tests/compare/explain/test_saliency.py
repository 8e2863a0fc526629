"""Where a network looks: maps find the place, and numbers say which part of the crop it is."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from synth.compare.explain.regions import (
    REGIONS,
    Regions,
    find_regions,
    load_regions,
    rank_correlation,
    shares,
)
from synth.compare.explain.saliency import MAP_KINDS, MapKind, draw_saliency, explain
from synth.dataset.crops import recut
from synth.dataset.info import CameraRecord, DatasetInfo, MadeBy
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Draft, Instance
from synth.dataset.store import DatasetWriter
from synth.errors import InputError
from synth.geometry.normals import crop_camera
from synth.geometry.pinhole import Pinhole
from synth.train.tasks.normals.crops import load_normal_crops

CPU = torch.device("cpu")
SIDE_PX = 64
PLACE = (slice(16, 48), slice(24, 56))
CAMERA = Pinhole(
    (160, 120), np.array([[150.0, 0, 80], [0, 150, 58], [0, 0, 1]]), np.array([0.1, -0.2, 0, 0, 0])
)
BENCH_M, ARM_M, SCALE_M = 1.0, 0.8, 0.001
KINDS = pytest.mark.parametrize("kind", MAP_KINDS)


class LooksAt(nn.Module):
    """Its normal follows two of the colours at one place and nothing else; the dropout shows its mode."""

    def __init__(self, place: tuple[slice, slice] = PLACE) -> None:
        super().__init__()
        self.place = place
        self.gain = nn.Parameter(torch.tensor(0.7))
        self.drop = nn.Dropout(0.5)

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        red, green, _ = self.drop(crops[:, :, self.place[0], self.place[1]]).mean(dim=(2, 3)).unbind(1)
        uvw = torch.stack([self.gain * red, self.gain * green, torch.ones_like(red)], dim=1)
        return functional.normalize(uvw, dim=1)


class Blind(nn.Module):
    """Says the same of every crop."""

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        return torch.tensor([[0.6, 0.0, 0.8]]).expand(len(crops), 3)


@pytest.fixture
def crops_u8() -> NDArray[np.uint8]:
    """Three noisy crops with a bright block where LooksAt looks."""
    rng = np.random.default_rng(0)
    crops = rng.integers(0, 120, (3, SIDE_PX, SIDE_PX, 3), dtype=np.uint8)
    crops[:, PLACE[0], PLACE[1]] += 120
    return crops


@KINDS
def test_attention_is_where_the_network_looks(crops_u8: NDArray[np.uint8], kind: MapKind) -> None:
    """More than 0.9 of it, give or take half an occluding patch, on a quarter of the crop."""
    maps = explain(LooksAt(), crops_u8, kind, CPU)
    reach = SIDE_PX // 16 if kind == "occlusion" else 0
    rows, columns = (slice(axis.start - reach, axis.stop + reach) for axis in PLACE)
    assert maps.shape == crops_u8.shape[:3]
    assert (maps >= 0).all()
    np.testing.assert_allclose(maps.sum(axis=(1, 2)), 1)
    assert (maps[:, rows, columns].sum(axis=(1, 2)) > 0.9).all()


@KINDS
def test_a_blind_network_looks_everywhere_alike(crops_u8: NDArray[np.uint8], kind: MapKind) -> None:
    """Where nothing matters the map is even and still of sum 1."""
    np.testing.assert_allclose(explain(Blind(), crops_u8, kind, CPU), SIDE_PX**-2)


@KINDS
def test_asking_changes_nothing(crops_u8: NDArray[np.uint8], kind: MapKind) -> None:
    """Modes, frozen weights, gradients and crops are as before, and asking again gives the same bits."""
    net = LooksAt().train()
    net.drop.eval()
    net.gain.requires_grad_(False)
    before = crops_u8.copy()
    first = explain(net, crops_u8, kind, CPU)
    assert (net.training, net.drop.training) == (True, False)
    assert not net.gain.requires_grad
    assert net.gain.grad is None
    assert np.array_equal(crops_u8, before)
    net.drop.train()
    assert np.array_equal(explain(net, crops_u8, kind, CPU), first)
    assert net.drop.training


@KINDS
def test_a_turn_about_any_axis_counts(crops_u8: NDArray[np.uint8], kind: MapKind) -> None:
    """Places that turn the normal sideways and up count alike, and the axes it is said in do not matter."""

    class Halves(LooksAt):
        def forward(self, crops: torch.Tensor) -> torch.Tensor:
            left, right = (
                crops[:, 0, 16:48, columns].mean(dim=(1, 2)) for columns in (PLACE[1], slice(0, 24))
            )
            uvw = torch.stack([self.gain * left, self.gain * right, torch.full_like(left, 3)], dim=1)
            return functional.normalize(uvw, dim=1)

    class Rolled(Halves):
        def forward(self, crops: torch.Tensor) -> torch.Tensor:
            return super().forward(crops).roll(1, dims=1) * torch.tensor([1.0, -1.0, 1.0])

    straight, rolled = (explain(net, crops_u8, kind, CPU) for net in (Halves(), Rolled()))
    for columns in (PLACE[1], slice(0, 24)):
        assert straight[:, 16:48, columns].sum(axis=(1, 2)).min() > 0.2
    np.testing.assert_allclose(rolled, straight, atol=1e-5)


def test_one_crop_does_not_depend_on_its_neighbours(crops_u8: NDArray[np.uint8]) -> None:
    """More crops than fit a batch get the maps that each gets alone."""
    many = np.concatenate([crops_u8] * 6)
    alone = explain(LooksAt(), crops_u8, "gradients", CPU)
    np.testing.assert_allclose(
        explain(LooksAt(), many, "gradients", CPU), np.concatenate([alone] * 6), rtol=1e-5
    )


def test_rank_correlation_tells_same_from_other() -> None:
    """1 with itself whatever the scale, about 0 with an independent map, NaN where a map has no ranks."""
    rng = np.random.default_rng(0)
    maps, other = rng.random((2, 4, 224, 224))
    np.testing.assert_allclose(rank_correlation(maps, 3 * maps), 1)
    assert np.abs(rank_correlation(maps, other)).max() < 0.15
    assert np.isnan(rank_correlation(maps, np.ones_like(maps))).all()
    with pytest.raises(InputError, match=r"got \[4, 224, 224\] and \[3, 224, 224\]"):
        rank_correlation(maps, other[:3])


def test_single_pixels_do_not_decide_ranks() -> None:
    """Pixel noise on one and the same coarse map leaves the correlation high."""
    rng = np.random.default_rng(0)
    coarse = cv2.resize(rng.random((8, 8)), (224, 224), interpolation=cv2.INTER_CUBIC)[None]
    noisy = (coarse + rng.normal(0, 1, (2, 1, 224, 224))).clip(-5)
    assert rank_correlation(noisy[0], noisy[1])[0] > 0.6
    assert np.corrcoef(noisy.reshape(2, -1))[0, 1] < 0.3


def painted_crop() -> tuple[NDArray[np.uint8], Regions]:
    """A part on a grey bench with a shadow to its right, an arm above it and a dark spot apart."""
    crop = np.full((100, 100, 3), 160, np.uint8)
    part, arm = np.zeros((2, 100, 100), np.bool_)
    part[30:80, 20:60] = True
    arm[:30, 30:50] = True
    crop[40:80, 60:80] = 100
    crop[5:15, 80:95] = 100
    crop[arm] = 90
    crop[part] = (220, 110, 30)
    labels = find_regions(crop, part, arm)
    return crop, Regions(labels[None], part[None], np.array([True]), ("000000_0",))


@pytest.mark.parametrize(
    ("name", "rows", "columns"),
    [
        ("inside", slice(40, 70), slice(30, 50)),
        ("edge", slice(40, 70), slice(59, 61)),
        ("shadow", slice(45, 75), slice(65, 78)),
        ("arm", slice(2, 25), slice(33, 47)),
        ("elsewhere", slice(85, 99), slice(0, 100)),
        ("elsewhere", slice(5, 15), slice(80, 95)),
    ],
)
def test_attention_falls_into_its_region(name: str, rows: slice, columns: slice) -> None:
    """A map that is in one place only has share 1 there, and more per area than an even map."""
    _, regions = painted_crop()
    maps = np.zeros((1, 100, 100))
    maps[0, rows, columns] = 1
    found = shares(maps / maps.sum(), regions)
    assert found.attention[0, REGIONS.index(name)] == pytest.approx(1)
    assert found.attention.sum() == found.area.sum() == pytest.approx(1)
    assert found.per_area[REGIONS.index(name)] > 1


def test_shares_of_an_even_map_are_those_of_the_area() -> None:
    """Per area everything is 1, and areas are those painted."""
    _, regions = painted_crop()
    found = shares(np.full((1, 100, 100), 1e-4), regions)
    np.testing.assert_allclose(found.per_area, 1)
    area = dict(zip(REGIONS, found.area[0], strict=True))
    assert area["inside"] == pytest.approx(0.46 * 0.36)
    assert area["shadow"] == pytest.approx(0.18 * 0.40, rel=0.05)
    assert area["arm"] == pytest.approx(0.20 * 0.28, rel=0.05)


def test_crops_without_a_mask_have_no_shares() -> None:
    """Their rows are NaN and the others' ratio does not feel them; other crops' maps are refused."""
    _, regions = painted_crop()
    both = Regions(
        np.concatenate([regions.labels, np.full_like(regions.labels, 4)]),
        np.concatenate([regions.part, np.zeros_like(regions.part)]),
        np.array([True, False]),
        ("000000_0", "000001_0"),
    )
    found = shares(np.full((2, 100, 100), 1e-4), both)
    assert np.isnan(found.attention[1]).all()
    assert np.isnan(found.area[1]).all()
    np.testing.assert_allclose(found.per_area, 1)
    with pytest.raises(InputError, match="must be of the same crops"):
        shares(np.full((1, 100, 100), 1e-4), both)


def write_dataset(root: Path, with_mask: bool = True) -> DatasetReader:
    """Three samples of a red square at three places under a lens that bends, an arm above it, and a plate."""
    camera = CameraRecord(
        name="test camera",
        serial="1",
        size_wh=(160, 120),
        K=CAMERA.K,
        dist=CAMERA.dist,
        depth_scale_m=SCALE_M,
    )
    made_by = MadeBy(verb="capture", simulated=True)
    info = DatasetInfo(kind="real", classes=("cover",), camera=camera, made_by=made_by)
    bench = np.full((120, 160), BENCH_M / SCALE_M, np.uint16)
    rng = np.random.default_rng(0)
    with DatasetWriter.create_or_resume(root, info) as writer:
        for index, (x, y) in enumerate([(20, 25), (70, 60), (108, 30)]):
            rgb = np.full((120, 160, 3), 160, np.uint8)
            mask, depth = np.zeros((120, 160), np.uint16), bench.copy()
            rgb[y - 15 : y, x + 8 : x + 20], depth[y - 15 : y, x + 8 : x + 20] = 60, ARM_M / SCALE_M
            corners = np.array([[x, y], [x + 30, y + 4], [x + 27, y + 33], [x + 2, y + 29]])
            cv2.fillConvexPoly(mask, corners, 1)
            rgb[mask > 0], depth[mask > 0] = (230, 20, 20), ARM_M / SCALE_M
            square = (x - 4.0, y - 6.0, x + 38.0, y + 36.0)
            draft = Draft(
                name=f"{index:06d}",
                split="test",
                size_wh=(160, 120),
                K=CAMERA.K,
                dist=CAMERA.dist,
                instances=(
                    Instance(
                        class_name="cover",
                        box_xyxy_px=square,
                        square_xyxy_px=square,
                        normal_uvw=(0, 0, 1),
                        point_xy=(0.5, 0.5),
                        visib_fract=1.0,
                        R_crop_cam=crop_camera(CAMERA, square)[1],
                        normal_crop_uvw=(0, 0, 1),
                        point_crop_xy=(0.5, 0.5),
                    ),
                ),
            )
            rgb += rng.integers(0, 3, rgb.shape, dtype=np.uint8)
            layers = {"image": rgb, "depth": depth} | ({"mask": mask} if with_mask else {})
            writer.append(draft, layers=layers, crops=recut(draft, rgb))
        writer.add_plate(np.full((120, 160, 3), 160, np.uint8), bench)
    return DatasetReader(root)


@pytest.mark.parametrize("side_px", [64, 224])
@pytest.mark.parametrize("crop", ["rectified", "paper"])
def test_regions_lie_on_the_crop(tmp_path: Path, side_px: int, crop: str) -> None:
    """The part is where the crop is red (IoU > 0.95) and the arm where it is black, crop by crop."""
    dataset = write_dataset(tmp_path / "real")
    samples = dataset.samples[::-1]
    crops = load_normal_crops(dataset, samples, side_px, crop)
    regions = load_regions(dataset, samples, side_px, crop)
    assert regions.names == crops.names
    assert regions.known.all()
    for crop_u8, part, labels in zip(crops.crops_u8, regions.part, regions.labels, strict=True):
        red = crop_u8[..., 1] < 90
        red &= crop_u8[..., 0] > 150
        assert (red & part).sum() / (red | part).sum() > 0.95
        assert (crop_u8[labels == REGIONS.index("arm")].mean(axis=1) < 120).mean() > 0.9
        assert (labels == REGIONS.index("arm")).mean() > 0.02
        assert part[labels == REGIONS.index("inside")].all()


def test_regions_need_masks_and_crops(tmp_path: Path) -> None:
    """Without masks nothing is known and all is elsewhere; without crops it is one sentence."""
    dataset = write_dataset(tmp_path / "real", with_mask=False)
    regions = load_regions(dataset, dataset.samples, 32)
    assert not regions.known.any()
    assert (regions.labels == REGIONS.index("elsewhere")).all()
    with pytest.raises(InputError, match="has no crops among the 0 samples"):
        load_regions(dataset, (), 32)


def test_tiles_are_bright_where_attention_is() -> None:
    """A tile has its crop's shape, colour where the map is high and dim grey elsewhere; empty maps too."""
    crop, _ = painted_crop()
    maps = np.zeros((2, 100, 100))
    maps[0, 40:60, 40:60] = 1 / 400
    tiles = draw_saliency(np.stack([crop, crop]), maps)
    assert tiles.shape == (2, 100, 100, 3)
    assert tiles.dtype == np.uint8
    assert tiles[0, 45:55, 45:55].mean() > 100
    assert np.ptp(tiles[1], axis=2).max() == 0
    assert tiles[1].max() < 120
    with pytest.raises(InputError, match="do not go together"):
        draw_saliency(crop[None], maps)


def test_what_cannot_be_explained_is_one_sentence(crops_u8: NDArray[np.uint8]) -> None:
    """An unknown kind names the known ones; arrays that are no crops are named by their shape."""
    with pytest.raises(InputError, match="choose one of gradients, integrated-gradients, occlusion"):
        explain(Blind(), crops_u8, "lime", CPU)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"must be \[N,S,S,3\] uint8, got \[3, 64, 32, 3\]"):
        explain(Blind(), crops_u8[:, :, :32], "gradients", CPU)
