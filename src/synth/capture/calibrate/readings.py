"""Other ways to read the poses of views, each of which would be a usual mistake."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from synth.capture.calibrate.names import in_order
from synth.capture.calibrate.view import View
from synth.geometry import se3
from synth.geometry.se3 import Array

_GROSS_RAD = 0.2
_BETTER = 0.7
"""What a shift must leave of the angles' disagreement to be worth a try."""


@dataclass(frozen=True, eq=False)
class Reading:
    """Poses that are read otherwise.

    poses: T_base_tool [4,4] by view's name; views without one are left out. undone, likely: clauses that say
    what was done to the poses as given, and what then is the mistake and how it is mended.
    """

    poses: Mapping[str, Array]
    undone: str
    likely: str


def other_poses(views: Sequence[View]) -> Iterator[Reading]:
    """Poses inverted, in another unit of length, with the quaternion's numbers in another order."""
    for undo, undone, likely in _MISTAKES:
        yield Reading({view.name: undo(view.T_base_tool) for view in views}, undone, likely)


def shifted_poses(views: Sequence[View], seen: Sequence[View], T_cam_board: Array) -> Iterator[Reading]:
    """Each picture with the pose before its own or after it, from the view on from which that fits best.

    What fits is told by the angles that board and tool turn by from one view to the next, which are the same
    whatever the calibration. views: of all pictures, T_cam_board: [S,4,4] of those that are seen.
    """
    names = [views[i].name for i in in_order([view.name for view in views])]
    place = {name: i for i, name in enumerate(names)}
    poses = {view.name: view.T_base_tool for view in views}
    tool = np.stack([poses[name][:3, :3] for name in names])
    order = np.argsort([place[view.name] for view in seen])
    at = np.array([place[seen[i].name] for i in order])
    a, b, board = at[:-1], at[1:], T_cam_board[order][:, :3, :3]
    board_rad = _turns_rad(board[:-1], board[1:])

    def off_rad(of_a: NDArray[np.intp], of_b: NDArray[np.intp]) -> Array:
        """[S-1] how far the tool turns otherwise than the board, between poses by their places."""
        known = (of_a >= 0) & (of_b >= 0) & (of_a < len(names)) & (of_b < len(names))
        turns = _turns_rad(tool[of_a * known], tool[of_b * known])
        return np.where(known, np.minimum(np.abs(turns - board_rad), _GROSS_RAD), 0.0)

    for step, which in ((1, "after"), (-1, "before")):
        as_given, across, shifted = off_rad(a, b), off_rad(a, b + step), off_rad(a + step, b + step)
        left_rad = [
            np.where(b < first, as_given, np.where(a < first, across, shifted)).sum() for first in at[:-1]
        ]
        first = int(at[np.argmin(left_rad)])
        if min(left_rad) > _BETTER * as_given.sum():
            continue
        first = 0 if first == at[0] else first
        pose_of = {name: i + step * (i >= first) for i, name in enumerate(names)}
        yield Reading(
            {name: poses[names[i]] for name, i in pose_of.items() if 0 <= i < len(names)},
            f"{'' if first == 0 else f'from {names[first]} on '}each picture gets the pose {which} its own",
            f"{'all poses' if first == 0 else f'the poses from {names[first]} on'} are shifted by one, as "
            "after a picture or a pose that was lost; pair them anew",
        )


def _turns_rad(a: Array, b: Array) -> Array:
    """[N] the angles from rotations a [N,3,3] to b."""
    return np.asarray(Rotation.from_matrix(np.swapaxes(a, 1, 2) @ b).magnitude())


def _with_quaternion(order: Sequence[int]) -> Callable[[Array], Array]:
    def undo(T: Array) -> Array:
        quat_xyzw = Rotation.from_matrix(T[:3, :3]).as_quat()
        return se3.make(Rotation.from_quat(quat_xyzw[list(order)]).as_matrix(), T[:3, 3])

    return undo


def _with_lengths(factor: float) -> Callable[[Array], Array]:
    return lambda T: se3.make(T[:3, :3], T[:3, 3] * factor)


_MISTAKES: tuple[tuple[Callable[[Array], Array], str, str], ...] = (
    (
        se3.inverse,
        "every pose is inverted",
        "base_in_tool was given for tool_in_base (say so with pose_is), or the camera is on the arm and eye "
        "should be in-hand, or stands beside it and eye should be to-hand",
    ),
    (
        _with_lengths(1e-3),
        "every position is divided by 1000",
        "it was given in millimetres and read as metres; say unit: mm under position",
    ),
    (
        _with_lengths(1e3),
        "every position is multiplied by 1000",
        "it was given in metres and read as millimetres; say unit: m under position",
    ),
    (
        _with_quaternion((1, 2, 3, 0)),
        "quaternions are read as w x y z",
        "they were read as x y z w; name the columns in the file's order",
    ),
    (
        _with_quaternion((3, 0, 1, 2)),
        "quaternions are read as x y z w",
        "they were read as w x y z; name the columns in the file's order",
    ),
)
