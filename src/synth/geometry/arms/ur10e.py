"""Universal Robots' UR10e.

Parameters, ranges and top speeds: config/ur10e of UniversalRobots/Universal_Robots_ROS2_Description, commit
2221ec0, its maker's own; tests/geometry/test_published_arms.py holds them against it. Payload: the user
manual of PolyScope X 10.6, "Maximum Payload". Shape: measured on the collision meshes there.
"""

from functools import partial

import numpy as np

from synth.geometry.arm import DH, ArmModel
from synth.geometry.arms.ur_links import Base, Housing, Shape, Tube, capsules_of, links_of

_DH = DH(
    # Nominal; a real arm's calibrated ones differ by millimetres.
    a_m=np.array([0.0, -0.6127, -0.57155, 0.0, 0.0, 0.0]),
    d_m=np.array([0.1807, 0.0, 0.0, 0.17415, 0.11985, 0.11655]),
    alpha_rad=np.array([np.pi / 2, 0.0, 0.0, np.pi / 2, -np.pi / 2, 0.0]),
)

_SHAPE = Shape(
    base=Base(foot_r_m=0.095, r0_m=0.0945, r1_m=0.081, height_m=0.0993),
    shoulder=Housing(-0.0624, 0.0946, 0.0764, cap_m=0.014),
    shoulder_body=(-0.0817, 0.0939, 0.0764),
    upper_arm=(
        Housing(0.2554, 0.0948, 0.0764, cap_m=0.014),
        Tube(0.1762, 0.064, 0.058, from_first_m=0.06, from_second_m=0.045),
        Housing(0.2328, 0.0982, 0.0597, cap_m=0.01),
    ),
    forearm=(
        Housing(0.0067, 0.0996, 0.058, cap_m=0.01),
        Tube(0.0393, 0.05, 0.045, from_first_m=0.045, from_second_m=0.035),
        Housing(-0.0075, 0.106, 0.0461, cap_m=0.008),
    ),
    wrist_1=Housing(0.0412, -0.0683, 0.047, cap_m=0.006),
    wrist_1_body=(-0.0575, 0.0666, 0.0465),
    wrist_2=Housing(-0.0405, 0.0534, 0.047, cap_m=0.006),
    wrist_2_body=(-0.0570, 0.0679, 0.0465),
    wrist_3=(-0.0489, 0.0445),
)

UR10E = ArmModel(
    title="UR10e",
    dh=_DH,
    # Wrist 3 of some has no limit; it is kept to one, too.
    joint_limit_rad=np.full(6, 2 * np.pi),
    joint_speed_limit_rad_s=np.radians([120.0, 120.0, 180.0, 180.0, 180.0, 180.0]),
    acceleration_limit_rad_s2=float(np.radians(800.0)),  # Ours: none is published.
    reach_m=np.array([1.59, 1.58, 0.97, 0.40, 0.28, 0.10]),
    payload_kg=12.5,  # Of the older 10 kg: the label on the arm says which.
    link_names=("base", "shoulder", "upper arm", "forearm", "wrist 1", "wrist 2", "wrist 3"),
    link_capsules=capsules_of(_SHAPE, _DH),
    never_touch=((0, 2), (4, 6)),  # Base and upper arm, wrists 1 and 3.
    links=partial(links_of, _SHAPE, _DH),
)
