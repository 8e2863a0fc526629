"""The stage: train maps in, label maps out in which chosen classes have chosen shares.

::

    data/balanced/             a dataset of the kind maps, or composited where things are pasted, and
      balance.json             shares before and after, and what was asked for
      balance.png              made maps beside train maps
      shares.png  shares.svg   shares before and after

A map depends on the seed, its number and, where shares are asked for, the maps before it.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from synth.balance.describe import VERB, describe, kind_of
from synth.balance.label_map import LabelMap, list_known, read_map
from synth.balance.paste import paste
from synth.balance.records import read_laid, read_mixes, read_refused, to_draft, to_layers
from synth.balance.settings import BalanceSettings
from synth.balance.study import Study, measure_maps
from synth.balance.tally import Tally, count_map
from synth.balance.ways import WAYS
from synth.balance.ways.way import Made, Material
from synth.compute.progress import Progress
from synth.dataset.codecs import Rgb
from synth.dataset.folder import refuse_other_kind
from synth.dataset.reader import DatasetReader
from synth.dataset.record import Figure
from synth.dataset.store import DatasetWriter
from synth.errors import InputError

N_CANDIDATES = 4
"""So many maps are tried for each that is kept, where shares are asked for: the nearest to them is."""

MakeProgress = Callable[[str, str], Progress]
"""A progress for a verb and the unit that it counts."""


@dataclass(eq=False)
class Balanced:
    """What balancing came to. made: of the maps that were made. n_new: in this run. n_empty: maps that were
    left out, since nothing found a place in them. laid: things, by class. refused: places on the way to the
    maps, by reason; n_mixes: mixes of maps, for neighbours that no train map has.
    """

    settings: BalanceSettings
    study: Study
    made: Tally
    n_new: int = 0
    n_empty: int = 0
    n_mixes: int = 0
    laid: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    @property
    def after(self) -> Tally:
        """Of train maps and made ones together."""
        return self.study.tally + self.made

    def count(self, of: LabelMap, quality: Mapping[str, Figure]) -> None:
        """One more map."""
        self.made += count_map(of, self.study.n_classes)
        self.laid.update(read_laid(quality))
        self.refused.update(read_refused(quality))
        self.n_mixes += read_mixes(quality)


def balance(settings: BalanceSettings, make_progress: MakeProgress, *, is_dry: bool = False) -> Balanced:
    """Make maps until the shares hold or there are enough, or go on with that. is_dry: and write none.

    Raises InputError for classes that no train map can give, DatasetError for an ``out`` that was made
    otherwise, StorageError. KeyboardInterrupt leaves whole samples; the same call goes on.
    """
    if not is_dry:
        refuse_other_kind(settings.out, kind_of(settings))
    known = list_known(settings.data)
    study = _measure(settings, known, make_progress("measure", "maps"))
    _refuse_empty(settings, study)
    balanced = Balanced(settings, study, Tally.nothing(study.n_classes))
    if _is_enough(settings, study.tally):
        return balanced
    with ExitStack() as stack:
        writer = None
        if not is_dry:
            info = describe(settings, study, known)
            writer = stack.enter_context(DatasetWriter.create_or_resume(settings.out, info))
        _make_all(balanced, known, writer, make_progress(VERB, "maps"))
    return balanced


def _make_all(
    balanced: Balanced, known: Sequence[str], writer: DatasetWriter | None, progress: Progress
) -> None:
    """Every map that is not there; those that are only count."""
    settings, study = balanced.settings, balanced.study
    material, instanced = _gather(settings, study), [study.names.index(name) for name in known]

    @lru_cache(maxsize=64)
    def read_rgb(place: int) -> Rgb:
        return settings.data.load_rgb(settings.maps[place])

    there = None if writer is None else DatasetReader(writer.root)
    done = {} if there is None else {sample.name: sample for sample in there}
    progress.begin(total=settings.most, done=0)
    try:
        for i in range(settings.most):
            if _is_enough(settings, balanced.after):
                break
            if (sample := done.get(f"{i:06d}")) is not None and there is not None:
                balanced.count(read_map(there, sample), sample.quality)
            elif (one := _make(i, settings, material, balanced.after)) is None:
                balanced.n_empty += 1
            else:
                of = one.canvas.to_map(instanced)
                draft = to_draft(f"{i:06d}", settings, one, of, study)
                if writer is not None:
                    assert writer.info.semantic is not None
                    layers = to_layers(of, writer.info.semantic)
                    if settings.paste:
                        layers["image"] = paste(read_rgb(one.base), one.canvas, read_rgb)
                    writer.append(draft, layers=layers)
                balanced.count(of, draft.quality)
                balanced.n_new += 1
            progress.advanced(1)
    finally:
        progress.end()


def _measure(settings: BalanceSettings, known: Sequence[str], progress: Progress) -> Study:
    names, maps = settings.names, settings.maps
    groups = [sample.group for sample in maps]
    ordered = list(dict.fromkeys(groups))
    things = None if settings.things is None else [names.index(name) for name in settings.things]
    progress.begin(total=len(maps), done=0)
    try:
        return measure_maps(
            lambda i: read_map(settings.data, maps[i]),
            [ordered.index(group) for group in groups],
            names,
            things,
            [names.index(name) for name in known],
            lambda: progress.advanced(1),
        )
    finally:
        progress.end()


def _refuse_empty(settings: BalanceSettings, study: Study) -> None:
    """Raises InputError for a class that shall be added and of which no train map shows a whole component."""
    for class_id in settings.added:
        name = study.names[class_id]
        if not study.tally.pixels[class_id]:
            raise InputError(f"no train map of {settings.data.root} shows {name}: nothing of it can be added")
        if settings.way != "reconstruct" and not study.bank.is_ready(class_id):
            ready = [n for c, n in enumerate(study.names) if study.bank.is_ready(c)]
            raise InputError(
                f"no train map of {settings.data.root} shows {name} whole, off the border and standing on "
                f"another class, in 50 pixels or more: choose among {', '.join(ready) or 'none'}"
            )


def _gather(settings: BalanceSettings, study: Study) -> Material:
    groups = [sample.group for sample in settings.maps]
    ordered = list(dict.fromkeys(groups))
    paired = {name for pair in settings.data.info.flip_pairs for name in pair}

    @lru_cache(maxsize=64)
    def read(place: int) -> LabelMap:
        return read_map(settings.data, settings.maps[place])

    return Material(
        study=study,
        read=read,
        cameras=[ordered.index(group) for group in groups],
        classes=settings.added,
        each=settings.most_each,
        goal=settings.goal,
        mirrored=frozenset(c for c, name in enumerate(study.names) if name not in paired),
    )


def _is_enough(settings: BalanceSettings, after: Tally) -> bool:
    """Whether the shares hold, where nobody says how many maps there shall be."""
    return settings.count is None and bool(settings.goal.shares) and settings.goal.is_reached(after)


def _make(i: int, settings: BalanceSettings, material: Material, before: Tally) -> Made | None:
    """Map number i, of several candidates the one nearest to the shares; None where nothing can be laid."""
    rng = np.random.default_rng((settings.seed, i))
    order = np.random.default_rng(settings.seed).permutation(len(settings.maps))
    way, goal, n = WAYS[settings.way], settings.goal, material.study.n_classes
    best: tuple[float, Made] | None = None
    for k in range(N_CANDIDATES):
        step = i * N_CANDIDATES + k if goal.shares else i + k * (len(order) // N_CANDIDATES + 1)
        one = way.make(int(order[step % len(order)]), material, before, rng)
        if not one.canvas.laid and settings.way != "reconstruct":
            continue
        if not goal.shares:
            return one
        badness = goal.badness(before + count_map(one.canvas.to_map(()), n))
        if best is None or badness < best[0]:
            best = badness, one
    return None if best is None else best[1]
