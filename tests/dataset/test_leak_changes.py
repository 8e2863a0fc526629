"""A test image is found however a copy was changed; what differs is not taken for one."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from dataset_scene import make_info
from numpy.typing import NDArray

from synth.dataset.leak import LeakGuard
from synth.dataset.leak.acceptance import list_accepted
from synth.dataset.leak.gallery import Entry, Gallery, Match
from synth.dataset.leak.look import Look
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Draft
from synth.dataset.store import DatasetWriter
from synth.errors import DatasetError
from typed import synth

Rgb = NDArray[np.uint8]
Change = Callable[[Rgb], Rgb]

WIDTH, HEIGHT = 320, 180
ORANGE = (226, 104, 24)
NO_BOXES = np.zeros((0, 4))


def draw_shapes(rng: np.random.Generator, width: int = WIDTH, n: int = 30) -> NDArray[np.float32]:
    """A bench, or a wall, with things on it."""
    rgb = np.full((HEIGHT, width, 3), 150, np.float32) + np.linspace(-30, 30, width)[None, :, None]
    for _ in range(n):
        x, y = rng.uniform([0, 0], [width, HEIGHT])
        corners = cv2.boxPoints(((x, y), tuple(rng.uniform(6, 50, 2)), rng.uniform(0, 180)))
        cv2.fillConvexPoly(rgb, corners.astype(np.int32), rng.uniform(60, 210, 3).tolist())
    return rgb.astype(np.float32)


def put_part(
    rgb: NDArray[np.float32], rng: np.random.Generator, add: tuple[float, ...] | None = None
) -> NDArray[np.float64]:
    """A part of 44×30 pixels anywhere, orange or ``add`` to what is there; its box as fractions."""
    x, y = rng.uniform([50, 50], [WIDTH - 50, HEIGHT - 50])
    corners = cv2.boxPoints(((x, y), (44, 30), rng.uniform(0, 180))).astype(np.int32)
    mask = np.zeros(rgb.shape[:2], np.uint8)
    cv2.fillConvexPoly(mask, corners, 1)
    rgb[mask > 0] = ORANGE if add is None else rgb[mask > 0] + add
    low, high = corners.min(axis=0), corners.max(axis=0) + 1
    return np.array([[*low, *high]]) / (WIDTH, HEIGHT, WIDTH, HEIGHT)


def photograph(rgb: NDArray[np.float32], rng: np.random.Generator) -> Rgb:
    return np.clip(rgb + rng.normal(0, 2, rgb.shape), 0, 255).astype(np.uint8)


def gain(*channels: float) -> Change:
    return lambda rgb: np.clip(rgb * np.array(channels), 0, 255).astype(np.uint8)


def warp(scale: float = 1, turn_deg: float = 0, shift_px: tuple[int, int] = (0, 0)) -> Change:
    matrix = cv2.getRotationMatrix2D((WIDTH / 2 - 0.5, HEIGHT / 2 - 0.5), turn_deg, scale)
    matrix[:, 2] += shift_px
    return lambda rgb: cv2.warpAffine(rgb, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)


def crop(rgb: Rgb) -> Rgb:
    """The middle 95 %."""
    return np.ascontiguousarray(rgb[4:-5, 8:-8])


def quarter(rgb: Rgb) -> Rgb:
    return cv2.resize(rgb, (WIDTH // 4, HEIGHT // 4), interpolation=cv2.INTER_AREA)


def stamp(text: str) -> Change:
    def burn(rgb: Rgb) -> Rgb:
        place, font = (8, HEIGHT - 8), cv2.FONT_HERSHEY_SIMPLEX
        return cv2.putText(rgb.copy(), text, place, font, 0.4, (255, 220, 0), 1, cv2.LINE_AA)

    return burn


CHANGES: dict[str, Change] = {
    "mirrored left to right": lambda rgb: np.ascontiguousarray(rgb[:, ::-1]),
    "mirrored upside down": lambda rgb: np.ascontiguousarray(rgb[::-1]),
    "gain 1.15": gain(1.15, 1.15, 1.15),
    "colour cast": gain(1.1, 1, 0.85),
    "blur": lambda rgb: cv2.GaussianBlur(rgb, (0, 0), 1.5),
    "quarter": quarter,
    "quarter and back": lambda rgb: cv2.resize(quarter(rgb), (WIDTH, HEIGHT)),
    "shift": warp(shift_px=(6, 3)),
    "crop of 95 %": crop,
    "turn": warp(turn_deg=2),
    "stamp": stamp("2024-05-17 13:22:41"),
    "mirror, gain and crop": lambda rgb: gain(1.15, 1.15, 1.15)(crop(np.ascontiguousarray(rgb[:, ::-1]))),
}


@pytest.fixture(scope="module", params=["one bench, boxes", "one bench, no boxes", "photographs"])
def shots(request: pytest.FixtureRequest) -> list[tuple[Rgb, NDArray[np.float64]]]:
    """20 pictures with a part: of one bench before one camera, or each of another place."""
    rng = np.random.default_rng(0)
    bench, made = draw_shapes(rng), []
    for _ in range(20):
        rgb = draw_shapes(rng) if request.param == "photographs" else bench.copy()
        boxes = put_part(rgb, rng)
        made.append((photograph(rgb, rng), NO_BOXES if request.param == "one bench, no boxes" else boxes))
    return made


@pytest.fixture(scope="module")
def gallery(shots: list[tuple[Rgb, NDArray[np.float64]]]) -> Gallery:
    """The first eight as test images."""
    return make_gallery(shots[:8])


def make_gallery(shots: list[tuple[Rgb, NDArray[np.float64]]]) -> Gallery:
    return Gallery([Entry(Look.of(rgb), boxes) for rgb, boxes in shots])


def find(gallery: Gallery, rgb: Rgb) -> Match | None:
    return gallery.find(Look.of(rgb))


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_changed_copy_is_found(
    shots: list[tuple[Rgb, NDArray[np.float64]]], gallery: Gallery, change: Change
):
    """Each of the test images, and not for another one; a picture that is no test image is let through."""
    found = [find(gallery, change(rgb)) for rgb, _ in shots[:12]]
    assert [match and match.i for match in found] == [*range(8), None, None, None, None]


def test_an_equal_stamp_makes_no_copies(shots: list[tuple[Rgb, NDArray[np.float64]]]):
    """Neither a stamp that all pictures bear, nor one that changes from picture to picture."""
    for texts in (["2024-05-17"] * 20, [f"2024-05-17 13:{i:02d}" for i in range(20)]):
        stamped = [(stamp(text)(rgb), boxes) for text, (rgb, boxes) in zip(texts, shots, strict=True)]
        gallery = make_gallery(stamped[:8])
        assert [find(gallery, rgb) for rgb, _ in stamped[8:]] == [None] * 12


@pytest.mark.parametrize("has_boxes", [True, False], ids=["boxes", "no boxes"])
def test_a_part_of_the_bench_s_luminance(has_boxes: bool):
    """Orange as bright as the bench is seen: of 144 different pairs none is a copy; copies are found."""
    rng = np.random.default_rng(0)
    bench, shots = draw_shapes(rng, n=0), []
    for _ in range(26):
        rgb = bench.copy()
        boxes = put_part(rgb, rng, add=(60, -16, -70))
        shots.append((photograph(rgb, rng), boxes if has_boxes else NO_BOXES))
    greys = [cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(float) for rgb, _ in shots]
    assert np.abs(greys[0] - greys[1]).mean() < 4
    gallery = make_gallery(shots[:8])
    assert [find(gallery, rgb) for rgb, _ in shots[8:]] == [None] * 18
    assert [match and match.i for match in (find(gallery, rgb) for rgb, _ in shots[:8])] == list(range(8))


@pytest.fixture
def film(tmp_path: Path) -> DatasetReader:
    """A drive of six frames, every other of which tests."""
    rng = np.random.default_rng(0)
    street = draw_shapes(rng, width=2 * WIDTH, n=60)
    with DatasetWriter.create_or_resume(tmp_path / "film", make_info((WIDTH, HEIGHT))) as writer:
        for i in range(6):
            frame = street[:, 4 * i : 4 * i + WIDTH].copy()
            cv2.rectangle(frame, (20 + 20 * i, 80), (50 + 20 * i, 110), (40, 60, 160), -1)
            draft = Draft(name=f"{i:06d}", split=("test", "train")[i % 2], size_wh=(WIDTH, HEIGHT))
            writer.append(draft, layers={"image": photograph(frame, rng)})
    return DatasetReader(tmp_path / "film")


def refusal(film: DatasetReader) -> str:
    with pytest.raises(DatasetError) as caught:
        LeakGuard.of([film]).check(film, film.of_split("train"))
    return str(caught.value)


def test_neighbouring_frames_are_named_near_copies(film: DatasetReader):
    """The refusal names neighbours of test images near copies, and the ways out."""
    message = refusal(film)
    assert f"{film.root / 'images/000001.png'} is a near copy of test image" in message
    assert "neighbouring frames of one film" in message
    assert "`synth dataset split --test FILM`" in message
    assert "`synth dataset accept-near-copies FOLDER --because WHY`" in message


def test_near_copies_train_where_somebody_said_why(film: DatasetReader, tmp_path: Path):
    """Accepted, near copies pass, the reason is told with the dataset until it is split anew, and a copy is
    refused as before.
    """
    accept = ("dataset", "accept-near-copies", film.root, "--because")
    assert "say why" in synth(*accept, " ", cwd=tmp_path).stderr
    absent = synth("dataset", "accept-near-copies", "none", "--because", "x", cwd=tmp_path)
    assert (absent.returncode, "there is no dataset at none" in absent.stderr) == (2, True)
    assert synth(*accept, "it is the only drive", cwd=tmp_path).returncode == 0
    accepting = DatasetReader(film.root)
    LeakGuard.of([accepting]).check(accepting, accepting.of_split("train"))
    assert "it is the only drive" in synth("dataset", "stats", film.root, cwd=tmp_path).stdout
    assert [f"{film.root}" in said and "only drive" in said for said in list_accepted([accepting])] == [True]
    split = synth("dataset", "split", film.root, "--test", "0-1", "--out", tmp_path / "anew", cwd=tmp_path)
    assert split.returncode == 0, split.stderr
    assert DatasetReader(tmp_path / "anew").info.near_copies_accepted is None
    with DatasetWriter.open(film.root) as writer:
        stamped = stamp("x")(accepting.load_rgb(accepting.of_split("test")[0]))
        copy = Draft(name="000006", split="train", size_wh=(WIDTH, HEIGHT))
        writer.append(copy, layers={"image": np.ascontiguousarray(stamped[:, ::-1])})
    message = refusal(DatasetReader(film.root))
    assert message.startswith("1 of 4 samples")
    assert f"{film.root / 'images/000006.png'} shows test image" in message


@pytest.mark.parametrize("side_px", [30, 40])
def test_noise_around_another_place_is_no_copy(side_px: int):
    """Noise so strong that nearly any colour is near enough, around a square that stands elsewhere: of 120
    different pairs none is a copy, though the square can be laid upon the other one.
    """
    rng, shots = np.random.default_rng(0), []
    for _ in range(26):
        rgb = rng.integers(0, 60, (80, 96, 3), dtype=np.uint8)
        x, y = rng.integers(2, (94 - side_px, 78 - side_px))
        rgb[y : y + side_px, x : x + side_px] = rng.integers(84, 196)
        shots.append((rgb, np.array([[x, y, x + side_px, y + side_px]]) / (96, 80, 96, 80)))
    gallery = make_gallery(shots[:6])
    assert [find(gallery, rgb) for rgb, _ in shots[6:]] == [None] * 20
    assert [match and match.i for match in (find(gallery, rgb) for rgb, _ in shots[:6])] == list(range(6))


def test_an_empty_bench_is_no_copy_of_another():
    """Pictures of a bench with nothing on it may train beside test images with nothing on them."""
    rng = np.random.default_rng(0)
    bench = draw_shapes(rng)
    shots = [(photograph(bench, rng), NO_BOXES) for _ in range(16)]
    gallery = make_gallery(shots[:8])
    assert [find(gallery, rgb) for rgb, _ in shots[8:]] == [None] * 8
