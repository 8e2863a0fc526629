"""Templates in scenes: labels true to half a pixel, nothing of test frames, what cannot be is said."""

import shutil
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from template_set import SHAPES, SIZE_WH, draw_template, frame, write_frames, write_templates

from synth.dataset.imports.pictures import open_picture
from synth.dataset.reader import DatasetReader
from synth.dataset.verify import verify
from synth.errors import InputError
from synth.sim.colour import to_linear
from synth.sim.cutout import lay
from synth.sim.templates.homography import Turns, box_of, draw_homography, moved, project
from synth.sim.templates.jpeg import find_spread, pressed
from synth.sim.templates.layers import FINE, blurred, cut, find_visible, warp
from synth.sim.templates.likeness import Likeness, Seen, measure_likeness
from synth.sim.templates.scenes import list_scenes
from synth.sim.templates.template import UNKNOWN, make_template, read_templates
from typed import synth

RASTER = 8


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Templates in signs/, frames in real/, photographs in photos/, of which one is the test frame."""
    root = tmp_path_factory.mktemp("templates")
    write_templates(root / "signs")
    real = write_frames(root / "real")
    (root / "photos").mkdir()
    rng = np.random.default_rng(11)
    for i in range(6):
        Image.fromarray(frame(rng)).save(root / "photos" / f"{i}.png")
    for sample in real:
        shutil.copy(real.root / sample.image, root / "photos" / f"{sample.split}_{sample.name}.png")
    return root


@pytest.fixture(scope="module")
def composed(folder: Path) -> DatasetReader:
    """Pictures made on the frames of a dataset, in this process."""
    from in_process_engine import InProcessEngine
    from synth.compute.engines import DEFAULT_ENGINE, ENGINES

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ENGINES, DEFAULT_ENGINE, InProcessEngine())
        patch.setattr("synth.sim.placing.commands.MANY", 2)
        answer = synth(*compose("--per-class", 8, "--out", "out"), cwd=folder)
    assert answer.returncode == 0, answer.stderr
    assert " pictures with templates made" in answer.stdout
    assert " pictures, which take about 1 min." in answer.stdout
    assert "; left out: 1 of test frames or their recordings" in " ".join(answer.stdout.split())
    return DatasetReader(folder / "out")


def compose(*more: object) -> tuple[object, ...]:
    return ("compose", "--templates", "signs", "--on", "real", "--like", "real", "--max-parts", 2, *more)


def rasterise(corners: np.ndarray, size_wh: tuple[int, int]) -> np.ndarray:
    """[H·RASTER,W·RASTER] whether each fine sample lies in a convex polygon, by the sides of its edges."""
    step = (np.arange(max(size_wh) * RASTER) + 0.5) / RASTER
    x, y = np.meshgrid(step[: size_wh[0] * RASTER], step[: size_wh[1] * RASTER])
    sides = [
        (b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])
        for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True)
    ]
    return np.all(np.array(sides) >= 0, axis=0) | np.all(np.array(sides) <= 0, axis=0)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("seed", range(4))
def test_labels_are_those_of_a_rasterised_truth(name: str, seed: int) -> None:
    """Box and mask within half a pixel, whole and partly hidden, however turned."""
    rng = np.random.default_rng(seed)
    rgba = draw_template(SHAPES[name], (200, 200, 200), 192)
    rgba = rgba / np.float32(255)
    template = make_template("x", "x.png", to_linear(rgba) * rgba[..., 3:])
    corners = SHAPES[name] - SHAPES[name].min(axis=0)
    corners = corners / corners.max(axis=0)
    H = draw_homography(template.aspect, template.outline, rng.uniform(12, 60), 200, Turns(60, 180), rng)
    H = moved(H, np.array([50.0, 45.0]) + rng.uniform(0, 1, 2))
    size_wh = (100, 90)
    truth = rasterise(project(H, corners), size_wh)
    sign = warp(template.light, H)
    slab = np.zeros((20 * FINE, 26 * FINE), bool)
    slab[7:, 5:] = True
    hiding = blurred(cut(np.zeros((20, 26, 3), np.float32), slab, (40, 45)), 1.0, edge_only=True)
    for layers in ([sign], [sign, hiding]):
        seen = truth.copy()
        if len(layers) > 1:
            k = RASTER // FINE
            seen[45 * RASTER + 7 * k : 65 * RASTER, 40 * RASTER + 5 * k : 66 * RASTER] = False
        visible = find_visible(layers, 0)
        assert visible.share == pytest.approx(seen.sum() / truth.sum(), abs=0.02)
        rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
        box = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]) / RASTER
        assert np.abs(visible.box_xyxy_px - box).max() <= 0.5
        mask = np.zeros(size_wh[::-1], bool)
        (x, y), (h, w) = visible.corner_xy, visible.mask.shape
        mask[y : y + h, x : x + w] = visible.mask
        share = seen.reshape(size_wh[1], RASTER, size_wh[0], RASTER).mean(axis=(1, 3))
        assert np.abs(share[mask != (share >= 0.5)] - 0.5).max(initial=0) < 0.25


def test_a_fine_pattern_does_not_alias() -> None:
    """Lines far finer than a pixel become the grey of their mean light, and white on white leaves no rim."""
    light = np.ones((512, 512, 4), np.float32)
    light[..., :3] = (np.arange(512) // 4 % 2)[None, :, None]
    template = make_template("x", "x.png", light)
    H = draw_homography(1.0, template.outline, 40, 400, Turns(30, 15), np.random.default_rng(2))
    seen = warp(template.light, moved(H, np.array([30.3, 30.7])))
    inner = cv2.erode((seen.alpha > 0.99).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    assert inner.sum() > 800
    assert np.abs(seen.light[inner] - 0.5).max() < 0.08
    light[..., :3] = 1
    white = blurred(warp(light, moved(H, np.array([30.3, 30.7]))), 1.2)
    page = np.ones((60, 60, 3), np.float32)
    lay(page, white.light, white.alpha, white.corner_xy)
    assert page.min() > 0.999


def test_what_is_half_transparent_is_laid_too() -> None:
    """A glow round an outline is not cut off at it, and the box is the outline's."""
    light = np.zeros((100, 100, 4), np.float32)
    light[..., 3] = 0.4
    light[25:75, 25:75] = 1
    template = make_template("x", "x.png", light)
    seen = warp(template.light, np.array([[80.0, 0, 10.5], [0, 80, 10.5], [0, 0, 1]]))
    assert seen.alpha.sum() == pytest.approx(80 * 80 * light[..., 3].mean(), rel=0.02)
    box = find_visible([seen], 0).box_xyxy_px
    assert box == pytest.approx([30.5, 30.5, 70.5, 70.5], abs=0.3)


