"""Maps put together anew: the ground and walls of maps of one camera, then things, the farther first."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from synth.balance.bank import describe_piece
from synth.balance.canvas import Canvas, begin_canvas
from synth.balance.goal import Goal
from synth.balance.layouts import clear_classes
from synth.balance.pieces import find_pieces
from synth.balance.place import Refusal, find_refusal
from synth.balance.tally import Tally
from synth.balance.ways.add import add_things
from synth.balance.ways.way import Made, Material
from synth.dataset.label_maps import Ids

_TRIES = 8
_MOST_ALIKE = 16
"""A map is put together from so many of the same camera whose layouts agree most with its own: of others,
roads lead into walls.
"""


class Reconstruct:
    """Of maps of a camera that are laid out alike, each class that is no thing comes from one of two, things
    from a third.
    """

    name = "reconstruct"
    summary = "maps put together anew, class by class, from several training maps of one camera"
    keeps_map = False

    def choose_classes(self, asked: Sequence[int], goal: Goal, names: Sequence[str]) -> tuple[int, ...]:
        """Those asked for and those of which a share is; there need be none."""
        return tuple(dict.fromkeys((*asked, *goal.shares)))

    def make(self, base: int, material: Material, before: Tally, rng: np.random.Generator) -> Made:
        """What is no thing is recombined until its neighbours are ones of training maps; things are laid
        where a third map has them. Where no other map fits, the base's own is cleared of things or, where
        that shows new neighbours too, kept as it is.
        """
        study, camera = material.study, material.cameras[base]
        alike = [i for i, of in enumerate(material.cameras) if of == camera and i != base]
        nearest = study.layouts.list_alike(base, alike)[:_MOST_ALIKE]
        canvas, n_unseen = _begin(base, nearest, material, rng)
        refused: Counter[tuple[int, Refusal]] = Counter()
        if not canvas.pieces:
            refused += _lay_things_of(int(rng.choice([base, *nearest])), canvas, material)
        addable = [c for c in material.classes if c in study.things and study.bank.is_ready(c)]
        refused += add_things(canvas, material, addable, camera, before, rng)
        return Made(base, canvas, refused, n_unseen)


def _begin(
    base: int, nearest: Sequence[int], material: Material, rng: np.random.Generator
) -> tuple[Canvas, int]:
    """What things are laid into, and how many mixes were left for neighbours that no training map has."""
    study, n = material.study, material.study.n_classes
    own = material.read(base)
    bare = clear_classes(own.ids, study.things, n)
    n_unseen = 0
    for donor in rng.permutation(nearest)[:_TRIES].tolist():
        bare_donor = clear_classes(material.read(donor).ids, study.things, n)
        mixed = recombine(bare, bare_donor, study.rows, n, rng)
        if not study.adjacency.list_unseen(mixed):
            return _open(mixed, n, {base, donor}), n_unseen
        n_unseen += 1
    if not study.adjacency.list_unseen(bare):
        return _open(bare, n, {base}), n_unseen
    return begin_canvas(own, study.things, n, base), n_unseen


def _lay_things_of(donor: int, canvas: Canvas, material: Material) -> Counter[tuple[int, Refusal]]:
    """Lay what stands in a training map where it stands in it, the farther first; why some cannot be."""
    study, of = material.study, material.read(donor)
    refused: Counter[tuple[int, Refusal]] = Counter()
    for piece in sorted(find_pieces(of, study.things), key=lambda one: one.bottom):
        spot = describe_piece(piece, of, study.n_classes, material.cameras[donor])
        if spot is None:
            continue
        why = find_refusal(canvas, piece, spot.ground, study, spot.beside - set(study.things))
        if why is None:
            canvas.lay(piece, donor)
        else:
            refused[piece.class_id, why] += 1
    return refused


def _open(ids: Ids, n_classes: int, donors: set[int]) -> Canvas:
    return Canvas(n_classes, ids.copy(), np.zeros(ids.shape, np.int32), donors=donors)


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
