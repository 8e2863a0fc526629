"""Universal Robots' UR5e.

Parameters, ranges and top speeds: config/ur5e of UniversalRobots/Universal_Robots_ROS2_Description, commit
2221ec0, its maker's own; tests/geometry/test_published_arms.py holds them against it. Payload: its data
sheet. Shape: measured on the collision meshes there.
"""

from functools import partial

import numpy as np

from synth.geometry.arm import DH, ArmModel
from synth.geometry.arms.ur_links import Base, Housing, Shape, Tube, capsules_of, links_of

_DH = DH(
    # Nominal; a real arm's calibrated ones differ by millimetres.
    a_m=np.array([0.0, -0.425, -0.3922, 0.0, 0.0, 0.0]),
    d_m=np.array([0.1625, 0.0, 0.0, 0.1333, 0.0997, 0.0996]),
    alpha_rad=np.array([np.pi / 2, 0.0, 0.0, np.pi / 2, -np.pi / 2, 0.0]),
)

_SHAPE = Shape(
    base=Base(foot_r_m=0.0755, r0_m=0.075, r1_m=0.064, height_m=0.0991),
    shoulder=Housing(-0.0481, 0.0744, 0.0601, cap_m=0.012),
    shoulder_body=(-0.0639, 0.0715, 0.0601),
    upper_arm=(
        Housing(0.1979, 0.072, 0.06, cap_m=0.012),
        Tube(0.138, 0.054, 0.054, from_first_m=0.045, from_second_m=0.045),
        Housing(0.1944, 0.0602, 0.0596, cap_m=0.01),
    ),
    forearm=(
        Housing(-0.0205, 0.0602, 0.058, cap_m=0.01),
        Tube(0.007, 0.045, 0.0395, from_first_m=0.045, from_second_m=0.03),
        Housing(-0.0415, 0.0604, 0.0398, cap_m=0.008),
    ),
    wrist_1=Housing(0.0326, -0.0736, 0.0393, cap_m=0.006),
    wrist_1_body=(-0.0563, 0.0536, 0.0386),
    wrist_2=Housing(-0.0331, 0.0461, 0.0393, cap_m=0.006),
    wrist_2_body=(-0.0567, 0.0531, 0.0386),
    wrist_3=(-0.0458, 0.0376),
)

UR5E = ArmModel(
    title="UR5e",
    dh=_DH,
    # Wrist 3 of some has no limit; it is kept to one, too.
    joint_limit_rad=np.full(6, 2 * np.pi),
    joint_speed_limit_rad_s=np.radians([180.0] * 6),
    acceleration_limit_rad_s2=float(np.radians(800.0)),  # Ours: none is published.
    reach_m=np.array([1.19, 1.18, 0.75, 0.36, 0.26, 0.10]),
    payload_kg=5.0,
    link_names=("base", "shoulder", "upper arm", "forearm", "wrist 1", "wrist 2", "wrist 3"),
    link_capsules=capsules_of(_SHAPE, _DH),
    never_touch=((0, 2), (4, 6)),  # Base and upper arm, wrists 1 and 3.
    links=partial(links_of, _SHAPE, _DH),
)
