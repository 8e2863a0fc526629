"""The bench as it really is: what the camera's two sensors see of the arm at given joints."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from synth.cell.board import Board
from synth.cell.mesh import CellBodies, label_normal_part
from synth.cell.model import Cell
from synth.geometry import se3
from synth.geometry.arm import DH, joint_frames
from synth.geometry.frames import uvw_from_cam
from synth.geometry.mesh import Mesh
from synth.geometry.raycast import camera_rays
from synth.geometry.se3 import Array
from synth.hardware.simulated import sensor
from synth.hardware.simulated.arm_body import arm_bodies
from synth.hardware.simulated.bench import Bench
from synth.hardware.simulated.body import Body, Float32
from synth.hardware.simulated.clutter import LID_PLACES, clutter, lid
from synth.hardware.simulated.light import Panel, Room, to_material
from synth.hardware.simulated.optics import NoiseKey
from synth.hardware.simulated.print import Print
from synth.hardware.simulated.render import Renderer
from synth.hardware.simulated.scene import Stage, Wardrobe, mottle_volume
from synth.hardware.simulated.truth import Truth

_PART = 8  # after the arm's seven bodies and the mount
_SUBPIXELS = 4
_DEPTH_RANGE_M = (0.20, 9.0)
_BEYOND = 1.5  # half image sizes from the middle at which the part is surely out of view


@dataclass(frozen=True, eq=False)
class GroundTruth:
    """What a label of this pose should say.

    coverage [H,W]: share of each pixel that the visible part fills. mask_visib [H,W]: where that is at least
    a half. box_xyxy_px [4]: extent of what is visible, edges 0..W, to a quarter pixel; None where nothing is.
    visib_fract: of the part's whole outline. point_px [2]: the point of interest, pixel centres at integers.
    normal_cam: OpenCV axes.
    """

    T_base_tool: Array
    T_base_part: Array
    T_cam_part: Array
    normal_cam: Array
    normal_uvw: Array
    coverage: Float32
    mask_visib: NDArray[np.bool_]
    box_xyxy_px: Array | None
    visib_fract: float
    point_px: Array


class World:
    """Everything the simulated camera can see.

    bodies: the cell's meshes (`.part` in the part frame, `.mount` in the mount frame). extra: further bodies,
    standing still in base. board: what the part is, if it is a calibration board; then truth.board_offset
    says how it is really held. wardrobe: of another world with the same bodies. seed: of texture and noise.
    Same seed, joints and noise key, same bytes.
    """

    def __init__(
        self,
        cell: Cell,
        bodies: CellBodies,
        truth: Truth,
        seed: int,
        *,
        extra: tuple[Body, ...] = (),
        board: Board | None = None,
        wardrobe: Wardrobe | None = None,
    ) -> None:
        self._cell, self._truth, self._seed = cell, truth, seed
        self.color_camera = truth.color_camera_of(cell)
        self.depth_camera = truth.depth_camera_of(cell)
        self.T_base_cam = truth.T_base_cam_of(cell)
        self.T_cam_depth = np.asarray(truth.T_cam_depth, dtype=float)
        self.depth_scale_m = truth.depth_scale_m or cell.camera.known.depth_scale_m or 0.001
        self.repeatability_m = truth.repeatability_m
        dh, o = cell.robot.arm.dh, truth.dh_offsets
        self.dh = DH(dh.a_m + o.a_m, dh.d_m + o.d_m, dh.alpha_rad + o.alpha_rad, dh.theta_rad + o.theta_rad)
        tilt = truth.mount_tilt.T_tool_tilted
        self._print = None if board is None else Print(board, _PART)
        if board is None:
            T_tool_part = cell.part.T_tool_part if truth.T_tool_part is None else truth.T_tool_part
            T_tool_mount = cell.mount.T_tool_mount if truth.T_tool_mount is None else truth.T_tool_mount
        else:
            T_tool_part = np.asarray(cell.part.T_tool_part) @ truth.board_offset
            T_tool_mount = cell.mount.T_tool_mount
        self.T_tool_part = tilt @ np.asarray(T_tool_part)
        self._T_tool_mount = tilt @ np.asarray(T_tool_mount)
        self._part_mesh: Mesh = bodies.part
        self._wardrobe = wardrobe or self._dress(bodies, extra)
        self._standing_count = len(self._wardrobe.bodies) - _PART - 1
        self._panels = [Panel.of(lamp) for lamp in truth.lamps_of(cell)]
        self._staged: tuple[bytes, Stage] | None = None
        self._colored: tuple[bytes, Float32] | None = None
        self._ranged: tuple[bytes, sensor.DepthView] | None = None

    def _dress(self, bodies: CellBodies, extra: tuple[Body, ...]) -> Wardrobe:
        cell, deviations = self._cell, self._truth.surfaces
        mount = to_material(deviations.mount.of(cell.mount), mottle=0.05, layer_m=0.0012)
        part = to_material(deviations.part.of(cell.part), mottle=0.025)
        dressed = [
            *arm_bodies(cell.robot.arm, deviations.arm),
            Body.of(bodies.mount, mount, edge_radius_m=0.0006),
            Body.of(bodies.part, part, edge_radius_m=0.0005),
            *clutter(self._T_base_bench),
            *extra,
            *(lid(self._T_base_bench, part, place) for place in LID_PLACES[: self._truth.decoys]),
        ]
        return Wardrobe(dressed, mottle_volume(sensor.generator(self._seed, 1)))

    @cached_property
    def _renderer(self) -> Renderer:
        room = Room(self._truth.room_light)
        table = self._truth.surfaces.table.of(self._cell.bench.table)
        bench = Bench(table, self.color_camera, self.T_base_cam, self._panels, room, self._seed)
        return Renderer(self.color_camera, self.T_base_cam, self._panels, room, bench, self._print)

    @cached_property
    def _sheet(self) -> Mesh:
        corners = np.array([[-20.0, -20, 0], [20, -20, 0], [20, 20, 0], [-20, 20, 0]])
        return Mesh(se3.transform(self._T_base_bench, corners), np.array([[0, 1, 2], [0, 2, 3]]))

    @cached_property
    def _T_base_bench(self) -> Array:
        """The bench top's frame: z up from it, origin on it, straight below or above the robot's base."""
        table = self._cell.bench.table
        z = np.asarray(table.normal, dtype=float) / np.linalg.norm(table.normal)
        x = np.cross([0.0, 1.0, 0.0] if abs(z[1]) < 0.9 else [0.0, 0.0, 1.0], z)
        x /= np.linalg.norm(x)
        return se3.make(np.stack([x, np.cross(z, x), z], axis=1), z * (z @ np.asarray(table.point_m)))

    def T_base_tool_of(self, q_true_rad: ArrayLike) -> Array:
        """The true TCP pose at true joints [6]."""
        return np.asarray(joint_frames(q_true_rad, self.dh)[6] @ self._cell.robot.T_flange_tool)

    def color(self, q_true_rad: ArrayLike) -> Float32:
        """Linear radiance [H,W,3] that reaches the colour sensor through its lens; the last one is kept."""
        key = _key(q_true_rad)
        if self._colored is None or self._colored[0] != key:
            radiance = self._renderer.radiance(self._stage(q_true_rad))
            self._colored = key, sensor.through_lens(radiance, self.color_camera)
        return self._colored[1]

    def expose(
        self, radiance: Float32, exposure_us: float, gain: float, white_balance_k: float, noise_key: NoiseKey
    ) -> NDArray[np.uint8]:
        """The picture [H,W,3] RGB of one exposure.

        Brightness follows exposure × gain; 15600 µs at gain 64 suits two lamps of brightness 1 at 1.2 m.
        """
        rng = sensor.generator(self._seed, 3, *noise_key)
        return sensor.to_picture(radiance, exposure_us, gain, white_balance_k, rng)

    def depth_counts(self, q_true_rad: ArrayLike, noise_key: NoiseKey) -> NDArray[np.uint16]:
        """Raw depth [H,W] in the depth sensor's own frame: ``depth_scale_m`` a count along z, 0 = missing."""
        key = _key(q_true_rad)
        if self._ranged is None or self._ranged[0] != key:
            self._ranged = key, self._depth_view(self._stage(q_true_rad))
        rng = sensor.generator(self._seed, 4, *noise_key)
        return sensor.depth_counts(self._ranged[1], self.depth_scale_m, _DEPTH_RANGE_M, rng)

    def truth_of(self, q_true_rad: ArrayLike) -> GroundTruth:
        """What is really in the picture at true joints [6]."""
        T_base_tool = self.T_base_tool_of(q_true_rad)
        T_base_part = T_base_tool @ self.T_tool_part
        T_cam_part = se3.inverse(self.T_base_cam) @ T_base_part
        normal_cam = T_cam_part[:3, :3] @ self._normal_part
        coverage, box, visib_fract = self._coverage(q_true_rad, T_base_part, T_cam_part)
        point = se3.transform(T_cam_part, np.asarray(self._cell.part.point_of_interest_m))
        return GroundTruth(
            T_base_tool,
            T_base_part,
            T_cam_part,
            normal_cam,
            uvw_from_cam(normal_cam),
            coverage,
            coverage >= 0.5,
            box,
            visib_fract,
            self.color_camera.project(point)[0],
        )

    @cached_property
    def _normal_part(self) -> Array:
        return np.asarray(label_normal_part(self._cell, self._part_mesh))

    def _stage(self, q_true_rad: ArrayLike) -> Stage:
        key = _key(q_true_rad)
        if self._staged is None or self._staged[0] != key:
            frames = joint_frames(q_true_rad, self.dh)
            T_base_tool = frames[6] @ self._cell.robot.T_flange_tool
            held = [T_base_tool @ self._T_tool_mount, T_base_tool @ self.T_tool_part]
            placed = np.stack([*frames, *held, *[np.eye(4)] * self._standing_count])
            self._staged = key, Stage(self._wardrobe, placed, self._sheet)
        return self._staged[1]

    def _coverage(
        self, q_true_rad: ArrayLike, T_base_part: Array, T_cam_part: Array
    ) -> tuple[Float32, Array | None, float]:
        width, height = self.color_camera.size_wh
        coverage = np.zeros((height, width), np.float32)
        vertices_cam = se3.transform(T_cam_part, self._part_mesh.vertices_m)
        reach = self.color_camera.reach * _BEYOND
        beside = np.abs(vertices_cam[:, :2]) > reach * vertices_cam[:, 2:]
        if beside.any() or (vertices_cam[:, 2] <= 0.01).any():
            return coverage, None, 0.0  # the lens model says nothing about places this far out of view
        outline = self.color_camera.project(vertices_cam)
        low, high = (
            np.floor(outline.min(axis=0)).astype(int) - 2,
            np.ceil(outline.max(axis=0)).astype(int) + 3,
        )
        full = (int(low[0]), int(low[1]), int(high[0]), int(high[1]))
        stage = self._stage(q_true_rad)
        alone = Stage(
            Wardrobe([self._wardrobe.bodies[_PART]], np.zeros((64, 64, 64), np.float32)),
            T_base_part[None],
            self._sheet,
        )
        n, size = _SUBPIXELS, (full[3] - full[1], full[2] - full[0])
        fine = np.zeros((size[0] * n, size[1] * n), bool)
        whole = 0
        for j in range(n):
            for i in range(n):
                offset = ((i + 0.5) / n - 0.5, (j + 0.5) / n - 0.5)
                origin, directions = camera_rays(self.color_camera, self.T_base_cam, full, offset)
                fine[j::n, i::n] = stage.caster.cast(origin, directions).body == _PART
                whole += int((alone.caster.cast(origin, directions).body == 0).sum())
        x0, y0, x1, y1 = max(full[0], 0), max(full[1], 0), min(full[2], width), min(full[3], height)
        if x0 >= x1 or y0 >= y1 or whole == 0:
            return coverage, None, 0.0
        fine = fine[(y0 - full[1]) * n : (y1 - full[1]) * n, (x0 - full[0]) * n : (x1 - full[0]) * n]
        coverage[y0:y1, x0:x1] = fine.reshape(y1 - y0, n, x1 - x0, n).mean(axis=(1, 3))
        rows, columns = np.flatnonzero(fine.any(axis=1)), np.flatnonzero(fine.any(axis=0))
        if not len(rows):
            return coverage, None, 0.0
        box = np.array(
            [x0 + columns[0] / n, y0 + rows[0] / n, x0 + (columns[-1] + 1) / n, y0 + (rows[-1] + 1) / n]
        )
        return coverage, box, float(fine.sum()) / whole

    def _depth_view(self, stage: Stage) -> sensor.DepthView:
        origin, directions = camera_rays(self.depth_camera, self.T_base_cam @ self.T_cam_depth)
        directions = directions.astype(np.float32)
        hits = stage.caster.cast(origin, directions)
        to_eye = -directions / np.linalg.norm(directions, axis=-1, keepdims=True)
        cos = np.clip(np.einsum("hwi,hwi->hw", hits.normals, to_eye), 0, 1)
        on_bench = hits.body == stage.bench_index
        ir = np.where(on_bench, np.float32(0.7), np.float32(0))
        gleam = np.zeros_like(ir)
        seen = np.flatnonzero(hits.valid & ~on_bench)
        body, triangle = hits.body.reshape(-1)[seen], hits.triangle.reshape(-1)[seen]
        points = origin + directions.reshape(-1, 3)[seen] * hits.t.reshape(-1)[seen, None]
        normals, material, _, _ = stage.surface(body, triangle, points.astype(np.float32))
        table = self._wardrobe.materials
        ir.reshape(-1)[seen] = (table.albedo + 0.3 * table.f0)[material].max(axis=1)
        straight = np.clip(np.einsum("ij,ij->i", normals, to_eye.reshape(-1, 3)[seen]), 0, 1)
        shine = table.f0[material].max(axis=1) * (1 - table.roughness[material])
        gleam.reshape(-1)[seen] = np.clip(shine * 6, 0, 1) * np.clip((straight - 0.97) / 0.03, 0, 1)
        depth = np.where(hits.valid, hits.t, 0).astype(np.float32)
        return sensor.DepthView(depth, cv2.blur(cos.astype(np.float32), (3, 3)), ir, gleam)


def _key(q_rad: ArrayLike) -> bytes:
    return np.asarray(q_rad, dtype=np.float64).tobytes()
