"""Images and poses that somebody took: how a folder of them is described, and read.

The description is a small YAML file, ``calibration.yaml`` in the folder::

    board: {kind: charuco, squares_xy: [5, 7], square_m: 0.036195, marker_m: 0.018256, dictionary:
    DICT_6X6_250,
            legacy: null}
    eye: to-hand                     # or in-hand: the camera is on the arm
    images: images/*.jpg             # the star is a view's name
    poses: poses/*.yaml              # a file a view: YAML, JSON or numbers; or one CSV, YAML or JSON file
    name: image                      # the column of names in a CSV file; else the first that is no pose's
    position: {columns: [x, y, z], unit: m}
    rotation: {kind: quaternion, columns: [qx, qy, qz, qw]}
    pose_is: tool_in_base            # T_base_tool; or base_in_tool
    camera: {K: [[1400, 0, 800], [0, 1400, 600], [0, 0, 1]]}      # absent: solved from the board
"""

from collections.abc import Iterable, Iterator
from itertools import permutations
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator
from scipy.spatial.transform import Rotation

from synth.capture.calibrate.pose_files import Column, PoseRow, read_many, read_one, read_table
from synth.capture.calibrate.view import Eye
from synth.cell.board import Board
from synth.cell.mesh import inside
from synth.cell.section_file import load_section
from synth.cell.values import CameraMatrix, Finite, Positive
from synth.errors import InputError
from synth.geometry import se3
from synth.geometry.se3 import Array

DESCRIPTION = "calibration.yaml"
_LENGTHS = {"m": 1.0, "cm": 0.01, "mm": 0.001}
_N_COLUMNS = {"quaternion": 4, "rotvec": 3, "euler": 3, "matrix": 9}
_EULER_AXES = ["".join(axes) for axes in (*permutations("xyz"), *permutations("XYZ"))]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Position(_Section):
    """Three columns, by name or by place from 0, and their unit."""

    columns: tuple[Column, Column, Column] = ("x", "y", "z")
    unit: Literal["m", "cm", "mm"] = "m"


class Turn(_Section):
    """A rotation's columns.

    kind: quaternion (columns named in the order x y z w, wherever they stand in the file), rotvec (as
    Universal Robots' rx ry rz), euler (``axes`` in SciPy's letters: capital ones turn with the body), or
    matrix (nine, row after row). unit: of rotvec and euler.
    """

    kind: Literal["quaternion", "rotvec", "euler", "matrix"] = "rotvec"
    columns: tuple[Column, ...] = ("rx", "ry", "rz")
    unit: Literal["rad", "deg"] = "rad"
    axes: Annotated[str, Field(pattern="^([xyz]{3}|[XYZ]{3})$")] = "ZYX"

    @model_validator(mode="after")
    def _has_its_columns(self) -> Self:
        wanted = _N_COLUMNS[self.kind]
        if len(self.columns) != wanted:
            raise ValueError(f"has {len(self.columns)} columns; a {self.kind} has {wanted}")
        return self


class Lens(_Section):
    """Known intrinsics at the images' resolution."""

    K: CameraMatrix
    dist: Annotated[tuple[Finite, ...], Field(max_length=5)] = ()


class Description(_Section):
    """What a folder of calibration images holds.

    name: the column of views' names in a CSV file of poses; None: the first that is none of the pose's.
    depth: registered to the images, for a check of depth alone.
    """

    board: Board
    eye: Eye = "to-hand"
    images: str = "images/*.png"
    poses: str = "poses.csv"
    name: Column | None = None
    position: Position = Position()
    rotation: Turn = Turn()
    pose_is: Literal["tool_in_base", "base_in_tool"] = "tool_in_base"
    camera: Lens | None = None
    depth: str | None = None
    depth_scale_m: Positive | None = None
    simulated: bool = False


def read_description(folder: Path, file: Path | None = None) -> Description:
    """The description in a folder, or in a file elsewhere. Raises InputError with all that is wrong."""
    path = folder / DESCRIPTION if file is None else file
    advice = "it says what the folder holds; see docs/your-own-cell.md for an example"
    return load_section(path, Description, "the description", advice)


def list_images(folder: Path, description: Description) -> dict[str, Path]:
    """Image files by their views' names. Raises InputError where there is none."""
    found = _by_star(folder, description.images, "images")
    if not found:
        raise InputError(f"{folder / description.images} matches no file: correct images in {DESCRIPTION}")
    return found