def test_pictures_say_what_they_show(composed: DatasetReader, folder: Path) -> None:
    """The set verifies; a sign that nothing hides has the box of its homography; mask and share agree."""
    assert verify(composed.root) == []
    outlines = {t.class_name: t for t in read_templates(folder / "signs")}
    n_whole = 0
    for sample in composed:
        mask = composed.load_mask(sample)
        for i, (instance, step) in enumerate(zip(sample.instances, sample.origin.steps, strict=False)):
            template = outlines[instance.class_name]
            assert (step.region, step.params["sha256"]) == (i, template.sha256)
            whole = box_of(project(np.array(step.params["H"]), template.outline))
            box = np.array(instance.box_xyxy_px)
            assert (box[:2] > whole[:2] - 0.5).all()
            assert (box[2:] < whole[2:] + 0.5).all()
            ys, xs = np.nonzero(mask == i + 1)
            assert np.abs(box - [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]).max() <= 2
            assert instance.visib_fract >= 0.5
            if instance.visib_fract == 1:
                n_whole += 1
                assert np.abs(box - whole).max() <= 0.5
        assert sample.origin.steps[-1].verb == "compose"
    assert n_whole > 5


def test_quotas_are_kept(composed: DatasetReader) -> None:
    """So many train instances of each class, and a quarter as many val ones."""
    counts = Counter((s.split, i.class_name) for s in composed for i in s.instances)
    assert counts == {
        ("train", "bar"): 8,
        ("train", "yield"): 8,
        ("val", "bar"): 2,
        ("val", "yield"): 2,
    }


def test_test_frames_are_no_scenes(composed: DatasetReader, folder: Path) -> None:
    """Of a dataset, a folder or a table, test frames are left out and val frames make val pictures alone."""
    real = DatasetReader(folder / "real")
    for sample in composed:
        assert sample.group == sample.split
        assert {p.split for p in sample.origin.parents} == {sample.split}
    table = folder / "regions.csv"
    names = sorted(p.name for p in (folder / "photos").iterdir())
    table.write_text("image,x,y,w,h\n" + "".join(f"photos/{n},0,0,200,150\n" for n in names))
    for on in (folder / "real", folder / "photos", table):
        found = list_scenes(on, real, seed=0)
        scenes = found.areas
        assert found.left_out == {"of test frames or their recordings": 1}
        known = {s.parent.name: s.split for s in scenes if s.parent is not None}
        assert known == {"000000": "train", "000001": "train", "000002": "val"}
        assert len(scenes) == (3 if on == folder / "real" else 9)
        # What is labelled, on the left, is left out of every frame that is known.
        assert all(s.rectangle[0] >= 50 for s in scenes if s.parent is not None)


