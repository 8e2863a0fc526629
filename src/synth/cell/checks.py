"""What a schema cannot know: whether the numbers of a cell make sense together.

Every check is a generator of findings, and its parameters name what it needs: sections of the cell, or
``part_mesh`` and ``mount_mesh``. So all that can be checked is checked, even where another section is broken.
"""

import difflib
import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike

from synth.cell.mesh import METRES_PER_UNIT, describe_openings, face_of_interest
from synth.cell.model import (
    JOINT_NAMES,
    SIMULATED,
    Bench,
    CameraCell,
    Label,
    MeshBody,
    Mount,
    Part,
    RobotCell,
    Workspace,
)
from synth.cell.source import Place
from synth.errors import InputError
from synth.geometry import se3
from synth.geometry.mesh import Mesh
from synth.geometry.se3 import Array

Finding = tuple[Place, str]

LARGEST_M = 5.0  # No distance of a bench is larger; an arm on one reaches a metre.
LARGEST_TOOL_M = 0.5
BODY_SIZE_M = (0.002, 1.0)
_TEMPLATE = " (`synth cell init` writes a template that explains every key)"


def run_checks(subjects: Mapping[str, Any]) -> Iterator[Finding]:
    """The findings of every check whose subjects are all there."""
    for check in CHECKS:
        names = list(inspect.signature(check).parameters)
        if all(name in subjects for name in names):
            yield from check(**{name: subjects[name] for name in names})


def addresses(robot: RobotCell) -> Iterator[Finding]:
    yield from _nearly_simulated(("robot", "address"), robot.address)
    numbers = robot.address.split(".")
    if all(re.fullmatch(r"\d+", n) for n in numbers) and (len(numbers) != 4 or max(map(int, numbers)) > 255):
        yield (
            ("robot", "address"),
            f"is '{robot.address}'; an IPv4 address has four numbers from 0 to 255, as the pendant shows it.",
        )


def serial(camera: CameraCell) -> Iterator[Finding]:
    yield from _nearly_simulated(("camera", "serial"), camera.serial)


def _nearly_simulated(place: Place, value: str) -> Iterator[Finding]:
    if value != SIMULATED and difflib.get_close_matches(value.lower(), [SIMULATED], cutoff=0.8):
        yield place, f"is '{value}'; did you mean `{SIMULATED}`?"


def joint_angles(robot: RobotCell) -> Iterator[Finding]:
    limits_deg = np.degrees(robot.arm.joint_limit_rad)
    joints = [(("robot", "joints", name), getattr(robot.joints, name)) for name in JOINT_NAMES]
    bounds = np.degrees(robot.joints.bounds_rad)
    poses = [("home_deg", robot.home_deg)] + ([("park_deg", robot.park_deg)] if robot.park_deg else [])
    if 0 < np.abs(bounds).max() <= 2 * np.pi:
        yield ("robot", "joints"), "looks like radians: no angle is above 6.3; give degrees."
    for (place, joint), (low, high), limit in zip(joints, bounds, limits_deg, strict=True):
        if max(-low, high) > limit:
            text = f"{low:g}" if joint.is_fixed else f"{low:g} to {high:g}"
            yield place, f"is {text}°; {_joint_range(robot, limit)}."
    for key, pose in poses:
        worst = int((np.abs(pose) / limits_deg).argmax())
        if 0 < np.abs(pose).max() <= 2 * np.pi:
            yield ("robot", key), "looks like radians: no angle is above 6.3; give degrees."
        elif abs(pose[worst]) > limits_deg[worst]:
            at = f"puts {JOINT_NAMES[worst]} at {pose[worst]:g}°"
            yield ("robot", key), f"{at}; {_joint_range(robot, limits_deg[worst])}."


def _joint_range(robot: RobotCell, limit_deg: float) -> str:
    return f"that joint of a {robot.arm.title} turns from −{limit_deg:g}° to {limit_deg:g}°"


def tool_lengths(robot: RobotCell) -> Iterator[Finding]:
    yield from _not_far(("robot", "tcp_pose"), robot.tcp_pose[:3], LARGEST_TOOL_M, "from the flange")
    yield from _not_far(
        ("robot", "centre_of_gravity_m"), robot.centre_of_gravity_m, LARGEST_TOOL_M, "from the flange"
    )
    if np.linalg.norm(robot.tcp_pose[3:]) > 2 * np.pi:
        yield (
            ("robot", "tcp_pose"),
            "turns the tool by more than a full turn; its last three numbers are a rotation vector in "
            "radians, as the pendant shows it.",
        )


