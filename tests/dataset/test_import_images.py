"""Photographs are labelled by colour alone; a doubtful one is refused with its reason."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from foreign_pictures import files_of, truncate, write_turned
from PIL import Image
from typer.testing import CliRunner

from synth.cell.load import DEFAULT_CELL
from synth.dataset.imports.commands import app
from synth.dataset.imports.images import ImagesSettings, import_images, parse_hsv
from synth.dataset.imports.intake import Summary
from synth.dataset.reader import DatasetReader
from synth.dataset.verify import verify
from synth.errors import InputError

ORANGE = "5,20,120,255,80,255"
BENCH, PART = (120, 120, 115), (230, 110, 25)


def photograph(path: Path, *boxes: tuple[int, int, int, int], seed: int = 0) -> Path:
    """A grey bench, 160 by 120, with an orange rectangle on each box xyxy."""
    rgb = np.full((120, 160, 3), BENCH, float)
    for x0, y0, x1, y1 in boxes:
        rgb[y0:y1, x0:x1] = PART
    rgb += np.random.default_rng(seed).normal(0, 2, rgb.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), rgb.clip(0, 255).astype(np.uint8)[..., ::-1])
    return path


def take(folder: Path, out: Path, **changes: Any) -> Summary:
    return import_images(ImagesSettings(folder, out, parse_hsv(ORANGE), "lid", **changes))


def write_set(folder: Path) -> Path:
    for i in range(8):
        photograph(folder / f"photo {i}.png", (20 + 5 * i, 30, 60 + 5 * i, 60), seed=i)
    return folder


def test_boxes_and_masks_are_those_of_the_part(tmp_path: Path) -> None:
    """Tight and 1:1 box and the mask lie where the rectangle was drawn; neighbours share a split."""
    summary = take(write_set(tmp_path / "in"), tmp_path / "out")
    dataset = DatasetReader(tmp_path / "out")
    assert (summary.n_samples, summary.n_instances, summary.misfits) == (8, 8, ())
    assert [s.split for s in dataset] == ["train"] * 5 + ["val"] + ["test"] * 2
    for i, sample in enumerate(dataset):
        (instance,) = sample.instances
        x0 = 20 + 5 * i
        np.testing.assert_allclose(instance.box_xyxy_px, (x0, 30, x0 + 40, 60), atol=1)
        np.testing.assert_allclose(instance.square_xyxy_px, (x0, 25, x0 + 40, 65), atol=1)
        assert instance.class_name == "lid"
        expected = np.zeros((120, 160), bool)
        expected[30:60, x0 : x0 + 40] = True
        assert (dataset.load_mask(sample) != expected).sum() < 20
    assert verify(tmp_path / "out") == []


def test_the_same_command_again_adds_nothing(tmp_path: Path) -> None:
    """Neither a sample nor a refusal is written twice, and pictures are linked."""
    folder = write_set(tmp_path / "in")
    photograph(folder / "none.png")
    take(folder, tmp_path / "out")
    image = DatasetReader(tmp_path / "out")["000001"]
    assert (tmp_path / "out" / image.image).samefile(folder / str(image.quality["source"]))
    before = files_of(tmp_path / "out")
    assert take(folder, tmp_path / "out").n_new == 0
    assert files_of(tmp_path / "out") == before


def make_bare(path: Path) -> None:
    photograph(path, seed=90)


def make_speck(path: Path) -> None:
    photograph(path, (70, 50, 78, 58), seed=91)


def make_cut_off(path: Path) -> None:
    photograph(path, (0, 40, 40, 80), seed=92)


def make_two(path: Path) -> None:
    photograph(path, (20, 30, 60, 60), (90, 30, 120, 60), seed=93)


def make_long(path: Path) -> None:
    photograph(path, (10, 50, 150, 70), seed=94)


def make_torn(path: Path) -> None:
    truncate(photograph(path, (20, 30, 60, 60), seed=95))


def make_fake(path: Path) -> None:
    path.write_text("no picture")


def make_copy(path: Path) -> None:
    path.write_bytes((path.parent / "photo 7.png").read_bytes())


def make_link(path: Path) -> None:
    path.symlink_to(photograph(path.parent.parent / "elsewhere.png", (20, 30, 60, 60), seed=96))


DOUBTFUL = [
    (make_bare, "no blob", "0 % of it"),
    (make_speck, "no blob", "nowhere"),
    (make_cut_off, "at the border", "border"),
    (make_two, "two blobs", "75 %"),
    (make_torn, "unreadable", "a.png"),
    (make_fake, "unreadable", "not a picture"),
    (make_copy, "same picture", "pixels of sample"),
    (make_link, "no picture", "leads out"),
]


@pytest.mark.parametrize(("make", "reason", "sentence"), DOUBTFUL)
def test_a_doubtful_picture_is_refused(
    make: Callable[[Path], None], reason: str, sentence: str, tmp_path: Path
) -> None:
    """Named with its reason; the eight others come in."""
    make(write_set(tmp_path / "in") / "a.png")
    summary = take(tmp_path / "in", tmp_path / "out")
    (misfit,) = summary.misfits
    assert misfit.reason == reason
    assert sentence in str(misfit)
    assert summary.n_samples == 8


def test_a_long_part_has_a_tight_box_alone(tmp_path: Path) -> None:
    """Where no 1:1 box lies in the image the tight one stays, and the record says so; --square names it."""
    make_long(write_set(tmp_path / "in") / "a.png")
    assert take(tmp_path / "in", tmp_path / "out").misfits == ()
    long = next(s for s in DatasetReader(tmp_path / "out") if s.quality["source"] == "a.png")
    assert long.instances[0].box_xyxy_px == (10, 50, 150, 70)
    assert long.instances[0].square_xyxy_px is None
    (misfit,) = take(tmp_path / "in", tmp_path / "square", box_kind="square").misfits
    assert (misfit.where, misfit.reason) == ("a.png", "no 1:1 box")
    assert "without --square" in str(misfit)


@pytest.mark.parametrize(("step_px", "is_said"), [(0, True), (12, False)])
def test_a_blob_that_never_moves_is_said(step_px: int, is_said: bool, tmp_path: Path) -> None:
    """Likely the bench has the colour; a part that moves is nothing to speak of."""
    (tmp_path / "in").mkdir()
    for i in range(6):
        left = 10 + step_px * i
        photograph(tmp_path / f"in/{i}.png", (left, 40, left + 40, 80), seed=50 + i)
    notes = [note.text for note in take(tmp_path / "in", tmp_path / "out").notes]
    assert any("at the same place in nearly every picture" in text for text in notes) == is_said


def test_a_smaller_blob_beside_the_part_is_left_alone(tmp_path: Path) -> None:
    """Under half the part's area it is taken for something else of that colour."""
    photograph(tmp_path / "in/a.png", (20, 30, 60, 60), (90, 30, 105, 50))
    take(tmp_path / "in", tmp_path / "out")
    (sample,) = DatasetReader(tmp_path / "out")
    np.testing.assert_allclose(sample.instances[0].box_xyxy_px, (20, 30, 60, 60), atol=1)


