"""What a BOP scene itself says of where its objects show: mask/, mask_visib/ and scene_gt_info.json."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synth.dataset.imports.bop_records import Shot
from synth.dataset.imports.intake import Misfit
from synth.dataset.imports.pictures import inside_folder
from synth.errors import DatasetError
from synth.geometry.boxes import Mask, tight_box
from synth.geometry.se3 import Array

AGREES = 0.85
"""How much of two outlines must agree; what differs within a pixel of an edge counts for nothing."""

_SUFFIXES = (".png",)
_NEIGHBOURS = np.ones((3, 3), np.uint8)


@dataclass(frozen=True, eq=False)
class Said:
    """What the scene says of one object in one picture; None for what it does not say.

    outline: [H,W] of the whole object, also where others hide it; or, where boxed, of the box around it.
    visible: [H,W] what is seen of it. note: what could not be read.
    """

    outline: Mask | None = None
    boxed: bool = False
    visible: Mask | None = None
    note: str = ""

    @property
    def is_out_of_view(self) -> bool:
        """Whether the scene says that nothing of the object shows."""
        return any(mask is not None and not mask.any() for mask in (self.outline, self.visible))

    def expected(self) -> Mask | None:
        """What a projected model is held against."""
        return self.visible if self.outline is None else self.outline

    def comparable(self, alone: Mask, seen: Mask) -> Mask:
        """Of a projected model, alone and as others hide it, what is held against `expected`."""
        if self.outline is None:
            return seen
        return fill_box(tight_box(alone), alone.shape) if self.boxed else alone


def read_said(shot: Shot, i: int, size_wh: tuple[int, int]) -> Said:
    """What the scene says of object ``i`` of a picture. Raises Misfit for a mask of another size."""
    note, masks = "", []
    for kind in ("mask", "mask_visib"):
        try:
            masks.append(_read_mask(shot, kind, i, size_wh))
        except DatasetError:
            masks.append(None)
            note = f"its {kind} cannot be read, so it is not held against that"
    outline, visible = masks
    if outline is not None:
        return Said(outline, False, visible, note)
    box = _read_box(shot, i)
    return Said(None if box is None else fill_box(box, size_wh[::-1]), box is not None, visible, note)


def _read_mask(shot: Shot, kind: str, i: int, size_wh: tuple[int, int]) -> Mask | None:
    name = shot.scene.find(kind, _SUFFIXES, shot.number, i)
    if name is None:
        return None
    path = inside_folder(shot.scene.folder, name)
    try:
        with Image.open(path) as header:
            found_wh = header.size
        if found_wh == size_wh:
            grey = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_GRAYSCALE)
    except (cv2.error, OSError, ValueError, SyntaxError, ImportError, Image.DecompressionBombError) as error:
        raise DatasetError(f"{name} cannot be read") from error
    if found_wh != size_wh:
        found, own = ("×".join(map(str, size)) for size in (found_wh, size_wh))
        raise Misfit(
            f"{shot.where}, object {i}",
            "wrong size",
            f"{name} has {found} pixels, its picture {own}: likely the pictures were resized after they were "
            "labelled, and cam_K is for the other size too",
        )
    if grey is None or grey.shape != size_wh[::-1]:
        raise DatasetError(f"{name} cannot be read")
    return np.asarray(grey > 0)


def _read_box(shot: Shot, i: int) -> Array | None:
    """bbox_obj as x0 y0 x1 y1; an empty one where nothing of the object shows."""
    entry = shot.info[i] if isinstance(shot.info, list) and i < len(shot.info) else None
    if not isinstance(entry, dict):
        return None
    if entry.get("px_count_all") == 0:
        return np.zeros(4)
    try:
        x, y, width, height = (float(v) for v in entry["bbox_obj"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    return np.array([x, y, x + width, y + height]) if np.isfinite([x, y, width, height]).all() else None


def fill_box(box_xyxy_px: Array | None, shape_hw: tuple[int, ...]) -> Mask:
    """A box as a mask [H,W], cut at the edges of the image; nothing for None."""
    mask = np.zeros(shape_hw, dtype=bool)
    if box_xyxy_px is not None:
        limit = np.tile(shape_hw[::-1], 2)
        x0, y0, x1, y1 = np.clip(np.rint(box_xyxy_px), 0, limit).astype(int)
        mask[y0:y1, x0:x1] = True
    return mask


def agreement(a: Mask, b: Mask) -> float:
    """From 0 to 1, how much of the union of two masks [H,W] is not in one of them alone, more than a pixel
    away from the other and from the image's border: two ways to round an edge agree wholly.
    """
    union = int((a | b).sum())
    wrong = int((a & ~_grown(b)).sum()) + int((b & ~_grown(a)).sum())
    return 1 - wrong / union if union else 1.0


def iou(a: Mask, b: Mask) -> float:
    """Intersection over union of two masks; 1 for two empty ones."""
    union = int((a | b).sum())
    return int((a & b).sum()) / union if union else 1.0


def _grown(mask: Mask) -> Mask:
    """A mask and its neighbours, and the image's outermost pixels."""
    grown: NDArray[np.uint8] = np.asarray(
        cv2.dilate(mask.astype(np.uint8), _NEIGHBOURS, borderType=cv2.BORDER_CONSTANT, borderValue=1)
    )
    return grown > 0
