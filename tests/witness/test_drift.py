"""Labels that moved are seen to have moved, by how much, and labels that did not are left in peace."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from plate_scene import CORNERS, ColourWitness, draw_plate, plate_instance, plate_mask, to_u8

from synth.witness.artefacts import Artefacts, find_artefacts
from synth.witness.drift import DriftLimits, FrameDrift, measure_drift
from synth.witness.drift_figure import Panel, draw_drift
from synth.witness.observation import Sway, WitnessScore


def _drift(translated_u8: np.ndarray) -> FrameDrift:
    return measure_drift(draw_plate(), translated_u8, plate_mask(), [plate_instance()], ColourWitness())


def _looks() -> dict[str, np.ndarray]:
    source = draw_plate().astype(float)
    rng = np.random.default_rng(0)
    shade = np.linspace(1.0, 0.7, source.shape[1])[:, None]
    looks = {
        "the same": source,
        "darker": source * 0.7,
        "brighter": source * 1.25,
        "gamma 0.7": 255 * (source / 255) ** 0.7,
        "gamma 1.4": 255 * (source / 255) ** 1.4,
        "warmer": source * (1.15, 1.0, 0.8),
        "noisy": source + rng.normal(0, 3, source.shape),
        "softer": cv2.GaussianBlur(source, (0, 0), 0.8),
        "shaded": source * shade,
    }
    together = cv2.GaussianBlur(255 * (source / 255) ** 0.8 * (1.1, 1.0, 0.85), (0, 0), 0.8)
    return looks | {"all together": together + rng.normal(0, 3, source.shape)}


LOOKS = _looks()


@pytest.mark.parametrize("px", [0.5, 1.0, 2.0, 3.0])
@pytest.mark.parametrize("noise", [0.0, 3.0])
def test_known_shift_is_measured(px: float, noise: float) -> None:
    """A part that moved by a known distance is found to have, to a fifth of a pixel, in noise too."""
    moved = draw_plate((px, 0)) + np.random.default_rng(1).normal(0, noise, (*plate_mask().shape, 3))
    (part,) = _drift(to_u8(moved)).parts
    assert part.edge
    assert part.edge.box_px == pytest.approx(px, abs=0.2)
    assert part.witness_box_px == pytest.approx(px, abs=0.3)
    assert part.edge.lost < 0.05


@pytest.mark.parametrize("px", [-1.5, 1.5])
def test_growth_has_a_sign(px: float) -> None:
    """A part that grew by some pixels on every side moved its outline outwards, one that shrank inwards."""
    scale = 1 + px / 37
    turn = cv2.getRotationMatrix2D(tuple(CORNERS.mean(axis=0)), 0, scale)
    grown = cv2.warpAffine(draw_plate(), turn, draw_plate().shape[1::-1], flags=cv2.INTER_CUBIC)
    (part,) = _drift(grown).parts
    assert part.edge
    assert part.edge.shift_px == pytest.approx(px, abs=0.35)


@pytest.mark.parametrize("name", LOOKS)
def test_another_look_is_no_drift(name: str) -> None:
    """A change of look alone moves box and outline by less than 0.3 px, shows no artefact, is not refused."""
    drift = _drift(to_u8(LOOKS[name]))
    (part,) = drift.parts
    assert part.edge
    assert part.edge.box_px < 0.3
    assert part.edge.abs_px < 0.3
    assert part.witness_box_px < 0.3
    assert part.edge.lost == 0
    assert drift.artefacts == Artefacts(0, 0, 0)
    assert drift.verdict(DriftLimits()) == ()


def test_inverted_contrast_is_no_drift() -> None:
    """An edge whose dark and bright sides change places has not moved."""
    (part,) = _drift(255 - draw_plate()).parts
    assert part.edge
    assert part.edge.box_px < 0.1


def test_identical_frames_have_no_drift_at_all() -> None:
    """A frame against itself: every figure is 0."""
    (part,) = _drift(draw_plate()).parts
    assert part.edge
    assert (part.witness_box_px, part.normal_deg, part.edge.lost) == (0, 0, 0)
    assert part.edge.box_px < 0.03


def _with_droplets(picture: np.ndarray, n: int) -> np.ndarray:
    """Round blobs of 6 px and another colour, away from one another, some of them on the part."""
    yy, xx = np.mgrid[: picture.shape[0], : picture.shape[1]]
    result = picture.astype(float)
    for x, y in [(110, 85), (60, 110), (200, 110), (130, 190), (190, 210)][:n]:
        result += np.exp(-((((xx - x) ** 2 + (yy - y) ** 2) / 6**2) ** 2))[..., None] * (35, -20, 10)
    return result


@pytest.mark.parametrize("n", [1, 3, 5])
def test_droplets_are_counted(n: int) -> None:
    """Blobs that a normalisation layer leaves are counted, in a frame of another look with noise."""
    drift = _drift(to_u8(_with_droplets(LOOKS["all together"], n)))
    assert drift.artefacts == Artefacts(n, 0, 0)
    assert [r.short for r in drift.verdict(DriftLimits())] == ["artefacts"]
    assert drift.verdict(DriftLimits(artefacts=n)) == ()


def test_spikes_are_counted() -> None:
    """Specks of two by two pixels are counted."""
    picture = LOOKS["all together"].copy()
    for x, y in ((60, 110), (200, 110), (130, 190)):
        picture[y : y + 2, x : x + 2] += 60
    assert find_artefacts(draw_plate(), to_u8(picture)) == Artefacts(0, 3, 0)


def _thin_and_dark() -> np.ndarray:
    """The plate with holes of a few pixels in it and thin dark lines beside it."""
    width, height = draw_plate().shape[1::-1]
    fine = cv2.resize(draw_plate(), (8 * width, 8 * height))
    for x, y, radius_px in ((105, 85, 2), (140, 90, 3), (110, 125, 2), (138, 128, 1.5)):
        cv2.circle(fine, (8 * x, 8 * y), round(8 * radius_px), (25, 20, 18), -1)
    for x in (40, 215):
        cv2.line(fine, (8 * x, 640), (8 * x + 64, 1120), (40, 40, 42), 24)
    return cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA)


@pytest.mark.parametrize(
    ("scale_px", "amount"), [(0.8, -1.0), (1.0, 0.7), (2.0, 0.7), (5.0, 0.7), (8.0, 0.7), (10.0, 0.7)]
)
def test_edges_of_thin_dark_holes_are_no_spikes_and_specks_beside_them_are(
    scale_px: float, amount: float
) -> None:
    """Softened or sharpened at any scale, halos included, holes show no artefact; specks near them all do."""
    source = _thin_and_dark().astype(float)
    detail = source - cv2.GaussianBlur(source, (0, 0), scale_px)
    picture = 255 * (np.clip(source + amount * detail, 0, 255) / 255) ** 1.1 * (0.8, 0.85, 0.9)
    picture += np.random.default_rng(2).normal(0, 1.5, picture.shape)
    assert find_artefacts(to_u8(source), to_u8(picture)) == Artefacts(0, 0, 0)
    for x, y in ((110, 85), (144, 90), (222, 110)):
        picture[y : y + 2, x : x + 2] += 60
    assert find_artefacts(to_u8(source), to_u8(picture)) == Artefacts(0, 3, 0)


@pytest.mark.parametrize(("period_px", "height"), [(2, 2.0), (4, 3.0)])
def test_checkerboard_is_counted(period_px: int, height: float) -> None:
    """A faint pattern over the whole frame, under the noise, stands out as a spatial frequency."""
    picture = LOOKS["all together"]
    yy, xx = np.mgrid[: picture.shape[0], : picture.shape[1]]
    half = period_px // 2
    checks = ((xx // half + yy // half) % 2 * 2 - 1)[..., None]
    assert find_artefacts(draw_plate(), to_u8(picture + height * checks)).stripes > 0


@pytest.mark.parametrize(
    ("translated_u8", "cause"),
    [
        (draw_plate((4.0, 0)), "box drift"),
        (draw_plate(warp_px=6.0), "edge drift"),
        (np.full_like(draw_plate(), 150), "part lost"),
        (cv2.GaussianBlur(draw_plate((12, 5)), (0, 0), 1), "edge lost"),
    ],
    ids=["moved", "warped", "gone", "elsewhere"],
)
def test_wrong_labels_are_refused(translated_u8: np.ndarray, cause: str) -> None:
    """A part that moved, bulged, vanished or stands elsewhere is refused, with the cause and its figures."""
    reasons = _drift(translated_u8).verdict(DriftLimits())
    assert cause in [r.short for r in reasons]
    assert all("part 0" in r.detail for r in reasons if r.short != "artefacts")


def test_hidden_parts_are_left_out_and_boxes_serve_without_a_mask() -> None:
    """A part without a label is not judged; without a mask the witness alone judges, within the box."""
    hidden = plate_instance().model_copy(update={"visib_fract": 0.1})
    moved = draw_plate((2, 0))
    assert measure_drift(draw_plate(), moved, plate_mask(), [hidden], ColourWitness()).parts == ()
    (part,) = measure_drift(draw_plate(), moved, None, [plate_instance()], ColourWitness()).parts
    assert part.edge is None
    assert part.witness_box_px == pytest.approx(2, abs=0.3)


def test_figures_are_plain_and_finite() -> None:
    """What goes into a sample's record: the worst part, numbers only."""
    figures = _drift(draw_plate((2.0, 0))).figures()
    assert figures["drift_edge_box"] == pytest.approx(2 / 75, abs=0.004)
    assert figures["drift_droplets"] == 0
    assert all(np.isfinite(value) for value in figures.values())


