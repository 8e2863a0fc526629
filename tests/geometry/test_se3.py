import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from synth.geometry import frames, se3

numbers = st.floats(-3, 3)
vectors = st.tuples(numbers, numbers, numbers)


def unit(v):
    return np.asarray(v) / max(np.linalg.norm(v), 1e-9)


@given(vectors, vectors, vectors)
def test_a_transform_undoes_its_inverse(rotvec, t, p):
    """Points go there and back unharmed, by matrix and by rotation vector."""
    T = se3.from_rotvec(rotvec, t)
    assert se3.is_rigid(T)
    np.testing.assert_allclose(se3.transform(se3.inverse(T), se3.transform(T, p)), p, atol=1e-9)
    again = se3.from_rotvec(se3.to_rotvec(T), T[:3, 3])
    np.testing.assert_allclose(again, T, atol=1e-9)


@given(st.floats(0, 3.1), vectors.filter(lambda v: np.linalg.norm(v) > 0.1))
def test_rotation_angle_is_that_of_the_rotation_vector(angle, axis):
    """The angle of a transform is the length of its rotation vector."""
    assert np.isclose(
        se3.rotation_angle_rad(se3.from_rotvec(unit(axis) * angle, [0, 0, 0])), angle, atol=1e-7
    )


def test_what_is_not_rigid_is_seen():
    """Scaled, mirrored, sheared, singular and non-finite matrices are not rigid; the identity is."""
    assert se3.is_rigid(np.eye(4))
    shear = np.eye(4)
    shear[0, 1] = 0.1
    bottom = np.eye(4)
    bottom[3, 0] = 1
    for bad in (
        np.diag([2, 2, 2, 1.0]),
        np.diag([-1, 1, 1, 1.0]),
        shear,
        np.zeros((4, 4)),
        bottom,
        np.full((4, 4), np.nan),
    ):
        assert not se3.is_rigid(bad)
    assert not se3.is_rigid(np.eye(3))


@given(vectors)
def test_uvw_is_an_involution(normal):
    """Camera axes to (u, v, w) and back is the identity, and both ways are the same flip."""
    np.testing.assert_array_equal(frames.cam_from_uvw(frames.uvw_from_cam(normal)), np.asarray(normal))
    np.testing.assert_array_equal(frames.uvw_from_cam(normal), frames.cam_from_uvw(normal))


def test_uvw_axes_point_as_the_paper_says():
    """Facing the camera is w; u is right and v is up in the image."""
    np.testing.assert_array_equal(frames.uvw_from_cam([0, 0, -1]), [0, 0, 1])
    np.testing.assert_array_equal(frames.uvw_from_cam([1, 0, 0]), [1, 0, 0])
    np.testing.assert_array_equal(frames.uvw_from_cam([0, -1, 0]), [0, 1, 0])
