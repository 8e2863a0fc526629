"""Placers that go by a target: they run cycles beside the dataset, and deal what these kept.

::

    data/composited.cycles/
      config.json              what was asked for; the same is demanded to go on
      cache.jsonl  rejected/   every candidate; rejected/sheet.png shows unfair ones
      kept/                    a dataset of what the target learns from
      target_1.safetensors     the target after each cycle, as synth train writes networks
      state.pt                 what is gone on from
      result.json              what each cycle took and gave
"""

import json
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from math import ceil, exp
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np
import torch
from pydantic import JsonValue, TypeAdapter
from torch import Tensor

from synth.compute.device import choose_device
from synth.compute.progress import Progress
from synth.compute.run_dir import RunDir
from synth.dataset.leak import LeakGuard
from synth.dataset.reader import DatasetReader
from synth.dataset.record import SPLITS, Split
from synth.errors import InputError
from synth.sim.composite import Compositor
from synth.sim.cutting_table import CuttingTable
from synth.sim.describe import describe_run
from synth.sim.placing import looking
from synth.sim.placing.cache import Cache
from synth.sim.placing.cost import expect_seconds
from synth.sim.placing.cycle import STATE_FILE, run_cycles
from synth.sim.placing.cycle_settings import CycleFigures, CycleSettings, NothingHard
from synth.sim.placing.kept import KeptSet
from synth.sim.placing.material import Batch, try_out
from synth.sim.placing.options import HardOptions
from synth.sim.placing.pictures import Pictures
from synth.sim.placing.placer import Deal, Placer
from synth.sim.placing.players import Chance, Proposer
from synth.sim.placing.presets import PRESETS, Preset
from synth.sim.placing.pupil import TaskPupil
from synth.sim.placing.recipe import Recipe
from synth.sim.warp import extent_of
from synth.storage.atomic import write_bytes
from synth.train.tasks import TASKS
from synth.train.trained import Trained, load_trained

_NUMBERS: TypeAdapter[Preset] = TypeAdapter(Preset)

CYCLES_SUFFIX = ".cycles"
RESULT_FILE = "result.json"
LOOKED = ("learn", "harvest")
"""Phases in which candidates are looked for."""
N_BY_CHANCE = 200
"""Candidates that are drawn by chance, to be seen beside those that were proposed."""


@dataclass(frozen=True)
class Kept:
    """Recipes as they were kept, by the number of the composite."""

    recipes: dict[int, Recipe]

    def __call__(self, _compositor: Compositor, i: int) -> Recipe:
        """The recipe of composite ``i``."""
        return self.recipes[i]


class HardPlacer(Placer, Protocol):
    """Keeps what a target finds hard; subclass it with a proposer."""

    draws: ClassVar[bool] = False
    within_bounds: ClassVar[bool] = True
    goes_by_target: ClassVar[bool] = True
    learns: ClassVar[bool] = False

    def make_proposer(
        self, options: HardOptions, preset: Preset, table: CuttingTable, device: torch.device
    ) -> Proposer:
        """Who says where parts go."""
        ...

    def open(self, table: CuttingTable, out: Path, progress: Progress) -> Deal:
        """Run all cycles, or go on with them in a folder beside ``out``.

        Raises InputError for a target that does not go with the datasets, and where nothing hard is found.
        """
        options = self._options_of(table)
        device, preset = choose_device(options.device), _adapt(PRESETS[options.preset], options)
        trained = load_trained(options.run, options.device)
        _refuse_unlike(trained, table)
        compositor = Compositor(table)
        _refuse_large(compositor)
        settings = _settings_of(preset, options, _count_recipes(table), table.seed)
        if out.name in ("", ".."):
            out = out.resolve()  # What stands beside it is called after it.
        folder = out.with_name(f"{out.name}{CYCLES_SUFFIX}")
        with RunDir.create_or_resume(folder, _config_of(table, preset)):
            pictures = Pictures(compositor, trained, device)
            pupil = TaskPupil(
                trained,
                options.weights,
                table.ingredients.datasets,
                KeptSet(folder / "kept", compositor, pictures),
                preset.schooling,
                folder,
                seed=table.seed,
            )
            proposer = self.make_proposer(options, preset, table, device)
            if not (folder / STATE_FILE).exists():
                make_one = partial(_make_one, compositor, pictures)
                seconds = expect_seconds(pictures, proposer, pupil, settings, preset.schooling, make_one)
                progress.say(_say_cost(settings.n_cycles, seconds))
            figures = _run(pictures, proposer, pupil, settings, folder, progress)
            cache = Cache(folder)
            look(cache, pictures, pupil, settings, out, is_chance=not self.learns)
            deal = _deal(table, pictures, cache)
        for line in _tell(figures, out):
            progress.say(line)
        if deal.missing:
            progress.say(_say_fewer(len(table.splits), len(deal.missing)))
        return deal

    def _options_of(self, table: CuttingTable) -> HardOptions:
        """Those asked for; raises InputError for none, and for a learner's where nothing learns."""
        options, place = table.ingredients.own, table.ingredients.place
        if not isinstance(options, HardOptions):
            raise InputError(f"--place {place} goes by a trained network: name its training with --run")
        learning = (options.diversity, options.dropout, options.discriminator or None)
        if not self.learns and any(value is not None for value in learning):
            raise InputError(
                "--diversity, --dropout and --discriminator are for a placer that learns, and "
                f"{place} does not: leave them out"
            )
        return options


