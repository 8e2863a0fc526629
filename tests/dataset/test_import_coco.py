"""COCO's instances become datasets; what is wrong in them is named and never comes in."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dataset_scene import fill
from foreign_pictures import files_of, truncate, write_grey16, write_picture, write_turned
from pycocotools import mask as coco_mask

from synth.dataset.exports.coco import export_coco
from synth.dataset.imports.coco import CocoSettings, import_coco
from synth.dataset.imports.intake import Summary
from synth.dataset.reader import DatasetReader
from synth.dataset.verify import verify
from synth.errors import DatasetError, InputError

Document = dict[str, Any]


def take(folder: Path, out: Path, **changes: Any) -> Summary:
    return import_coco(CocoSettings(folder, out, **changes))


def by_source(out: Path) -> dict[str, Any]:
    return {str(s.quality["source"]): s for s in DatasetReader(out)}


def write_set(root: Path, change: Callable[[Document], None] = lambda document: None) -> Path:
    """Two pictures a split, each with a cup of 16 by 24 pixels; ``change`` is made to the training JSON."""
    seed = 0
    for split in ("train2017", "val2017", "test2017"):
        document: Document = {
            "categories": [{"id": 3, "name": "lid"}, {"id": 1, "name": "cup"}],
            "images": [],
            "annotations": [],
        }
        for i in range(2):
            name = f"{split}{i}.png"
            write_picture(root / split / name, seed := seed + 1)
            document["images"].append({"id": 10 + i, "file_name": name, "width": 64, "height": 48})
            document["annotations"].append(
                {"id": i, "image_id": 10 + i, "category_id": 1, "bbox": [24, 12, 16, 24], "iscrowd": 0}
            )
        if split == "train2017":
            change(document)
        path = root / f"annotations/instances_{split}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(document))
    return root


@pytest.mark.parametrize("box_kind", ["square", "tight"])
def test_what_was_exported_comes_back(box_kind: str, tmp_path: Path) -> None:
    """Names, splits, classes, pixels, labelled boxes and masks survive the way there and back."""
    fill(tmp_path / "real", 12, box_kind=box_kind)
    source = DatasetReader(tmp_path / "real")
    export_coco(source, tmp_path / "coco")
    summary = take(tmp_path / "coco", tmp_path / "out", box_kind=box_kind)
    back = DatasetReader(tmp_path / "out")
    assert (summary.n_samples, summary.misfits, summary.notes) == (12, (), ())
    assert back.info.classes == source.info.classes
    for sample, before in zip(back, source, strict=True):
        assert (sample.name, sample.split) == (before.name, before.split)
        assert sample.pixels_sha256 == before.pixels_sha256
        boxes = [s.instances[0].box_of(box_kind) for s in (sample, before)]
        assert boxes[0] == pytest.approx(boxes[1], abs=1e-9)
        assert np.array_equal(back.load_mask(sample), source.load_mask(before))
    assert verify(tmp_path / "out") == []


def test_splits_and_classes_are_those_of_the_files(tmp_path: Path) -> None:
    """train2017 trains; classes stand in the order of their ids; the same command again adds nothing."""
    folder = write_set(tmp_path / "in", lambda document: document["annotations"][1].update(category_id=3))
    first = take(folder, tmp_path / "out")
    dataset = DatasetReader(tmp_path / "out")
    assert first.splits == {"test": 2, "val": 2, "train": 2}
    assert dataset.info.classes == ("cup", "lid")
    sample = by_source(tmp_path / "out")["train2017/train20170.png"]
    assert sample.split == "train"
    assert sample.instances[0].box_xyxy_px == (24, 12, 40, 36)
    assert (tmp_path / "out" / sample.image).samefile(folder / "train2017/train20170.png")
    before = files_of(tmp_path / "out")
    assert take(folder, tmp_path / "out").n_new == 0
    assert files_of(tmp_path / "out") == before
    write_set(folder, lambda document: document["annotations"].pop())
    with pytest.raises(DatasetError, match="made otherwise"):
        take(folder, tmp_path / "out")


def test_a_mask_that_does_not_fill_its_box_is_noted(tmp_path: Path) -> None:
    """The picture comes in, and the note names the object, how far both agree and what follows."""
    source = write_set(tmp_path / "source", spoil("segmentation", [[24, 12, 40, 12, 40, 20, 24, 20]]))
    summary = take(source, tmp_path / "made")
    assert summary.n_samples == 6
    (note,) = (note for note in summary.notes if "disagree" in note.text)
    assert "train" in note.where
    assert note.text.startswith("its mask and its box disagree: IoU 0.33, up to 16 px apart")
    assert note.text.endswith("synth compose leaves it out")


def test_every_kind_of_segmentation_is_read(tmp_path: Path) -> None:
    """Polygons in parts, plain and packed run lengths give the masks that they draw."""
    mask = np.zeros((48, 64), np.uint8)
    mask[12:36, 24:40] = 1
    mask[20:25, 30:33] = 0
    packed = coco_mask.encode(np.asfortranarray(mask))
    flat = mask.ravel(order="F")
    runs = np.diff([0, *(np.flatnonzero(np.diff(flat)) + 1), flat.size]).tolist()
    parts = [[24, 12, 40, 12, 40, 20, 24, 20], [24, 30, 40, 30, 40, 36, 24, 36]]
    in_parts = np.zeros_like(mask)
    in_parts[12:20, 24:40] = in_parts[30:36, 24:40] = 1

    def segment(document: Document) -> None:
        write_picture(tmp_path / "in/train2017/third.png", 77)
        document["images"].append({"id": 12, "file_name": "third.png", "width": 64, "height": 48})
        document["annotations"].append(dict(document["annotations"][0], id=2, image_id=12))
        first, second, third = document["annotations"]
        first["segmentation"] = {"size": [48, 64], "counts": packed["counts"].decode()}
        second["segmentation"] = {"size": [48, 64], "counts": runs}
        third["segmentation"] = parts

    take(write_set(tmp_path / "in", segment), tmp_path / "out")
    dataset, samples = DatasetReader(tmp_path / "out"), by_source(tmp_path / "out")
    for name, expected in (("train20170", mask), ("train20171", mask), ("third", in_parts)):
        assert np.array_equal(dataset.load_mask(samples[f"train2017/{name}.png"]), expected)


def test_a_crowd_is_left_out_and_noted(tmp_path: Path) -> None:
    """iscrowd is no object; its picture comes in."""

    def crowd(document: Document) -> None:
        document["annotations"][0]["iscrowd"] = 1

    summary = take(write_set(tmp_path / "in", crowd), tmp_path / "out")
    assert by_source(tmp_path / "out")["train2017/train20170.png"].instances == ()
    assert any("train20170.png" in note.where and "crowd" in note.text for note in summary.notes)


def spoil(key: str, value: object, kind: str = "annotations") -> Callable[[Document], None]:
    def change(document: Document) -> None:
        document[kind][0][key] = value

    return change


def drop(key: str, kind: str = "annotations") -> Callable[[Document], None]:
    return lambda document: document[kind][0].pop(key)


def runs_of(counts: object, size: object = (48, 64)) -> Callable[[Document], None]:
    return spoil("segmentation", {"size": size, "counts": counts})


ANNOTATIONS = [
    (spoil("bbox", [-2, 12, 16, 24]), "box outside"),
    (spoil("bbox", [24, 12, 41.5, 24]), "box outside"),
    (spoil("bbox", [24, 12, 0, 24]), "box empty"),
    (spoil("bbox", [24, 12, float("nan"), 24]), "box not finite"),
    (spoil("bbox", [24, 12, float("inf"), 24]), "box not finite"),
    (spoil("bbox", [24, 12, 16]), "malformed"),
    (spoil("bbox", "24 12 16 24"), "malformed"),
    (drop("bbox"), "malformed"),
    (drop("category_id"), "malformed"),
    (spoil("category_id", 2), "unknown class"),
    (spoil("segmentation", [[1, 2, 3, 4, 5, 6, 7]]), "malformed"),
    (spoil("segmentation", [[1, 2, 3, 4, 5, float("nan")]]), "malformed"),
    (spoil("segmentation", [[24, 12, 60, 12, 60, 36]]), "mask outside box"),
    (runs_of([48 * 64 - 1]), "malformed"),
    (runs_of("nonsense£"), "malformed"),
    (runs_of([32 * 32], size=(32, 32)), "wrong size"),
]


@pytest.mark.parametrize(("change", "reason"), ANNOTATIONS)
def test_an_annotation_that_cannot_be_taken_costs_its_picture(
    change: Callable[[Document], None], reason: str, tmp_path: Path
) -> None:
    """Its place is named with a reason; the five other pictures come in."""
    summary = take(write_set(tmp_path / "in", change), tmp_path / "out")
    (misfit,) = summary.misfits
    assert (misfit.where, misfit.reason) == ("annotations/instances_train2017.json annotations.0", reason)
    assert summary.n_samples == 5
    assert "train2017/train20170.png" not in by_source(tmp_path / "out")
    assert verify(tmp_path / "out") == []


def name_twice(document: Document) -> None:
    document["images"].append(dict(document["images"][0], id=99))


def number_twice(document: Document) -> None:
    document["images"].append(dict(document["images"][0], file_name="other.png"))


UNLABELLED = ("annotations.0", "label without picture")
TWICE = {("images.0", "named twice"), ("images.2", "named twice"), UNLABELLED}
STRAY = {UNLABELLED, ("train2017/train20170.png", "label in doubt")}
IMAGES = [
    (spoil("width", 63, "images"), {("train20170.png", "wrong size")}),
    (spoil("file_name", "none.png", "images"), {("none.png", "no picture")}),
    (spoil("file_name", "../../secret.png", "images"), {("../../secret.png", "no picture")}),
    (spoil("file_name", "/etc/passwd", "images"), None),
    (name_twice, TWICE),
    (number_twice, TWICE),
    (drop("file_name", "images"), {("images.0", "malformed"), UNLABELLED}),
    (spoil("width", 1e999, "images"), {("images.0", "malformed"), UNLABELLED}),
    (spoil("image_id", 5), STRAY),
    (spoil("image_id", None), STRAY),
    (spoil("image_id", [1]), STRAY),
]


@pytest.mark.parametrize(("change", "expected"), IMAGES)
def test_a_picture_that_cannot_be_taken_is_named(
    change: Callable[[Document], None], expected: set[tuple[str, str]] | None, tmp_path: Path
) -> None:
    """Every misfit has its place and its reason; nothing of it comes in, the rest does."""
    write_picture(tmp_path / "secret.png", 88)
    summary = take(write_set(tmp_path / "in", change), tmp_path / "out")
    found = {
        (m.where.removeprefix("annotations/instances_train2017.json "), m.reason) for m in summary.misfits
    }
    assert found == expected or (expected is None and {reason for _, reason in found} == {"no picture"})
    assert {s.split for s in DatasetReader(tmp_path / "out")} == {"train", "val", "test"}
    assert "train2017/train20171.png" in by_source(tmp_path / "out")
    assert verify(tmp_path / "out") == []


def damage_picture(folder: Path) -> None:
    truncate(folder / "train2017/train20170.png")


def turn_picture(folder: Path) -> None:
    content = write_turned(folder.parent / "turned.jpg", 5).read_bytes()
    (folder / "train2017/train20170.png").write_bytes(content)
    path = folder / "annotations/instances_train2017.json"
    document = json.loads(path.read_text())
    document["images"][0] |= {"width": 48, "height": 64}
    path.write_text(json.dumps(document))


def copy_test_picture(folder: Path) -> None:
    content = (folder / "test2017/test20170.png").read_bytes()
    (folder / "train2017/train20170.png").write_bytes(content)


def link_out(folder: Path) -> None:
    (folder / "train2017/train20170.png").unlink()
    (folder / "train2017/train20170.png").symlink_to(write_picture(folder.parent / "elsewhere.png", 99))


PLANTED = [
    (damage_picture, "unreadable", "train20170.png"),
    (turn_picture, "wrong size", "turned upright"),
    (copy_test_picture, "same picture", "pixels of sample"),
    (link_out, "no picture", "leads out"),
]


@pytest.mark.parametrize(("plant", "reason", "sentence"), PLANTED)
def test_a_planted_fault_is_named(
    plant: Callable[[Path], None], reason: str, sentence: str, tmp_path: Path
) -> None:
    """Damage, labels of another turn, a test picture among the training ones, a link out of the folder."""
    folder = write_set(tmp_path / "in")
    plant(folder)
    summary = take(folder, tmp_path / "out")
    (misfit,) = summary.misfits
    assert misfit.reason == reason
    assert "train20170.png" in misfit.where
    assert sentence in str(misfit)
    assert summary.n_samples == 5
    assert "test2017/test20170.png" in by_source(tmp_path / "out")


def test_changed_and_unlisted_pictures_are_noted(tmp_path: Path) -> None:
    """A 16-bit grey picture is converted, one that no JSON lists is left out, and both are said."""
    folder = write_set(tmp_path / "in")
    write_grey16(folder / "train2017/train20170.png")
    write_picture(folder / "train2017/more.png", 55)
    summary = take(folder, tmp_path / "out")
    assert any("to 8-bit RGB" in str(note) for note in summary.notes)
    assert any("1 pictures that are not listed" in str(note) for note in summary.notes)
    assert summary.n_samples == 6


def test_one_picture_in_two_splits_stays_in_the_stricter(tmp_path: Path) -> None:
    """Two files that share a folder of pictures: the test split keeps it, the other one says so."""
    folder = write_set(tmp_path / "in")
    (folder / "images").mkdir()
    for path in sorted(folder.glob("*2017/*.png")):
        path.rename(folder / "images" / path.name)
        if not any(path.parent.iterdir()):
            path.parent.rmdir()
    path = folder / "annotations/instances_train2017.json"
    path.write_text(path.read_text().replace("train20170.png", "test20170.png"))
    summary = take(folder, tmp_path / "out")
    assert [(m.where, m.reason) for m in summary.misfits] == [("images/test20170.png", "named twice")]
    assert by_source(tmp_path / "out")["images/test20170.png"].split == "test"


def test_a_single_json_is_split_by_neighbours_or_ranges(tmp_path: Path) -> None:
    """Without two splits in the names, the pictures' order or the given ranges decide; the former is said."""
    folder = write_set(tmp_path / "in")
    file = folder / "annotations/instances_train2017.json"
    asked = {"train": "0", "test": "1"}
    summary = take(file, tmp_path / "out", images=folder / "train2017", splits=asked)
    assert not any("splits" in note.text for note in summary.notes)
    assert [s.split for s in DatasetReader(tmp_path / "out")] == ["train", "test"]
    summary = take(file, tmp_path / "out2")
    assert any("it tells no split but train, so neighbours stay" in note.text for note in summary.notes)
    assert [s.split for s in DatasetReader(tmp_path / "out2")] == ["train", "test"]
    with pytest.raises(InputError, match="splits already"):
        take(folder, tmp_path / "out3", splits={"train": "0"})


