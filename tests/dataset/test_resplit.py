"""Splits are dealt anew in a new folder; recordings stay together, and parents are not forgotten."""

from pathlib import Path
from typing import Any

import pytest
from dataset_scene import fill
from small_sets import write_set
from typer.testing import CliRunner

from synth.dataset.classes import ClassChoice
from synth.dataset.commands import app
from synth.dataset.leak import LeakGuard
from synth.dataset.merge import MergeSettings, merge
from synth.dataset.origin import Origin, Parent
from synth.dataset.reader import DatasetReader
from synth.dataset.resplit import SplitSettings, resplit
from synth.dataset.verify import verify
from synth.errors import InputError

FILMS = "picture,film\nimages/000000.png,a\n000001.png,a\n000002,b\n3.jpg,b\nin/4.jpg,c\nin/5.jpg,c\n"


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """Six pictures of three films, imported from in/0.jpg and so on."""
    samples = [{"group": "aabbcc"[i], "quality": {"source": f"in/{i}.jpg"}} for i in range(6)]
    write_set(tmp_path / "films", samples)
    return tmp_path / "films"


def deal(root: Path, out: str = "out", **changes: Any) -> DatasetReader:
    settings = SplitSettings(root, root.parent / out, **changes)
    resplit(settings)
    return DatasetReader(settings.out)


def splits_of(dataset: DatasetReader) -> str:
    return "".join({"train": "r", "val": "v", "test": "t"}[s.split] for s in dataset)


def test_groups_by_name_and_the_rest_trains(films: Path) -> None:
    """Records, links and views follow; the parent is of the split that it is dealt to, the step says the old
    one.
    """
    out = deal(films, asked={"test": "c", "val": "b"})
    assert splits_of(out) == "rrvvtt"
    assert (out.root / out["000000"].image).samefile(films / "images/000000.png")
    assert (out.root / "test.txt").read_text() == "./images/000004.png\n./images/000005.png\n"
    (parent,) = out["000004"].origin.parents
    assert (parent.name, parent.split, parent.used) == ("000004", "test", ("pixels", "labels", "mask"))
    assert [(step.verb, step.params) for step in out["000004"].origin.steps] == [("split", {"was": "train"})]
    assert verify(out.root) == []
    assert resplit(SplitSettings(films, out.root, asked={"test": "c", "val": "b"})) == 0


def test_what_was_test_may_train_afterwards(films: Path) -> None:
    """A picture dealt from test to train passes the guard of its own dataset, and not that of the old one."""
    first = deal(films, "first", asked={"test": "c", "val": "b"})
    second = deal(first.root, "second", asked={"test": "a", "val": "b"})
    learning = [s for s in second if s.split != "test"]
    LeakGuard.of([second]).check(second, learning)
    with pytest.raises(InputError, match="was made from test image"):
        LeakGuard.of([first]).check(second, learning)


def test_a_table_deals(films: Path) -> None:
    """Pictures are called by name, by file, or by the file that they came from, in any order."""
    table = films.parent / "splits.csv"
    table.write_text(
        "file;part\n000005;test\n4.jpg;test\n000001.png;train\nimages/000000.png;train\n2;val\n3;val\n"
    )
    assert splits_of(deal(films, by=table)) == "rrvvtt"


def test_chance_keeps_films_together(films: Path) -> None:
    """Each film has one split, all three are used, the same seed gives the same and another may not."""
    dealt = [splits_of(deal(films, f"out{k}", seed=seed)) for k, seed in enumerate((0, 0, 1, 2))]
    assert all(sorted({d[:2], d[2:4], d[4:]}) == ["rr", "tt", "vv"] for d in dealt)
    assert dealt[0] == dealt[1]
    assert len(set(dealt)) > 1


def test_a_table_tells_groups(films: Path) -> None:
    """Groups of the table stand instead of the old ones, also where splits stay as they are."""
    table = films.parent / "films.csv"
    table.write_text(FILMS.replace(",a", ",first day"))
    out = deal(films, group=table, asked={"test": "first day"})
    assert [s.group for s in out] == ["first day"] * 2 + ["b"] * 2 + ["c"] * 2
    assert splits_of(out) == "ttrrrr"
    assert splits_of(deal(films, "kept", group=table)) == "rrrrrr"


