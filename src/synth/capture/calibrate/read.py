"""A folder of images and poses as views: corners are found once and said while that goes on."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from synth.capture.calibrate.detect import find_corners
from synth.capture.calibrate.folder import (
    DESCRIPTION,
    Description,
    list_depths,
    list_images,
    other_turns,
    read_rows,
    to_poses,
)
from synth.capture.calibrate.names import in_order, pair_names
from synth.capture.calibrate.pose_files import PoseRow
from synth.capture.calibrate.readings import Reading
from synth.capture.calibrate.view import MIN_CORNERS, View
from synth.cell.board import Board
from synth.compute.progress import Progress
from synth.dataset.codecs import decode_u16, to_depth_m
from synth.errors import InputError
from synth.geometry.pinhole import Pinhole
from synth.geometry.se3 import Array

_TRIED = 3
"""Pictures in which other boards are looked for."""


@dataclass(frozen=True, eq=False)
class Views:
    """Views of a folder: of every picture that can be read and has a pose, with whatever corners it shows.
    size_wh: of its images. left_out: why views were not used, by name.
    """

    views: list[View]
    size_wh: tuple[int, int]
    left_out: dict[str, str]


def read_poses(folder: Path, description: Description) -> dict[str, Array]:
    """T_base_tool [4,4] by the name of its picture, or by its own where it has none. Raises InputError."""
    rows = read_rows(folder, description)
    return to_poses(_named_as_pictures(rows, list_images(folder, description)), description)


def read_other_poses(folder: Path, description: Description) -> Iterator[Reading]:
    """The folder's poses with their three angles read in every other way; nothing is read before it is asked
    for.
    """
    rows = _named_as_pictures(read_rows(folder, description), list_images(folder, description))
    for other in other_turns(description):
        turn = other.rotation
        about = "axes that stay" if turn.axes.islower() else "axes that turn along"
        named = f"Euler angles {turn.axes}, about {about}" if turn.kind == "euler" else "a rotation vector"
        keys = f"kind: euler, axes: {turn.axes}" if turn.kind == "euler" else "kind: rotvec"
        given = description.rotation
        is_reversed = given.kind == turn.kind == "euler" and turn.axes[::-1].swapcase() == given.axes
        yield Reading(
            to_poses(rows, other),
            f"the rotation's numbers are read as {named}",
            f"they were given so; say {keys} under rotation"
            + (", or name its columns the other way round" if is_reversed else ""),
        )


def read_views(folder: Path, description: Description, progress: Progress) -> Views:
    """Every image with a pose and its corners.

    Raises InputError where no image has a pose, images are of several sizes, none can be read, or none shows
    the board.
    """
    poses = read_poses(folder, description)
    images = list_images(folder, description)
    if not poses.keys() & images.keys():
        raise InputError(
            f"no picture in {folder} has a pose: pictures are called {_some(images)} and poses "
            f"{_some(poses)}; correct images, poses or name (the column of names) in {DESCRIPTION}"
        )
    views: list[View] = []
    sizes: dict[tuple[int, int], str] = {}
    left_out = {name: "has no image" for name in poses if name not in images}
    progress.begin(total=len(images), done=0)
    try:
        for name, file in images.items():
            reason = "has no pose" if name not in poses else None
            grey = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE) if reason is None else None
            if grey is None:
                left_out[name] = reason or "is no image that can be read"
                progress.left_out(name, left_out[name])
                continue
            sizes.setdefault((grey.shape[1], grey.shape[0]), name)
            corners = find_corners(np.asarray(grey, dtype=np.uint8), description.board)
            views.append(View(name, poses[name], corners.ids, corners.pixels_xy))
            if len(corners) < MIN_CORNERS:
                left_out[name] = f"shows {len(corners)} corners of the board, {MIN_CORNERS} are needed"
                progress.left_out(name, left_out[name])
                continue
            progress.accepted(name)
    finally:
        progress.end()
    if not sizes:
        raise InputError(f"none of the pictures in {folder} that have a pose can be read as one")
    if len(sizes) > 1:
        listed = ", ".join(f"{w}×{h} ({name})" for (w, h), name in sizes.items())
        raise InputError(f"{folder} has images of several sizes: {listed}; take out all but those of one")
    if all(len(view) < MIN_CORNERS for view in views):
        raise InputError(_no_board([images[view.name] for view in views], description.board))
    return Views(views, next(iter(sizes)), left_out)


def _named_as_pictures(rows: Sequence[PoseRow], pictures: Iterable[str]) -> list[PoseRow]:
    """The poses by the names of their pictures where they have one. Raises InputError (`pair_names`)."""
    pairs = pair_names(pictures, [row.name for row in rows])
    picture_of = {pose: picture for picture, pose in pairs.items()}
    return [replace(row, name=picture_of.get(row.name, row.name)) for row in rows]


def _some(named: Iterable[str]) -> str:
    names = list(named)
    ordered = [names[i] for i in in_order(names)]
    return ", ".join(ordered[:3]) + (f" and so on ({len(ordered)})" if len(ordered) > 3 else "")


def _no_board(pictures: Sequence[Path], board: Board) -> str:
    """The sentence for pictures that show none of the board, with another description of it that fits."""
    columns, rows = board.squares_xy
    what = f"the {board.kind} board of {columns} × {rows} squares that {DESCRIPTION} describes"
    said = f"none of {len(pictures)} pictures shows {MIN_CORNERS} corners of {what}"
    for file in pictures[:_TRIED]:
        grey = np.asarray(cv2.imread(str(file), cv2.IMREAD_GRAYSCALE), dtype=np.uint8)
        for keys in _other_boards(board):
            try:
                other = Board.model_validate({**board.model_dump(), **keys})
            except ValidationError:
                continue
            n = len(find_corners(grey, other))
            if n >= MIN_CORNERS:
                key, value = next(iter(keys.items()))
                value = list(value) if isinstance(value, tuple) else str(value).lower()
                found = f"With {key}: {value} {n} corners are found in {file.name}"
                return f"{said}. {found}: likely that is the board's"
    return f"{said}: check squares_xy, kind, dictionary and legacy under board"


def _other_boards(board: Board) -> list[dict[str, Any]]:
    """Keys that are easily described wrongly: rows for columns, a chessboard's inner corners for its squares,
    the generation of a ChArUco pattern.
    """
    columns, rows = board.squares_xy
    turned: list[dict[str, Any]] = [{"squares_xy": (rows, columns)}]
    if board.kind == "chessboard":
        return [*turned, {"squares_xy": (columns + 1, rows + 1)}, {"squares_xy": (rows + 1, columns + 1)}]
    return [*turned, {"legacy": None}]


def known_lens(description: Description, size_wh: tuple[int, int]) -> Pinhole | None:
    """The described intrinsics, at the images' size."""
    if description.camera is None:
        return None
    dist = np.zeros(5)
    dist[: len(description.camera.dist)] = description.camera.dist
    return Pinhole(size_wh, np.asarray(description.camera.K, dtype=float), dist)


def read_depths(folder: Path, description: Description) -> dict[str, NDArray[np.float32]]:
    """Depth in metres [H,W] by view's name, where the folder has some. Raises DatasetError."""
    if description.depth is None or description.depth_scale_m is None:
        return {}
    return {
        name: to_depth_m(decode_u16(file.read_bytes(), str(file)), description.depth_scale_m)
        for name, file in list_depths(folder, description).items()
    }
