"""How a RealSense device is found, and what `synth doctor` says about it."""

import errno
import logging
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from synth.errors import CameraBusy, CameraNotFound, CameraUnplugged, InputError, SdkDroppedCamera
from synth.extras import how_to_install_package
from synth.hardware.cameras.realsense_sdk import WHEEL, load_sdk, sdk_version
from synth.hardware.probe import ProbeRow

ANY = "any"
_USB_ID_L515 = ("8086", "0b64")
_SYSFS = Path("/sys/bus/usb/devices")
_REAPPEAR_S = 20.0

log = logging.getLogger(__name__)


class DeviceSource(Protocol):
    """Where the driver gets its librealsense device: the one difference between real and simulated."""

    simulated: bool
    usb_errors: int

    def open(self) -> Any:
        """The ``rs.device``, not yet streaming.

        Raises CameraNotFound, SdkDroppedCamera or CameraUnplugged.
        """
        ...

    def request_frames(self) -> None:
        """Make frames now; a free-running device ignores it."""
        ...

    def reset(self) -> None:
        """Reset this one device and wait until it is back; raises CameraUnplugged when it stays away."""
        ...


class UsbSource:
    """A camera on USB, by serial number, or the only one when ``serial`` is "any"."""

    simulated = False

    def __init__(self, serial: str) -> None:
        self._serial = serial
        self._context = load_sdk().context()
        self.usb_errors = 0
        self._count_usb_errors()

    def open(self) -> Any:
        rs = load_sdk()
        devices = self._devices()
        _warn_of_two_lasers(devices)
        device = self._pick(devices)
        self._serial = _info(device, rs.camera_info.serial_number)
        usb = _info(device, rs.camera_info.usb_type_descriptor)
        if usb.startswith("2"):
            log.warning(
                "Camera %s is on USB %s: frames will be lost; use a USB 3 port and cable", self._serial, usb
            )
        return device

    def request_frames(self) -> None:
        pass

    def reset(self) -> None:
        for device in self._devices():
            if _info(device, load_sdk().camera_info.serial_number) == self._serial:
                device.hardware_reset()
                time.sleep(2.0)  # The old entry stays listed for about a second.
        deadline = time.monotonic() + _REAPPEAR_S
        while time.monotonic() < deadline:
            if any(_info(d, load_sdk().camera_info.serial_number) == self._serial for d in self._devices()):
                return
            time.sleep(0.5)
        raise CameraUnplugged(
            f"Camera {self._serial} did not come back within {_REAPPEAR_S:.0f} s of its reset: check cable "
            "and port, then run the same command again"
        )

    def _devices(self) -> list[Any]:
        return list(self._context.query_devices())

    def _pick(self, devices: list[Any]) -> Any:
        rs = load_sdk()
        serials = [_info(d, rs.camera_info.serial_number) for d in devices]
        if self._serial in serials:
            return devices[serials.index(self._serial)]
        if self._serial == ANY and len(devices) == 1:
            return devices[0]
        if self._serial == ANY and devices:
            raise CameraNotFound(
                f"{len(devices)} cameras are connected ({', '.join(serials)}): "
                "write one of these serials in camera.serial"
            )
        if find_l515_on_usb() and not devices:
            raise SdkDroppedCamera(
                f"An L515 is on USB but pyrealsense2 {sdk_version()} does not see it; versions after 2.54 "
                f"have no driver for it: {how_to_install_package(WHEEL)} in Python 3.11 (if that is the "
                "version you have, unplug the camera and check the udev rules)"
            )
        if not devices:
            raise CameraNotFound("No RealSense camera is connected: plug the camera into a USB 3 port")
        raise CameraNotFound(
            f"No camera has the serial {self._serial} (connected: {', '.join(serials)}): correct "
            "camera.serial"
        )

    def _count_usb_errors(self) -> None:
        rs = load_sdk()

        def count(_severity: Any, message: Any) -> None:
            if "control_transfer returned" in message.raw():
                self.usb_errors += 1

        rs.log_to_callback(rs.log_severity.warn, count)


def raise_if_busy(error: RuntimeError, serial: str) -> None:
    """Turn the SDK's words for «another program streams from it» into CameraBusy."""
    if re.search(rf"busy|errno:? *{errno.EBUSY}\b|Last Error: Device or resource", str(error), re.IGNORECASE):
        raise CameraBusy(
            f"Camera {serial} is used by another program ({error}): close the RealSense viewer or whatever "
            "holds it, then run the same command again"
        ) from None


def find_l515_on_usb(sysfs: Path = _SYSFS) -> bool:
    """Whether the kernel lists an L515 (vendor 8086, product 0b64), whatever librealsense thinks."""
    return any(
        (_text(entry / "idVendor"), _text(entry / "idProduct")) == _USB_ID_L515 for entry in sysfs.glob("*")
    )


def probe() -> Iterator[ProbeRow]:
    """For `synth doctor`; opens no stream."""
    on_usb = find_l515_on_usb()
    try:
        rs = load_sdk()
    except InputError as error:
        yield ProbeRow(
            "Camera",
            "an L515 on USB, no SDK" if on_usb else "no SDK",
            "bad" if on_usb else "note",
            str(error),
        )
        return
    devices = list(rs.context().query_devices())
    if on_usb and not any(_is_l500(d) for d in devices):
        yield ProbeRow(
            "Camera",
            f"an L515 on USB that pyrealsense2 {sdk_version()} does not see",
            "bad",
            f"{how_to_install_package(WHEEL)} in Python 3.11; if that is the version you have, check the "
            "udev rules",
        )
    elif not devices:
        yield ProbeRow("Camera", "none", "note", "the simulated cell needs none")
    for device in devices:
        usb = _info(device, rs.camera_info.usb_type_descriptor)
        found = (
            f"{_info(device, rs.camera_info.name)}, serial {_info(device, rs.camera_info.serial_number)}, "
            f"firmware {_info(device, rs.camera_info.firmware_version)}, USB {usb}"
        )
        slow = usb.startswith("2")
        yield ProbeRow(
            "Camera", found, "note" if slow else "ok", "use a USB 3 port and cable" if slow else ""
        )


def _warn_of_two_lasers(devices: list[Any]) -> None:
    count = sum(_is_l500(d) for d in devices)
    if count > 1:
        log.warning(
            "%d L500 cameras are connected: their lasers disturb each other's depth; unplug all but one",
            count,
        )


def _is_l500(device: Any) -> bool:
    return _info(device, load_sdk().camera_info.product_line) == "L500"


def _info(device: Any, field: Any) -> str:
    return str(device.get_info(field)) if device.supports(field) else ""


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip().lower()
    except OSError:
        return ""
