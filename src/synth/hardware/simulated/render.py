"""One picture of the posed bodies above the bench, in linear light.

Area lamps are sampled by a few rays a pixel whose pattern repeats every 4 × 4 pixels; averaging such a tile
within a body uses all of the pattern (Keller and Heidrich, "Interleaved sampling", 2001). One bounce from
neighbours and room.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.geometry import se3
from synth.geometry.pinhole import Pinhole
from synth.geometry.raycast import Hits
from synth.geometry.se3 import Array
from synth.hardware.simulated.bench import Bench
from synth.hardware.simulated.body import Float32, Int32
from synth.hardware.simulated.edges import best_neighbour, edges, nearest_bench
from synth.hardware.simulated.light import MaterialTable, Panel, Room, highlight
from synth.hardware.simulated.print import OFFSETS_PX, Print
from synth.hardware.simulated.scene import Stage, hemisphere, smooth_within, tangents, windows_of

_TILE = 4
_LAMP_GRID = 8
_BOUNCE_TILE = 8
_LIFT_M = 2e-4
_STEPS = (-1, 0, 1)


def _weights_around(offsets_px: Array) -> Array:
    """Bilinear weights [K,9] of a pixel and those around it, row by row, at places [K,2] within it."""
    x, y = np.maximum(1 - np.abs(offsets_px.T[..., None] - _STEPS), 0)
    return np.asarray((y[:, :, None] * x[:, None]).reshape(len(offsets_px), -1))


_SIX_ROOKS = (np.array([[0, 1], [1, 3], [2, 5], [3, 0], [4, 2], [5, 4]]) + 0.5) / 6 - 0.5
_EDGE_WEIGHTS = _weights_around(_SIX_ROOKS)
_PRINT_WEIGHTS = _weights_around(OFFSETS_PX)


class Renderer:
    """Draws stages as one camera sees them."""

    def __init__(
        self,
        camera: Pinhole,
        T_base_cam: Array,
        panels: Sequence[Panel],
        room: Room,
        bench: Bench,
        pattern: Print | None = None,
    ) -> None:
        self._camera = camera
        self._print = pattern
        self._T_base_cam = T_base_cam
        self._panels = list(panels)
        self._room = room
        self._bench = bench
        self._eye = T_base_cam[:3, 3].astype(np.float32)
        self._rays = (camera.rays @ T_base_cam[:3, :3].T).astype(np.float32)
        self._lamp_points = [_tiled_lamp_points(p) for p in self._panels]
        self._bounce = hemisphere(_BOUNCE_TILE**2)
        self._lamp_pattern = _pattern(_TILE, self._rays.shape[:2])
        self._bounce_pattern = _pattern(_BOUNCE_TILE, self._rays.shape[:2])

    def radiance(self, stage: Stage) -> Float32:
        """Radiance [H,W,3] at the camera."""
        image = self._bench_radiance(stage)
        asked = np.flatnonzero(self._may_show(stage))
        rays = self._rays.reshape(-1, 3)[asked]
        hits = stage.caster.cast(self._eye, rays)
        struck = np.flatnonzero(hits.valid & (hits.body != stage.bench_index))
        if not len(struck):
            return image
        seen = asked[struck]
        body = np.full(image.shape[:2], -1, np.int32)
        body.reshape(-1)[seen] = hits.body[struck]
        samples = _Samples(stage, self._eye, rays[struck], hits, struck)
        light = [
            *self._arriving(stage, samples, body, seen),
            self._mirrored(stage, samples, seen, body.shape),
        ]
        image.reshape(-1, 3)[seen] = self._shade(stage, samples, light, seen)
        self._soften_edges(stage, image, body, samples, seen, light)
        if self._print is not None:
            self._lay_print(self._print, stage, image, body)
        return image

    def _lay_print(self, pattern: Print, stage: Stage, image: Float32, body: Int32) -> None:
        """Darken the pixels that show the body with a print."""
        rows, columns = np.nonzero(body == pattern.body)
        rays = self._rays_within(rows, columns, _PRINT_WEIGHTS)
        share = pattern.share(stage.T_base_body[pattern.body], self._T_base_cam[:3, 3], rays)
        image[rows, columns] *= share[:, None]

    def _may_show(self, stage: Stage) -> NDArray[np.bool_]:
        """Pixels [H,W] inside the frame around each body's projected bounding box."""
        mask = np.zeros(self._rays.shape[:2], bool)
        T_cam_base = se3.inverse(self._T_base_cam)
        for corners in stage.bounds_m:
            corners_cam = se3.transform(T_cam_base, corners)
            if (corners_cam[:, 2] < 0.05).any():
                mask[:] = True
                break
            outline = self._camera.project(corners_cam)
            low = np.maximum(np.floor(outline.min(axis=0)) - 4, 0).astype(int)
            high = np.maximum(np.ceil(outline.max(axis=0)) + 5, 0).astype(int)
            mask[low[1] : high[1], low[0] : high[0]] = True
        return mask

    def _bench_radiance(self, stage: Stage) -> Float32:
        points = self._bench.grid_points_m + _LIFT_M * self._bench.normal
        h, w = points.shape[:2]
        pattern = (np.arange(h)[:, None] % 2 * 2 + np.arange(w) % 2).astype(np.int32)
        shares = [self._lamp_share(stage, points, pattern, targets) for targets in self._lamp_points]
        u, v = tangents(self._bench.normal[None])
        frame = np.stack([u[0], v[0], self._bench.normal])
        directions = (hemisphere(48) @ frame).astype(np.float32).reshape(12, 4, 3)
        sparse, its_pattern = points[::2, ::2], pattern[: (h + 1) // 2, : (w + 1) // 2]
        open_sky = np.zeros(sparse.shape[:2], np.float32)
        for k in range(12):
            open_sky += ~stage.caster.occluded(sparse, directions[k][its_pattern], 1e-4, 0.9)
        open_sky = cv2.resize(cv2.blur(open_sky / 12, (2, 2)), (w, h), interpolation=cv2.INTER_LINEAR)
        return self._bench.radiance(shares, open_sky * 0.97 + 0.03)

    @staticmethod
    def _lamp_share(stage: Stage, points: Float32, pattern: Int32, lamp_points: Float32) -> Float32:
        """How much [h,w] of a lamp each grid point sees: four rays everywhere, sixteen wherever a neighbour
        differs.
        """
        targets = lamp_points.reshape(4, _TILE, _TILE, 3)  # quadrant, ray, pattern
        first = np.zeros(points.shape[:2], np.float32)
        for quadrant in range(4):
            first += ~stage.caster.occluded(
                points, targets[quadrant, quadrant][pattern] - points, 1e-4, 0.999
            )
        kernel = np.ones((5, 5), np.uint8)
        mixed = np.flatnonzero(cv2.dilate(first, kernel) != cv2.erode(first, kernel))
        start, chosen = points.reshape(-1, 3)[mixed], pattern.reshape(-1)[mixed]
        count = first.reshape(-1)[mixed]
        for quadrant in range(4):
            for k in range(_TILE):
                if k != quadrant:
                    target = targets[quadrant, k][chosen]
                    count += ~stage.caster.occluded(start, target - start, 1e-4, 0.999)
        share = first / 4
        share.reshape(-1)[mixed] = count / 16
        return np.asarray(cv2.blur(share, (2, 2)), np.float32)

    def _arriving(
        self, stage: Stage, samples: "_Samples", body: Int32, seen: NDArray[np.intp]
    ) -> list[Float32]:
        """Share [H,W] of each lamp, then irradiance from room and neighbours [H,W,3], at the seen pixels."""
        pattern = self._lamp_pattern[seen]
        origins = samples.points + _LIFT_M * samples.flat_normals
        shape = body.shape
        windows = windows_of(body.reshape(-1)[seen], seen, shape, 2 * _TILE)
        lamps = []
        for panel, points in zip(self._panels, self._lamp_points, strict=True):
            share = np.zeros(len(seen), np.float32)
            facing = np.einsum("ij,ij->i", samples.flat_normals, panel.centre_m - samples.points) > 0
            front = np.flatnonzero(facing)
            start, chosen = origins[front], pattern[front]
            for one, other in ((0, 1), (3, 2)):  # two opposite quadrants a pixel, in turn
                target = np.where(chosen[:, None] % 2, points[one][chosen], points[other][chosen])
                share[front] += ~stage.caster.occluded(start, target - start, 1e-4, 0.999)
            weight = _image(facing, seen, shape)
            lamps.append(smooth_within(_image(share / 2, seen, shape), weight, body, windows, _TILE))
        u, v = tangents(samples.normals)
        local = self._bounce[self._bounce_pattern[seen]]
        directions = local[:, :1] * u + local[:, 1:2] * v + local[:, 2:] * samples.normals
        around = _image(self._incoming(stage, origins, directions, 0.9) * np.float32(np.pi), seen, shape)
        everywhere = np.ones(shape, np.float32)
        return [*lamps, smooth_within(around, everywhere, body, windows, _BOUNCE_TILE)]

    def _incoming(
        self, stage: Stage, origins: Float32, directions: Float32, roughness: float | Float32
    ) -> Float32:
        """Radiance [N,3] that comes from where the directions lead: room, or the first body there, roughly
        lit.
        """
        hits = stage.caster.cast(origins, directions)
        light = self._room.radiance(directions, roughness)
        struck = np.flatnonzero(hits.valid)
        points = origins[struck] + directions[struck] * hits.t[struck, None]
        normals = hits.normals[struck]
        arriving = (0.5 + 0.5 * normals[:, 2:]) * self._room.irradiance
        lifted = points + _LIFT_M * normals
        for panel in self._panels:
            irradiance = panel.irradiance(points, normals)[0]
            facing = np.flatnonzero(irradiance)
            start = lifted[facing]
            irradiance[facing] *= ~stage.caster.occluded(start, panel.centre_m - start, 1e-4, 0.999)
            arriving += irradiance[:, None] * panel.radiance
        light[struck] = _albedo_of(stage, hits, struck, self._bench) * arriving / np.float32(np.pi)
        return light

    def _shade(
        self, stage: Stage, samples: "_Samples", light: list[Float32], at: NDArray[np.intp]
    ) -> Float32:
        """Radiance [N,3] towards the eye of samples lit as the pixels ``at`` [N] are."""
        *lamp, around, mirrored = (m.reshape(-1, *m.shape[2:])[at] for m in light)
        table: MaterialTable = stage.wardrobe.materials
        material, mottle, layer = samples.material, samples.mottle, samples.layer
        variation = table.mottle[material] * mottle
        albedo = table.albedo[material] * (1 + variation + 0.05 * layer)[:, None]
        f0 = table.f0[material]
        roughness = np.clip(table.roughness[material] * (1 + 0.8 * variation), 0.08, 1).astype(np.float32)
        result = albedo * around / np.float32(np.pi)
        for panel, share in zip(self._panels, lamp, strict=True):
            irradiance, to_lamp = panel.irradiance(samples.points, samples.normals)
            distance = np.linalg.norm(panel.centre_m - samples.points, axis=1)
            gloss = highlight(panel, to_lamp, distance, samples.normals, samples.to_eye, roughness, f0)
            result += (albedo / np.float32(np.pi) + gloss) * (irradiance * share)[:, None] * panel.radiance
        n_v = np.clip(np.einsum("ij,ij->i", samples.normals, samples.to_eye), 0, 1)
        fresnel = f0 + (np.maximum(1 - roughness, f0.max(axis=1))[:, None] - f0) * ((1 - n_v) ** 5)[:, None]
        blend = np.clip(roughness * roughness * 2, 0, 1)[:, None]
        result += fresnel * (mirrored * (1 - blend) + around / np.float32(np.pi) * blend)
        return np.asarray(result, dtype=np.float32)

    def _mirrored(
        self, stage: Stage, samples: "_Samples", seen: NDArray[np.intp], shape: tuple[int, ...]
    ) -> Float32:
        """Radiance [H,W,3] that the surfaces mirror towards the eye, at the seen pixels."""
        n_v = np.einsum("ij,ij->i", samples.normals, samples.to_eye)
        directions = 2 * n_v[:, None] * samples.normals - samples.to_eye
        below = np.einsum("ij,ij->i", directions, samples.flat_normals)
        directions -= np.minimum(below - 0.02, 0)[:, None] * samples.flat_normals
        roughness = stage.wardrobe.materials.roughness[samples.material]
        origins = samples.points + _LIFT_M * samples.flat_normals
        return _image(self._incoming(stage, origins, directions, roughness), seen, shape)

    def _soften_edges(
        self,
        stage: Stage,
        image: Float32,
        body: Int32,
        samples: "_Samples",
        seen: NDArray[np.intp],
        light: list[Float32],
    ) -> None:
        """Anti-alias the pixels where bodies or surfaces meet, with six rays each."""
        normals = np.zeros((*body.shape, 3), np.float32)
        normals.reshape(-1, 3)[seen] = samples.normals
        edge = np.flatnonzero(edges(body, normals))
        if not len(edge):
            return
        rows, columns = np.divmod(edge, body.shape[1])
        rays = self._rays_within(rows, columns, _EDGE_WEIGHTS).reshape(-1, 3).astype(np.float32)
        hits = stage.caster.cast(self._eye, rays)
        sub_body = np.where(hits.body == stage.bench_index, -1, hits.body)
        owner = np.repeat(edge, len(_EDGE_WEIGHTS))
        colour = image.reshape(-1, 3)[nearest_bench(body, owner)]
        struck = np.flatnonzero(sub_body >= 0)
        sub = _Samples(stage, self._eye, rays[struck], hits, struck)
        light_at = best_neighbour(body, normals, owner[struck], sub_body[struck], sub.normals)
        colour[struck] = self._shade(stage, sub, light, light_at)
        image.reshape(-1, 3)[edge] = np.minimum(colour, 6.0).reshape(len(edge), -1, 3).mean(axis=1)

    def _rays_within(self, rows: NDArray[np.intp], columns: NDArray[np.intp], weights: Array) -> Array:
        """Rays [N,K,3] in base through places within N pixels, by the weights [K,9] of pixels around."""
        height, width = self._rays.shape[:2]
        around = np.stack(
            [
                self._camera.rays[np.clip(rows + y, 0, height - 1), np.clip(columns + x, 0, width - 1)]
                for y in _STEPS
                for x in _STEPS
            ]
        )
        rays_base = around @ self._T_base_cam[:3, :3].T
        return np.asarray(np.tensordot(weights, rays_base, 1).swapaxes(0, 1))


class _Samples:
    """Places that the eye sees: everything the light model needs about them."""

    def __init__(self, stage: Stage, eye: Float32, rays: Float32, hits: Hits, at: NDArray[np.intp]) -> None:
        self.points = eye + rays * hits.t.reshape(-1)[at, None]
        self.to_eye = -rays / np.linalg.norm(rays, axis=1, keepdims=True)
        self.flat_normals = hits.normals.reshape(-1, 3)[at]
        body, triangle = hits.body.reshape(-1)[at], hits.triangle.reshape(-1)[at]
        normals, self.material, self.mottle, self.layer = stage.surface(body, triangle, self.points)
        toward = np.einsum("ij,ij->i", normals, self.to_eye)
        normals += np.maximum(0.03 - toward, 0)[:, None] * self.to_eye
        self.normals = normals / np.linalg.norm(normals, axis=1, keepdims=True)


def _pattern(tile: int, shape: tuple[int, ...]) -> Int32:
    """Which of tile² patterns each pixel of a raveled image [H·W] uses, scattered within every tile."""
    order = np.random.default_rng(tile).permutation(tile * tile)
    rows, columns = np.arange(shape[0])[:, None] % tile, np.arange(shape[1]) % tile
    return np.asarray(order[rows * tile + columns].reshape(-1), dtype=np.int32)


def _tiled_lamp_points(panel: Panel) -> Float32:
    """64 points on a panel as [4 quadrants, 16 patterns, 3]."""
    half = _LAMP_GRID // 2
    grid = panel.points(_LAMP_GRID).reshape(2, half, 2, half, 3)
    return np.ascontiguousarray(grid.transpose(0, 2, 1, 3, 4).reshape(4, half * half, 3))


def _albedo_of(stage: Stage, hits: Hits, at: NDArray[np.intp], bench: Bench) -> Float32:
    wardrobe = stage.wardrobe
    body, triangle = hits.body[at], hits.triangle[at]
    on_bench = body == stage.bench_index
    row = np.where(on_bench, 0, wardrobe.first[np.where(on_bench, 0, body)] + triangle)
    row = np.minimum(row, wardrobe.first[-1] - 1)
    own = wardrobe.reflectance[row]
    return np.asarray(np.where(on_bench[:, None], bench.mean_albedo, own), dtype=np.float32)


def _image(values: NDArray[np.generic], at: NDArray[np.intp], shape: tuple[int, ...]) -> Float32:
    image = np.zeros((shape[0] * shape[1], *values.shape[1:]), np.float32)
    image[at] = values
    return image.reshape(*shape, *values.shape[1:])