def _settings_of(preset: Preset, options: HardOptions, quotas: dict[Split, int], seed: int) -> CycleSettings:
    """Cycles that keep so many recipes of each split."""
    return CycleSettings(
        quotas,
        n_cycles=preset.n_cycles,
        n_learn=preset.n_learn,
        keep_learnt=preset.keep_learnt,
        n_harvest=preset.n_harvest,
        batch_size=preset.batch_size,
        hard_at=preset.hard_at,
        hard_to=options.hard_to or 1.0,
        n_discern=preset.schooling.epochs,
        seed=seed,
    )


def _config_of(table: CuttingTable, preset: Preset) -> dict[str, JsonValue]:
    """What a run that is gone on with must share."""
    config = describe_run(table).made_by.config
    return {**config, "seed": table.seed, "numbers": _NUMBERS.dump_python(preset, mode="json")}


def _run(
    pictures: Pictures,
    proposer: Proposer,
    pupil: TaskPupil,
    settings: CycleSettings,
    folder: Path,
    progress: Progress,
) -> Sequence[CycleFigures]:
    """All cycles, with their figures written; where nothing was hard the folder is not in the way of another
    try.
    """
    try:
        figures = run_cycles(pictures, proposer, pupil, settings, folder, progress.beside)
    except NothingHard:
        shutil.rmtree(folder)
        raise
    write_bytes(folder / RESULT_FILE, (json.dumps([*map(asdict, figures)], indent=2) + "\n").encode())
    return figures


def _adapt(preset: Preset, options: HardOptions) -> Preset:
    """With what was asked for."""
    schooling, hard_at = preset.schooling, options.hard_at or preset.hard_at
    return replace(
        preset,
        n_cycles=options.cycles or preset.n_cycles,
        hard_at=hard_at,
        enough_at=min(max(hard_at, preset.enough_at), options.hard_to or 1.0),
        dropout=preset.dropout if options.dropout is None else options.dropout,
        schooling=schooling if options.ratio is None else replace(schooling, ratio=options.ratio),
    )


def _refuse_unlike(trained: Trained, table: CuttingTable) -> None:
    """Raises InputError for a target that learnt other classes or takes no composites, DatasetError where a
    test image would teach it.
    """
    task, datasets = TASKS[trained.task], table.ingredients.datasets
    task.target_size(trained.settings, table.bench.size_wh)
    known = task.classes_of(trained.settings)
    shown = dict.fromkeys(name for dataset in datasets for name in dataset.info.classes)
    if known and (unknown := [name for name in shown if name not in known]):
        raise InputError(
            f"the target knows {', '.join(known)}, and the datasets show {', '.join(unknown)} besides: give "
            "the run of a training on all of their classes"
        )
    guard = LeakGuard.of(datasets)
    for dataset in datasets:
        task.refuse_unfit(dataset, trained.settings)
        _refuse_whole(dataset)
        guard.check(dataset, (*dataset.of_split("train"), *dataset.of_split("val")))


def _refuse_whole(dataset: DatasetReader) -> None:
    """Raises InputError where labels are of whole pictures: composites say where their parts are."""
    for sample in dataset.of_split("train"):
        if any(tuple(one.box_xyxy_px) == (0, 0, *sample.size_wh) for one in sample.instances):
            raise InputError(
                f"{dataset.root} says what whole pictures show ({sample.name}), and a target is asked about "
                "parts by their boxes: give a dataset that labels parts, or place by chance"
            )


def _refuse_large(compositor: Compositor) -> None:
    """Raises InputError where no part fits on a plate at its smallest."""
    table = compositor.table
    assert table.bounds is not None
    least, size_wh = exp(table.bounds.log_scale[0]), np.array(table.bench.size_wh)
    for split, picks in table.picks.items():
        cutouts = [cutout for pick in picks if (cutout := compositor.cut(pick)) is not None]
        small = [least * np.array(extent_of(cutout)) for cutout in cutouts]
        if picks and not any((extent <= size_wh).all() for extent in small):
            raise InputError(
                f"no {split} part fits on a plate of {size_wh[0]}×{size_wh[1]} px: let them shrink further "
                "with --scale, or give datasets with smaller parts"
            )


