"""A calibration board to print: PDF and PNG at true scale, with a ruler to measure the print by."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure

from synth.capture.calibrate.board_file import save_board
from synth.capture.choices import Paper
from synth.cell.board import Board
from synth.errors import InputError
from synth.geometry.se3 import Array
from synth.storage.atomic import replacing

PAPERS_MM: dict[Paper, tuple[float, float]] = {"A4": (297, 210), "A3": (420, 297), "Letter": (279.4, 215.9)}
"""Width and height, lying."""

RULER_MM = 100
PNG_DPI = 300
_MM_PER_INCH = 25.4
_EDGE_MM = 5.0  # Few printers reach the edge of the paper.
_BELOW_MM = 26.0  # Of the pattern's rim: ruler and words.
_KEY_MM = 26.0  # From the ruler to the origin of the board's axes on its left.


def write_printout(board: Board, folder: Path, paper: Paper, *, force: bool = False) -> list[Path]:
    """Write board.pdf, board.png and board.yaml into a folder, and return them.

    Raises InputError where the board does not fit the paper or a file is there already, StorageError.
    """
    files = [folder / name for name in ("board.pdf", "board.png", "board.yaml")]
    present = [file.name for file in files if file.exists()]
    if present and not force:
        raise InputError(
            f"{', '.join(present)} in {folder.resolve()} would be overwritten: give another --out, or --force"
        )
    page_mm = _page_mm(board, paper)
    figure = _draw(board, page_mm)
    with mpl.rc_context({"pdf.fonttype": 42}):
        for file, dpi in ((files[0], 72), (files[1], PNG_DPI)):
            with replacing(file) as stream:
                figure.savefig(stream, format=file.suffix[1:], dpi=dpi, metadata=_metadata(file, board))
    save_board(board, files[2])
    return files


def _page_mm(board: Board, paper: Paper) -> tuple[float, float]:
    width, height = PAPERS_MM[paper]
    rim = 2000 * board.margin_m + 2 * _EDGE_MM
    wanted = np.array(board.size_m) * 1000 + [rim, rim + _BELOW_MM]
    for page in ((width, height), (height, width)):
        if (wanted <= page).all():
            return page
    columns, rows = board.squares_xy
    side = max(
        min((w - rim) / columns, (h - rim - _BELOW_MM) / rows) for w, h in ((width, height), (height, width))
    )
    if side < 1:
        raise InputError(
            f"a rim of {1000 * board.margin_m:g} mm leaves no room for a board on {paper}: give a smaller "
            "margin_m, or a larger --paper"
        )
    raise InputError(
        f"a board of {columns} × {rows} squares of {1000 * board.square_m:g} mm does not fit on {paper}: at "
        f"most {np.floor(2 * side) / 2:g} mm a square do, or give a larger --paper"
    )


def _metadata(file: Path, board: Board) -> dict[str, Any]:
    key = "Title"
    return {key: _describe(board), **({"CreationDate": None} if file.suffix == ".pdf" else {})}


def _describe(board: Board) -> str:
    columns, rows = board.squares_xy
    text = f"{columns} × {rows} squares of {1000 * board.square_m:g} mm"
    if board.marker_m is not None and board.kind == "charuco":
        text += f", markers of {1000 * board.marker_m:g} mm, {board.dictionary}"
    return text + (", legacy pattern" if board.legacy else "")


def _draw(board: Board, page_mm: tuple[float, float]) -> Figure:
    """The sheet, in millimetres from its upper left corner."""
    width, height = page_mm
    figure = Figure(figsize=(width / _MM_PER_INCH, height / _MM_PER_INCH))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    w, h = (1000 * side for side in board.size_m)
    rim = 1000 * board.margin_m
    left, top = (width - w) / 2, (height - h - _BELOW_MM) / 2
    origin = np.array([left, top])
    axes.add_collection(PolyCollection(_black_mm(board) + origin, facecolors="black", linewidths=0))
    corners = np.array([[-rim, -rim], [w + rim, -rim], [w + rim, h + rim], [-rim, h + rim], [-rim, -rim]])
    axes.plot(*(corners + origin).T, color="0.6", lw=0.4)
    ruler_top = top + h + rim + 7
    _draw_ruler(axes, (width - RULER_MM) / 2, ruler_top)
    _draw_axes(axes, (width - RULER_MM) / 2 - _KEY_MM, ruler_top)
    _draw_up(axes, (width + RULER_MM) / 2 + 14, ruler_top)
    axes.text(
        width / 2,
        ruler_top + 12,
        f"Print at 100 %. This line is {RULER_MM} mm, a square {1000 * board.square_m:g} mm: measure both, "
        "and write into board.yaml what a square measures.",
        ha="center",
        va="center",
        fontsize=8,
    )
    axes.text(
        width / 2, ruler_top + 16.5, _describe(board), ha="center", va="center", fontsize=8, color="0.35"
    )
    return figure


def _black_mm(board: Board) -> Array:
    """[R,4,2] corners of the black rectangles, in millimetres from the pattern's corner."""
    side = 1000 * board.square_m
    if board.kind == "chessboard":
        return _cells_mm(board.draw(1) == 0, side)
    assert board.marker_m is not None
    opencv = board.to_opencv()
    per_side = opencv.getDictionary().markerSize + 2
    module = 1000 * board.marker_m / per_side
    parts = []
    with_marker = set()
    for number, corners in enumerate(opencv.getObjPoints()):
        corner = 1000 * np.asarray(corners)[:, :2].min(axis=0)
        with_marker.add(tuple(np.floor(corner / side).astype(int).tolist()))
        picture = opencv.getDictionary().generateImageMarker(number, per_side)
        parts.append(_cells_mm(np.asarray(picture) == 0, module) + corner)
    columns, rows = board.squares_xy
    black = [[(column, row) not in with_marker for column in range(columns)] for row in range(rows)]
    return np.concatenate([_cells_mm(np.array(black), side), *parts])


