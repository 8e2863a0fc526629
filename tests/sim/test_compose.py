"""Composites: parts of one split on plates of that split, labels true to the pixels, nothing given away."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from synth.cli import app
from synth.dataset.info import CameraRecord, DatasetInfo, MadeBy
from synth.dataset.origin import Origin, Parent, Step
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Draft, Instance
from synth.dataset.store import DatasetWriter
from synth.dataset.verify import verify
from synth.errors import DatasetError, InputError
from synth.geometry.boxes import square_box, tight_box
from synth.sim.colour import linear_of_u8, to_linear, to_srgb
from synth.sim.compose import make_settings
from synth.sim.cutout import cut_out, lay, turned
from synth.sim.ingredients import Ingredients
from synth.sim.preview import preview
from synth.sim.run import Summary, make_plan, render
from synth.sim.sharpness import measure_edge_sigma

pytestmark = pytest.mark.slow

SIZE_WH = (320, 200)
K = np.array([[300.0, 0.0, 159.5], [0.0, 300.0, 99.5], [0.0, 0.0, 1.0]])
CORNERS = np.array([[-30, -22], [28, -26], [33, 20], [-24, 27]])
EDGE_PX = 0.9
SPLITS = ("train", "train", "test", "train", "val", "train", "test", "train")
# The red of a part says which split it was cut from, the blue of a bench which plate it is.
RED_OF_SPLIT = {"train": 170, "val": 200, "test": 230}
BLUE_OF_PLATE = (120, 130, 140)


def shot(rng: np.random.Generator, split: str, centre: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    fine = np.zeros((SIZE_WH[1] * 4, SIZE_WH[0] * 4), np.uint8)
    cv2.fillConvexPoly(fine, np.int32((CORNERS + centre) * 4), 1)
    soft = cv2.GaussianBlur(fine.astype(np.float32), (0, 0), EDGE_PX * 4)
    cover = cv2.resize(soft, SIZE_WH, interpolation=cv2.INTER_AREA)[..., None]
    part, bench = (to_linear(np.float32(c) / 255) for c in ((RED_OF_SPLIT[split], 90, 30), (60, 200, 60)))
    noisy = to_srgb(cover * part + (1 - cover) * bench) * 255 + rng.normal(0, 1.5, (*SIZE_WH[::-1], 3))
    return np.clip(noisy, 0, 255).astype(np.uint8), np.asarray(cover[..., 0] >= 0.5)


def plate(rng: np.random.Generator, k: int) -> np.ndarray:
    x = np.linspace(-4, 4, SIZE_WH[0])[None, :, None]
    bench = np.float32([128, 130, BLUE_OF_PLATE[k % 3]]) + x + rng.normal(0, 1.5, (*SIZE_WH[::-1], 3))
    return np.clip(bench, 0, 255).astype(np.uint8)


def write_captured(
    root: Path,
    n_plates: int = 3,
    size_wh: tuple[int, int] = SIZE_WH,
    splits: tuple[str, ...] = SPLITS,
    parent_split: str | None = None,
    **more: object,
) -> DatasetReader:
    rng = np.random.default_rng(3)
    info = DatasetInfo(
        classes=("bracket",),
        camera=CameraRecord(name="c", serial="1", size_wh=size_wh, K=K, dist=np.zeros(5)),
        made_by=MadeBy(verb="capture", simulated=True),
        **({"kind": "real"} | more),
    )
    with DatasetWriter.create_or_resume(root, info) as writer:
        for i, split in enumerate(splits):
            rgb_u8, mask = shot(rng, split, (80 + 20 * i, 70 + 8 * i))
            box = tight_box(mask)
            instance = Instance(
                class_name="bracket", box_xyxy_px=box, square_xyxy_px=square_box(box), visib_fract=0.95
            )
            parent = Parent(dataset="x", name="000000", split=parent_split or split, pixels_sha256="0" * 64)
            draft = Draft(
                name=f"{i:06d}",
                split=split,
                size_wh=size_wh,
                instances=(instance,),
                origin=Origin(parents=(parent,), steps=(Step(verb="capture"),)),
            )
            writer.append(draft, layers={"image": rgb_u8, "mask": mask.astype(np.uint16)})
        for k in range(n_plates):
            writer.add_plate(plate(rng, k))
    return DatasetReader(root)


class Tally:
    """Progress that counts, and stops a run like Ctrl-C after so many."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.began, self.names, self._stop_after = (0, 0), [], stop_after

    def say(self, text: str) -> None:
        pass

    def begin(self, *, total: int, done: int) -> None:
        self.began = (total, done)

    def accepted(self, name: str) -> None:
        self.names.append(name)
        if len(self.names) == self._stop_after:
            raise KeyboardInterrupt

    def refused(self, name: str, reason: str) -> None:
        pass

    def end(self) -> None:
        pass


