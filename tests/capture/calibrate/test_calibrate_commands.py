"""The command line of calibration: one sentence and an honest exit code for what a user can cause."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from synth.cell.board import DEFAULT_BOARD
from synth.geometry import se3

SYNTH = Path(sys.executable).with_name("synth")
REAL = (("address: simulated", "address: 127.9.9.9"), ("serial: simulated", "serial: any"))


def _synth(*words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [str(SYNTH), *map(str, words)]
    return subprocess.run(command, cwd=cwd, check=False, capture_output=True, text=True, timeout=120)


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
    _synth("cell", "init", cwd=pictures)
    before = (pictures / "cell.yaml").read_bytes()
    ran = _synth("calibrate", "solve", ".", cwd=pictures)
    assert ran.returncode == 0, ran.stderr
    assert "T_base_cam from 11 views" in ran.stdout
    assert "Left out: 000003 shows 0 corners" in ran.stdout
    ran = _synth("calibrate", "solve", ".", "--json", cwd=pictures)
    result = json.loads(ran.stdout)
    assert result["n_views"] == 11
    assert result["rms_px"] < 0.5
    assert np.array(result["T_base_cam"])[:3, 3] == pytest.approx([0.55, 0, 0.95], abs=0.002)
    assert (pictures / "cell.yaml").read_bytes() == before


def test_degrees_that_are_read_as_radians_are_one_sentence(pictures) -> None:
    """Exit code 2, the mistake and its remedy."""
    lines = (pictures / "poses.csv").read_text().splitlines()
    rows = [line.split(",") for line in lines[1:]]
    degrees = [[*row[:4], *(str(np.degrees(float(angle))) for angle in row[4:])] for row in rows]
    (pictures / "poses.csv").write_text("\n".join([lines[0], *(",".join(row) for row in degrees)]) + "\n")
    ran = _synth("calibrate", "solve", ".", cwd=pictures)
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
    ran = _synth("calibrate", *words, cwd=tmp_path)
    assert ran.returncode == 2
    assert says in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("verb", ["run", "part"])
def test_a_real_arm_moves_only_after_a_yes(tmp_path, verb) -> None:
    """Where nobody can be asked nothing is even connected."""
    _synth("cell", "init", cwd=tmp_path)
    text = (tmp_path / "cell.yaml").read_text()
    for old, new in REAL:
        text = text.replace(old, new)
    (tmp_path / "cell.yaml").write_text(text)
    ran = _synth("calibrate", verb, cwd=tmp_path)
    assert ran.returncode == 2
    assert "--yes" in ran.stderr


def test_a_dry_run_moves_nothing(tmp_path) -> None:
    """It plans, says so, and leaves no trace."""
    ran = _synth("calibrate", "run", "--views", 10, "--dry-run", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "10 poses are planned" in ran.stdout
    assert not list(tmp_path.iterdir())
