"""Rendering a dataset for real, small: what is on disk, going on, worker counts, refusals."""

import errno
import json
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
from captured_set import write_captured
from PIL import Image
from rich.console import Console

from in_this_process import stay_in_this_process
from synth.cell.load import default_cell
from synth.cell.mesh import label_normal_part, load_bodies, load_mesh
from synth.compute.progress import make_progress
from synth.dataset.exports.bop import export_bop
from synth.dataset.folder import read_info
from synth.dataset.reader import DatasetReader
from synth.dataset.statistics import compute_figures
from synth.dataset.store import DatasetWriter
from synth.dataset.verify import verify
from synth.errors import DatasetError, InputError, StorageError
from synth.sim.look import choose_measured
from synth.sim.preview import preview
from synth.sim.run import check_disk, make_plan, render
from synth.sim.settings import RenderSettings

pytestmark = pytest.mark.slow
QUIET = make_progress(Console(quiet=True))


def _settings(captured, out, **changes):
    settings = RenderSettings(
        out=out,
        cell=default_cell(),
        real=DatasetReader(captured),
        shares={"twin": 3, "fresh": 1, "bin": 1},
        quality="draft",
        n_workers=1,
    )
    return replace(settings, **changes)


@pytest.fixture(scope="module")
def rendered(captured, tmp_path_factory):
    """Three twins, one fresh pose, one bin, with layers."""
    out = tmp_path_factory.mktemp("rendered") / "synthetic"
    settings = _settings(captured, out, layers=True)
    with pytest.MonkeyPatch.context() as patch:
        stay_in_this_process(patch)
        summary = render(make_plan(settings), QUIET)
    assert (summary.n_samples, summary.n_new) == (5, 5)
    return out


def test_a_rendered_dataset_is_whole(rendered, captured):
    """It verifies; every sample has its scene, every twin its parent with the very hash of its picture."""
    assert verify(rendered) == []
    real, found = DatasetReader(captured), DatasetReader(rendered)
    assert found.info.kind == "rendered"
    assert [s.name for s in found] == ["000000", "000001", "000002", "100000", "200000"]
    for sample in found:
        ids = found.load_semantic(sample)
        assert (ids[found.load_mask(sample) > 0] == 0).all()
        behind = "box" if sample.name == "200000" else "arm"
        assert {behind, "bench"} <= {found.info.semantic.names[i] for i in np.unique(ids)}
        scene = json.loads((rendered / "scenes" / f"{sample.name}.json").read_bytes())
        assert scene["scenario"] == sample.quality["scenario"]
        parents = [(p.name, p.split, p.pixels_sha256) for p in sample.origin.parents if p.split]
        if scene["scenario"] == "twin":
            parent = real[sample.name]
            assert parents == [(parent.name, parent.split, parent.pixels_sha256)]
            assert sample.split == parent.split
        else:
            assert parents == []
            assert sample.split != "test"
    assert not (rendered / ".render").exists()


def test_a_rendered_dataset_brings_the_mesh_of_its_part(rendered, tmp_path):
    """In axes and size of the cell's, with normal and point of its labels; so BOP gets whole masks."""
    (model,) = read_info(rendered).models
    part = load_bodies(default_cell()).part
    mesh = load_mesh(rendered / model.mesh, model.units)
    np.testing.assert_allclose(np.sort(mesh.vertices_m, axis=0), np.sort(part.vertices_m, axis=0), atol=1e-7)
    assert model.point_part_m == default_cell().part.point_of_interest_m
    np.testing.assert_allclose(model.normal_part, label_normal_part(default_cell(), part))
    for scene in export_bop(DatasetReader(rendered), tmp_path / "bop", undistort=True):
        for entry in json.loads((scene / "scene_gt_info.json").read_bytes()).values():
            assert all(0 < about["px_count_visib"] <= about["px_count_all"] for about in entry)
    assert (tmp_path / "bop/models/models_info.json").is_file()


