"""Translations that another program made become a dataset like synth's own, or are refused by name."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from synth.compare.questions import find_origins
from synth.dataset.codecs import Rgb
from synth.dataset.imports.intake import Summary
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.dataset.statistics import compute_figures
from synth.dataset.verify import verify
from synth.errors import DatasetError, InputError
from synth.gan.elsewhere import ElsewhereSettings, import_translated
from synth.witness.observation import Observation, Sway, WitnessScore
from typed import synth

NAMES = {"t": "out", "s": "synthetic"}
Looks = tuple[DatasetReader, DatasetReader]


def warm(rgb_u8: Rgb, seed: int = 0) -> Rgb:
    """A change of look that moves nothing."""
    noise = np.random.default_rng(seed).normal(0, 2, rgb_u8.shape)
    return np.clip(rgb_u8 * (1.1, 1.0, 0.85) + noise, 0, 255).astype(np.uint8)


def write(path: Path, rgb_u8: Rgb) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), rgb_u8[..., ::-1])


def write_all(source: DatasetReader, folder: Path) -> Path:
    for sample in source:
        write(folder / f"{sample.name}.png", warm(source.load_rgb(sample), int(sample.name)))
    return folder


@pytest.fixture(autouse=True)
def undrawn(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Histograms cost a second each: one test draws them."""
    if "resized" not in request.node.name:
        monkeypatch.setattr("synth.gan.elsewhere.draw_drift", lambda *_: None)


def take(source: DatasetReader, folder: Path, out: Path, **changes: Any) -> Summary:
    return import_translated(ElsewhereSettings(folder, source.root, out, **changes))


def test_a_whole_set_is_a_translated_dataset_like_any_other(looks: Looks, tmp_path: Path) -> None:
    """Typed: labels, masks, splits and the simulated flag are the source's; drift, parents and the maker's
    name stand in the records; the dataset is found whole, and the same command finds nothing to do.
    """
    sim, real = looks
    write_all(sim, tmp_path / "made" / "images")
    words = ("import", "translated", "made", "--of", sim.root, "--real", real.root, "--by", "Some diffusion")
    done = synth(*words, "--out", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    dataset = DatasetReader(tmp_path / "out")
    info = dataset.info
    assert (info.kind, info.made_by.parents, info.made_by.simulated) == ("translated", (sim.name,), True)
    assert info.made_by.config["source"] == {"dataset": sim.name, "sha256": sim.digest()}
    assert [(s.name, s.split, s.group) for s in dataset] == [(s.name, s.split, s.group) for s in sim]
    for new, old in zip(dataset, sim, strict=True):
        assert [i.box_xyxy_px for i in new.instances] == [i.box_xyxy_px for i in old.instances]
        assert np.array_equal(dataset.load_mask(new), sim.load_mask(old))
        assert new.quality["drift_edge_px"] < 1
        (step,) = new.origin.steps
        assert (step.verb, step.method) == ("import translated", "Some diffusion")
        (parent,) = new.origin.parents
        assert (parent.pixels_sha256, parent.used) == (old.pixels_sha256, ("pixels", "labels", "mask"))
    assert not verify(dataset.root)
    assert len((dataset.root / "drift.jsonl").read_text().splitlines()) == len(sim)
    files = [path.stat().st_mtime_ns for path in sorted((dataset.root / "images").iterdir())]
    assert synth(*words, "--out", "out", cwd=tmp_path).returncode == 0
    assert files == [path.stat().st_mtime_ns for path in sorted((dataset.root / "images").iterdir())]
    assert (
        compute_figures(dataset)["real_labels_read"],
        find_origins({"t": info, "s": sim.info}, NAMES),
    ) == (
        None,
        {"t": "s"},
    )


def of_size(width: int, height: int) -> Callable[[Rgb], Rgb]:
    return lambda rgb: cv2.resize(warm(rgb), (width, height), interpolation=cv2.INTER_CUBIC)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (of_size(96, 96), "wrong size"),
        (of_size(92, 80), "wrong size"),
        (lambda rgb: np.roll(warm(rgb), 4, axis=1), "box drift"),
        (lambda rgb: np.full_like(rgb, 128), "edge lost"),
        (lambda rgb: rgb, "not translated"),
    ],
    ids=["square", "narrower", "shifted", "empty", "untouched"],
)
def test_a_picture_whose_labels_do_not_hold_is_refused(
    looks: Looks, tmp_path: Path, make: Callable[[Rgb], Rgb], reason: str
) -> None:
    """Another shape, parts that stand elsewhere or are gone, or the source itself: it alone is named."""
    sim, _ = looks
    first, second = sim.of_split("train")[:2]
    write(tmp_path / "in" / f"{first.name}.png", make(sim.load_rgb(first)))
    write(tmp_path / "in" / f"{second.name}.png", warm(sim.load_rgb(second)))
    summary = take(sim, tmp_path / "in", tmp_path / "out")
    (misfit,) = summary.misfits
    assert (misfit.reason, misfit.where) == (reason, f"{first.name}.png")
    assert [s.name for s in DatasetReader(tmp_path / "out")] == [second.name]


def test_the_same_shape_at_another_size_is_resized_and_said(looks: Looks, tmp_path: Path) -> None:
    """Twice as large: brought to its sample's pixels, whose labels hold; the record keeps the size it had."""
    sim, _ = looks
    sample = sim[0]
    write(tmp_path / "in" / f"{sample.name}.png", of_size(192, 160)(sim.load_rgb(sample)))
    summary = take(sim, tmp_path / "in", tmp_path / "out")
    assert any("resized from 192×160" in note.text for note in summary.notes)
    assert (tmp_path / "out" / "drift.png").is_file()
    (new,) = DatasetReader(tmp_path / "out")
    assert new.size_wh == sample.size_wh
    assert new.origin.steps[-1].params["resized_from_wh"] == [192, 160]


