"""What every Camera promises, whichever of CAMERAS it is and whatever stands behind it."""

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

from synth.cell.cameras import CAMERA_MODELS
from synth.cell.load import default_cell, load_cell
from synth.errors import CameraError
from synth.hardware.camera import Camera
from synth.hardware.cameras import CAMERAS
from synth.hardware.cameras.driver import SimulatedCamera
from synth.hardware.cameras.realsense import RealSenseCamera
from synth.hardware.simulated.faults_camera import (
    CameraFault,
    ForgottenSettingsFault,
    FrozenStreamFault,
    UnplugFault,
)

from ..hardware.stand_in import Arm, FlatScene

REAL_CELL = os.environ.get("SYNTH_CAMERA_CELL")


DARK, BRIGHT = 1, 90  # Where the arm stands decides how bright the scene is.
METERED = ("exposure", "gain", "white_balance")


def make_camera(name: str, *, arm: Arm | None = None, locked: Mapping[str, float] | None = None) -> Camera:
    if name == "real":
        config = load_cell(Path(REAL_CELL or "")).camera
        return CAMERAS[config.model].camera(config)
    return make_simulated(name, arm or Arm(), locked)[0]


def make_simulated(
    name: str, arm: Arm, locked: Mapping[str, float] | None = None
) -> tuple[Camera, SimulatedCamera]:
    """A camera, not connected yet, and what stands behind it."""
    config = default_cell().camera.model_copy(
        update={"model": name, "preset": CAMERA_MODELS[name].presets[0]}
    )
    return CAMERAS[name].simulated(config, FlatScene(), arm, locked=locked)


def metered_by(camera: Camera) -> dict[str, float]:
    return {name: camera.info.options[f"color.{name}"] for name in METERED}


REAL = pytest.param(
    "real",
    marks=[
        pytest.mark.hardware,
        pytest.mark.skipif(not REAL_CELL, reason="SYNTH_CAMERA_CELL names no cell file with a real camera"),
    ],
)


@pytest.fixture(scope="module", params=[*CAMERAS, REAL])
def camera(request: pytest.FixtureRequest) -> Iterator[Camera]:
    with make_camera(request.param) as connected:
        yield connected


def has_depth(camera: Camera) -> bool:
    return camera.info.depth is not None


def test_a_camera_has_all_of_depth_or_nothing(camera: Camera) -> None:
    """Intrinsics, place and scale of the depth sensor come together."""
    info = camera.info
    assert len({each is None for each in (info.depth, info.T_cam_depth, info.depth_scale_m)}) == 1


@pytest.mark.parametrize("name", CAMERAS)
def test_plans_know_whether_it_has_depth(name: str) -> None:
    """What a cell's checks count on is what the driver gives."""
    with make_camera(name) as connected:
        assert has_depth(connected) == CAMERA_MODELS[name].has_depth


def test_both_frames_are_later_than_asked(camera: Camera) -> None:
    """Neither frame of a pair was taken before ``after_ns``, nor in the future."""
    for _ in range(5):
        after_ns = time.monotonic_ns()
        sample = camera.grab(after_ns=after_ns)
        stamps_ns = [sample.t_color_ns, *([] if sample.t_depth_ns is None else [sample.t_depth_ns])]
        assert after_ns < min(stamps_ns)
        assert max(stamps_ns) < time.monotonic_ns() + 1_000_000


def test_a_pair_is_a_pair(camera: Camera) -> None:
    """Colour and depth were taken within a frame and a half of each other."""
    sample = camera.grab(after_ns=time.monotonic_ns())
    if has_depth(camera):
        assert abs(sample.t_color_ns - sample.t_depth_ns) < 50e6


def test_frame_numbers_only_rise(camera: Camera) -> None:
    """No frame is given out twice."""
    samples = [camera.grab(after_ns=time.monotonic_ns()) for _ in range(4)]
    for stream in ("frame_number_color", "frame_number_depth")[: 1 + has_depth(camera)]:
        numbers = [getattr(sample, stream) for sample in samples]
        assert numbers == sorted(set(numbers))


