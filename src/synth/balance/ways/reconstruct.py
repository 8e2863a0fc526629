"""Maps put together anew: the ground and walls of maps of one camera, then things, the farther first."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from scipy.ndimage import distance_transform_edt

from synth.balance.canvas import Canvas, begin_canvas
from synth.balance.goal import Goal
from synth.balance.label_map import LabelMap
from synth.balance.place import Refusal, draw_spot, place
from synth.balance.tally import Tally
from synth.balance.ways.add import add_things
from synth.balance.ways.way import Made, Material
from synth.dataset.label_maps import Ids

_TRIES = 8


class Reconstruct:
    """Each class that is no thing comes from one of two maps of a camera, things from all training maps."""

    name = "reconstruct"
    summary = "maps put together anew, class by class, from several training maps of one camera"
    keeps_map = False

    def choose_classes(self, asked: Sequence[int], goal: Goal, names: Sequence[str]) -> tuple[int, ...]:
        """Those asked for and those of which a share is; there need be none."""
        return tuple(dict.fromkeys((*asked, *goal.shares)))

    def make(self, base: int, material: Material, before: Tally, rng: np.random.Generator) -> Made:
        """What is no thing is recombined until its neighbours are ones of training maps; things are laid as
        another map of the camera has them. Where no other map fits, the base's own is cleared of things or,
        where that shows new neighbours too, kept as it is.
        """
        study, camera = material.study, material.cameras[base]
        alike = [i for i, of in enumerate(material.cameras) if of == camera and i != base]
        canvas, n_unseen = _begin(base, alike, material, rng)
        refused: Counter[tuple[int, Refusal]] = Counter()
        if not canvas.pieces:
            shown = study.inventories[int(rng.choice([base, *alike]))]
            drawn = [
                (draw_spot(c, camera, study, rng), c)
                for c in study.things
                if study.bank.is_ready(c)
                for _ in range(shown[c])
            ]
            for spot, class_id in sorted(drawn, key=lambda one: one[0].bottom):
                why = place(canvas, spot, class_id, camera, study, material.mirrored, rng)
                refused.update({(class_id, reason): n for reason, n in why.items()})
        addable = [c for c in material.classes if c in study.things and study.bank.is_ready(c)]
        refused += add_things(canvas, material, addable, camera, before, rng)
        return Made(base, canvas, refused, n_unseen)


def _begin(
    base: int, alike: Sequence[int], material: Material, rng: np.random.Generator
) -> tuple[Canvas, int]:
    """What things are laid into, and how many mixes were left for neighbours that no training map has."""
    study, n = material.study, material.study.n_classes
    own = material.read(base)
    bare = clear_things(own, study.things, n)
    n_unseen = 0
    for donor in rng.permutation(alike)[:_TRIES].tolist():
        of = material.read(donor)
        if of.shape_hw == bare.shape:
            mixed = recombine(bare, clear_things(of, study.things, n), study.rows, n, rng)
            if not study.adjacency.list_unseen(mixed):
                return _open(mixed, n, {base, donor}), n_unseen
            n_unseen += 1
    if not study.adjacency.list_unseen(bare):
        return _open(bare, n, {base}), n_unseen
    return begin_canvas(own, study.things, n, base), n_unseen


def _open(ids: Ids, n_classes: int, donors: set[int]) -> Canvas:
    return Canvas(n_classes, ids.copy(), np.zeros(ids.shape, np.int32), donors=donors)


def clear_things(of: LabelMap, things: Sequence[int], n_classes: int) -> Ids:
    """A map [H,W] without things: where one stood is the nearest class that is none; void stays."""
    gone = np.isin(of.ids, things)
    known = ~gone & (of.ids < n_classes)
    if not gone.any() or not known.any():
        return of.ids.copy()
    rows, columns = distance_transform_edt(~known, return_distances=False, return_indices=True)
    return np.where(gone, of.ids[rows, columns], of.ids).astype(np.uint16)


def recombine(base: Ids, other: Ids, rows: Sequence[float], n_classes: int, rng: np.random.Generator) -> Ids:
    """Single-class maps of two maps [H,W] without things, each class of either, laid far to near.

    rows: of each class the mean row of its pixels: what stands lower is nearer. Where nothing comes to lie,
    and where the base is void, is the base's own.
    """
    mixed = np.full(base.shape, n_classes, np.uint16)
    for class_id in sorted(range(n_classes), key=lambda c: rows[c]):
        source = other if rng.random() < 0.5 else base
        mixed[source == class_id] = class_id
    return np.where((mixed == n_classes) | (base == n_classes), base, mixed).astype(np.uint16)


RECONSTRUCT = Reconstruct()
