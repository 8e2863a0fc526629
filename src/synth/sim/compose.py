"""Composites of cut-out parts, and templates laid into photographs: what ``synth compose`` asks of the one
loop.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synth.compute.engines import DEFAULT_ENGINE
from synth.dataset.reader import DatasetReader
from synth.errors import InputError
from synth.sim.ingredients import Ingredients, PlacerOptions
from synth.sim.placing import PLACERS
from synth.sim.settings import RenderSettings
from synth.sim.sources.source import N_NAMES
from synth.sim.templates.homography import Turns
from synth.sim.templates.pasting import Pasting
from synth.sim.templates.quotas import fill_up
from synth.sim.templates.scenes import list_scenes
from synth.sim.templates.template import Template, read_templates

SOURCE, TEMPLATES_SOURCE = "composites", "templates"
PER_CLASS = 200
"""Train instances of each class, where nothing else is asked for."""

MOST = 10 * N_NAMES
"""As many pictures of a run have names of six digits."""


def make_settings(
    ingredients: Ingredients,
    out: Path,
    count: int | None = None,
    *,
    seed: int = 0,
    engine: str = DEFAULT_ENGINE,
    address: str | None = None,
) -> RenderSettings:
    """A run that makes a dataset of composites, or goes on with it.

    Each composite takes parts and plate of one split. count: as many as the datasets have samples if None.
    Raises InputError for numbers out of range.
    """
    _refuse_numbers(count, seed)
    if count is None:
        count = sum(map(len, ingredients.datasets))
    return RenderSettings(
        out=out,
        shares={SOURCE: count},
        seed=seed,
        engine=engine,
        address=address,
        own={SOURCE: ingredients},
    )


def make_options(place: str, asked: Mapping[str, Any]) -> PlacerOptions | None:
    """What a placer takes that goes by a target; None for one that does not.

    asked: fields of `HardOptions`, None for what was not asked for. Raises InputError for what does not go
    with the placer, or out of range.
    """
    given = {name: value for name, value in asked.items() if value is not None}
    if not PLACERS[place].goes_by_target:
        if given:
            able = [name for name in PLACERS if PLACERS[name].goes_by_target]
            option = next(iter(given)).replace("_", "-")
            raise InputError(
                f"--{option} has no use with --place {place}, which goes by no target: leave it out, or give "
                f"another placer ({', '.join(able)}; the help says what each takes)"
            )
        return None
    if "run" not in given:
        raise InputError(
            f"--place {place} goes by a trained network: name its training with --run, such as "
            "runs/train/detection"
        )
    from synth.sim.placing.options import HardOptions

    return HardOptions(**given)


@dataclass(frozen=True, kw_only=True)
class TemplateRequest:
    """Templates laid into photographs, as it is asked for.

    templates: a folder of one picture with alpha a class. on: photographs, regions of some, or a dataset.
    like: the dataset whose train boxes signs are to be like; None for none. count: pictures in all, all
    classes equally often, or None for ``per_class`` train instances of each. fill_up: less those that
    ``like`` has. size: ``20-120``, the longer sides of boxes in px. The rest as in `Pasting`.
    """

    templates: Path
    on: Path | None = None
    like: Path | None = None
    count: int | None = None
    per_class: int | None = None
    fill_up: bool = False
    size: str | None = None
    blur: float | None = None
    noise: float | None = None
    tilt: float
    roll: float
    distractors: Path | None = None
    max_parts: int
    min_visible: float

    def open(self, seed: int) -> Pasting:
        """With everything that it names read. Raises InputError for what does not fit together."""
        if self.on is None:
            raise InputError(
                "--templates needs --on: a folder of photographs, a CSV of regions, or a dataset whose "
                "labels say where nothing stands"
            )
        if self.count is not None and self.per_class is not None:
            raise InputError("--count says how many pictures, --per-class how many signs: give one of them")
        if self.fill_up and (self.like is None or self.count is not None):
            raise InputError("--fill-up makes up what --like has too few of: give --like, and no --count")
        if self.per_class is not None and self.per_class < 1:
            raise InputError(f"--per-class must be 1 or more, got {self.per_class}")
        if self.per_class is not None and self.per_class > MOST:
            raise InputError(f"--per-class must be {MOST} or less, got {self.per_class}")
        templates = read_templates(self.templates)
        like = None if self.like is None else DatasetReader(self.like).refuse_empty()
        scenes = list_scenes(self.on, like, seed=seed)
        return Pasting(
            templates=templates,
            scenes=scenes.areas,
            left_out=scenes.left_out,
            like=like,
            quotas=self._quotas(templates, like),
            size_px=None if self.size is None else _parse_size(self.size),
            blur_px=self.blur,
            noise=self.noise,
            turns=Turns(self.tilt, self.roll),
            distractors=() if self.distractors is None else read_templates(self.distractors),
            max_parts=self.max_parts,
            min_visible=self.min_visible,
        )

    def _quotas(
        self, templates: tuple[Template, ...], like: DatasetReader | None
    ) -> Mapping[str, int] | None:
        classes = [t.class_name for t in templates]
        if self.count is not None:
            return None
        per_class = PER_CLASS if self.per_class is None else self.per_class
        if self.fill_up and like is not None:
            return fill_up(classes, per_class, like)
        return dict.fromkeys(classes, per_class)


def make_template_settings(
    request: TemplateRequest,
    out: Path,
    *,
    seed: int = 0,
    engine: str = DEFAULT_ENGINE,
    address: str | None = None,
) -> RenderSettings:
    """A run that lays templates into photographs, or goes on with it; everything that it names is read.

    Raises InputError for what does not fit together or cannot be laid anywhere.
    """
    _refuse_numbers(request.count, seed)
    pasting = request.open(seed)
    count = len(pasting.deal(request.count, seed))
    return RenderSettings(
        out=out,
        shares={TEMPLATES_SOURCE: count},
        seed=seed,
        engine=engine,
        address=address,
        own={TEMPLATES_SOURCE: pasting},
    )


def _refuse_numbers(count: int | None, seed: int) -> None:
    if count is not None and count < 1:
        raise InputError(f"the number of composites must be 1 or more, got {count}")
    if count is not None and count > MOST:
        raise InputError(f"the number of composites must be {MOST} or less, got {count}")
    if seed < 0:
        raise InputError(f"the seed must be 0 or more, got {seed}")


def _parse_size(text: str) -> tuple[float, float]:
    low, _, high = text.partition("-")
    try:
        return float(low), float(high or low)
    except ValueError:
        raise InputError(f"--size says two lengths in px, such as 20-120, got {text!r:.40}") from None
