"""One object that was labelled twice: the same class and box, and the same mask or one without any."""

from collections.abc import Sequence

import numpy as np

from synth.dataset.imports.labelled import Shape

_DIGITS_PX, _SAME_MASK_IOU = 0.5, 0.9
"""How far equal edges lie apart where they were rounded, and how alike two drawings of one outline are."""


def leave_out_doubles(shapes: Sequence[Shape]) -> tuple[list[Shape], list[Shape]]:
    """Every object once, with its mask where one of its labels has one; and the labels that repeat it.

    Two things that cross, with one box and two masks, are two.
    """
    kept: list[Shape] = []
    doubles: list[Shape] = []
    slots: list[int] = []
    boxes = np.array([shape.box_xyxy_px for shape in shapes], dtype=float).reshape(-1, 4)
    for i, shape in enumerate(shapes):
        alike = np.flatnonzero((np.abs(boxes[:i] - boxes[i]) <= _DIGITS_PX).all(axis=1))
        slot = next((s for s in dict.fromkeys(slots[j] for j in alike) if _is_same(kept[s], shape)), None)
        if slot is None:
            slots.append(len(kept))
            kept.append(shape)
            continue
        slots.append(slot)
        if kept[slot].draw is None and shape.draw is not None:
            kept[slot], shape = shape, kept[slot]
        doubles.append(shape)
    return kept, doubles


def _is_same(a: Shape, b: Shape) -> bool:
    if a.class_name != b.class_name:
        return False
    if a.draw is None or b.draw is None:
        return True
    mask_a, mask_b = a.draw(), b.draw()
    return bool((mask_a & mask_b).sum() >= _SAME_MASK_IOU * (mask_a | mask_b).sum())
