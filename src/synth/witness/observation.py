"""What a witness sees in images, and how far off it is where the truth is known."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.geometry.boxes import tight_box
from synth.geometry.normals import angle_deg

if TYPE_CHECKING:  # What is seen is arrays: nothing here loads torch.
    from torch import Tensor

Floats = NDArray[np.float32]
Array = NDArray[np.float64]

FOUND = 0.5
_MIN_PIXELS = 12


class Patches(Protocol):
    """Labelled square patches.

    images: [N,3,S,S] in −1..1. masks: [N,1,S,S], 1 on the part. normals: [N,3] unit (u, v, w) of the part's
    labelled face in axes that look along the line of sight to it, nan where there is none to learn.
    """

    @property
    def images(self) -> "Tensor": ...
    @property
    def masks(self) -> "Tensor": ...
    @property
    def normals(self) -> "Tensor": ...


@dataclass(frozen=True, eq=False)
class Observation:
    """Of N images: masks [N,H,W], how likely each pixel is the part's, 0–1, and unit normals_uvw
    [N,H,W,3].
    """

    masks: Floats
    normals_uvw: Floats

    def box(self, i: int, where: NDArray[np.bool_] | None = None) -> Array | None:
        """Tight box (x0, y0, x1, y1) of the largest region found, edges 0..W, to a fraction of a pixel; None
        where nothing is found.

        where: [H,W], the only pixels looked at.
        """
        return soft_box(self.masks[i] if where is None else self.masks[i] * where)

    def normal(self, i: int, where: NDArray[np.bool_]) -> Array:
        """Mean unit normal [3] over the pixels ``where`` [H,W], of which there is at least one."""
        mean = self.normals_uvw[i][where].mean(axis=0, dtype=np.float64)
        return np.asarray(mean / np.linalg.norm(mean))


class Observer(Protocol):
    """Anything that sees parts in images."""

    def observe(self, rgb_u8: NDArray[np.uint8]) -> Observation:
        """Masks and normals of images [N,H,W,3]."""
        ...


@dataclass(frozen=True)
class WitnessScore:
    """A witness against labels.

    mask_iou: over all pixels of all patches together. box_px: median error of a side of the tight box, over
    ``n_sides`` sides that lie inside their patch. normal_deg: median error over ``n_normals`` parts. found:
    share of the parts of which anything was found. Without a case a figure is nan.
    """

    n_patches: int
    found: float
    mask_iou: float
    box_px: float
    n_sides: int
    normal_deg: float
    n_normals: int


@dataclass(frozen=True)
class Sway:
    """How far a witness's own answers move when only the look of an image changes: medians over ``n``
    parts.
    """

    box_px: float
    normal_deg: float
    n: int


def score_observation(observation: Observation, masks: Floats, normals_uvw: Floats) -> WitnessScore:
    """An observation against true masks [N,S,S] (0 or 1) and normals [N,3] (nan = not known)."""
    truth, found = masks > FOUND, observation.masks > FOUND
    union = int((truth | found).sum())
    sides: list[float] = []
    angles: list[float] = []
    n_found = n_parts = 0
    for i, part in enumerate(truth):
        true_box = tight_box(part)
        if true_box is None or part.sum() < _MIN_PIXELS:
            continue
        n_parts += 1
        box = observation.box(i)
        n_found += box is not None
        if box is not None:
            inside = (true_box > 0) & (true_box < part.shape[0])
            sides += np.abs(box - true_box)[inside].tolist()
        if np.isfinite(normals_uvw[i]).all():
            angles.append(float(angle_deg(observation.normal(i, part), normals_uvw[i])))
    return WitnessScore(
        n_patches=len(truth),
        found=n_found / n_parts if n_parts else np.nan,
        mask_iou=float((truth & found).sum() / union) if union else np.nan,
        box_px=_median(sides),
        n_sides=len(sides),
        normal_deg=_median(angles),
        n_normals=len(angles),
    )


def compare_observations(before: Observation, after: Observation, masks: Floats) -> Sway:
    """How far boxes and normals of parts, true masks [N,S,S], moved between two observations of them."""
    moves, angles = [], []
    for i, part in enumerate(masks > FOUND):
        a, b = before.box(i), after.box(i)
        if part.sum() >= _MIN_PIXELS and a is not None and b is not None:
            moves.append(float(np.abs(a - b).max()))
            angles.append(float(angle_deg(before.normal(i, part), after.normal(i, part))))
    return Sway(_median(moves), _median(angles), len(moves))


def soft_box(mask: Floats) -> Array | None:
    """Tight box of the largest region over FOUND of a soft mask [H,W], edges 0..W; None where there is none.

    A side lies where the second strongest pixel of a row or column crosses FOUND, so that it moves smoothly
    and no single pixel decides it.
    """
    _, regions, stats, _ = cv2.connectedComponentsWithStats((mask > FOUND).astype(np.uint8), connectivity=4)
    sizes = stats[1:, cv2.CC_STAT_AREA]
    if len(sizes) == 0 or sizes.max() < _MIN_PIXELS:
        return None
    others = (regions > 0) & (regions != 1 + sizes.argmax())
    own = np.where(others, 0, mask)
    columns, rows = (np.partition(own, -2, axis=axis).take(-2, axis=axis) for axis in (0, 1))
    if columns.max() <= FOUND or rows.max() <= FOUND:
        return None
    (x0, x1), (y0, y1) = _ends(columns), _ends(rows)
    return np.array([x0, y0, x1, y1])


def _ends(profile: Floats) -> tuple[float, float]:
    """Where a profile [W] of pixels first and last crosses FOUND, edges 0..W."""
    return _first(profile), len(profile) - _first(profile[::-1])


def _first(profile: Floats) -> float:
    i = int((profile > FOUND).argmax())
    if i == 0:
        return 0.0
    below, above = float(profile[i - 1]), float(profile[i])
    return i - 0.5 + (FOUND - below) / (above - below)


def _median(values: list[float]) -> float:
    return float(np.median(values)) if values else float("nan")
