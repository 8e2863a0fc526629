"""What is measured on captured pictures, and what the camera's response makes of it."""

import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from rich.console import Console

from synth.cell.load import default_cell
from synth.compute.progress import make_progress
from synth.dataset.info import CameraRecord, DatasetInfo, MadeBy
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Draft, Instance
from synth.dataset.store import DatasetWriter
from synth.errors import InputError
from synth.geometry.boxes import square_box, tight_box
from synth.geometry.pinhole import Pinhole
from synth.sim.bench import Bench
from synth.sim.camera_response import RENDERED_EDGE_SIGMA_PX, CameraResponse
from synth.sim.colour import linear_of_u8, to_linear, to_srgb, u8_of_linear
from synth.sim.furnish import camera_of_cell
from synth.sim.look import Look, load_look, measure_look, save_look
from synth.sim.noise import NO_NOISE, Noise, measure_noise
from synth.sim.optics import Lens
from synth.sim.sharpness import measure_edge_sigma

CELL = default_cell()
QUIET = make_progress(Console(quiet=True))
SIZE_WH = (320, 200)
K = np.array([[300.0, 0.0, 159.5], [0.0, 300.0, 99.5], [0.0, 0.0, 1.0]])
READ, SHOT = 4e-6, 9e-5
BENCH_RGB = np.array([0.30, 0.31, 0.29], np.float32)
PART_RGB = np.array([0.42, 0.09, 0.02], np.float32)
CORNERS = np.array([[120, 50], [205, 62], [196, 150], [110, 138]])


def true_noise() -> Noise:
    kernel = np.array(NO_NOISE.kernel)
    kernel[:, 3, 2] = kernel[:, 3, 4] = 0.3
    kernel /= np.sqrt((kernel**2).sum(axis=(1, 2), keepdims=True))
    return NO_NOISE.model_copy(
        update={"read": (READ,) * 3, "shot": (SHOT,) * 3, "kernel": kernel.tolist()},
    )


def bench() -> np.ndarray:
    x = np.linspace(-1, 1, SIZE_WH[0])[None, :, None]
    y = np.linspace(-1, 1, SIZE_WH[1])[:, None, None]
    return (BENCH_RGB * np.exp(0.15 * x - 0.2 * x * x - 0.1 * y * y)).astype(np.float32)


def part_mask(corners: np.ndarray = CORNERS, scale: int = 1) -> np.ndarray:
    image = np.zeros((SIZE_WH[1] * scale, SIZE_WH[0] * scale), np.uint8)
    cv2.fillConvexPoly(image, (np.asarray(corners) * scale).astype(np.int32), 1)
    return image


def shoot(light: np.ndarray, rng: np.random.Generator, gain: float = 1.0) -> np.ndarray:
    noise = true_noise()
    light = (light * gain).astype(np.float32)
    return u8_of_linear(light + noise.sigma(light) * noise.draw(light.shape[:2], rng))


def with_part(blur_px: float, corners: np.ndarray = CORNERS) -> tuple[np.ndarray, np.ndarray]:
    """Light with a part whose edges are spread by ``blur_px``, drawn eightfold, and its mask."""
    fine = cv2.GaussianBlur(part_mask(corners, 8).astype(np.float32), (0, 0), max(blur_px * 8, 0.1))
    cover = cv2.resize(fine, SIZE_WH, interpolation=cv2.INTER_AREA)[..., None]
    light = cover * PART_RGB + (1 - cover) * bench()
    return light.astype(np.float32), np.asarray(cover[..., 0] >= 0.5)


def write_dataset(root: Path, n_plates: int = 3, n: int = 6) -> Path:
    rng = np.random.default_rng(5)
    info = DatasetInfo(
        kind="real",
        classes=("bracket",),
        camera=CameraRecord(name="c", serial="1", size_wh=SIZE_WH, K=K, dist=np.zeros(5)),
        made_by=MadeBy(verb="capture", simulated=True),
    )
    with DatasetWriter.create_or_resume(root, info) as writer:
        for i in range(n):
            light, mask = with_part(0.9, CORNERS + np.array([6 * i - 12, 3 * i - 8]))
            box = tight_box(mask)
            instance = Instance(
                class_name="bracket", box_xyxy_px=box, square_xyxy_px=square_box(box), visib_fract=1.0
            )
            split = ("train", "train", "val", "train", "test", "train")[i % 6]
            draft = Draft(name=f"{i:06d}", split=split, size_wh=SIZE_WH, instances=(instance,))
            writer.append(draft, layers={"image": shoot(light, rng), "mask": mask.astype(np.uint16)})
        for _ in range(n_plates):
            writer.add_plate(shoot(bench(), rng))
    return root