def test_a_scene_is_as_large_as_its_photograph_and_shows_its_area_alone(folder: Path) -> None:
    """Within the area it is the photograph, beyond its mirror image, over and over."""
    table = folder / "areas.csv"
    table.write_text("image,x,y,w,h\nphotos/4.png,70,20,66,65\nphotos/4.png,0,0,59,150\n")
    found = list_scenes(table, None, seed=0)
    (scene,) = found.areas
    assert found.left_out == {"too small": 1}
    photograph, shown = open_picture(scene.path).rgb_u8, scene.open()
    assert shown.shape == photograph.shape
    area = photograph[20:85, 70:136]
    assert np.array_equal(shown, np.pad(area, ((20, 65), (70, 64), (0, 0)), mode="symmetric"))


def test_other_frames_of_a_recording_are_of_its_split(folder: Path) -> None:
    """A photograph that is no frame of the dataset, of a recording that tests, is no scene; so are val's."""
    real = DatasetReader(folder / "real")
    table = folder / "recordings.csv"
    rows = [
        f"photos/{i}.png,0,0,200,150,{group}" for i, group in enumerate(["train", "val", "test", "new", ""])
    ]
    table.write_text("\n".join(["image,x,y,w,h,group", *rows]))
    scenes = {s.name: s for s in list_scenes(table, real, seed=0).areas}
    assert {name[7]: s.group for name, s in scenes.items()} == {
        "0": "train",
        "1": "val",
        "3": "new",
        "4": "photos/4.png",
    }
    assert (scenes["photos/0.png"].split, scenes["photos/1.png"].split) == ("train", "val")


def test_a_jpeg_is_pressed_as_it_was(tmp_path: Path) -> None:
    """What is pressed again with its own tables hardly changes, what is laid in becomes blocky; PNG stays.

    By how much edges spread on the way is known.
    """
    rgb_u8 = cv2.GaussianBlur(frame(np.random.default_rng(1)), (0, 0), 2)
    Image.fromarray(rgb_u8).save(tmp_path / "a.jpg", quality=40)
    decoded = np.asarray(Image.open(tmp_path / "a.jpg"))
    again = pressed(decoded, tmp_path / "a.jpg")
    assert np.abs(again.astype(int) - decoded).mean() < 0.3
    noisy = decoded.copy()
    noisy[:50] = np.random.default_rng(0).integers(0, 255, (50, SIZE_WH[0], 3))
    assert np.abs(pressed(noisy, tmp_path / "a.jpg")[:50].astype(int) - noisy[:50]).mean() > 5
    Image.fromarray(rgb_u8).save(tmp_path / "a.png")
    assert pressed(rgb_u8, tmp_path / "a.png") is rgb_u8
    assert find_spread(tmp_path / "a.png") == 0
    assert 0.05 < find_spread(tmp_path / "a.jpg") < 1


def test_signs_are_like_those_of_train_boxes(folder: Path) -> None:
    """Size, light and surroundings come from train boxes; what is borrowed follows the brightness there."""
    real = DatasetReader(folder / "real")
    seen = measure_likeness(real, read_templates(folder / "signs"))
    assert len(seen) == 2
    for one, sample in zip(seen, real.of_split("train"), strict=True):
        wall = np.median(to_linear(real.load_rgb(sample)[60:70, :60] / 255))
        assert one.around == pytest.approx(wall, abs=0.05)
        assert one.gain == pytest.approx(1, abs=0.15)
        assert one.offset == pytest.approx(0, abs=0.03)
    dark, bright = (Seen("a", around, 0.5, 0.01, 1.0) for around in (0.05, 0.6))
    likeness = Likeness((40.0,), (*[dark] * 8, *[bright] * 8))
    borrowed = likeness.borrow(0.3, "b", np.random.default_rng(0))
    assert (borrowed.around, borrowed.gain) == (0.3, pytest.approx(0.25))
    rng = np.random.default_rng(0)
    assert likeness.draw_side(39, rng) is None
    assert likeness.draw_side(60, rng) == 40


def test_licences_are_told(tmp_path: Path) -> None:
    """A table, a file beside (REUSE's), the folder's own, in this order; what is not told is unknown."""
    signs = write_templates(tmp_path / "signs")
    assert {t.licence for t in read_templates(signs)} == {UNKNOWN}
    (signs / "LICENSE").write_text("\nMIT License\n\nmore")
    (signs / "01_yield.png.license").write_text("SPDX-License-Identifier: CC0-1.0\n")
    assert [t.licence for t in read_templates(signs)] == ["CC0-1.0", "MIT License"]
    (signs / "licences.csv").write_text("file,licence\n01_yield.png,CC BY 4.0\n")
    assert [t.licence for t in read_templates(signs)] == ["CC BY 4.0", "MIT License"]


def _no_alpha(root: Path) -> None:
    Image.new("RGB", (64, 64)).save(root / "signs" / "stop.png")


