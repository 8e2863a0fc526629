"""A cell as one picture: from above, from the side and as its camera sees it, with poses the arm can take."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Rectangle
from numpy.typing import ArrayLike
from scipy.spatial import ConvexHull

from synth.cell.mesh import CellBodies, label_normal_part
from synth.cell.model import Cell
from synth.cell.places import T_base_cam, T_base_cam_at_home, T_base_part
from synth.geometry import se3
from synth.geometry.arm import link_capsules
from synth.geometry.mesh import Mesh
from synth.geometry.normals import angle_deg
from synth.geometry.se3 import Array

Projection = Callable[[Array], tuple[Array, Array]]
"""Points [N,3] in base to places [N,2] in a picture and distances [N] from the eye."""

INK, ARM, GRID, FRUSTUM = "#22262b", (0.71, 0.74, 0.77), "#d5d9dd", "#2b6cb0"
_LIGHT = np.array([0.35, -0.45, 0.82])
_SPHERE = np.stack(
    [
        [np.cos(a) * np.cos(e), np.sin(a) * np.cos(e), np.sin(e)]
        for a in np.linspace(0, 2 * np.pi, 24, endpoint=False)
        for e in np.linspace(-np.pi / 2, np.pi / 2, 13)
    ]
)


@dataclass(frozen=True, eq=False)
class Marks:
    """Poses as marks, in base: points_m and normals [N,3] of the part, or of a camera on the arm where it is
    and looks; the label's tilt from the line of sight [N].
    """

    points_m: Array
    normals: Array
    tilt_deg: Array


def draw_cell(cell: Cell, bodies: CellBodies, poses_q_rad: ArrayLike, path: Path) -> None:
    """Write the picture of a cell as PNG, whole or not at all.

    poses_q_rad: [N,6] joints of the poses to mark, N may be 0; the arm itself stands at home.
    """
    figure = Figure(figsize=(18, 8.9), dpi=110, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    grid = figure.add_gridspec(
        2,
        2,
        width_ratios=(1, 1.75),
        left=0.045,
        right=0.985,
        top=0.87,
        bottom=0.065,
        hspace=0.25,
        wspace=0.1,
    )
    marks = _marks(cell, bodies, np.asarray(poses_q_rad, dtype=float).reshape(-1, 6))
    for slot, title, axes in (
        (grid[0, 0], "from above", (0, 1, 2)),
        (grid[1, 0], "from the side", (0, 2, 1)),
    ):
        _draw_bench(figure.add_subplot(slot), title, axes, cell, bodies, marks)
    view = figure.add_subplot(grid[:, 1])
    _draw_camera_view(view, cell, bodies, marks)
    scale = ScalarMappable(_tilt_scale(cell), "viridis")
    bar = figure.colorbar(scale, ax=view, orientation="horizontal", fraction=0.05, pad=0.1, aspect=50)
    bar.set_label(
        f"tilt of the label's normal from the line of sight, degrees (of {len(marks.tilt_deg)} poses)"
    )
    kind = "SIMULATED CELL" if cell.is_simulated else f"REAL CELL, robot at {cell.robot.address}"
    figure.text(0.045, 0.945, cell.name, fontsize=19, fontweight="bold", color=INK)
    figure.text(0.985, 0.945, kind, fontsize=13, color="#b83280", ha="right", fontweight="bold")
    partial = path.with_name(f".{path.name}.partial")
    try:
        canvas.print_figure(partial, format="png", facecolor="white")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _marks(cell: Cell, bodies: CellBodies, q_rad: Array) -> Marks:
    T_base_tool = cell.robot.T_base_tool(q_rad)
    T_cam, T_part = T_base_cam(cell, T_base_tool), T_base_part(cell, T_base_tool)
    points_m = T_part[..., :3, :3] @ np.asarray(cell.part.point_of_interest_m) + T_part[..., :3, 3]
    normals = T_part[..., :3, :3] @ label_normal_part(cell, bodies.part)
    tilt_deg = angle_deg(np.broadcast_to(normals, (len(q_rad), 3)), T_cam[..., :3, 3] - points_m)
    if cell.camera.is_on_arm:
        return Marks(T_cam[:, :3, 3], T_cam[:, :3, 2], tilt_deg)
    return Marks(points_m, normals, tilt_deg)


def _tilt_scale(cell: Cell) -> Normalize:
    return Normalize(0, cell.gates.max_tilt_deg)


def _draw_bench(
    axes: Axes, title: str, order: tuple[int, int, int], cell: Cell, bodies: CellBodies, marks: Marks
) -> None:
    """An orthographic view: base axes order[0] to the right, order[1] up, seen along order[2]."""
    right, up, towards = order
    towards_eye = 1.0 if towards == 2 else -1.0

    def project(points_m: Array) -> tuple[Array, Array]:
        return points_m[:, [right, up]], -towards_eye * points_m[:, towards]

    axes.set_title(title, loc="left", fontsize=12, color=INK)
    axes.set_aspect("equal", adjustable="datalim")
    axes.grid(color=GRID, lw=0.7)
    axes.set_axisbelow(True)
    axes.set_xlabel(f"base {'xyz'[right]}, m")
    axes.set_ylabel(f"base {'xyz'[up]}, m")
    _draw_table(axes, cell, project)
    low, high = np.asarray(cell.workspace.min_m), np.asarray(cell.workspace.max_m)
    extent = (high - low)[[right, up]]
    axes.add_patch(
        Rectangle((low[right], low[up]), *extent, fill=False, ec=INK, ls=(0, (5, 4)), lw=1.2, zorder=2)
    )
    axes.annotate(
        "workspace", (low[right], high[up]), xytext=(4, -12), textcoords="offset points", fontsize=9
    )
    _draw_frustum(axes, cell, project)
    for lamp in cell.bench.lamps:
        _draw_lamp(axes, np.asarray(lamp.position_m), np.asarray(lamp.target_m), lamp.side_m, project)
    _draw_arm(axes, cell, bodies, project)
    _draw_marks(axes, cell, marks, project, length_m=0.045)
    axes.plot(0, 0, "+", color=INK, ms=9, zorder=60)
    axes.autoscale_view()


def _draw_camera_view(axes: Axes, cell: Cell, bodies: CellBodies, marks: Marks) -> None:
    pinhole = cell.camera.pinhole
    T_cam_base = se3.inverse(T_base_cam_at_home(cell))

    def project(points_m: Array) -> tuple[Array, Array]:
        points_cam_m = se3.transform(T_cam_base, points_m)
        in_front = points_cam_m[:, 2] > 0.02
        pixels = np.full((len(points_m), 2), np.nan)
        if in_front.any():
            pixels[in_front] = pinhole.project(points_cam_m[in_front])
        return pixels, points_cam_m[:, 2]

    width, height = pinhole.size_wh
    source = "your calibration" if cell.camera.K is not None else "nominal lens"
    axes.set_title(f"as the camera sees it ({source})", loc="left", fontsize=12, color=INK)
    axes.set_facecolor(tuple(np.divide(cell.bench.table.colour_rgb, 255).tolist()))
    _draw_arm(axes, cell, bodies, project)
    if not cell.camera.is_on_arm:  # The picture is taken at home; the marks are other places of the camera.
        _draw_marks(axes, cell, marks, project, length_m=0.03)
    margin = cell.gates.image_margin_px
    frame = Rectangle(
        (margin, margin), width - 2 * margin, height - 2 * margin, fill=False, ec=INK, ls=":", lw=1, zorder=70
    )
    axes.add_patch(frame)
    axes.set_aspect("equal")
    axes.set_xlim(-0.5, width - 0.5)
    axes.set_ylim(height - 0.5, -0.5)
    axes.set_xlabel("px")


def _draw_table(axes: Axes, cell: Cell, project: Projection) -> None:
    table = cell.bench.table
    normal = np.asarray(table.normal) / np.linalg.norm(table.normal)
    corners = np.array([[-0.9, -0.9, 0], [0.95, -0.9, 0], [0.95, 0.9, 0], [-0.9, 0.9, 0]])
    corners -= np.outer((corners - table.point_m) @ normal, normal)
    outline, _ = project(corners)
    colour = np.asarray(table.colour_rgb) / 255
    axes.add_patch(Polygon(outline, fc=(*colour, 0.55), ec="#8a8f94", lw=2, zorder=0.5))


def _draw_frustum(axes: Axes, cell: Cell, project: Projection) -> None:
    pinhole = cell.camera.pinhole
    T_cam, table = T_base_cam_at_home(cell), cell.bench.table
    width, height = pinhole.size_wh
    rays = pinhole.unproject([[0, 0], [width, 0], [width, height], [0, height]]) @ T_cam[:3, :3].T
    eye, normal = T_cam[:3, 3], np.asarray(table.normal, dtype=float)
    along = rays @ normal
    reach = np.where(np.abs(along) > 1e-9, (np.asarray(table.point_m) - eye) @ normal / along, 1.5)
    footprint = eye + rays * np.where((reach > 0) & (reach < 3), reach, 1.5)[:, None]
    outline, _ = project(footprint)
    tip = project(eye[None])[0][0]
    axes.add_patch(Polygon(outline, fc=FRUSTUM, alpha=0.09, ec=FRUSTUM, lw=1, zorder=1))
    axes.add_collection(
        LineCollection([[tip, corner] for corner in outline], colors=FRUSTUM, lw=0.9, zorder=3)
    )
    axes.plot(*tip, "s", color=FRUSTUM, ms=8, zorder=65)
    axes.annotate(
        "camera", tip, xytext=(8, 6), textcoords="offset points", color=FRUSTUM, fontsize=10, zorder=65
    )


def _draw_lamp(axes: Axes, centre_m: Array, target_m: Array, side_m: float, project: Projection) -> None:
    aim = (target_m - centre_m) / np.linalg.norm(target_m - centre_m)
    u = np.cross(aim, [0.0, 0.0, 1.0] if abs(aim[2]) < 0.9 else [1.0, 0.0, 0.0])
    u *= side_m / 2 / np.linalg.norm(u)
    v = np.cross(aim, u)
    outline, _ = project(np.array([centre_m + u + v, centre_m + u - v, centre_m - u - v, centre_m - u + v]))
    axes.add_patch(Polygon(outline, fc="#fff3bf", ec="#d69e2e", lw=1.5, zorder=4))
    (start, end), _ = project(np.array([centre_m + 0.08 * aim, centre_m + 0.35 * aim]))
    axes.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": "#d69e2e", "lw": 1.3}, zorder=4)
    x, y = outline.mean(axis=0)
    axes.text(x, y, "lamp", ha="center", va="center", color="#975a16", fontsize=9, zorder=5)


def _draw_arm(axes: Axes, cell: Cell, bodies: CellBodies, project: Projection) -> None:
    """Links, mount and part at home, nearer ones over farther ones."""
    links = link_capsules(cell.robot.home_q_rad, cell.robot.arm)
    shapes: list[tuple[float, Any]] = []
    for a, b, radius in zip(links.a_m, links.b_m, links.radius_m, strict=True):
        places, depths = project(np.concatenate([a + radius * _SPHERE, b + radius * _SPHERE]))
        if np.isfinite(places).all():
            outline = places[ConvexHull(places).vertices]
            shapes.append((float(depths.mean()), Polygon(outline, fc=ARM, ec="#7b838b", lw=0.8)))
    T_base_tool = cell.robot.T_base_tool(cell.robot.home_q_rad)
    for body, mesh, T_base_body in (
        (cell.mount, bodies.mount, T_base_tool @ cell.mount.T_tool_mount),
        (cell.part, bodies.part, T_base_part(cell, T_base_tool)),
    ):
        shapes.append(_shade(mesh.transformed(T_base_body), body.colour_rgb, project))
    for i, (_, shape) in enumerate(sorted(shapes, key=lambda item: -item[0])):
        shape.set_zorder(10 + i)
        axes.add_artist(shape)


def _shade(mesh: Mesh, colour_rgb: tuple[int, int, int], project: Projection) -> tuple[float, PolyCollection]:
    """A mesh in base as shaded triangles, painted from far to near."""
    places, depths = project(mesh.vertices_m)
    triangles = places[mesh.triangles]
    depth = depths[mesh.triangles].mean(axis=1)
    corners = mesh.vertices_m[mesh.triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1), 1e-300)[:, None]
    light = 0.45 + 0.55 * np.clip(normals @ _LIGHT, 0, 1)
    colours = np.clip(light[:, None] * np.asarray(colour_rgb) / 255 * 1.05, 0, 1)
    order = np.argsort(-depth)
    order = order[np.isfinite(triangles[order]).all(axis=(1, 2))]
    shape = PolyCollection(
        list(triangles[order]), facecolors=colours[order], edgecolors=colours[order], linewidths=0.3
    )
    return float(depths.mean()), shape


def _draw_marks(axes: Axes, cell: Cell, marks: Marks, project: Projection, length_m: float) -> None:
    if not len(marks.points_m):
        return
    start, _ = project(marks.points_m)
    end, _ = project(marks.points_m + length_m * marks.normals)
    scale = _tilt_scale(cell)
    lines = LineCollection(
        list(np.stack([start, end], axis=1)), array=marks.tilt_deg, norm=scale, lw=1.0, zorder=40
    )
    axes.add_collection(lines)
    axes.scatter(start[:, 0], start[:, 1], c=marks.tilt_deg, norm=scale, s=11, lw=0, zorder=41)