@pytest.fixture(scope="module")
def captured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("look") / "real")


@pytest.fixture(scope="module")
def look(captured: Path) -> Look:
    return measure_look(DatasetReader(captured))


def test_srgb_there_and_back() -> None:
    """Every 8-bit count survives the way to linear light and back."""
    counts = np.arange(256, dtype=np.uint8)
    assert (u8_of_linear(linear_of_u8(counts)) == counts).all()
    assert np.allclose(to_linear(to_srgb(np.linspace(0, 1, 50))), np.linspace(0, 1, 50), atol=1e-6)


@pytest.mark.parametrize("n_plates", [1, 3])
def test_known_noise_is_recovered(tmp_path: Path, n_plates: int) -> None:
    """Noise of known strength is measured within 10 % at the bench's brightness, from plates or, with one
    plate, from train images."""
    look = measure_look(DatasetReader(write_dataset(tmp_path / "real", n_plates)))
    light = np.array([BENCH_RGB, BENCH_RGB * 0.8], np.float32)
    assert np.allclose(look.noise.sigma(light), true_noise().sigma(light), rtol=0.1)
    kernel = np.array(look.noise.kernel)
    assert np.allclose(kernel[:, 3, 3], np.array(true_noise().kernel)[:, 3, 3], atol=0.08)


def test_noise_that_is_made_measures_as_it_should() -> None:
    """Pictures made with a measured noise give that noise again, its grain included."""
    rng = np.random.default_rng(2)
    ramp = np.linspace(0.05, 0.7, 400, dtype=np.float32)[None, :, None] * np.ones((300, 1, 3), np.float32)
    again = measure_noise([(shoot(ramp, rng), shoot(ramp, rng))])
    light = np.full((1, 3), 0.3, np.float32)
    assert np.allclose(again.sigma(light), true_noise().sigma(light), rtol=0.06)
    assert np.allclose(again.sigma(2 * light), true_noise().sigma(2 * light), rtol=0.1)
    assert np.allclose(np.array(again.kernel)[:, 3, 2:5], np.array(true_noise().kernel)[:, 3, 2:5], atol=0.05)
    assert np.allclose(again.correlation, np.eye(3), atol=0.05)


def test_noise_needs_still_pixels() -> None:
    """Pictures without a pixel that stays the same are refused in one sentence."""
    black = np.zeros((100, 100, 3), np.uint8)
    with pytest.raises(InputError, match="noise cannot be measured"):
        measure_noise([(black, black)])


@pytest.mark.parametrize("blur_px", [0.5, 0.8, 1.2, 1.8])
def test_known_blur_is_recovered(blur_px: float) -> None:
    """The spread of edges of a known blur, pixel area included, is measured within 10 % under noise."""
    light, mask = with_part(blur_px)
    picture = linear_of_u8(shoot(light, np.random.default_rng(3)))
    sigmas = measure_edge_sigma(picture, mask)
    assert len(sigmas) >= 8
    assert np.median(sigmas) == pytest.approx(np.hypot(blur_px, 12**-0.5), rel=0.1)


def test_brightness_and_gradient_are_recovered(look: Look) -> None:
    """The bench's brightness per channel and its fall across the image come out within 3 %."""
    assert np.allclose(look.bench_rgb, np.median(bench().reshape(-1, 3), axis=0), rtol=0.03)
    assert np.allclose(np.array(look.gradient)[:, [1, 3, 5]], [[0.15, -0.2, -0.1]] * 3, atol=0.015)
    assert look.part_rgb is not None
    assert np.allclose(look.part_rgb, PART_RGB, rtol=0.05, atol=0.002)


