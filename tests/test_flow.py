"""All stages that exist, tiny, on the CPU, as a newcomer types them."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bop_scene import write_scene
from dataset.films import drive, make_film
from gan.look_pair import write_look
from small_cell import write_small_cell
from synth.dataset.origin import count_real_labels
from synth.dataset.reader import DatasetReader
from synth.train.trained import load_trained
from train.street_sets import CLASSES, COLOURS, draw_street
from typed import synth

SYNTH = Path(sys.executable).with_name("synth")


@pytest.mark.slow
def test_a_newcomer_gets_a_labelled_dataset(tmp_path):
    """Capture, verify, sheet, stats, export: every command ends well and leaves what it says."""
    write_small_cell(tmp_path)
    commands = [
        ("capture", "--poses", "4", "--plates", "1", "--pace", "200"),
        ("dataset", "verify"),
        ("dataset", "sheet"),
        ("dataset", "stats"),
        ("dataset", "export", "coco", "--out", "coco"),
        ("status",),
    ]
    for command in commands:
        answer = synth(*command, cwd=tmp_path)
        assert answer.returncode == 0, f"{command}: {answer.stderr}"
    root = tmp_path / "data" / "real"
    assert sorted(p.name for p in (root / "images").iterdir()) == [f"{i:06d}.png" for i in range(4)]
    assert len((root / "normals.txt").read_text().splitlines()) >= 2
    assert (root / "sheet.png").stat().st_size > 10_000
    assert (
        "SIMULATED"
        in subprocess.run(
            [SYNTH, "capture", "--poses", "4", "--plates", "1"], cwd=tmp_path, capture_output=True, text=True
        ).stdout
    )


@pytest.fixture(scope="module")
def bench(tmp_path_factory) -> Path:
    """A folder with a cell of a small camera and what it captured; nobody changes them."""
    folder = tmp_path_factory.mktemp("bench")
    write_small_cell(folder)
    answer = synth("capture", "--poses", "24", "--plates", "2", "--pace", "200", cwd=folder)
    assert answer.returncode == 0, answer.stderr
    return folder


@pytest.mark.slow
@pytest.mark.usefixtures("coarse_maps", "in_this_process", "unexported")
def test_captured_samples_get_rendered_twins_and_are_compared_with_them(bench, tmp_path):
    """Capture small pictures, render after them, verify, look, compare: all end well, names match."""
    shutil.copytree(bench, tmp_path, dirs_exist_ok=True)
    commands = [
        ("render", "--share", "twin=6", "--share", "fresh=2", "--quality", "draft"),
        ("dataset", "verify", "data/synthetic"),
        ("dataset", "sheet", "data/synthetic"),
        (
            *("compare", "--preset", "quick", "--tasks", "normals", "--mixes", "real,synthetic"),
            "--no-baseline",
            *("--seeds", "1", "--images", "64", "--device", "cpu"),
        ),
        ("status",),
    ]
    for command in commands:
        answer = synth(*command, cwd=tmp_path)
        assert answer.returncode == 0, f"{command}: {answer.stderr}"
    synthetic = tmp_path / "data" / "synthetic"
    names = sorted(p.stem for p in (synthetic / "images").iterdir())
    assert names[-2:] == ["100000", "100001"]
    assert (tmp_path / "data" / "real" / "images" / f"{names[0]}.png").is_file()
    assert (synthetic / "scenes" / f"{names[0]}.json").is_file()
    assert "SIMULATED CELL" in (tmp_path / "runs" / "compare" / "report.html").read_text()


@pytest.mark.slow
@pytest.mark.usefixtures("few_patches", "in_this_process")
def test_composites_are_translated_into_the_captured_look(bench, tmp_path):
    """Capture, compose, translate, verify, look: labels come through, and status knows the stage."""
    shutil.copytree(bench, tmp_path, dirs_exist_ok=True)
    commands = [
        ("compose", "data/real", "--count", "12"),
        (
            *("translate", "--sim", "data/composited", "--images", "2", "--choose", "real-val"),
            *("--device", "cpu"),
        ),
        ("dataset", "verify", "data/translated"),
        ("status",),
    ]
    for command in commands:
        answer = synth(*command, cwd=tmp_path)
        assert answer.returncode == 0, f"{command}: {answer.stderr}"
    assert "SIMULATED" in answer.stdout or "simulated" in answer.stdout
    assert "translate" in answer.stdout
    translated = tmp_path / "data" / "translated"
    assert (translated / "drift.png").is_file()
    assert (tmp_path / "runs" / "translate" / "result.json").is_file()


@pytest.mark.slow
def test_label_maps_are_painted_as_photographs(tmp_path):
    """Photographs with maps, paint, verify, look, paint again, balance, paint these: labels are the maps'."""
    photos = write_look(tmp_path / "data/real", "real", 6, seed=0, with_maps=True)
    maps = write_look(tmp_path / "data/maps", "rendered", 4, seed=1, with_maps=True)
    small = ("schedule.side_px=64", "height_px=64", "generator.n_filters=4", "perceptual=none")
    checkpoint = "runs/paint/checkpoints/step_000001.safetensors"
    commands = [
        ("paint", "--images", "2", *(w for one in small for w in ("--set", one)), "--device", "cpu"),
        ("dataset", "verify", "data/painted"),
        ("dataset", "sheet", "data/painted"),
        ("paint", "--checkpoint", checkpoint, "--out", "data/again", "--device", "cpu"),
        ("balance", "data/real", "--way", "add-single", "--classes", "cover", "--count", "2"),
        ("dataset", "verify", "data/balanced"),
        ("paint", "data/balanced", "--checkpoint", checkpoint, "--out", "data/more", "--device", "cpu"),
        ("status",),
    ]
    for command in commands:
        answer = synth(*command, cwd=tmp_path)
        assert answer.returncode == 0, f"{command}: {answer.stderr}"
    assert "data/painted" in answer.stdout
    assert len(DatasetReader(tmp_path / "data/more")) == 2
    painted, again = (DatasetReader(tmp_path / "data" / name) for name in ("painted", "again"))
    assert painted.info.kind == "painted"
    assert painted.info.made_by.simulated
    assert [s.pixels_sha256 for s in painted] == [s.pixels_sha256 for s in again]
    for of, source in zip(painted, maps, strict=True):
        assert (of.sha256[of.layers["semantic"]], of.split) == (
            source.sha256[source.layers["semantic"]],
            source.split,
        )
    (reading,) = painted.info.made_by.readings
    assert set(reading.names) == {s.name for s in photos.of_split("train")}


