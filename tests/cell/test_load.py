"""A bad cell is explained, all at once and with lines; a good one survives being written and read."""

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from synth.cell.load import DEFAULT_CELL, cell_fingerprint, default_cell, dump_cell, load_cell, parse_cell
from synth.cell.model import Gates
from synth.cell.source import parse
from synth.errors import CellError, Problem
from synth.geometry import se3

from .conftest import ABSENT, Break, line_of

IDENTITY = np.eye(4).tolist()
SINGULAR = [[1, 0, 0, 0.5], [1, 0, 0, 0], [0, 0, 1, 1], [0, 0, 0, 1]]
MIRRORED = [[1, 0, 0, 0.5], [0, 1, 0, 0], [0, 0, -1, 1], [0, 0, 0, 1]]
T_BASE_CAM = np.asarray(default_cell().camera.T_base_cam)
LAMP = {"position_m": [0, 0, 1], "target_m": [0.5, 0, 0], "side_m": 0.3, "brightness": 1}
ORANGE, GREY = [226, 104, 24], [120, 120, 122]


def shifted(T: Any, t_m: list[float]) -> list[list[float]]:
    return se3.make(np.asarray(T)[:3, :3], t_m).tolist()


def problems_of(path: Path) -> tuple[Problem, ...]:
    with pytest.raises(CellError) as caught:
        load_cell(path)
    assert caught.value.exit_code == 2
    for problem in caught.value.problems:
        assert "\n" not in problem.message
        assert problem.message.endswith((".", "?"))
    return caught.value.problems