def list_depths(folder: Path, description: Description) -> dict[str, Path]:
    """Depth files by their views' names; none where the description names none."""
    return {} if description.depth is None else _by_star(folder, description.depth, "depth")


def read_rows(folder: Path, description: Description) -> list[PoseRow]:
    """The poses as they stand in their files. Raises InputError for files that cannot be read, for none, and
    where a name stands twice.
    """
    rows: dict[str, PoseRow] = {}
    for row in _rows(folder, description):
        if row.name in rows:
            raise InputError(
                f"{row.where} and {rows[row.name].where} are both the pose of {row.name}: take out the wrong "
                "one"
            )
        rows[row.name] = row
    if not rows:
        raise InputError(f"{folder / description.poses} holds no pose: correct poses in {DESCRIPTION}")
    return list(rows.values())


def to_poses(rows: Iterable[PoseRow], description: Description) -> dict[str, Array]:
    """T_base_tool [4,4] by name.

    Raises InputError for columns and numbers that are no poses, and where angles in degrees are read as
    radians.
    """
    poses: dict[str, Array] = {}
    turns = []
    for row in rows:
        position = row.numbers(description.position.columns)
        turn = row.numbers(description.rotation.columns)
        if description.rotation.kind in ("rotvec", "euler") and description.rotation.unit == "rad":
            turns.append(np.abs(turn).max())
        T = se3.make(_rotation(description.rotation, turn, row.where), position)
        T[:3, 3] *= _LENGTHS[description.position.unit]
        poses[row.name] = T if description.pose_is == "tool_in_base" else se3.inverse(T)
    if turns and max(turns) > 2 * np.pi + 0.01:
        raise InputError(
            f"the poses' angles reach {max(turns):.4g}, which is more than a full turn in radians: they are "
            "in degrees; say unit: deg under rotation"
        )
    return poses


def other_turns(description: Description) -> Iterator[Description]:
    """The description with three angles read in every other way: about other axes, in another order, or as a
    rotation vector; none where a rotation has more numbers.
    """
    turn = description.rotation
    if turn.kind not in ("rotvec", "euler"):
        return
    others = [Turn(kind="euler", columns=turn.columns, unit=turn.unit, axes=axes) for axes in _EULER_AXES]
    for other in (*others, Turn(kind="rotvec", columns=turn.columns, unit=turn.unit)):
        is_as_described = other.kind == turn.kind and (turn.kind == "rotvec" or other.axes == turn.axes)
        if not is_as_described:
            yield description.model_copy(update={"rotation": other})


def _by_star(folder: Path, pattern: str, key: str) -> dict[str, Path]:
    if pattern.count("*") != 1:
        raise InputError(f"{key} is '{pattern}' in {DESCRIPTION}: give one star where a view's name stands")
    before, after = pattern.split("*")
    files = sorted(inside(folder, str(p.relative_to(folder))) for p in folder.glob(pattern))
    root = f"{folder.resolve()}/{before}"
    return {str(file)[len(root) : len(str(file)) - len(after)]: file for file in files if file.is_file()}


def _rows(folder: Path, description: Description) -> Iterator[PoseRow]:
    if "*" in description.poses:
        for name, file in _by_star(folder, description.poses, "poses").items():
            yield read_one(file, name)
        return
    file = inside(folder, description.poses)
    if file.suffix.lower() in (".yaml", ".yml", ".json"):
        yield from read_many(file)
        return
    yield from read_table(
        file, description.name, (*description.position.columns, *description.rotation.columns)
    )


def _rotation(turn: Turn, numbers: list[float], where: str) -> Array:
    values = np.asarray(numbers)
    if turn.kind == "matrix":
        R = values.reshape(3, 3)
        if not se3.is_rigid(se3.make(R, np.zeros(3)), tolerance=1e-3):
            raise InputError(f"{where} holds no rotation: its nine numbers are not orthonormal")
        return np.asarray(Rotation.from_matrix(R).as_matrix())
    if turn.kind == "quaternion":
        length = np.linalg.norm(values)
        if abs(length - 1) > 0.01:
            raise InputError(f"{where} holds no rotation: its quaternion has the length {length:.3g}, not 1")
        return np.asarray(Rotation.from_quat(values).as_matrix())
    if turn.unit == "deg":
        values = np.radians(values)
    if turn.kind == "rotvec":
        return np.asarray(Rotation.from_rotvec(values).as_matrix())
    return np.asarray(Rotation.from_euler(turn.axes, values).as_matrix())
