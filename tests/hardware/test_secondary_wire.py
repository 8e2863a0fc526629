"""Configuration data as the controller sends it."""

import struct

import numpy as np
import pytest

from synth.geometry.arms import ARM_MODELS
from synth.hardware.arms.secondary_wire import Configuration, find_configuration

UR5E = ARM_MODELS["ur5e"]
SENT = Configuration(
    np.radians([[-363.0, 363.0]] * 5 + [[-10.0, 20.0]]), UR5E.joint_speed_limit_rad_s, UR5E.dh
)


def test_the_package_has_the_published_length():
    """445 bytes, as Universal Robots' guide says, in a message of type 16."""
    message = SENT.to_message()
    assert struct.unpack_from(">iB", message) == (450, 16)
    assert struct.unpack_from(">iB", message, 5) == (445, 6)


def test_it_is_found_among_others_and_only_when_whole():
    """Other messages and packages are passed over; half a message is waited for."""
    other = struct.pack(">iB", 9, 20) + b"text"
    data = other + SENT.to_message()
    assert find_configuration(data[:-1]) is None
    found = find_configuration(data + other)
    np.testing.assert_array_equal(found.joint_range_rad, SENT.joint_range_rad)
    np.testing.assert_array_equal(found.joint_speed_limit_rad_s, SENT.joint_speed_limit_rad_s)
    np.testing.assert_array_equal(found.dh.a_m, UR5E.dh.a_m)
    np.testing.assert_array_equal(found.dh.d_m, UR5E.dh.d_m)
    np.testing.assert_array_equal(found.dh.alpha_rad, UR5E.dh.alpha_rad)


@pytest.mark.parametrize("data", [b"HTTP/1.1 200 OK\r\n", struct.pack(">iB", 3, 16)])
def test_what_is_no_stream_of_messages_is_refused(data):
    """Another program on that port is told from a controller."""
    with pytest.raises(ValueError, match="a message of"):
        find_configuration(data)
