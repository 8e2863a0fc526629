"""Filling polygons."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.path import Path

from synth.geometry.boxes import tight_box
from synth.geometry.polygon import fill_polygon

coordinates = st.floats(-20, 60, allow_nan=False).map(lambda v: round(v, 3) + 1e-4)


@given(st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=8))
def test_pixels_are_those_whose_centres_lie_inside(corners: list[tuple[float, float]]) -> None:
    """As matplotlib finds point by point for triangles, whose inside no rule disputes."""
    triangle = corners[:3]
    xs, ys = np.meshgrid(np.arange(40) + 0.5, np.arange(30) + 0.5)
    points = np.column_stack([xs.ravel(), ys.ravel()])
    inside = Path(triangle).contains_points(points).reshape(30, 40)
    edges = [np.subtract(triangle[i - 2], triangle[i - 3]) for i in range(3)]
    gaps = [
        (points - triangle[i - 3]) @ (-edge[1], edge[0]) / max(np.linalg.norm(edge), 1e-12)
        for i, edge in enumerate(edges)
    ]
    clear = (np.abs(gaps).min(axis=0) > 1e-6).reshape(30, 40)
    assert np.array_equal(fill_polygon(triangle, (40, 30))[clear], inside[clear])


def test_a_box_is_filled_to_its_edges() -> None:
    """The polygon of a box fills exactly the pixels between its edges."""
    mask = fill_polygon([(2, 3), (7, 3), (7, 9), (2, 9)], (10, 12))
    assert mask.sum() == 5 * 6
    assert tight_box(mask).tolist() == [2, 3, 7, 9]


def test_a_ring_keeps_its_hole() -> None:
    """A polygon that runs around a hole and back leaves it open."""
    ring = [(0, 0), (9, 0), (9, 9), (0, 9), (0, 0), (3, 3), (6, 3), (6, 6), (3, 6), (3, 3)]
    assert fill_polygon(ring, (9, 9)).sum() == 81 - 9


@pytest.mark.parametrize("polygon", [[(-5, -5), (-1, -5), (-1, 20)], [(1, 1), (5, 1), (9, 1)], [(3, 3)] * 3])
def test_what_covers_no_pixel_fills_none(polygon: list[tuple[float, float]]) -> None:
    """Outside of the image, flat, or a point: an empty mask."""
    assert not fill_polygon(polygon, (10, 10)).any()
