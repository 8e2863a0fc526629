"""The board's corners in a picture."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.cell.board import Board
from synth.geometry.se3 import Array

_MIN_EVIDENCE = 4
_ASTRAY_PX = 1.0
_ASTRAY = 5.0
"""A corner is astray that is so many times the typical corner's distance, and more than _ASTRAY_PX, from
where the others put it: the search for its place caught on an edge of a marker.
"""
_NONE = (np.empty(0, np.intp), np.empty((0, 2)))


@dataclass(frozen=True, eq=False)
class Corners:
    """Corners found: ids [N] as in `Board.corners_m`, pixels_xy [N,2], centres at integers."""

    ids: NDArray[np.intp]
    pixels_xy: Array

    def __len__(self) -> int:
        return len(self.ids)


def find_corners(image_u8: NDArray[np.uint8], board: Board) -> Corners:
    """The corners of a board in a picture [H,W] or [H,W,3] RGB; none where it is not seen.

    A ChArUco board may be seen in part, a chessboard only whole. With ``board.legacy`` None both generations
    of ChArUco patterns are tried.
    """
    grey = cv2.cvtColor(image_u8, cv2.COLOR_RGB2GRAY) if image_u8.ndim == 3 else image_u8
    if board.kind == "chessboard":
        return _chessboard(np.asarray(grey), board)
    generations = (False, True) if board.legacy is None else (board.legacy,)
    found = [_charuco(np.asarray(grey), board.model_copy(update={"legacy": g})) for g in generations]
    return max(found, key=len)


def _charuco(grey: NDArray[np.uint8], board: Board) -> Corners:
    corners, markers = cv2.aruco.CharucoParameters(), cv2.aruco.DetectorParameters()
    corners.tryRefineMarkers = True  # Without it small markers are lost, and the corners beside them.
    corners.minMarkers = 1
    markers.perspectiveRemovePixelPerCell = 8
    detector = cv2.aruco.CharucoDetector(board.to_opencv(), charucoParams=corners, detectorParams=markers)
    pixels, ids, _, _ = detector.detectBoard(grey)
    if ids is None or len(ids) < _MIN_EVIDENCE:
        return Corners(*_NONE)
    ids = np.asarray(ids, dtype=np.intp).ravel()
    return _without_strays(Corners(ids, np.asarray(pixels, dtype=float).reshape(-1, 2)), board)


def _without_strays(corners: Corners, board: Board) -> Corners:
    """The corners that agree on one perspective view of the board; the lens bends it by less than a stray
    strays.
    """
    places = board.corners_m[corners.ids][:, :2]
    kept = np.ones(len(corners), dtype=bool)
    for method in (cv2.LMEDS, 0):
        H, _ = cv2.findHomography(places[kept], corners.pixels_xy[kept], method)
        if H is None:
            return corners
        predicted = cv2.perspectiveTransform(places[:, None], H)[:, 0]
        off_px = np.linalg.norm(predicted - corners.pixels_xy, axis=1)
        kept = off_px <= max(_ASTRAY_PX, _ASTRAY * float(np.median(off_px)))
    return Corners(corners.ids[kept], corners.pixels_xy[kept])


def _chessboard(grey: NDArray[np.uint8], board: Board) -> Corners:
    columns, rows = board.squares_xy[0] - 1, board.squares_xy[1] - 1
    flags = cv2.CALIB_CB_NORMALIZE_IMAGE | cv2.CALIB_CB_EXHAUSTIVE | cv2.CALIB_CB_ACCURACY
    seen, pixels = cv2.findChessboardCornersSB(grey, (columns, rows), flags=flags)
    if not seen:
        return Corners(*_NONE)
    corners = np.asarray(pixels, dtype=float).reshape(rows, columns, 2)
    if _first_square_is_light(grey, corners):
        corners = corners[::-1, ::-1]
    return Corners(np.arange(columns * rows), np.ascontiguousarray(corners.reshape(-1, 2)))


def _first_square_is_light(grey: NDArray[np.uint8], corners: Array) -> bool:
    """Whether squares that are black if the corners' order is right are lighter than their neighbours: the
    square between the first four corners is as the board's own first one.
    """
    middles = (corners[:-1, :-1] + corners[1:, :-1] + corners[:-1, 1:] + corners[1:, 1:]) / 4
    values = cv2.remap(
        grey, middles[..., 0].astype(np.float32), middles[..., 1].astype(np.float32), cv2.INTER_LINEAR
    )
    even = np.add.outer(np.arange(values.shape[0]), np.arange(values.shape[1])) % 2 == 0
    return bool(values[even].mean() > values[~even].mean())
