"""One folder a class: the class of a whole picture."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from synth.dataset.imports.folders import FoldersSettings, import_folders
from synth.dataset.imports.intake import Summary
from synth.dataset.reader import DatasetReader
from synth.dataset.verify import verify
from synth.errors import InputError
from typed import synth


def write(folder: Path, *names: str) -> Path:
    """A small picture of noise under each name."""
    for i, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(i).integers(0, 256, (12, 16, 3)).astype(np.uint8)
        assert cv2.imwrite(str(folder / name), noise)
    return folder


def take(folder: Path, out: Path) -> Summary:
    return import_folders(FoldersSettings(folder, out))


def test_a_folder_is_the_class_of_its_pictures(tmp_path: Path) -> None:
    """The box is the whole picture; each class is dealt by itself, and what lies in no folder is named."""
    names = [f"{name}/{i}.png" for name in ("owl", "a cat") for i in range(4)]
    summary = take(write(tmp_path / "in", *names, "loose.png"), tmp_path / "out")
    dataset = DatasetReader(tmp_path / "out")
    assert dataset.info.classes == ("a cat", "owl")
    assert {i.box_xyxy_px for s in dataset for i in s.instances} == {(0, 0, 16, 12)}
    for name in dataset.info.classes:
        own = [s.split for s in dataset if s.instances[0].class_name == name]
        assert sorted(own) == ["test", "train", "train", "val"]
    assert [(m.where, m.reason) for m in summary.misfits] == [("loose.png", "no class")]
    assert any("each class is dealt by itself" in note.text for note in summary.notes)
    assert verify(tmp_path / "out") == []


def test_splits_may_stand_above(tmp_path: Path) -> None:
    """train/, val/ and test/ are splits where classes lie in them, and classes where pictures do."""
    told = write(
        tmp_path / "told", *(f"{s}/{c}/1.png" for s in ("train", "valid", "test") for c in ("a", "b"))
    )
    take(told, tmp_path / "out")
    by_split = {(s.split, s.instances[0].class_name) for s in DatasetReader(tmp_path / "out")}
    assert by_split == {(s, c) for s in ("train", "val", "test") for c in ("a", "b")}
    vehicles = write(
        tmp_path / "vehicles", *(f"{name}/{i}.png" for name in ("car", "train") for i in range(4))
    )
    take(vehicles, tmp_path / "other")
    assert DatasetReader(tmp_path / "other").info.classes == ("car", "train")


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("1.png",), "has no folders of classes with pictures: put the pictures of each class into a folder"),
        (
            ("cat/1.png",),
            "has a folder of one class, 'cat', and pictures are told apart by two classes or more",
        ),
        (("train/cat/1.png", "test/cat/2.png"), "train and its like have a folder of one class, 'cat'"),
        (("cat/1.png", "_x/2.png"), "'_x' is no name of a class here"),
        (("cat/1.png", "dog/2.png", "dog/torn.png"), ""),
    ],
)
def test_what_is_no_such_folder_is_one_sentence(tmp_path: Path, names: tuple[str, ...], said: str) -> None:
    """An exit code and a sentence; a damaged picture costs itself alone, and is named."""
    folder = write(tmp_path / "in", *names)
    if not said:
        (folder / names[-1]).write_bytes((folder / names[-1]).read_bytes()[:60])
    done = synth("import", "folders", folder, "--out", "out", cwd=tmp_path)
    assert "Traceback" not in done.stderr
    assert (done.returncode == 0) == (not said)
    assert (said or "torn.png") in " ".join((done.stdout + done.stderr).split())


def test_an_absent_folder_is_named(tmp_path: Path) -> None:
    """With its path."""
    with pytest.raises(InputError, match=r"there is no folder .*nowhere"):
        take(tmp_path / "nowhere", tmp_path / "out")