def _cells_mm(black: Any, side: float) -> Array:
    """[R,4,2] each run of black cells within a row of ``black`` [H,W] as one rectangle."""
    cells = []
    for row, line in enumerate(black):
        edges = np.flatnonzero(np.diff(np.r_[0, line.astype(int), 0]))
        for start, end in edges.reshape(-1, 2):
            cells.append([[start, row], [end, row], [end, row + 1], [start, row + 1]])
    return np.array(cells, dtype=float).reshape(-1, 4, 2) * side


def _draw_ruler(axes: Any, left: float, top: float) -> None:
    ticks = np.arange(RULER_MM + 1)
    length = np.where(ticks % 10 == 0, 4.0, np.where(ticks % 5 == 0, 3.0, 1.8))
    lines: list[Any] = [[(left + x, top), (left + x, top + n)] for x, n in zip(ticks, length, strict=True)]
    lines.append([(left, top), (left + RULER_MM, top)])
    axes.add_collection(LineCollection(lines, colors="black", linewidths=0.35))
    for x in range(0, RULER_MM + 1, 10):
        axes.text(left + x, top + 6.2, str(x), ha="center", va="center", fontsize=6)


def _draw_axes(axes: Any, left: float, top: float) -> None:
    """A key to the board frame: its origin at the outer corner of the first square, x along a row, y down."""
    first_square = _cells_mm(np.ones((1, 1)), 3.5) + np.array([left, top])
    axes.add_collection(PolyCollection(first_square, facecolors="0.8", linewidths=0))
    _draw_arrow(axes, (left, top), (left + 10, top))
    _draw_arrow(axes, (left, top), (left, top + 7))
    axes.text(left + 11, top, "x", ha="left", va="center", fontsize=7)
    axes.text(left + 1.2, top + 6.3, "y", ha="left", va="center", fontsize=7)
    axes.text(left - 1, top, "origin", ha="right", va="center", fontsize=6)


def _draw_up(axes: Any, middle: float, top: float) -> None:
    _draw_arrow(axes, (middle, top + 7), (middle, top))
    axes.text(middle + 1.5, top + 3.5, "top of the board", ha="left", va="center", fontsize=6)


def _draw_arrow(axes: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    style = {"arrowstyle": "-|>,head_length=0.3,head_width=0.12", "lw": 0.6, "color": "black"}
    axes.annotate("", end, start, arrowprops={**style, "shrinkA": 0, "shrinkB": 0})