def test_folders_tell_splits_and_other_files_are_named(tmp_path: Path) -> None:
    """train/ and test/ are kept; a film is named; a picture outside of both is refused, not guessed."""
    photograph(tmp_path / "in/train/a.png", (20, 30, 60, 60), seed=1)
    photograph(tmp_path / "in/test/a.png", (25, 30, 65, 60), seed=2)
    (tmp_path / "in/film.mp4").write_bytes(b"x")
    summary = take(tmp_path / "in", tmp_path / "out")
    assert summary.splits == {"test": 1, "train": 1}
    assert [(m.where, m.reason) for m in summary.misfits] == [("film.mp4", "no picture")]
    photograph(tmp_path / "in/other.png", (25, 30, 65, 60), seed=3)
    with pytest.raises(InputError, match=r"other\.png is in no split"):
        take(tmp_path / "in", tmp_path / "out2")


def test_a_turned_photograph_is_labelled_upright(tmp_path: Path) -> None:
    """Pixels, size and boxes are those of the picture as its EXIF turns it, and that is noted."""
    write_set(tmp_path / "in")
    turned = write_turned(tmp_path / "turned.jpg")
    rgb = np.full((160, 120, 3), BENCH, np.uint8)
    rgb[30:60, 20:60] = PART
    with Image.open(turned) as image:
        Image.fromarray(rgb).save(tmp_path / "in/turned.jpg", exif=image.getexif(), quality=95)
    summary = take(tmp_path / "in", tmp_path / "out")
    (sample,) = [s for s in DatasetReader(tmp_path / "out") if s.quality["source"] == "turned.jpg"]
    assert sample.size_wh == (160, 120)
    np.testing.assert_allclose(sample.instances[0].box_xyxy_px, (100, 20, 130, 60), atol=1.5)
    assert any("turned upright" in str(note) for note in summary.notes)


RANGES = [
    "",
    "5,20",
    "5,20,120,255,80,256",
    "5,200,0,255,0,255",
    "a,b,c,d,e,f",
    "5,20,200,100,0,255",
    "1.5,2,3,4,5,6",
]


@pytest.mark.parametrize("text", RANGES)
def test_another_range_is_refused(text: str) -> None:
    """The sentence says what --hsv must be."""
    with pytest.raises(InputError, match="--hsv must be h_min,h_max"):
        parse_hsv(text)


def test_nothing_to_import_is_refused(tmp_path: Path) -> None:
    """No folder, no pictures, no picture that fits, no name of a class: one sentence each."""
    with pytest.raises(InputError, match="there is no folder"):
        take(tmp_path / "none", tmp_path / "out")
    (tmp_path / "in").mkdir()
    with pytest.raises(InputError, match="has no pictures"):
        take(tmp_path / "in", tmp_path / "out")
    for name in ("Thumbs.db", "IMG_1.HEIC"):
        (tmp_path / "in" / name).write_bytes(b"x")
    with pytest.raises(InputError, match=r"no pictures that can be read; .* first IMG_1.HEIC: .* convert"):
        take(tmp_path / "in", tmp_path / "out")
    photograph(tmp_path / "in/a.png")
    with pytest.raises(InputError, match="nothing could be imported"):
        take(tmp_path / "in", tmp_path / "out")


def test_the_colour_comes_from_a_cell_or_the_command(tmp_path: Path) -> None:
    """--cell gives colour and class, --hsv the colour; exactly one of them is wanted."""
    write_set(tmp_path / "in")
    runner = CliRunner()
    arguments = ["images", str(tmp_path / "in"), "--out"]
    done = runner.invoke(app, [*arguments, str(tmp_path / "a"), "--cell", str(DEFAULT_CELL)])
    assert done.exit_code == 0, done.output
    assert DatasetReader(tmp_path / "a").info.classes == ("bracket",)
    done = runner.invoke(app, [*arguments, str(tmp_path / "b"), "--hsv", ORANGE, "--square"])
    assert done.exit_code == 0, done.output
    assert "8 images (5 train, 1 val, 2 test)" in done.output
    assert DatasetReader(tmp_path / "b").info.box_kind == "square"
    assert isinstance(runner.invoke(app, [*arguments, str(tmp_path / "c")]).exception, InputError)