BAD = [
    # Keys and types.
    ("robot.adress", "x", "robot.adress", "did you mean `address`"),
    ("gates.colour", 1, "gates.colour", "allowed here: max_tilt_deg"),
    ("bench.lamps", [{**LAMP, "colour": 1}], "bench.lamps[0].colour", "allowed here: position_m"),
    ("name", 12, "name", "put it in quotes"),
    ("camera.serial", "", "camera.serial", "is empty"),
    ("robot.payload_kg", "heavy", "robot.payload_kg", "'heavy'; it must be a number"),
    ("robot.payload_kg", True, "robot.payload_kg", "true; it must be a number"),
    ("robot.tcp_pose", [0, 0, 0.045], "robot.tcp_pose", "has 3 numbers; 6 are needed"),
    ("robot.tcp_pose", [0, 0, 0.045, 0, 0, 0, 0], "robot.tcp_pose", "has 7 numbers; 6 are needed"),
    ("robot.home_deg", 12, "robot.home_deg", "a list"),
    ("gates", None, "gates", "is nothing; it must be a section"),
    ("bench.lamps", [], "bench.lamps", "is empty"),
    ("robot.joints.base", {}, "robot.joints.base", "give fixed_deg, or both"),
    ("robot.joints.base", {"min_deg": 20, "max_deg": 20}, "robot.joints.base", "is empty: min_deg 20"),
    ("robot.joints.base", {"min_deg": 0, "max_deg": 9, "fixed_deg": 1}, "robot.joints.base", "not both"),
    ("mount.units", "feet", "mount.units", "'m', 'cm', 'mm' or 'inch'"),
    ("camera.fps", 31, "camera.fps", "6, 15 or 30"),
    ("camera.exposure", "auto", "camera.exposure", "meter_once"),
    ("part.normal", [0, 1], "part.normal", "three numbers"),
    ("part.normal", "top", "part.normal", "give face"),
    ("part.class_name", "../x", "part.class_name", "letters, digits"),
    ("part.point_of_interest_m", [0, float("nan"), 0], "part.point_of_interest_m[1]", "finite"),
    ("gates.max_shot_motion_mm", float("inf"), "gates.max_shot_motion_mm", "finite"),
    # Units.
    ("label.h_max", 300, "label.h_max", "half the usual degrees"),
    ("label.s_max", 256, "label.s_max", "at most 255"),
    ("robot.payload_kg", 3.2, "robot.payload_kg", "must be at most 3 for a UR3e"),
    ("robot.payload_kg", 350, "robot.payload_kg", "350 g is 0.35"),
    ("robot.home_deg", [0.3, -2.6, -0.9, -1.2, -1.6, 0], "robot.home_deg", "radians"),
    ("robot.tcp_pose", [0, 0, 45, 0, 0, 0], "robot.tcp_pose", "millimetres"),
    ("robot.tcp_pose", [0, 0, 0.045, 0, 0, 90], "robot.tcp_pose", "radians"),
    ("robot.centre_of_gravity_m", [0, 0, 35], "robot.centre_of_gravity_m", "millimetres"),
    ("workspace.max_m", [750, 650, 650], "workspace.max_m", "millimetres"),
    ("camera.T_base_cam", shifted(T_BASE_CAM, [550, 0, 950]), "camera.T_base_cam", "millimetres"),
    ("part.T_tool_part", shifted(IDENTITY, [0, 0, 22]), "part.T_tool_part", "millimetres"),
    ("mount.T_tool_mount", shifted(IDENTITY, [0, 0, 45]), "mount.T_tool_mount", "millimetres"),
    ("part.point_of_interest_m", [0, 0, 22], "part.point_of_interest_m", "millimetres"),
    ("part.units", "m", "part.units", "looks like millimetres read as metres: set units: mm"),
    ("mount.units", "m", "mount.units", "looks like millimetres read as metres: set units: mm"),
    # Geometry.
    ("camera.T_base_cam", SINGULAR, "camera.T_base_cam", "determinant of its 3×3 part is 0"),
    ("camera.T_base_cam", MIRRORED, "camera.T_base_cam", "determinant of its 3×3 part is -1"),
    ("camera.T_base_cam", [[1, 0], [0, 1]], "camera.T_base_cam", "4 rows of 4"),
    ("camera.T_base_cam", {"x": 1}, "camera.T_base_cam", "4 rows of 4"),
    ("camera.T_base_cam", shifted(T_BASE_CAM, [0.55, 0, -0.95]), "camera.T_base_cam", "behind the camera"),
    (
        "camera.T_base_cam",
        shifted(T_BASE_CAM, [-0.9, 0, 0.95]),
        "camera.T_base_cam",
        "outside the 1280×720 image",
    ),
    ("camera.K", [[900, 0, 1900], [0, 900, 300], [0, 0, 1]], "camera.K", "outside the 1280×720"),
    ("camera.K", [[900, 0, 640], [5, 900, 300], [0, 0, 1]], "camera.K", "fx 0 cx"),
    ("camera.dist", [0, 0, 0, 0, 0], "camera.dist", "without K"),
    ("camera.color_size_wh", [1280, 480], "camera.color_size_wh", "which the L515 has not"),
    ("robot.home_deg", [15, -450, -50, -70, -90, 0], "robot.home_deg", "puts shoulder at -450°"),
    ("robot.park_deg", [15, 0, 0, 0, 0, 361], "robot.park_deg", "puts wrist_3 at 361°"),
    ("robot.joints.wrist_3", {"min_deg": -170, "max_deg": 400}, "robot.joints.wrist_3", "−360° to 360°"),
    ("robot.joints.elbow", {"fixed_deg": -720}, "robot.joints.elbow", "is -720°"),
    ("workspace.min_m", [0.7, -0.65, 0.02], "workspace", "does not contain the tool at home"),
    ("workspace.min_m", [0.8, -0.65, 0.02], "workspace", "is empty"),
    ("bench.table", {"normal": [0, 0, 0], "colour_rgb": GREY}, "bench.table.normal", "is zero"),
    ("part.normal", [0, 0, 0], "part.normal", "is zero"),
    ("part.point_of_interest_m", [0, 0, 0.03], "part.point_of_interest_m", "more than 2 mm away"),
    ("part.point_of_interest_m", [-0.04, 0, 0], "part.point_of_interest_m", "edge between two faces"),
    # Colours.
    ("mount.colour_rgb", ORANGE, "mount.colour_rgb", "the mount would be labelled too"),
    ("part.colour_rgb", GREY, "part.colour_rgb", "does not pass the label filter"),
    ("bench.table", {"colour_rgb": ORANGE}, "bench.table.colour_rgb", "the table would be labelled"),
    ("label.s_min", 255, "part.colour_rgb", "does not pass the label filter"),
    # Files and addresses.
    ("part.mesh", "nix.stl", "part.mesh", "There is no file"),
    ("part.mesh", "cell.yaml", "part.mesh", "another format"),
    ("part.mesh", "../bracket.stl", "part.mesh", "leads out of"),
    ("mount.mesh", "/etc/passwd", "mount.mesh", "leads out of"),
    ("simulation.truth", "nix.yaml", "simulation.truth", "which is not in"),
    ("simulation.truth", "../truth.yaml", "simulation.truth", "leads out of"),
    ("robot.address", "192.168.1.300", "robot.address", "four numbers from 0 to 255"),
    ("robot.address", "Simulated", "robot.address", "did you mean `simulated`"),
    ("camera.serial", "simulate", "camera.serial", "did you mean `simulated`"),
]


