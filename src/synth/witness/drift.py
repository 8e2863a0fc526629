"""What translation did to labels: how far each part's box, outline and normal moved, frame by frame.

Seen two ways: by the outline of the known mask, followed from source to translation (edges.py; it needs no
training), and by the witness, asked before and after (witness.py; its own error stands beside it).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.dataset.record import Figure
from synth.dataset.sample import MIN_VISIBLE_FOR_LABEL, Instance
from synth.geometry.boxes import Mask
from synth.geometry.normals import angle_deg
from synth.witness.artefacts import Artefacts, find_artefacts
from synth.witness.edges import measure_edge_shifts
from synth.witness.observation import Observation, Observer

Rgb = NDArray[np.uint8]

_WINDOW_SCALE = 1.5
_MIN_WINDOW_PX = 128
_MULTIPLE_PX = 16
_AROUND = 0.15
_MIN_AROUND_PX = 8


@dataclass(frozen=True)
class DriftLimits:
    """The most that a translated frame may have moved before it is refused.

    edge_box, witness_box: a side of the tight box, as a share of the box's longer side, by the outline and by
    the witness. edge_px: of the outline anywhere (nine tenths of it). lost: share of the outline that is not
    found again. normal_deg: the witness's normal. artefacts: blobs, specks and stripes in the frame; None
    where they are counted and refuse nothing.
    """

    edge_box: float = 0.03
    witness_box: float = 0.08
    edge_px: float = 2.0
    lost: float = 0.3
    normal_deg: float = 8.0
    artefacts: int | None = 0


@dataclass(frozen=True)
class Reason:
    """Why a frame is refused: a countable cause and the sentence with its figures."""

    short: str
    detail: str


@dataclass(frozen=True)
class EdgeDrift:
    """How far a part's outline moved.

    lost: share of it that is not found again. Of the rest: shift_px: median move, outwards positive; abs_px,
    far_px: median and 90th percentile of its size. box_px: largest move of a side of the tight box under the
    affine map that the shifts agree on. None where too little is found.
    """

    lost: float
    shift_px: float | None = None
    abs_px: float | None = None
    far_px: float | None = None
    box_px: float | None = None


@dataclass(frozen=True)
class Drift:
    """How far one part moved; what could not be measured is None.

    side_px: longer side of its tight box. edge: by its outline, None where the source shows none.
    witness_box_px: largest move of a side of the tight box, as the witness sees it. normal_deg: turn of the
    normal that it sees. seen_before, seen_after: whether it finds the part; None where no witness was asked.
    """

    instance: int
    side_px: float
    edge: EdgeDrift | None
    witness_box_px: float | None
    normal_deg: float | None
    seen_before: bool | None
    seen_after: bool | None

    @property
    def edge_box(self) -> float | None:
        """Move of a side of the box by the outline, as a share of the box's longer side."""
        return self.edge.box_px / self.side_px if self.edge and self.edge.box_px is not None else None

    @property
    def witness_box(self) -> float | None:
        """Move of a side of the box by the witness, as a share of the box's longer side."""
        return None if self.witness_box_px is None else self.witness_box_px / self.side_px


@dataclass(frozen=True)
class FrameDrift:
    """One translated frame: a record for each labelled part in it, and the frame's artefacts."""

    parts: tuple[Drift, ...]
    artefacts: Artefacts

    def figures(self) -> dict[str, Figure]:
        """The worst of each figure over the frame's parts, for a sample's ``quality``; nothing unknown."""
        worst: dict[str, Figure] = {
            "drift_droplets": self.artefacts.droplets,
            "drift_spikes": self.artefacts.spikes,
            "drift_stripes": self.artefacts.stripes,
        }
        for name, values in (
            ("edge_box", [p.edge_box for p in self.parts]),
            ("edge_px", [p.edge.far_px for p in self.parts if p.edge]),
            ("lost", [p.edge.lost for p in self.parts if p.edge]),
            ("witness_box", [p.witness_box for p in self.parts]),
            ("normal_deg", [p.normal_deg for p in self.parts]),
        ):
            known = [value for value in values if value is not None]
            if known:
                worst[f"drift_{name}"] = round(max(known), 4)
        return worst

    def verdict(self, limits: DriftLimits) -> tuple[Reason, ...]:
        """Every reason to refuse the frame, gravest first; empty for a frame whose labels still hold."""
        reasons = [reason for part in self.parts for reason in _refuse_part(part, limits)]
        if limits.artefacts is not None and self.artefacts.total > limits.artefacts:
            a = self.artefacts
            found = f"{a.droplets} droplets, {a.spikes} spikes, {a.stripes} stripes"
            reasons.append(Reason("artefacts", f"{found}; at most {limits.artefacts} are allowed"))
        return tuple(reasons)


def measure_drift(
    source_u8: Rgb,
    translated_u8: Rgb,
    mask: NDArray[np.uint16] | None,
    instances: Sequence[Instance],
    witness: Observer | None,
    artefacts: Artefacts | None = None,
) -> FrameDrift:
    """Drift of a translated frame [H,W,3] against its source.

    mask: [H,W], value = instance index + 1; without one there is no outline to follow. witness: None where
    there is none to ask. artefacts: those of the crops, where only those were translated; None to look for
    them in the frame. Instances that get no label, being hardly visible, are left out.
    """
    parts = []
    for i, instance in enumerate(instances):
        if instance.visib_fract < MIN_VISIBLE_FOR_LABEL:
            continue
        region = None if mask is None else mask == i + 1
        others = np.zeros(source_u8.shape[:2], bool) if mask is None else (mask > 0) & (mask != i + 1)
        parts.append(_measure_part(i, instance, source_u8, translated_u8, region, others, witness))
    return FrameDrift(tuple(parts), artefacts or find_artefacts(source_u8, translated_u8))


