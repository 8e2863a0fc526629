"""What a UR controller says of itself on its secondary interface: joint limits, speeds and kinematics.

A message is ``int32 size, uint8 type``, big-endian, the size counting its own five bytes; a robot state
(type 16) holds packages of the same form. Layout: Universal Robots' guide to the client interfaces,
package 6, «configuration data».
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from synth.geometry.arm import DH
from synth.geometry.se3 import Array

ROBOT_STATE, CONFIGURATION = 16, 6
_HEADER = struct.Struct(">iB")
_NUMBERS = struct.Struct(
    ">53d"
)  # 6 × (low, high), 6 × (speed, acceleration), 5 defaults, then a, d, alpha, theta.
_TYPES_BYTES = 16  # Board, box, robot and its sub-type, which are not read.
_MAX_BYTES = 1 << 16


@dataclass(frozen=True, eq=False)
class Configuration:
    """joint_range_rad: [6,2] lower and upper limits. joint_speed_limit_rad_s: [6]. dh: the kinematics."""

    joint_range_rad: Array
    joint_speed_limit_rad_s: Array
    dh: DH

    def to_message(self) -> bytes:
        """A robot state that holds this alone; accelerations and defaults, which nothing reads, are 0."""
        motion = np.stack([self.joint_speed_limit_rad_s, np.zeros(6)], axis=1)
        dh = (self.dh.a_m, self.dh.d_m, self.dh.alpha_rad, self.dh.theta_rad)
        numbers = np.concatenate([self.joint_range_rad.ravel(), motion.ravel(), np.zeros(5), *dh])
        body = _NUMBERS.pack(*numbers.tolist()) + bytes(_TYPES_BYTES)
        package = _HEADER.pack(_HEADER.size + len(body), CONFIGURATION) + body
        return _HEADER.pack(_HEADER.size + len(package), ROBOT_STATE) + package


def find_configuration(data: bytes) -> Configuration | None:
    """The first in a stream that begins with a message, None while it has not arrived whole.

    Raises ValueError for what is no stream of messages.
    """
    for kind, message in _split(data):
        if kind == ROBOT_STATE:
            for package, body in _split(message):
                if package == CONFIGURATION:
                    return _parse(body)
    return None


def _split(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _HEADER.size <= len(data):
        size, kind = _HEADER.unpack_from(data, at)
        if not _HEADER.size <= size <= _MAX_BYTES:
            raise ValueError(f"a message of {size} bytes")
        if at + size > len(data):
            return
        yield kind, data[at + _HEADER.size : at + size]
        at += size


def _parse(body: bytes) -> Configuration:
    if len(body) < _NUMBERS.size:
        raise ValueError(f"configuration data of {len(body)} bytes")
    numbers = np.array(_NUMBERS.unpack_from(body))
    a_m, d_m, alpha_rad, theta_rad = numbers[29:].reshape(4, 6)
    return Configuration(
        joint_range_rad=numbers[:12].reshape(6, 2),
        joint_speed_limit_rad_s=numbers[12:24:2],
        dh=DH(a_m, d_m, alpha_rad, theta_rad),
    )