def compose(
    datasets: list[DatasetReader], out: Path, count: int, progress: Tally, *, seed: int = 0, **how: Any
) -> Summary:
    ingredients = Ingredients(tuple(datasets), **how)
    return render(make_plan(make_settings(ingredients, out, count, seed=seed)), progress)


@pytest.fixture(scope="module")
def captured(tmp_path_factory: pytest.TempPathFactory) -> DatasetReader:
    return write_captured(tmp_path_factory.mktemp("compose") / "real")


@pytest.fixture(scope="module")
def composed(captured: DatasetReader, tmp_path_factory: pytest.TempPathFactory) -> DatasetReader:
    out = tmp_path_factory.mktemp("composed") / "composites"
    assert compose([captured], out, 24, Tally(), seed=4).n_new == 24
    return DatasetReader(out)


def test_a_composed_set_verifies(composed: DatasetReader) -> None:
    """verify finds nothing; the set says what it is and holds 1 to 4 parts a picture, all counts of them."""
    assert verify(composed.root) == []
    assert composed.info.kind == "composited"
    assert {len(s.instances) for s in composed} == {1, 2, 3, 4}


def test_splits_do_not_mix(composed: DatasetReader, captured: DatasetReader) -> None:
    """Parts and plate of a composite are of its own split; parents are named with hashes."""
    plates = composed.info.made_by.config["plates_of_split"]
    assert not composed.info.made_by.config["plates_shared_by_splits"]
    used = [number for numbers in plates.values() for number in numbers]
    assert len(used) == len(set(used))
    for sample in composed:
        rgb_u8, mask = composed.load_rgb(sample), composed.load_mask(sample)
        inner = cv2.erode((mask > 0).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
        assert abs(np.median(rgb_u8[inner][:, 0]) - RED_OF_SPLIT[sample.split]) < 10
        number = sample.quality["plate"]
        assert number in plates[sample.split]
        bare = cv2.dilate((mask > 0).astype(np.uint8), np.ones((61, 61), np.uint8)) == 0
        blue_over_red = np.median(rgb_u8[bare][:, 2] / rgb_u8[bare][:, 0].astype(float))
        assert abs(blue_over_red - BLUE_OF_PLATE[number] / 128) < 0.03
        for parent in (p for p in sample.origin.parents if p.used and p.split):
            source = captured[parent.name]
            assert parent.split == sample.split == source.split
            assert parent.pixels_sha256 == source.pixels_sha256


def test_composites_say_which_pixels_they_are_made_of(
    composed: DatasetReader, captured: DatasetReader
) -> None:
    """Cut-outs by pixels, labels and mask with all that their pictures came from, and the plates."""
    plates = {p.pixels_sha256: p.number for p in captured.plates}
    for sample in composed:
        cut = [p for p in sample.origin.parents if p.used == ("pixels", "labels", "mask")]
        assert {p.digest for p in cut} == {captured.digest()}
        laid = [p for p in sample.origin.parents if p.pixels_sha256 in plates]
        assert {plates[p.pixels_sha256] for p in laid if "plate" in p.used} == {sample.quality["plate"]}
        assert all(p.split is None and {*p.used} <= {"plate", "pixels"} for p in laid)
        before = [p for p in sample.origin.parents if p.dataset == "x"]
        assert len(cut) + len(laid) + len(before) == len(sample.origin.parents)
        assert len(before) == 1
        *_, step = sample.origin.steps
        assert (step.verb, step.region) == ("compose", "all")
        earlier = [s.region for s in sample.origin.steps[:-1]]
        assert earlier == list(range(len(sample.instances)))


def test_each_split_has_its_share(composed: DatasetReader) -> None:
    """Composites are dealt to splits as the source's samples are: 5, 1 and 2 of 8."""
    counts = {split: len(composed.of_split(split)) for split in ("train", "val", "test")}
    assert counts == {"train": 15, "val": 3, "test": 6}


def test_labels_are_those_of_the_pasted_pixels(composed: DatasetReader) -> None:
    """Boxes follow from the visible mask, each part is visible enough, no normal is told."""
    for sample in composed:
        rgb_u8, mask = composed.load_rgb(sample), composed.load_mask(sample)
        is_part = rgb_u8[..., 0] > rgb_u8[..., 1].astype(int) + 45
        assert (is_part != (mask > 0)).mean() < 0.006
        for i, instance in enumerate(sample.instances):
            box = tight_box(mask == i + 1)
            assert instance.box_xyxy_px == tuple(box)
            assert instance.square_xyxy_px == tuple(square_box(box))
            assert 0.5 * 0.95 <= instance.visib_fract <= 0.95
            assert instance.normal_uvw is None
            assert instance.T_cam_part is None
            assert instance.R_crop_cam is None


def test_some_parts_hide_others(composed: DatasetReader) -> None:
    """Occlusion occurs, and what hides is never the one that counts as hidden."""
    assert any(i.visib_fract < 0.9 for s in composed for i in s.instances)
    assert all(s.instances[-1].visib_fract == pytest.approx(0.95, abs=1e-6) for s in composed)


def test_edges_spread_as_in_the_source(composed: DatasetReader, captured: DatasetReader) -> None:
    """Parts in composites have the edge spread of the captured pictures within 15 %."""

    def spread(dataset: DatasetReader) -> float:
        found = []
        for sample in list(dataset)[:12]:
            mask = dataset.load_mask(sample) == len(sample.instances)
            found += measure_edge_sigma(linear_of_u8(dataset.load_rgb(sample)), mask)
        assert len(found) > 20
        return float(np.median(found))

    assert spread(composed) == pytest.approx(spread(captured), rel=0.15)


def test_nothing_of_the_old_background_comes_along(captured: DatasetReader) -> None:
    """A part cut out of a green bench and laid on a grey one carries no green rim."""
    sample = captured.samples[0]
    cutout = cut_out(linear_of_u8(captured.load_rgb(sample)), captured.load_mask(sample) == 1, EDGE_PX)
    assert cutout is not None
    grey = np.full((*SIZE_WH[::-1], 3), 0.25, np.float32)
    lay(grey, cutout.light, cutout.alpha, cutout.corner_xy)
    # Between orange and grey, green over red is never above grey's own.
    assert (grey[..., 1] - grey[..., 0]).max() < 0.02


def test_a_quarter_turn_resamples_nothing(captured: DatasetReader) -> None:
    """Four quarter turns give the very same cut-out; one keeps every pixel's value."""
    sample = captured.samples[0]
    cutout = cut_out(linear_of_u8(captured.load_rgb(sample)), captured.load_mask(sample) == 1, EDGE_PX)
    assert cutout is not None
    once = turned(cutout, 1)
    again = turned(turned(turned(once, 1), 1), 1)
    assert np.array_equal(again.light, cutout.light)
    assert np.array_equal(np.sort(once.light, axis=None), np.sort(cutout.light, axis=None))


def test_patches_of_bench_are_laid_too(composed: DatasetReader) -> None:
    """Most composites hold patches of bench cut like parts, so that an edge alone tells nothing."""
    patches = [s.quality["bench_patches"] for s in composed]
    assert sum(n > 0 for n in patches) > len(patches) / 2


def test_the_same_seed_makes_the_same_set(
    captured: DatasetReader, composed: DatasetReader, tmp_path: Path
) -> None:
    """Pixels, masks and records repeat; another seed gives others."""
    compose([captured], tmp_path / "again", 24, Tally(), seed=4)
    again = DatasetReader(tmp_path / "again")
    assert [s.to_line() for s in again] == [s.to_line() for s in composed]
    compose([captured], tmp_path / "other", 2, Tally(), seed=5)
    assert DatasetReader(tmp_path / "other").samples[0].pixels_sha256 != again.samples[0].pixels_sha256


def test_a_cut_off_run_goes_on(captured: DatasetReader, composed: DatasetReader, tmp_path: Path) -> None:
    """After an interruption the same call makes what is missing, with the pixels of an undisturbed run."""
    out = tmp_path / "composites"

    with pytest.raises(KeyboardInterrupt):
        compose([captured], out, 24, Tally(stop_after=5), seed=4)
    assert len(DatasetReader(out)) == 5
    tally = Tally()
    assert compose([captured], out, 24, tally, seed=4).n_new == 19
    assert tally.began == (24, 5)
    assert len(tally.names) == 19
    assert [s.to_line() for s in DatasetReader(out)] == [s.to_line() for s in composed]
    assert compose([captured], out, 24, Tally(), seed=4).n_new == 0
    assert verify(out) == []


def test_other_settings_or_datasets_are_refused(captured: DatasetReader, tmp_path: Path) -> None:
    """Going on with other settings, or after the datasets changed, names the difference."""
    root = shutil.copytree(captured.root, tmp_path / "real")
    out = tmp_path / "composites"
    compose([DatasetReader(root)], out, 3, Tally())
    with pytest.raises(DatasetError, match="max_parts: 4 became 2"):
        compose([DatasetReader(root)], out, 3, Tally(), max_parts=2)
    with DatasetWriter.open(root) as writer:
        writer.reject("000003", "dusty")
    with pytest.raises(DatasetError, match="datasets"):
        compose([DatasetReader(root)], out, 3, Tally())


def test_a_single_plate_is_shared_and_said_so(tmp_path: Path) -> None:
    """With one plate every split uses it, and dataset.json says that it is shared."""
    one = write_captured(tmp_path / "real", n_plates=1)
    compose([one], tmp_path / "out", 4, Tally())
    config = DatasetReader(tmp_path / "out").info.made_by.config
    assert config["plates_shared_by_splits"] is True
    assert config["plates_of_split"] == {"test": [0], "train": [0], "val": [0]}


def test_two_plates_keep_test_apart(tmp_path: Path) -> None:
    """With two plates and three splits, test has one for itself."""
    two = write_captured(tmp_path / "real", n_plates=2)
    compose([two], tmp_path / "out", 4, Tally())
    shares = DatasetReader(tmp_path / "out").info.made_by.config["plates_of_split"]
    assert shares["test"] == [0]
    assert shares["train"] == shares["val"] == [1]


def test_rendered_and_translated_parts_go_on_captured_plates(captured: DatasetReader, tmp_path: Path) -> None:
    """A source without plates borrows them; without any the sentence says what to do."""
    translated = write_captured(
        tmp_path / "translated", n_plates=0, splits=("train", "val", "train"), kind="translated"
    )
    compose([translated], tmp_path / "out", 3, Tally(), plates=captured)
    result = DatasetReader(tmp_path / "out")
    assert {s.split for s in result} == {"train", "val"}
    assert result.info.made_by.parents == ("translated", "real")
    with pytest.raises(InputError, match="no plate"):
        compose([translated], tmp_path / "none", 3, Tally())
    assert not (tmp_path / "none").exists()


def test_a_source_that_mixes_splits_is_refused(tmp_path: Path) -> None:
    """A train sample that was made from a test sample is a leak: nothing is composed."""
    leaking = write_captured(
        tmp_path / "rendered", splits=("train", "train"), kind="rendered", parent_split="test"
    )
    with pytest.raises(DatasetError, match="mix splits"):
        compose([leaking], tmp_path / "out", 2, Tally())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": 0}, "1 or more, got 0"),
        ({"max_parts": 0}, "1 to 20, got 0"),
        ({"min_visible": 0.1}, "0.25 to 1, got 0.1"),
        ({"seed": -1}, "seed must be 0 or more"),
    ],
)
def test_settings_out_of_range_are_refused(
    change: dict[str, Any], message: str, captured: DatasetReader, tmp_path: Path
) -> None:
    """Each setting out of its range is one sentence."""
    with pytest.raises(InputError, match=message):
        compose([captured], tmp_path / "out", progress=Tally(), **({"count": 3} | change))
    assert not (tmp_path / "out").exists()


