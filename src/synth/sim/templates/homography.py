"""A flat sign before a pinhole camera: turned at random, seen at a given size."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from synth.geometry.se3 import Array
from synth.sim.choices import ROLL_DEG, TILT_DEG

FOCAL = 0.9
"""Focal length over the picture's longer side: about 58° of view."""


@dataclass(frozen=True)
class Turns:
    """How far signs may turn: out of the picture's plane, and within it, degrees each."""

    tilt_deg: float = TILT_DEG
    roll_deg: float = ROLL_DEG


def draw_homography(
    aspect: float,
    outline: Array,
    side_px: float,
    picture_side_px: float,
    turns: Turns,
    rng: np.random.Generator,
) -> Array:
    """[3,3] from fractions of a template's width and height to pixels, edges 0 to W, around the origin.

    aspect: width over height. outline: [N,2] in such fractions. side_px: the longer side of the box around
    the outline as it is seen; the tilt is drawn evenly up to its limit, to any side.
    """
    tilt, side = rng.uniform(0, turns.tilt_deg), rng.uniform(0, 2 * np.pi)
    roll = rng.uniform(-turns.roll_deg, turns.roll_deg)
    axis = np.radians(tilt) * np.array([np.cos(side), np.sin(side), 0.0])
    R = (Rotation.from_rotvec(axis) * Rotation.from_euler("z", roll, degrees=True)).as_matrix()
    width, height = (1.0, 1 / aspect) if aspect >= 1 else (aspect, 1.0)
    # Fractions to a plate one unit long around its middle, at the distance at which it has about that size.
    P_from_fractions = np.array([[width, 0, -width / 2], [0, height, -height / 2], [0, 0, 1]])
    distance = FOCAL * picture_side_px / side_px
    pose = np.column_stack([R[:, 0], R[:, 1], [0.0, 0.0, max(distance, 1.0)]])
    H = pose @ P_from_fractions
    box = box_of(project(H, outline))
    scale = side_px / (box[2:] - box[:2]).max()
    centre = (box[:2] + box[2:]) / 2
    to_pixels = np.array([[scale, 0, -scale * centre[0]], [0, scale, -scale * centre[1]], [0, 0, 1]])
    H = to_pixels @ H
    return np.asarray(H / H[2, 2])


def moved(H: Array, by_xy: Array) -> Array:
    """The homography [3,3] followed by a shift [2] in pixels."""
    shift = np.eye(3)
    shift[:2, 2] = by_xy
    return np.asarray(shift @ H)


def project(H: Array, points: Array) -> Array:
    """Points [N,2] through a homography [3,3]."""
    p = np.column_stack([points, np.ones(len(points))]) @ H.T
    return np.asarray(p[:, :2] / p[:, 2:])


def box_of(points: Array) -> Array:
    """The box (x0, y0, x1, y1) around points [N,2]."""
    return np.concatenate([points.min(axis=0), points.max(axis=0)])
