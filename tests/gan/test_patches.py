"""Patches are cut from the images as they are, about a part or anywhere, and say truly what they show."""

from pathlib import Path

import numpy as np
import pytest
import torch
from look_pair import PLATE_PX, SIZE_WH, write_look

from synth.dataset.reader import DatasetReader
from synth.errors import DatasetError, InputError
from synth.gan.patches import PatchCutter

SIDE_PX = 32


def _place_of(image_u8: np.ndarray, frame_u8: np.ndarray) -> list[tuple[int, int]]:
    """Every x, y at which a patch stands in a frame, pixel for pixel."""
    side = image_u8.shape[0]
    windows = np.lib.stride_tricks.sliding_window_view(frame_u8, (side, side), axis=(0, 1))
    same = (windows[:, :, :, :4, :4] == image_u8.transpose(2, 0, 1)[:, :4, :4]).all(axis=(2, 3, 4))
    return [
        (int(x), int(y))
        for y, x in np.argwhere(same)
        if (frame_u8[y : y + side, x : x + side] == image_u8).all()
    ]


def _share_with_part(masks: torch.Tensor) -> float:
    return float(masks.flatten(1).any(dim=1).float().mean())


def test_patches_are_the_images_own_pixels_with_their_masks(
    looks: tuple[DatasetReader, DatasetReader],
) -> None:
    """Values from −1 to 1 turn back into the very pixels of the named sample; the mask lies on the plate."""
    _, real = looks
    patches = PatchCutter(real, "train", SIDE_PX).draw(24, np.random.default_rng(0))
    assert patches.images.shape == (24, 3, SIDE_PX, SIDE_PX)
    assert patches.images.dtype == patches.masks.dtype == patches.normals.dtype == torch.float32
    assert {real[name].split for name in patches.names} == {"train"}
    for i, name in enumerate(patches.names):
        image_u8 = ((patches.images[i] + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).numpy()
        ((x, y),) = _place_of(image_u8, real.load_rgb(real[name]))
        mask = real.load_mask(real[name])[y : y + SIDE_PX, x : x + SIDE_PX]
        assert np.array_equal(patches.masks[i, 0].numpy(), mask > 0)


def test_half_of_the_patches_are_about_a_part(looks: tuple[DatasetReader, DatasetReader]) -> None:
    """More than chance would give, yet not all; and the part stands in ever another place."""
    sim, _ = looks
    patches = PatchCutter(sim, "train", SIDE_PX).draw(400, np.random.default_rng(0))
    shows = patches.masks.flatten(1).any(dim=1)
    anywhere = PatchCutter(sim, "train", SIDE_PX)
    anywhere._with_part = ()
    by_chance = _share_with_part(anywhere.draw(400, np.random.default_rng(0)).masks)
    assert _share_with_part(patches.masks) == pytest.approx(0.5 + 0.5 * by_chance, abs=0.07)
    xs = [float(m[0].nonzero()[:, 1].float().mean()) for m in patches.masks[shows]]
    assert np.std(xs) > SIDE_PX / 8
    assert min(xs) < SIDE_PX / 3
    assert max(xs) > 2 * SIDE_PX / 3


def test_normals_belong_to_the_one_part_shown(tmp_path: Path) -> None:
    """The normal of the only part; nan for none and for two, where it could be taken for either's."""
    data = write_look(tmp_path / "one", "rendered", 6, seed=3)
    patches = PatchCutter(data, "train", SIDE_PX).draw(60, np.random.default_rng(0))
    for name, mask, normal in zip(patches.names, patches.masks, patches.normals, strict=True):
        if mask.sum() >= 16:
            assert normal.tolist() == pytest.approx(data[name].instances[0].normal_uvw)
        else:
            assert normal.isnan().all()
    two = write_look(tmp_path / "two", "rendered", 6, seed=3, n_plates=2)
    whole = PatchCutter(two, "train", 80).draw(200, np.random.default_rng(0))
    full = whole.masks.flatten(1).sum(dim=1) > PLATE_PX[0] * PLATE_PX[1] * 1.5
    assert full.any()
    assert whole.normals[full].isnan().all()


def test_normals_are_turned_to_the_line_of_sight(tmp_path: Path) -> None:
    """A part that faces the camera from the edge of a wide view has the normal (0, 0, 1) in its own patch."""
    focal_px = 60.0
    K = np.array([[focal_px, 0, 47.5], [0, focal_px, 39.5], [0, 0, 1.0]])
    data = write_look(tmp_path / "wide", "rendered", 6, seed=3, K=K)
    patches = PatchCutter(data, "train", SIDE_PX).draw(40, np.random.default_rng(0))
    n_known = 0
    for name, normal in zip(patches.names, patches.normals.numpy(), strict=True):
        if np.isnan(normal).any():
            continue
        n_known += 1
        instance = data[name].instances[0]
        x0, y0, x1, y1 = instance.box_xyxy_px
        ray = np.array([(x0 + x1 - 1) / 2 - 47.5, (y0 + y1 - 1) / 2 - 39.5, focal_px])
        to_camera_uvw = -ray / np.linalg.norm(ray) * (1, -1, -1)
        # The angle to the line of sight is what no turn of the axes changes.
        assert normal[2] == pytest.approx(np.dot(to_camera_uvw, instance.normal_uvw), abs=1e-5)
        assert np.linalg.norm(normal) == pytest.approx(1.0, abs=1e-6)
    assert n_known > 10


def test_without_masks_patches_are_about_boxes(tmp_path: Path) -> None:
    """A captured set may lack masks: patches still stand about parts, masks are empty, normals unknown."""
    data = write_look(tmp_path / "real", "real", 4, seed=5, with_masks=False)
    cutter = PatchCutter(data, "train", SIDE_PX)
    assert not cutter.has("mask")
    patches = cutter.draw(40, np.random.default_rng(0))
    assert not patches.masks.any()
    assert patches.normals.isnan().all()
    blue = (patches.images[:, 2] > patches.images[:, 0] + 0.2).flatten(1).float().mean(dim=1) > 0.01
    assert blue.float().mean() > 0.5


def test_draws_follow_from_the_generator_alone(looks: tuple[DatasetReader, DatasetReader]) -> None:
    """The same seed draws the same patches, whether frames are remembered or decoded again each time."""
    sim, _ = looks
    remembering = PatchCutter(DatasetReader(sim.root), "train", SIDE_PX)
    remembering.draw(50, np.random.default_rng(9))
    forgetting = PatchCutter(DatasetReader(sim.root), "train", SIDE_PX, cache_bytes=0)
    a = remembering.draw(20, np.random.default_rng(1))
    b = forgetting.draw(20, np.random.default_rng(1))
    assert a.names == b.names
    assert torch.equal(a.images, b.images)
    assert remembering._cache.n_bytes == remembering.n_images * SIZE_WH[0] * SIZE_WH[1] * 4
    assert forgetting._cache.n_bytes == 0


def test_frames_are_decoded_once_for_all_who_share_a_dataset(
    looks: tuple[DatasetReader, DatasetReader], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sources of other splits and sides of the same witness decode nothing twice."""
    sim = DatasetReader(looks[0].root)
    decoded: list[str] = []
    load_rgb = sim.load_rgb
    monkeypatch.setattr(sim, "load_rgb", lambda sample: decoded.append(sample.name) or load_rgb(sample))
    for side_px in (32, 64):
        for split in ("train", "val"):
            PatchCutter(sim, split, side_px).draw(60, np.random.default_rng(0))
    assert len(decoded) == len(set(decoded)) == len(sim.of_split("train")) + len(sim.of_split("val"))


def test_the_largest_patch_is_the_image(looks: tuple[DatasetReader, DatasetReader]) -> None:
    """A patch as high as the image is cut from it; one pixel more and the image is named."""
    sim, _ = looks
    assert PatchCutter(sim, "train", 80).draw(3, np.random.default_rng(0)).images.shape[-1] == 80
    with pytest.raises(InputError, match=r"images/0000\d\d.png is 96×80, smaller than a patch of 84×84"):
        PatchCutter(sim, "train", 84)


def test_what_cannot_be_cut_is_refused(tmp_path: Path) -> None:
    """A side that the generators cannot halve twice, a split without images, a file that is no PNG."""
    data = write_look(tmp_path / "real", "real", 2, seed=5)
    with pytest.raises(InputError, match="multiple of 4 pixels, got 30"):
        PatchCutter(data, "train", 30)
    with pytest.raises(InputError, match="has no val images"):
        PatchCutter(data, "val", SIDE_PX)
    (sample,) = data.of_split("train")
    (data.root / sample.image).write_bytes(b"\x89PNG torn")
    with pytest.raises(DatasetError, match=rf"{sample.name}.png is not a readable PNG"):
        PatchCutter(data, "train", SIDE_PX).draw(1, np.random.default_rng(0))


def test_layers_are_cut_as_the_image_is(tmp_path: Path) -> None:
    """Those that are asked for and no others, in their own units, from one draw of chance."""
    data = write_look(tmp_path / "rendered", "rendered", 4, seed=5, with_depth=True)
    plain, deep = (
        PatchCutter(data, "train", SIDE_PX, layers=layers).draw(20, np.random.default_rng(0))
        for layers in ((), ("depth", "mask"))
    )
    assert not plain.layers
    assert torch.equal(plain.images, deep.images)
    assert torch.equal(deep.layers["mask"], deep.masks)
    torch.testing.assert_close(deep.layers["depth"], 1.0 - 0.1 * deep.masks)
    assert not PatchCutter(data, "train", SIDE_PX).has("semantic")