def camera_place(camera: CameraCell) -> Iterator[Finding]:
    if camera.is_on_arm and camera.T_tool_cam is None:
        yield (
            ("camera", "T_tool_cam"),
            "is missing; a camera on the arm (mounted: tool) needs it: its axes in tool, to some 3 cm and "
            "10° before it is calibrated.",
        )
    if not camera.is_on_arm and camera.T_base_cam is None:
        yield ("camera", "T_base_cam"), f"is missing; add it{_TEMPLATE}."


def part_place(camera: CameraCell, part: Part) -> Iterator[Finding]:
    if camera.is_on_arm and part.T_base_part is None:
        yield (
            ("part", "T_base_part"),
            "is missing; before a camera on the arm (camera.mounted: tool) the part stands: give its axes in "
            "base, to some centimetres before it is calibrated.",
        )
    if not camera.is_on_arm and part.T_tool_part is None:
        yield ("part", "T_tool_part"), f"is missing; add it{_TEMPLATE}."


def cable(robot: RobotCell, camera: CameraCell) -> Iterator[Finding]:
    if not camera.is_on_arm:
        return
    home_deg, turn_deg = robot.home_deg[-1], camera.cable_turn_deg
    wrist_3: Place = ("robot", "joints", "wrist_3")
    turns = [(wrist_3, float(angle_deg)) for angle_deg in np.degrees(robot.joints.bounds_rad[-1])]
    turns += [] if robot.park_deg is None else [(("robot", "park_deg"), robot.park_deg[-1])]
    for place, angle_deg in turns:
        if abs(angle_deg - home_deg) > turn_deg * (1 + 1e-12):
            yield (
                place,
                f"turns wrist 3 to {angle_deg:g}°, {abs(angle_deg - home_deg):g}° from home: the camera's "
                f"cable would wrap, camera.cable_turn_deg allows {turn_deg:g}°; narrow it, or put home in "
                "its middle.",
            )


def part_lengths(part: Part) -> Iterator[Finding]:
    if part.T_tool_part is not None:
        yield from _not_far(("part", "T_tool_part"), part.T_tool_part[:3, 3], LARGEST_TOOL_M, "from the TCP")
    if part.T_base_part is not None:
        yield from _not_far(("part", "T_base_part"), part.T_base_part[:3, 3], LARGEST_M, "from the base")
    point_m = part.point_of_interest_m
    yield from _not_far(("part", "point_of_interest_m"), point_m, LARGEST_TOOL_M, "from the part's origin")


def mount_lengths(mount: Mount) -> Iterator[Finding]:
    yield from _not_far(("mount", "T_tool_mount"), mount.T_tool_mount[:3, 3], LARGEST_TOOL_M, "from the TCP")


def bench_lengths(bench: Bench) -> Iterator[Finding]:
    yield from _not_far(("bench", "table", "point_m"), bench.table.point_m, LARGEST_M, "from the base")
    if not np.any(bench.table.normal):
        yield (
            ("bench", "table", "normal"),
            "is zero; give the direction up from the table, such as [0, 0, 1].",
        )
    for i, lamp in enumerate(bench.lamps):
        yield from _not_far(
            ("bench", "lamps", i, "position_m"), lamp.position_m, 2 * LARGEST_M, "from the base"
        )
        if lamp.position_m == lamp.target_m:
            yield (
                ("bench", "lamps", i, "target_m"),
                "is where the lamp stands; give a point that it shines at.",
            )


def workspace_lengths(workspace: Workspace) -> Iterator[Finding]:
    for key in ("min_m", "max_m"):
        yield from _not_far(("workspace", key), getattr(workspace, key), LARGEST_M, "from the base")


def _not_far(place: Place, vector_m: ArrayLike, limit_m: float, origin: str) -> Iterator[Finding]:
    distance = float(np.linalg.norm(np.asarray(vector_m, dtype=float)))
    if distance > limit_m:
        yield (
            place,
            f"lies {distance:g} m {origin}, which looks like millimetres; give metres, up to {limit_m:g}.",
        )


