"""What people get wrong is named in one sentence; a wrong number never comes out."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from synth.capture.calibrate.solve import solve
from synth.capture.calibrate.view import View
from synth.errors import InputError
from synth.geometry import se3
from synth.geometry.se3 import Array

pytestmark = pytest.mark.slow


def _turned_in_order(order: list[int]) -> Callable[[Array], Array]:
    def change(T: Array) -> Array:
        quat = Rotation.from_matrix(T[:3, :3]).as_quat()
        return se3.make(Rotation.from_quat(quat[order]).as_matrix(), T[:3, 3])

    return change


@pytest.mark.parametrize("eye", ["to-hand", "in-hand"])
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (se3.inverse, "once every pose is inverted"),
        (lambda T: se3.make(T[:3, :3], 1000 * T[:3, 3]), "millimetres and read as metres"),
        (lambda T: se3.make(T[:3, :3], T[:3, 3] / 1000), "metres and read as millimetres"),
        (_turned_in_order([3, 0, 1, 2]), "quaternions are read as w x y z"),
        (_turned_in_order([1, 2, 3, 0]), "quaternions are read as x y z w"),
    ],
)
def test_poses_given_wrongly_are_told_by_what_would_mend_them(make_bench, eye, change, sentence) -> None:
    """Inverted, in another unit, in another order of numbers: each has its own sentence."""
    bench = make_bench(20, eye=eye)
    views = [replace(view, T_base_tool=change(view.T_base_tool)) for view in bench.views]
    with pytest.raises(InputError, match=sentence):
        solve(views, bench.board, bench.camera, eye=eye)


def test_the_other_eye_is_told(make_bench) -> None:
    """A camera on the arm that is said to stand beside it."""
    bench = make_bench(20, eye="in-hand")
    with pytest.raises(InputError, match="eye should be in-hand"):
        solve(bench.views, bench.board, bench.camera, eye="to-hand")


@pytest.mark.parametrize("square_m", [0.0294, 0.0306, 0.02, 0.04])
def test_a_board_of_another_size_is_told_with_its_size(make_bench, square_m) -> None:
    """Two per cent is enough, and the size that the arm's movements say is right."""
    bench = make_bench(20)
    described = bench.board.model_copy(update={"square_m": square_m, "marker_m": 0.7 * square_m})
    with pytest.raises(InputError, match=r"a square of the board measures (29\.9|30\.0)\d mm"):
        solve(bench.views, described, bench.camera, eye="to-hand")


def test_a_board_of_the_right_size_is_taken(make_bench) -> None:
    """No false alarm in twenty benches of ten views with a poor arm."""
    for seed in range(20):
        bench = make_bench(10, seed, tool_m=2e-4, tool_rad=5e-4)
        solve(bench.views, bench.board, bench.camera, eye="to-hand")


def test_too_few_views_are_told(make_bench) -> None:
    """Five views, or ten of which six show a corner or two."""
    bench = make_bench(10)
    with pytest.raises(InputError, match="5 of 5 views show 6 corners"):
        solve(bench.views[:5], bench.board, bench.camera, eye="to-hand")
    poor = [replace(v, ids=v.ids[:2], pixels_xy=v.pixels_xy[:2]) for v in bench.views[:6]]
    with pytest.raises(InputError, match="4 of 10 views show 6 corners"):
        solve([*poor, *bench.views[6:]], bench.board, bench.camera, eye="to-hand")


def test_turning_about_one_axis_is_told(make_bench) -> None:
    """A board that only spins and slides."""
    bench = make_bench(1)
    rng = np.random.default_rng(0)
    views = []
    for i in range(12):
        T_cam_board = se3.from_rotvec([0.3, 0, 0], [0, 0, 0.7]) @ se3.from_rotvec(
            [0, 0, 0.3 * i], [0.01 * i, 0, 0]
        )
        T_cam_board = T_cam_board @ se3.make(np.eye(3), -bench.board.corners_m.mean(axis=0))
        pixels = bench.camera.project(se3.transform(T_cam_board, bench.board.corners_m))
        T_base_tool = bench.X @ T_cam_board @ se3.inverse(bench.Y)
        pixels = pixels + rng.normal(0, 0.2, pixels.shape)
        views.append(View(str(i), T_base_tool, np.arange(len(pixels)), pixels))
    with pytest.raises(InputError, match="about one axis"):
        solve(views, bench.board, bench.camera, eye="to-hand")


def test_radians_read_as_degrees_are_told(make_bench) -> None:
    """Then the tool hardly turns."""
    bench = make_bench(12)
    views = [
        replace(
            v, T_base_tool=se3.from_rotvec(np.radians(se3.to_rotvec(v.T_base_tool)), v.T_base_tool[:3, 3])
        )
        for v in bench.views
    ]
    with pytest.raises(InputError, match="radians are read as degrees"):
        solve(views, bench.board, bench.camera, eye="to-hand")


def test_poses_of_other_images_are_refused(make_bench) -> None:
    """Shuffled poses end in no number."""
    bench = make_bench(20)
    order = np.random.default_rng(0).permutation(20)
    views = [
        replace(v, T_base_tool=bench.views[k].T_base_tool) for v, k in zip(bench.views, order, strict=True)
    ]
    with pytest.raises(InputError, match="no calibration explains these views"):
        solve(views, bench.board, bench.camera, eye="to-hand")
