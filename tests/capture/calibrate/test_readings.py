"""A usual mistake is tried, and named as likely with the error that it leaves; what does not fit is told."""

import re
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from synth.capture.calibrate.detect import Corners
from synth.capture.calibrate.folder import read_description
from synth.capture.calibrate.mistakes import likely_mistakes
from synth.capture.calibrate.read import read_other_poses
from synth.capture.calibrate.readings import shifted_poses
from synth.geometry import se3
from typed import synth

NOTHING = Corners(np.empty(0, np.intp), np.empty((0, 2)))


def _angles(drawn, kind: str) -> list[list[object]]:
    """Rows with the rotation as a rotation vector or as Euler angles about such axes."""
    turns = [Rotation.from_matrix(v.T_base_tool[:3, :3]) for v in drawn.bench.views]
    numbers = [turn.as_rotvec() if kind == "rotvec" else turn.as_euler(kind) for turn in turns]
    return [[*row[:4], *three.tolist()] for row, three in zip(drawn.rows(), numbers, strict=True)]


@pytest.mark.parametrize(
    ("written", "described", "named"),
    [
        ("xyz", {"kind": "euler", "axes": "XYZ"}, "kind: euler, axes: xyz"),
        ("ZYX", {"kind": "euler", "axes": "XYZ"}, "kind: euler, axes: ZYX under rotation"),
        (
            "zyx",
            {"kind": "euler", "axes": "XYZ"},
            "axes: zyx under rotation, or name its columns the other way",
        ),
        ("XYZ", {"kind": "euler", "axes": "zyx"}, "kind: euler, axes: XYZ"),
        ("rotvec", {"kind": "euler", "axes": "xyz"}, "kind: rotvec"),
        ("zyx", {"kind": "rotvec"}, "kind: euler, axes: zyx"),
    ],
)
def test_three_angles_are_read_in_every_other_way(drawn, written, described, named) -> None:
    """Axes that stay for axes that turn along, reversed, rotation vectors for Euler angles and the other way
    round: one of the other readings alone is the true one, and it says what to write.
    """
    drawn.write_csv(_angles(drawn, written))
    drawn.describe(rotation=described)
    truth = {name: v.T_base_tool for name, v in zip(drawn.names, drawn.bench.views, strict=True)}
    true = [
        reading
        for reading in read_other_poses(drawn.root, read_description(drawn.root))
        if all(np.allclose(reading.poses[name], T, atol=1e-9) for name, T in truth.items())
    ]
    assert [named in reading.likely for reading in true] == [True]


@pytest.mark.parametrize(
    ("pictures", "poses", "says"),
    [
        (slice(0, 12), slice(1, 13), "^each picture gets the pose before its own: likely all poses"),
        (slice(1, 13), slice(0, 12), "^each picture gets the pose after its own: likely all poses"),
        (np.arange(13) != 4, slice(0, 12), "^from 0004 on each .* after its own: likely the poses from 0004"),
        (slice(0, 12), np.arange(13) != 5, "^from 000[56] on each .* before its own: likely the poses from"),
    ],
)
def test_a_shift_is_found_with_the_view_that_it_begins_at(make_bench, pictures, poses, says) -> None:
    """The first picture or pose is missing, or one in the middle; the other poses come out right, whatever
    the order of views, and where one shows no board.
    """
    bench = make_bench(13)
    views = np.array(bench.views)
    given = [
        replace(seen, name=f"{i:04d}", T_base_tool=read.T_base_tool)
        for i, (seen, read) in enumerate(zip(views[pictures], views[poses], strict=True))
    ]
    true = np.stack([view.T_base_tool for view in views[pictures]])
    seen = np.array([5, 1, 9, 0, 10, 3, 4, 2, 6, 11, 8])
    T_cam_board = se3.inverse(bench.X) @ true[seen] @ bench.Y
    found = [
        reading
        for reading in shifted_poses(given, [given[i] for i in seen], T_cam_board)
        if re.search(says, f"{reading.undone}: likely {reading.likely}")
    ]
    assert len(found) == 1
    right = [np.allclose(T, true[int(name)]) for name, T in found[0].poses.items()]
    assert sum(right) >= 11


