"""What pictures of the part say of where it is held: its outline against the CAD's, its face against
depth.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from synth.capture.silhouette import Silhouette, SilhouetteCaster
from synth.cell.mesh import CellBodies
from synth.cell.model import Cell
from synth.cell.model import Label as ColourRange
from synth.cell.places import T_cam_part
from synth.dataset.colour_filter import colour_mask, largest_component, refine_edge
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.geometry import se3
from synth.geometry.mesh import Mesh
from synth.geometry.pinhole import Pinhole
from synth.geometry.se3 import Array

SEARCH_PX = 12
_EDGE_STEP_M = 0.0005
_RIM_PX = 0.6
_AWAY_PX = 4
_BLUR_PX = 1.0
_FRAME_PX = SEARCH_PX + 8
"""What of the picture around the part's window its outline is looked for in."""

_PLACES_A_SIDE = 3
N_PLACES = _PLACES_A_SIDE**3
"""Blocks of equal size that the part's bounding box is cut into."""


@dataclass(frozen=True, eq=False)
class PartShot:
    """One picture of the part. mask [H,W] by colour; depth_m [H,W], 0 = missing."""

    name: str
    T_base_tool: Array
    q_rad: Array
    mask: NDArray[np.bool_]
    depth_m: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Disagreement:
    """By how much a shot and the CAD at its presumed place differ, and how that changes with the part's
    place.

    outline_px: [A], along the outline's normal; place: [A], which of N_PLACES blocks of the part it is in;
    depth_mm: [B], along the face's normal. J_outline [A,6], J_depth [B,6]: by a turn (radians) and a shift
    (metres) of the part in its own axes.
    """

    outline_px: Array
    place: NDArray[np.intp]
    J_outline: Array
    depth_mm: Array
    J_depth: Array


def load_shots(dataset: DatasetReader, colour: ColourRange) -> list[PartShot]:
    """Every sample of a capture, its mask by the part's colour alone: in a label's, holes are closed where
    the CAD was thought to be, which would pull the part there. Raises DatasetError.
    """
    return [_load(dataset, sample, colour) for sample in dataset.samples]


def _load(dataset: DatasetReader, sample: Sample, colour: ColourRange) -> PartShot:
    labelled, depth_m = dataset.load_mask(sample), dataset.load_depth_m(sample)
    assert sample.robot is not None
    assert labelled is not None
    assert depth_m is not None
    rgb_u8 = dataset.load_rgb(sample)
    mask = refine_edge(rgb_u8, largest_component(colour_mask(rgb_u8, colour), within=labelled > 0))
    T = se3.mean_pose(np.asarray(sample.robot.before.T_base_tool), np.asarray(sample.robot.after.T_base_tool))
    return PartShot(sample.name, T, np.asarray(sample.robot.before.q_rad), mask, depth_m)


