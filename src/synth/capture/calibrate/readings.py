"""Other ways to read the poses of views, each of which would be a usual mistake."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
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


def shifted_poses(views: Sequence[View], T_cam_board: Array) -> Iterator[Reading]:
    """Each picture with the pose before its own or after it, from the view on from which that fits best.

    What fits is told by the angles that board and tool turn by from one view to the next, which are the same
    whatever the calibration. T_cam_board: [V,4,4].
    """
    order = in_order([view.name for view in views])
    names = [views[i].name for i in order]
    tool = np.stack([views[i].T_base_tool[:3, :3] for i in order])
    seen = _turns_rad(T_cam_board[order][:-1, :3, :3], T_cam_board[order][1:, :3, :3])
    n = len(names)
    for step, which in ((1, "after"), (-1, "before")):
        pose_of = np.arange(n) + step
        has_one = (pose_of >= 0) & (pose_of < n)
        moved = tool[np.clip(pose_of, 0, n - 1)]
        of_steps = [
            np.where(known, np.minimum(np.abs(_turns_rad(a, b) - seen), _GROSS_RAD), 0.0)
            for a, b, known in (
                (tool[:-1], tool[1:], np.ones(n - 1, dtype=bool)),
                (tool[:-1], moved[1:], has_one[1:]),
                (moved[:-1], moved[1:], has_one[:-1] & has_one[1:]),
            )
        ]
        as_given, across, shifted = of_steps
        errors = [
            as_given[: max(first - 1, 0)].sum() + across[first - 1 : first].sum() + shifted[first:].sum()
            for first in range(n - 1)
        ]
        first = int(np.argmin(errors))
        if errors[first] > _BETTER * as_given.sum():
            continue
        poses = {
            names[i]: views[order[i if i < first else pose_of[i]]].T_base_tool
            for i in range(n)
            if i < first or has_one[i]
        }
        start = "" if first == 0 else f"from {names[first]} on "
        yield Reading(
            poses,
            f"{start}each picture gets the pose {which} its own",
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
