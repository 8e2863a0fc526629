"""What a comparison trains unless told otherwise; each task says itself what its presets are."""

from collections.abc import Sequence
from dataclasses import replace

from synth.compare.plan import Contest
from synth.dataset.info import DatasetInfo
from synth.errors import InputError
from synth.train.request import choose_preset
from synth.train.tasks import TASKS


def make_contests(
    preset: str,
    tasks: Sequence[str],
    *,
    nets: Sequence[str] | None = None,
    info: DatasetInfo,
    n_seeds: int | None = None,
    n_images: int | None = None,
    photometric: float | None = None,
    pretrained: str | None = None,
    plain_crops: bool = False,
) -> tuple[Contest, ...]:
    """A preset's contests of some tasks, in the registry's order.

    nets: in place of the preset's, each with the settings of its first and what goes with that network; None
    for the preset's. info: of the dataset that tests; all others have labels like its own. pretrained: a
    detector's checkpoint; its backbone, or the start of it, is frozen. plain_crops: what reads crops reads
    plain ones too. Raises InputError for an unknown preset, no network or networks of several tasks, or a
    checkpoint that no task takes.
    """
    contests = [
        Contest(name, TASKS[name].adapt(recipe.settings, [info], info), tuple(range(recipe.n_seeds)))
        for name in TASKS
        if name in tasks
        for recipe in choose_preset(TASKS[name], preset)
    ]
    if nets is not None:
        contests = _with_nets(contests, nets)
    if plain_crops:
        plain = [(c, TASKS[c.task].with_plain_crops(c.settings)) for c in contests]
        contests += [replace(c, settings=settings) for c, settings in plain if settings is not None]
        contests = list(dict.fromkeys(contests))
    if pretrained is not None:
        begun = [TASKS[c.task].with_pretrained(c.settings, pretrained) for c in contests]
        if not any(begun):
            raise InputError(
                f"--pretrained is for detectors, and none is among {', '.join(tasks)}: leave it out"
            )
        contests = [replace(c, settings=s or c.settings) for c, s in zip(contests, begun, strict=True)]
    if n_images is not None:
        contests = [replace(c, settings=replace(c.settings, n_images=n_images)) for c in contests]
    if photometric is not None:
        contests = [replace(c, settings=replace(c.settings, photometric=photometric)) for c in contests]
    if n_seeds is not None:
        contests = [replace(c, seeds=tuple(range(n_seeds))) for c in contests]
    return tuple(contests)


def _with_nets(contests: Sequence[Contest], nets: Sequence[str]) -> list[Contest]:
    """The first contest with each network; raises InputError for none, or where they are of several tasks."""
    if not nets:
        own = ", ".join(dict.fromkeys(c.settings.model for c in contests))
        raise InputError(f"--nets names no network: name one or more, or leave it out for {own}")
    if len(tasks := dict.fromkeys(c.task for c in contests)) > 1:
        raise InputError(f"--nets are of one task, got {', '.join(tasks)}: name one with --tasks")
    first, task = contests[0], TASKS[contests[0].task]
    return [replace(first, settings=task.with_net(first.settings, net)) for net in dict.fromkeys(nets)]
