"""Projected models held against a scene's own masks on a sample of pictures, before the first is written."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from synth.dataset.imports.bop_label import Posed, Projection, project
from synth.dataset.imports.bop_masks import AGREES, agreement, fill_box, iou
from synth.errors import InputError
from synth.geometry.boxes import Mask, tight_box
from synth.geometry.mesh import Mesh
from synth.geometry.pinhole import Pinhole
from synth.geometry.posed_bodies import PosedBody
from synth.geometry.se3 import Array
from synth.geometry.visible import InstanceCaster

SAMPLE = 12
"""Pictures that are looked at."""

_EXPLAINED_BY = 5
"""Objects by which a cause is sought."""

_STEPS = (1000.0, 100.0, 25.4, 10.0, 2.0, 0.5, 0.1, 1 / 25.4, 0.01, 0.001)
_NEAR_A_STEP = 0.05
_ROUNDS = 4
_ALIKE = 0.1


@dataclass(frozen=True, eq=False)
class Seen:
    """One object in one picture of the sample: as projected, and what the scene says."""

    projection: Projection
    camera: Pinhole


def check_scene(pictures: Iterable[tuple[Sequence[Posed], Pinhole]]) -> None:
    """Hold every object of some pictures against the scene's own masks.

    Raises InputError where most of one object's projections contradict, with the likely cause where one makes
    them agree.
    """
    by_model: dict[str, list[Seen]] = {}
    for posed, camera in pictures:
        for projection in project(posed, camera):
            expected = projection.posed.said.expected()
            if expected is not None and (expected.any() or projection.alone.any()):
                by_model.setdefault(projection.posed.model.record.mesh, []).append(Seen(projection, camera))
    for mesh, seen in by_model.items():
        wrong = [s for s in seen if s.projection.fit < AGREES]
        if 2 * len(wrong) > len(seen):
            telling = [s for s in wrong if _expected_area(s)]
            held = [h for s in wrong if (h := s.projection.held()) is not None]
            against = "boxes in scene_gt_info.json" if seen[0].projection.posed.said.boxed else "masks"
            figures = (
                f"in {len(wrong)} of {len(seen)} looked at, IoU {np.median([iou(*h) for h in held]):.2f}"
            )
            raise InputError(
                f"{mesh.removeprefix('models/')}: projected, it covers other places than the scene's own "
                f"{against} ({figures}). {_find_cause(telling[:_EXPLAINED_BY])}; if the {against} are "
                "wrong rather, take them away"
            )


def other_resolution(camera: Pinhole) -> float:
    """By what K must be multiplied for its principal point to lie in the image's middle, where it lies on a
    diagonal as that of a picture of another size would; else 1.
    """
    x, y = np.asarray(camera.size_wh) / 2 / np.maximum(camera.K[:2, 2] + 0.5, 1e-9)
    return float(np.sqrt(x * y)) if abs(x / y - 1) < _ALIKE else 1.0


Change = Callable[[Seen], tuple[Mesh, Pinhole]]


def _find_cause(seen: Sequence[Seen]) -> str:
    """The first of resolution, scale and origin by which most projections agree with the scene."""
    if not seen:
        return "There it says that nothing of it shows: look at the poses"
    if _agree(seen, lambda s: (s.projection.posed.placed, s.camera)):
        return "Alone it fits: likely another model hides too much of it, so look at the other poses"
    if _agree(seen, lambda s: (s.projection.posed.placed, _resized(s.camera))):
        return (
            "Likely cam_K is that of pictures of another resolution: multiplied by "
            f"{other_resolution(seen[0].camera):.2g} it fits; write the K of these pictures into "
            "scene_camera.json"
        )
    scale = _fit_scale(seen)
    if _agree(seen, lambda s: (_moved(s.projection.posed, scale, np.zeros(3)), s.camera)):
        return f"Likely its mesh is at another scale, in other units, say: scaled by {scale:.3g} it fits"
    shift_m = _fit_shift(seen)
    if _agree(seen, lambda s: (_moved(s.projection.posed, 1.0, shift_m), s.camera)):
        by = " ".join(f"{v:.3g}" for v in np.round(shift_m * 1000, 1) + 0.0)
        return f"Likely its origin is another than that of the poses: moved by {by} mm it fits"
    return (
        "Neither another scale, another origin nor a cam_K of another resolution explains it: look at the "
        "poses, at the axes and shape of the mesh, and at whether something without a mesh stands before it"
    )


def _agree(seen: Sequence[Seen], change: Change) -> bool:
    """Whether most would agree after a change of mesh and camera."""
    fits = 0
    for s in seen:
        mesh, camera = change(s)
        expected = s.projection.posed.said.expected()
        assert expected is not None
        fits += agreement(_outline(s, mesh, camera), expected) >= AGREES
    return 2 * fits > len(seen)


def _outline(s: Seen, mesh: Mesh, camera: Pinhole) -> Mask:
    alone = InstanceCaster(camera, np.eye(4), [PosedBody(mesh, np.eye(4))], [1]).see_alone(0)
    return fill_box(tight_box(alone), alone.shape) if s.projection.posed.said.boxed else alone


def _moved(posed: Posed, scale: float, shift_m: Array) -> Mesh:
    mesh = posed.model.mesh
    return replace(mesh, vertices_m=mesh.vertices_m * scale + shift_m).transformed(posed.T_cam_part)


def _resized(camera: Pinhole) -> Pinhole:
    factor = other_resolution(camera)
    return replace(camera, K=np.diag([factor, factor, 1.0]) @ camera.K)


def _fit_scale(seen: Sequence[Seen]) -> float:
    """The scale of the mesh at which areas are those of the scene; a usual step where it is near one."""
    s = max(seen, key=_expected_area)
    expected, posed, scale = _expected_area(s), s.projection.posed, 1.0
    for _ in range(_ROUNDS):
        area = int(_outline(s, _moved(posed, scale, np.zeros(3)), s.camera).sum())
        scale *= np.sqrt(expected / area) if area and expected else 10.0
    nearest = min(_STEPS, key=lambda step: abs(np.log(scale / step)))
    return nearest if abs(scale / nearest - 1) < _NEAR_A_STEP else float(scale)


def _expected_area(s: Seen) -> int:
    expected = s.projection.posed.said.expected()
    return 0 if expected is None else int(expected.sum())


def _fit_shift(seen: Sequence[Seen]) -> Array:
    """The shift [3] of the mesh, in its own axes and metres, that brings the middles of its projections to
    those of the scene's masks: two equations a picture, solved together.
    """
    rows, values = [np.zeros((1, 3))], [np.zeros(1)]
    for s in seen:
        held = s.projection.held()
        if held is None or not (held[0].any() and held[1].any()):
            continue
        projected, expected = (np.argwhere(mask)[:, ::-1].mean(axis=0) for mask in held)
        posed, f = s.projection.posed, np.diag(s.camera.K)[:2]
        z_m = float(posed.placed.vertices_m[:, 2].mean())
        rows.append(posed.T_cam_part[:2, :3])
        values.append((expected - projected) / f * z_m)
    return np.asarray(np.linalg.lstsq(np.concatenate(rows), np.concatenate(values), rcond=None)[0])
