"""One sensor's stream: opened into its own queue, every frame stamped on our clock, old frames refused."""

import contextlib
import logging
import threading
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synth.errors import CameraError, StreamFrozen
from synth.hardware.cameras.realsense_sdk import load_sdk
from synth.hardware.cameras.realsense_source import DeviceSource, raise_if_busy

_STOP_S = 5.0
_POLL_MS = 100
_MIN_ROUNDS = 10  # A stream is frozen after its time and as many polls: one slow poll is no freeze.
_MAX_GAP_FRAMES = 1.5  # Colour and depth of an L515 are not in step.

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class StampedFrame:
    """A librealsense frame and when it was taken, ``t_ns`` on ``time.monotonic_ns()``."""

    frame: Any
    number: int
    t_ns: int

    def pixels(self) -> NDArray[Any]:
        """A copy: the memory under the frame goes back to librealsense with it."""
        return np.array(self.frame.as_video_frame().get_data())


@dataclass(frozen=True)
class StreamFormat:
    """What is asked of a sensor. ``kind`` and ``pixel_format`` are members of rs.stream and rs.format."""

    kind: str
    pixel_format: str
    size_wh: tuple[int, int]
    fps: int


class Stream:
    """Frames of one sensor, newest first, each given out once and in order.

    A queue of its own rather than librealsense's syncer: that one calls a stream inactive after a pause of
    some ten frames and then gives the next pair as two halves, and it cannot tell which of two streams has
    died.
    """

    def __init__(self, sensor: Any, wanted: StreamFormat, freeze_s: float) -> None:
        self.sensor = sensor
        self.name = wanted.kind
        self.freeze_s = freeze_s
        self.refused = 0
        self._wanted = wanted
        self._queue = load_sdk().frame_queue(4)
        self._last_number = -1

    def start(self, serial: str) -> Any:
        """Open and start; gives the profile. Raises CameraBusy, or CameraError naming what the sensor has."""
        profile = self._profile()
        try:
            self.sensor.open(profile)
            self.sensor.start(self._queue)
        except RuntimeError as error:
            raise_if_busy(error, serial)
            raise
        return profile

    def stop(self) -> None:
        """Stop and close, in bounded time: librealsense can hang here when the device is gone."""

        def release() -> None:
            for call in (self.sensor.stop, self.sensor.close):
                with contextlib.suppress(RuntimeError):
                    call()

        worker = threading.Thread(target=release, name=f"stop-{self.name}", daemon=True)
        worker.start()
        worker.join(_STOP_S)
        if worker.is_alive():
            log.warning("The %s sensor does not stop; it is left to the operating system", self.name)

    def newest(self, timeout_ms: int) -> StampedFrame | None:
        """The newest frame not given before, or None; frames that go back in number are refused."""
        newest = None
        arrived, frame = self._queue.try_wait_for_frame(timeout_ms)
        while arrived:
            newest = self._accept(frame) or newest
            frame = self._queue.poll_for_frame()
            arrived = bool(frame)
        return newest

    def _accept(self, frame: Any) -> StampedFrame | None:
        rs = load_sdk()
        domain = frame.get_frame_timestamp_domain()
        if domain == rs.timestamp_domain.hardware_clock:
            return None  # Global time is still being fitted; this stamp is on no clock of ours.
        number = int(frame.get_frame_number())
        if number <= self._last_number:
            if self.refused == 0:
                log.warning(
                    "The %s stream gave frame %d after %d: refused", self.name, number, self._last_number
                )
            self.refused += 1
            return None
        self._last_number = number
        t_ns = round(float(frame.get_timestamp()) * 1e6) + _epoch_to_monotonic_ns()
        if domain == rs.timestamp_domain.system_time:
            # Stamped when it arrived, up to a frame after it was exposed.
            t_ns -= round(1e9 / self._wanted.fps)
        return StampedFrame(frame, number, t_ns)

    def _profile(self) -> Any:
        rs, wanted = load_sdk(), self._wanted
        offers = []
        for profile in self.sensor.get_stream_profiles():
            if profile.stream_type() != getattr(rs.stream, wanted.kind):
                continue
            video = profile.as_video_stream_profile()
            if profile.format() == getattr(rs.format, wanted.pixel_format):
                if ((video.width(), video.height()), profile.fps()) == (wanted.size_wh, wanted.fps):
                    return profile
                offers.append(f"{video.width()}×{video.height()} at {profile.fps()}")
        width, height = wanted.size_wh
        raise CameraError(
            f"The camera has no {wanted.kind} stream of {width}×{height} at {wanted.fps} frames/s; it offers "
            f"{', '.join(sorted(set(offers))) or 'none'}: correct camera.{wanted.kind}_size_wh or camera.fps"
        )


class StreamPair:
    """Colour and depth of one device, each watched for itself."""

    def __init__(self, source: DeviceSource, color: Stream, depth: Stream, fps: int) -> None:
        self.color, self.depth = color, depth
        self._source = source
        self._max_gap_ns = _MAX_GAP_FRAMES * 1e9 / fps

    def next(self) -> tuple[StampedFrame, StampedFrame]:
        """Colour and depth taken from now on."""
        return self.wait(time.monotonic_ns())

    def wait(self, after_ns: int, patience: float = 1.0) -> tuple[StampedFrame, StampedFrame]:
        """The next colour and depth frame taken after ``after_ns`` and close to each other.

        Raises StreamFrozen naming the stream that gave none; ``patience`` stretches the streams' times.
        """
        started = time.monotonic()
        found: dict[str, StampedFrame] = {}
        rounds = 0
        while True:
            self._source.request_frames()
            rounds += 1
            for stream in (self.color, self.depth):
                frame = stream.newest(1 if stream.name in found else _POLL_MS)
                if frame and frame.t_ns > after_ns:
                    found[stream.name] = frame
            if len(found) == 2:
                if abs(found["color"].t_ns - found["depth"].t_ns) <= self._max_gap_ns:
                    return found["color"], found["depth"]
                del found[min(found, key=lambda name: found[name].t_ns)]
            waited_s = time.monotonic() - started
            for stream in (self.color, self.depth):
                if (
                    stream.name not in found
                    and rounds >= _MIN_ROUNDS
                    and waited_s > patience * stream.freeze_s
                ):
                    raise StreamFrozen(
                        f"The {stream.name} stream gave no new frame for {waited_s:.1f} s ({stream.refused} "
                        "old ones refused): check cable and port, unplug the camera for 10 s, then run the "
                        "same command again"
                    )

    def stop(self) -> None:
        """Stop both, in bounded time."""
        for stream in (self.color, self.depth):
            stream.stop()


def _epoch_to_monotonic_ns() -> int:
    """What to add to a stamp since the epoch to have it on ``time.monotonic_ns()``.

    Global time is the host's wall clock. Taken anew for each frame, since the wall clock may be set while we
    run; the narrowest of three brackets, since the process may be put aside between the two readings.
    """
    brackets = []
    for _ in range(3):
        before, wall, after = time.monotonic_ns(), time.time_ns(), time.monotonic_ns()
        brackets.append((after - before, (before + after) // 2 - wall))
    return min(brackets)[1]
