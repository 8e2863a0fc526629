"""No test image, nor what was made from one, gets past the guard; what only looks alike does."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from dataset_scene import fill, make_info, make_shot
from numpy.typing import NDArray

from synth.dataset import codecs
from synth.dataset.leak import LeakGuard
from synth.dataset.leak.look import Look, find_agreement
from synth.dataset.origin import Origin, Parent
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Draft, Sample
from synth.dataset.store import DatasetWriter
from synth.errors import DatasetError

Rgb = NDArray[np.uint8]


def as_jpeg(rgb_u8: Rgb) -> Rgb:
    """Compressed as JPEG at quality 70 and decoded."""
    ok, jpeg = cv2.imencode(".jpg", rgb_u8[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, 70))
    assert ok
    return np.ascontiguousarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR)[..., ::-1])


def half(rgb_u8: Rgb) -> Rgb:
    height, width = rgb_u8.shape[:2]
    return cv2.resize(rgb_u8, (width // 2, height // 2), interpolation=cv2.INTER_AREA)


def half_and_back(rgb_u8: Rgb) -> Rgb:
    return cv2.resize(half(rgb_u8), rgb_u8.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def same(rgb_u8: Rgb) -> Rgb:
    return rgb_u8


def add(root: Path, name: str, rgb_u8: Rgb, **changes: Any) -> None:
    """A train sample of these pixels at the end of a dataset."""
    draft = Draft(name=name, split="train", size_wh=(rgb_u8.shape[1], rgb_u8.shape[0]))
    with DatasetWriter.open(root) as writer:
        writer.append(draft.model_copy(update=changes), layers={"image": rgb_u8})


def overwrite(root: Path, sample: Sample, rgb_u8: Rgb) -> None:
    """Put pixels in the place of a sample's image, and repair its record."""
    png = codecs.encode_rgb(rgb_u8)
    (root / sample.image).write_bytes(png)
    log = root / "samples.jsonl"
    records = [json.loads(line) for line in log.read_text().splitlines()]
    for record in records:
        if record["name"] == sample.name:
            record["sha256"][sample.image] = codecs.file_sha256(png)
            record["pixels_sha256"] = codecs.pixels_sha256(rgb_u8)
    log.write_text("".join(json.dumps(record) + "\n" for record in records))


def check_all(guard: LeakGuard, root: Path) -> None:
    """Everything of a dataset that would train."""
    dataset = DatasetReader(root)
    guard.check(dataset, [s for s in dataset.samples if s.split != "test"])


def refusal(guard: LeakGuard, root: Path) -> str:
    with pytest.raises(DatasetError) as caught:
        check_all(guard, root)
    return str(caught.value)


