"""Figures by class and split, what is odd about them, and true sentences on what comes next."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dataset_scene import fill, make_info, make_shot
from rich.console import Console
from small_sets import SIZE_WH, one_each, write_set
from typer.testing import CliRunner

from synth.dataset.commands import app
from synth.dataset.info import DatasetInfo, MadeBy, SemanticInfo
from synth.dataset.next_steps import MIN_TEST_TO_COMPARE, MIN_VISIBLE_TO_CUT, list_next_steps
from synth.dataset.overview import look_over
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Draft
from synth.dataset.statistics import print_overview
from synth.dataset.store import DatasetWriter
from synth.metrics.comparison import MIN_IMAGES
from synth.sim.cutting_table import MIN_VISIBLE


def steps_of(dataset: DatasetReader) -> dict[str, str]:
    """yes or no and the sentence, by what could come next."""
    return {s.what: f"{'yes' if s.able else 'no'}: {s.sentence}" for s in list_next_steps(dataset)}


def test_instances_and_images_are_counted_by_class_and_split(tmp_path: Path) -> None:
    """Two of one class in an image are two instances and one image; JSON has the same numbers."""
    samples = [
        {"shows": ("cup", "cup", "lid")},
        {"split": "val"},
        {"split": "test"},
        {"shows": ()},
    ]
    dataset = write_set(tmp_path / "a", samples)
    tallies = look_over(dataset).tallies
    assert (tallies["cup"]["train"].instances, tallies["cup"]["train"].images) == (2, 1)
    assert tallies["lid"]["test"].instances == 0
    figures = json.loads(CliRunner().invoke(app, ["stats", str(dataset.root), "--json"]).output)
    assert figures["by_class"]["cup"]["train"] == {"instances": 2, "images": 1}
    assert {step["what"] for step in figures["next"]} == set(steps_of(dataset))
    assert "val and test have no instance of lid." in figures["warnings"]
    assert "fewer than 5 test images show cup (1): their figures will say little." in figures["warnings"]
    assert "1 of 4 images shows no labelled object: they teach what background is." in figures["warnings"]


def test_groups_are_told(tmp_path: Path) -> None:
    """A group in two splits is named; so is a class of one group, unless that is torn anyway; a sound set
    warns of nothing.
    """
    samples = [
        {"group": "one", "shows": ("cup", "lid")},
        {"group": "one", "split": "test"},
        {"group": "two", "split": "val", "shows": ("cup", "pot")},
    ]
    overview = look_over(write_set(tmp_path / "a", samples, classes=("cup", "lid", "pot")))
    assert overview.apart == {"one": ("train", "test")}
    assert overview.lone == {"lid": "one", "pot": "two"}
    alone = [w for w in overview.warnings if "alone" in w]
    assert [w.split()[0] for w in alone] == ["pot"]
    assert any("one (train and test) stands in several splits" in w for w in overview.warnings)
    sound = [{"split": s, "shows": ("cup", "lid")} for s in ("train", "val", *["test"] * 5)]
    assert look_over(write_set(tmp_path / "b", sound)).warnings == ()


def test_boxes_alone_can_train_a_detector(tmp_path: Path) -> None:
    """Somebody's boxes: commands for what works, reasons and ways for what does not."""
    dataset = write_set(tmp_path / "a", [{"split": s} for s in ("train", "train", "val", *["test"] * 5)])
    steps = steps_of(dataset)
    assert (
        steps["train detection"] == f"yes: synth train detection --data {dataset.root} --test {dataset.root}"
    )
    assert steps["train normals"].startswith(
        "no: no instance has a normal, and boxes tell none: synth import bop"
    )
    assert steps["render"].startswith(f"yes: synth render --mesh FILE --over {dataset.root}")
    assert steps["compose"] == f"yes: synth compose {dataset.root}"
    assert steps["translate"].startswith(f"yes: synth translate --real {dataset.root} --sim OTHER")
    assert steps["compare"].startswith(
        f"yes: synth compare --data real={dataset.root} --data other=OTHER --tasks"
    )


def test_captured_ones_can_do_everything(tmp_path: Path) -> None:
    """Poses, masks, plates, crops: every stage follows."""
    fill(tmp_path / "real", 20)
    steps = steps_of(DatasetReader(tmp_path / "real"))
    assert all(sentence.startswith("yes") for sentence in steps.values()), steps
    assert "--plates" not in steps["compose"]
    assert "--tasks" not in steps["compare"]


