"""The bench top: a laminate sheet under a camera that never moves, so all light but shadows stays."""

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np

from synth.cell.model import Table
from synth.geometry.pinhole import Pinhole
from synth.geometry.se3 import Array
from synth.hardware.simulated.body import Float32
from synth.hardware.simulated.light import Panel, Room, highlight, linear_from_srgb
from synth.hardware.simulated.sensor import generator

_TEXELS, _TEXEL_M = 1536, 0.00107
_F0 = np.array([0.04], np.float32)


class Bench:
    """The empty bench in base, pixel by pixel.

    points_m [H,W,3] where each pixel's ray meets the sheet; hit [H,W] where it does. GRID: every so many
    pixels a point of ``grid_points_m`` [h,w,3] stands, for which the caller finds what each lamp and the room
    contribute.
    """

    GRID = 5

    def __init__(
        self,
        table: Table,
        camera: Pinhole,
        T_base_cam: Array,
        panels: Sequence[Panel],
        room: Room,
        seed: int,
    ) -> None:
        origin = T_base_cam[:3, 3].astype(np.float32)
        rays = (camera.rays @ T_base_cam[:3, :3].T).astype(np.float32)
        self.normal = np.asarray(table.normal, np.float32) / np.float32(np.linalg.norm(table.normal))
        facing = -(rays @ self.normal)
        height = np.float32((origin - np.asarray(table.point_m)) @ self.normal)
        self.hit = (facing > 0.02) & (height > 0)
        depth = np.where(self.hit, height / np.maximum(facing, 0.02), 1)
        self.points_m = origin + rays * depth[..., None]
        to_eye = -rays / np.linalg.norm(rays, axis=-1, keepdims=True)
        self.mean_albedo = np.array(linear_from_srgb(table.colour_rgb), np.float32)
        albedo, polish = self._sheet(self.mean_albedo, seed)
        self._lamp_layers = []  # of each lamp, unshadowed: three planes [H,W]
        normals = np.broadcast_to(self.normal, self.points_m.shape).reshape(-1, 3)
        rough = np.full(normals.shape[:1], table.roughness, np.float32)
        for panel in panels:
            irradiance, to_lamp = panel.irradiance(self.points_m, self.normal)
            irradiance *= self.hit
            distance = np.linalg.norm(panel.centre_m - self.points_m, axis=-1).reshape(-1)
            gloss = highlight(
                panel, to_lamp.reshape(-1, 3), distance, normals, to_eye.reshape(-1, 3), rough, _F0
            )
            gloss = gloss[:, 0].reshape(irradiance.shape) * polish
            self._lamp_layers.append(
                [
                    irradiance * (albedo[..., c] / np.float32(np.pi) + gloss) * panel.radiance[c]
                    for c in range(3)
                ]
            )
        mirrored = -to_eye + 2 * (to_eye @ self.normal)[..., None] * self.normal
        fresnel = _F0 + 0.6 * (1 - np.clip(to_eye @ self.normal, 0, 1)) ** 5
        sheen = room.radiance(mirrored, 0.7) * (fresnel * polish)[..., None]
        open_bench = albedo * (room.irradiance / np.float32(np.pi)) + sheen
        beyond = room.radiance(-to_eye, 0.6) * np.float32(0.25)
        shown = np.where(self.hit[..., None], open_bench, beyond)
        self._open = [np.ascontiguousarray(shown[..., c]) for c in range(3)]
        g = self.GRID
        self.grid_points_m = np.ascontiguousarray(self.points_m[g // 2 :: g, g // 2 :: g])

    def radiance(self, lamp_share: Sequence[Float32], room_share: Float32) -> Float32:
        """The bench [H,W,3] when lamp l reaches the grid point with share ``lamp_share[l]`` [h,w] and the
        room's light with ``room_share`` [h,w], 0–1.
        """
        spread = self._spread(room_share)
        planes = [plane * spread for plane in self._open]
        for share, layer in zip(lamp_share, self._lamp_layers, strict=True):
            spread = self._spread(share)
            for plane, lit in zip(planes, layer, strict=True):
                plane += lit * spread
        return np.asarray(cv2.merge(planes))

    def _spread(self, grid: Float32) -> Float32:
        """A grid quantity at every pixel, bilinearly."""
        height, width = self.hit.shape
        g = self.GRID
        warp = np.array([[1 / g, 0, -(g // 2) / g], [0, 1 / g, -(g // 2) / g]], np.float32)
        return np.asarray(
            cv2.warpAffine(
                grid,
                warp,
                (width, height),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REPLICATE,
            ),
            dtype=np.float32,
        )

    def _sheet(self, colour: Float32, seed: int) -> tuple[Float32, Float32]:
        """Albedo [H,W,3] and polish [H,W] of the laminate at every pixel."""
        shade, polish = _texture(seed)
        u = np.cross(self.normal, [1.0, 0.0, 0.0] if abs(self.normal[0]) < 0.9 else [0.0, 1.0, 0.0])
        u = (u / np.linalg.norm(u)).astype(np.float32)
        v = np.cross(self.normal, u).astype(np.float32)
        middle = self.points_m[self.hit].mean(axis=0) if self.hit.any() else np.zeros(3, np.float32)
        local = (self.points_m - middle) / np.float32(_TEXEL_M)
        x, y = local @ u + _TEXELS / 2, local @ v + _TEXELS / 2
        seen, glossy = (
            cv2.remap(t, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT) for t in (shade, polish)
        )
        return np.asarray(seen[..., None] * colour, np.float32), np.asarray(glossy, np.float32)


@lru_cache(maxsize=2)
def _texture(seed: int) -> tuple[Float32, Float32]:
    """Relative albedo and polish of a used sheet: speckle, clouds, scratches, smudges, holes, a seam."""
    size, rng = _TEXELS, generator(seed, 2)

    def clouds(sigma: float) -> Float32:
        small = rng.standard_normal((max(int(size / sigma), 4),) * 2, dtype=np.float32)
        return np.asarray(cv2.resize(small, (size, size), interpolation=cv2.INTER_CUBIC), np.float32)

    speckle = cv2.GaussianBlur(rng.standard_normal((size, size), dtype=np.float32), (0, 0), 0.9)
    shade: Float32 = 1 + 0.028 * speckle + 0.010 * clouds(9) + 0.012 * clouds(160) + 0.012 * clouds(500)
    polish: Float32 = 1 + 0.10 * clouds(60) + 0.10 * clouds(260)
    lines = np.zeros((size, size), np.float32)
    for depth in rng.normal(0, 0.06, 8):
        strokes = np.zeros((size, size), np.uint8)
        for _ in range(12):
            start, angle = rng.uniform(0, size, 2), rng.uniform(0, 2 * np.pi)
            length, bend = rng.gamma(2.0, 45), rng.normal(0, 0.004)
            t = np.arange(0, length + 8, 4)
            path = start + np.stack([np.cos(angle + bend * t), np.sin(angle + bend * t)], axis=1) * t[:, None]
            cv2.polylines(strokes, [np.round(path * 16).astype(np.int32)], False, 255, 1, cv2.LINE_AA, 4)
        lines += strokes * np.float32(depth / 255)
    shade += cv2.GaussianBlur(lines, (0, 0), 0.8)
    polish -= 0.6 * np.abs(lines)
    smudges = np.zeros((size // 4, size // 4), np.float32)
    for _ in range(7):
        centre, radii = rng.integers(0, size // 4, 2).tolist(), rng.integers(6, 26, 2).tolist()
        cv2.ellipse(smudges, centre, radii, float(rng.uniform(0, 180)), 0, 360, 1.0, -1, cv2.LINE_AA)
    wiped = cv2.resize(cv2.GaussianBlur(smudges, (0, 0), 4), (size, size))
    shade -= np.float32(0.025) * wiped
    polish -= np.float32(0.25) * wiped
    seam = int(0.60 * size)
    cv2.line(shade, (0, seam), (size, seam + 4), 0.30, 2, cv2.LINE_AA)
    for k in range(4):  # countersunk screws along the seam
        x, y = int((0.2 + 0.2 * k) * size), seam + 58 + k
        cv2.circle(shade, (x * 16, y * 16), 6 * 16, 0.52, -1, cv2.LINE_AA, 4)
        cv2.circle(shade, (x * 16, y * 16), 4 * 16, 0.33, -1, cv2.LINE_AA, 4)
        cv2.line(shade, (x - 2, y - 1), (x + 2, y + 1), 0.08, 1, cv2.LINE_AA)
    for across, down, r in (
        (0.27, 0.25, 4),
        (0.37, 0.25, 4),
        (0.72, 0.34, 3),
        (0.72, 0.38, 3),
        (0.15, 0.44, 5),
    ):
        hole = (int(across * size) * 16, int(down * size) * 16)  # drilled, with a worn rim
        cv2.circle(shade, hole, (r + 2) * 16, 0.80, -1, cv2.LINE_AA, 4)
        cv2.circle(shade, hole, r * 16, 0.06, -1, cv2.LINE_AA, 4)
    return np.clip(shade, 0.03, 1.2).astype(np.float32), np.clip(polish, 0.1, 1.6).astype(np.float32)
