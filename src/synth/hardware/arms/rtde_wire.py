"""Universal Robots' Real-Time Data Exchange on the wire: frames and values, no sockets.

A frame is ``uint16 size, uint8 type, payload``, big-endian, the size counting its own three bytes. Names and
types are those of the RTDE guide published by Universal Robots.
"""

import struct
from collections.abc import Iterator, Sequence
from enum import IntEnum

HEADER_BYTES = 3
PROTOCOL_VERSION = 2

Value = int | float | tuple[int, ...] | tuple[float, ...]

_FORMATS = {
    "UINT8": "B",
    "UINT32": "I",
    "UINT64": "Q",
    "INT32": "i",
    "DOUBLE": "d",
    "VECTOR3D": "3d",
    "VECTOR6D": "6d",
    "VECTOR6INT32": "6i",
}


class Kind(IntEnum):
    """Type byte of a frame."""

    VERSION = ord("V")
    CONTROLLER_VERSION = ord("v")
    TEXT = ord("M")
    DATA = ord("U")
    OUTPUTS = ord("O")
    INPUTS = ord("I")
    START = ord("S")
    PAUSE = ord("P")


def frame(kind: Kind, payload: bytes = b"") -> bytes:
    """One frame, ready to send."""
    return struct.pack(">HB", HEADER_BYTES + len(payload), kind) + payload


class FrameBuffer:
    """Cuts a byte stream into frames, whatever the sizes in which it arrives."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Take ``data`` and yield (type byte, payload) of every frame it completes.

        Raises ValueError on a size that cannot be: the stream is not RTDE.
        """
        self._bytes += data
        while len(self._bytes) >= HEADER_BYTES:
            size, kind = struct.unpack_from(">HB", self._bytes)
            if size < HEADER_BYTES:
                raise ValueError(f"an RTDE frame cannot be {size} bytes long; the peer does not speak RTDE")
            if len(self._bytes) < size:
                return
            payload = bytes(self._bytes[HEADER_BYTES:size])
            del self._bytes[:size]
            yield kind, payload


class Recipe:
    """The values of a data frame: their types, in order."""

    def __init__(self, types: Sequence[str]) -> None:
        self._struct = struct.Struct(">" + "".join(_FORMATS[t] for t in types))
        self._counts = [struct.calcsize(">" + _FORMATS[t]) // struct.calcsize(_FORMATS[t][-1]) for t in types]
        self._is_vector = [t.startswith("VECTOR") for t in types]

    def pack(self, values: Sequence[Value]) -> bytes:
        """The values in recipe order as bytes, without the recipe's id."""
        flat: list[int | float] = []
        for value in values:
            if isinstance(value, tuple):
                flat.extend(value)
            else:
                flat.append(value)
        return self._struct.pack(*flat)

    def unpack(self, payload: bytes) -> list[Value]:
        """The inverse of ``pack``; raises ValueError when the length does not fit the recipe."""
        if len(payload) != self._struct.size:
            raise ValueError(f"got {len(payload)} bytes for a recipe of {self._struct.size}")
        flat = self._struct.unpack(payload)
        values: list[Value] = []
        at = 0
        for count, is_vector in zip(self._counts, self._is_vector, strict=True):
            values.append(tuple(flat[at : at + count]) if is_vector else flat[at])
            at += count
        return values
