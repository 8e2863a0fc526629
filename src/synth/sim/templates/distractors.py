"""Plates of plain shape and colour that are no class."""

import cv2
import numpy as np

from synth.sim.colour import Linear
from synth.sim.templates.template import Template, make_template

_SIDE_PX = 512


def draw_distractor(rng: np.random.Generator) -> Template:
    """A plate with 3 to 12 corners, with a rim or none, and a bar, a disc or nothing on it."""
    n = int(rng.choice([3, 4, 5, 6, 8, 12]))
    angles = 2 * np.pi * (np.arange(n) + rng.uniform()) / n
    squeeze = np.array([1.0, rng.uniform(0.5, 1.0)])
    corners = np.stack([np.cos(angles), np.sin(angles)], axis=1) * squeeze
    plate, rim, mark = rng.uniform(0.02, 0.9, (3, 3)).astype(np.float32)
    light: Linear = np.zeros((_SIDE_PX, _SIDE_PX, 4), np.float32)
    width = rng.choice([0.0, 0.12, 0.2])
    _fill(light, corners, rim)
    _fill(light, corners * (1 - width), plate)
    kind = rng.integers(3)
    if kind == 0:
        turn = rng.uniform(0, np.pi)
        along, across = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
        bar = (
            np.array([along, along, -along, -along]) * 0.4 + np.array([[1], [-1], [-1], [1]]) * across * 0.12
        )
        _fill(light, bar * squeeze, mark)
    elif kind == 1:
        disc = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        _fill(light, np.stack([np.cos(disc), np.sin(disc)], axis=1) * 0.3 * squeeze, mark)
    return make_template("distractor", "shape", light)


def _fill(light: Linear, corners: np.ndarray, colour: np.ndarray) -> None:
    """Fill a polygon [N,2], around the middle, in place."""
    points = np.round((corners * 0.48 + 0.5) * _SIDE_PX).astype(np.int32)
    cv2.fillPoly(light, [points], (*colour.tolist(), 1.0))
