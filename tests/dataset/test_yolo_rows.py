"""Rows of another kind than they look like one by one are refused by the whole folder, with both readings."""

from pathlib import Path

import pytest
from foreign_pictures import write_picture
from yolo_set import take, write_label

from synth.dataset.reader import DatasetReader
from synth.dataset.verify import verify
from synth.errors import InputError
from synth.train.tasks.detection.images import load_detection_images

BOXES = [
    (0.48, 0.38, 0.24, 0.18),
    (0.55, 0.7, 0.18, 0.2),
    (0.8, 0.69, 0.28, 0.24),
    (0.34, 0.22, 0.2, 0.22),
    (0.64, 0.48, 0.16, 0.18),
    (0.34, 0.52, 0.3, 0.2),
]


def write_rows(root: Path, rows: list[str], size_wh: tuple[int, int] = (64, 48)) -> Path:
    """A picture for each row, without splits."""
    for i, row in enumerate(rows):
        write_picture(root / f"images/p{i}.png", i, size_wh)
        write_label(root, f"p{i}", f"0 {row}\n")
    (root / "classes.txt").write_text("part\n")
    return root


def join(*numbers: float) -> str:
    return " ".join(f"{v:.5f}" for v in numbers)


def key_points(x: float, y: float, w: float, h: float, n: int, visibility: str = "") -> str:
    """A box and n points on its diagonal."""
    places = [(k + 1) / (n + 1) - 0.5 for k in range(n)]
    return join(x, y, w, h) + "".join(f" {join(x + t * w, y + t * h)} {visibility}" for t in places)


def square(x: float, y: float, side: float) -> str:
    return join(x, y, x + side, y, x + side, y + side, x, y + side)


LARGE = [(0.5, 0.5, 0.6, 0.9), (0.5, 0.55, 0.7, 0.8), (0.48, 0.5, 0.62, 0.95)]


@pytest.mark.parametrize(
    "rows",
    [
        [key_points(*box, 2) for box in BOXES],
        [key_points(*box, 1) for box in BOXES],
        [key_points(*box, 5) for box in BOXES],
        [key_points(*box, 2, "2") for box in BOXES],
        [key_points(*box, 3, "1") for box in BOXES],
        [key_points(*box, 4) for box in LARGE],
        [*(key_points(*box, 2) for box in BOXES), join(*BOXES[0])],
    ],
    ids=[
        "two",
        "one",
        "five",
        "two with visibility",
        "three with visibility",
        "of large parts",
        "beside a box",
    ],
)
def test_key_points_are_no_polygons(rows: list[str], tmp_path: Path) -> None:
    """Where every row is a box and as many points in it, the folder is refused, and told how polygons are
    shown.
    """
    with pytest.raises(InputError, match=r"look like key points: class xc yc w h.*polygons rather, repeat"):
        take(write_rows(tmp_path / "in", rows), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "rows",
    [
        [square(x - w / 2, y - h / 2, 0.2) for x, y, w, h in BOXES],
        [square(0.4 + 0.02 * k, 0.4 + 0.01 * k, 0.1) for k in range(6)],
        ["0.1 0.1 0.9 0.1 0.5 0.9", "0.2 0.2 0.8 0.2 0.5 0.8"],
    ],
    ids=["squares", "small squares amid", "triangles"],
)
def test_polygons_stay_polygons(rows: list[str], tmp_path: Path) -> None:
    """Outlines of equally many corners come in with masks, small ones amid the picture too."""
    summary = take(write_rows(tmp_path / "in", rows), tmp_path / "out")
    dataset = DatasetReader(tmp_path / "out")
    assert (summary.misfits, summary.n_instances) == ((), len(rows))
    assert all(sample.mask is not None for sample in dataset)


def test_a_repeated_last_point_says_that_rows_are_polygons(tmp_path: Path) -> None:
    """What the refusal of key points advises is taken."""
    rows = [key_points(*box, 3) for box in BOXES]
    rows[0] += " " + " ".join(rows[0].split()[-2:])
    assert take(write_rows(tmp_path / "in", rows), tmp_path / "out").n_instances == 6


BLOB = "0.2 0.2 0.4 0.2 0.4 0.4 0.3 0.45"


@pytest.mark.parametrize(
    "rows",
    [
        [f"{join(*box)} 0.91 1" for box in BOXES],
        [f"{join(*box)} 0.91 {k + 1}" for k, box in enumerate(BOXES)],
        [f"{BLOB} 0.87 1", f"{BLOB} 0.2 0.4 0.91 2"],
    ],
    ids=["one track", "tracks", "polygons"],
)
def test_tracks_are_no_polygons(rows: list[str], tmp_path: Path) -> None:
    """A confidence and a track's number behind each row are no corner; what the refusal advises is taken."""
    with pytest.raises(InputError, match=r"what Ultralytics' track saves: a confidence"):
        take(write_rows(tmp_path / "in", rows), tmp_path / "out")
    rows = [f"{BLOB} 0.3 1", f"{BLOB} 0.3 1 0.3 1"]
    assert take(write_rows(tmp_path / "in2", rows), tmp_path / "out").n_instances == 2


