"""What needs no training: a colour filter fitted to the masks of captured train images."""

import numpy as np
from numpy.typing import NDArray

from synth.dataset.colour_filter import colour_mask, fit_colour, largest_component
from synth.dataset.reader import DatasetReader
from synth.geometry.boxes import square_box, tight_box


def filter_boxes(captured: DatasetReader) -> list[NDArray[np.float64]] | None:
    """Boxes [D,5] of every test image, one or none: around the largest blob of the part's colour.

    None where no train image has a mask to fit the filter to, or where there are parts of several classes.
    """
    if len(captured.info.classes) > 1:
        return None
    pixels = []
    for sample in captured.of_split("train"):
        mask = captured.load_mask(sample)
        if mask is not None and mask.any():
            pixels.append(captured.load_rgb(sample)[mask > 0])
    if not pixels:
        return None
    colour = fit_colour(np.concatenate(pixels))
    boxes = []
    for sample in captured.of_split("test"):
        box = tight_box(largest_component(colour_mask(captured.load_rgb(sample), colour)))
        if box is not None and captured.info.box_kind == "square":
            box = square_box(box)
        boxes.append(np.empty((0, 5)) if box is None else np.array([[*box, 1.0]]))
    return boxes
