"""Labels that stand elsewhere or are called otherwise are found where only they can be meant, else named."""

from collections.abc import Callable
from pathlib import Path

import pytest
from foreign_pictures import write_picture
from yolo_set import BOX, by_source, take, write_set

from synth.dataset.overview import look_over
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import LABEL
from synth.errors import InputError

YAML = "train: images/train\nval: images/val\ntest: images/test\nnames: [cup]\n"
MIDDLE = (24, 12, 40, 36)


def move(folder: Path, old: str, new: str) -> None:
    (folder / new).parent.mkdir(parents=True, exist_ok=True)
    (folder / old).rename(folder / new)


@pytest.mark.parametrize(
    "moves",
    [
        {"labels/train/train0.txt": "images/train/train0.txt"},
        {"labels/train/train0.txt": "labels/train/train0.TXT"},
        {"labels/train/train0.txt": "labels/train/train0.png.txt"},
        {"labels/train/train0.txt": "labels/train/TRAIN0.txt"},
        {"labels/train/train0.txt": "labels/train/Train0.PNG.Txt"},
        {"labels/train": "labels/Train"},
        {"labels": "label"},
        {"labels": "Labels"},
        {
            "images/train/train0.png": "images/train/T\u00fclle.png",
            "labels/train/train0.txt": "labels/train/Tu\u0308lle.txt",
        },
        {"labels/val": "Label/val", "labels/test": "Label/test"},
    ],
    ids=str,
)
def test_a_label_that_only_one_picture_can_have_is_taken(moves: dict[str, str], tmp_path: Path) -> None:
    """Beside a picture in images/, with another ending or case, in a folder of another name: its box comes
    in, and where it stood is noted.
    """
    folder = write_set(tmp_path / "in", YAML)
    for old, new in moves.items():
        move(folder, old, new)
    summary = take(folder, tmp_path / "out")
    assert (summary.misfits, summary.unlabelled) == ((), {})
    assert [i.box_xyxy_px for s in DatasetReader(tmp_path / "out") for i in s.instances] == [MIDDLE] * 6
    elsewhere = {note.where for note in summary.notes if "is not where a label is sought" in note.text}
    assert elsewhere == {
        str(path.relative_to(folder))
        for new in moves.values()
        for path in [folder / new, *(folder / new).rglob("*")]
        if path.is_file() and path.suffix != ".png"
    }


def test_a_text_without_a_number_puts_no_picture_in_doubt(tmp_path: Path) -> None:
    """Names of classes beside labels are named, and cost no picture that shows nothing."""
    folder = write_set(tmp_path / "in", YAML)
    move(folder, "labels/train/train0.txt", "labels/train/labels.txt")
    (folder / "labels/train/labels.txt").write_text("cup\nlid\n")
    summary = take(folder, tmp_path / "out")
    assert [m.where for m in summary.misfits] == ["labels/train/labels.txt"]
    assert summary.unlabelled == {"train": 1}


def test_a_data_yaml_one_folder_down_is_named(tmp_path: Path) -> None:
    """As unpacking leaves it; its splits and names would be lost."""
    folder = write_set(tmp_path / "in/ds", YAML)
    with pytest.raises(InputError, match=f"folders below it have: give {folder}$"):
        take(tmp_path / "in", tmp_path / "out")


def test_one_split_s_labels_in_a_folder_of_another_name(tmp_path: Path) -> None:
    """valid/label for valid/labels: its pictures keep their objects."""
    for i, split in enumerate(("train", "valid")):
        write_picture(tmp_path / f"in/{split}/images/a{i}.png", i)
        (tmp_path / f"in/{split}/label{'s' * (i == 0)}").mkdir()
        (tmp_path / f"in/{split}/label{'s' * (i == 0)}/a{i}.txt").write_text(BOX)
    (tmp_path / "in/data.yaml").write_text("train: train/images\nval: valid/images\nnames: [cup]\n")
    assert take(tmp_path / "in", tmp_path / "out").n_instances == 2


def double(folder: Path) -> None:
    move(folder, "labels/train/train0.txt", "labels/train/TRAIN0.txt")
    (folder / "images/train/train0.txt").write_text(BOX)


def share(folder: Path) -> None:
    move(folder, "labels/train/train0.txt", "labels/train/TRAIN0.txt")
    write_picture(folder / "images/train/Train0.png", 90)


def misspell(folder: Path) -> None:
    move(folder, "labels/train/train0.txt", "labels/train/trian_000.txt")