@pytest.mark.parametrize(("key", "value", "where", "words"), BAD, ids=[f"{b[0]}-{b[3][:20]}" for b in BAD])
def test_each_mistake_is_one_sentence_at_its_line(
    break_cell: Break, key: str, value: object, where: str, words: str
) -> None:
    """One wrong value gives one problem: its key, its line, and what to do."""
    path = break_cell({key: value})
    (problem,) = problems_of(path)
    assert problem.where == where
    assert words in problem.message
    assert problem.line == line_of(path, where)


def test_a_missing_key_is_named_with_the_line_of_its_section(break_cell: Break) -> None:
    """What is not there has no line; its section has."""
    path = break_cell({"robot.address": ABSENT, "part.mesh": ABSENT, "label": ABSENT})
    found = {p.where: p for p in problems_of(path)}
    assert found.keys() == {"robot.address", "part.mesh", "label"}
    assert found["robot.address"].line == line_of(path, "robot")
    assert found["part.mesh"].line == line_of(path, "part")
    assert found["label"].line is None
    assert all("is missing" in p.message for p in found.values())


def test_every_error_is_said_at_once(break_cell: Break) -> None:
    """Schema, units, geometry, colours and files are wrong together; one run names them all, in order."""
    changes = {
        "robot.setle_s": 1,
        "robot.payload_kg": 350,
        "workspace.max_m": [750, 650, 650],
        "mount.mesh": "nix.stl",
        "mount.colour_rgb": ORANGE,
        "camera.T_base_cam": SINGULAR,
        "part.units": "m",
        "gates.max_tilt_deg": 95,
        "simulation.truth": "nix.yaml",
    }
    problems = problems_of(break_cell(changes))
    assert {p.where for p in problems} == set(changes)
    lines = [p.line for p in problems if p.line]
    assert lines == sorted(lines)


def test_an_empty_file_is_told(tmp_path: Path) -> None:
    """Also one of comments alone; what writes a file to start from is named."""
    for text in ("", "# only a comment\n"):
        (tmp_path / "cell.yaml").write_text(text)
        (problem,) = problems_of(tmp_path / "cell.yaml")
        assert problem.message == "is empty; `synth cell init` writes a commented template to start from."


def test_an_inverted_camera_pose_is_recognised(break_cell: Break) -> None:
    """T_cam_base given for T_base_cam is the commonest mistake, and it is called by its name."""
    (problem,) = problems_of(break_cell({"camera.T_base_cam": np.linalg.inv(T_BASE_CAM).tolist()}))
    assert "looks like T_cam_base" in problem.message


def test_a_solid_with_a_hole_and_an_empty_mesh_are_refused(break_cell: Break, tmp_path: Path) -> None:
    """A mesh with an open edge and one without triangles are named for what they are."""
    path = break_cell({"part.mesh": "open.stl", "mount.mesh": "empty.ply"})
    box = trimesh.creation.box((80, 60, 44))
    box.update_faces(np.arange(len(box.faces)) > 0)
    box.export(tmp_path / "open.stl")
    trimesh.PointCloud([[0, 0, 0], [1, 0, 0]]).export(tmp_path / "empty.ply")
    found = {p.where: p.message for p in problems_of(path)}
    assert "no closed solid" in found["part.mesh"]
    assert "no triangles" in found["mount.mesh"]


