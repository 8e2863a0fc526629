"""Paths and names as other machines and tools write them are understood, or refused with a way out."""

from pathlib import Path

import pytest
from foreign_pictures import write_picture
from yolo_set import BOX, by_source, take, write_label, write_set

from synth.dataset.reader import DatasetReader
from synth.errors import InputError
from typed import synth

HERE = "images/train/train0.png"


def write_list(folder: Path, lines: list[str]) -> None:
    (folder / "train.txt").write_text("\n".join(lines))
    (folder / "data.yaml").write_text("train: train.txt\nval: images/val\nnames: [cup]\n")


@pytest.mark.parametrize(
    "line",
    [
        f"/srv/elsewhere/ds/{HERE}",
        "C:\\Users\\someone\\ds\\images\\train\\train0.png",
        f"D:/ds/{HERE}",
        f"data/{HERE}",
        f"../somewhere/{HERE}",
        f"./images/{HERE}",
    ],
)
def test_the_longest_end_of_a_path_that_is_here_is_taken(line: str, tmp_path: Path) -> None:
    """A list of another machine, of Windows, of CVAT: its picture with its label, and a note."""
    folder = write_set(tmp_path / "in")
    write_list(folder, [line])
    summary = take(folder, tmp_path / "out")
    assert by_source(tmp_path / "out")[HERE].split == "train"
    assert any("the longest end of it that is there" in note.text for note in summary.notes)


def test_a_test_split_that_is_not_there_is_said_and_costs_nothing(tmp_path: Path) -> None:
    """Roboflow names one in every data.yaml; a lost train or val is refused."""
    yaml = "train: ../train/images\nval: ../valid/images\ntest: ../test/images\nnames: [cup]\n"
    for i, split in enumerate(("train", "valid")):
        write_picture(tmp_path / f"in/{split}/images/a{i}.png", i)
        (tmp_path / f"in/{split}/labels").mkdir()
        (tmp_path / f"in/{split}/labels/a{i}.txt").write_text(BOX)
    (tmp_path / "in/data.yaml").write_text(yaml)
    summary = take(tmp_path / "in", tmp_path / "out")
    assert (summary.splits, summary.n_instances) == ({"train": 1, "val": 1}, 2)
    assert any(note.where == "data.yaml, test: ../test/images" for note in summary.notes)
    (tmp_path / "in/data.yaml").write_text(yaml.replace("valid/", "val/"))
    with pytest.raises(InputError, match=r"val/images, which is not in"):
        take(tmp_path / "in", tmp_path / "out2")


def test_root_without_a_yaml_is_refused(tmp_path: Path) -> None:
    """It says where the paths of a data.yaml begin, and would do nothing."""
    folder = write_set(tmp_path / "in")
    (folder / "data.yaml").unlink()
    with pytest.raises(
        InputError, match=r"--root says where the paths of a data\.yaml begin, and .* has none"
    ):
        take(folder, tmp_path / "out", root=tmp_path)


def test_backslashes_alone_are_no_other_path(tmp_path: Path) -> None:
    """In a list and in data.yaml they part folders, without a note."""
    folder = write_set(tmp_path / "in", "train: train.txt\nval: images\\val\nnames: [cup]\n")
    (folder / "train.txt").write_text("images\\train\\train0.png\n.\\images\\train\\train1.png\n")
    summary = take(folder, tmp_path / "out")
    assert (summary.n_samples, summary.misfits, summary.notes) == (4, (), ())


@pytest.mark.parametrize(
    "entry",
    ["/srv/elsewhere/ds/images/train", "E:/sets/ds/images/train", "../datasets/ds/images/train"],
)
def test_an_entry_of_another_machine_is_found_by_its_end(entry: str, tmp_path: Path) -> None:
    """So is a folder that data.yaml names."""
    folder = write_set(tmp_path / "in", f"train: '{entry}'\nval: images/val\nnames: [cup]\n")
    summary = take(folder, tmp_path / "out")
    assert summary.splits == {"val": 2, "train": 2}
    assert any(entry in note.where for note in summary.notes)


def test_an_end_does_not_turn_one_split_into_another(tmp_path: Path) -> None:
    """Of valid/images that is lost, images/ of all pictures is no end; with --root the sentence says no
    --root.
    """
    folder = write_set(tmp_path / "in", "train: images/train\nval: valid/images\nnames: [cup]\n")
    with pytest.raises(InputError, match=r"valid/images, which is not in .* or say by --root"):
        take(folder, tmp_path / "out")
    with pytest.raises(InputError, match=r"valid/images, which is not in .* put its pictures there$"):
        take(folder, tmp_path / "out", root=folder)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("/srv/elsewhere/none.png", "6 things do not fit, first train.txt line 1: .* no end of it is in"),
        (
            "data/obj_train_data/p9.png",
            "6 pictures, of which none is in .*: first data/obj_train_data/p9.png",
        ),
        ("/etc/hostname", "6 things do not fit, first train.txt line 1: /etc/hostname leads out of"),
    ],
)
def test_lines_that_lead_out_are_named_before_missing_pictures(
    line: str, sentence: str, tmp_path: Path
) -> None:
    """The pictures are there, and it is not said that there are none."""
    folder = write_set(tmp_path / "in")
    (folder / "train.txt").write_text(f"{line}\n" * 6)
    (folder / "data.yaml").write_text("train: train.txt\nnames: [cup]\n")
    with pytest.raises(InputError, match=sentence):
        take(folder, tmp_path / "out")