def test_a_twin_shows_what_its_parent_shows(rendered, captured):
    """Same place of the part to the pixel, and a picture in which the part stands out where the mask says."""
    real, found = DatasetReader(captured), DatasetReader(rendered)
    for name in ("000000", "000001", "000002"):
        mask, parents_mask = found.load_mask(found[name]) > 0, real.load_mask(real[name]) > 0
        assert (mask & parents_mask).sum() / (mask | parents_mask).sum() > 0.98
        rgb = found.load_rgb(found[name]).astype(int)
        redness = rgb[..., 0] - rgb[..., 2]
        assert np.median(redness[mask]) > np.median(redness[~mask]) + 40


def test_normals_lie_in_our_frame(rendered):
    """Of every pixel of a part there is one, unit, and it faces the camera."""
    found = DatasetReader(rendered)
    for sample in found.samples[:4]:
        normals = found.load_normals_cam(sample)
        seen = normals[found.load_mask(sample) > 0]
        told = seen.any(axis=-1)
        assert told.mean() > 0.94
        assert np.abs(np.linalg.norm(seen[told], axis=-1) - 1).max() < 1e-3
        assert (seen[told][:, 2] < 0.2).all()


def test_a_twin_says_that_it_used_a_pose_and_a_plate(rendered, captured):
    """Every parent is a captured sample or plate by its pixels; fresh poses used plates alone."""
    real, found = DatasetReader(captured), DatasetReader(rendered)
    plates = {p.pixels_sha256 for p in real.plates}
    for sample in found:
        (step,) = sample.origin.steps
        assert (step.verb, step.method) == ("render", sample.quality["scenario"])
        assert {p.digest for p in sample.origin.parents} == {real.digest()}
        posed = [p for p in sample.origin.parents if p.used == ("pose",)]
        laid = [p for p in sample.origin.parents if p.used == ("plate",)]
        assert len(posed) + len(laid) == len(sample.origin.parents)
        assert {p.pixels_sha256 for p in laid} == plates
        assert [p.pixels_sha256 for p in posed] == (
            [real[sample.name].pixels_sha256] if step.method == "twin" else []
        )
    read = compute_figures(found)["real_labels_read"]
    n_twins = sum(s.quality["scenario"] == "twin" for s in found)
    assert read["pose"] >= n_twins
    assert read["mask"] == len(choose_measured(real))
    assert read["labels"] == 0


def test_going_on_renders_only_what_is_missing_and_two_workers_give_the_same(rendered, captured, tmp_path):
    """Cut back to one sample and gone on with by two workers, it ends with the same pictures and labels."""
    out = shutil.copytree(rendered, tmp_path / "synthetic")
    lines = (out / "samples.jsonl").read_bytes().splitlines(keepends=True)
    (out / "samples.jsonl").write_bytes(lines[0])
    for name in ("000001", "000002", "100000", "200000"):
        for path in out.glob(f"*/{name}*"):
            path.unlink()
    summary = render(make_plan(_settings(captured, out, layers=True, n_workers=2)), QUIET)
    assert summary.n_new == 4
    assert verify(out) == []
    for a, b in zip(DatasetReader(rendered), DatasetReader(out), strict=True):
        assert a.model_copy(update={"timing": {}}) == b.model_copy(update={"timing": {}})


def test_other_settings_are_refused_with_a_difference(rendered, captured):
    """Another seed or quality, or fewer of a source, does not go on with a dataset; what differs is said."""
    for changes, words in (
        ({"seed": 4}, "made_by.seed: 0 became 4"),
        ({"quality": "normal"}, "quality.name: draft became normal"),
        ({"shares": {"twin": 2, "fresh": 1, "bin": 2}}, "never shrinks; ask for as many of each, --count 5"),
    ):
        with pytest.raises(DatasetError, match=words):
            render(make_plan(_settings(captured, rendered, layers=True, **changes)), QUIET)


def test_another_dataset_is_not_written_into(captured):
    """The folder of the captured dataset itself is refused, and stays as it was."""
    before = (captured / "dataset.json").read_bytes()
    with pytest.raises(DatasetError, match="is real, and what is asked for would be rendered"):
        render(make_plan(_settings(captured, captured)), QUIET)
    assert (captured / "dataset.json").read_bytes() == before


