"""The RTDE codec: what goes in comes out, however the bytes arrive."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.hardware.arms.rtde_wire import FrameBuffer, Kind, Recipe, frame

DOUBLES = st.floats(allow_nan=False, width=64)
VALUES = {
    "UINT8": st.integers(0, 2**8 - 1),
    "UINT32": st.integers(0, 2**32 - 1),
    "UINT64": st.integers(0, 2**64 - 1),
    "INT32": st.integers(-(2**31), 2**31 - 1),
    "DOUBLE": DOUBLES,
    "VECTOR3D": st.tuples(*[DOUBLES] * 3),
    "VECTOR6D": st.tuples(*[DOUBLES] * 6),
    "VECTOR6INT32": st.tuples(*[st.integers(-(2**31), 2**31 - 1)] * 6),
}
TYPED_VALUES = st.lists(
    st.sampled_from(sorted(VALUES)).flatmap(lambda kind: st.tuples(st.just(kind), VALUES[kind])), max_size=12
)


@given(TYPED_VALUES)
def test_recipe_round_trips(typed: list[tuple[str, object]]) -> None:
    """Every sequence of typed values comes back equal."""
    recipe = Recipe([kind for kind, _ in typed])
    values = [value for _, value in typed]
    assert recipe.unpack(recipe.pack(values)) == values


@given(
    st.lists(st.tuples(st.sampled_from(list(Kind)), st.binary(max_size=40)), max_size=6),
    st.lists(st.integers(1, 9), min_size=1),
)
def test_frames_survive_any_chunking(frames: list[tuple[Kind, bytes]], sizes: list[int]) -> None:
    """A stream cut anywhere gives the same frames in the same order."""
    stream = b"".join(frame(kind, payload) for kind, payload in frames)
    buffer, found, i_chunk = FrameBuffer(), [], 0
    while stream:
        size = sizes[i_chunk % len(sizes)]
        found += list(buffer.feed(stream[:size]))
        stream, i_chunk = stream[size:], i_chunk + 1
    assert found == frames


def test_layout_is_universal_robots() -> None:
    """Big-endian size, type byte, payload: the bytes that the RTDE guide gives for a version request."""
    assert frame(Kind.VERSION, struct.pack(">H", 2)) == bytes([0, 5, ord("V"), 0, 2])


def test_nonsense_is_refused() -> None:
    """A stream that is not RTDE, or a payload that does not fit its recipe, raises instead of misreading."""
    with pytest.raises(ValueError, match="does not speak RTDE"):
        list(FrameBuffer().feed(b"\x00\x00HTTP"))
    with pytest.raises(ValueError, match="recipe"):
        Recipe(["DOUBLE"]).unpack(b"\x00")