@pytest.mark.slow
@pytest.mark.usefixtures("coarse_maps", "in_this_process")
def test_somebody_else_s_photographs_go_all_the_way(tmp_path):
    """Import, render over them, verify, look, compare, export: all end well, and status knows the way."""
    write_scene(tmp_path / "scene", 24)
    commands = [
        ("import", "bop", "scene", "--name", "1=box", "--normal", "0,0,-1"),
        ("dataset", "verify"),
        ("status",),
        (
            "render",
            "--over",
            "data/real",
            "--share",
            "twin=4",
            "--share",
            "photographs=4",
            "--quality",
            "draft",
        ),
        ("dataset", "verify", "data/synthetic"),
        ("dataset", "sheet", "data/real", "--beside", "data/synthetic", "--count", "2"),
        (
            *("compare", "--preset", "quick", "--tasks", "detection", "--mixes", "real,synthetic"),
            "--no-baseline",
            *("--seeds", "1", "--images", "64", "--device", "cpu"),
        ),
        ("dataset", "export", "bop", "--out", "again"),
        ("import", "bop", "again", "--out", "data/again", "--name", "1=box", "--normal", "0,0,-1"),
    ]
    said = {}
    for command in commands:
        answer = synth(*command, cwd=tmp_path)
        assert answer.returncode == 0, f"{command}: {answer.stderr}"
        said[command] = answer.stdout
    assert "synth render --over data/real" in said["status",]
    assert "in use at confidence 0.5" in (tmp_path / "runs" / "compare" / "report.html").read_text()
    first, again = (DatasetReader(tmp_path / "data" / name) for name in ("real", "again"))
    boxes = [sorted(i.box_xyxy_px for s in dataset for i in s.instances) for dataset in (first, again)]
    assert boxes[0] == boxes[1]


@pytest.mark.slow
def test_a_film_of_a_street_gets_labels_from_which_a_network_learns(tmp_path):
    """Import a film and label maps, train, label, train on the labels: all end well, status names the way."""
    rng = np.random.default_rng(0)
    for i, split in enumerate(("train", "val", "test") * 3):
        ids = np.minimum(draw_street(rng), len(CLASSES) - 1)
        for folder, pixels in (("images", np.array(COLOURS, np.uint8)[ids]), ("labels", ids)):
            path = tmp_path / "street" / folder / split / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
    (tmp_path / "palette.json").write_text(json.dumps({"classes": CLASSES, "palette": COLOURS}))
    make_film(tmp_path / "film.mkv", drive(24, 0, size_wh=(64, 32)))
    tiny = ("--side", "48", "--images", "8", "--device", "cpu")
    run = ("--run", "runs/train/segmentation")
    commands = [
        (
            "import",
            "semantic",
            "street/images",
            "street/labels",
            "--palette",
            "palette.json",
            "--out",
            "data/street",
        ),
        ("import", "video", "film.mkv", "--every", "0.5", "--gap", "0.1", "--out", "data/footage"),
        ("train", "segmentation", "--data", "data/street", "--test", "data/street", *tiny),
        ("status",),
        ("label", "data/footage", *run, "--min-confidence", "0", "--device", "cpu"),
        ("dataset", "verify", "data/labelled"),
        (
            *("train", "segmentation", "--data", "data/labelled", "--test", "data/street", *tiny),
            *("--out", "runs/train/street"),
        ),
    ]
    said = []
    for command in commands:
        answer = synth(*command, cwd=tmp_path)
        assert answer.returncode == 0, f"{command}: {answer.stderr}"
        said.append(answer.stdout)
    assert "synth label data/footage --run RUN" in said[1]
    assert "Next: synth label data/footage --run runs/train/segmentation" in said[3]
    labelled = DatasetReader(tmp_path / "data/labelled")
    assert {"image", "semantic", "confidence"} <= labelled[0].layers.keys()
    learnt = load_trained(tmp_path / "runs/train/street").readings
    assert count_real_labels((), learnt) == {"labels": 6, "mask": 0, "pose": 0}
