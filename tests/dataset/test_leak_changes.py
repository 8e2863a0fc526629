"""A test image is found however a copy was changed; what differs is not taken for one."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from dataset_scene import make_info
from numpy.typing import NDArray

from synth.dataset.leak import LeakGuard
from synth.dataset.leak.gallery import Entry, Gallery, Match
from synth.dataset.leak.look import Look
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Draft
from synth.dataset.store import DatasetWriter
from synth.errors import DatasetError

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


def test_neighbouring_frames_are_named_near_copies(tmp_path: Path):
    """Every other frame of a drive tests: the refusal names its neighbours near copies, and a way out."""
    rng = np.random.default_rng(0)
    street = draw_shapes(rng, width=2 * WIDTH, n=60)
    with DatasetWriter.create_or_resume(tmp_path / "film", make_info((WIDTH, HEIGHT))) as writer:
        for i in range(6):
            frame = street[:, 4 * i : 4 * i + WIDTH].copy()
            cv2.rectangle(frame, (20 + 20 * i, 80), (50 + 20 * i, 110), (40, 60, 160), -1)
            draft = Draft(name=f"{i:06d}", split=("test", "train")[i % 2], size_wh=(WIDTH, HEIGHT))
            writer.append(draft, layers={"image": photograph(frame, rng)})
    film = DatasetReader(tmp_path / "film")
    with pytest.raises(DatasetError) as caught:
        LeakGuard.of([film]).check(film, film.of_split("train"))
    assert f"{film.root / 'images/000001.png'} is a near copy of test image" in str(caught.value)
    assert "neighbouring frames of one film" in str(caught.value)
    assert "`synth dataset split --test FILM`" in str(caught.value)
