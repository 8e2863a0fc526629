"""What lies about on a bench: cables, a steel rule, hex keys, a few screws. It stands still and casts small
shadows.
"""

import numpy as np

from synth.geometry import se3
from synth.geometry.lathe import lathe, rounded
from synth.geometry.mesh import Mesh
from synth.geometry.se3 import Array
from synth.hardware.simulated.arm_body import cable_body
from synth.hardware.simulated.body import Body, Material

_CABLE = Material((0.020, 0.020, 0.022), f0=(0.035, 0.035, 0.035), roughness=0.45, mottle=0.08)
_GREY_CABLE = Material((0.24, 0.25, 0.25), f0=(0.035, 0.035, 0.035), roughness=0.5, mottle=0.05)
_STEEL = Material((0.12, 0.12, 0.12), f0=(0.50, 0.49, 0.47), roughness=0.30, mottle=0.10)
_BLACK_OXIDE = Material((0.03, 0.03, 0.032), f0=(0.09, 0.09, 0.09), roughness=0.35, mottle=0.15)
_TAPE = Material((0.055, 0.10, 0.17), f0=(0.04, 0.04, 0.04), roughness=0.45, mottle=0.06)

_Z = np.array([0.0, 0.0, 1.0])


def clutter(T_base_bench: Array) -> list[Body]:
    """Bodies in base; ``T_base_bench`` puts the bench top's plane z = 0 under the robot's base. All are below
    15 mm.
    """
    r = 0.0045
    pieces = [
        cable_body(
            [
                [-0.09, 0.02, r],
                [-0.10, -0.12, r],
                [0.02, -0.26, r],
                [0.06, -0.42, r],
                [0.00, -0.60, r],
                [0.04, -0.85, r],
                [0.02, -1.10, r],
            ],
            r,
            _CABLE,
        ),
        cable_body(
            [
                [-0.08, -0.03, 0.003],
                [-0.02, -0.16, 0.003],
                [0.09, -0.30, 0.003],
                [0.10, -0.47, 0.003],
                [0.09, -0.70, 0.003],
                [0.14, -1.0, 0.003],
            ],
            0.003,
            _GREY_CABLE,
        ),
        _at(
            Body.of(Mesh.box([-0.15, -0.0125, 0], [0.15, 0.0125, 0.001]), _STEEL, edge_radius_m=0.0005),
            0.63,
            0.52,
            68,
        ),
        _hex_key(0.0025, 0.074, 0.025, 0.56, -0.47, -28),
        _hex_key(0.0015, 0.055, 0.017, 0.61, -0.44, 12),
        _tape_roll(0.20, 0.52),
        Body.joined([_screw(0.47, -0.52, 20), _screw(0.49, -0.545, 140), _screw(0.455, -0.55, 250)]),
    ]
    return [_moved(piece, T_base_bench) for piece in pieces]


LID_PLACES = ((0.715, -0.13, 62), (0.715, 0.30, -20), (0.70, -0.47, 15))
"""x and y on the bench in metres, and the turn in degrees, clear of where the part is carried."""


def lid(T_base_bench: Array, material: Material, place: tuple[float, float, float]) -> Body:
    """The lid of a storage box, 150 × 110 mm."""
    boxes = [
        ([-0.075, -0.055, 0.0], [0.075, 0.055, 0.006]),
        *(([x - 0.004, -0.055, 0.006], [x + 0.004, 0.055, 0.014]) for x in (-0.071, 0.071)),
        *(([-0.067, y - 0.004, 0.006], [0.067, y + 0.004, 0.014]) for y in (-0.051, 0.051)),
    ]
    pieces = [Body.of(Mesh.box(low, high), material, edge_radius_m=0.0015) for low, high in boxes]
    return _moved(_at(Body.joined(pieces), *place), T_base_bench)


def _hex_key(r_m: float, long_m: float, short_m: float, x_m: float, y_m: float, turn_deg: float) -> Body:
    bend = [
        [long_m, 0, r_m],
        [long_m / 2, 0, r_m],
        [0.006, 0, r_m],
        [0.0006, 0.0008, r_m],
        [0, 0.006, r_m],
        [0, short_m, r_m],
    ]
    return _at(cable_body(bend, r_m, _BLACK_OXIDE, sides=6), x_m, y_m, turn_deg)


def _tape_roll(x_m: float, y_m: float) -> Body:
    profile = [[0, 0.026], [0, 0.041], [0.0006, 0.0416], [0.0124, 0.0416], [0.013, 0.041], [0.013, 0.026]]
    ring = lathe([*profile, profile[0]], _Z, closed=False)
    return _at(Body.of(ring, _TAPE), x_m, y_m, 0)


def _screw(x_m: float, y_m: float, turn_deg: float) -> Body:
    head = lathe(rounded(0, 0.004, 0.0035, fillet_m=0.0005), [1, 0, 0], [0, 0, 0.0035])
    shaft = lathe(rounded(0.003, 0.018, 0.002, fillet_m=0.0003), [1, 0, -0.1], [0, 0, 0.0035])
    return _at(Body.joined([Body.of(head, _BLACK_OXIDE), Body.of(shaft, _BLACK_OXIDE)]), x_m, y_m, turn_deg)


def _at(body: Body, x_m: float, y_m: float, turn_deg: float) -> Body:
    return _moved(body, se3.from_rotvec([0, 0, np.radians(turn_deg)], [x_m, y_m, 0.0002]))


def _moved(body: Body, T: Array) -> Body:
    R = T[:3, :3].T.astype(np.float32)
    return Body(
        body.mesh.transformed(T),
        body.materials,
        body.material_of_triangle,
        body.corner_normals @ R,
        body.edge_normals @ R,
        body.edge_radius_m,
    )
