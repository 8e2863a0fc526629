"""From the poses of a BOP picture to its labels, by rays cast on to the models, held against masks."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from synth.dataset.imports.bop_masks import AGREES, Said, agreement, iou
from synth.dataset.imports.bop_models import BopModel
from synth.dataset.imports.intake import Misfit, boxes_of
from synth.dataset.posed import describe_posed
from synth.dataset.record import Row4
from synth.dataset.sample import Instance
from synth.geometry import se3
from synth.geometry.boxes import Mask, tight_box
from synth.geometry.mesh import Mesh
from synth.geometry.pinhole import Pinhole
from synth.geometry.posed_bodies import PosedBody
from synth.geometry.se3 import Array
from synth.geometry.visible import InstanceCaster, without_specks

_CLOSELY = 0.95
"""Below, what the models leave visible is not what the scene shows, and the scene's own masks are taken."""

_HIDDEN = (
    "labelled by the scene's own mask_visib: it is not just what the models leave visible, likely because "
    "something without a model hides a part"
)
_OTHER_OUTLINE = (
    "labelled by the scene's own mask_visib: the outline of a model is not quite that of the scene's masks, "
    "likely because its shape, size or pose is a little off"
)
_OVERLAPPING = (
    "labelled by its models alone: its mask_visib overlap one another, so they do not tell what is visible"
)


@dataclass(frozen=True, eq=False)
class Posed:
    """One object of a picture. T_cam_part: [4,4] in metres. said: what the scene says of it. others: [H,W]
    what the scene says is another object, one without a mesh.
    """

    where: str
    model: BopModel
    T_cam_part: Array
    said: Said
    others: Mask

    @cached_property
    def placed(self) -> Mesh:
        """Its mesh in the camera frame."""
        return self.model.mesh.transformed(self.T_cam_part)


@dataclass(frozen=True, eq=False)
class Projection:
    """One object as its model says: alone [H,W], and seen [H,W] where other models leave it visible.

    depth_m: [H,W] of the nearest model along z, inf for none.
    """

    posed: Posed
    alone: Mask
    seen: Mask
    depth_m: NDArray[np.float32]

    def held(self) -> tuple[Mask, Mask] | None:
        """What is projected and what the scene says, to be compared; None where it says nothing."""
        expected = self.posed.said.expected()
        if expected is None:
            return None
        return self.posed.said.comparable(self.alone, self.seen & ~self.posed.others), expected

    @property
    def fit(self) -> float:
        """From 0 to 1, how well they agree; 1 where the scene says nothing."""
        return 1.0 if (held := self.held()) is None else agreement(*held)


@dataclass(frozen=True, eq=False)
class Labels:
    """What is labelled in a picture. mask: [H,W] instance numbers from 1. depth_m: [H,W] of the models along
    z, inf where none is labelled. notes: place and text of each.
    """

    instances: list[Instance]
    mask: NDArray[np.uint16]
    depth_m: NDArray[np.float32]
    notes: list[tuple[str, str]]


def project(posed: Sequence[Posed], camera: Pinhole) -> list[Projection]:
    """Every object as the models say."""
    if not posed:
        return []
    bodies = [PosedBody(p.model.mesh, p.T_cam_part) for p in posed]
    caster = InstanceCaster(camera, np.eye(4), bodies, range(1, len(bodies) + 1))
    ids, depth_m = caster.see_all()
    return [Projection(p, caster.see_alone(i), ids == i + 1, depth_m) for i, p in enumerate(posed)]


def label(posed: Sequence[Posed], camera: Pinhole, where: str) -> Labels:
    """A record for every object that is seen, and the mask of all.

    Where the scene's own mask_visib shows another part of an object than the models do, its own masks are the
    label of the picture, since something without a model may be in the way. An object that lies out of view
    costs itself alone.

    Raises Misfit for a picture in which a model contradicts the scene's own masks, and for one whose objects
    all lie out of view without the scene's saying so.
    """
    projections = project(posed, camera)
    for p in projections:
        _refuse_contradiction(p)
    shape_hw = camera.size_wh[::-1]
    labels = Labels([], np.zeros(shape_hw, np.uint16), np.full(shape_hw, np.inf, np.float32), [])
    out = [p for p in projections if not p.alone.any()]
    if projections and len(out) == len(projections) and not any(p.posed.said.is_out_of_view for p in out):
        raise _out_of_view(out[0])
    takes_own, notes = _choose_masks(projections)
    labels.notes.extend((where, text) for text in notes)
    labels.notes.extend((p.posed.where, note) for p in projections if (note := p.posed.said.note))
    for p in projections:
        own = p.posed.said.visible if takes_own else None
        visible = p.seen if own is None else own
        box = tight_box(without_specks(visible))
        if not p.alone.any():
            labels.notes.append((p.posed.where, "lies out of view and is not labelled"))
        if box is None:
            continue
        tight, square = boxes_of(box, camera.size_wh, p.posed.where)
        share = int(visible.sum()) / max(int(p.alone.sum()), 1)
        labels.instances.append(_describe(p.posed, camera, tight, square, min(share, 1.0)))
        labels.mask[visible] = len(labels.instances)
        labels.depth_m[visible] = p.depth_m[visible]
    return labels


def _choose_masks(projections: Sequence[Projection]) -> tuple[bool, list[str]]:
    """Whether the scene's own masks are the label, and what is to be said of that."""
    owns = [(p, own) for p in projections if (own := p.posed.said.visible) is not None]
    differing = [p for p, own in owns if agreement(p.seen, own) < _CLOSELY]
    if not differing:
        return False, []
    n_shown = sum(int(own.sum()) for _, own in owns)
    n_any = int(np.any([own for _, own in owns], axis=0).sum())
    if n_any < _CLOSELY * n_shown:
        return False, [_OVERLAPPING]
    is_whole = differing[0].posed.said.outline is None or differing[0].fit >= _CLOSELY
    return True, [_HIDDEN if is_whole else _OTHER_OUTLINE]


def _refuse_contradiction(p: Projection) -> None:
    held = p.held()
    if held is None or p.fit >= AGREES:
        return
    against = "box in scene_gt_info.json" if p.posed.said.boxed else "mask"
    unseen = ", or does something without a mesh hide it?" if p.posed.said.outline is None else "?"
    raise Misfit(
        p.posed.where,
        "contradicts its mask",
        f"its model covers another place than the scene's own {against} (IoU {iou(*held):.2f}): is its pose "
        f"right{unseen}",
    )


def _out_of_view(p: Projection) -> Misfit:
    where, z_mm = p.posed.where, p.posed.T_cam_part[2, 3] * 1000
    if z_mm <= 0:
        return Misfit(where, "behind the camera", f"its cam_t_m2c has z = {z_mm:g} mm")
    return Misfit(
        where,
        "out of view",
        "its model lies outside the image, as does every other of the picture: is the pose right?",
    )


def _describe(
    posed: Posed, camera: Pinhole, tight: Row4, square: Row4 | None, visib_fract: float
) -> Instance:
    if se3.transform(posed.T_cam_part, posed.model.label.point_part_m)[2] <= 0:
        raise Misfit(
            posed.where,
            "behind the camera",
            "its point of interest lies behind the camera, while a part of it shows",
        )
    return describe_posed(posed.model.label, posed.T_cam_part, camera, tight, square, visib_fract)
