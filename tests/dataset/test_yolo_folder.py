"""What a YOLO folder is read as: its pictures, splits and classes, and where labels stand."""

import os
from pathlib import Path

import pytest
from foreign_pictures import write_picture
from yolo_set import BOX, by_source, take, write_label, write_set

from synth.dataset.imports.yolo_labels import label_of
from synth.dataset.reader import DatasetReader
from synth.errors import InputError


@pytest.mark.parametrize(
    ("picture", "label"),
    [
        ("images/train/a.png", "labels/train/a.txt"),
        ("images/images/a.b.png", "images/labels/a.b.txt"),
        ("set/a.png", "set/a.txt"),
        ("images.png", "images.txt"),
    ],
)
def test_labels_stand_where_ultralytics_seeks_them(picture: str, label: str) -> None:
    """The last folder called images becomes labels; without one the label is beside the picture."""
    assert label_of(picture) == label


def test_lists_name_pictures(tmp_path: Path) -> None:
    """./ begins at the list, other names at the root; what leads out or is named twice is not taken again."""
    folder = write_set(tmp_path / "in", "train: [lists/a.txt, lists/b.txt]\nval: images/val\nnames: [cup]\n")
    (folder / "lists").mkdir()
    (folder / "lists/a.txt").write_text("./../images/train/train0.png\n\nimages/train/train1.png\n")
    (folder / "lists/b.txt").write_text(
        "images/train/train1.png\nimages/val/val0.png\n../../x.png\n/etc/passwd\n"
        f"{folder / 'images/test/test0.png'}\n"
        "images/train/none.png\nnotes\n"
    )
    summary = take(folder, tmp_path / "out")
    splits = {source: s.split for source, s in by_source(tmp_path / "out").items()}
    assert splits == {
        "images/train/train0.png": "train",
        "images/train/train1.png": "train",
        "images/test/test0.png": "train",
        "images/val/val0.png": "val",
        "images/val/val1.png": "val",
    }
    assert sorted((m.where, m.reason) for m in summary.misfits) == [
        ("images/train/none.png", "no picture"),
        ("images/train/train1.png", "named twice"),
        ("images/val/val0.png", "named twice"),
        ("lists/b.txt line 3", "leads out"),
        ("lists/b.txt line 4", "leads out"),
        ("lists/b.txt line 7", "no picture"),
    ]


def test_roboflow_s_paths_are_found(tmp_path: Path) -> None:
    """``../train/images`` beside a data.yaml in the folder itself, and a path of another machine."""
    root = tmp_path / "in"
    for i, split in enumerate(("train", "valid")):
        write_picture(root / f"{split}/images/a{i}.jpg", i)
        (root / f"{split}/labels").mkdir()
        (root / f"{split}/labels/a{i}.txt").write_text(BOX)
    (root / "data.yaml").write_text(
        "path: /content/cups\ntrain: ../train/images\nval: ../valid/images\nnc: 1\nnames: ['cup']\n"
    )
    summary = take(root, tmp_path / "out")
    assert summary.splits == {"val": 1, "train": 1}
    assert summary.n_instances == 2
    assert any("/content/cups" in str(note) for note in summary.notes)


def test_labels_may_stand_beside_their_pictures(tmp_path: Path) -> None:
    """Without a folder called images; lists and classes beside them are no labels, a.txt without a.png is."""
    root = tmp_path / "in"
    for i in range(3):
        write_picture(root / f"a{i}.png", i)
        (root / f"a{i}.txt").write_text(BOX)
    (root / "a9.txt").write_text(BOX)
    (root / "classes.txt").write_text("cup\n")
    (root / "some.txt").write_text("./a0.png\na1.png\n")
    (root / "others.txt").write_text("./a2.png\n")
    (root / "data.yaml").write_text("train: some.txt\ntest: others.txt\nnames: [cup]\n")
    summary = take(root, tmp_path / "out")
    assert summary.splits == {"test": 1, "train": 2}
    assert [(m.where, m.reason) for m in summary.misfits] == [("a9.txt", "label without picture")]


