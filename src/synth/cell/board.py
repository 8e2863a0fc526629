"""A calibration board as data: its pattern, its size, and how it is held.

Board frame: origin at the outer corner of the pattern's first square, x along a row of squares, y down the
columns, z into the board, metres; so OpenCV places its own boards.
"""

from typing import Annotated, Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from synth.cell.choices import BoardKind
from synth.cell.values import Positive, Transform
from synth.geometry import se3
from synth.geometry.mesh import Mesh
from synth.geometry.se3 import Array

DICTIONARIES = tuple(sorted(name for name in dir(cv2.aruco) if name.startswith("DICT_")))

FACING = np.diag([1.0, -1.0, -1.0, 1.0])
"""T [4,4] of a board that looks along +z of the frame at its origin."""

Squares = Annotated[int, Field(ge=3, le=60)]


class Board(BaseModel):
    """A ChArUco board or a chessboard.

    squares_xy: squares along x and y, for a chessboard inner corners plus one. legacy: ChArUco as OpenCV drew
    it before 4.6, where an even number of rows begins with a white square; None where it is not known.
    margin_m: white rim. T_tool_board: where it is held, T_base_board: where it stands while the camera is
    on the arm; both roughly, only plans use them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: BoardKind = "charuco"
    squares_xy: tuple[Squares, Squares] = (7, 5)
    square_m: Annotated[float, Field(gt=0.001, lt=0.5)] = 0.030
    marker_m: Positive | None = None
    dictionary: str = "DICT_4X4_50"
    legacy: bool | None = False
    margin_m: Annotated[float, Field(ge=0, le=0.1)] = 0.005
    thickness_m: Annotated[float, Field(gt=0, le=0.05)] = 0.003
    T_tool_board: Transform | None = None
    T_base_board: Transform | None = None

    @model_validator(mode="after")
    def _is_a_board(self) -> Self:
        columns, rows = self.squares_xy
        if self.kind == "chessboard":
            if (columns + rows) % 2 == 0:
                raise ValueError(
                    f"a chessboard of {columns} × {rows} squares looks the same when turned by half a turn: "
                    "use one with an odd and an even number of squares, or a ChArUco board"
                )
            return self
        if self.dictionary not in DICTIONARIES:
            raise ValueError(f"dictionary is {self.dictionary}; allowed: {', '.join(DICTIONARIES)}")
        if self.marker_m is None:
            raise ValueError("marker_m is missing; give the side of a marker's black square in metres")
        if self.marker_m >= self.square_m:
            raise ValueError(
                f"marker_m is {self.marker_m:g}; it must be less than square_m ({self.square_m:g})"
            )
        known = len(cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, self.dictionary)).bytesList)
        if columns * rows // 2 > known:
            raise ValueError(
                f"needs {columns * rows // 2} markers and {self.dictionary} has {known}: use a larger "
                "dictionary or fewer squares"
            )
        return self

    @property
    def size_m(self) -> tuple[float, float]:
        """Width and height of the pattern, without its rim."""
        return self.squares_xy[0] * self.square_m, self.squares_xy[1] * self.square_m

    @property
    def corners_m(self) -> Array:
        """[C,3] inner corners of the chessboard by their number: row after row, each along x."""
        x, y = np.meshgrid(*(np.arange(1, n) * self.square_m for n in self.squares_xy))
        return np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], axis=1)

    @property
    def T_tool_board_guess(self) -> Array:
        """Where the board is held if nothing is said: its middle at the TCP, its face towards the tool's
        +z.
        """
        if self.T_tool_board is not None:
            return np.asarray(self.T_tool_board, dtype=float)
        width, height = self.size_m
        return np.asarray(FACING @ se3.make(np.eye(3), [-width / 2, -height / 2, 0.0]))

    @property
    def plate(self) -> Mesh:
        """The board as a solid, its printed face at z = 0, in the board frame."""
        (w, h), rim = self.size_m, self.margin_m
        return Mesh.box((-rim, -rim, 0.0), (w + rim, h + rim, self.thickness_m))

    def draw(self, px_per_square: int) -> NDArray[np.uint8]:
        """The pattern [H,W] without its rim, 0 black and 255 white, so many pixels a square."""
        columns, rows = self.squares_xy
        if self.kind == "charuco":
            size = columns * px_per_square, rows * px_per_square
            return np.asarray(self.to_opencv().generateImage(size, marginSize=0), dtype=np.uint8)
        squares = (np.add.outer(np.arange(rows), np.arange(columns)) % 2 * 255).astype(np.uint8)
        return np.asarray(np.kron(squares, np.ones((px_per_square, px_per_square), np.uint8)))

    def to_opencv(self) -> Any:
        """The ``cv2.aruco.CharucoBoard``; of a chessboard there is none."""
        assert self.kind == "charuco"
        assert self.marker_m is not None
        dictionary = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, self.dictionary))
        board = cv2.aruco.CharucoBoard(self.squares_xy, self.square_m, self.marker_m, dictionary)
        board.setLegacyPattern(bool(self.legacy))
        return board


DEFAULT_BOARD = Board(marker_m=0.022)
"""210 × 150 mm of pattern: fits a sheet of A4 and a UR3e's wrist, and an L515 reads it at a metre."""
