"""Universal Robots' UR3e.

``base`` is the frame RTDE poses are given in (the URDF's ``base_link`` turned by 180° about z), ``flange`` is
tool0 without a TCP.

Parameters, ranges and top speeds: config/ur3e of UniversalRobots/Universal_Robots_ROS2_Description, commit
2221ec0, its maker's own; tests/geometry/test_published_arms.py holds them against it. Payload: its data
sheet. Shape: measured on the collision meshes there.
"""

from dataclasses import replace
from functools import partial

import numpy as np

from synth.geometry.arm import DH, ArmModel
from synth.geometry.arms.ur_links import Base, Housing, Shape, Tube, capsules_of, links_of

_DH = DH(
    # Nominal, published by Universal Robots; a real arm's calibrated ones differ by millimetres.
    a_m=np.array([0.0, -0.24355, -0.2132, 0.0, 0.0, 0.0]),
    d_m=np.array([0.15185, 0.0, 0.0, 0.13105, 0.08535, 0.0921]),
    alpha_rad=np.array([np.pi / 2, 0.0, 0.0, np.pi / 2, -np.pi / 2, 0.0]),
)

_SHAPE = Shape(
    base=Base(foot_r_m=0.0745, r0_m=0.0640, r1_m=0.0600, height_m=0.090),
    shoulder=Housing(-0.062, 0.066, 0.0565, cap_m=0.012),
    shoulder_body=(-0.062, 0.045, 0.0555),
    upper_arm=(
        Housing(0.178, 0.067, 0.0560, cap_m=0.012),
        Tube(0.120, 0.0425, 0.0390, from_first_m=0.035, from_second_m=0.030),
        Housing(0.166, 0.068, 0.0470, cap_m=0.010),
    ),
    forearm=(
        Housing(-0.022, 0.067, 0.0450, cap_m=0.010),
        Tube(0.027, 0.0345, 0.0315, from_first_m=0.030, from_second_m=0.022),
        Housing(-0.014, 0.066, 0.0370, cap_m=0.008),
    ),
    wrist_1=Housing(0.036, -0.064, 0.0325, cap_m=0.006),
    wrist_1_body=(-0.030, 0.046, 0.0318),
    wrist_2=Housing(-0.036, 0.039, 0.0325, cap_m=0.006),
    wrist_2_body=(-0.030, 0.046, 0.0318),
    wrist_3=(-0.045, 0.0318),
)

_KEPT_CLEAR = replace(  # Its wrists are drawn shorter and thinner than they are.
    _SHAPE,
    wrist_1_body=(-0.047, 0.050, 0.0318),
    wrist_2_body=(-0.047, 0.050, 0.0318),
    wrist_3=(-0.045, 0.0335),
)

UR3E = ArmModel(
    title="UR3e",
    dh=_DH,
    # Wrist 3, which has no limit, is kept to one, too.
    joint_limit_rad=np.full(6, 2 * np.pi),
    joint_speed_limit_rad_s=np.radians([180.0, 180.0, 180.0, 360.0, 360.0, 360.0]),
    acceleration_limit_rad_s2=float(np.radians(800.0)),  # Ours: none is published.
    reach_m=np.array([0.80, 0.79, 0.54, 0.33, 0.25, 0.10]),
    payload_kg=3.0,
    link_names=("base", "shoulder", "upper arm", "forearm", "wrist 1", "wrist 2", "wrist 3"),
    link_capsules=capsules_of(_KEPT_CLEAR, _DH),
    never_touch=((0, 2), (4, 6)),  # Base and upper arm, wrists 1 and 3.
    links=partial(links_of, _SHAPE, _DH),
)