def test_val_and_test_images_are_never_opened(captured: Path, look: Look, tmp_path: Path) -> None:
    """With every validation and test file turned to rubbish the look is the same."""
    root = shutil.copytree(captured, tmp_path / "real")
    dataset = DatasetReader(root)
    for sample in dataset:
        if sample.split != "train":
            for path in sample.files:
                (root / path).write_bytes(b"poison")
    again = measure_look(DatasetReader(root))
    assert again.model_dump_json() == look.model_dump_json()
    assert np.array_equal(again.plate, look.plate)
    held_out = {s.image for s in dataset if s.split != "train"}
    assert not held_out & {picture.path for picture in look.measured_on}


def test_a_look_is_plain_data(look: Look, tmp_path: Path) -> None:
    """Saved and loaded, a look is the same; a damaged one is refused with what to do."""
    save_look(look, tmp_path)
    again = load_look(tmp_path)
    assert again.model_dump() == look.model_dump()
    assert np.abs(again.plate - look.plate).max() < 1e-4
    (tmp_path / "look.json").write_text("{}")
    with pytest.raises(InputError, match="delete it"):
        load_look(tmp_path)


def test_without_plates_there_is_nothing_to_match(tmp_path: Path) -> None:
    """A dataset without plates is refused and the way out is named."""
    with pytest.raises(InputError, match="--look plain"):
        measure_look(DatasetReader(write_dataset(tmp_path / "real", n_plates=0)))


def make_response(look: Look, bench_light: float = 0.5) -> tuple[CameraResponse, Lens]:
    lens = Lens.of(Pinhole(SIZE_WH, K))
    return CameraResponse(look, lens, np.full((*lens.ideal.size_wh[::-1], 3), bench_light, np.float32)), lens