def test_shapes_types_and_registration(camera: Camera) -> None:
    """Depth has the colour image's shape; both own their memory."""
    sample = camera.grab(after_ns=time.monotonic_ns())
    width, height = camera.info.color.size_wh
    assert sample.rgb_u8.shape == (height, width, 3)
    assert sample.rgb_u8.dtype == np.uint8
    assert sample.rgb_u8.base is None
    if not has_depth(camera):
        assert sample.depth_counts is sample.depth_scale_m is sample.depth_m is None
        return
    assert sample.depth_counts.shape == (height, width)
    assert sample.depth_counts.dtype == np.uint16
    assert sample.depth_counts.flags.owndata or sample.depth_counts.base.flags.owndata
    assert (sample.depth_counts > 0).any()


def test_info_says_how_the_camera_is_set(camera: Camera) -> None:
    """Identity, scale and every option are on record, what was metered among them."""
    info = camera.info
    assert info.name
    assert info.serial
    assert info.firmware
    if has_depth(camera):
        assert 1e-5 < info.depth_scale_m < 1e-2
    assert all(np.isfinite(value) for value in info.options.values())
    for option in METERED:
        assert info.options[f"color.{option}"] > 0


def test_every_camera_that_is_opened_is_known() -> None:
    """A cell file's camera.model names data and a driver."""
    assert list(CAMERAS) == list(CAMERA_MODELS)


@pytest.mark.parametrize("name", CAMERAS)
def test_a_camera_that_is_not_entered_says_so(name: str) -> None:
    """Using a camera outside its context is one sentence, not an attribute error."""
    unconnected = make_camera(name)
    with pytest.raises(CameraError, match="context manager"):
        unconnected.grab(after_ns=0)
    with pytest.raises(CameraError, match="context manager"):
        _ = unconnected.info


@pytest.mark.parametrize("name", CAMERAS)
def test_it_can_be_entered_again(name: str) -> None:
    """Leaving releases the device: the same camera connects a second time and keeps what it metered, however
    bright it has become.
    """
    arm = Arm()
    camera = make_camera(name, arm=arm)
    metered = []
    for key in DARK, BRIGHT:
        arm.go(key)
        with camera:
            camera.grab(after_ns=time.monotonic_ns())
            metered.append(metered_by(camera))
    assert metered[0] == metered[1]


@pytest.mark.parametrize("name", CAMERAS)
def test_locked_values_take_the_place_of_metering(name: str) -> None:
    """What one camera metered before a dark scene is used by another before a bright one, as it is."""
    arm = Arm()
    arm.go(DARK)
    with make_camera(name, arm=arm) as first:
        locked = metered_by(first)
    arm.go(BRIGHT)
    with make_camera(name, arm=arm) as metering, make_camera(name, arm=arm, locked=locked) as told:
        assert metered_by(told) == locked
        assert metered_by(metering) != locked


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A freeze is called one after a third of a second."""
    monkeypatch.setattr(RealSenseCamera, "freeze_s", {"color": 0.3, "depth": 0.4})
    monkeypatch.setattr("synth.hardware.cameras.realsense_stream._POLL_MS", 20)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("name", CAMERAS)
def test_a_fault_that_passes_costs_time_alone(name: str) -> None:
    """An unplugging, a freeze and forgotten settings, one after the other: the picture is as bright as before
    and the settings are those of the beginning.
    """
    camera, device = make_simulated(name, Arm())
    with camera:
        options = dict(camera.info.options)
        before = camera.grab(after_ns=time.monotonic_ns()).rgb_u8.mean()
        for fault in (UnplugFault(), FrozenStreamFault(stream="color"), ForgottenSettingsFault()):
            device.inject(fault)
            after = camera.grab(after_ns=time.monotonic_ns()).rgb_u8.mean()
            assert after == pytest.approx(before, abs=1), fault
            assert camera.info.options == options, fault


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "fault", [UnplugFault(persistent=True), FrozenStreamFault(persistent=True, stream="color")], ids=repr
)
@pytest.mark.parametrize("name", CAMERAS)
def test_a_fault_that_stays_is_one_sentence(name: str, fault: CameraFault) -> None:
    """A camera that is gone, or silent for good, ends a grab with what happened and what to do."""
    camera, device = make_simulated(name, Arm())
    with camera:
        device.inject(fault)
        with pytest.raises(CameraError) as caught:
            camera.grab(after_ns=time.monotonic_ns())
    assert len(str(caught.value)) > 40
    assert "\n" not in str(caught.value)
