"""What every Camera promises, whichever of CAMERAS it is and whatever stands behind it."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from synth.cell.cameras import CAMERA_MODELS
from synth.cell.load import default_cell, load_cell
from synth.errors import CameraError
from synth.hardware.camera import Camera
from synth.hardware.cameras import CAMERAS

from ..hardware.stand_in import Arm, FlatScene

REAL_CELL = os.environ.get("SYNTH_CAMERA_CELL")


def make_camera(name: str) -> Camera:
    if name == "real":
        config = load_cell(Path(REAL_CELL or "")).camera
        return CAMERAS[config.model].camera(config)
    config = default_cell().camera.model_copy(update={"model": name})
    return CAMERAS[name].simulated(config, FlatScene(), Arm())[0]


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


def test_both_frames_are_later_than_asked(camera: Camera) -> None:
    """Neither frame of a pair was taken before ``after_ns``, nor in the future."""
    for _ in range(5):
        after_ns = time.monotonic_ns()
        sample = camera.grab(after_ns=after_ns)
        assert after_ns < min(sample.t_color_ns, sample.t_depth_ns)
        assert max(sample.t_color_ns, sample.t_depth_ns) < time.monotonic_ns() + 1_000_000


def test_a_pair_is_a_pair(camera: Camera) -> None:
    """Colour and depth were taken within a frame and a half of each other."""
    sample = camera.grab(after_ns=time.monotonic_ns())
    assert abs(sample.t_color_ns - sample.t_depth_ns) < 50e6


def test_frame_numbers_only_rise(camera: Camera) -> None:
    """No frame is given out twice."""
    samples = [camera.grab(after_ns=time.monotonic_ns()) for _ in range(4)]
    for stream in ("frame_number_color", "frame_number_depth"):
        numbers = [getattr(sample, stream) for sample in samples]
        assert numbers == sorted(set(numbers))


def test_shapes_types_and_registration(camera: Camera) -> None:
    """Depth has the colour image's shape; both own their memory."""
    sample = camera.grab(after_ns=time.monotonic_ns())
    width, height = camera.info.color.size_wh
    assert sample.rgb_u8.shape == (height, width, 3)
    assert sample.rgb_u8.dtype == np.uint8
    assert sample.depth_counts.shape == (height, width)
    assert sample.depth_counts.dtype == np.uint16
    assert sample.rgb_u8.base is None
    assert sample.depth_counts.flags.owndata or sample.depth_counts.base.flags.owndata
    assert (sample.depth_counts > 0).any()


def test_info_says_how_the_camera_is_set(camera: Camera) -> None:
    """Identity, scale and every option that matters are on record, automatics off."""
    info = camera.info
    assert info.name
    assert info.serial
    assert info.firmware
    assert 1e-5 < info.depth_scale_m < 1e-2
    for option in ("exposure", "gain", "white_balance"):
        assert info.options[f"color.{option}"] > 0
    assert info.options["color.enable_auto_exposure"] == 0
    assert info.options["color.enable_auto_white_balance"] == 0
    assert info.options["color.auto_exposure_priority"] == 0
    assert info.options["color.global_time_enabled"] == 1
    assert info.options["depth.visual_preset"] == 5


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
    """Leaving releases the device: the same camera connects a second time and keeps its metered exposure."""
    camera = make_camera(name)
    exposures = []
    for _ in range(2):
        with camera:
            camera.grab(after_ns=time.monotonic_ns())
            exposures.append(camera.info.options["color.exposure"])
    assert exposures[0] == exposures[1]
