"""What an import is told of groups, classes and pairs, in every format alike."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from foreign_pictures import write_picture
from typer.testing import CliRunner
from yolo_set import BOX, take, write_label, write_set

from bop_scene import pose, read_json, write_json, write_model, write_scene
from synth.dataset.classes import ClassChoice, guess_pairs, parse_choice
from synth.dataset.imports.commands import app
from synth.dataset.imports.intake import Summary
from synth.dataset.imports.labelled import split_named
from synth.dataset.reader import DatasetReader
from synth.dataset.verify import verify
from synth.errors import InputError

FILMS = ("a", "a", "b", "b", "c", "c", "d", "d")


@pytest.mark.parametrize(
    ("word", "split"),
    [
        ("train2017", "train"),
        ("Train.v1i", "train"),
        ("trainA", "train"),
        ("valid", "val"),
        ("val_images", "val"),
        ("valminusminival2014", "val"),
        ("testing", "test"),
        ("test-dev2017", "test"),
        ("valve", None),
        ("values", None),
        ("testbench", None),
        ("trainer", None),
        ("latest", None),
    ],
)
def test_a_word_that_only_begins_like_a_split_is_none(word: str, split: str | None) -> None:
    """Pictures of valves are dealt like all others."""
    assert split_named(word) == split


def run(*words: str | Path) -> str:
    done = CliRunner().invoke(
        app, [str(word) for word in words], catch_exceptions=False, standalone_mode=False
    )
    return done.output


def write_films(root: Path) -> Path:
    """Eight pictures without splits: a cup in films a, b and c, a lid in film d; and their table."""
    for i, film in enumerate(FILMS):
        write_picture(root / f"images/{i}.png", i)
        write_label(root, str(i), BOX.replace("0 ", "1 ", 1) if film == "d" else BOX)
    (root / "classes.txt").write_text("cup\nlid\n")
    rows = "".join(f"{i}.png,{film}\n" for i, film in enumerate(FILMS))
    (root.parent / "films.csv").write_text(f"image,session\n{rows}")
    return root


def write_coco_films(root: Path) -> Path:
    """The same in COCO's JSON."""
    write_films(root)
    images = [{"id": i, "file_name": f"{i}.png", "width": 64, "height": 48} for i in range(8)]
    annotations = [
        {"id": i, "image_id": i, "category_id": int(film == "d"), "bbox": [24, 12, 16, 24]}
        for i, film in enumerate(FILMS)
    ]
    categories = [{"id": 0, "name": "cup"}, {"id": 1, "name": "lid"}]
    (root / "all.json").write_text(
        json.dumps({"images": images, "annotations": annotations, "categories": categories})
    )
    return root


@pytest.mark.parametrize(("format_name", "write"), [("yolo", write_films), ("coco", write_coco_films)])
def test_whole_films_are_dealt_so_that_classes_can_be_measured(
    format_name: str, write: Callable[[Path], Path], tmp_path: Path
) -> None:
    """Each film has one split, cups are in all three, and the summary says that lids are in one film only."""
    folder = write(tmp_path / "in")
    said = run(format_name, folder, "--group", tmp_path / "films.csv", "--out", tmp_path / "out")
    dataset = DatasetReader(tmp_path / "out")
    assert [s.group for s in dataset] == list(FILMS)
    by_film = {s.group: s.split for s in dataset}
    assert all(s.split == by_film[s.group] for s in dataset)
    assert by_film["d"] == "train"
    assert sorted(by_film[film] for film in "abc") == ["test", "train", "val"]
    assert "lid is seen in one group alone, d (train)" in said
    assert "no instance of lid" not in said
    assert re.search(r"cup +2 \(2\) +2 \(2\) +2 \(2\)", said)
    assert "fewer than 5 test images show cup (2)" in said


def test_groups_are_named_instead_of_numbers(tmp_path: Path) -> None:
    """Films by name test and validate, the rest trains; numbers that cut through a film are refused."""
    folder, group = write_films(tmp_path / "in"), tmp_path / "films.csv"
    summary = take(folder, tmp_path / "out", group=group, splits={"test": "d", "val": "a"})
    assert summary.splits == {"test": 2, "val": 2, "train": 4}
    with pytest.raises(InputError, match="tear group a apart"):
        take(folder, tmp_path / "out2", group=group, splits={"test": "0", "train": "1-7"})
    group.write_text("image,film\n9.png,a\n")
    with pytest.raises(InputError, match=r"line 2 names 9\.png"):
        take(folder, tmp_path / "out2", group=group)
    assert not (tmp_path / "out2").exists()


def test_told_splits_stay_and_a_torn_group_is_named(tmp_path: Path) -> None:
    """Folders of splits are kept with a table of groups; a film in two of them is told, and verifies."""
    folder = write_set(tmp_path / "in")
    rows = [
        f"images/{s}/{s}{i}.png,{'one' if s != 'val' else 'two'}"
        for s in ("train", "val", "test")
        for i in (0, 1)
    ]
    (tmp_path / "films.csv").write_text("\n".join(["image,film", *rows]))
    said = run("yolo", folder, "--group", tmp_path / "films.csv", "--out", tmp_path / "out")
    assert "one (train and test) stands in several splits" in said
    assert verify(tmp_path / "out") == []


