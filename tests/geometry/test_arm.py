import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.geometry import arm, se3
from synth.geometry.arms import ARM_MODELS
from synth.geometry.clearance import segment_distance_m

UR3E = ARM_MODELS["ur3e"]

joints = st.lists(st.floats(-6.28, 6.28), min_size=6, max_size=6)


def test_zero_joints_stand_where_universal_robots_says():
    """tool0 at zero joints, in the controller's base (DH parameters published by Universal Robots)."""
    np.testing.assert_allclose(
        arm.forward(np.zeros(6), UR3E.dh)[:3, 3], [-0.45675, -0.22315, 0.06650], atol=1e-9
    )


@pytest.mark.parametrize("name", ARM_MODELS)
def test_capsules_hold_what_is_drawn(name):
    """No vertex of a link sticks out of its capsules by more than 5 mm."""
    model = ARM_MODELS[name]
    capsules = model.link_capsules
    for link, pieces in enumerate(model.links()):
        own = capsules.body == link
        points = np.concatenate([piece.mesh.vertices_m for piece in pieces])[:, None]
        a, b = capsules.a_m[own], capsules.b_m[own]
        gaps = segment_distance_m(points, points, a, b) - capsules.radius_m[own]
        assert gaps.min(axis=1).max() < 0.005, model.link_names[link]


@given(joints)
def test_every_frame_is_rigid_and_ends_at_the_flange(q):
    """Seven rigid frames, from the base itself to the flange; a full turn of a joint changes nothing."""
    frames = arm.joint_frames(q, UR3E.dh)
    assert frames.shape == (7, 4, 4)
    assert all(se3.is_rigid(T) for T in frames)
    np.testing.assert_array_equal(frames[0], np.eye(4))
    np.testing.assert_allclose(arm.forward(np.asarray(q) + 2 * np.pi, UR3E.dh), frames[6], atol=1e-9)


def test_many_joints_at_once_are_the_same_as_one_by_one():
    """Vectorised kinematics and link shapes equal the single ones."""
    q = np.random.default_rng(0).uniform(-3, 3, (2, 5, 6))
    np.testing.assert_allclose(arm.joint_frames(q, UR3E.dh)[1, 3], arm.joint_frames(q[1, 3], UR3E.dh))
    np.testing.assert_allclose(arm.link_capsules(q, UR3E).a_m[1, 3], arm.link_capsules(q[1, 3], UR3E).a_m)


def test_parameters_of_a_real_arm_move_the_flange():
    """Millimetre offsets of DH parameters show at the flange: they are not ignored."""
    true = arm.DH(UR3E.dh.a_m + 0.001, UR3E.dh.d_m, UR3E.dh.alpha_rad, np.full(6, 0.001))
    q = np.radians([10, -120, -60, -80, -90, 0])
    assert 0.0005 < np.linalg.norm(arm.forward(q, true)[:3, 3] - arm.forward(q, UR3E.dh)[:3, 3]) < 0.01


def test_link_shapes_hold_the_joints():
    """Every joint's origin lies within 12 cm of a capsule of the links that meet there: no link is misplaced.

    The upper arm is offset by 12 cm from the line between its joints, which sets the bound.
    """
    q = np.radians([20, -100, 70, -40, 30, 10])
    frames, links = arm.joint_frames(q, UR3E.dh), arm.link_capsules(q, UR3E)
    for link in range(1, 7):
        origin = frames[link, :3, 3]
        own = links.body == link
        along = np.linspace(0, 1, 50)[:, None, None]
        points = links.a_m[own] + along * (links.b_m[own] - links.a_m[own])
        assert np.linalg.norm(points - origin, axis=-1).min() < 0.13


@given(joints, joints)
def test_no_point_jumps_along_a_path(q_from, q_to):
    """Paths hold both ends, and no joint origin moves farther than asked between neighbours."""
    path = arm.joint_path(q_from, q_to, UR3E, max_travel_m=0.02)
    np.testing.assert_allclose(path[[0, -1]], [q_from, q_to], atol=1e-12)
    origins = arm.joint_frames(path, UR3E.dh)[:, :, :3, 3]
    assert np.linalg.norm(np.diff(origins, axis=0), axis=-1).max() <= 0.02 + 1e-9


@pytest.mark.parametrize("name", ARM_MODELS)
def test_reach_bounds_how_far_a_joint_moves_its_load(name):
    """Turning one joint by a small angle moves no point of a 15 cm load farther than reach times angle."""
    model = ARM_MODELS[name]
    rng = np.random.default_rng(1)
    tip = np.array([0.0, 0.06, 0.15])
    for joint in range(6):
        q = rng.uniform(-np.pi, np.pi, (500, 6))
        turned = q.copy()
        turned[:, joint] += 1e-4
        moved = (
            np.linalg.norm(
                (arm.forward(turned, model.dh) - arm.forward(q, model.dh)) @ np.append(tip, 1.0), axis=-1
            )
            / 1e-4
        )
        assert moved.max() <= model.reach_m[joint]


def test_move_times_are_those_of_a_trapezoid():
    """90° at 90°/s and 180°/s²: three halves of a second; 10°: a triangle; nothing: no time."""
    v, a = np.radians(90), np.radians(180)
    dq = np.radians([[0, 90, 0, 0, -45, 0], [10, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]])
    np.testing.assert_allclose(arm.trapezoid_time_s(dq, v, a), [1.5, 2 * np.sqrt(10 / 180), 0.0])


@given(st.floats(0.01, 6), st.floats(0.1, 3), st.floats(0.1, 10))
def test_move_time_covers_the_way(way, v, a):
    """Integrating the speed profile over the time gives the way back."""
    time_s = float(arm.trapezoid_time_s([0, 0, way, 0, 0, 0], v, a))
    ramp = min(v / a, time_s / 2)
    assert np.isclose(a * ramp * (time_s - ramp), way, rtol=1e-9)