def test_names_that_are_no_text_are_named(tmp_path: Path) -> None:
    """A picture and a label whose names are no UTF-8 are spelt out, and crash nothing."""
    folder = write_set(tmp_path / "in")
    for kind, name in (("images/train", b"\xff.png"), ("labels/train", b"\xfe.txt")):
        (Path(os.fsdecode(bytes(folder / kind) + b"/" + name))).write_bytes(b"x")
    summary = take(folder, tmp_path / "out")
    assert [(m.where, m.reason) for m in summary.misfits] == [
        (r"images/train/\udcff.png", "no name"),
        (r"labels/train/\udcfe.txt", "label without picture"),
    ]


def test_a_bare_folder_needs_classes(tmp_path: Path) -> None:
    """images/ and labels/ suffice with --names or classes.txt; neighbours share a split, ranges choose."""
    folder = write_set(tmp_path / "in")
    (folder / "data.yaml").unlink()
    for path in sorted(folder.glob("*/*/*")):
        path.rename(path.parent.parent / path.name)
    with pytest.raises(InputError, match="--names"):
        take(folder, tmp_path / "out")
    take(folder, tmp_path / "out", names=("cup",), splits={"train": "0-3", "test": "4"})
    assert [s.split for s in DatasetReader(tmp_path / "out")] == ["train"] * 4 + ["test"]
    (folder / "classes.txt").write_text("cup\nlid\n")
    write_label(folder, "val1", BOX.replace("0 ", "1 ", 1))
    take(folder, tmp_path / "out2")
    assert DatasetReader(tmp_path / "out2").info.classes == ("cup", "lid")
    assert [s.split for s in DatasetReader(tmp_path / "out2")] == ["train"] * 3 + ["val"] + ["test"] * 2


def test_how_pictures_are_dealt_is_said(tmp_path: Path) -> None:
    """Where a folder tells one split alone, since the user may know which recordings belong together."""
    folder = write_set(tmp_path / "in", "train: images/train\nnames: [cup]\n")
    texts = [note.text for note in take(folder, tmp_path / "out").notes]
    assert any(text.startswith("it tells no split but train, so neighbours stay together") for text in texts)
    assert not take(folder, tmp_path / "out2", splits={"train": "0-9"}).notes


def test_folders_of_splits_are_kept(tmp_path: Path) -> None:
    """images/train and images/test tell the splits; ranges beside them are refused."""
    folder = write_set(tmp_path / "in")
    (folder / "data.yaml").unlink()
    summary = take(folder, tmp_path / "out", names=("cup",))
    assert summary.splits == {"test": 2, "val": 2, "train": 2}
    with pytest.raises(InputError, match="splits already"):
        take(folder, tmp_path / "out2", names=("cup",), splits={"train": "0"})


YAMLS = [
    ("names: [cup]\n", "names no pictures"),
    ("train: images/train\n", "names no classes. Its labels have class number 0 alone: give --names"),
    ("train: images/train\nnames: [yes, no]\n", "in quotes"),
    ("train: images/train\nnames: {0: cup, 2: lid}\n", "without gaps"),
    ("train: images/train\nnames: [cup]\nnc: 3\n", "nc: 3"),
    ("train: images/train\nnames: [cup, cup]\n", "two classes are called"),
    ("train: images/train\nnames: ['cup/lid']\n", "no name of a class"),
    ("train: images/train\nnames: []\n", "no classes"),
    ("train: images/none\nnames: [cup]\n", "not in"),
    ("train: /etc\nnames: [cup]\n", "leads out"),
    ("train: images/train\nval: images/train\nnames: [cup]\n", "the same pictures"),
    ("train: images/train\nnames: [cup]\nkpt_shape: [17, 3]\n", "key points"),
    ("train: labels\nnames: [cup]\n", "has no pictures"),
    ("[1, 2]\n", "must map"),
    ("a: [\n", "not YAML"),
    ("a: \x00\n", "not YAML"),
]


@pytest.mark.parametrize(("text", "sentence"), YAMLS)
def test_another_data_yaml_is_refused(text: str, sentence: str, tmp_path: Path) -> None:
    """One sentence each, before anything is written."""
    folder = write_set(tmp_path / "in", text)
    with pytest.raises(InputError, match=sentence):
        take(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_without_any_label_is_refused(tmp_path: Path) -> None:
    """It is rather a wrong folder than a set of backgrounds; the sentence says where labels were sought."""
    folder = write_set(tmp_path / "in")
    (folder / "labels").rename(folder / "annotations")
    with pytest.raises(InputError, match=r"labels/train/train0\.txt"):
        take(folder, tmp_path / "out")