def test_histogram_is_drawn(tmp_path: Path) -> None:
    """The figure of a dataset is a picture, also where nothing could be measured."""
    frames = [_drift(draw_plate((px, 0))) for px in (0.0, 0.5, 4.0)]
    nan = float("nan")
    score, sway = WitnessScore(9, 1.0, 0.9, 0.5, 9, 3.0, 5), Sway(0.4, 1.0, 5)
    draw_drift(frames, DriftLimits(), score, sway, tmp_path / "drift.png")
    nothing = WitnessScore(0, nan, nan, nan, 0, nan, 0)
    draw_drift([], DriftLimits(), nothing, Sway(nan, nan, 0), tmp_path / "empty.png")
    assert Image.open(tmp_path / "drift.png").size == Image.open(tmp_path / "empty.png").size


def test_a_figure_has_a_panel_for_each_gate_and_none_for_what_no_part_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Normals are left out where no part has one, further gates stand behind, and all refused are counted."""
    drawn: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: drawn.append(figure))
    (frame,) = [_drift(draw_plate())]
    bare = replace(frame, parts=tuple(replace(part, normal_deg=None) for part in frame.parts))
    gates = [Panel("Seam", "counts", [3.0], 12.0)]
    for frames in ([frame], [bare]):
        draw_drift(frames, DriftLimits(), None, None, tmp_path / "drift.png", gates, 7)
    titles = [[ax.get_title() for ax in figure.axes if ax.axison] for figure in drawn]
    assert titles[0][-3:] == ["Normal, by the witness", "Artefacts", "Seam"]
    assert titles[1] == [title for title in titles[0] if "Normal" not in title]
    assert drawn[1].get_suptitle() == "1 frames, 7 refused"
