"""Whether the controller drives the arm that the cell describes: compared before anything moves."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import typed
from synth.cell.load import default_cell
from synth.errors import WrongRobot
from synth.geometry.arms import ARM_MODELS
from synth.hardware.arms import ur_session
from synth.hardware.arms.ur import URRobot
from synth.hardware.simulated.controller import ControllerProcess
from synth.hardware.simulated.motion import ArmTruth

pytest.importorskip("rtde_control", reason="ur_rtde is not installed")

CONFIG = default_cell().robot


@contextmanager
def controller(**options: object) -> Iterator[ControllerProcess]:
    with ControllerProcess(CONFIG.home_q_rad, **options) as process:
        yield process


def robot_at(process: ControllerProcess, **changes: object) -> URRobot:
    return URRobot(CONFIG.model_copy(update=changes), address=process.address, simulated=True)


TIGHT = np.radians([[-363, 363]] * 2 + [[-363, 363], [-60, 60]] + [[-363, 363]] * 2)
WRONG = {
    "model": ({"arm": "ur5e"}, {}, "cell describes a UR3e, but a UR5 answers"),
    "kinematics": ({"truth": ArmTruth(ARM_MODELS["ur16e"].dh)}, {}, "links up to 235 mm other than a UR3e"),
    "limits": (
        {"joint_range_rad": TIGHT},
        {},
        r"robot.joints.wrist_1 asks .* -110°, .* allows -60° to 60°",
    ),
    "speed": ({"arm": "ur10e"}, {"model": "ur10e", "speed_deg_s": 150}, "allows base 120°/s"),
}


@pytest.mark.parametrize("case", WRONG)
def test_another_arm_than_the_cells_is_refused_before_it_moves(case: str) -> None:
    """Model, kinematics, joint limits and speeds of the controller are compared; nothing moves, exit 4."""
    options, changes, says = WRONG[case]
    with controller(**options) as process:
        with pytest.raises(WrongRobot, match=says) as caught, robot_at(process, **changes):
            pass
        assert caught.value.exit_code == 4
        assert process.arm_state().arrival_index == 0


def test_a_capture_with_another_arm_ends_with_exit_code_4_and_one_sentence(tmp_path: Path) -> None:
    """As it is typed: the program names both arms and what to correct, and the arm has not moved."""
    typed.synth("cell", "init", cwd=tmp_path)
    with controller(arm="ur10e") as process:
        file = tmp_path / "cell.yaml"
        text = file.read_text().replace("address: simulated", f"address: {process.address}")
        file.write_text(text.replace("serial: simulated", "serial: 'f1'"))
        answer = typed.synth("capture", "--poses", 2, "--uncalibrated", "--yes", cwd=tmp_path)
        assert process.arm_state().arrival_index == 0
    assert answer.returncode == 4
    said = " ".join(answer.stderr.split())
    assert f"The cell describes a UR3e, but a UR10 answers at {process.address}: correct robot.model" in said
    assert "Traceback" not in answer.stderr


def test_a_controller_that_does_not_name_its_arm_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that is missing is no match."""
    with controller() as process:
        report = dataclasses.replace(ur_session.read_report(process.address), model="")
        monkeypatch.setattr(ur_session, "read_report", lambda _address: report)
        with pytest.raises(WrongRobot, match="does not name its arm"), robot_at(process):
            pass
