"""Flat signs laid into photographs: SYN-MTGAN's Synthetic Scene Image X (section 4.1), one drawing a
class.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Self

from pydantic import JsonValue

from synth.compute.versions import list_versions
from synth.dataset.info import DatasetInfo, MadeBy
from synth.dataset.record import Split
from synth.errors import InputError
from synth.sim.settings import RenderSettings
from synth.sim.sources.source import N_NAMES, MadeSample, Order, Studio
from synth.sim.templates.likeness import Grain, Likeness, list_measurable, measure_likeness
from synth.sim.templates.maker import Manner, SceneMaker
from synth.sim.templates.pasting import Pasting
from synth.sim.templates.scenes import digest_scenes
from synth.sim.templates.template import Template

_PACKAGES = ("synth-robotics", "numpy", "opencv-python", "resvg-py")


class Templates:
    """Made when asked for alone, by ``synth compose --templates``."""

    words = ("picture with templates", "pictures with templates")
    grows = False

    def studio_of(self, settings: RenderSettings) -> "Callable[[RenderSettings], PastingTable]":
        """Takes ``settings.own["templates"]``, a `Pasting`, which ``synth compose`` alone asks for."""
        if not isinstance(settings.own.get("templates"), Pasting):
            raise InputError(
                "--share templates is no part of a rendering: synth compose --templates lays them into "
                "photographs, with options of its own"
            )
        return open_pasting_table

    def most(self, settings: RenderSettings) -> tuple[int, str]:
        """As many as have names of six digits."""
        return 10 * N_NAMES, "that have names"

    def portion(self, settings: RenderSettings) -> float:
        """None unasked."""
        return 0.0

    def plan(self, studio: "PastingTable", n: int, *, seed: int) -> Sequence[Order]:
        """Each with its split and its classes."""
        return [Order(f"{i:06d}", (i, *job)) for i, job in enumerate(studio.pasting.deal(n, seed))]


@dataclass(frozen=True, eq=False)
class PastingTable(Studio):
    """What all pictures of a run share. likeness: of real signs, once it is measured."""

    info: DatasetInfo
    pasting: Pasting
    likeness: Likeness
    seed: int

    def measured(self) -> Self:
        """With light and edges of real signs, where a dataset is named."""
        like = self.pasting.like
        if like is None:
            return self
        seen = measure_likeness(like, self.pasting.templates)
        return replace(self, likeness=replace(self.likeness, seen=seen))

    @contextmanager
    def __call__(self) -> Iterator[Callable[[Order], MadeSample]]:
        """What comes out makes one picture after the other."""
        pasting = self.pasting
        manner = Manner(
            likeness=self.likeness,
            turns=pasting.turns,
            edge_sigma_px=pasting.blur_px,
            grain=None if pasting.noise is None else Grain((pasting.noise,) * 3),
            max_parts=pasting.max_parts,
            min_visible=pasting.min_visible,
            box_kind=self.info.box_kind,
        )
        maker = SceneMaker(pasting.templates, pasting.distractors, pasting.scenes, manner, seed=self.seed)

        def make(order: Order) -> MadeSample:
            draft, rgb_u8, mask = maker.make(*order.job)
            return MadeSample(draft, {"image": rgb_u8, "mask": mask})

        yield make


def open_pasting_table(settings: RenderSettings) -> PastingTable:
    """Where pictures with templates are made."""
    pasting: Pasting = settings.own["templates"]
    likeness = Likeness(pasting.sides_px)
    return PastingTable(_describe(pasting, settings.seed), pasting, likeness, settings.seed)


_TRAIN: tuple[Split, ...] = ("train",)


def _describe(pasting: Pasting, seed: int) -> DatasetInfo:
    like, classes = pasting.like, tuple(t.class_name for t in pasting.templates)
    config: dict[str, JsonValue] = {
        "templates": _list_templates(pasting.templates),
        "distractors": _list_templates(pasting.distractors),
        "scenes": {"areas": len(pasting.scenes), "digest": digest_scenes(pasting.scenes)},
        "like": None if like is None else {"dataset": like.name, "digest": like.digest(_TRAIN)},
        "quotas": None if pasting.quotas is None else dict(pasting.quotas),
        "size_px": None if pasting.size_px is None else list(pasting.size_px),
        "blur_px": pasting.blur_px,
        "noise": pasting.noise,
        "turns": asdict(pasting.turns),
        "max_parts": pasting.max_parts,
        "min_visible": pasting.min_visible,
    }
    behind = dict.fromkeys(s.parent.dataset for s in pasting.scenes if s.parent is not None)
    measured = [] if like is None else [s for s, _ in list_measurable(like, pasting.templates)]
    return DatasetInfo(
        kind="composited",
        classes=classes,
        flip_pairs=() if like is None else tuple(p for p in like.info.flip_pairs if {*p} <= {*classes}),
        box_kind="tight" if like is None else like.info.box_kind,
        made_by=MadeBy(
            verb="compose",
            config=config,
            seed=seed,
            versions=list_versions(_PACKAGES),
            parents=tuple(dict.fromkeys((*behind, *([] if like is None else [like.name])))),
            readings=()
            if like is None
            else (
                like.as_reading({s.name: s for s in measured}.values(), "labels", "look"),
                *like.info.made_by.readings,
            ),
            simulated=pasting.simulated,
        ),
    )


def _list_templates(templates: Sequence[Template]) -> dict[str, JsonValue]:
    return {t.class_name: {"file": t.file, "sha256": t.sha256, "licence": t.licence} for t in templates}


TEMPLATES = Templates()