def corners(x: float, y: float, w: float, h: float) -> str:
    return join(x - w / 2, y - h / 2, x + w / 2, y + h / 2)


def from_corner(x: float, y: float, w: float, h: float) -> str:
    return join(x - w / 2, y - h / 2, w, h)


@pytest.mark.parametrize(
    ("rows", "reading"),
    [
        ([corners(*box) for box in BOXES], "x0 y0 x1 y1, two corners"),
        ([corners(*box) for box in BOXES[:3]], "x0 y0 x1 y1, two corners"),
        ([*(corners(*box) for box in BOXES), "320 240 50 60"], "x0 y0 x1 y1, two corners"),
        (
            [from_corner(x, y, 1.9 * x, 1.9 * y) for x, y in [(0.2, 0.2), (0.3, 0.4)]],
            "x0 y0 x1 y1, two corners, or x0 y0 w h, from the",
        ),
        ([from_corner(0.2, 0.5, 0.36, 0.2), from_corner(0.7, 0.2, 0.5, 0.3)], "x0 y0 w h, from the"),
    ],
)
def test_other_boxes_are_refused_with_both_readings(rows: list[str], reading: str, tmp_path: Path) -> None:
    """Where boxes leave their pictures in one reading and none does in another, no box comes in."""
    folder = write_rows(tmp_path / "in", rows)
    with pytest.raises(InputError, match=r"of \d boxes .* read as xc yc w h, .* read as " + reading):
        take(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_boxes_of_two_readings_are_noted(tmp_path: Path) -> None:
    """Large parts amid the picture could be corners too: they are read as the layout says, and it is said."""
    folder = write_rows(tmp_path / "in", [join(*box) for box in LARGE])
    notes = take(folder, tmp_path / "out").notes
    assert any("could be corners x0 y0 x1 y1 too" in note.text for note in notes)


def test_a_slip_among_good_boxes_costs_its_picture_alone(tmp_path: Path) -> None:
    """One box that leaves its picture makes no other reading of all."""
    rows = [join(*box) for box in BOXES] + [join(0.1, 0.5, 0.3, 0.2)]
    summary = take(write_rows(tmp_path / "in", rows), tmp_path / "out")
    assert [(m.reason, m.where) for m in summary.misfits] == [("box outside", "labels/p6.txt line 1")]
    assert summary.n_samples == 6


def test_pixels_are_told_from_fractions(tmp_path: Path) -> None:
    """The sentence says that fractions belong there, and no box of thousands of pixels."""
    with pytest.raises(InputError, match="has the number 320: a label has fractions of the picture"):
        take(write_rows(tmp_path / "in", ["320 240 50 60"] * 2), tmp_path / "out")


def test_long_objects_keep_their_tight_boxes_the_whole_way(tmp_path: Path) -> None:
    """Wider than the picture is high: its box is in the record, in labels/ and in what a training sees; with
    1:1 boxes the picture is left out by name.
    """
    rods = [(0.42, 0.3, 0.8, 0.1), (0.5, 0.5, 0.98, 0.05), (0.5, 0.4, 0.9, 0.2)]
    folder = write_rows(tmp_path / "in", [join(*rod) for rod in rods])
    words = {"splits": {"train": "0-2"}}
    summary = take(folder, tmp_path / "out", **words)
    dataset = DatasetReader(tmp_path / "out")
    assert (summary.n_samples, summary.misfits, verify(tmp_path / "out")) == (3, (), [])
    seen = load_detection_images(dataset, dataset.of_split("train"), 64, "tight")
    for sample, (xc, yc, w, h), boxes in zip(dataset, rods, seen.boxes_xyxy_px, strict=True):
        box = (64 * (xc - w / 2), 48 * (yc - h / 2), 64 * (xc + w / 2), 48 * (yc + h / 2))
        (instance,) = sample.instances
        assert (instance.box_xyxy_px, instance.square_xyxy_px) == (pytest.approx(box, abs=1e-3), None)
        assert boxes[0] == pytest.approx(box, abs=1e-3)
        label = (tmp_path / f"out/labels/{sample.name}.txt").read_text().split()
        assert [float(v) for v in label[1:]] == pytest.approx((xc, yc, w, h), abs=1e-5)
    with pytest.raises(InputError, match=r"no 1:1 box \(3\): .*without --square the tight box is taken"):
        take(folder, tmp_path / "out2", box_kind="square", **words)
