"""Boxes in use are counted as a person would count them."""

import numpy as np
import pytest

from synth.metrics.operating_point import measure_operating_point

TRUE = [np.array([[0.0, 0, 10, 10]]), np.array([[0.0, 0, 10, 10], [20, 0, 30, 10]]), np.empty((0, 4))]


def boxes(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, dtype=float).reshape(-1, 5)


def test_hits_doubles_misses_and_strays_are_counted():
    """A double is false, a box below the confidence is not shown, a box over nothing is false."""
    first = [
        boxes((0, 0, 10, 10, 0.9), (0, 0, 10, 9, 0.8), (50, 50, 60, 60, 0.49)),
        boxes((0, 0, 10, 10, 0.5)),
        boxes((0, 0, 5, 5, 0.7)),
    ]
    point = measure_operating_point([first, [boxes()] * 3], TRUE)
    assert (point.n_images, point.n_true) == (3, 3)
    assert (point.hits, point.false_boxes) == ((2, 0), (2, 0))
    assert point.false_per_image == pytest.approx(1 / 3)
    assert point.median_iou == 1.0


def test_the_surer_box_takes_the_part_and_half_an_overlap_is_enough():
    """The better box comes second and is false; an IoU of just 0.5 is a hit, a little less is none."""
    point = measure_operating_point(
        [[boxes((0, 0, 10, 20, 0.9), (0, 0, 10, 10, 0.6)), boxes(), boxes()]], TRUE
    )
    assert (point.hits, point.false_boxes, point.median_iou) == ((1,), (1,), 0.5)
    point = measure_operating_point([[boxes((0, 0, 10, 20.1, 0.9)), boxes(), boxes()]], TRUE)
    assert (point.hits, point.false_boxes, point.median_iou) == ((0,), (1,), None)


def test_a_box_of_the_wrong_class_is_false():
    """A hit needs the class to be right; the box that lies best but says another takes nothing away."""
    true = [np.array([[0.0, 0, 10, 10, 0], [0, 0, 10, 9, 1]])]
    said = [np.array([[0, 0, 10, 10, 0.9, 1], [0, 0, 10, 10, 0.8, 2], [0, 0, 10, 8, 0.7, 0]])]
    point = measure_operating_point([said], true)
    assert (point.n_true, point.hits, point.false_boxes) == (2, (2,), (1,))
    assert point.median_iou == pytest.approx((0.9 + 0.8) / 2)