def _measure_part(
    i: int,
    instance: Instance,
    source_u8: Rgb,
    translated_u8: Rgb,
    region: Mask | None,
    others: Mask,
    witness: Observer | None,
) -> Drift:
    x0, y0, x1, y1 = instance.box_xyxy_px
    side_px = max(x1 - x0, y1 - y0)
    window = _window(instance.box_xyxy_px, source_u8.shape[:2])
    before_u8, after_u8 = source_u8[window], translated_u8[window]
    own = _box_region(instance.box_xyxy_px, source_u8.shape[:2]) if region is None else region
    own, others = own[window], others[window]
    edge = None if region is None else _measure_edge(before_u8, after_u8, own)
    if witness is None:
        return Drift(i, side_px, edge, None, None, None, None)
    observation = witness.observe(np.stack([before_u8, after_u8]))
    around = round(max(_AROUND * side_px, _MIN_AROUND_PX))
    near = cv2.dilate(own.astype(np.uint8), np.ones((2 * around + 1,) * 2, np.uint8)) > 0
    box_before, box_after = (observation.box(k, near & ~others) for k in (0, 1))
    move_px = turn_deg = None
    if box_before is not None and box_after is not None:
        move_px = float(np.abs(box_before - box_after).max())
        turn_deg = None if instance.normal_uvw is None else _turn_deg(observation, own)
    return Drift(
        instance=i,
        side_px=side_px,
        edge=edge,
        witness_box_px=move_px,
        normal_deg=turn_deg,
        seen_before=box_before is not None,
        seen_after=box_after is not None,
    )


def _measure_edge(before_u8: Rgb, after_u8: Rgb, region: Mask) -> EdgeDrift | None:
    edges = measure_edge_shifts(before_u8, after_u8, region)
    if len(edges.shift_px) == 0:
        return None
    found, moved = edges.found(), edges.moved_points()
    if moved is None:
        return EdgeDrift(edges.lost_fraction)
    before, after = (np.concatenate([p.min(axis=0), p.max(axis=0)]) for p in (edges.points_xy, moved))
    return EdgeDrift(
        lost=edges.lost_fraction,
        shift_px=float(np.median(found)),
        abs_px=float(np.median(np.abs(found))),
        far_px=float(np.percentile(np.abs(found), 90)),
        box_px=float(np.abs(after - before).max()),
    )


def _turn_deg(observation: Observation, region: Mask) -> float | None:
    inner = cv2.erode(region.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    where = inner if inner.any() else region
    return (
        float(angle_deg(observation.normal(0, where), observation.normal(1, where))) if where.any() else None
    )


def _window(box_xyxy_px: Sequence[float], shape_hw: tuple[int, ...]) -> tuple[slice, slice]:
    """The rows and columns of a square about a box that a witness looks at, as far as the image goes."""
    x0, y0, x1, y1 = box_xyxy_px
    side = max(_WINDOW_SCALE * max(x1 - x0, y1 - y0), _MIN_WINDOW_PX)
    side = int(np.ceil(side / _MULTIPLE_PX)) * _MULTIPLE_PX
    slices = []
    for middle, length in (((y0 + y1) / 2, shape_hw[0]), ((x0 + x1) / 2, shape_hw[1])):
        first = int(np.clip(round(middle - side / 2), 0, max(length - side, 0)))
        slices.append(slice(first, min(first + side, length)))
    return slices[0], slices[1]


def _box_region(box_xyxy_px: Sequence[float], shape_hw: tuple[int, ...]) -> Mask:
    region = np.zeros(shape_hw, bool)
    x0, y0, x1, y1 = (round(v) for v in box_xyxy_px)
    region[y0:y1, x0:x1] = True
    return region


def _refuse_part(part: Drift, limits: DriftLimits) -> Iterator[Reason]:
    name = f"part {part.instance}"
    if part.seen_before and not part.seen_after:
        yield Reason("part lost", f"{name}: the witness finds it in the source and not in the translation")
    if part.edge and part.edge.lost > limits.lost:
        lost = f"{part.edge.lost:.0%} of its outline is lost"
        yield Reason("edge lost", f"{name}: {lost}, at most {limits.lost:.0%} may be")
    for who, share, most in (
        ("outline", part.edge_box, limits.edge_box),
        ("witness", part.witness_box, limits.witness_box),
    ):
        if share is not None and share > most:
            moved = f"its box moved by {share:.1%} of its side ({share * part.side_px:.1f} px) by the {who}"
            yield Reason("box drift", f"{name}: {moved}, at most {most:.1%} may be")
    if part.edge and part.edge.far_px is not None and part.edge.far_px > limits.edge_px:
        moved = f"a tenth of its outline moved by {part.edge.far_px:.1f} px or more"
        yield Reason("edge drift", f"{name}: {moved}, at most {limits.edge_px:g} px may be")
    if part.normal_deg is not None and part.normal_deg > limits.normal_deg:
        turned = f"its normal turned by {part.normal_deg:.1f}°"
        yield Reason("normal drift", f"{name}: {turned}, at most {limits.normal_deg:g}° may be")
