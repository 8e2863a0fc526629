"""Where the part is held, or stands, from outlines and from the depth of one face, over many poses."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from synth.capture.calibrate.part_views import N_PLACES, Disagreement, PartComparer, PartShot
from synth.cell.calibration import PartCalibration, now
from synth.cell.calibration_validity import camera_calibration, exceeds, part_hash, part_place
from synth.cell.mesh import CellBodies, label_normal_part
from synth.cell.model import Cell
from synth.cell.source import Place
from synth.errors import InputError
from synth.geometry import se3
from synth.geometry.pinhole import Pinhole
from synth.geometry.se3 import Array

MIN_SHOTS = 20
MAX_OUTLINE_PX = 3.0
"""Typical distance of the outline beyond which the CAD is not what the camera sees."""

_ROUNDS = 8
_ENOUGH = 2e-5
"""Radians and metres of a step that changes nothing any more."""

_GROSS = 3.0
_MAD = 1.4826
_TOO_FEW = "take more poses, with the part nearer the camera"
_SAME_EVERYWHERE = (
    "the same edges are found beside the CAD's in all pictures, so that more poses do not help: look in the "
    "report where, narrow the label filter, and keep shadows and the part's own light off what lies behind it"
)
_CORRELATED = {"outline": 20.0, "depth": 10.0}
"""How many neighbouring places say together what one would say alone: edges and depth are blurred."""


@dataclass(frozen=True, eq=False)
class PartFit:
    """T: T_tool_part, or T_base_part of a part that stands, [4,4], with its covariance [6,6] of turn
    (radians) and shift (metres) in the part's own axes: of what pictures disagree about, and, of a part that
    stands, of what places of its outline disagree about in all pictures alike (by_places, else 0).

    outline_px, depth_mm: typical disagreement that is left. turned_deg, moved_mm: from where the cell has it.
    by_shot: the same of each picture, and outline_px with the cell's place ("before_px").
    """

    T: Array
    covariance: Array
    by_places: Array
    outline_px: float
    depth_mm: float
    turned_deg: float
    moved_mm: float
    n_shots: int
    by_shot: dict[str, dict[str, float]]

    @property
    def sigma_deg(self) -> float:
        return float(np.degrees(np.sqrt(np.trace(self.covariance[:3, :3]))))

    @property
    def sigma_mm(self) -> float:
        return float(1000 * np.sqrt(np.trace(self.covariance[3:, 3:])))


def fit_part(
    cell: Cell,
    bodies: CellBodies,
    camera: Pinhole,
    shots: Sequence[PartShot],
    on_round: Callable[[int, int], None] = lambda _i, _n: None,
) -> PartFit:
    """The place at which outlines and depth of all shots agree best with the CAD.

    The covariance is the delete-one-shot jackknife's. A part that stands is lit and backed alike in all
    shots: shade, or its own light on the bench, moves the outline at the same edges in each. So a jackknife
    that leaves out one block of the part at a time is added; one that is held turns in the light. What moves
    all edges alike outwards, such as a colour filter that eats them, is in neither. Raises InputError for too
    few shots and where CAD and pictures do not come together.
    """
    if len(shots) < MIN_SHOTS:
        raise InputError(f"{len(shots)} pictures of the part are too few: {MIN_SHOTS} are needed, take 30")
    of_camera = camera_calibration(cell)
    bias = None if of_camera is None else of_camera.depth_bias_mm
    begin = np.asarray(getattr(cell.part, part_place(cell)))
    T = begin
    before: dict[str, Disagreement] = {}
    for i in range(_ROUNDS):
        by_name = _compare(with_part(cell, T), bodies, camera, shots, bias or 0.0)
        before = before or by_name
        compared = list(by_name.values())
        H, g = _normal_equations(compared)
        step = -np.linalg.solve(H.sum(axis=(0, 1)), g.sum(axis=(0, 1)))
        T = T @ se3.from_rotvec(step[:3], step[3:])
        on_round(i + 1, _ROUNDS)
        if np.abs(step).max() < _ENOUGH:
            break
    outline_px = _typical(np.concatenate([d.outline_px for d in compared]))
    if outline_px > MAX_OUTLINE_PX or len(compared) < MIN_SHOTS:
        raise InputError(
            f"the part's outline stays {outline_px:.1f} px from the CAD's in {len(compared)} pictures, "
            "wherever it is put: check part.mesh and its units, and the label filter"
        )
    moved = se3.inverse(begin) @ T
    by_places = _jackknife(H, g, 1, N_PLACES) if cell.camera.is_on_arm else np.zeros((6, 6))
    return PartFit(
        T=T,
        covariance=_jackknife(H, g, 0, len(compared)) + by_places,
        by_places=by_places,
        outline_px=outline_px,
        depth_mm=_typical(np.concatenate([d.depth_mm for d in compared])),
        turned_deg=float(np.degrees(se3.rotation_angle_rad(moved))),
        moved_mm=float(1000 * np.linalg.norm(moved[:3, 3])),
        n_shots=len(compared),
        by_shot={
            name: {
                "outline_px": _typical(each.outline_px),
                "before_px": _typical(before[name].outline_px),
                "depth_mm": _typical(each.depth_mm),
            }
            for name, each in by_name.items()
            if name in before
        },
    )


def part_outcome(cell: Cell, found: PartFit) -> tuple[dict[Place, Any], PartCalibration, list[str]]:
    """What stands in the cell file then, and why it should not."""
    T = np.round(found.T, 9)
    calibrated = with_part(cell, T)
    covariance = np.degrees(np.degrees(found.covariance[:3, :3]))
    record = PartCalibration(
        date=now(),
        sigma_mm=float(f"{found.sigma_mm:.4g}"),
        sigma_deg=float(f"{found.sigma_deg:.4g}"),
        rotation_covariance_deg2=tuple(
            tuple(float(f"{value:.4g}") for value in row) for row in covariance.tolist()
        ),
        sha256=part_hash(calibrated),
        n_poses=found.n_shots,
        outline_px=float(f"{found.outline_px:.4g}"),
    )
    gates = cell.gates
    reasons = []
    if exceeds(record, gates.max_calibration_mm, gates.max_calibration_deg):
        alike = np.trace(found.by_places[:3, :3]) > np.trace(found.covariance[:3, :3]) / 2
        reasons.append(
            f"the part's place is known to {2 * found.sigma_mm:.2f} mm and {2 * found.sigma_deg:.3f}° (two "
            f"standard deviations), and {gates.max_calibration_mm:g} mm and {gates.max_calibration_deg:g}° "
            f"are allowed: {_SAME_EVERYWHERE if alike else _TOO_FEW}"
        )
    values: dict[Place, Any] = {
        ("part", part_place(cell)): T.tolist(),
        ("calibration", "part"): record.model_dump(mode="json"),
    }
    return values, record, reasons


def with_part(cell: Cell, T: Array) -> Cell:
    """The cell with its part elsewhere: T [4,4] in the tool, or in base where it stands."""
    return cell.model_copy(update={"part": cell.part.model_copy(update={part_place(cell): T})})


def _compare(
    cell: Cell, bodies: CellBodies, camera: Pinhole, shots: Sequence[PartShot], depth_bias_mm: float
) -> dict[str, Disagreement]:
    comparer = PartComparer(cell, bodies, camera, label_normal_part(cell, bodies.part), depth_bias_mm)
    compared = {shot.name: comparer.compare(shot) for shot in shots}
    return {name: each for name, each in compared.items() if each is not None and len(each.outline_px)}


def _normal_equations(compared: Sequence[Disagreement]) -> tuple[Array, Array]:
    """[S,P,6,6] and [S,P,6] of each shot and place, depth in a place of its own, the last; gross
    disagreements count less, each kind by its own typical size.
    """
    H, g = np.zeros((len(compared), N_PLACES + 1, 6, 6)), np.zeros((len(compared), N_PLACES + 1, 6))
    outline_px = max(_typical(np.concatenate([each.outline_px for each in compared])), 0.05)
    depth_mm = max(_typical(np.concatenate([each.depth_mm for each in compared])), 0.05)
    for i, each in enumerate(compared):
        JT = each.J_outline.T * (_weights(each.outline_px, outline_px) / _CORRELATED["outline"])
        for place in np.unique(each.place):
            here = each.place == place
            H[i, place] = JT[:, here] @ each.J_outline[here]
            g[i, place] = JT[:, here] @ each.outline_px[here]
        JT = each.J_depth.T * (_weights(each.depth_mm, depth_mm) / _CORRELATED["depth"])
        H[i, N_PLACES], g[i, N_PLACES] = JT @ each.J_depth, JT @ each.depth_mm
    return H, g


def _weights(r: Array, sigma: float) -> Array:
    return np.asarray(1 / np.sqrt(1 + (r / (_GROSS * sigma)) ** 2) / sigma**2)


def _jackknife(H: Array, g: Array, axis: int, n_groups: int) -> Array:
    """[6,6] of the step, by leaving out one shot (axis 0) or place (axis 1) of the first ``n_groups`` at a
    time; a place that no shot shows is none.
    """
    H_all, g_all = H.sum(axis=(0, 1)), g.sum(axis=(0, 1))
    groups = zip(H.sum(axis=1 - axis)[:n_groups], g.sum(axis=1 - axis)[:n_groups], strict=True)
    steps = [-np.linalg.solve(H_all - Hi, g_all - gi) for Hi, gi in groups if Hi.any()]
    away = np.stack(steps) + np.linalg.solve(H_all, g_all)
    n = len(away)
    return np.asarray((n - 1) / n * away.T @ away)


def _typical(values: Array) -> float:
    return _MAD * float(np.median(np.abs(values))) if len(values) else 0.0