@pytest.fixture(params=[(160, 120), (640, 360)], ids=str, scope="module")
def real(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A captured dataset of 12, small or middling pictures."""
    root = tmp_path_factory.mktemp("leak") / "real"
    fill(root, 12, size_wh=request.param)
    return root


@pytest.fixture
def changed(real: Path, tmp_path: Path) -> Path:
    """A copy of it to be changed at will."""
    return shutil.copytree(real, tmp_path / "real")


@pytest.fixture
def victim(real: Path) -> tuple[Sample, Rgb]:
    """A test sample and its picture."""
    dataset = DatasetReader(real)
    sample = dataset.of_split("test")[1]
    return sample, dataset.load_rgb(sample)


def parent_of(sample: Sample, **changes: Any) -> Parent:
    return Parent(
        dataset="real", name=sample.name, split=sample.split, pixels_sha256=sample.pixels_sha256
    ).model_copy(update=changes)


class TestRoutes:
    @pytest.mark.parametrize("disguise", [same, as_jpeg, half_and_back])
    def test_over_a_train_file(
        self, changed: Path, victim: tuple[Sample, Rgb], disguise: Callable[[Rgb], Rgb]
    ):
        """A test image in a train sample's place is found though every hash in the records was repaired."""
        sample, rgb_u8 = victim
        train = DatasetReader(changed).of_split("train")[2]
        overwrite(changed, train, disguise(rgb_u8))
        message = refusal(LeakGuard.of([DatasetReader(changed)]), changed)
        assert f"{changed / train.image} shows test image {changed / sample.image}" in message
        assert message.startswith("1 of 9 samples")

    def test_only_the_pixels_lie(self, changed: Path, victim: tuple[Sample, Rgb]):
        """Where the records still claim other pixels, the file is believed."""
        sample, rgb_u8 = victim
        train = DatasetReader(changed).of_split("train")[0]
        (changed / train.image).write_bytes(codecs.encode_rgb(rgb_u8))
        assert sample.image in refusal(LeakGuard.of([DatasetReader(changed)]), changed)

    @pytest.mark.parametrize("disguise", [same, as_jpeg, half_and_back, half])
    def test_under_another_name(
        self, changed: Path, victim: tuple[Sample, Rgb], disguise: Callable[[Rgb], Rgb]
    ):
        """Renamed, re-compressed, resized to half and back, or left at half its size."""
        sample, rgb_u8 = victim
        add(changed, "000777", disguise(rgb_u8))
        message = refusal(LeakGuard.of([DatasetReader(changed)]), changed)
        assert f"{changed / 'images/000777.png'} shows test image {changed / sample.image}" in message

    @pytest.mark.parametrize("disguise", [same, as_jpeg, half_and_back])
    def test_in_another_folder(
        self, real: Path, tmp_path: Path, victim: tuple[Sample, Rgb], disguise: Callable[[Rgb], Rgb]
    ):
        """Among the train images of a dataset that has nothing to do with the test images."""
        sample, rgb_u8 = victim
        other = tmp_path / "other"
        fill(other, 4, seed=9, size_wh=sample.size_wh)
        add(other, "000004", disguise(rgb_u8))
        message = refusal(LeakGuard.of([DatasetReader(real)]), other)
        assert f"{other / 'images/000004.png'} shows test image {real / sample.image}" in message

    @pytest.mark.parametrize(
        "changes",
        [
            {},
            {"dataset": "moved", "name": "000099", "split": "train"},
            {"split": "train", "pixels_sha256": "0" * 64},
        ],
        ids=["as it is", "known by its hash alone", "known by its place alone"],
    )
    def test_as_a_parent(
        self, real: Path, tmp_path: Path, victim: tuple[Sample, Rgb], changes: dict[str, Any]
    ):
        """A train sample that says it was made from a test image, however it says so."""
        sample, _ = victim
        twins = self.make_twins(tmp_path / "synthetic", parent_of(sample, **changes))
        message = refusal(LeakGuard.of([DatasetReader(real)]), twins)
        assert f"{twins / 'images/000000.png'} was made from test image {real / sample.image}" in message

    def test_as_a_grandparent(self, real: Path, tmp_path: Path, victim: tuple[Sample, Rgb]):
        """Ancestry is followed through every dataset that is given."""
        sample, _ = victim
        twins = self.make_twins(tmp_path / "synthetic", parent_of(sample, dataset="lost"))
        twin = DatasetReader(twins).samples[0]
        grandchildren = self.make_twins(
            tmp_path / "translated", parent_of(twin, dataset="synthetic", split="train"), seed=3
        )
        datasets = [DatasetReader(real), DatasetReader(twins)]
        message = refusal(LeakGuard.of(datasets), grandchildren)
        assert (
            f"{grandchildren / 'images/000000.png'} was made from test image {real / sample.image}" in message
        )

    def test_a_parent_that_nobody_has(self, real: Path, tmp_path: Path, victim: tuple[Sample, Rgb]):
        """A parent of the test split is refused even where its dataset is not at hand."""
        twins = self.make_twins(
            tmp_path / "synthetic", parent_of(victim[0], dataset="gone", pixels_sha256="1" * 64)
        )
        assert f"was made from test image {victim[0].name} of gone" in refusal(LeakGuard.of([]), twins)

    def test_not_as_a_plate(self, real: Path, tmp_path: Path, victim: tuple[Sample, Rgb]):
        """A plate that is numbered as a test image is named is no test image."""
        plate = {"split": None, "used": ("plate",), "pixels_sha256": "2" * 64}
        twins = DatasetReader(self.make_twins(tmp_path / "synthetic", parent_of(victim[0], **plate)))
        LeakGuard.of([DatasetReader(real)]).check(twins, twins.samples)

    @staticmethod
    def make_twins(root: Path, parent: Parent, seed: int = 7) -> Path:
        rng = np.random.default_rng(seed)
        with DatasetWriter.create_or_resume(root, make_info(kind="rendered")) as writer:
            for i in range(2):
                draft, arrays = make_shot(i, rng)
                origin = Origin(parents=(parent,) if i == 0 else ())
                writer.append(draft.model_copy(update={"origin": origin}), **arrays)
        return root


def test_test_and_analysis_samples_are_refused(filled: Path):
    """A sample that is test itself, or for analysis only, is named though nobody copied it."""
    add(filled, "000500", np.full((120, 160, 3), 9, np.uint8), quality={"analysis_only": True})
    dataset = DatasetReader(filled)
    with pytest.raises(DatasetError) as caught:
        LeakGuard.of([dataset]).check(dataset, [dataset.of_split("test")[0], dataset["000500"]])
    assert "is a test image itself" in str(caught.value)
    assert f"{filled / 'images/000500.png'} is for analysis only" in str(caught.value)


def test_many_leaks_are_counted(filled: Path):
    """The first five are named, the others counted, and the way out is said."""
    dataset = DatasetReader(filled)
    rgb_u8 = dataset.load_rgb(dataset.of_split("test")[0])
    for i in range(7):
        add(filled, f"{100 + i:06d}", rgb_u8)
    message = refusal(LeakGuard.of([DatasetReader(filled)]), filled)
    assert message.startswith(f"7 of 16 samples of {filled} must not train")
    assert len(re.findall("shows test image", message)) == 5
    assert message.endswith("and 2 more")
    assert "`synth dataset reject`" in message


def test_what_is_clean_passes(real: Path, tmp_path: Path):
    """Train and val images beside their own test images, plates, and twins of train samples; a family that
    runs in a circle ends.
    """
    dataset = DatasetReader(real)
    guard = LeakGuard.of([dataset])
    assert len(guard) == 3
    check_all(guard, real)
    plate = codecs.decode_rgb((real / dataset.plates[0].image).read_bytes(), "plate")
    bare = np.full_like(plate, 175)
    assert guard.find_shown(bare) is None
    train = dataset.of_split("train")[0]
    twins = TestRoutes.make_twins(tmp_path / "twins", parent_of(train))
    twin = DatasetReader(twins).samples[0]
    overwritten = json.loads((twins / "samples.jsonl").read_text().splitlines()[0])
    overwritten["origin"]["parents"].append(parent_of(twin, split="train").model_dump())
    lines = (twins / "samples.jsonl").read_text().splitlines()
    (twins / "samples.jsonl").write_text(json.dumps(overwritten) + "\n" + lines[1] + "\n")
    check_all(guard, twins)


def test_a_place_is_no_proof_where_the_hash_is_known(real: Path, tmp_path: Path, victim: tuple[Sample, Rgb]):
    """Two cells may both have a data/real: a parent whose pixels are known to be train is believed."""
    namesake = tmp_path / "elsewhere" / "real"
    fill(namesake, 12, seed=4)
    own = DatasetReader(namesake)
    parent = parent_of(own.of_split("train")[0], name=victim[0].name)
    twins = TestRoutes.make_twins(tmp_path / "synthetic", parent)
    check_all(LeakGuard.of([DatasetReader(real), own]), twins)


def test_progress_is_told(filled: Path):
    """Both the making of a guard and a check report every image they open."""
    dataset = DatasetReader(filled)
    made: list[tuple[int, int]] = []
    checked: list[tuple[int, int]] = []
    guard = LeakGuard.of([dataset], on_progress=lambda done, total: made.append((done, total)))
    guard.check(
        dataset, dataset.of_split("train"), on_progress=lambda done, total: checked.append((done, total))
    )
    assert made == [(i, 3) for i in (1, 2, 3)]
    assert checked == [(i, 7) for i in range(1, 8)]


def test_a_broken_image_is_named(filled: Path):
    """A train image that does not open stops the check: what cannot be looked at is not let through."""
    dataset = DatasetReader(filled)
    train = dataset.of_split("train")[1]
    (filled / train.image).write_bytes(b"\x89PNG no more")
    with pytest.raises(DatasetError, match=f"{train.image} is not a readable PNG"):
        LeakGuard.of([dataset]).check(dataset, dataset.of_split("train"))


def test_no_false_alarm_among_400_poses_of_a_static_bench(tmp_path: Path):
    """A small part before a fixed camera, neighbours 2 or 3 pixels apart: they are told apart, and each copy
    is found.
    """
    rng = np.random.default_rng(0)
    height, width = 180, 320
    bench = 170 + 20 * np.sin(np.linspace(0, 9, width))[None, :, None] + np.zeros((height, 1, 3))
    outline = np.array([[0, 0], [26, 4], [22, 20], [3, 17]])

    def shoot(i: int) -> Rgb:
        rgb = bench.copy()
        place = np.array([60 + 3 * (i % 20), 60 + 2 * (i // 20)])
        cv2.fillConvexPoly(rgb, (outline + place).astype(np.int32), (70.0, 90.0, 140.0))
        return np.clip(rgb + rng.normal(0, 2, rgb.shape), 0, 255).astype(np.uint8)

    pictures = [shoot(i) for i in range(400)]
    tests = range(1, 400, 4)
    with DatasetWriter.create_or_resume(tmp_path / "static", make_info((width, height))) as writer:
        for i in tests:
            writer.append(
                Draft(name=f"{i:06d}", split="test", size_wh=(width, height)), layers={"image": pictures[i]}
            )
    guard = LeakGuard.of([DatasetReader(tmp_path / "static")])
    assert [i for i in range(400) if i not in tests and guard.find_shown(pictures[i])] == []
    for disguise in (as_jpeg, half_and_back):
        for i in tests:
            shown = guard.find_shown(disguise(pictures[i]))
            assert shown is not None
            assert shown[0].stem == f"{i:06d}"


def test_looks_do_not_depend_on_size():
    """A picture and its quarter look the same, cell by cell, while cells that differ count in full."""
    rng = np.random.default_rng(0)
    small = rng.integers(60, 200, (30, 40, 3), dtype=np.uint8)
    large = Look.of(small.repeat(16, axis=0).repeat(16, axis=1))
    quarter = Look.of(small.repeat(4, axis=0).repeat(4, axis=1))
    assert (large.side, quarter.side) == (160, 40)
    everywhere = np.ones((40, 40), bool)
    assert find_agreement(large.at(40), quarter.at(40), everywhere) == 1
    spotted = quarter.at(40)
    spotted[10:20, 10:14] += 60
    assert find_agreement(spotted, quarter.at(40), everywhere) == pytest.approx(1 - 40 / 1600, abs=0.01)
