"""The command line of calibration: what a user can get wrong, and a new cell's whole way to true labels."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from synth.cell.board import DEFAULT_BOARD
from synth.cell.calibration_validity import why_uncalibrated
from synth.cell.edit import edit_cell
from synth.cell.load import default_cell, load_cell
from synth.cell.mesh import label_normal_part, load_bodies
from synth.cell.template import write_template
from synth.dataset.reader import DatasetReader
from synth.geometry import se3
from synth.geometry.frames import uvw_from_cam
from synth.geometry.normals import angle_deg
from typed import synth

TILT_DEG = 1.5
N_VIEWS = 10
REAL = (("address: simulated", "address: 127.9.9.9"), ("serial: simulated", "serial: any"))


@pytest.fixture
def pictures(tmp_path, make_bench) -> Path:
    """A folder of twelve drawn pictures of the board with poses in a CSV file, one picture empty."""
    bench = make_bench(12, corner_px=0.0)
    print_u8 = cv2.copyMakeBorder(DEFAULT_BOARD.draw(40), 40, 40, 40, 40, cv2.BORDER_CONSTANT, value=255)
    px_per_m = 40 / DEFAULT_BOARD.square_m
    corners_m = np.array([[0, 0, 0], [0.21, 0, 0], [0.21, 0.15, 0], [0, 0.15, 0]])
    on_print = (corners_m[:, :2] * px_per_m + 39.5).astype(np.float32)
    rows = ["name,x,y,z,rx,ry,rz"]
    (tmp_path / "images").mkdir()
    for view in bench.views:
        T_cam_board = se3.inverse(bench.X) @ view.T_base_tool @ bench.Y
        points = se3.transform(T_cam_board, corners_m)
        pixels = (points @ bench.camera.K.T)[:, :2] / points[:, 2:]
        H = cv2.getPerspectiveTransform(on_print, pixels.astype(np.float32))
        picture = cv2.warpPerspective(
            print_u8, H, bench.camera.size_wh, flags=cv2.INTER_AREA, borderValue=180
        )
        cv2.imwrite(str(tmp_path / "images" / f"{view.name}.png"), picture)
        pose = [*view.T_base_tool[:3, 3].tolist(), *se3.to_rotvec(view.T_base_tool).tolist()]
        rows.append(",".join(map(str, [view.name, *pose])))
    cv2.imwrite(str(tmp_path / "images" / "000003.png"), np.full((720, 1280), 128, np.uint8))
    (tmp_path / "poses.csv").write_text("\n".join(rows) + "\n")
    board = DEFAULT_BOARD.model_dump(mode="json", exclude_none=True)
    content = {"board": board, "camera": {"K": bench.camera.K.tolist()}}
    (tmp_path / "calibration.yaml").write_text(yaml.safe_dump(content))
    return tmp_path


def test_somebody_s_pictures_are_solved_and_no_cell_is_touched(pictures) -> None:
    """As words and as JSON; the picture without a board is named with its reason."""
    synth("cell", "init", cwd=pictures)
    before = (pictures / "cell.yaml").read_bytes()
    ran = synth("calibrate", "solve", ".", cwd=pictures)
    assert ran.returncode == 0, ran.stderr
    assert "T_base_cam from 11 views" in ran.stdout
    assert "not good enough" not in ran.stdout
    assert "Left out: 000003 shows 0 corners" in ran.stdout
    ran = synth("calibrate", "solve", ".", "--json", cwd=pictures)
    result = json.loads(ran.stdout)
    assert result["n_views"] == 11
    assert result["refusals"] == []
    assert 0 < result["normal_sigma_deg"] < 0.1
    assert result["rms_px"] < 0.5
    assert np.array(result["T_base_cam"])[:3, 3] == pytest.approx([0.55, 0, 0.95], abs=0.002)
    assert (pictures / "cell.yaml").read_bytes() == before


def test_degrees_that_are_read_as_radians_are_one_sentence(pictures) -> None:
    """Exit code 2, the mistake and its remedy."""
    lines = (pictures / "poses.csv").read_text().splitlines()
    rows = [line.split(",") for line in lines[1:]]
    degrees = [[*row[:4], *(str(np.degrees(float(angle))) for angle in row[4:])] for row in rows]
    (pictures / "poses.csv").write_text("\n".join([lines[0], *(",".join(row) for row in degrees)]) + "\n")
    ran = synth("calibrate", "solve", ".", cwd=pictures)
    assert ran.returncode == 2
    assert "they are in degrees; say unit: deg" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("solve", "nothing"), "calibration.yaml cannot be read"),
        (("check",), "run synth calibrate run first"),
        (("run", "--board", "none.yaml"), "synth calibrate board writes one"),
        (("run", "--cell", "none.yaml"), "does not exist"),
        (("board", "--squares", "7"), "give two numbers such as 7x5"),
        (("board", "--square-mm", "80"), "does not fit on A4"),
        (("run", "--views", "3"), "--views"),
        (("part", "--poses", "5"), "--poses"),
    ],
)
def test_what_cannot_be_is_one_sentence(tmp_path, words, says) -> None:
    """Exit code 2, no traceback, nothing left behind."""
    ran = synth("calibrate", *words, cwd=tmp_path)
    assert ran.returncode == 2
    assert says in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["[]", "{", '{"board": 3}', '{"board": {"marker_m": 0.02}}', "[" * 9000])
def test_a_damaged_result_is_one_sentence(tmp_path, text) -> None:
    """Whatever stands in result.json."""
    (tmp_path / "result.json").write_text(text)
    ran = synth("calibrate", "check", ".", cwd=tmp_path)
    assert ran.returncode == 2
    assert "is no calibration's result" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("verb", ["run", "part"])
def test_a_real_arm_moves_only_after_a_yes(tmp_path, verb) -> None:
    """Where nobody can be asked nothing is even connected."""
    synth("cell", "init", cwd=tmp_path)
    text = (tmp_path / "cell.yaml").read_text()
    for old, new in REAL:
        text = text.replace(old, new)
    (tmp_path / "cell.yaml").write_text(text)
    ran = synth("calibrate", verb, cwd=tmp_path)
    assert ran.returncode == 2
    assert "--yes" in ran.stderr
    assert ("it carries 0.35 kg" in " ".join(ran.stdout.split())) == (verb == "run")


def test_a_dry_run_moves_nothing(tmp_path) -> None:
    """It plans, says so, and leaves no trace."""
    ran = synth("calibrate", "run", "--views", 10, "--dry-run", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "10 poses are planned" in ran.stdout
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def bench(tmp_path_factory) -> Path:
    """A cell whose camera is thought to be 30 mm and 5° from where it is, and whose mount is tilted by
    1.5°.
    """
    folder = tmp_path_factory.mktemp("bench")
    cell_file = write_template(folder / "cell.yaml")[-1]
    cell = default_cell()
    tilt = se3.from_rotvec(np.radians(TILT_DEG) * np.array([0.8, 0.6, 0.0]), np.zeros(3))
    truth = {
        "T_base_cam": np.asarray(cell.camera.T_base_cam).tolist(),
        "T_tool_part": (tilt @ np.asarray(cell.part.T_tool_part)).tolist(),
        "T_tool_mount": (tilt @ np.asarray(cell.mount.T_tool_mount)).tolist(),
    }
    (folder / "truth.yaml").write_text(yaml.safe_dump(truth))
    off = se3.from_rotvec(np.radians(5) * np.array([2, -2, 1]) / 3, 0.03 * np.array([1, 2, -2]) / 3)
    wrong = np.asarray(cell.camera.T_base_cam) @ off
    wrong[:3, :3] = np.linalg.qr(wrong[:3, :3])[0] * np.sign(np.diag(np.linalg.qr(wrong[:3, :3])[1]))
    edit_cell(
        cell_file,
        {
            ("simulation", "truth"): "truth.yaml",
            ("camera", "T_base_cam"): np.round(wrong, 9).tolist(),
            ("camera", "depth_size_wh"): [320, 240],
        },
    )
    return folder


@pytest.mark.slow
@pytest.mark.timeout(800)
def test_calibrate_then_capture_gives_true_normals(bench) -> None:
    """T_base_cam within 0.5 mm and 0.1°, the mount's tilt within 0.3°, then normals within 0.3° of the truth;
    the dataset carries the calibration's hashes and every normal its uncertainty.
    """
    truth = yaml.safe_load((bench / "truth.yaml").read_text())
    ran = synth("calibrate", "run", "--views", N_VIEWS, "--pace", 1000, cwd=bench)
    assert ran.returncode == 0, ran.stderr + ran.stdout
    cell = load_cell(bench / "cell.yaml")
    off = se3.inverse(np.array(truth["T_base_cam"])) @ cell.camera.T_base_cam
    assert 1000 * np.linalg.norm(off[:3, 3]) < 0.5
    assert np.degrees(se3.rotation_angle_rad(off)) < 0.1

    ran = synth("calibrate", "part", "--poses", 20, "--pace", 1000, cwd=bench)
    assert ran.returncode == 0, ran.stderr + ran.stdout
    cell = load_cell(bench / "cell.yaml")
    off = se3.inverse(np.array(truth["T_tool_part"])) @ cell.part.T_tool_part
    assert np.degrees(se3.rotation_angle_rad(off)) < 0.3
    assert why_uncalibrated(cell) is None
    for folder, place in (("calibrate", "T_base_cam"), ("calibrate_part", "T_tool_part")):
        page = (bench / "runs" / folder / "report.html").read_text()
        assert "SIMULATED CELL" in page
        assert f"{place} is known to" in page

    ran = synth("capture", "--poses", 4, "--plates", 0, "--pace", 1000, cwd=bench)
    assert ran.returncode == 0, ran.stderr + ran.stdout
    dataset = DatasetReader(bench / "data" / "real")
    assert cell.calibration.camera is not None
    assert cell.calibration.part is not None
    said = dataset.info.made_by.calibration
    assert said["camera"] == cell.calibration.camera.sha256
    assert said["part"] == cell.calibration.part.sha256
    normal_part = label_normal_part(cell, load_bodies(cell).part)
    for sample in dataset.samples:
        assert sample.robot is not None
        T_base_part = np.array(sample.robot.before.T_base_tool) @ np.array(truth["T_tool_part"])
        true_cam = (se3.inverse(np.array(truth["T_base_cam"])) @ T_base_part)[:3, :3] @ normal_part
        instance = sample.instances[0]
        assert angle_deg(np.array(instance.normal_uvw), uvw_from_cam(true_cam)) < 0.3
        assert instance.normal_sigma_deg is not None
        assert 0.001 < instance.normal_sigma_deg < 0.3


@pytest.mark.slow
def test_a_knocked_camera_is_told(bench) -> None:
    """One look says that all is as it was; after a knock of 1° it says that it is not, with exit code 6."""
    if not (bench / "runs/calibrate/result.json").exists():
        pytest.skip("the calibration before this test failed")
    ran = synth("calibrate", "check", "--pace", 1000, cwd=bench)
    assert ran.returncode == 0, ran.stderr + ran.stdout
    assert "within the 2 mm" in " ".join(ran.stdout.split())
    truth = yaml.safe_load((bench / "truth.yaml").read_text())
    knocked = np.array(truth["T_base_cam"]) @ se3.from_rotvec(np.radians([1.0, 0, 0]), np.zeros(3))
    (bench / "truth.yaml").write_text(yaml.safe_dump({**truth, "T_base_cam": knocked.tolist()}))
    ran = synth("calibrate", "check", "--pace", 1000, cwd=bench)
    (bench / "truth.yaml").write_text(yaml.safe_dump(truth))
    assert ran.returncode == 6, ran.stderr + ran.stdout
    assert "Traceback" not in ran.stderr


@pytest.mark.slow
def test_a_run_goes_on_and_solves_alike(bench) -> None:
    """The same command takes no picture twice, and ``solve`` on its folder finds the same place."""
    folder = bench / "runs" / "calibrate"
    if not (folder / "result.json").exists():
        pytest.skip("the calibration before this test failed")
    result = json.loads((folder / "result.json").read_text())
    ran = synth("calibrate", "solve", folder, "--json", cwd=bench)
    assert ran.returncode == 0, ran.stderr
    again = json.loads(ran.stdout)
    assert again["simulated"] is True
    assert np.array(again["T_base_cam"]) == pytest.approx(np.array(result["T_base_cam"]), abs=1e-9)
    assert again["n_views"] == result["n_views"] == N_VIEWS
    poses = (folder / "poses.csv").read_bytes()
    for verb in ("run", "part"):
        ran = synth("calibrate", verb, cwd=bench)
        assert ran.returncode == 0, ran.stderr
        assert "holds a finished calibration" in " ".join(ran.stdout.split())
    assert (folder / "poses.csv").read_bytes() == poses
