"""Each arm against the numbers that Universal Robots itself publishes, written here as they stand there.

UniversalRobots/Universal_Robots_ROS2_Description (BSD-3-Clause), commit 2221ec0, of 2024-10-14:
config/MODEL/default_kinematics.yaml and joint_limits.yaml. ``base`` is their base_link turned by 180° about
z, and tool0 has the axes of their wrist_3_link (urdf/ur_macro.xacro). The elbow's ±180° are theirs, for their
planner: the file says that its true range is ±360°.
"""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from synth.geometry import arm, se3
from synth.geometry.arms import ARM_MODELS
from synth.geometry.clearance import segment_distance_m
from synth.geometry.se3 import Array

TENTH_OF_A_MM = 1e-4
PI = 3.141592653589793
TURNS = {  # roll, pitch and yaw of each joint's origin, the same for all.
    "shoulder": (0, 0, 0),
    "upper_arm": (1.570796327, 0, 0),
    "forearm": (0, 0, 0),
    "wrist_1": (0, 0, 0),
    "wrist_2": (1.570796327, 0, 0),
    "wrist_3": (1.570796326589793, PI, PI),
}
PLACES = {  # x, y and z of the same origins, metres.
    "ur3e": {
        "shoulder": (0, 0, 0.15185),
        "upper_arm": (0, 0, 0),
        "forearm": (-0.24355, 0, 0),
        "wrist_1": (-0.2132, 0, 0.13105),
        "wrist_2": (0, -0.08535, -1.750557762378351e-11),
        "wrist_3": (0, 0.0921, -1.8890025766262e-11),
    },
    "ur5e": {
        "shoulder": (0, 0, 0.1625),
        "upper_arm": (0, 0, 0),
        "forearm": (-0.425, 0, 0),
        "wrist_1": (-0.3922, 0, 0.1333),
        "wrist_2": (0, -0.0997, -2.044881182297852e-11),
        "wrist_3": (0, 0.09959999999999999, -2.042830148012698e-11),
    },
    "ur10e": {
        "shoulder": (0, 0, 0.1807),
        "upper_arm": (0, 0, 0),
        "forearm": (-0.6127, 0, 0),
        "wrist_1": (-0.57155, 0, 0.17415),
        "wrist_2": (0, -0.11985, -2.458164590756244e-11),
        "wrist_3": (0, 0.11655, -2.390480459346185e-11),
    },
    "ur16e": {
        "shoulder": (0, 0, 0.1807),
        "upper_arm": (0, 0, 0),
        "forearm": (-0.4784, 0, 0),
        "wrist_1": (-0.36, 0, 0.17415),
        "wrist_2": (0, -0.11985, -2.458164590756244e-11),
        "wrist_3": (0, 0.11655, -2.390480459346185e-11),
    },
    "ur20": {
        "shoulder": (0, 0, 0.2363),
        "upper_arm": (0, 0, 0),
        "forearm": (-0.862, 0, 0),
        "wrist_1": (-0.7287, 0, 0.201),
        "wrist_2": (0, -0.1593, -3.2672976162492252e-11),
        "wrist_3": (0, 0.1543, -3.1647459019915597e-11),
    },
}
MAX_VELOCITY_DEG_S = {  # max_velocity, base to wrist 3.
    "ur3e": (180, 180, 180, 360, 360, 360),
    "ur5e": (180, 180, 180, 180, 180, 180),
    "ur10e": (120, 120, 180, 180, 180, 180),
    "ur16e": (120, 120, 180, 180, 180, 180),
    "ur20": (120, 120, 150, 210, 210, 210),
}
MAX_POSITION_DEG = 360


def chained(name: str, q_rad: Array) -> Array:
    """T_base_tool0 [4,4] by the URDF's rule: from each joint's origin, turned about its z axis by q."""
    T = se3.make(Rotation.from_euler("xyz", (0, 0, PI)).as_matrix(), np.zeros(3))
    for link, angle in zip(TURNS, q_rad, strict=True):
        origin = se3.make(Rotation.from_euler("xyz", TURNS[link]).as_matrix(), np.array(PLACES[name][link]))
        T = T @ origin @ se3.make(Rotation.from_euler("z", angle).as_matrix(), np.zeros(3))
    return T


@pytest.mark.parametrize("name", ARM_MODELS)
def test_kinematics_are_those_of_the_published_description(name: str) -> None:
    """Over 200 poses of the joints' whole range: tool0 to 0.1 mm and as many milliradians."""
    T_base_base_link = np.diag([-1.0, -1.0, 1.0, 1.0])
    for q_rad in np.random.default_rng(0).uniform(-2 * np.pi, 2 * np.pi, (200, 6)):
        off = se3.inverse(arm.forward(q_rad, ARM_MODELS[name].dh)) @ T_base_base_link @ chained(name, q_rad)
        assert np.linalg.norm(off[:3, 3]) < TENTH_OF_A_MM
        assert se3.rotation_angle_rad(off) < TENTH_OF_A_MM


@pytest.mark.parametrize("name", ARM_MODELS)
def test_ranges_and_top_speeds_are_the_published_ones(name: str) -> None:
    """Degrees and degrees per second of each joint."""
    model = ARM_MODELS[name]
    np.testing.assert_allclose(np.degrees(model.joint_limit_rad), MAX_POSITION_DEG)
    np.testing.assert_allclose(np.degrees(model.joint_speed_limit_rad_s), MAX_VELOCITY_DEG_S[name])


with np.load(Path(__file__).parents[1] / "data/ur_links.npz") as _stored:
    MEASURED = dict(_stored)


@pytest.mark.parametrize("name", sorted({key.partition("_")[0] for key in MEASURED}))
def test_capsules_hold_the_published_meshes(name: str) -> None:
    """What is kept clear of everything else holds every link of the arm but for 5 mm, a quarter of the air
    that a cell keeps around it.
    """
    model = ARM_MODELS[name]
    capsules = model.link_capsules
    for link, title in enumerate(model.link_names):
        points_m = MEASURED[f"{name}_{link}"][:, None] / 1000
        own = capsules.body == link
        from_axis_m = segment_distance_m(points_m, points_m, capsules.a_m[own], capsules.b_m[own])
        assert (from_axis_m - capsules.radius_m[own]).min(axis=1).max() < 0.005, title