def test_red_wraps_around_hue_zero(break_cell: Break) -> None:
    """h_min above h_max means the range through red, so a red part passes and an orange one does not."""
    red = {"label.h_min": 172, "label.h_max": 6}
    load_cell(break_cell({**red, "part.colour_rgb": [220, 20, 30]}))
    (problem,) = problems_of(break_cell({**red, "part.colour_rgb": ORANGE}))
    assert problem.where == "part.colour_rgb"


def test_the_default_cell_is_sound_and_simulated() -> None:
    """What comes with synth passes its own checks, and its template shows the real defaults of the gates."""
    cell = default_cell()
    assert cell.is_simulated
    assert cell.robot.is_simulated
    assert cell.camera.is_simulated
    assert cell.folder == DEFAULT_CELL.parent
    assert cell.gates == Gates()


def test_every_key_of_the_template_is_there_and_explained() -> None:
    """A newcomer finds every key of the model in the template: dumping the cell adds none."""
    text = DEFAULT_CELL.read_text(encoding="utf-8")
    dumped, written = (parse(t).lines.keys() for t in (dump_cell(default_cell()), text))
    assert {place for place in dumped - written if "joints" not in place} == set()


def changed_cells() -> st.SearchStrategy[dict[str, Any]]:
    number = st.floats(-0.4, 0.4)
    return st.fixed_dictionaries(
        {
            "name": st.text(min_size=1, max_size=20),
            "robot.payload_kg": st.floats(0.01, 3),
            "robot.centre_of_gravity_m": st.lists(st.floats(-0.2, 0.2), min_size=3, max_size=3),
            "robot.park_deg": st.none() | st.lists(st.floats(7, 360), min_size=6, max_size=6),
            "workspace.clearance_m": st.floats(0, 0.5),
            "camera.serial": st.text("0123456789abcdef", min_size=1, max_size=12),
            "camera.exposure": st.just("meter_once") | st.floats(1, 9000),
            "part.normal": st.just("face") | st.tuples(number, number, st.floats(0.1, 1)).map(list),
        }
    )


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changed_cells())
def test_dump_and_load_give_the_same_cell(break_cell: Break, changes: dict[str, Any]) -> None:
    """Whatever a sound cell holds, writing and reading it gives an equal cell and an equal fingerprint."""
    path = break_cell(changes)
    cell = load_cell(path)
    again = parse_cell(dump_cell(cell), path)
    assert again.model_dump(mode="json") == cell.model_dump(mode="json")
    assert cell_fingerprint(again) == cell_fingerprint(cell)


LINES = DEFAULT_CELL.read_text(encoding="utf-8").splitlines()
JUNK = st.sampled_from(
    ["", ":", "[", "{", "- ", "null", "12", "1e999", ".nan", "'", '"\\ud800"', "true", "a:"]
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, len(LINES) - 1), st.integers(0, 40), JUNK | st.text(max_size=6)),
        min_size=1,
        max_size=4,
    )
)
def test_a_mangled_cell_is_read_or_explained(edits: list[tuple[int, int, str]]) -> None:
    """Junk at any place of a cell file gives a cell or a CellError, never another exception."""
    lines = list(LINES)
    for i, column, junk in edits:
        lines[i] = lines[i][:column] + junk + lines[i][column + len(junk) :]
    with contextlib.suppress(CellError):
        parse_cell("\n".join(lines), DEFAULT_CELL)


def test_the_fingerprint_sees_every_file(break_cell: Break, tmp_path: Path) -> None:
    """Another byte in a mesh or in the truth file changes the fingerprint, and nothing else in it."""
    path = break_cell({"simulation.truth": "truth.yaml"})
    truth = tmp_path / "truth.yaml"
    truth.write_text("repeatability_mm: 0.03\n")
    before = cell_fingerprint(load_cell(path))
    truth.write_text("repeatability_mm: 0.04\n")
    after = cell_fingerprint(load_cell(path))
    assert {key for key in before if before[key] != after[key]} == {"sha256"}
    assert {key for key in before["sha256"] if before["sha256"][key] != after["sha256"][key]} == {"truth"}
