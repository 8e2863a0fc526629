"""Folders of Ultralytics' layout become datasets; what is wrong in them is named and never comes in."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from dataset_scene import fill
from foreign_pictures import files_of, truncate, write_grey16, write_picture, write_turned
from hypothesis import given
from hypothesis import strategies as st
from yolo_set import BOX, by_source, take, write_label, write_set

from synth.dataset.exports.yolo import export_yolo
from synth.dataset.imports.intake import Misfit
from synth.dataset.imports.yolo_rows import parse_line
from synth.dataset.reader import DatasetReader
from synth.dataset.verify import verify
from synth.errors import DatasetError, InputError


@pytest.mark.parametrize("box_kind", ["square", "tight"])
def test_what_was_exported_comes_back(box_kind: str, tmp_path: Path) -> None:
    """Names, splits, classes, pixels and labelled boxes of a dataset survive the way there and back."""
    fill(tmp_path / "real", 12, box_kind=box_kind)
    source = DatasetReader(tmp_path / "real")
    export_yolo(source, tmp_path / "yolo")
    summary = take(tmp_path / "yolo", tmp_path / "out", box_kind=box_kind)
    back = DatasetReader(tmp_path / "out")
    assert (summary.n_samples, summary.misfits, summary.notes) == (12, (), ())
    assert back.info.classes == source.info.classes
    for sample, before in zip(back, source, strict=True):
        assert (sample.name, sample.split) == (before.name, before.split)
        assert sample.pixels_sha256 == before.pixels_sha256
        boxes = [s.instances[0].box_of(box_kind) for s in (sample, before)]
        assert boxes[0] == pytest.approx(boxes[1], abs=1e-9)
    assert verify(tmp_path / "out") == []


def test_pictures_are_linked_and_the_same_command_adds_nothing(tmp_path: Path) -> None:
    """A picture that fits takes no room twice; a second run writes and refuses nothing again."""
    folder = write_set(tmp_path / "in")
    write_label(folder, "train/train0", "7 0.5 0.5 0.1 0.1\n")
    first = take(folder, tmp_path / "out")
    sample = by_source(tmp_path / "out")["images/val/val1.png"]
    assert (tmp_path / "out" / sample.image).samefile(folder / "images/val/val1.png")
    before = files_of(tmp_path / "out")
    second = take(folder, tmp_path / "out")
    assert (first.n_new, second.n_new) == (5, 0)
    assert [str(m) for m in first.misfits] == [str(m) for m in second.misfits]
    assert files_of(tmp_path / "out") == before
    with pytest.raises(DatasetError, match="made otherwise"):
        take(folder, tmp_path / "out", names=("a", "b"))


def test_pictures_without_a_label_show_the_background(tmp_path: Path) -> None:
    """An empty label, or none, is a picture without objects."""
    folder = write_set(tmp_path / "in")
    write_label(folder, "train/train0", "\n")
    (folder / "labels/train/train1.txt").unlink()
    summary = take(folder, tmp_path / "out")
    samples = by_source(tmp_path / "out")
    assert summary.misfits == ()
    assert all(samples[f"images/train/train{i}.png"].instances == () for i in range(2))
    assert (tmp_path / f"out/labels/{samples['images/train/train0.png'].name}.txt").read_text() == ""


def test_polygons_become_boxes_and_masks(tmp_path: Path) -> None:
    """A square polygon fills its box, a smaller one lies on it; beside a mere box there is no mask."""
    folder = write_set(tmp_path / "in")
    outer, inner = "1 .25 .25 .75 .25 .75 .75 .25 .75\n", "0 .5 .5 .625 .5 .625 .625 .5 .625\n"
    write_label(folder, "train/train0", inner + outer)
    write_label(folder, "train/train1", BOX + outer)
    summary = take(folder, tmp_path / "out")
    dataset, samples = DatasetReader(tmp_path / "out"), by_source(tmp_path / "out")
    sample = samples["images/train/train0.png"]
    assert [i.class_name for i in sample.instances] == ["cup", "lid"]
    assert sample.instances[1].box_xyxy_px == (16, 12, 48, 36)
    expected = np.zeros((48, 64), int)
    expected[12:36, 16:48] = 2
    expected[24:30, 32:40] = 1
    assert np.array_equal(dataset.load_mask(sample), expected)
    assert samples["images/train/train1.png"].mask is None
    assert any("train1.png: without a mask" in str(note) for note in summary.notes)
    assert verify(tmp_path / "out") == []


PIXEL = 1 / 64
LINES = [
    ("2 0.5 0.5 0.1 0.1", "unknown class"),
    ("-1 0.5 0.5 0.1 0.1", "unknown class"),
    ("0.5 0.5 0.5 0.1 0.1", "unknown class"),
    ("0 0.5 0.5 nan 0.1", "box not finite"),
    ("0 inf 0.5 0.1 0.1", "box not finite"),
    ("0 0.5 0.5 0 0.1", "box empty"),
    ("0 0.5 0.5 0.1 -0.1", "box empty"),
    (f"0 {0.125 - 1.5 * PIXEL} 0.5 0.25 0.1", "box outside"),
    ("0 320 240 50 60", "box outside"),
    ("cup 0.5 0.5 0.1 0.1", "malformed"),
    ("0 0.5 0.5 0.1", "malformed"),
    ("0 0.5 0.5 0.1 0.1 0.9", "malformed"),
    ("0 0.1 0.1 0.2 0.2 0.3 0.1 1e300 0.5", "box outside"),
]


@pytest.mark.parametrize(("line", "reason"), LINES)
def test_a_line_that_cannot_be_taken_costs_its_picture(line: str, reason: str, tmp_path: Path) -> None:
    """The line is named with its reason, in the summary and in the dataset; every other picture comes in."""
    folder = write_set(tmp_path / "in")
    write_label(folder, "train/train0", f"{BOX}\n{line}\n")
    summary = take(folder, tmp_path / "out")
    (misfit,) = summary.misfits
    assert (misfit.where, misfit.reason) == ("labels/train/train0.txt line 3", reason)
    (rejection,) = DatasetReader(tmp_path / "out").rejections
    assert (rejection.reason, rejection.detail) == (reason, str(misfit))
    assert summary.n_samples == 5
    assert "images/train/train0.png" not in by_source(tmp_path / "out")


def test_a_box_a_rounding_outside_is_cut(tmp_path: Path) -> None:
    """Less than a pixel over the edge is cut there."""
    folder = write_set(tmp_path / "in")
    write_label(folder, "train/train0", f"0 {0.125 - 0.9 * PIXEL} 0.5 0.25 0.25\n")
    take(folder, tmp_path / "out")
    (instance,) = by_source(tmp_path / "out")["images/train/train0.png"].instances
    assert instance.box_xyxy_px == pytest.approx((0, 18, 15.1, 30))


@given(st.text(max_size=60))
def test_no_line_crashes(line: str) -> None:
    """Whatever a line holds, it is an object or a misfit."""
    if line.strip():
        try:
            shape = parse_line(line, ("cup",), (64, 48), "here")
        except Misfit:
            return
        assert shape.class_name == "cup"


def damage_picture(folder: Path) -> None:
    truncate(folder / "images/train/train0.png")


def lose_picture(folder: Path) -> None:
    (folder / "images/train/train0.png").unlink()


def fake_picture(folder: Path) -> None:
    (folder / "images/train/train0.png").write_text("no picture")


def add_film(folder: Path) -> None:
    lose_picture(folder)
    (folder / "labels/train/train0.txt").unlink()
    (folder / "images/train/film.mp4").write_bytes(b"x")


def copy_test_picture(folder: Path) -> None:
    content = (folder / "images/test/test0.png").read_bytes()
    (folder / "images/train/train0.png").write_bytes(content)


def link_out(folder: Path) -> None:
    (folder / "images/train/train0.png").unlink()
    (folder / "images/train/train0.png").symlink_to(write_picture(folder.parent / "elsewhere.png", 99))


def link_label_out(folder: Path) -> None:
    (folder.parent / "secret.txt").write_text(BOX)
    (folder / "labels/train/train0.txt").unlink()
    (folder / "labels/train/train0.txt").symlink_to(folder.parent / "secret.txt")


def break_label_link(folder: Path) -> None:
    (folder / "labels/train/train0.txt").unlink()
    (folder / "labels/train/train0.txt").symlink_to(folder / "nowhere.txt")


def put_pipe_for_label(folder: Path) -> None:
    (folder / "labels/train/train0.txt").unlink()
    os.mkfifo(folder / "labels/train/train0.txt")


def link_to_itself(folder: Path) -> None:
    (folder / "images/train/train0.png").unlink()
    (folder / "images/train/train0.png").symlink_to("train0.png")


def garble_label(folder: Path) -> None:
    (folder / "labels/train/train0.txt").write_bytes(b"0 0.5 \xff\xfe")


def link_folder(folder: Path) -> None:
    lose_picture(folder)
    (folder / "labels/train/train0.txt").unlink()
    (folder.parent / "more").mkdir()
    (folder / "images/train/more").symlink_to(folder.parent / "more")


PLANTED: list[tuple[Callable[[Path], None], str, str, str]] = [
    (damage_picture, "images/train/train0.png", "unreadable", "train0.png"),
    (fake_picture, "images/train/train0.png", "unreadable", "not a picture"),
    (lose_picture, "labels/train/train0.txt", "label without picture", "no picture"),
    (add_film, "images/train/film.mp4", "no picture", "another kind"),
    (copy_test_picture, "images/train/train0.png", "same picture", "pixels of sample"),
    (link_out, "images/train/train0.png", "no picture", "leads out"),
    (link_to_itself, "images/train/train0.png", "no picture", "missing"),
    (link_label_out, "labels/train/train0.txt", "unreadable", "leads out"),
    (break_label_link, "labels/train/train0.txt", "unreadable", "missing"),
    (put_pipe_for_label, "labels/train/train0.txt", "unreadable", "missing"),
    (garble_label, "labels/train/train0.txt", "unreadable", "cannot be read"),
    (link_folder, "images/train/more", "linked folder", "copy it"),
]


@pytest.mark.parametrize(
    ("plant", "where", "reason", "sentence"), PLANTED, ids=lambda p: getattr(p, "__name__", "")
)
def test_a_planted_fault_is_named(
    plant: Callable[[Path], None], where: str, reason: str, sentence: str, tmp_path: Path
) -> None:
    """Its file, a countable reason, a sentence; the five other pictures come in, the test picture first."""
    folder = write_set(tmp_path / "in")
    plant(folder)
    summary = take(folder, tmp_path / "out")
    (misfit,) = summary.misfits
    assert (misfit.where, misfit.reason) == (where, reason)
    assert sentence in str(misfit)
    assert summary.n_samples == 5
    assert "images/test/test0.png" in by_source(tmp_path / "out")
    assert verify(tmp_path / "out") == []


def test_changed_pictures_are_noted(tmp_path: Path) -> None:
    """A turned JPEG stands upright, a 16-bit grey picture is 8-bit RGB, and both are said."""
    folder = write_set(tmp_path / "in")
    write_turned(folder / "images/train/turned.jpg", 50)
    write_grey16(folder / "images/train/grey.png", 51)
    summary = take(folder, tmp_path / "out")
    samples = by_source(tmp_path / "out")
    assert samples["images/train/turned.jpg"].size_wh == (64, 48)
    assert any("turned.jpg: turned upright" in str(note) for note in summary.notes)
    assert any("grey.png: from I;16 to 8-bit RGB" in str(note) for note in summary.notes)
    assert DatasetReader(tmp_path / "out").load_rgb(samples["images/train/grey.png"]).shape == (48, 64, 3)


def test_a_repeated_line_is_left_out_and_noted(tmp_path: Path) -> None:
    """As Ultralytics does, but said."""
    folder = write_set(tmp_path / "in")
    write_label(folder, "train/train0", BOX + BOX)
    summary = take(folder, tmp_path / "out")
    assert len(by_source(tmp_path / "out")["images/train/train0.png"].instances) == 1
    assert any("repeated" in str(note) for note in summary.notes)


def test_pictures_that_share_a_label_are_refused(tmp_path: Path) -> None:
    """a.png and a.jpg would both be labelled by a.txt."""
    folder = write_set(tmp_path / "in")
    write_picture(folder / "images/train/train0.jpg", 70)
    summary = take(folder, tmp_path / "out")
    assert [(m.where, m.reason) for m in summary.misfits] == [
        ("images/train/train0.jpg", "shared label"),
        ("images/train/train0.png", "shared label"),
    ]


def test_a_folder_within_its_source_is_refused(tmp_path: Path) -> None:
    """The import does not write where it reads."""
    folder = write_set(tmp_path / "in")
    with pytest.raises(InputError, match="lie in one another"):
        take(folder, folder / "out")
