"""The UVC driver before a virtual device and before a film."""

import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from synth.cell.load import default_cell
from synth.cell.model import CameraCell
from synth.errors import CameraError, CameraNotFound, CameraUnplugged, InputError
from synth.hardware.cameras.uvc import UVC, UvcCamera
from synth.hardware.simulated.faults_camera import ForgottenSettingsFault, UnplugFault
from synth.hardware.simulated.uvc import SimulatedUvc, VirtualUvc

from .stand_in import Arm, FlatScene

CONFIG = default_cell().camera.model_copy(update={"model": "uvc", "preset": "default"})


def camera_of(device: SimulatedUvc, config: CameraCell = CONFIG) -> UvcCamera:
    return UvcCamera(config, lambda: VirtualUvc(device), simulated=True)


def grab(camera: UvcCamera):
    return camera.grab(after_ns=time.monotonic_ns())


def test_automatics_are_off_and_what_was_metered_stays() -> None:
    """Exposure, gain and white balance read back as they were locked, whatever the scene does."""
    arm = Arm()
    device = SimulatedUvc(FlatScene(), arm)
    with camera_of(device) as camera:
        locked = dict(camera.info.options)
        assert set(locked) == {"color.exposure", "color.gain", "color.white_balance"}
        for key in (1, 90):
            arm.go(key)
            grab(camera)
        assert device.options["enable_auto_exposure"] == device.options["enable_auto_white_balance"] == 0
        assert {name: device.options[name.removeprefix("color.")] for name in locked} == locked


def test_what_a_device_cannot_lock_is_said_and_left_out(caplog: pytest.LogCaptureFixture) -> None:
    """A camera whose white balance cannot be set goes on without, and says so once."""
    device = SimulatedUvc(FlatScene(), Arm(), frozenset({"white_balance", "enable_auto_white_balance"}))
    with camera_of(device) as camera:
        assert "color.white_balance" not in camera.info.options
        grab(camera)
    assert caplog.text.count("cannot lock its white_balance: colours may change") == 1


def test_a_fixed_exposure_is_not_metered() -> None:
    """A number in the cell is the exposure."""
    config = CONFIG.model_copy(update={"exposure": 222.0})
    with camera_of(SimulatedUvc(FlatScene(), Arm()), config) as camera:
        assert camera.info.options["color.exposure"] == 222


def test_forgotten_settings_are_set_again() -> None:
    """A device that fell back to its power-on state is locked as before, and the picture is taken anew."""
    device = SimulatedUvc(FlatScene(), Arm())
    with camera_of(device) as camera:
        before = grab(camera).rgb_u8
        device.inject(ForgottenSettingsFault())
        after = grab(camera).rgb_u8
        assert abs(float(after.mean()) - float(before.mean())) < 2
        assert device.options["enable_auto_exposure"] == 0


def test_a_device_that_comes_back_is_opened_anew_and_one_that_does_not_is_named() -> None:
    """One lost frame costs a new start; a camera that is gone ends the run in one sentence."""
    device = SimulatedUvc(FlatScene(), Arm())
    with camera_of(device) as camera:
        locked = camera.info.options
        device.inject(UnplugFault())
        grab(camera)
        assert camera.info.options == locked
        device.inject(UnplugFault(persistent=True))
        with pytest.raises(CameraUnplugged, match="was unplugged and did not come back: plug it in"):
            grab(camera)


def film(path: Path, size_wh: tuple[int, int], n: int) -> str:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 30, size_wh)
    for i in range(n):
        writer.write(np.full((size_wh[1], size_wh[0], 3), (200, 40, 10 + i), np.uint8))
    writer.release()
    return str(path)


def test_a_film_stands_in_for_a_device(tmp_path: Path) -> None:
    """Through OpenCV itself: red is red, nothing waits in a queue, and its end is one sentence."""
    serial = film(tmp_path / "film.avi", (640, 480), 40)
    config = CONFIG.model_copy(update={"serial": serial, "color_size_wh": (640, 480)})
    with UVC.camera(config) as camera:
        first, second = grab(camera), grab(camera)
        assert first.rgb_u8[0, 0, 2] > 150 > first.rgb_u8[0, 0, 0]
        assert second.rgb_u8[0, 0, 0] >= first.rgb_u8[0, 0, 0] + 4
        assert not camera.info.simulated
    short = CONFIG.model_copy(
        update={"serial": film(tmp_path / "s.avi", (640, 480), 5), "color_size_wh": (640, 480)}
    )
    with pytest.raises(CameraUnplugged, match="gives no more frames"):
        UVC.camera(short).__enter__()


def test_another_size_and_no_device_are_named(tmp_path: Path) -> None:
    """What the device gives and what was asked for, and which key to correct."""
    serial = film(tmp_path / "film.avi", (640, 480), 3)
    with pytest.raises(CameraError, match="gives 640×480 where 1280×720 was asked for"):
        UVC.camera(CONFIG.model_copy(update={"serial": serial})).__enter__()
    with pytest.raises(CameraNotFound, match="/dev/v4l/by-id"):
        UVC.camera(CONFIG.model_copy(update={"serial": str(tmp_path / "absent")})).__enter__()


def test_a_capture_without_a_lens_is_refused() -> None:
    """A UVC camera does not tell its K: a capture waits for one, simulated or not."""
    from synth.capture.settings import refuse_uncalibrated

    cell = default_cell().model_copy(update={"camera": CONFIG})
    with pytest.raises(InputError, match="a UVC camera does not tell its lens"):
        refuse_uncalibrated(cell)