def home_in_workspace(robot: RobotCell, workspace: Workspace) -> Iterator[Finding]:
    if any(joint_angles(robot)) or any(tool_lengths(robot)) or any(workspace_lengths(workspace)):
        return
    tool_m = robot.T_base_tool(robot.home_q_rad)[:3, 3]
    if not (np.less_equal(workspace.min_m, tool_m).all() and np.less_equal(tool_m, workspace.max_m).all()):
        yield (
            ("workspace",),
            f"does not contain the tool at home, {_point(tool_m)}; widen it, or change robot.home_deg.",
        )


def camera_modes(camera: CameraCell) -> Iterator[Finding]:
    known = camera.known
    sizes = [("color_size_wh", known.color_modes), ("depth_size_wh", known.depth_modes)]
    for key, modes in sizes if known.has_depth else sizes[:1]:
        size = getattr(camera, key)
        if size not in modes:
            allowed = ", ".join(f"[{w}, {h}]" for w, h in modes)
            yield (
                ("camera", key),
                f"is [{size[0]}, {size[1]}], which the {known.title} has not; allowed: {allowed}.",
            )
    if camera.preset not in known.presets:
        yield (
            ("camera", "preset"),
            f"is {camera.preset}, which the {known.title} has not; allowed: {', '.join(known.presets)}.",
        )
    if camera.dist is not None and camera.K is None:
        yield ("camera", "dist"), "stands without K; give both from one calibration, or neither."
    width, height = camera.color_size_wh
    if camera.K is not None and not (0 < camera.K[0, 2] < width and 0 < camera.K[1, 2] < height):
        centre = f"({camera.K[0, 2]:g}, {camera.K[1, 2]:g})"
        yield (
            ("camera", "K"),
            f"has its centre {centre} outside the {width}×{height} image; calibrate at this resolution.",
        )


def camera_view(robot: RobotCell, camera: CameraCell, part: Part) -> Iterator[Finding]:
    if any(camera_place(camera)) or any(part_place(camera, part)):
        return
    key, from_where = ("T_tool_cam", "TCP") if camera.is_on_arm else ("T_base_cam", "base")
    place: Place = ("camera", key)
    T_cam = np.asarray(getattr(camera, key))
    distance = float(np.linalg.norm(T_cam[:3, 3]))
    if distance > (LARGEST_TOOL_M if camera.is_on_arm else 2 * LARGEST_M):
        yield (
            place,
            f"puts the camera {distance:g} m from the {from_where}, which looks like millimetres; give "
            "metres.",
        )
        return
    if (
        any(joint_angles(robot))
        or any(tool_lengths(robot))
        or any(part_lengths(part))
        or any(camera_modes(camera))
    ):
        return
    T_base_tool = robot.T_base_tool(robot.home_q_rad)
    if camera.is_on_arm:
        point_base_m = se3.transform(np.asarray(part.T_base_part), part.point_of_interest_m)
        point_m = se3.transform(se3.inverse(T_base_tool), point_base_m)
    else:
        T_base_part = T_base_tool @ np.asarray(part.T_tool_part)
        point_base_m = point_m = se3.transform(T_base_part, part.point_of_interest_m)
    where = _sight(camera, T_cam, point_m)
    if where is None:
        return
    advice = f"check {key}{' and part.T_base_part' if camera.is_on_arm else ''} and robot.home_deg."
    if _sight(camera, se3.inverse(T_cam), point_m) is None:
        inverse = "T_cam_tool" if camera.is_on_arm else "T_cam_base"
        advice = f"with the inverse matrix it would be seen, so this looks like {inverse}: invert it."
    yield place, f"puts the point of interest at home, {_point(point_base_m)}, {where}; {advice}"


def _sight(camera: CameraCell, T_cam: Array, point_m: Array) -> str | None:
    """Where a point is when the camera does not see it; both in base, or in tool for a camera on the arm."""
    pinhole = camera.pinhole
    point_cam_m = se3.transform(se3.inverse(T_cam), point_m)
    if point_cam_m[2] <= 0:
        return "behind the camera"
    x, y = pinhole.project(point_cam_m)[0]
    width, height = pinhole.size_wh
    if 0 <= x < width and 0 <= y < height:
        return None
    return f"outside the {width}×{height} image, at ({x:.0f}, {y:.0f}) px"


def part_colour(part: Part, label: Label) -> Iterator[Finding]:
    if not _passes(label, part.colour_rgb):
        yield (
            ("part", "colour_rgb"),
            f"{_colour(part.colour_rgb)} does not pass the label filter, so nothing would be found; "
            "correct it or widen label.",
        )


