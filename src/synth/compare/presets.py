"""What a comparison trains unless told otherwise; each task says itself what its presets are."""

from collections.abc import Sequence
from dataclasses import replace

from synth.compare.plan import Contest
from synth.dataset.info import DatasetInfo
from synth.train.settings import choose_preset, freeze_pretrained, plain_crops_of, takes
from synth.train.tasks import TASKS


def make_contests(
    preset: str,
    tasks: Sequence[str],
    *,
    info: DatasetInfo,
    n_seeds: int | None = None,
    n_images: int | None = None,
    pretrained: str | None = None,
    plain_crops: bool = False,
) -> tuple[Contest, ...]:
    """A preset's contests of some tasks, in the registry's order.

    info: of the dataset whose labels all have. pretrained: a detector's checkpoint; its backbone is frozen.
    plain_crops: what reads crops reads plain ones too. Raises InputError for an unknown preset or task.
    """
    contests = [
        Contest(name, TASKS[name].adapt(recipe.settings, info), tuple(range(recipe.n_seeds)))
        for name in TASKS
        if name in tasks
        for recipe in choose_preset(TASKS[name], preset)
    ]
    if plain_crops:
        plain = [c for c in contests if takes(c.settings, "crop", "rotate")]
        contests += [replace(c, settings=plain_crops_of(c.settings, c.task)) for c in plain]
        contests = list(dict.fromkeys(contests))
    if pretrained is not None:
        contests = [
            replace(c, settings=freeze_pretrained(c.settings, c.task, pretrained))
            if takes(c.settings, "pretrained")
            else c
            for c in contests
        ]
    if n_images is not None:
        contests = [replace(c, settings=replace(c.settings, n_images=n_images)) for c in contests]
    if n_seeds is not None:
        contests = [replace(c, seeds=tuple(range(n_seeds))) for c in contests]
    return tuple(contests)