class PartComparer:
    """Compares shots with the part at one presumed place."""

    def __init__(
        self,
        cell: Cell,
        bodies: CellBodies,
        camera: Pinhole,
        normal_part: Array,
        depth_bias_mm: float = 0.0,
    ) -> None:
        """normal_part: [3] of the face of interest. depth_bias_mm: of the sensor, too far above 0."""
        self._camera, self._cell = camera, cell
        self._caster = SilhouetteCaster(cell, bodies, camera)
        self._edges_m = _along_edges(bodies.part)
        self._places = _places(self._edges_m)
        self._normal = normal_part
        self._bias_m = depth_bias_mm / 1000
        self._point_m = np.asarray(cell.part.point_of_interest_m)

    def compare(self, shot: PartShot) -> Disagreement | None:
        """None where the part should be out of view."""
        silhouette = self._caster.cast(shot.T_base_tool, shot.q_rad)
        if silhouette is None:
            return None
        T = T_cam_part(self._cell, shot.T_base_tool)
        return Disagreement(*self._outline(shot, silhouette, T), *self._face(shot, silhouette, T))

    def _outline(
        self, shot: PartShot, silhouette: Silhouette, T_cam_part: Array
    ) -> tuple[Array, NDArray[np.intp], Array]:
        width, height = self._camera.size_wh
        x0, y0, x1, y1 = silhouette.window_xyxy
        left, top = max(x0 - _FRAME_PX, 0), max(y0 - _FRAME_PX, 0)
        window = np.s_[top : y1 + _FRAME_PX, left : x1 + _FRAME_PX]
        corner = np.array([left, top])
        part = silhouette.in_image(silhouette.part, (width, height))[window]
        hidden = part & ~silhouette.in_image(silhouette.visible, (width, height))[window]
        distance = _signed_distance(part)
        points = se3.transform(T_cam_part, self._edges_m)
        pixels = self._camera.project(points)
        border = SEARCH_PX + 2
        inside = ((pixels >= border) & (pixels < np.array([width, height]) - border)).all(axis=1)
        around = np.ones((2 * _AWAY_PX + 1,) * 2, np.uint8)
        near_hidden = cv2.dilate(hidden.astype(np.uint8), around) > 0
        pixels = pixels - corner
        rows, columns = np.round(pixels[:, ::-1]).astype(int).clip(0, np.array(part.shape) - 1).T
        on_rim = inside & (np.abs(distance[rows, columns]) < _RIM_PX) & ~near_hidden[rows, columns]
        pixels, points = pixels[on_rim], points[on_rim]
        gradient = np.stack([_sample(g, pixels) for g in np.gradient(distance)[::-1]], axis=1)
        normals = gradient / np.maximum(np.linalg.norm(gradient, axis=1, keepdims=True), 1e-6)
        found, offset_px = _crossing(shot.mask[window], pixels, normals)
        by_point, _ = self._camera.derivatives(points[found])
        along = np.einsum("nij,ni->nj", by_point, normals[found])
        by_step = _by_step(along, T_cam_part, self._edges_m[on_rim][found])
        return offset_px, self._places[on_rim][found], -by_step

    def _face(self, shot: PartShot, silhouette: Silhouette, T_cam_part: Array) -> tuple[Array, Array]:
        face = cv2.erode(silhouette.face.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
        x0, y0, x1, y1 = silhouette.window_xyxy
        depth = shot.depth_m[y0:y1, x0:x1]
        used = face & (depth > 0)
        points_cam_m = silhouette.rays_cam[used] * (depth[used] - self._bias_m)[:, None]
        points_part = se3.transform(se3.inverse(T_cam_part), points_cam_m)
        n = self._normal
        off_mm = 1000 * (points_part - self._point_m) @ n
        J = np.concatenate([-np.cross(points_part, n), np.broadcast_to(-n, points_part.shape)], axis=1)
        return off_mm, 1000 * J


def _along_edges(mesh: Mesh) -> Array:
    """[E,3] points on all edges of a mesh, half a millimetre apart."""
    corners = mesh.vertices_m[mesh.triangles]
    pairs = np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]])
    keys = np.round(np.sort(pairs.reshape(-1, 6).reshape(-1, 2, 3), axis=1) * 1e7).astype(np.int64)
    _, first = np.unique(keys.reshape(-1, 6), axis=0, return_index=True)
    a, b = pairs[first].transpose(1, 0, 2)
    counts = np.maximum(2, (np.linalg.norm(b - a, axis=1) / _EDGE_STEP_M).astype(int))
    edge = np.repeat(np.arange(len(counts)), counts)
    step = np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.asarray(a[edge] + (b - a)[edge] * ((step + 0.5) / counts[edge])[:, None])


def _places(points_m: Array) -> NDArray[np.intp]:
    """[E] which block of their bounding box each of [E,3] points is in."""
    low, size = points_m.min(axis=0), np.maximum(np.ptp(points_m, axis=0), 1e-9)
    blocks = np.minimum((_PLACES_A_SIDE * (points_m - low) / size).astype(np.intp), _PLACES_A_SIDE - 1)
    return np.asarray(np.ravel_multi_index(tuple(blocks.T), (_PLACES_A_SIDE,) * 3), dtype=np.intp)


def _signed_distance(mask: NDArray[np.bool_]) -> Array:
    """[H,W] pixels to the outline of a mask, negative inside; smoothed so that its slope has a direction."""
    outside = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
    inside = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    signed = np.where(mask, 0.5 - inside, outside - 0.5).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(signed, (0, 0), 1.0), dtype=float)


def _crossing(mask: NDArray[np.bool_], pixels: Array, normals: Array) -> tuple[NDArray[np.bool_], Array]:
    """Which pixels [N,2] have the mask's outline near on their normal, and how far outwards [F] it is
    there.
    """
    soft = np.asarray(cv2.GaussianBlur(mask.astype(np.float32), (0, 0), _BLUR_PX), dtype=float)
    steps = np.arange(-SEARCH_PX, SEARCH_PX + 0.25, 0.5)
    along = _sample(soft, pixels[:, None] + steps[:, None] * normals[:, None])  # [N,S]
    leaves = (along[:, :-1] >= 0.5) & (along[:, 1:] < 0.5)
    first = np.abs(np.where(leaves, steps[:-1], np.inf)).argmin(axis=1)
    row = np.arange(len(pixels))
    found = leaves[row, first]
    a, b = along[row, first], along[row, np.minimum(first + 1, len(steps) - 1)]
    offset = steps[first] + 0.5 * (a - 0.5) / np.maximum(a - b, 1e-6)
    return found, offset[found]


def _sample(image: Array, pixels: Array) -> Array:
    """Values [...] of an image [H,W] at places [...,2], bilinear."""
    coordinates = pixels[..., ::-1].reshape(-1, 2).T
    values = map_coordinates(image, coordinates, order=1, mode="nearest")
    return np.asarray(values, dtype=float).reshape(pixels.shape[:-1])


def _by_step(along: Array, T_cam_part: Array, points_part_m: Array) -> Array:
    """[N,6] of the predicted place along the normals by the part's turn and shift; along [N,3] by the
    point.
    """
    by_shift = along @ T_cam_part[:3, :3]
    return np.concatenate([np.cross(points_part_m, by_shift), by_shift], axis=1)
