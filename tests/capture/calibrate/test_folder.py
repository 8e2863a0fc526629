"""Somebody else's images and poses are read as they lie, and what is wrong with them is one sentence."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy.spatial.transform import Rotation

from synth.capture.calibrate.folder import (
    Description,
    list_images,
    read_description,
    read_rows,
    to_poses,
)
from synth.errors import InputError
from synth.geometry import se3
from synth.geometry.se3 import Array

BOARD = {"kind": "charuco", "marker_m": 0.022}
T = se3.from_rotvec([0.3, -1.2, 2.1], [0.4, -0.1, 0.25])


def _describe(**keys: object) -> Description:
    return Description.model_validate({"board": BOARD, **keys})


def read_poses(folder: Path, description: Description) -> dict[str, Array]:
    return to_poses(read_rows(folder, description), description)


@pytest.mark.parametrize(
    ("rotation", "numbers"),
    [
        ({"kind": "rotvec", "columns": ["a", "b", "c"]}, se3.to_rotvec(T)),
        ({"kind": "rotvec", "columns": ["a", "b", "c"], "unit": "deg"}, np.degrees(se3.to_rotvec(T))),
        (
            {"kind": "quaternion", "columns": ["b", "c", "d", "a"]},
            Rotation.from_matrix(T[:3, :3]).as_quat()[[3, 0, 1, 2]],
        ),
        (
            {"kind": "euler", "columns": ["a", "b", "c"], "axes": "ZYX"},
            Rotation.from_matrix(T[:3, :3]).as_euler("ZYX"),
        ),
        ({"kind": "matrix", "columns": list(range(4, 13))}, T[:3, :3].ravel()),
    ],
)
def test_every_kind_of_rotation_reads_as_the_same_pose(tmp_path, rotation, numbers) -> None:
    """Rotation vectors, quaternions in either order, Euler angles and matrices in a CSV file."""
    header = ["name", "x", "y", "z", *"abcdefghi"[: len(numbers)]]
    row = ["7", *T[:3, 3], *numbers]
    (tmp_path / "poses.csv").write_text(",".join(header) + "\n" + ",".join(map(str, row)) + "\n")
    read = read_poses(tmp_path, _describe(rotation=rotation))
    assert read["7"] == pytest.approx(T, abs=1e-9)


def test_millimetres_and_inverted_poses_are_read_as_they_are_said_to_be(tmp_path) -> None:
    """position.unit and pose_is."""
    inverse = se3.inverse(T)
    row = [*(1000 * inverse[:3, 3]), *se3.to_rotvec(inverse)]
    (tmp_path / "poses.csv").write_text("name,x,y,z,rx,ry,rz\n1," + ",".join(map(str, row)) + "\n")
    read = read_poses(tmp_path, _describe(position={"unit": "mm"}, pose_is="base_in_tool"))
    assert read["1"] == pytest.approx(T, abs=1e-9)


def test_a_file_a_view_is_read_by_name_or_by_place(tmp_path) -> None:
    """YAML with keys, and YAML with a nested list of numbers."""
    (tmp_path / "poses").mkdir()
    numbers = [*T[:3, 3].tolist(), *se3.to_rotvec(T).tolist()]
    (tmp_path / "poses" / "p_3.yaml").write_text(yaml.safe_dump({"rows": 6, "data": [[n] for n in numbers]}))
    (tmp_path / "poses" / "q_4.yaml").write_text(
        yaml.safe_dump(dict(zip(["x", "y", "z", "rx", "ry", "rz"], numbers, strict=True)))
    )
    by_place = _describe(
        poses="poses/p_*.yaml", position={"columns": [0, 1, 2]}, rotation={"columns": [3, 4, 5]}
    )
    assert read_poses(tmp_path, by_place)["3"] == pytest.approx(T)
    assert read_poses(tmp_path, _describe(poses="poses/q_*.yaml"))["4"] == pytest.approx(T)


@pytest.mark.parametrize(
    ("csv", "keys", "sentence"),
    [
        ("name,x,y,z,rx,ry,rz\n1,0,0,0,0,170,0\n", {}, "they are in degrees"),
        ("name,x,y,z\n1,0,0,0\n", {}, "has no column rx; it has name, x, y, z"),
        ("name,x,y,z,rx,ry,rz\n1,0,0,oops,0,0,0\n", {}, "has 'oops' as z"),
        ("name,x,y,z,rx,ry,rz\n1,0,0,nan,0,0,0\n", {}, "has 'nan' as z"),
        ("", {}, "holds no pose"),
        (
            "name,x,y,z,a,b,c,d\n1,0,0,0,1,1,0,0\n",
            {"rotation": {"kind": "quaternion", "columns": ["a", "b", "c", "d"]}},
            "its quaternion has the length 1.41",
        ),
        ("name,x,y,z,rx,ry,rz\n1,0,0,0,0,1,0\n", {"poses": "../poses.csv"}, "leads out of"),
    ],
)
def test_bad_poses_are_one_sentence(tmp_path, csv, keys, sentence) -> None:
    """What was got, where it stands, what to do."""
    (tmp_path / "poses.csv").write_text(csv)
    with pytest.raises(InputError, match=sentence):
        read_poses(tmp_path, _describe(**keys))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("board: {kind: charuco}", "marker_m is missing"),
        ("board: {kind: chessboard, squares_xy: [8, 8]}", "looks the same when turned"),
        ("board: {kind: charuco, marker_m: 0.02, dictionary: DICT_9X9}", "dictionary is DICT_9X9; allowed"),
        ("board: {kind: charuco, marker_m: 0.02}\neye: out-of-hand", "eye"),
        (
            "board: {kind: charuco, marker_m: 0.02}\nrotation: {kind: quaternion}",
            "has 3 columns; a quaternion has 4",
        ),
        ("board: [", "is not valid YAML"),
        ("", "board"),
        ("- 1", "is wrong"),
    ],
)
def test_bad_descriptions_are_one_sentence(tmp_path, text, sentence) -> None:
    """Each names the file and the key."""
    (tmp_path / "calibration.yaml").write_text(text)
    with pytest.raises(InputError, match=sentence):
        read_description(tmp_path)


def test_no_description_and_no_images_are_told(tmp_path: Path) -> None:
    """An empty folder."""
    with pytest.raises(InputError, match=r"calibration\.yaml cannot be read"):
        read_description(tmp_path)
    with pytest.raises(InputError, match="matches no file"):
        list_images(tmp_path, _describe())
    with pytest.raises(InputError, match="give one star"):
        list_images(tmp_path, _describe(images="images/a.png"))
