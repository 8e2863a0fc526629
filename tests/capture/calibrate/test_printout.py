"""A printed board has the size that it says, and says what is wrong with one that cannot be."""

import re
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner

from synth.capture.calibrate.board_file import load_board, make_board, save_board
from synth.capture.calibrate.commands import app
from synth.capture.calibrate.detect import find_corners
from synth.capture.calibrate.printout import PAPERS_MM, write_printout
from synth.cell.board import DEFAULT_BOARD, DICTIONARIES, Board
from synth.errors import InputError

CHESSBOARD = Board(kind="chessboard", squares_xy=(10, 7), square_m=0.022)


@pytest.mark.parametrize("board", [DEFAULT_BOARD, CHESSBOARD], ids=["charuco", "chessboard"])
def test_the_picture_is_at_true_scale(tmp_path, board) -> None:
    """The board that is found in board.png has squares of its size to 0.05 mm, by the file's own
    resolution.
    """
    write_printout(board, tmp_path, "A4")
    picture = Image.open(tmp_path / "board.png")
    mm_per_px = 25.4 / np.array(picture.info["dpi"])
    corners = find_corners(np.asarray(picture.convert("RGB")), board)
    assert len(corners) == len(board.corners_m)
    seen_mm = corners.pixels_xy * mm_per_px
    true_mm = 1000 * board.corners_m[corners.ids, :2]
    off = (seen_mm - seen_mm.mean(axis=0)) - (true_mm - true_mm.mean(axis=0))
    assert np.abs(off).max() < 0.05


@pytest.mark.parametrize("paper", ["A4", "A3", "Letter"])
def test_the_page_has_the_paper_s_size(tmp_path, paper) -> None:
    """The PDF's MediaBox, to a tenth of a point."""
    write_printout(DEFAULT_BOARD, tmp_path, paper)
    box = re.search(rb"/MediaBox \[([^\]]+)\]", (tmp_path / "board.pdf").read_bytes())
    assert box is not None
    size_pt = [float(n) for n in box[1].split()][2:]
    assert size_pt == pytest.approx(np.array(PAPERS_MM[paper]) / 25.4 * 72, abs=0.1)


def test_the_pdf_is_drawn_to_scale(tmp_path) -> None:
    """The longest line in the PDF's content, the ruler's, is 100 mm to a hundredth."""
    write_printout(DEFAULT_BOARD, tmp_path, "A4")
    lines = re.findall(rb"([\d.]+) ([\d.]+) m\s+([\d.]+) ([\d.]+) l", _page(tmp_path / "board.pdf"))
    level = [abs(float(c) - float(a)) for a, b, c, d in lines if abs(float(b) - float(d)) < 1e-6]
    assert any(abs(length * 25.4 / 72 - 100) < 0.01 for length in level)


EIGHT_PX_A_MODULE = {"marker_m": 0.8 * 0.024, "square_m": 0.024}


