"""Captured pictures get the label maps of their twins, and nothing else of them changes."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from in_this_process import stay_in_this_process
from sim.captured_set import write_captured
from synth.dataset.reader import DatasetReader
from synth.dataset.verify import verify
from typed import synth

N_TWINS = 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """real, captured pictures, and maps, of the twins of two of them."""
    folder = tmp_path_factory.mktemp("cell")
    write_captured(folder / "real")
    words = ("--maps-only", "--real", "real", "--share", f"twin={N_TWINS}", "--out", "maps")
    with pytest.MonkeyPatch.context() as patch:
        stay_in_this_process(patch)
        ran = synth("render", *words, cwd=folder)
    assert ran.returncode == 0, ran.stderr
    return folder


def test_pictures_get_the_layers_of_their_twins(folder: Path) -> None:
    """Bit for bit, depth in metres; pictures, boxes and splits stay, and who has no twin has no map. The same
    command has nothing to add.
    """
    for n_new in (len(DatasetReader(folder / "real")), 0):
        ran = synth("label", "real", "--twins", "maps", "--out", "labelled", cwd=folder)
        assert ran.returncode == 0, ran.stderr
        assert f"{N_TWINS} pictures have the label maps of their twins in maps, {n_new} new" in ran.stdout
    real, maps, made = (DatasetReader(folder / name) for name in ("real", "maps", "labelled"))
    assert verify(made.root) == []
    assert made.info.semantic == maps.info.semantic
    assert [s.name for s in made if "semantic" in s.layers] == [s.name for s in maps]
    for sample in made:
        own = real[sample.name]
        assert (sample.pixels_sha256, sample.split) == (own.pixels_sha256, own.split)
        assert [i.box_xyxy_px for i in sample.instances] == [i.box_xyxy_px for i in own.instances]
        assert not sample.origin.is_pseudo_labelled
    for twin in maps:
        np.testing.assert_array_equal(made.load_semantic(made[twin.name]), maps.load_semantic(twin))
        np.testing.assert_allclose(
            made.load_depth_m(made[twin.name]), maps.load_depth_m(twin), atol=2 * 0.00025
        )
        assert {p.dataset for p in made[twin.name].origin.parents} >= {"real", "maps"}


def test_other_maps_are_refused(folder: Path, tmp_path: Path) -> None:
    """Maps that are of no twin of these pictures, pixels counting and not names alone; nothing is written."""
    lines = (folder / "maps/samples.jsonl").read_text().splitlines()
    other = shutil.copytree(folder / "maps", tmp_path / "other")
    changed = [json.loads(line) for line in lines]
    for record in changed:
        record["origin"]["parents"][0]["pixels_sha256"] = "0" * 64
    (other / "samples.jsonl").write_text("".join(json.dumps(record) + "\n" for record in changed))
    ran = synth("label", folder / "real", "--twins", other, "--out", "out", cwd=tmp_path)
    assert ran.returncode == 2
    assert "has no label map of a twin of any picture in" in ran.stderr
    n = sum(sample.split != "test" for sample in DatasetReader(folder / "real"))
    assert f"--share twin={n} makes" in ran.stderr  # No more can have a twin.
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "give networks that label with --run, or twins with --twins, one of the two"),
        (("--run", "runs/a", "--twins", "maps"), "one of the two"),
        (("--twins", "maps", "--truth", "real"), "--twins asks no network: leave out --truth"),
        (
            ("--twins", "maps", "--device", "cpu", "--min-confidence", "0"),
            "leave out --min-confidence, --device",
        ),
        (("--twins", "nowhere"), "there is no dataset at nowhere: synth render --maps-only"),
    ],
)
def test_what_does_not_go_together_is_one_sentence(folder: Path, words: tuple[str, ...], says: str) -> None:
    """Exit code 2, nothing left behind."""
    ran = synth("label", "real", *words, "--out", "none", cwd=folder)
    assert ran.returncode == 2
    assert says in " ".join(ran.stderr.split())
    assert not (folder / "none").exists()
