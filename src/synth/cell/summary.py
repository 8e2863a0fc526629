"""What a sound cell says, as a table."""

from pathlib import Path

import numpy as np
from rich.table import Table
from rich.text import Text

from synth.cell.calibration import CameraCalibration, PartCalibration
from synth.cell.calibration_validity import why_uncalibrated
from synth.cell.camera_sdk import wrong_sdk
from synth.cell.mesh import CellBodies, face_of_interest, load_bodies
from synth.cell.model import JOINT_NAMES, Cell, JointRange
from synth.geometry.mesh import Mesh
from synth.geometry.normals import angle_deg
from synth.geometry.se3 import Array
from synth.terminal import make_console

SMALL_FACE_MM2 = 100.0
"""Some 25 pixels of the L515's depth (640×480) at 0.9 m."""


def print_summary(cell: Cell, path: Path | None) -> None:
    """Print OK, whether the cell is simulated or real, and its figures."""
    console = make_console()
    source = str(path) if path else "the simulated cell that comes with synth"
    console.print(Text("OK", "bold green"), f"{source}: {cell.name}")
    if cell.is_simulated:
        devices = [
            name for name, device in (("robot", cell.robot), ("camera", cell.camera)) if device.is_simulated
        ]
        told = f"{' and '.join(devices)}: what it makes is simulated data."
        console.print(Text("SIMULATED", "bold magenta"), told)
    if cell.robot.is_simulated != cell.camera.is_simulated:
        console.print(
            Text.assemble(
                ("HALF REAL", "bold black on yellow"),
                ": robot and camera must both be real or both be simulated; until then capture and calibrate "
                "refuse this cell.",
            )
        )
    if not cell.robot.is_simulated:
        where = f"at {cell.robot.address}: capture will move it."
        console.print(Text("REAL ROBOT", "bold black on yellow"), where)
    if reason := wrong_sdk(cell.camera):
        console.print(Text("WRONG SDK", "bold black on yellow"), reason, soft_wrap=True)
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    bodies = load_bodies(cell)
    for row in _rows(cell, bodies):
        table.add_row(*row)
    console.print(table)
    for note in bodies.notes:
        console.print(Text(note), soft_wrap=True)


def _rows(cell: Cell, bodies: CellBodies) -> list[tuple[str, str]]:
    camera, label = cell.camera, cell.label
    face, face_normal = face_of_interest(bodies.part, cell.part.point_of_interest_m)
    device_K = "the device's own K" if camera.known.tells_lens else "no K"
    K = "calibrated K" if camera.K is not None else device_K
    color = _size(camera.color_size_wh)
    depth = f"depth {_size(camera.depth_size_wh)}" if camera.known.has_depth else "no depth"
    hsv = (
        ("H", label.h_min, label.h_max),
        ("S", label.s_min, label.s_max),
        ("V", label.v_min, label.v_max),
    )
    area_mm2 = _area_mm2(bodies.part, face)
    normal = "of the face" if cell.part.normal == "face" else f"part axis {_list(cell.part.normal)}"
    visits = ", ".join(f"{name} {_range(getattr(cell.robot.joints, name))}" for name in JOINT_NAMES)
    return [
        ("robot", f"{cell.robot.model} at {cell.robot.address}, payload {cell.robot.payload_kg:g} kg"),
        ("visits", visits),
        ("workspace", f"{_list(cell.workspace.min_m)} to {_list(cell.workspace.max_m)} m in base"),
        ("camera", f"{camera.serial}, colour {color}, {depth}, {K}"),
        ("part", f"{cell.part.class_name}, {_body(bodies.part)}"),
        (
            "face",
            f"{area_mm2:.0f} mm² around the point of interest{_warn_of_face(cell, area_mm2, face_normal)}",
        ),
        ("normal", normal),
        ("mount", _body(bodies.mount)),
        ("calibration", _calibration(cell)),
        *([("on the arm", f"camera {_known(hand)}")] if (hand := cell.calibration.hand) else []),
        ("label", ", ".join(f"{name} {low} to {high}" for name, low, high in hsv)),
    ]


def _warn_of_face(cell: Cell, area_mm2: float, face_normal: Array) -> str:
    """What is odd about it, in words; empty where nothing is."""
    turn_deg = (
        0.0 if cell.part.normal == "face" else float(angle_deg(face_normal, np.asarray(cell.part.normal)))
    )
    if turn_deg > 45:
        return (
            f": it looks {turn_deg:.0f}° away from part.normal; take a point on the face that looks that way"
        )
    if area_mm2 < SMALL_FACE_MM2:
        return f": below {SMALL_FACE_MM2:g} mm² depth says little of a normal, so captures check few"
    return ""


def _body(mesh: Mesh) -> str:
    size = " × ".join(f"{1000 * v:.1f}" for v in np.ptp(mesh.vertices_m, axis=0))
    return f"{size} mm, {len(mesh.triangles)} triangles"


def _calibration(cell: Cell) -> str:
    found = cell.calibration
    parts = [
        f"{name} {_known(record)}"
        for name, record in (("camera", found.camera), ("part", found.part))
        if record is not None
    ]
    reason = why_uncalibrated(cell)
    if reason is None:
        return "; ".join(parts)
    return "none needed" if cell.is_simulated and not parts else f"does not hold: {reason}"


def _known(record: CameraCalibration | PartCalibration) -> str:
    return f"{record.date[:10]}, {record.sigma_mm:.2f} mm and {record.sigma_deg:.3f}°"


def _area_mm2(mesh: Mesh, triangles: np.ndarray[tuple[int], np.dtype[np.int64]]) -> float:
    a, b, c = np.moveaxis(mesh.vertices_m[mesh.triangles[triangles]], 1, 0)
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2 * 1e6)


def _range(joint: JointRange) -> str:
    return f"{joint.fixed_deg:g}°" if joint.is_fixed else f"{joint.min_deg:g} to {joint.max_deg:g}°"


def _list(values: tuple[float, ...]) -> str:
    return f"[{', '.join(f'{v:g}' for v in values)}]"


def _size(size_wh: tuple[int, int]) -> str:
    return f"{size_wh[0]}×{size_wh[1]}"