def test_bop_takes_groups_and_classes(tmp_path: Path) -> None:
    """Pictures are called as in the scene; what is not kept still hides, and is not labelled."""
    scene = write_scene(tmp_path / "scene", 3)
    write_model(scene / "models/obj_000002.obj")
    truths, cameras = read_json(scene)
    for truth in truths.values():
        truth.append(truth[0] | {"obj_id": 2, "cam_t_m2c": [60.0, 10.0, 500.0]})
    write_json(scene, truths, cameras)
    (tmp_path / "films.csv").write_text("p,g\nrgb/000000.png,x\n000001.png,y\n000002,z\n")
    words = ["--name", "1=cup", "--name", "2=lid", "--classes", "lid", "--single-class", "part"]
    run("bop", scene, "--out", tmp_path / "out", "--group", tmp_path / "films.csv", *words)
    dataset = DatasetReader(tmp_path / "out")
    assert [s.group for s in dataset] == ["x", "y", "z"]
    assert sorted(s.split for s in dataset) == ["test", "train", "val"]
    assert {i.class_name for s in dataset for i in s.instances} == {"part"} == set(dataset.info.classes)
    assert [m.mesh for m in dataset.info.models] == ["models/obj_000002.obj"]
    assert all(set(np.unique(mask)) == {0, 1} for s in dataset if (mask := dataset.load_mask(s)) is not None)
    assert verify(tmp_path / "out") == []
    assert pose(0)["obj_id"] == 1


def test_kept_classes_leave_the_others_as_background(tmp_path: Path) -> None:
    """Pictures of other classes stay without objects; labels/ counts the kept ones from 0 on; another choice
    needs another folder.
    """
    folder = write_films(tmp_path / "in")
    summary = take(folder, tmp_path / "out", choice=ClassChoice(keep=("lid",)))
    dataset = DatasetReader(tmp_path / "out")
    assert (summary.n_samples, summary.n_instances, dataset.info.classes) == (8, 2, ("lid",))
    assert (tmp_path / "out/labels/000006.txt").read_text().startswith("0 ")
    with pytest.raises(InputError, match=r"config\.classes"):
        take(folder, tmp_path / "out")


def keep(folder: Path, out: Path, *words: str) -> Summary:
    options = dict(zip(words[::2], words[1::2], strict=True))
    choice = parse_choice(
        options.get("--classes"), options.get("--single-class"), options.get("--flip-pairs")
    )
    return take(folder, out, choice=choice)


REFUSED = [
    (("--classes", "cup,pot"), "no class 'pot' to keep: there are cup, lid; --names gives them other names"),
    (("--classes", ","), "it is empty"),
    (("--single-class", "a/b"), "--single-class must begin"),
    (("--flip-pairs", "cup"), "two classes each, such as .* got 'cup'"),
    (("--flip-pairs", "cup=cup"), "two classes each"),
    (("--flip-pairs", "cup=lid,lid=pot"), "'lid' more than once"),
    (("--flip-pairs", "cup=pot"), "'pot', which is no class: there are cup, lid"),
    (("--flip-pairs", ""), "it is empty"),
]


@pytest.mark.parametrize(("words", "sentence"), REFUSED)
def test_other_words_are_refused(words: tuple[str, ...], sentence: str, tmp_path: Path) -> None:
    """The sentence lists the classes that there are, or shows what is understood; nothing is written."""
    with pytest.raises(InputError, match=sentence):
        keep(write_films(tmp_path / "in"), tmp_path / "out", *words)
    assert not (tmp_path / "out").exists()


def test_mirror_pairs_are_declared_or_guessed_aloud(tmp_path: Path) -> None:
    """Left and right in names are a hint with the option to say; once said, it is kept and no longer told."""
    folder = write_films(tmp_path / "in")
    (folder / "classes.txt").write_text("turn_left\nturn_right\n")
    said = run("yolo", folder, "--out", tmp_path / "out")
    assert "turn_left and turn_right look like a mirror pair by their names; that is a guess" in said
    assert "say --flip-pairs turn_left=turn_right" in said
    said = run("yolo", folder, "--out", tmp_path / "out2", "--flip-pairs", "turn_left=turn_right")
    assert "mirror pair" not in said
    assert DatasetReader(tmp_path / "out2").info.flip_pairs == (("turn_left", "turn_right"),)


@pytest.mark.parametrize(
    ("classes", "pairs"),
    [
        (("dangerous_left", "dangerous_right"), (("dangerous_left", "dangerous_right"),)),
        (("Left turn", "Right turn", "stop"), (("Left turn", "Right turn"),)),
        (("lamp-l", "lamp-r"), (("lamp-l", "lamp-r"),)),
        (("LEFT", "RIGHT"), (("LEFT", "RIGHT"),)),
        (("bright", "blight", "cell", "cerr"), ()),
        (("left", "stop"), ()),
    ],
)
def test_only_words_are_taken_for_left_and_right(classes: tuple[str, ...], pairs: tuple[object, ...]) -> None:
    """A word of its own, with its counterpart among the classes; letters inside words say nothing."""
    assert guess_pairs(classes, ()) == pairs
    assert guess_pairs(classes, tuple((a, b) for a, b in pairs)) == ()  # type: ignore[misc]
