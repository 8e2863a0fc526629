"""What pictures with templates are made of, and how; which classes come in which picture."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from synth.dataset.reader import DatasetReader
from synth.dataset.record import Split
from synth.errors import InputError
from synth.sim.furnish import training_split
from synth.sim.templates.homography import Turns, box_of
from synth.sim.templates.layers import find_visible, warp
from synth.sim.templates.likeness import Likeness, list_measurable
from synth.sim.templates.quotas import VAL_SHARE, deal_pictures, deal_quotas
from synth.sim.templates.scenes import SceneArea
from synth.sim.templates.template import LICENCE_TABLES, UNKNOWN, Template

MAX_TILT_DEG = 70.0
_STREAM = 7


@dataclass(frozen=True, eq=False)
class Pasting:
    """InputError for numbers out of range, and for a class that no scene has room for.

    left_out: how many photographs or regions are no scenes, by the reason why. like: whose train boxes give
    sizes, light and edges; None where sizes are given. quotas: train instances of each class, and a quarter
    as many val ones where there are val scenes; None for all classes equally often. size_px: the longer sides
    of boxes, from, to; None for those of ``like``. blur_px: spread of an edge, noise: 8-bit counts; None for
    as measured. distractors: pictures that are no class; none for plain shapes. max_parts: 1 to this many
    signs a picture. min_visible: share of each sign that nothing hides.
    """

    templates: tuple[Template, ...]
    scenes: tuple[SceneArea, ...]
    left_out: Mapping[str, int] = field(default_factory=dict)
    like: DatasetReader | None = None
    quotas: Mapping[str, int] | None = None
    size_px: tuple[float, float] | None = None
    blur_px: float | None = None
    noise: float | None = None
    turns: Turns = field(default_factory=Turns)
    distractors: tuple[Template, ...] = ()
    max_parts: int = 2
    min_visible: float = 0.5

    def __post_init__(self) -> None:
        for what, value, low, high in (
            ("the number of signs a picture", self.max_parts, 1, 20),
            ("the visible share", self.min_visible, 0.25, 1),
            ("the tilt", self.turns.tilt_deg, 0, MAX_TILT_DEG),
            ("the roll", self.turns.roll_deg, 0, 180),
            ("the spread of an edge in px", 0 if self.blur_px is None else self.blur_px, 0, 10),
            ("the noise in counts", 0 if self.noise is None else self.noise, 0, 50),
        ):
            if not low <= value <= high:
                raise InputError(f"{what} must be {low:g} to {high:g}, got {value:g}")
        if self.size_px is not None and not 8 <= self.size_px[0] <= self.size_px[1] <= 8000:
            raise InputError(
                "sizes are two lengths in px from 8 to 8000, the smaller first, such as 20-120, got "
                "{:g}-{:g}".format(*self.size_px)
            )
        if "train" not in self.splits:
            raise InputError(
                f"all {len(self.scenes)} scenes are for val, as val frames and one of five photographs are: "
                "name more photographs or train frames, of which some train"
            )
        own = {template.sha256: template.class_name for template in self.templates}
        if both := next((d for d in self.distractors if d.sha256 in own), None):
            raise InputError(
                f"the distractor {both.file} is the template of {own[both.sha256]}, and distractors have no "
                "label: take it out of one of the folders"
            )
        self._refuse_homeless()
        self._refuse_thin()

    @cached_property
    def splits(self) -> tuple[Split, ...]:
        """Of which there are scenes: train, and perhaps val."""
        there = {scene.split for scene in self.scenes}
        return tuple(split for split in ("train", "val") if split in there)

    @property
    def summary(self) -> str:
        """In words: ``15 classes into 218 scenes (182 train, 36 val)``, and what to look at of the
        templates.
        """
        there = [sum(scene.split == split for scene in self.scenes) for split in self.splits]
        counts = ", ".join(f"{n} {split}" for n, split in zip(there, self.splits, strict=True))
        said = [f"{len(self.templates)} classes into {len(self.scenes)} scenes ({counts})"]
        if self.left_out:
            said.append("left out: " + ", ".join(f"{n} {why}" for why, n in self.left_out.items()))
        if n := sum(t.licence == UNKNOWN for t in self.templates):
            said.append(f"licence unknown: {n} of them, which {LICENCE_TABLES[0]} beside them can tell")
        if n := sum(max(t.light.shape[:2]) < self.sides_px[-1] for t in self.templates):
            said.append(f"enlarged, and soft, in signs of up to {self.sides_px[-1]:.0f} px: {n} of them")
        return "; ".join(said)

    @property
    def simulated(self) -> bool:
        """Whether a photograph or a box behind it is a simulated device's."""
        like = self.like is not None and self.like.info.made_by.simulated
        return like or any(scene.is_simulated for scene in self.scenes)

    @cached_property
    def sides_px(self) -> tuple[float, ...]:
        """The longer sides that boxes may have. Raises InputError where nothing gives any."""
        if self.size_px is not None:
            return tuple(np.geomspace(*self.size_px, 64).tolist())
        if self.like is None:
            raise InputError(
                "how large signs are is not known: name a dataset whose boxes they are to be like with "
                "--like data/real, or say --size 20-120"
            )
        return Likeness.of_boxes(list_measurable(self.like, self.templates)).sides_px

    def deal(self, n: int | None, seed: int) -> list[tuple[Split, tuple[str, ...]]]:
        """Split and classes of each picture: the first ``n``, or all that the quotas ask for."""
        if self.quotas is None:
            assert n is not None
            rng = np.random.default_rng([seed, _STREAM])
            dealt = deal_pictures(n, [t.class_name for t in self.templates], self.max_parts, rng)
            both = len(self.splits) > 1
            return [
                (training_split(seed, _STREAM, i) if both else "train", names)
                for i, names in enumerate(dealt)
            ]
        jobs: list[tuple[Split, tuple[str, ...]]] = []
        for k, split in enumerate(self.splits):
            share = VAL_SHARE if split == "val" else 1
            quotas = {name: -(-count // share) for name, count in self.quotas.items()}
            rng = np.random.default_rng([seed, _STREAM, k])
            jobs += [(split, names) for names in deal_quotas(quotas, self.max_parts, rng)]
        return jobs[:n]

    def _refuse_homeless(self) -> None:
        """Each class has room, in its smallest size, in some scene of each split."""
        least = min(self.sides_px)
        for split in self.splits:
            areas = [scene for scene in self.scenes if scene.split == split]
            for template in self.templates:
                room = max(scene.room_for(template.aspect) for scene in areas)
                if room < least:
                    width, height = max((s.size_wh for s in areas), key=lambda wh: wh[0] * wh[1])
                    raise InputError(
                        f"{template.class_name} can be placed nowhere: it is {least:.0f} px or more, and "
                        f"the largest {split} scene, {width}×{height} px, has room for {room:.0f} px: take "
                        "larger photographs, or begin --size lower"
                    )

    def _refuse_thin(self) -> None:
        """Each class shows something in its smallest size."""
        least = min(self.sides_px)
        for template in self.templates:
            x0, y0, x1, y1 = box_of(template.outline * [template.aspect, 1])
            scale = least / max(x1 - x0, y1 - y0)
            whole = warp(template.light, np.diag([scale * template.aspect, scale, 1.0]))
            if not find_visible([whole], 0).mask.any():
                raise InputError(
                    f"{template.file} has only lines so thin that {least:.0f} px of it show nothing: draw it "
                    "bolder, or begin --size higher"
                )
