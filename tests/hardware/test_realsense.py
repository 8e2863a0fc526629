"""The camera driver against a device that misbehaves: it recovers, or names the cause."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace

import numpy as np
import pyrealsense2 as rs
import pytest

from synth.cell.cameras import CAMERA_MODELS
from synth.cell.load import default_cell
from synth.errors import CameraError, CameraUnplugged, SettingsLost, StreamFrozen
from synth.hardware.camera import CameraSample
from synth.hardware.cameras import CAMERAS, realsense_metering, realsense_options
from synth.hardware.cameras.realsense import RealSenseCamera
from synth.hardware.cameras.realsense_stream import Stream, StreamFormat
from synth.hardware.simulated.faults_camera import (
    CameraFault,
    DroppedFrameFault,
    ForgottenSettingsFault,
    FrozenStreamFault,
    StaleFrameFault,
    TornPairFault,
    UnplugFault,
)
from synth.hardware.simulated.realsense import SimulatedRealSense

from .stand_in import Arm, FlatScene

DEFAULT = CONFIG = default_cell().camera
make_device = SimulatedRealSense
N_POSES = 3


@pytest.fixture(scope="module", params=["l515", "d435"], autouse=True)
def product(request: pytest.FixtureRequest) -> Iterator[str]:
    """Every test of this file, on one camera of each family."""
    config = DEFAULT.model_copy(
        update={"model": request.param, "preset": CAMERA_MODELS[request.param].presets[0]}
    )
    device = partial(SimulatedRealSense, product=CAMERAS[request.param].product)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(globals(), "CONFIG", config)
        patch.setitem(globals(), "make_device", device)
        yield request.param


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A freeze is called one after a third of a second."""
    monkeypatch.setattr(RealSenseCamera, "freeze_s", {"color": 0.3, "depth": 0.4})
    monkeypatch.setattr("synth.hardware.cameras.realsense_stream._POLL_MS", 20)


class Session:
    """A stand-in bench and a driver that visits poses on it."""

    def __init__(self) -> None:
        self.scene, self.arm = FlatScene(), Arm()
        self.device = make_device(self.scene, self.arm, CONFIG)
        self.camera = RealSenseCamera(CONFIG, self.device)

    def visit(self, faults: list[CameraFault]) -> list[CameraSample]:
        with self.camera:
            for fault in faults:
                self.device.inject(fault)
            samples = []
            for key in range(1, N_POSES + 1):
                self.arm.go(key)
                samples.append(self.camera.grab(after_ns=time.monotonic_ns()))
            return samples


@pytest.fixture(scope="module")
def undisturbed(product: str) -> list[CameraSample]:
    return Session().visit([])


@pytest.mark.parametrize(
    "fault",
    [
        DroppedFrameFault(1, stream="color"),
        DroppedFrameFault(1, stream="depth"),
        StaleFrameFault(1),
        TornPairFault(1),
    ],
    ids=repr,
)
def test_passing_faults_leave_no_trace(fault: CameraFault, undisturbed: list[CameraSample]) -> None:
    """A dropped, stale or torn frame costs time only: samples equal an undisturbed run's, byte for byte."""
    samples = Session().visit([fault])
    for sample, expected in zip(samples, undisturbed, strict=True):
        assert np.array_equal(sample.rgb_u8, expected.rgb_u8)
        assert np.array_equal(sample.depth_counts, expected.depth_counts)


