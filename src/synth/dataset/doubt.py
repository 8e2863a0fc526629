"""Whether the mask and the box of an instance tell of one thing.

Where a label brings both, the box of the mask should be the box. It is not where an outline is coarse or of
another object, and where something else hides what the box still holds. Nothing is stored: it follows from
the stored mask and box whenever it is asked for. All 109 instances of table_nuts
agree within 2 px, as do all 423 of coco128-seg, whose boxes are made of its outlines; three of the latter,
under 5 px, have an IoU below 0.8 all the same.
"""

import numpy as np
from numpy.typing import ArrayLike

from synth.geometry.boxes import Mask, box_iou, square_inside, tight_box

AGREES_IOU, AGREES_PX = 0.8, 2.0
"""A mask's box and a box agree from this IoU on, or where no side is further away than this."""


def find_doubt(box_xyxy_px: ArrayLike, mask: Mask) -> str | None:
    """How a mask [H,W] disagrees with the box of its instance, in words; None where it does not.

    A label's box may be the 1:1 box, as this program exports it, or the whole picture, whose class it then
    tells.
    """
    tight, box = tight_box(mask), np.asarray(box_xyxy_px, dtype=float)
    if tight is None:
        return "its mask shows nothing"
    if tuple(box) == (0, 0, mask.shape[1], mask.shape[0]):
        return None
    square = square_inside(tight, (mask.shape[1], mask.shape[0]))
    measured = [
        (box_iou(seen, box), float(np.abs(seen - box).max())) for seen in (tight, square) if seen is not None
    ]
    if any(iou >= AGREES_IOU or apart_px <= AGREES_PX for iou, apart_px in measured):
        return None
    iou, apart_px = measured[0]
    return f"its mask and its box disagree: IoU {iou:.2f}, up to {apart_px:.0f} px apart"