def rename_all(folder: Path) -> None:
    for name in ("a", "b"):
        move(folder, f"labels/train/train{'ab'.index(name)}.txt", f"labels/train/{name}.txt")


DOUBTS: list[tuple[Callable[[Path], None], str, set[str]]] = [
    (double, "may be labelled by images/train/train0.txt or labels/train/TRAIN0.txt", {"train0"}),
    (share, "has labels/train/TRAIN0.txt in common", {"train0", "Train0"}),
    (misspell, "trian_000.txt has no picture and may be its label", {"train0"}),
    (rename_all, "a.txt has no picture and may be its label", {"train0", "train1"}),
]


@pytest.mark.parametrize(("plant", "sentence", "lost"), DOUBTS, ids=lambda p: getattr(p, "__name__", ""))
def test_a_picture_whose_label_is_in_doubt_is_no_background(
    plant: Callable[[Path], None], sentence: str, lost: set[str], tmp_path: Path
) -> None:
    """Two labels for one picture, one for two, one that may be its: these pictures alone are left out, by
    name.
    """
    folder = write_set(tmp_path / "in", YAML)
    plant(folder)
    summary = take(folder, tmp_path / "out")
    doubted = [m for m in summary.misfits if m.where.startswith("images/")]
    assert {Path(m.where).stem for m in doubted} == lost
    assert sentence in str(doubted[0])
    assert {m.reason for m in summary.misfits} <= {"label in doubt", "shared label", "label without picture"}
    assert all(s.instances for s in DatasetReader(tmp_path / "out"))


def test_what_is_no_picture_s_label_leaves_backgrounds(tmp_path: Path) -> None:
    """Beside a lost picture's label a picture of other numbers stays background, and the record says that it
    has none.
    """
    folder = write_set(tmp_path / "in", YAML)
    for i in (7, 8):
        write_picture(folder / f"images/train/bench{i}.png", i)
    (folder / "images/train/train0.png").unlink()
    summary = take(folder, tmp_path / "out")
    assert [m.reason for m in summary.misfits] == ["label without picture"]
    assert summary.unlabelled == {"train": 2}
    assert by_source(tmp_path / "out")["images/train/bench7.png"].quality[LABEL] == "none found"
    warnings = look_over(DatasetReader(tmp_path / "out")).warnings
    assert any("labelled object (no label was found for 2 of" in warning for warning in warnings)


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_split_without_any_label_is_left_out(split: str, tmp_path: Path) -> None:
    """Its pictures are named and no background, its emptiness is said, and the other splits stay as told."""
    folder = write_set(tmp_path / "in", YAML)
    for i in range(2):
        (folder / f"labels/{split}/{split}{i}.txt").unlink()
    summary = take(folder, tmp_path / "out")
    assert [(m.where, m.reason) for m in summary.misfits] == [
        (f"images/{split}/{split}{i}.png", "no label") for i in range(2)
    ]
    assert f"nor has any picture of {split}: an object without a label" in str(summary.misfits[0])
    assert (summary.emptied, summary.n_samples, summary.unlabelled) == ([split], 4, {})
    assert split not in {s.split for s in DatasetReader(tmp_path / "out")}


def test_a_split_of_empty_labels_is_background(tmp_path: Path) -> None:
    """An empty text says that nothing is there."""
    folder = write_set(tmp_path / "in", YAML)
    for i in range(2):
        (folder / f"labels/test/test{i}.txt").write_text("")
    summary = take(folder, tmp_path / "out")
    assert (summary.misfits, summary.emptied, summary.unlabelled) == ((), [], {})


def test_the_folder_images_itself_is_answered_with_the_one_above(tmp_path: Path) -> None:
    """Where labels stand beside the folder that was given, the sentence says which folder to give."""
    folder = write_set(tmp_path / "in")
    with pytest.raises(InputError, match=rf"labels stand in {folder}/labels: give {folder}$"):
        take(folder / "images", tmp_path / "out", names=("cup",))


def test_pictures_with_labels_beside_them_need_no_folder_images(tmp_path: Path) -> None:
    """What a labelling tool leaves: pictures, texts and classes.txt in one folder."""
    for i in range(4):
        write_picture(tmp_path / f"in/a{i}.png", i)
        (tmp_path / f"in/a{i}.txt").write_text(BOX)
    (tmp_path / "in/classes.txt").write_text("cup\n")
    summary = take(tmp_path / "in", tmp_path / "out")
    assert (summary.n_samples, summary.n_instances, summary.misfits) == (4, 4, ())