@pytest.mark.parametrize(
    "fault",
    [FrozenStreamFault(1, stream="color"), FrozenStreamFault(1, stream="depth"), UnplugFault(1)],
    ids=repr,
)
def test_one_reset_brings_the_camera_back(fault: CameraFault, undisturbed: list[CameraSample]) -> None:
    """After a freeze or an unplugging the driver resets once, sets the same exposure again, and goes on."""
    session = Session()
    samples = session.visit([fault])
    assert len(samples) == N_POSES
    assert np.array_equal(samples[0].rgb_u8, undisturbed[0].rgb_u8)
    assert np.array_equal(samples[2].rgb_u8, undisturbed[2].rgb_u8)
    assert abs(float(samples[1].rgb_u8.mean()) - float(undisturbed[1].rgb_u8.mean())) < 1


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (FrozenStreamFault(1, persistent=True, stream="color"), StreamFrozen),
        (FrozenStreamFault(1, persistent=True, stream="depth"), StreamFrozen),
        (StaleFrameFault(1, persistent=True), StreamFrozen),
        (TornPairFault(1, persistent=True), StreamFrozen),
        (UnplugFault(1, persistent=True), CameraUnplugged),
        (ForgottenSettingsFault(1, persistent=True), SettingsLost),
    ],
    ids=repr,
)
def test_lasting_faults_end_in_their_own_error(fault: CameraFault, error: type[Exception]) -> None:
    """What a reset does not cure ends in one sentence that says what to do, and the device is let go."""
    session = Session()
    with pytest.raises(error, match="run the same command again"):
        session.visit([fault])
    assert session.camera._link is None


def test_a_frozen_stream_is_named() -> None:
    """Which of the two streams died is said; the living one is not blamed."""
    with pytest.raises(StreamFrozen, match="depth stream"):
        Session().visit([FrozenStreamFault(0, persistent=True, stream="depth")])


def test_forgotten_settings_are_set_again(undisturbed: list[CameraSample]) -> None:
    """Settings that fall back to power-on are noticed before the sample is given out, and set again."""
    session = Session()
    samples = session.visit([ForgottenSettingsFault(1)])
    for sample, expected in zip(samples, undisturbed, strict=True):
        assert abs(float(sample.rgb_u8.mean()) - float(expected.rgb_u8.mean())) < 1


def test_a_device_frozen_from_the_start_is_reset_once() -> None:
    """A camera that an earlier program left frozen connects after one reset; a dead one gives its error."""
    scene, arm = FlatScene(), Arm()
    with RealSenseCamera(CONFIG, make_device(scene, arm, CONFIG, [FrozenStreamFault()])) as camera:
        camera.grab(after_ns=time.monotonic_ns())
    dead = make_device(scene, arm, CONFIG, [FrozenStreamFault(persistent=True)])
    with pytest.raises(StreamFrozen, match="did not help"), RealSenseCamera(CONFIG, dead):
        pass


def test_settings_survive_a_replug() -> None:
    """A replugged device wakes with power-on settings; the driver's own are back before the next sample."""
    session = Session()
    with session.camera as camera:
        before = camera.info.options
        session.device.inject(UnplugFault())
        camera.grab(after_ns=time.monotonic_ns())
        assert camera.info.options == before


def test_metering_makes_the_picture_as_bright_as_wanted(product: str) -> None:
    """The device's automatics meter a dim and a bright scene to the same brightness, then stay off; a D435
    has an eighth of the gain to do it with.
    """
    means = []
    for radiance in (30.0 if product == "l515" else 120.0, 200.0):
        session = Session()
        session.scene.color = lambda q, level=radiance: level  # type: ignore[method-assign]
        with session.camera as camera:
            means.append(camera.grab(after_ns=time.monotonic_ns()).rgb_u8.mean())
    assert means[0] == pytest.approx(means[1], rel=0.08)


def test_locked_values_are_used_instead_of_metering() -> None:
    """A continued run takes over the exposure, gain and white balance that the first part metered."""
    locked = {"exposure": 88.0, "gain": 70.0, "white_balance": 5100.0}
    device = make_device(FlatScene(), Arm(), CONFIG)
    with RealSenseCamera(CONFIG, device, locked=locked) as camera:
        assert {name: camera.info.options[f"color.{name}"] for name in locked} == locked