def frame(lens: Lens, shade: float, colour: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Light of the whole ideal image, a part on a shaded bench, and the part's coverage in the image."""
    width, height = lens.ideal.size_wh
    fine = np.zeros((height * 8, width * 8), np.uint8)
    cv2.fillConvexPoly(fine, CORNERS.astype(np.int32) * 8, 1)
    cover = cv2.resize(fine.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    light = cover[..., None] * np.float32(colour) + (1 - cover[..., None]) * np.float32(0.5 * shade)
    return light.astype(np.float32), np.clip(lens.distort(cover), 0, 1)


def test_an_empty_frame_is_the_plate(look: Look) -> None:
    """Where the render shows the empty bench, the picture is the captured plate."""
    response, lens = make_response(look)
    light = np.full((*lens.ideal.size_wh[::-1], 3), 0.5, np.float32)
    none = np.zeros(SIZE_WH[::-1], np.float32)
    picture, share = response.expose(light, none)
    assert np.abs(picture - look.plate).max() < 1e-4
    assert (share == 1).all()


def test_a_shadow_lands_on_the_plate(look: Look) -> None:
    """A rendered shadow darkens the real bench by its own ratio, texture kept."""
    response, lens = make_response(look)
    light, _ = frame(lens, 0.6, (0.3, 0.3, 0.3))
    none = np.zeros(SIZE_WH[::-1], np.float32)
    picture, _ = response.expose(light, none)
    corner = np.s_[10:40, 10:60]
    assert np.allclose(picture[corner], 0.6 * look.plate[corner], rtol=1e-3)


def test_exposure_and_white_balance_reach_the_object(look: Look) -> None:
    """An object of the bench's own light comes out as the bench does within 5 %, without its grain."""
    response, lens = make_response(look)
    light, covered = frame(lens, 1.0, (0.5, 0.5, 0.5))
    picture, _ = response.expose(light, covered)
    inner = cv2.erode(part_mask(), np.ones((15, 15), np.uint8)) > 0
    assert np.allclose(picture[inner].mean(axis=0), look.plate[inner].mean(axis=0), rtol=0.05)
    assert picture[inner].std(axis=0).max() < look.plate[inner].std(axis=0).min() + 0.01


def test_edges_spread_as_captured(look: Look) -> None:
    """An edge drawn as sharp as a renderer draws it ends within 10 % of the captured spread."""
    response, lens = make_response(look)
    light, covered = frame(lens, 1.0, (0.9, 0.15, 0.03))
    extra = np.sqrt(RENDERED_EDGE_SIGMA_PX**2 - 1 / 12)
    drawn = cv2.GaussianBlur(light, (0, 0), extra)
    picture = response.apply(drawn, covered, np.random.default_rng(0))
    sigma = np.median(measure_edge_sigma(linear_of_u8(picture), covered >= 0.5))
    assert sigma == pytest.approx(look.edge_sigma_px, rel=0.1)


def test_noise_is_full_and_seeded(look: Look) -> None:
    """Part and bench of a finished picture carry the captured noise within 10 %; the seed decides it."""
    response, lens = make_response(look)
    light, covered = frame(lens, 1.0, (0.9, 0.15, 0.03))
    pictures = [response.apply(light, covered, np.random.default_rng(s)) for s in (1, 1, 2)]
    assert np.array_equal(pictures[0], pictures[1])
    inner = cv2.erode(part_mask(), np.ones((15, 15), np.uint8)) > 0
    a, b = (linear_of_u8(p)[inner] for p in (pictures[0], pictures[2]))
    expected = true_noise().sigma((a + b) / 2).mean(axis=0)
    assert np.allclose((a - b).std(axis=0)[:2] / np.sqrt(2), expected[:2], rtol=0.1)
    corner = np.s_[5:45, 5:95]
    rest = linear_of_u8(pictures[0])[corner] - bench()[corner]
    assert np.allclose(rest.std(axis=(0, 1)), true_noise().sigma(bench()[corner]).mean(axis=(0, 1)), rtol=0.1)


def test_plain_look_gives_the_table_its_colour() -> None:
    """Without any captured picture the bench has its nominal colour, no noise and no plate."""
    plain = Look(kind="plain", size_wh=SIZE_WH, bench_rgb=(0.3, 0.3, 0.28))
    response, lens = make_response(plain, 1.7)
    light = np.full((*lens.ideal.size_wh[::-1], 3), 1.7, np.float32)
    none = np.zeros(SIZE_WH[::-1], np.float32)
    picture = response.apply(light, none, np.random.default_rng(0))
    assert (picture == u8_of_linear(np.array([0.3, 0.3, 0.28]))).all()


def test_a_look_of_another_camera_is_refused(look: Look) -> None:
    """A look measured on pictures of another size is refused in one sentence."""
    lens = Lens.of(Pinhole((640, 360), K))
    with pytest.raises(InputError, match="320×200"):
        CameraResponse(look, lens, np.ones((*lens.ideal.size_wh[::-1], 3), np.float32))


@pytest.mark.parametrize("gain", [0.7, 1.0, 1.35])
def test_objects_brighter_than_rendered_are_noticed_and_matched(look: Look, gain: float) -> None:
    """A known brightness of objects beside the bench is recovered within 3 % from a noisy picture; taken into
    the look, it makes twin and picture agree."""
    response, lens = make_response(look)
    light, covered = frame(lens, 1.0, (0.5, 0.25, 0.1))
    truth = make_response(look.model_copy(update={"object_gain": gain}))[0]
    captured = truth.apply(light, covered, np.random.default_rng(0))
    found = response.compare(light, covered, captured)
    assert found == pytest.approx(gain, rel=0.03)
    matched = make_response(look.model_copy(update={"object_gain": found}))[0]
    assert matched.compare(light, covered, captured) == pytest.approx(1.0, abs=0.03)


def test_too_little_object_says_nothing(look: Look) -> None:
    """Without enough pixels well inside objects no brightness is made up."""
    response, lens = make_response(look)
    light, covered = frame(lens, 1.0, (0.5, 0.25, 0.1))
    captured = np.full((*SIZE_WH[::-1], 3), 120, np.uint8)
    assert response.compare(light, 0 * covered, captured) is None


def test_an_earlier_runs_figure_is_taken_over(captured: Path, look: Look, tmp_path: Path) -> None:
    """A run that goes on takes the brightness of objects from the look it saved, and starts no renderer."""
    save_look(look.model_copy(update={"object_gain": 1.25}), tmp_path)
    bench = Bench(CELL, camera_of_cell(CELL), DatasetReader(captured), look_kind="matched", look=look)

    def compare(pairs, quality):
        raise AssertionError("a renderer was asked")

    assert bench.matched(compare, tmp_path, QUIET).look.object_gain == 1.25
    plain = replace(bench, look=Look(kind="plain", size_wh=SIZE_WH, bench_rgb=(0.3, 0.3, 0.28)))
    assert plain.matched(compare, tmp_path / "other", QUIET).look == plain.look
