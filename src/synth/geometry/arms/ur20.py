"""Universal Robots' UR20.

Parameters, ranges and top speeds: config/ur20 of UniversalRobots/Universal_Robots_ROS2_Description, commit
2221ec0, its maker's own; tests/geometry/test_published_arms.py holds them against it. Payload: its data
sheet. Shape: measured on the collision meshes there.
"""

from functools import partial

import numpy as np

from synth.geometry.arm import DH, ArmModel
from synth.geometry.arms.ur_links import Base, Housing, Shape, Tube, capsules_of, links_of

_DH = DH(
    # Nominal; a real arm's calibrated ones differ by millimetres.
    a_m=np.array([0.0, -0.862, -0.7287, 0.0, 0.0, 0.0]),
    d_m=np.array([0.2363, 0.0, 0.0, 0.201, 0.1593, 0.1543]),
    alpha_rad=np.array([np.pi / 2, 0.0, 0.0, np.pi / 2, -np.pi / 2, 0.0]),
)

_SHAPE = Shape(
    base=Base(foot_r_m=0.1226, r0_m=0.122, r1_m=0.1, height_m=0.1086),
    shoulder=Housing(-0.074, 0.134, 0.0905, cap_m=0.016),
    shoulder_body=(-0.1279, 0.0969, 0.0905),
    upper_arm=(
        Housing(0.336, 0.1289, 0.0905, cap_m=0.016),
        Tube(0.26, 0.084, 0.076, from_first_m=0.07, from_second_m=0.055),
        Housing(0.3244, 0.1429, 0.0776, cap_m=0.01),
    ),
    forearm=(
        Housing(-0.0237, 0.1477, 0.0753, cap_m=0.01),
        Tube(0.043, 0.064, 0.05, from_first_m=0.055, from_second_m=0.04),
        Housing(-0.0005, 0.1234, 0.0518, cap_m=0.008),
    ),
    wrist_1=Housing(0.0457, -0.0775, 0.0501, cap_m=0.006),
    wrist_1_body=(-0.0524, 0.0847, 0.0495),
    wrist_2=Housing(-0.0438, 0.0749, 0.0504, cap_m=0.006),
    wrist_2_body=(-0.0538, 0.0844, 0.0495),
    wrist_3=(-0.0703, 0.0500),
)

UR20 = ArmModel(
    title="UR20",
    dh=_DH,
    # Wrist 3 of some has no limit; it is kept to one, too.
    joint_limit_rad=np.full(6, 2 * np.pi),
    joint_speed_limit_rad_s=np.radians([120.0, 120.0, 150.0, 210.0, 210.0, 210.0]),
    acceleration_limit_rad_s2=float(np.radians(800.0)),  # Ours: none is published.
    reach_m=np.array([2.07, 2.07, 1.20, 0.47, 0.32, 0.10]),
    payload_kg=20.0,  # When it came out. 25 kg is quoted since, of a page of its maker's that was not seen.
    link_names=("base", "shoulder", "upper arm", "forearm", "wrist 1", "wrist 2", "wrist 3"),
    link_capsules=capsules_of(_SHAPE, _DH),
    never_touch=((0, 2), (4, 6)),  # Base and upper arm, wrists 1 and 3.
    links=partial(links_of, _SHAPE, _DH),
)
