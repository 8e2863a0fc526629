"""A board's file: where it is held comes back too, and a file that cannot be read is one sentence."""

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth.capture.calibrate.board_file import load_board, make_board, save_board
from synth.cell.board import Board
from synth.errors import InputError
from synth.geometry import se3

_METRE = st.floats(-1, 1)
_RADIAN = st.floats(-3, 3)


@settings(max_examples=40, deadline=None)
@given(
    rotvec=st.tuples(_RADIAN, _RADIAN, _RADIAN),
    translation=st.tuples(_METRE, _METRE, _METRE),
    thickness_m=st.floats(1e-9, 0.05),
)
def test_where_the_board_is_held_comes_back(tmp_path_factory, rotvec, translation, thickness_m) -> None:
    """T_tool_board and the thickness, to the last digit."""
    T_tool_board = se3.from_rotvec(rotvec, translation)
    board = Board(marker_m=0.022, thickness_m=thickness_m, T_tool_board=T_tool_board)
    file = tmp_path_factory.mktemp("b") / "board.yaml"
    save_board(board, file)
    loaded = load_board(file)
    assert np.array_equal(loaded.T_tool_board, board.T_tool_board)
    assert loaded.thickness_m == thickness_m


def test_the_header_says_what_to_correct(tmp_path) -> None:
    """Every key that the file holds, but for those that say themselves what they are."""
    save_board(Board(marker_m=0.022), tmp_path / "board.yaml")
    comments = [line for line in (tmp_path / "board.yaml").read_text().splitlines() if line.startswith("#")]
    assert "correct square_m and marker_m" in comments[0]
    for key in ("squares_xy", "marker_m", "legacy", "margin_m", "T_tool_board"):
        assert any(f"{key}:" in line for line in comments)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "marker_m is missing"),
        (b"- 7", "holds a list of 1"),
        (b"\xff\xfe\x00", "is not UTF-8"),
        (b"[" * 5000, "nested more than"),
        (b"marker_m: .nan", "marker_m is nan; it must be a finite number"),
        (b"marker_m: 0.02\nsquare_m: .inf", "line 2: square_m is inf; it must be below 0.5"),
        (b"marker_m: 0.02\nsquares_xy: [7]", "squares_xy"),
        (b"marker_m: 0.02\nkind: circles", "kind is 'circles'; allowed: 'charuco' or 'chessboard'"),
        (b"marker_m: 0.02\nmarker_m: 0.03", "line 2: marker_m stands twice, first in line 1"),
    ],
)
def test_files_that_are_no_board_are_one_sentence(tmp_path, content, sentence) -> None:
    """Each names the file and fits one line."""
    file = tmp_path / "board.yaml"
    file.write_bytes(content)
    with pytest.raises(InputError, match=sentence) as caught:
        load_board(file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_told_with_what_writes_one(tmp_path) -> None:
    """A folder or a pipe that nobody writes to in its place too."""
    os.mkfifo(tmp_path / "pipe.yaml")
    for path in (tmp_path / "none.yaml", tmp_path / "pipe.yaml", tmp_path):
        with pytest.raises(InputError, match=r"cannot be read .*synth calibrate board writes one"):
            load_board(path)


def test_a_chessboard_has_no_markers() -> None:
    """What a command line says of markers is left out."""
    board = make_board("chessboard", "10x7", 22, 16, "DICT_4X4_50", legacy=True)
    assert board.marker_m is None
    assert board.legacy is False