def write_cvat(root: Path, lists: dict[str, str]) -> None:
    """CVAT's YOLO 1.1: obj.data, obj.names, a list and a folder a split."""
    text = "classes = 1\nnames = data/obj.names\nbackup = backup/\n"
    for i, (key, name) in enumerate(lists.items()):
        write_picture(root / f"obj_{name}_data/p{i}.png", i)
        (root / f"obj_{name}_data/p{i}.txt").write_text(BOX)
        (root / f"{name}.txt").write_text(f"data/obj_{name}_data/p{i}.png\n")
        text += f"{key} = data/{name}.txt\n"
    (root / "obj.data").write_text(text)
    (root / "obj.names").write_text("cup\n")


@pytest.mark.parametrize("given", ["", "obj.data"])
def test_cvat_s_yolo_1_1_is_read(given: str, tmp_path: Path) -> None:
    """With its splits and its names, from the folder or its obj.data; valid is val."""
    write_cvat(tmp_path / "in", {"train": "train", "valid": "valid", "test": "test"})
    summary = take(tmp_path / "in" / given, tmp_path / "out")
    assert (summary.splits, summary.n_instances, summary.misfits) == (
        {"test": 1, "val": 1, "train": 1},
        3,
        (),
    )
    assert DatasetReader(tmp_path / "out").info.classes == ("cup",)


@pytest.mark.parametrize(
    "names", ["{'0': cup, '1': lid}", "{1: lid, 0: cup}", "{'0.0': cup, 1.0: lid}", "[cup, lid]\nnc: '2'"]
)
def test_numbers_of_names_may_be_texts(names: str, tmp_path: Path) -> None:
    """Quoted or with a point, in names and in rows, they are the same numbers."""
    folder = write_set(tmp_path / "in", f"train: images/train\nval: images/val\nnames: {names}\n")
    write_label(folder, "train/train0", f"{BOX}'1' .2 .2 .1 .1\n1.0 .8 .8 .1 .1\n")
    take(folder, tmp_path / "out")
    shown = by_source(tmp_path / "out")[HERE].instances
    assert [i.class_name for i in shown] == ["cup", "lid", "lid"]


@pytest.mark.parametrize("name", ["cups.yaml", "data.yml"])
def test_a_yaml_of_another_name_is_found(name: str, tmp_path: Path) -> None:
    """Where it alone has names and splits; of two, one is to be given."""
    folder = write_set(tmp_path / "in")
    move = (folder / "data.yaml").rename(folder / name)
    (folder / "hyp.yaml").write_text("lr0: 0.01\n")
    assert take(folder, tmp_path / "out").n_instances == 6
    (folder / "other.yaml").write_text(move.read_text())
    with pytest.raises(InputError, match=rf"\({name}, other.yaml\): give one of them"):
        take(folder, tmp_path / "out2")
    assert take(folder / name, tmp_path / "out2").n_instances == 6


def test_classes_are_those_that_occur(tmp_path: Path) -> None:
    """Of 80 names one is used: the dataset has that class, and what is left out is said; what --classes or
    --flip-pairs name stays.
    """
    names = ", ".join(f"c{i}" for i in range(80))
    folder = write_set(tmp_path / "in", f"train: images/train\nval: images/val\nnames: [{names}]\n")
    for path in folder.glob("labels/*/*.txt"):
        path.write_text("41 0.5 0.5 0.25 0.5\n")
    said = synth("import", "yolo", folder, "--out", "out", cwd=tmp_path).stdout
    assert (
        "79 of 80 classes are left out, since no label has them: c0, c1, c2, c3, c4, c5 and 73 more" in said
    )
    assert DatasetReader(tmp_path / "out").info.classes == ("c41",)
    assert (tmp_path / "out/labels/000000.txt").read_text().startswith("0 ")
    words = ("import", "yolo", folder, "--classes", "c41,c7", "--flip-pairs", "c41=c7", "--out", "out2")
    assert synth(*words, cwd=tmp_path).returncode == 0
    assert DatasetReader(tmp_path / "out2").info.classes == ("c7", "c41")


def test_missing_names_may_come_from_a_file(tmp_path: Path) -> None:
    """A folder without names says which numbers need one; --names takes a text with a name a line."""
    folder = write_set(tmp_path / "in", "train: images/train\nval: images/val\nnc: 9\n")
    write_label(folder, "train/train0", f"{BOX}8 .2 .2 .1 .1\n")
    refused = synth("import", "yolo", folder, "--out", "out", cwd=tmp_path)
    assert (refused.returncode, "Traceback" in refused.stderr) == (2, False)
    assert "class numbers 0, 8 (2 of them), so 0 to 8 need names: give --names" in " ".join(
        refused.stderr.split()
    )
    (tmp_path / "nine.names").write_text("".join(f"n{i}\n" for i in range(9)))
    taken = synth("import", "yolo", folder, "--names", "nine.names", "--out", "out", cwd=tmp_path)
    assert taken.returncode == 0
    assert DatasetReader(tmp_path / "out").info.classes == ("n0", "n8")
    lost = synth("import", "yolo", folder, "--names", "ten.names", "--out", "out2", cwd=tmp_path)
    assert (lost.returncode, "there is no ten.names" in lost.stderr) == (2, True)


def test_a_yaml_of_another_encoding_is_said(tmp_path: Path) -> None:
    """The sentence says what to do, not which byte is wrong."""
    folder = write_set(tmp_path / "in")
    (folder / "data.yaml").write_bytes("# Behälter\n".encode("latin-1"))
    with pytest.raises(InputError, match="not YAML in UTF-8: save it in UTF-8"):
        take(folder, tmp_path / "out")