def test_datasets_that_do_not_fit_are_refused(captured: DatasetReader, tmp_path: Path) -> None:
    """No source, another box kind and composites of composites are refused in one sentence each."""
    with pytest.raises(InputError, match="at least one"):
        compose([], tmp_path / "out", 1, Tally())
    tight = write_captured(tmp_path / "tight", splits=("train",), box_kind="tight")
    with pytest.raises(InputError, match="box kind"):
        compose([captured, tight], tmp_path / "out", 1, Tally())
    with pytest.raises(InputError, match="two datasets are called real"):
        compose([captured, captured], tmp_path / "out", 1, Tally())
    compose([captured], tmp_path / "once", 2, Tally())
    with pytest.raises(InputError, match="not cut out again"):
        compose([DatasetReader(tmp_path / "once")], tmp_path / "out", 1, Tally(), plates=captured)


def test_a_preview_shows_no_captured_picture_that_a_composite_does_not_stand_for(
    captured: DatasetReader, tmp_path: Path
) -> None:
    """Composites have names of samples that they have nothing to do with: each is alone on the sheet."""
    settings = make_settings(Ingredients((captured,)), tmp_path / "out", 9)
    preview(replace(settings, real=captured), 9, tmp_path / "sheet.png", Tally())
    n_rows = 5
    assert Image.open(tmp_path / "sheet.png").size == (1310, n_rows * (400 + 30 + 10) + 10)


def test_the_command_composes(captured: DatasetReader, tmp_path: Path) -> None:
    """`synth compose` makes the set, says where it is, and does nothing when it is complete."""
    command = ["compose", str(captured.root), "--count", "3", "--out", str(tmp_path / "out")]
    first = CliRunner().invoke(app, command)
    assert first.exit_code == 0, first.output
    assert len(DatasetReader(tmp_path / "out")) == 3
    again = CliRunner().invoke(app, command)
    assert again.exit_code == 0
    assert "0 composites made" in again.output