@pytest.mark.parametrize(
    "board",
    [
        Board(**EIGHT_PX_A_MODULE),
        Board(**EIGHT_PX_A_MODULE, squares_xy=(6, 6)),
        Board(**EIGHT_PX_A_MODULE, squares_xy=(6, 6), legacy=True),
        Board(**EIGHT_PX_A_MODULE, squares_xy=(5, 8), legacy=True),
        CHESSBOARD,
    ],
    ids=["new", "new, even rows", "legacy, even rows", "standing", "chessboard"],
)
def test_the_rectangles_are_opencv_s_pattern(tmp_path, board) -> None:
    """The PDF's rectangles, at 60 pixels a square, give the picture that OpenCV draws, pixel for pixel; each
    edge lies on its pixel to a micrometre.
    """
    write_printout(board, tmp_path, "A4")
    number = rb"([\d.]+) ([\d.]+) [ml]\s+"
    found = re.findall(number * 4 + rb"h\s+f", _page(tmp_path / "board.pdf"))
    corners_mm = np.array(found, dtype=float).reshape(-1, 4, 2) * [1, -1] * 25.4 / 72
    low, high = corners_mm.min(axis=1), corners_mm.max(axis=1)
    is_page = (high - low)[:, 0] > 200
    low, high = low[~is_page], high[~is_page]
    in_pattern = high[:, 1] < low[:, 1].min() + 1000 * board.size_m[1] + 0.001
    low, high = low[in_pattern], high[in_pattern]
    px_per_mm = 60 / (1000 * board.square_m)
    first, last = ((edge - low.min(axis=0)) * px_per_mm for edge in (low, high))
    assert np.abs(first - first.round()).max() < 0.001 * px_per_mm
    assert np.abs(last - last.round()).max() < 0.001 * px_per_mm
    drawn = np.full((60 * board.squares_xy[1], 60 * board.squares_xy[0]), 255, np.uint8)
    for (x0, y0), (x1, y1) in zip(first.round().astype(int), last.round().astype(int), strict=True):
        drawn[y0:y1, x0:x1] = 0
    assert np.array_equal(drawn, board.draw(60))


def test_the_picture_s_ruler_is_100_mm(tmp_path) -> None:
    """From its first tick to its last, to 0.05 mm; the long ticks between stand 10 mm apart, to a pixel."""
    write_printout(DEFAULT_BOARD, tmp_path, "A4")
    picture = Image.open(tmp_path / "board.png")
    mm_per_px = 25.4 / picture.info["dpi"][0]
    dark = np.asarray(picture.convert("L")) < 128
    edges = np.diff(np.pad(dark.astype(np.int8), ((0, 0), (1, 1))))
    rows, starts = np.nonzero(edges == 1)
    ends = np.nonzero(edges == -1)[1]
    longest = np.argmax(ends - starts)
    row, start, end = rows[longest], starts[longest], ends[longest]
    long_ticks = np.flatnonzero(np.diff(dark[row + round(3.5 / mm_per_px), start - 2 : end + 2].astype(int)))
    middles_mm = long_ticks.reshape(-1, 2).mean(axis=1) * mm_per_px
    from_first_mm = middles_mm - middles_mm[0]
    assert from_first_mm[-1] == pytest.approx(100, abs=0.05)
    assert from_first_mm == pytest.approx(np.arange(0, 101, 10), abs=mm_per_px)


def _page(pdf: Path) -> bytes:
    """The drawing of a PDF of one page: its longest stream."""
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf.read_bytes(), re.S)
    return max((_inflated(s) for s in streams), key=len)


def _inflated(stream: bytes) -> bytes:
    try:
        return zlib.decompress(stream)
    except zlib.error:
        return b""


def test_what_does_not_fit_is_told_with_what_would(tmp_path) -> None:
    """Nothing is written then; the size that is named fits."""
    with pytest.raises(InputError, match=r"does not fit on A4: at most [\d.]+ mm") as caught:
        write_printout(DEFAULT_BOARD.model_copy(update={"square_m": 0.05}), tmp_path / "a", "A4")
    assert not (tmp_path / "a").exists()
    found = re.search(r"at most ([\d.]+) mm", str(caught.value))
    assert found is not None
    write_printout(
        DEFAULT_BOARD.model_copy(update={"square_m": float(found[1]) / 1000}), tmp_path / "b", "A4"
    )


def test_a_rim_wider_than_the_paper_is_told(tmp_path) -> None:
    """No size of a square would do: the rim is named instead."""
    board = DEFAULT_BOARD.model_copy(update={"margin_m": 0.1})
    with pytest.raises(InputError, match="a rim of 100 mm leaves no room for a board on A4"):
        write_printout(board, tmp_path, "A4")


