"""Poses as other programs write them read as the same pose, or are refused in one true sentence."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from synth.capture.calibrate.folder import Description, read_rows, to_poses
from synth.capture.calibrate.names import in_order, pair_names
from synth.errors import InputError
from synth.geometry import se3
from synth.geometry.se3 import Array

T = se3.from_rotvec([0.3, -1.2, 1.1], [0.4, -0.1, 0.25])
x, y, z = T[:3, 3].tolist()
qx, qy, qz, qw = Rotation.from_matrix(T[:3, :3]).as_quat().tolist()
roll, pitch, yaw = Rotation.from_matrix(T[:3, :3]).as_euler("xyz").tolist()
rotvec = se3.to_rotvec(T).tolist()

QUATERNION = {"kind": "quaternion", "columns": ["x", "y", "z", "w"]}
MATRIX = {
    "position": {"columns": [3, 7, 11]},
    "rotation": {"kind": "matrix", "columns": [0, 1, 2, 4, 5, 6, 8, 9, 10]},
}
ROS = f"position: {{x: {x}, y: {y}, z: {z}}}\norientation: {{x: {qx}, y: {qy}, z: {qz}, w: {qw}}}\n"
AIRO_MONO = json.dumps(
    {
        "rotation_euler_xyz_in_radians": {"roll": roll, "pitch": pitch, "yaw": yaw},
        "position_in_meters": {"x": x, "y": y, "z": z},
    },
    indent="\t",
)
ROWS = "\n".join(" ".join(f"{n:.9f}" for n in row) for row in T)


def _read(folder: Path, **keys: object) -> dict[str, Array]:
    description = Description.model_validate({"board": {"kind": "charuco", "marker_m": 0.022}, **keys})
    return to_poses(read_rows(folder, description), description)


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        (ROS, {"rotation": QUATERNION}),
        (
            "header:\n  seq: 7\n  stamp: {secs: 1, nsecs: 2}\n  frame_id: 'base'\npose:\n  "
            + ROS.replace("\n", "\n  ").rstrip()
            + "\n---\n",
            {"rotation": QUATERNION},
        ),
        (
            AIRO_MONO,
            {"rotation": {"kind": "euler", "columns": ["roll", "pitch", "yaw"], "axes": "xyz"}},
        ),
        (
            json.dumps({"pose": {"t": [x, y, z], "q": [qx, qy, qz, qw]}}),
            {
                "position": {"columns": ["pose.t.0", "pose.t.1", "pose.t.2"]},
                "rotation": {"kind": "quaternion", "columns": ["q.0", "q.1", "q.2", "q.3"]},
            },
        ),
        (ROWS, MATRIX),
        ("# by numpy\n" + ROWS.replace(" ", ","), MATRIX),
        (ROWS.replace(".", ","), MATRIX),
        (str(np.array(T)), MATRIX),
        (json.dumps(T.tolist()), MATRIX),
        (json.dumps({"name": "a", "T_base_tool": T.tolist()}), MATRIX),
        (
            "%YAML:1.0\n---\npose: !!opencv-matrix\n   rows: 4\n   cols: 4\n   dt: d\n   data: ["
            + ", ".join(map(str, T.ravel()))
            + "]\n",
            MATRIX,
        ),
    ],
)
def test_a_file_a_view_reads_as_the_same_pose(tmp_path, text, keys) -> None:
    """ROS's Pose and PoseStamped, airo-mono's JSON (with tabs), lists by name, and matrices: with blanks,
    commas, decimal commas, as numpy prints them, in JSON, as OpenCV writes them.
    """
    (tmp_path / "a_3.txt").write_text(text)
    read = _read(tmp_path, poses="a_*.txt", **keys)
    assert read["3"] == pytest.approx(T, abs=1e-6)


NUMBERS = [x, y, z, *rotvec]
TABLE = "name,x,y,z,rx,ry,rz\n7," + ",".join(map(str, NUMBERS)) + "\n"
PLACES = {"position": {"columns": [1, 2, 3]}, "rotation": {"columns": [4, 5, 6]}}


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        (TABLE.replace(",", ";"), {}),
        (TABLE.replace(",", ";").replace(".", ","), {}),
        (TABLE.replace(",", "\t"), {}),
        (TABLE.replace(",", "  "), {}),
        ("\ufeff" + TABLE.replace("\n", "\r\n"), {}),
        ("# taken on Monday\n# " + TABLE, {}),
        (TABLE.partition("\n")[2], PLACES),
        (TABLE, PLACES),
        ("x,y,z,rx,ry,rz,image\n" + ",".join(map(str, [*NUMBERS, "7"])), {}),
        ("stamp,x,y,z,rx,ry,rz,image\n1.5," + ",".join(map(str, [*NUMBERS, "7"])), {"name": "image"}),
        (
            "# stamp tx ty tz qx qy qz qw\n7 " + " ".join(map(str, [x, y, z, qx, qy, qz, qw])),
            {
                "position": {"columns": ["tx", "ty", "tz"]},
                "rotation": {"kind": "quaternion", "columns": ["qx", "qy", "qz", "qw"]},
            },
        ),
    ],
)
def test_a_table_reads_as_the_same_pose(tmp_path, text, keys) -> None:
    """Semicolons, decimal commas, tabs, blanks, Excel's mark at the beginning, remarks, no header, names in
    the last column or in the one that is said, a trajectory as TUM writes it.
    """
    (tmp_path / "poses.csv").write_text(text, newline="")
    read = _read(tmp_path, **keys)
    assert list(read) == ["7"]
    assert read["7"] == pytest.approx(T, abs=1e-6)


def test_one_file_holds_the_poses_by_name(tmp_path) -> None:
    """JSON of several."""
    pose = dict(zip(("x", "y", "z", "rx", "ry", "rz"), NUMBERS, strict=True))
    (tmp_path / "poses.json").write_text(json.dumps({"7": pose, "8": pose}))
    read = _read(tmp_path, poses="poses.json")
    assert list(read) == ["7", "8"]
    assert read["8"] == pytest.approx(T)


@pytest.mark.parametrize(
    ("file", "text", "keys", "sentence"),
    [
        ("poses.csv", TABLE + TABLE.partition("\n")[2], {}, r"csv:3 and .*csv:2 are both the pose of 7"),
        ("poses.json", '{"7": {"x": 1}, "7": {"x": 2}}', {}, "json:1 and .*json:1 are both the pose of 7"),
        (
            "poses.csv",
            TABLE.partition("\n")[2],
            {},
            "no column x; it has 7 numbers without names: give",
        ),
        ("poses.csv", "x,y,z,rx,ry,rz\n1,2,3,0,0,0", {}, "no column for its picture's name"),
        ("poses.csv", TABLE, {"name": "image"}, "no column image for its picture's name; it has name, x"),
        ("a_7.json", '{"x": 1, "x": 2}', {}, "json:1 gives x a second time"),
        ("a_7.json", '{"a": {"x": 1, "y": 1, "z": 1}, "b": {"x": 2, "y": 2, "z": 2}}', {}, "has a.x and b.x"),
        ("a_7.json", '{"a": {"x": 1}}', {}, "has no column x; it has a.x"),
        ("a_7.json", "{}", {}, "0 documents|no column x"),
        ("a_7.json", "no pose", {}, "neither numbers nor YAML nor JSON"),
        ("a_7.json", "{a: [", {}, "neither numbers nor YAML nor JSON"),
        ("a_7.json", "a: &a {a: *a}", {}, "too deep or too long"),
        ("a_7.json", "{a: " * 2000, {}, "nested too deeply"),
        ("a_7.json", ROS + "---\n" + ROS, {}, "holds 2 documents"),
    ],
)
def test_what_is_no_pose_is_one_sentence(tmp_path, file, text, keys, sentence) -> None:
    """A name or a key that stands twice is never silently the last; nothing hangs or runs too deep."""
    (tmp_path / file).write_text(text)
    with pytest.raises(InputError, match=sentence) as caught:
        _read(tmp_path, poses="a_*.json" if file.startswith("a_") else file, **keys)
    assert "\n" not in str(caught.value)


def test_names_of_one_view_are_paired() -> None:
    """As they are, without folder and ending, without leading zeros; the nearest way first, and what is left
    over has no pair.
    """
    assert pair_names(["0001", "0002"], ["images/0001.png", "0002.PNG", "0003.png"]) == {
        "0001": "images/0001.png",
        "0002": "0002.PNG",
    }
    assert pair_names(["0001", "0010"], ["1", "10", "100"]) == {"0001": "1", "0010": "10"}
    assert pair_names(["1", "01"], ["01", "1"]) == {"1": "1", "01": "01"}
    assert pair_names(["v1.5", "v1"], ["v1", "5"]) == {"v1": "v1"}
    with pytest.raises(InputError, match=r"pictures 001 and poses 1, 01 have names of one view"):
        pair_names(["001"], ["1", "01"])


def test_names_are_ordered_as_people_count() -> None:
    """2 before 10."""
    names = ["view10", "view2", "a", "view02", "3"]
    assert [names[i] for i in in_order(names)] == ["3", "a", "view02", "view2", "view10"]
