"""Things of chosen classes, added to training maps: of one class, or of several, the farther first."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from synth.balance.canvas import Canvas, begin_canvas
from synth.balance.goal import Goal
from synth.balance.place import Refusal, draw_spot, has_failed, place
from synth.balance.tally import Tally, count_map
from synth.balance.ways.way import Made, Material
from synth.errors import InputError


@dataclass(frozen=True)
class Add:
    """Keeps a training map and lays things into it. several: whether of more than one class."""

    name: str
    summary: str
    several: bool
    keeps_map: ClassVar[bool] = True

    def choose_classes(self, asked: Sequence[int], goal: Goal, names: Sequence[str]) -> tuple[int, ...]:
        """Those asked for or, without any, those of which a share is."""
        classes = tuple(dict.fromkeys(asked or goal.shares))
        if not classes:
            raise InputError(
                f"--way {self.name} adds things of {'classes' if self.several else 'a class'} that you name: "
                f"give --classes, among {', '.join(names)}"
            )
        if not self.several and len(classes) > 1:
            told = ", ".join(names[c] for c in classes)
            raise InputError(f"--way add-single adds one class, got {told}: --way add-multi adds several")
        if other := [names[c] for c in goal.shares if c not in classes]:
            raise InputError(
                f"--way {self.name} changes the share of what it adds, and {other[0]} is not among "
                "--classes: name it there too, or take --way reconstruct"
            )
        return classes

    def make(self, base: int, material: Material, before: Tally, rng: np.random.Generator) -> Made:
        """The map itself, with more things in it."""
        canvas = begin_canvas(material.read(base), material.standing, material.study.n_classes, base)
        camera = material.cameras[base]
        return Made(base, canvas, add_things(canvas, material, material.classes, camera, before, rng))


def add_things(
    canvas: Canvas,
    material: Material,
    classes: Sequence[int],
    camera: int,
    before: Tally,
    rng: np.random.Generator,
) -> Counter[tuple[int, Refusal]]:
    """Lay things of some classes, round by round the farther first, while more are wanted."""
    study, goal = material.study, material.goal
    refused: Counter[tuple[int, Refusal]] = Counter()
    begun = count_map(canvas.to_map(()), study.n_classes)
    laid: Counter[int] = Counter()
    open_classes = list(classes)
    for _ in range(material.each):
        now = before + _count_now(canvas, begun, laid)
        open_classes = [c for c in open_classes if c not in goal.shares or goal.is_short(c, now)]
        drawn = [(draw_spot(c, camera, study, rng), c) for c in open_classes]
        for spot, class_id in sorted(drawn, key=lambda one: one[0].bottom):
            why = place(canvas, spot, class_id, camera, study, material.mirrored, rng)
            refused.update({(class_id, reason): n for reason, n in why.items()})
            if has_failed(why):
                open_classes.remove(class_id)
            else:
                laid[class_id] += 1
    return refused


def _count_now(canvas: Canvas, begun: Tally, laid: Counter[int]) -> Tally:
    """What a canvas shows; components are those at the beginning and what was laid since."""
    pixels = np.bincount(canvas.ids.ravel(), minlength=canvas.n_classes + 1)[: canvas.n_classes]
    more = np.array([laid[c] for c in range(canvas.n_classes)], np.int64)
    return Tally(1, pixels.astype(np.int64), (pixels > 0).astype(np.int64), begun.components + more)


ADD_SINGLE = Add("add-single", "things of one class, added to training maps", several=False)
ADD_MULTI = Add(
    "add-multi", "things of several classes, added to training maps, the farther first", several=True
)
