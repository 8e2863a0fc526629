"""The whole way of a new cell: a board, calibrate, the part, capture; labels that are true at its end."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from synth.cell.calibration import why_uncalibrated
from synth.cell.edit import edit_cell
from synth.cell.load import default_cell, load_cell
from synth.cell.mesh import label_normal_part, load_bodies
from synth.cell.template import write_template
from synth.dataset.reader import DatasetReader
from synth.geometry import se3
from synth.geometry.frames import uvw_from_cam
from synth.geometry.normals import angle_deg

SYNTH = Path(sys.executable).with_name("synth")
TILT_DEG = 1.5


def _synth(*words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [str(SYNTH), *map(str, words)]
    return subprocess.run(command, cwd=cwd, check=False, capture_output=True, text=True, timeout=280)


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
        {("simulation", "truth"): "truth.yaml", ("camera", "T_base_cam"): np.round(wrong, 9).tolist()},
    )
    return folder


@pytest.mark.slow
@pytest.mark.timeout(800)
def test_calibrate_then_capture_gives_true_normals(bench) -> None:
    """T_base_cam within 0.5 mm and 0.1°, the mount's tilt within 0.3°, then normals within 0.3° of the truth;
    the dataset carries the calibration's hashes and every normal its uncertainty.
    """
    truth = yaml.safe_load((bench / "truth.yaml").read_text())
    ran = _synth("calibrate", "run", "--views", 16, "--pace", 1000, cwd=bench)
    assert ran.returncode == 0, ran.stderr + ran.stdout
    cell = load_cell(bench / "cell.yaml")
    off = se3.inverse(np.array(truth["T_base_cam"])) @ cell.camera.T_base_cam
    assert 1000 * np.linalg.norm(off[:3, 3]) < 0.5
    assert np.degrees(se3.rotation_angle_rad(off)) < 0.1

    ran = _synth("calibrate", "part", "--poses", 24, "--pace", 1000, cwd=bench)
    assert ran.returncode == 0, ran.stderr + ran.stdout
    cell = load_cell(bench / "cell.yaml")
    off = se3.inverse(np.array(truth["T_tool_part"])) @ cell.part.T_tool_part
    assert np.degrees(se3.rotation_angle_rad(off)) < 0.3
    assert why_uncalibrated(cell) is None

    ran = _synth("capture", "--poses", 6, "--plates", 0, "--pace", 1000, cwd=bench)
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
def test_a_bumped_camera_is_told(bench) -> None:
    """One look says that all is as it was; after a knock of 1° it says that it is not, with exit code 6."""
    if not (bench / "runs/calibrate/result.json").exists():
        pytest.skip("the calibration before this test failed")
    ran = _synth("calibrate", "check", "--pace", 1000, cwd=bench)
    assert ran.returncode == 0, ran.stderr + ran.stdout
    assert "within the 2 mm" in " ".join(ran.stdout.split())
    truth = yaml.safe_load((bench / "truth.yaml").read_text())
    knocked = np.array(truth["T_base_cam"]) @ se3.from_rotvec(np.radians([1.0, 0, 0]), np.zeros(3))
    (bench / "truth.yaml").write_text(yaml.safe_dump({**truth, "T_base_cam": knocked.tolist()}))
    ran = _synth("calibrate", "check", "--pace", 1000, cwd=bench)
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
    ran = _synth("calibrate", "solve", folder, "--json", cwd=bench)
    assert ran.returncode == 0, ran.stderr
    again = json.loads(ran.stdout)
    assert np.array(again["T_base_cam"]) == pytest.approx(np.array(result["T_base_cam"]), abs=1e-9)
    assert again["n_views"] == result["n_views"] == 16