def mount_colour(mount: Mount, label: Label) -> Iterator[Finding]:
    if _passes(label, mount.colour_rgb):
        yield (
            ("mount", "colour_rgb"),
            f"{_colour(mount.colour_rgb)} passes the label filter, so the mount would be labelled too; "
            "use another colour or narrow label.",
        )


def table_colour(bench: Bench, label: Label) -> Iterator[Finding]:
    if _passes(label, bench.table.colour_rgb):
        yield (
            ("bench", "table", "colour_rgb"),
            f"{_colour(bench.table.colour_rgb)} passes the label filter, so the table would be labelled; "
            "use another background or narrow label.",
        )


def _hsv(colour_rgb: tuple[int, int, int]) -> tuple[int, int, int]:
    h, s, v = cv2.cvtColor(np.array([[colour_rgb]], dtype=np.uint8), cv2.COLOR_RGB2HSV)[0, 0]
    return int(h), int(s), int(v)


def _passes(label: Label, colour_rgb: tuple[int, int, int]) -> bool:
    h, s, v = _hsv(colour_rgb)
    if label.h_min <= label.h_max:
        hue = label.h_min <= h <= label.h_max
    else:
        hue = h >= label.h_min or h <= label.h_max
    return hue and label.s_min <= s <= label.s_max and label.v_min <= v <= label.v_max


def _colour(colour_rgb: tuple[int, int, int]) -> str:
    h, s, v = _hsv(colour_rgb)
    return f"is {list(colour_rgb)} (H {h}, S {s}, V {v}), which"


def part_solid(part: Part, part_mesh: Mesh) -> Iterator[Finding]:
    yield from _size("part", part, part_mesh)
    yield from _closed("part", part, part_mesh)


def mount_solid(mount: Mount, mount_mesh: Mesh) -> Iterator[Finding]:
    yield from _size("mount", mount, mount_mesh)
    yield from _closed("mount", mount, mount_mesh)


def _size(name: str, body: MeshBody, mesh: Mesh) -> Iterator[Finding]:
    size_m = np.ptp(mesh.vertices_m, axis=0)
    diagonal_m = float(np.linalg.norm(size_m))
    low, high = BODY_SIZE_M
    if not low <= diagonal_m <= high:
        text = " × ".join(f"{v:.3g}" for v in size_m)
        yield (name, "units"), f"makes it {text} m; {_unit_advice(body.units, diagonal_m)}"


def _closed(name: str, body: MeshBody, mesh: Mesh) -> Iterator[Finding]:
    if openings := describe_openings(mesh):
        yield (
            (name, "mesh"),
            f"'{body.mesh}' is no closed solid ({openings}); export it as a solid, or repair it.",
        )


def _unit_advice(units: str, diagonal_m: float) -> str:
    names = {"m": "metres", "cm": "centimetres", "mm": "millimetres", "inch": "inches"}
    in_file = diagonal_m / METRES_PER_UNIT[units]
    for other in ("mm", "m"):
        if 0.005 <= in_file * METRES_PER_UNIT[other] <= 0.6:
            return f"this looks like {names[other]} read as {names[units]}: set units: {other}."
    return "no unit makes this fit an arm: check the export of the CAD file."


def point_on_part(part: Part, part_mesh: Mesh) -> Iterator[Finding]:
    if part.normal != "face" and not np.any(part.normal):
        yield ("part", "normal"), "is zero; give an axis such as [0, 0, 1], or face."
    if not any(part_lengths(part)) and not any(_size("part", part, part_mesh)):
        try:
            face_of_interest(part_mesh, part.point_of_interest_m)
        except InputError as error:
            yield ("part", "point_of_interest_m"), f"does not mark a face: {error}"


def _point(point_m: Array) -> str:
    return f"[{', '.join(f'{v:.3f}' for v in point_m)}] m"


CHECKS = (
    addresses,
    serial,
    joint_angles,
    tool_lengths,
    camera_place,
    part_place,
    cable,
    part_lengths,
    mount_lengths,
    workspace_lengths,
    home_in_workspace,
    bench_lengths,
    camera_modes,
    camera_view,
    part_colour,
    mount_colour,
    table_colour,
    part_solid,
    mount_solid,
    point_on_part,
)