@pytest.mark.parametrize(
    ("kind", "what", "sentence"),
    [
        ("rendered", "render", "no: it is rendered"),
        ("rendered", "translate", "yes: synth translate --sim"),
        ("rendered", "compare", "yes: synth compare --data real=OTHER --data rendered="),
        ("translated", "translate", "no: it is translated already"),
        ("composited", "compose", "no: it is composited"),
        ("mixed", "translate", "no: it has pictures of several looks"),
        ("imported", "train normals", "yes: synth train normals"),
    ],
)
def test_other_kinds_have_other_ways(kind: Any, what: str, sentence: str, tmp_path: Path) -> None:
    """What is made does not become what it is made of."""
    fill(tmp_path / "data", 20, kind=kind)
    assert steps_of(DatasetReader(tmp_path / "data"))[what].startswith(sentence)


def test_images_of_several_sizes_are_translated_by_crops(tmp_path: Path) -> None:
    """Drawings laid into parts of photographs: a translator of crops takes them, and the step says so."""
    fill(tmp_path / "data", 20, kind="composited")
    dataset = DatasetReader(tmp_path / "data")
    first, *others = dataset.samples
    dataset.samples = (first.model_copy(update={"size_wh": (7, 7)}), *others)
    step = steps_of(dataset)["translate"]
    assert step.startswith("yes: synth translate --sim")
    assert "differ in size, so --method must name a baseline or one that learns from crops" in step


def test_a_split_that_lacks_labels_is_said(tmp_path: Path) -> None:
    """No val: no training, and how to deal anew, or that there is too little to deal; no test of its own:
    another's; few: no comparison.
    """
    no_val = steps_of(write_set(tmp_path / "a", [{"split": "train"}, *[{"split": "test"}] * 2]))
    assert no_val["train detection"].startswith("no: val images have no boxes")
    assert "synth dataset split" in no_val["train detection"]
    assert "--seed 0" in no_val["train detection"]
    no_test = steps_of(write_set(tmp_path / "b", [{"split": "train"}, {"split": "val"}]))
    assert "--test OTHER" in no_test["train detection"]
    assert "test images have no labels: three splits need three images" in no_test["compare"]
    few = steps_of(write_set(tmp_path / "c", one_each()))
    assert few["compare"] == "no: it has 1 test image, and a comparison is measured on 5 or more"


def test_label_maps_alone_can_be_painted(tmp_path: Path) -> None:
    """A dataset of maps has no picture to learn from; an empty one is asked nothing."""
    semantic = SemanticInfo(names=("road",), colours=((0, 0, 0),))
    info = DatasetInfo(kind="maps", classes=(), semantic=semantic, made_by=MadeBy(verb="x", simulated=False))
    with DatasetWriter.create_or_resume(tmp_path, info) as writer:
        assert list_next_steps(DatasetReader(tmp_path)) == ()
        draft = Draft(name="000000", split="train", size_wh=SIZE_WH)
        writer.append(draft, layers={"semantic": np.zeros(SIZE_WH[::-1], np.uint8)})
    steps = steps_of(DatasetReader(tmp_path))
    assert steps.pop("paint").startswith("yes: synth paint ")
    assert all(said.startswith("no: its samples are label maps") for said in steps.values())


def test_normals_without_a_crop_are_told_from_none(tmp_path: Path) -> None:
    """An instance with a normal that is seen too badly for a crop is another reason than no normal at all."""
    info = make_info()
    draft, arrays = make_shot(0, np.random.default_rng(0))
    lost = dict.fromkeys(("R_crop_cam", "normal_crop_uvw", "point_crop_xy"), None)
    bare = draft.instances[0].model_copy(update=lost)
    with DatasetWriter.create_or_resume(tmp_path, info) as writer:
        writer.append(draft.model_copy(update={"instances": (bare,)}), layers=arrays["layers"])
    assert "no labelled face is turned to the camera" in steps_of(DatasetReader(tmp_path))["train normals"]


def test_limits_are_those_of_the_stages() -> None:
    """What is said to be too few or too hidden is what composites and comparisons refuse."""
    assert MIN_VISIBLE_TO_CUT == MIN_VISIBLE
    assert MIN_TEST_TO_COMPARE == MIN_IMAGES


def test_brackets_in_names_are_printed(tmp_path: Path) -> None:
    """Folders and groups are text, never markup."""
    root = tmp_path / "[red]a[/red]"
    dataset = write_set(root, one_each(group="[bold]"))
    console = Console(record=True, width=200, markup=False)
    print_overview(look_over(dataset), list_next_steps(dataset), console)
    said = console.export_text()
    assert "[bold] (train, val and test)" in said
    assert str(root) in said