def test_classes_and_pairs_are_chosen(films: Path) -> None:
    """With the splits as they are: classes that are kept, and what a mirror swaps."""
    out = deal(films, choice=ClassChoice(flip_pairs=(("cup", "lid"),)))
    assert out.info.flip_pairs == (("cup", "lid"),)
    bare = deal(films, "lids", choice=ClassChoice(keep=("lid",)))
    assert bare.info.classes == ("lid",)
    assert not any(s.instances for s in bare)
    assert verify(bare.root) == []


def test_captured_ones_stay_whole(tmp_path: Path) -> None:
    """Crops, depth, plates and the camera come along; a merge can be dealt anew as well."""
    fill(tmp_path / "a", 4)
    fill(tmp_path / "b", 4, seed=1)
    merge(MergeSettings((tmp_path / "a", tmp_path / "b"), tmp_path / "both"))
    out = deal(tmp_path / "both", seed=3)
    both = DatasetReader(tmp_path / "both")
    assert (out.info.camera, len(out.plates)) == (both.info.camera, 2)
    assert {s.name: s.sha256 for s in out} == {s.name: s.sha256 for s in both}
    assert verify(out.root) == []


def test_what_was_made_of_a_sample_keeps_its_split(films: Path) -> None:
    """A twin of a train picture cannot be dealt to test by itself."""
    parent = Parent(dataset="real", name="000000", split="train", pixels_sha256="1" * 64, used=("pose",))
    write_set(films.parent / "twins", [{"origin": Origin(parents=(parent,))}, {}], kind="rendered")
    with pytest.raises(
        InputError, match="000000 of real, a train picture, and would be test: deal real anew"
    ):
        deal(films.parent / "twins", asked={"test": "0"})


TABLES = [
    ("", "is empty"),
    ("picture,split\n", "but one line"),
    ("picture\n000000\n", "line 1 lacks"),
    ("picture,split\n000000\n", "line 2 lacks"),
    ("picture,split\n000000,\n", "line 2 lacks"),
    ("picture,split\n000000,training\n", "'training' is no split: say train, val, test"),
    ("picture,split\n000000,train\n000000.png,val\n", "names 000000 twice, on lines 2 and 3"),
    (
        "picture,split\nmoon.png,train\n",
        r"line 2 names moon\.png, and there is no such picture.*take the row out",
    ),
    ("picture,split\n000000,train\n", "no row for 000001 and for 4 more"),
    ("000000,train\n000001,train\n", "begins with a row of 000000: put a header above it"),
    ("p,s\n0,train\n1,test\n2,val\n3,val\n4,test\n5,test\n", "tear group a apart"),
    ("p,s\n\0,train\n", "names|cannot be read|no table"),
]


@pytest.mark.parametrize(("text", "sentence"), TABLES)
def test_another_table_is_refused(text: str, sentence: str, films: Path) -> None:
    """One sentence that names the table, the line and what is wrong; nothing is written."""
    table = films.parent / "splits.csv"
    table.write_text(text)
    with pytest.raises(InputError, match=sentence):
        deal(films, by=table)
    assert not (films.parent / "out").exists()


WAYS = [
    ({}, "say how the splits are dealt"),
    ({"seed": 1, "asked": {"test": "a"}}, "three ways"),
    ({"asked": {"val": "a"}}, "--val goes with --test"),
    ({"seed": 1, "out": "films"}, "is the dataset itself"),
    ({"by": Path("none.csv")}, "cannot be read: No such file"),
    ({"asked": {"test": "a,b,d"}}, "the groups are a, b, c"),
]


@pytest.mark.parametrize(("changes", "sentence"), WAYS)
def test_unclear_wishes_are_refused(changes: dict[str, Any], sentence: str, films: Path) -> None:
    """One way at a time, into another folder."""
    with pytest.raises(InputError, match=sentence):
        deal(films, **changes)


def test_the_command_says_what_came_of_it(films: Path) -> None:
    """Splits, what is missing in one, and how to look at it."""
    out = films.parent / "out"
    done = CliRunner().invoke(app, ["split", str(films), "--out", str(out), "--test", "c"])
    assert done.exit_code == 0, done.output
    assert "6 images (4 train, 0 val, 2 test)" in done.output
    assert "val has no labelled instance at all" in done.output
    assert "val images have no boxes" in done.output