def _count_recipes(table: CuttingTable) -> dict[Split, int]:
    """How many recipes are wanted of each split, train first; raises InputError where train wants none."""
    wanted = Counter({table.recipe_of(i): split for i, split in enumerate(table.splits)}.values())
    if not wanted["train"]:
        raise InputError(
            f"none of the {len(table.splits)} composites is of train, and from those alone the target "
            "learns: raise --count, or give datasets with train parts"
        )
    return {split: wanted[split] for split in SPLITS if wanted[split]}


def _make_one(compositor: Compositor, pictures: Pictures, batch: Batch, unit: Tensor) -> None:
    """The first picture of a batch that can be made, at full size; unit: [N,K,9]."""
    for i, key in enumerate(batch.keys):
        placements = pictures.place(key, unit[i][batch.there[i]].tolist())
        if pictures.find_fault(key, placements) is None:
            compositor.compose(pictures.recipe_of(key, placements))
            return


def _deal(table: CuttingTable, pictures: Pictures, cache: Cache) -> Deal:
    """Kept ones in their order, as far as they go."""
    kept = {split: [c for c in cache.kept if c.split == split] for split in SPLITS}
    given: dict[int, Recipe] = {}
    rank: Counter[Split] = Counter()
    for i, split in enumerate(table.splits):
        draw = table.recipe_of(i)
        if i == 0 or draw != table.recipe_of(i - 1):
            rank[split] += 1
        if rank[split] <= len(kept[split]):
            candidate = kept[split][rank[split] - 1]
            given[i] = pictures.recipe_of(candidate.key, candidate.placements, table.blend_of(i))
    return Deal(Kept(given), frozenset(range(len(table.splits))) - given.keys())


def _say_fewer(n: int, n_missing: int) -> str:
    return (
        f"Only {n - n_missing} of {n} composites were hard enough, and these are made: for more, "
        "begin again in another --out with a lower --hard-at or wider ranges (--turn, --scale, --gain)"
    )


def look(
    cache: Cache, pictures: Pictures, pupil: TaskPupil, settings: CycleSettings, out: Path, *, is_chance: bool
) -> None:
    """Write what a person looks at, beside the dataset."""
    if is_chance:
        by_chance = [c.hardness for c in cache.fair if c.cycle == 1]
    else:
        pupil.load(0)
        by_chance = _try_chance(pictures, pupil, settings)
    looking.show_cycles(cache, pictures, out.with_name(f"{out.name}.cycles.png"))
    looking.show_hardness(
        cache, by_chance, settings.hard_at, out.with_name(f"{out.name}.hardness.png"), is_chance=is_chance
    )
    looking.show_parameters(cache, pictures.bounds, out.with_name(f"{out.name}.parameters.png"))
    looking.show_unfair(cache, pictures, out.with_name(f"{out.name}{CYCLES_SUFFIX}") / "rejected/sheet.png")


def _try_chance(pictures: Pictures, pupil: TaskPupil, settings: CycleSettings) -> list[float]:
    """Hardness of fair candidates that are drawn by chance, for the target as it stands."""
    found: list[float] = []
    for i in range(ceil(N_BY_CHANCE / settings.batch_size)):
        rng = np.random.default_rng([settings.seed, i])
        batch = pictures.load(pictures.draw("train", settings.batch_size, rng))
        tried = try_out(pictures, pupil.target, batch, Chance().propose(batch, int(rng.integers(2**62))))
        for k, key in enumerate(batch.keys):
            there, edges = batch.there[k], tried.pasted.boxes_xyxy_px[k]
            placed = pictures.place(key, tried.unit[k][there].tolist())
            sides = (edges[:, 2:] - edges[:, :2]).amin(dim=-1)[there].tolist()
            if pictures.find_unfair(key, placed, sides, tried.pasted.visible[k][there].tolist()) is None:
                found.append(float(tried.hardness[k]))
    return found


def _say_cost(n_cycles: int, seconds: float) -> str:
    cycles = "1 cycle, which takes" if n_cycles == 1 else f"{n_cycles} cycles, which take"
    long = f"{seconds / 60:.0f} min" if seconds >= 90 else f"{max(round(seconds), 1)} s"
    return f"{cycles} about {long} here; Ctrl-C stops, and the same command goes on."


def _tell(figures: Sequence[CycleFigures], out: Path) -> list[str]:
    """A line a cycle: what was tried and kept, and what a kept one cost, learning included; then what to look
    at.
    """
    lines = []
    for one in figures:
        cost = "nothing was hard any more"
        if one.n_kept:
            n_seen, seen_s = one.n_tried + one.n_shown, sum(one.seconds.get(name, 0.0) for name in LOOKED)
            cost = f"{n_seen / one.n_kept:.1f} pictures and {seen_s / one.n_kept:.1f} s for each kept"
            if one.n_shown:
                cost += f", {one.n_shown} pictures that the synthesizer learnt from included"
        lines.append(f"Cycle {one.cycle}: {one.n_kept} of {one.n_tried} kept, {one.n_unfair} unfair; {cost}")
    return [*lines, f"Look at {out}.cycles.png, {out}.hardness.png and {out}.parameters.png"]