@pytest.mark.parametrize(
    ("rows", "keys", "says"),
    [
        (
            lambda drawn: _angles(drawn, "xyz"),
            {"rotation": {"kind": "euler", "axes": "XYZ"}},
            "once the rotation's numbers are read as Euler angles xyz, about axes that stay: likely they "
            "were given so; say kind: euler, axes: xyz",
        ),
        (
            lambda drawn: [[a[0], *b[1:]] for a, b in pairwise([*drawn.rows(), drawn.rows()[0]])],
            {},
            "once each picture gets the pose before its own: likely all poses are shifted by one",
        ),
    ],
)
def test_a_likely_mistake_is_named_with_its_figure(drawn, rows, keys, says) -> None:
    """From the folder to the sentence, exit code 2 and no matrix."""
    drawn.write_csv(rows(drawn))
    drawn.describe(**keys)
    ran = synth("calibrate", "solve", ".", cwd=drawn.root)
    assert ran.returncode == 2
    assert "T_base_cam from" not in ran.stdout
    assert re.search(r"The views agree to 0\.0\d px " + re.escape(says), ran.stderr)


def test_names_that_do_not_fit_are_told_with_both(drawn) -> None:
    """Pictures and poses, neither of which is damaged."""
    drawn.write_csv([[f"shot{row[0]}", *row[1:]] for row in drawn.rows()])
    said = synth("calibrate", "solve", ".", cwd=drawn.root).stderr
    assert (
        "no picture in . has a pose: pictures are called 0000, 0001, 0002 and so on (12) and poses shot"
        in said
    )


def test_pictures_of_several_sizes_and_unreadable_ones_are_told_apart(drawn) -> None:
    """Each has its own sentence."""
    cv2.imwrite(str(drawn.root / "images" / "0003.png"), np.full((36, 64), 3, np.uint8))
    said = synth("calibrate", "solve", ".", cwd=drawn.root).stderr
    assert "images of several sizes: 128×72 (0000), 64×36 (0003)" in said
    for file in (drawn.root / "images").iterdir():
        file.write_bytes(b"no picture")
    said = synth("calibrate", "solve", ".", cwd=drawn.root).stderr
    assert "none of the pictures in . that have a pose can be read" in said


@pytest.mark.parametrize(
    ("described", "says"),
    [
        ({"squares_xy": [5, 7]}, "With squares_xy: [7, 5] 24 corners are found in 0000.png: likely"),
        (
            {"dictionary": "DICT_6X6_50"},
            "describes: check squares_xy, kind, dictionary and legacy",
        ),
        (
            {"kind": "chessboard", "squares_xy": [6, 5]},
            "With squares_xy: [7, 6] 30 corners are found in 0000.png: likely",
        ),
    ],
)
def test_a_board_that_is_not_seen_is_told_with_one_that_is(drawn, monkeypatch, described, says) -> None:
    """Rows for columns, a chessboard's inner corners for its squares; all pictures count as looked at."""
    board = drawn.bench.board.model_dump(mode="json", exclude_none=True) | described
    true = drawn.bench.board
    if described.get("kind") == "chessboard":
        true = true.model_copy(update={"kind": "chessboard", "squares_xy": (7, 6)})
    n = (true.squares_xy[0] - 1) * (true.squares_xy[1] - 1)
    seen = Corners(np.arange(n), np.zeros((n, 2)))
    same = ("kind", "squares_xy", "dictionary")
    monkeypatch.setattr(
        "synth.capture.calibrate.read.find_corners",
        lambda _, b: seen if all(getattr(b, k) == getattr(true, k) for k in same) else NOTHING,
    )
    drawn.describe(board=board)
    said = synth("calibrate", "solve", ".", cwd=drawn.root).stderr
    assert "none of 12 pictures shows 6 corners of the" in said
    assert says in said
    assert "board.yaml" not in said


def test_views_that_agree_name_no_mistake(make_bench) -> None:
    """What they leave is the arm's and the corners', whatever else is tried."""
    bench = make_bench(8, tool_m=5e-4)
    assert likely_mistakes(bench.views, bench.board, bench.camera, bench.eye, error_px=1.0) == ""
