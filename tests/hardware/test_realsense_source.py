"""Finding a camera on USB: every way not to find one has its own sentence."""

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyrealsense2 as rs
import pytest

from synth.errors import CameraBusy, CameraNotFound, CameraUnplugged, InputError, SdkDroppedCamera
from synth.hardware.cameras import realsense_source
from synth.hardware.cameras.realsense_source import UsbSource, find_l515_on_usb, probe, raise_if_busy


class FakeDevice:
    """The border of the SDK: what a device says about itself, and its reset."""

    def __init__(self, serial: str, usb: str = "3.2") -> None:
        self.resets = 0
        self._said = {
            rs.camera_info.serial_number: serial,
            rs.camera_info.usb_type_descriptor: usb,
            rs.camera_info.product_line: "L500",
            rs.camera_info.name: "Intel RealSense L515",
            rs.camera_info.firmware_version: "01.05.08.01",
        }

    def supports(self, field: Any) -> bool:
        return field in self._said

    def get_info(self, field: Any) -> str:
        return self._said[field]

    def hardware_reset(self) -> None:
        self.resets += 1


@pytest.fixture
def plugged(monkeypatch: pytest.MonkeyPatch) -> list[FakeDevice]:
    """The devices that librealsense sees; tests fill it. No L515 is on the machine's real bus."""
    devices: list[FakeDevice] = []
    context = SimpleNamespace(query_devices=lambda: devices)
    monkeypatch.setattr(rs, "context", lambda: context)
    monkeypatch.setattr(realsense_source, "find_l515_on_usb", lambda: False)
    monkeypatch.setattr(realsense_source.time, "sleep", lambda _s: None)
    return devices


def l515_in_sysfs(folder: Path) -> Path:
    entry = folder / "2-1"
    entry.mkdir()
    (entry / "idVendor").write_text("8086\n")
    (entry / "idProduct").write_text("0b64\n")
    (folder / "usb1").mkdir()
    return folder


def test_the_one_with_our_serial_is_taken(plugged: list[FakeDevice]) -> None:
    """Among several cameras the serial of the cell decides; «any» takes the only one there is."""
    plugged += [FakeDevice("f1"), FakeDevice("f2")]
    assert UsbSource("f2").open() is plugged[1]
    del plugged[1]
    assert UsbSource("any").open() is plugged[0]


def test_no_camera(plugged: list[FakeDevice]) -> None:
    """Nothing connected, another serial, and too many for «any» are told apart."""
    with pytest.raises(CameraNotFound, match="No RealSense camera is connected"):
        UsbSource("any").open()
    plugged += [FakeDevice("f1"), FakeDevice("f2")]
    with pytest.raises(CameraNotFound, match=r"serial f9 \(connected: f1, f2\)"):
        UsbSource("f9").open()
    with pytest.raises(CameraNotFound, match=r"2 cameras.*f1, f2"):
        UsbSource("any").open()


def test_an_l515_that_the_sdk_dropped(plugged: list[FakeDevice], monkeypatch: pytest.MonkeyPatch) -> None:
    """An L515 on USB without a driver in the SDK is not «no device»: the wheel to install is named."""
    monkeypatch.setattr(realsense_source, "find_l515_on_usb", lambda: True)
    with pytest.raises(SdkDroppedCamera, match=r"pyrealsense2==2\.54\.2\.5684.*Python 3\.11"):
        UsbSource("any").open()
    part, found, verdict, advice = next(iter(probe()))
    assert (part, verdict) == ("Camera", "bad")
    assert "does not see" in found
    assert "2.54.2.5684" in advice


def test_sysfs_is_read(tmp_path: Path) -> None:
    """The kernel's list is searched for vendor 8086, product 0b64; entries without ids are passed over."""
    assert not find_l515_on_usb(tmp_path)
    assert find_l515_on_usb(l515_in_sysfs(tmp_path))


def test_warnings_for_usb_2_and_a_second_laser(
    plugged: list[FakeDevice], caplog: pytest.LogCaptureFixture
) -> None:
    """A USB 2 link and a second L500 in the room are warned of, and do not stop the run."""
    plugged += [FakeDevice("f1", usb="2.1"), FakeDevice("f2")]
    with caplog.at_level(logging.WARNING):
        UsbSource("f1").open()
    assert "USB 2.1" in caplog.text
    assert "2 L500 cameras" in caplog.text


def test_reset_touches_only_our_serial(plugged: list[FakeDevice]) -> None:
    """A neighbour's camera is never reset."""
    plugged += [FakeDevice("f1"), FakeDevice("f2")]
    source = UsbSource("f2")
    source.open()
    source.reset()
    assert [device.resets for device in plugged] == [0, 1]


def test_a_camera_that_stays_away(plugged: list[FakeDevice], monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that does not come back after its reset is unplugged, in bounded time."""
    plugged.append(FakeDevice("f1"))
    source = UsbSource("f1")
    source.open()
    plugged.clear()
    monkeypatch.setattr(realsense_source, "_REAPPEAR_S", 0.02)
    with pytest.raises(CameraUnplugged, match="f1 did not come back"):
        source.reset()


def test_another_program_holds_it() -> None:
    """librealsense's words for a busy device become CameraBusy; other words stay what they are."""
    with pytest.raises(CameraBusy, match="viewer"):
        raise_if_busy(RuntimeError("xioctl(VIDIOC_S_FMT) failed Last Error: Device or resource busy"), "f1")
    raise_if_busy(RuntimeError("Frame didn't arrive within 5000"), "f1")


def test_usb_errors_are_counted() -> None:
    """librealsense's control transfer warnings are counted: they mean cable or port."""
    source = UsbSource("any")
    for _ in range(3):
        rs.log(rs.log_severity.warn, "control_transfer returned error, index: 300, error: Success, number: 0")
    assert source.usb_errors == 3


def test_probe_lists_devices(plugged: list[FakeDevice]) -> None:
    """`synth doctor` shows serial and firmware, and advises a better port for USB 2."""
    assert next(iter(probe()))[:3] == ("Camera", "none", "note")
    plugged.append(FakeDevice("f1", usb="2.1"))
    _, found, verdict, advice = next(iter(probe()))
    assert "serial f1" in found
    assert "01.05.08.01" in found
    assert verdict == "note"
    assert "USB 3" in advice


def test_without_the_sdk_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing pyrealsense2 is an input error that says what to install."""
    monkeypatch.setitem(__import__("sys").modules, "pyrealsense2", None)
    with pytest.raises(InputError, match=r"install .*\[hardware\]"):
        UsbSource("any")