@pytest.mark.usefixtures("in_this_process")
def test_a_disk_that_fills_up(rendered, captured, tmp_path, monkeypatch):
    """One sentence and whole samples; with room again the rest comes out as it would have."""
    out = tmp_path / "out"
    plan = make_plan(_settings(captured, out, layers=True))
    fsync = os.fsync
    writes_of_the_third = iter(range(3))

    def full_in_the_third_sample(fd):
        log = out / "samples.jsonl"
        begun = log.exists() and len(log.read_bytes().splitlines()) == 2
        if begun and next(writes_of_the_third, None) is None:
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(fd)

    with monkeypatch.context() as patch:
        patch.setattr("synth.storage.atomic.os.fsync", full_in_the_third_sample)
        with pytest.raises(StorageError, match="is full: make room, then run it again"):
            render(plan, QUIET)
    assert len(DatasetReader(out).samples) == 2
    DatasetWriter.open(out).close()  # The lists drawn from samples.jsonl had no room either.
    assert verify(out) == []
    assert render(plan, QUIET).n_new == 3
    assert verify(out) == []
    for a, b in zip(DatasetReader(rendered), DatasetReader(out), strict=True):
        assert a.model_copy(update={"timing": {}}) == b.model_copy(update={"timing": {}})


@pytest.mark.usefixtures("in_this_process")
def test_twins_of_test_samples_are_marked(captured, tmp_path):
    """They are test, and say themselves that they are for analysis only; plain look, randomised."""
    settings = _settings(
        captured, tmp_path / "out", shares={"twin": 6}, test_twins=True, look="plain", randomize=1.0
    )
    plan = make_plan(settings)
    tests = tuple(o for o in plan.orders if o.job.split == "test")[:1]
    render(replace(plan, orders=tests), QUIET)
    (sample,) = DatasetReader(tmp_path / "out").samples
    assert sample.split == "test"
    assert sample.quality["analysis_only"] is True
    scene = json.loads((tmp_path / "out" / "scenes" / f"{sample.name}.json").read_bytes())
    assert scene["draws"]


@pytest.mark.usefixtures("in_this_process")
def test_a_preview_leaves_a_sheet_and_no_dataset(captured, tmp_path):
    """One PNG, the captured picture on its left; the dataset folder is not touched."""
    path, real = tmp_path / "runs" / "render_preview.png", DatasetReader(captured)
    preview(_settings(captured, tmp_path / "synthetic"), 1, path, QUIET)
    left = Image.open(path).crop((10, 10, 650, 370))
    rgb = Image.fromarray(real.load_rgb(real["000000"]))
    assert left == rgb.resize(left.size, Image.Resampling.LANCZOS)
    assert not (tmp_path / "synthetic").exists()


def test_what_cannot_be_rendered_is_said_before_anything_is_written(captured, tmp_path):
    """A full disk, no workers, no captured set, another part: InputError, and no folder."""
    with pytest.raises(InputError, match="GB"):
        check_disk(tmp_path / "out", 10**9, (1280, 720))
    with pytest.raises(InputError, match="--workers must be 1 or more"):
        _settings(captured, tmp_path / "out", n_workers=0)
    with pytest.raises(InputError, match="--look plain"):
        make_plan(RenderSettings(out=tmp_path, shares={"fresh": 1}))
    with pytest.raises(InputError, match="strength of randomizing"):
        _settings(captured, tmp_path / "out", randomize=-1.0)
    with pytest.raises(InputError, match="no Blender at"):
        make_plan(_settings(captured, tmp_path / "out", blender=tmp_path))
    assert not (tmp_path / "out").exists()


def test_a_dataset_without_poses_has_nothing_to_twin(tmp_path):
    """No sample of it can be twinned."""
    from synth.sim.bench import list_twinnable

    real = DatasetReader(write_captured(tmp_path / "real", with_poses=False))
    assert list_twinnable(real, with_test=True) == ()
