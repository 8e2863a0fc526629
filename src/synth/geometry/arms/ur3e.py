"""Universal Robots' UR3e.

``base`` is the frame RTDE poses are given in (the URDF's ``base_link`` turned by 180° about z), ``flange`` is
tool0 without a TCP.
"""

from functools import partial

import numpy as np

from synth.geometry.arm import DH, ArmModel, Capsules
from synth.geometry.arms.ur_links import Base, Housing, Shape, Tube, links_of

# Housings in metres, each in the frame after its joint (link 0 in base): link, end a, end b, radius.
# Lateral offsets of the upper arm (0.120) and the forearm (0.027) and the measured radii (shoulder 60 mm,
# upper arm 54, elbow 60, forearm 40, wrists 45) are those of Universal Robots' public description of the
# UR3e.
_HOUSINGS: list[tuple[int, tuple[float, float, float], tuple[float, float, float], float]] = [
    (0, (0.0, 0.0, 0.03), (0.0, 0.0, 0.06), 0.066),
    (1, (0.0, -0.02, 0.0), (0.0, 0.0, 0.02), 0.062),
    (2, (0.24355, 0.0, 0.105), (0.24355, 0.0, 0.125), 0.060),
    (2, (0.24355, 0.0, 0.120), (0.0, 0.0, 0.120), 0.054),
    (2, (0.0, 0.0, 0.095), (0.0, 0.0, 0.120), 0.056),
    (3, (0.2132, 0.0, 0.027), (0.2132, 0.0, 0.030), 0.056),
    (3, (0.2132, 0.0, 0.027), (0.0, 0.0, 0.027), 0.043),
    (4, (0.0, -0.035, 0.0), (0.0, 0.005, 0.0), 0.045),
    (5, (0.0, 0.010, 0.0), (0.0, 0.0, 0.005), 0.045),
    (6, (0.0, 0.0, -0.036), (0.0, 0.0, -0.034), 0.039),
]


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

UR3E = ArmModel(
    title="UR3e",
    dh=_DH,
    # Ranges and top speeds from the UR3e user manual 5.8; wrist 3, which has no limit, is kept to one, too.
    joint_limit_rad=np.full(6, 2 * np.pi),
    joint_speed_limit_rad_s=np.radians([180.0, 180.0, 180.0, 360.0, 360.0, 360.0]),
    acceleration_limit_rad_s2=float(np.radians(800.0)),
    reach_m=np.array([0.80, 0.79, 0.54, 0.33, 0.25, 0.10]),
    payload_kg=3.0,  # Data sheet.
    link_names=("base", "shoulder", "upper arm", "forearm", "wrist 1", "wrist 2", "wrist 3"),
    link_capsules=Capsules(
        a_m=np.array([a for _, a, _, _ in _HOUSINGS]),
        b_m=np.array([b for _, _, b, _ in _HOUSINGS]),
        radius_m=np.array([r for _, _, _, r in _HOUSINGS]),
        body=np.array([link for link, _, _, _ in _HOUSINGS]),
    ),
    never_touch=((0, 2), (4, 6)),  # Base and upper arm, wrists 1 and 3.
    links=partial(links_of, _SHAPE, _DH),
)