def test_the_command_writes_the_board_that_was_asked_for(tmp_path) -> None:
    """Markers are 0.73 of a square to half a millimetre; --legacy is kept; what comes next is said."""
    words = ["board", "--out", str(tmp_path), "--squares", "5x6", "--square-mm", "25", "--legacy"]
    ran = CliRunner().invoke(app, words)
    assert ran.exit_code == 0, ran.output
    expected = Board(squares_xy=(5, 6), square_m=0.025, marker_m=0.018, legacy=True)
    assert load_board(tmp_path / "board.yaml") == expected
    assert f"synth calibrate run --board {tmp_path / 'board.yaml'}" in ran.output
    assert isinstance(CliRunner().invoke(app, words).exception, InputError)


def test_files_that_are_there_stay(tmp_path) -> None:
    """Without --force nothing is overwritten."""
    (tmp_path / "board.yaml").write_text("mine")
    with pytest.raises(InputError, match=r"board\.yaml .* would be overwritten"):
        write_printout(DEFAULT_BOARD, tmp_path, "A4")
    assert (tmp_path / "board.yaml").read_text() == "mine"
    assert not (tmp_path / "board.pdf").exists()
    write_printout(DEFAULT_BOARD, tmp_path, "A4", force=True)
    assert load_board(tmp_path / "board.yaml") == DEFAULT_BOARD


@st.composite
def boards(draw: st.DrawFn) -> Board:
    columns, rows = draw(st.tuples(st.integers(3, 12), st.integers(3, 9)))
    square_m = draw(st.floats(0.005, 0.2))
    if draw(st.booleans()):
        return Board(
            kind="chessboard", squares_xy=(columns, rows + (columns + rows + 1) % 2), square_m=square_m
        )
    return Board(
        squares_xy=(columns, rows),
        square_m=square_m,
        marker_m=square_m * draw(st.floats(0.3, 0.95)),
        dictionary=draw(st.sampled_from(["DICT_6X6_250", "DICT_5X5_1000"])),
        legacy=draw(st.sampled_from([None, True, False])),
        margin_m=draw(st.floats(0, 0.1)),
    )


@settings(max_examples=40, deadline=None)
@given(board=boards())
def test_a_board_file_gives_the_board_back(tmp_path_factory, board) -> None:
    """Every digit, and what is not known stays unknown."""
    file = tmp_path_factory.mktemp("b") / "board.yaml"
    save_board(board, file)
    assert load_board(file) == board


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("square_m: 30", "square_m is 30; it must be below 0.5"),
        ("marker_m: 0.03\nsquare_m: 0.02", "marker_m is 0.03; it must be less than square_m"),
        ("marker_m: 0.02\nsquares: 3", "squares is not a known key; did you mean `squares_xy`"),
        ("marker_m: 0.02\nT_tool_board: [[1]]", "T_tool_board"),
        ("[1, 2", "is not valid YAML"),
        ("marker_m: !!python/object/apply:os.system [echo]", "marker_m is a list"),
    ],
)
def test_bad_board_files_are_one_sentence(tmp_path, text, sentence) -> None:
    """Each names the file and the key."""
    (tmp_path / "board.yaml").write_text(text)
    with pytest.raises(InputError, match=sentence) as caught:
        load_board(tmp_path / "board.yaml")
    assert "board.yaml" in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("charuco", "seven", 30, None, "DICT_4X4_50"), "give two numbers such as 7x5"),
        (("charuco", "12x9", 30, None, "DICT_4X4_50"), "needs 54 markers and DICT_4X4_50 has 50"),
        (("charuco", "7x5", 30, 40, "DICT_4X4_50"), "must be less than square_m"),
        (("charuco", "7x5", 30, None, "DICT"), "allowed: " + DICTIONARIES[0]),
        (("chessboard", "8x8", 30, None, ""), "looks the same when turned"),
        (("chessboard", "2x9", 30, None, ""), "squares_xy"),
    ],
)
def test_boards_that_cannot_be_are_one_sentence(arguments, sentence) -> None:
    """As a command line gives them."""
    with pytest.raises(InputError, match=sentence):
        make_board(*arguments)
