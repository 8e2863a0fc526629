"""A board's description as a small YAML file, which a person corrects to what the print measures."""

import re
from pathlib import Path

import yaml
from pydantic import ValidationError

from synth.cell.board import Board
from synth.cell.schema import explain
from synth.cell.section_file import load_section
from synth.cell.source import dotted
from synth.errors import InputError
from synth.storage.atomic import write_bytes

_MARKER = 0.73  # Of a square: room for a white rim around each marker.
_HEADER = """\
# A calibration board. Measure the print and correct square_m and marker_m: printers like to shrink a page.
# Lengths in metres.
# squares_xy: squares along a row and down a column. marker_m: side of a marker's black square.
# legacy: ChArUco as OpenCV drew it before 4.6; null tries both. margin_m: white rim.
# T_tool_board: where the arm holds it, roughly: four rows of four numbers that map the board's points to the
# tool's frame. The board's origin is the outer corner of its first square, x along a row, y down, z into the
# board. Absent: its middle is at the TCP and its face looks along the tool's +z.
# T_base_board: where it stands, as roughly, while the camera is on the arm (calibrate run --eye-in-hand).
"""


def make_board(
    kind: str,
    squares: str,
    square_mm: float,
    marker_mm: float | None,
    dictionary: str,
    *,
    legacy: bool = False,
) -> Board:
    """A board as a command line gives it; squares as ``7x5``. A chessboard has no markers: what is said of
    them is left out. Raises InputError for one that cannot be.
    """
    found = re.fullmatch(r"(\d{1,3})[x×](\d{1,3})", squares.strip())
    if found is None:
        raise InputError(f"--squares is '{squares}': give two numbers such as 7x5")
    marker = round(2 * _MARKER * square_mm) / 2 if marker_mm is None else marker_mm
    content = {
        "kind": kind,
        "squares_xy": [int(found[1]), int(found[2])],
        "square_m": round(square_mm / 1000, 7),
    }
    if kind == "charuco":
        content |= {"marker_m": round(marker / 1000, 7), "dictionary": dictionary, "legacy": legacy}
    try:
        return Board.model_validate(content)
    except ValidationError as error:
        problems = (
            f"{dotted(place)} {text}" if place else text
            for place, text in explain(error, content, Board).items()
        )
        raise InputError(f"there is no such board: {' '.join(problems)}") from None


def save_board(board: Board, path: Path) -> None:
    """Write the file whole; raises StorageError."""
    content = board.model_dump(mode="json", exclude_none=True)
    if board.legacy is None:
        content["legacy"] = None
    text = yaml.safe_dump(content, sort_keys=False, default_flow_style=None, width=1000)
    write_bytes(path, (_HEADER + text).encode())


def load_board(path: Path) -> Board:
    """The board of a file. Raises InputError with all that is wrong."""
    return load_section(path, Board, "the board file", "synth calibrate board writes one")