def test_roboflow_s_folders_are_found(tmp_path: Path) -> None:
    """A JSON beside the pictures of each split."""
    folder = write_set(tmp_path / "in")
    for split in ("train", "test"):
        (folder / f"{split}2017").rename(folder / split)
        (folder / f"annotations/instances_{split}2017.json").rename(folder / split / "_annotations.coco.json")
    for path in (folder / "annotations").iterdir():
        path.unlink()
    assert take(folder, tmp_path / "out").splits == {"test": 2, "train": 2}


EMPTY = '{"images": [], "annotations": [], "categories": '
DOCUMENTS = [
    ("[]", "lacks the lists"),
    ('{"images": [], "annotations": {}, "categories": []}', "lacks the lists"),
    (EMPTY + "[]}", "no classes"),
    (EMPTY + '[{"id": 1}]}', "categories.0: name"),
    (EMPTY + '[{"id": 1, "name": "a/b"}]}', "no name of a class"),
    (EMPTY + '[{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]}', "one id"),
    (EMPTY + '[{"id": 1, "name": "a"}, {"id": "1", "name": "b"}]}', "one id"),
    ('{"images": [', "not JSON"),
    ("[" * 100_000, "not JSON"),
    ("\xff", "not JSON"),
]


@pytest.mark.parametrize(("text", "sentence"), DOCUMENTS)
def test_another_json_is_refused(text: str, sentence: str, tmp_path: Path) -> None:
    """One sentence each, before anything is written."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in/some.json").write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match=sentence):
        take(tmp_path / "in", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_without_a_json_is_refused(tmp_path: Path) -> None:
    """The sentence lists what was sought; a folder that is not there is another one."""
    with pytest.raises(InputError, match="instances_"):
        take(tmp_path, tmp_path / "out")
    with pytest.raises(InputError, match="there is no"):
        take(tmp_path / "none", tmp_path / "out")


def test_other_categories_in_one_split_are_refused(tmp_path: Path) -> None:
    """Ids that mean other classes from file to file cannot be one dataset."""
    folder = write_set(tmp_path / "in", lambda document: document["categories"].pop())
    with pytest.raises(InputError, match="different categories"):
        take(folder, tmp_path / "out")