def test_names_are_matched_or_named(looks: Looks, tmp_path: Path) -> None:
    """Missing ones are counted, extra ones named, two for one sample refused, both; all at once."""
    sim, _ = looks
    folder = write_all(sim, tmp_path / "in")
    names = [sample.name for sample in sim]
    (folder / f"{names[0]}.png").unlink()
    write(folder / "b" / f"{names[1]}.png", warm(sim.load_rgb(sim[1]), 99))
    write(folder / "999999.png", warm(sim.load_rgb(sim[2]), 98))
    (folder / f"{names[3]}.png").write_bytes((folder / f"{names[4]}.png").read_bytes())
    summary = take(sim, folder, tmp_path / "out")
    found = sorted((m.reason, m.where) for m in summary.misfits)
    assert ("no sample", "999999.png") in found
    assert [reason for reason, _ in found] == ["edge lost", "no sample", "two pictures", "two pictures"]
    assert f"has no picture of 1 of {len(sim)} samples of {sim.root}: {names[0]}" in {
        note.text for note in summary.notes
    }
    assert summary.n_samples == len(sim) - 3


def test_a_folder_of_other_names_says_what_they_should_be(looks: Looks, tmp_path: Path) -> None:
    """Nothing is guessed from numbers; neither folder nor dataset is left behind."""
    sim, _ = looks
    write(tmp_path / "in" / "00000_fake.png", warm(sim.load_rgb(sim[0])))
    with pytest.raises(
        InputError, match=r"called 00000_fake\.png, and the samples 000000, .*call each picture"
    ):
        take(sim, tmp_path / "in", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="has no pictures"):
        take(sim, tmp_path / "empty", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def copied(rgb_u8: Rgb) -> Rgb:
    return rgb_u8


def compressed(rgb_u8: Rgb) -> Rgb:
    data = cv2.imencode(".jpg", rgb_u8, [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))


@pytest.mark.parametrize(("copy", "reason"), [(copied, "other sample"), (compressed, "test image")])
def test_a_real_test_image_does_not_come_in(
    looks: Looks, tmp_path: Path, copy: Callable[[Rgb], Rgb], reason: str
) -> None:
    """Its very pixels, or a copy of them, under the name of a training sample."""
    sim, real = looks
    tested: Sample = real.of_split("test")[0]
    first, second = sim.of_split("train")[:2]
    write(tmp_path / "in" / f"{first.name}.png", copy(real.load_rgb(tested)))
    write(tmp_path / "in" / f"{second.name}.png", warm(sim.load_rgb(second)))
    (misfit,) = take(sim, tmp_path / "in", tmp_path / "out", real=real.root).misfits
    assert misfit.reason == reason
    assert tested.name in misfit.detail


def test_a_source_that_leaks_is_refused_as_translate_refuses_it(looks: Looks, tmp_path: Path) -> None:
    """Training samples that show a test image of the captured dataset: nothing is taken."""
    sim, real = looks
    folder = write_all(sim, tmp_path / "in")
    leaky = DatasetReader(sim.root)
    parent = real.as_parent(real.of_split("test")[0], "pixels")
    train = leaky.of_split("train")[0]
    leaked = train.model_copy(update={"origin": train.origin.model_copy(update={"parents": (parent,)})})
    leaky.samples = tuple(leaked if s is train else s for s in leaky.samples)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "synth.gan.elsewhere.DatasetReader", lambda root, _: leaky if root == sim.root else real
        )
        with pytest.raises(DatasetError, match="was made from test image"):
            take(sim, folder, tmp_path / "out", real=real.root)
    assert not (tmp_path / "out").exists()


def test_pictures_in_another_order_are_likely_to_be_told(looks: Looks, tmp_path: Path) -> None:
    """When most show their parts elsewhere, the likely cause is said as a likely one."""
    sim, _ = looks
    for sample, other in pairwise(sim[:6]):
        write(tmp_path / "in" / f"{sample.name}.png", warm(sim.load_rgb(other), int(sample.name)))
    write(tmp_path / "in" / f"{sim[7].name}.png", warm(sim.load_rgb(sim[7])))
    summary = take(sim, tmp_path / "in", tmp_path / "out")
    assert any("perhaps they were cropped, or stand in another order" in note.text for note in summary.notes)


class Seeing:
    """A witness that sees the blue of plates, and sees nothing once they are warm."""

    error = WitnessScore(1, 1.0, 1.0, 0.5, 4, 1.0, 1)
    sway = Sway(0.5, 1.0, 1)

    def observe(self, rgb_u8: Rgb) -> Observation:
        masks = (rgb_u8[..., 2] > rgb_u8[..., 0].astype(int) + 90).astype(np.float32)
        return Observation(masks, np.zeros((*masks.shape, 3), np.float32))


def test_a_witness_looks_on_where_one_is_given(
    looks: Looks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in `synth translate`: a part that it finds in the source and not in the picture refuses that."""
    sim, _ = looks
    sample = sim[0]
    write(tmp_path / "in" / f"{sample.name}.png", warm(sim.load_rgb(sample)))
    monkeypatch.setattr("synth.gan.elsewhere._load_witness", lambda _: Seeing())
    with pytest.raises(InputError, match="the witness finds it in the source and not in the translation"):
        take(sim, tmp_path / "in", tmp_path / "out", witness=tmp_path / "witness.safetensors")