def _twice(root: Path) -> None:
    shutil.copy(root / "signs" / "01_yield.png", root / "signs" / "yield.png")


def _script(root: Path) -> None:
    (root / "signs" / "stop.svg").write_text("<svg viewBox='0 0 1 1'><script/></svg>")


def _clear(root: Path) -> None:
    Image.new("RGBA", (64, 64)).save(root / "signs" / "stop.png")


def _torn(root: Path) -> None:
    (root / "signs" / "stop.png").write_bytes(b"\x89PNG")


def _giant_licence(root: Path) -> None:
    (root / "signs" / "licences.csv").write_text("file,licence\n" + "a" * 200_000)


def _hairline(root: Path) -> None:
    rgba = np.zeros((400, 400, 4), np.uint8)
    rgba[[0, -1], :, 3] = 255
    Image.fromarray(rgba).save(root / "signs" / "stop.png")


def _glow(root: Path) -> None:
    rgba = np.full((400, 400, 4), 90, np.uint8)
    rgba[190:210, 190:210, 3] = 255
    Image.fromarray(rgba).save(root / "signs" / "stop.png")


def _nothing(root: Path) -> None:
    pass


@pytest.mark.parametrize(
    ("spoil", "more", "said"),
    [
        (_no_alpha, (), "stop.png has no alpha"),
        (_twice, (), "two templates of yield, 01_yield.png and yield.png"),
        (_script, (), "stop.svg has a script"),
        (_clear, (), "stop.png is transparent everywhere"),
        (_torn, (), "stop.png is not a PNG that can be read"),
        (_giant_licence, (), "licences.csv is no table that can be read"),
        (_hairline, (), "stop.png has only lines so thin that 40 px of it show nothing"),
        (_glow, (), "stop.png is more than half transparent but for a small part of it"),
        (_nothing, ("--size", "300-400"), "yield can be placed nowhere: it is 300 px or more"),
        (_nothing, ("--size", "big"), "--size says two lengths in px"),
        (_nothing, ("--size", "90-20"), "the smaller first"),
        (_nothing, ("--tilt", "80"), "the tilt must be 0 to 70, got 80"),
        (_nothing, ("--count", "3", "--per-class", "3"), "give one of them"),
        (_nothing, ("--fill-up", "--count", "3"), "give --like, and no --count"),
        (_nothing, ("--distractors", "signs"), "the distractor 01_yield.png is the template of yield"),
        (_nothing, ("--plates", "real"), "leave datasets and --plates out"),
        (_nothing, ("--on", "none"), "there is no none: name a folder of photographs"),
        (_nothing, ("--on", "small"), "no scene of small is large enough: the largest is 60×50 px"),
        (_nothing, ("--on", "regions.csv"), "leaves photo.png, which is 200×150 px"),
        (_nothing, ("--on", "long.csv"), "line 2: there is no 'aaa"),
        (_nothing, ("--on", "alone"), "all 1 scenes are for val, as val frames and one of five"),
        (_nothing, ("--on", "bad.csv"), "must have the header image,x,y,w,h"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    spoil: object, more: tuple[str, ...], said: str, folder: Path, tmp_path: Path
) -> None:
    """Exit code 2, no traceback, and no folder is begun."""
    for name in ("signs", "real"):
        shutil.copytree(folder / name, tmp_path / name)
    Image.fromarray(frame(np.random.default_rng(0))).save(tmp_path / "photo.png")
    (tmp_path / "regions.csv").write_text("image,x,y,w,h\nphoto.png,10,10,200,100\n")
    (tmp_path / "small").mkdir()
    Image.new("RGB", (60, 50)).save(tmp_path / "small" / "photo.png")
    (tmp_path / "long.csv").write_text(f"image,x,y,w,h\n{'a' * 300},0,0,9,9\n")
    (tmp_path / "alone").mkdir()
    shutil.copy(tmp_path / "photo.png", tmp_path / "alone")
    (tmp_path / "bad.csv").write_text("picture,x\nphoto.png,1\n")
    assert callable(spoil)
    spoil(tmp_path)
    answer = synth(*compose(*more, "--out", "out"), cwd=tmp_path)
    assert answer.returncode == 2
    assert said in " ".join(answer.stderr.split())
    assert "Traceback" not in answer.stderr
    assert not list(tmp_path.glob("out*"))


def test_a_quota_is_filled_up(folder: Path) -> None:
    """What the train frames show already is left out of the quota; of what is there nothing is made."""
    from synth.sim.templates.quotas import fill_up

    real = DatasetReader(folder / "real")
    assert fill_up(("bar", "yield"), 5, real) == {"bar": 3, "yield": 5}
    with pytest.raises(InputError, match="2 train instances or more of each class already"):
        fill_up(("bar",), 2, real)