def test_every_option_that_matters_is_on_record(product: str) -> None:
    """Automatics off, the host's clock, and the cell's preset, as librealsense reads them back."""
    with RealSenseCamera(CONFIG, make_device(FlatScene(), Arm(), CONFIG)) as camera:
        options = camera.info.options
    assert options["color.enable_auto_exposure"] == 0
    assert options["color.enable_auto_white_balance"] == 0
    assert options["color.auto_exposure_priority"] == 0
    assert options["color.global_time_enabled"] == options["depth.global_time_enabled"] == 1
    assert options["depth.visual_preset"] == {"l515": 5, "d435": 3}[product]


def test_a_fixed_exposure_is_not_metered() -> None:
    """A number in the cell is the exposure, whatever the scene."""
    config = CONFIG.model_copy(update={"exposure": 222.0})
    with RealSenseCamera(config, make_device(FlatScene(), Arm(), config)) as camera:
        assert camera.info.options["color.exposure"] == 222


class SilentSensor:
    """A colour sensor whose automatics do not say what they chose: its options stay at power-on."""

    def __init__(self) -> None:
        device = rs.software_device()
        self.sensor = device.add_sensor("RGB Camera")
        for name, (low, high, at_power_on) in {
            "exposure": (1, 10000, 156),
            "gain": (0, 4096, 64),
            "white_balance": (2800, 6500, 4600),
        }.items():
            allowed = rs.option_range()
            allowed.min, allowed.max, allowed.step, allowed.default = low, high, 1, at_power_on
            self.sensor.add_option(getattr(rs.option, name), allowed, True)
        self.device = device

    def frame(self) -> "SilentShot":
        return SilentShot(255 * min(1.0, self.sensor.get_option(rs.option.exposure) / 2000) ** (1 / 2.2))


class SilentShot:
    """A grey frame without metadata."""

    def __init__(self, level: float) -> None:
        self._level = level
        self.frame = SimpleNamespace(supports_frame_metadata=lambda _field: False)

    def pixels(self) -> np.ndarray:
        return np.full((72, 128, 3), self._level, dtype=np.uint8)


def test_exposure_is_searched_where_there_are_no_automatics() -> None:
    """Without automatic exposure the driver searches one that gives a mid-grey picture."""
    silent = SilentSensor()
    locked = realsense_metering.meter(silent.sensor, silent.frame, None)
    assert silent.frame().pixels().mean() == pytest.approx(110, rel=0.09)
    assert realsense_options.read(silent.sensor, "exposure") == locked["exposure"]


def depth_frames(noise: Callable[[int], int]) -> Callable[[], np.ndarray]:
    rng, count = np.random.default_rng(0), iter(range(10_000))

    def frame() -> np.ndarray:
        amplitude = noise(next(count))
        return (4000 + rng.integers(-amplitude, amplitude + 1, (60, 80))).astype(np.uint16)

    return frame


def test_warm_up_waits_for_flat_noise_and_a_valid_temperature() -> None:
    """It goes on while the noise still changes or the sensor reports no temperature."""
    taken: list[int] = []
    settling = depth_frames(lambda i: max(60 - 5 * i, 10))
    temperatures = iter([None] * 3 + [38.0] * 100)

    def next_depth() -> np.ndarray:
        taken.append(1)
        return settling()

    realsense_metering.warm_up(next_depth, lambda: next(temperatures) is not None)
    assert 12 <= len(taken) <= 40


def test_warm_up_is_time_boxed(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A sensor that never becomes steady costs its minute and a warning, not the run."""
    monkeypatch.setattr(realsense_metering, "_WARM_UP_S", 0.05)
    realsense_metering.warm_up(depth_frames(lambda i: 10), lambda: False)
    assert "not steady" in caplog.text


def test_a_resolution_the_device_lacks_lists_what_it_has() -> None:
    """Asking for a format that is not there names those that are."""
    device = make_device(FlatScene(), Arm(), CONFIG).open()
    stream = Stream(device.query_sensors()[1], StreamFormat("color", "rgb8", (1920, 1080), 30), 1.0)
    with pytest.raises(CameraError, match=r"no color stream of 1920×1080.*1280×720 at 30"):
        stream.start("x")
