"""The one loop that makes a dataset from sources: orders → child processes → samples on disk, in order."""

import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synth.compute.progress import Progress
from synth.dataset.difference import list_differences
from synth.dataset.folder import INFO_FILE, read_info, refuse_other_kind
from synth.dataset.info import DatasetInfo
from synth.dataset.reader import DatasetReader
from synth.dataset.store import DatasetWriter
from synth.errors import DatasetError, InputError, SynthError
from synth.sim.settings import RenderSettings
from synth.sim.shares import say_shares
from synth.sim.sources import SOURCES
from synth.sim.sources.source import WORK_FOLDER, MadeSample, Order, Studio
from synth.storage.atomic import write_bytes

SCENES_FOLDER, RECIPES_FOLDER = "scenes", "recipes"

_N_TIMED = 4

_BYTES_PER_PIXEL, _SPARE_BYTES = 4, 200e6


@dataclass(frozen=True)
class Plan:
    """What will be made, before anything is rendered or written."""

    settings: RenderSettings
    studio: Studio
    orders: tuple[Order, ...]


@dataclass(frozen=True)
class Summary:
    """What a run left behind. n_new: samples of this run."""

    n_samples: int
    n_new: int
    seconds: float


def make_plan(settings: RenderSettings) -> Plan:
    """Every order of a run; starts no renderer. Equal settings, equal plans.

    Raises InputError for sources that cannot do what is asked, or not in one dataset.
    """
    studio: Any = _open_studio(settings).measured()
    orders: list[Order] = []
    for name, n in settings.shares.items():
        if n:
            orders += SOURCES[name].plan(studio, n, seed=settings.seed)
    name, n = Counter(order.name for order in orders).most_common(1)[0]
    if n > 1:
        raise InputError(f"{n} samples of this run would be called {name}: leave one source out")
    return Plan(settings, studio, tuple(orders))


def describe(settings: RenderSettings) -> DatasetInfo:
    """dataset.json of a run; ``made_by.config`` holds everything that one that goes on must share."""
    return _describe(_open_studio(settings), settings)


def count_done(settings: RenderSettings) -> int:
    """How many samples stand in the folder, after a look at whether the rest can be made.

    Raises InputError where the machine lacks something or disk space, DatasetError when the folder was made
    otherwise. Writes nothing.
    """
    return _count_done(_open_studio(settings), settings)


def expect_seconds(plan: Plan) -> float:
    """How long all samples of a plan take, from a few that are made now, one after the other; starts no
    child process. For studios that need nothing prepared.
    """
    some = plan.orders[:: max(len(plan.orders) // _N_TIMED, 1)][: _N_TIMED + 1]
    with plan.studio() as make:
        make(some[0])  # The first also pays for what is loaded once.
        began = time.perf_counter()
        for order in some[1:]:
            make(order)
    each = (time.perf_counter() - began) / max(len(some) - 1, 1)
    return each * len(plan.orders) / plan.settings.choose_processes(plan.studio.resources)


def render(plan: Plan, progress: Progress) -> Summary:
    """Make every sample of the plan that the folder does not hold yet.

    Raises what `count_done` raises, RendererError or WorkerLost when one sample fails twice, StorageError
    when the disk refuses; the folder is whole then, and the same call goes on. KeyboardInterrupt likewise.
    """
    started = time.perf_counter()
    settings, out = plan.settings, plan.settings.out
    _count_done(plan.studio, settings)
    info = _describe(plan.studio, settings)
    with DatasetWriter.create_or_resume(out, info, _growing(settings)) as writer:
        for note in writer.notes:
            progress.say(note)
        writer.add_models(plan.studio.models)
        done = writer.done_names()
        orders = [order for order in plan.orders if order.name not in done]
        try:
            studio = plan.studio.prepared(out, progress) if orders else plan.studio
            orders = [order for order in orders if studio.can_make(order)]
            progress.begin(total=len(done) + len(orders), done=len(done))
            try:
                produce(
                    orders,
                    studio,
                    lambda sample: _write(sample, writer, progress),
                    progress,
                    settings,
                )
            finally:
                progress.end()
        except InputError:
            if not writer.samples:
                writer.discard()  # No folder is in the way of the next try.
            raise
        shutil.rmtree(out / WORK_FOLDER, ignore_errors=True)
        return Summary(len(writer.samples), len(orders), time.perf_counter() - started)


def produce(
    orders: Sequence[Order],
    studio: Studio,
    on_sample: Callable[[MadeSample], None],
    progress: Progress,
    settings: RenderSettings,
) -> None:
    """Make the sample of each order in child processes of the settings' engine and hand it over, in the order
    of the orders.
    """

    def say_again(order: Order, error: SynthError) -> None:
        progress.say(f"{order.name} is made again: {error}")

    settings.open_engine().run_shards(
        orders,
        studio,
        settings.choose_processes(studio.resources),
        lambda _, sample: on_sample(sample),
        resources=studio.resources,
        on_retry=say_again,
    )


def check_disk(out: Path, n_samples: int, size_wh: tuple[int, int]) -> None:
    """Raises InputError where the disk cannot hold that many more samples."""
    folder = next(p for p in (out.absolute(), *out.absolute().parents) if p.exists())
    needed = n_samples * size_wh[0] * size_wh[1] * _BYTES_PER_PIXEL + _SPARE_BYTES
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise InputError(
            f"{n_samples} pictures take about {needed / 1e9:.1f} GB, and {folder} has {free / 1e9:.1f} GB "
            "free: make room, lower --count, or choose another disk with --out"
        )


def _open_studio(settings: RenderSettings) -> Studio:
    """The studio that all sources of a run share."""
    openers = {name: SOURCES[name].studio_of(settings) for name, n in settings.shares.items() if n}
    if not openers:
        raise InputError("nothing is to be rendered: raise --count or a --share")
    first, *others = openers
    for name in others:
        if openers[name] != openers[first]:
            raise InputError(
                f"{first} and {name} cannot be in one dataset: render two, each with its own --out"
            )
    studio: Studio = openers[first](settings)
    if settings.maps_only and studio.info.kind != "maps":
        raise InputError(f"--share {first} makes pictures, and --maps-only makes none: leave one of them out")
    return studio


def _describe(studio: Studio, settings: RenderSettings) -> DatasetInfo:
    made_by = studio.info.made_by
    shares = {name: n for name, n in settings.shares.items() if n}
    return studio.info.model_copy(
        update={"made_by": made_by.model_copy(update={"config": {**made_by.config, "shares": shares}})}
    )


def _count_done(studio: Studio, settings: RenderSettings) -> int:
    studio.check()
    info = _describe(studio, settings)
    earlier = _find_earlier_run(settings, info)
    n_done = 0 if earlier is None else len(earlier)
    if info.camera is not None:
        check_disk(settings.out, settings.count - n_done, info.camera.size_wh)
    return n_done


def begun_shares(out: Path) -> dict[str, int]:
    """What the rendering in a folder was begun for; nothing where there is none."""
    found = read_info(out).made_by.config.get("shares") if (out / INFO_FILE).exists() else None
    known = found if isinstance(found, dict) else {}
    return {name: n for name, n in known.items() if name in SOURCES and isinstance(n, int)}


def _find_earlier_run(settings: RenderSettings, info: DatasetInfo) -> DatasetReader | None:
    """What an earlier run that would describe itself by ``info`` left in the folder, or None."""
    out = settings.out
    if not (out / INFO_FILE).exists():
        return None
    refuse_other_kind(out, info.kind)
    found = read_info(out)
    if differences := list_differences(found, info, _growing(settings)):
        before = found.made_by.config.get("shares")
        config = info.made_by.config | {"shares": before}
        same = info.model_copy(update={"made_by": info.made_by.model_copy(update={"config": config})})
        if not list_differences(found, same):
            _refuse_shares(settings, before)
        if found.made_by.config.get("real", 0) is None and settings.real is not None:
            raise DatasetError(
                f"{out} was begun before there were captures, and now there is {settings.real.root}, after "
                "which scenes and camera are made: choose another folder with --out"
            )
        lines = "".join(f"\n  {d}" for d in differences)
        raise DatasetError(
            f"{out} was made with other settings: go back to them, or choose another folder with --out{lines}"
        )
    return DatasetReader(out)


def _refuse_shares(settings: RenderSettings, before: object) -> None:
    now = {name: n for name, n in settings.shares.items() if n}
    if not isinstance(before, dict) or before.keys() - {*SOURCES}:
        return
    if _growing(settings) and all(now.get(name, 0) >= n for name, n in before.items()):
        return
    if before != now:
        why = "such a dataset cannot grow; ask for what it was begun for"
        if _growing(settings):
            n = sum(before.values())
            why = f"it may grow and never shrinks; ask for as many of each, --count {n} or more"
        raise DatasetError(
            f"{settings.out} was begun for {say_shares(before)}, and {say_shares(now)} are asked for: {why}, "
            "or choose another folder with --out"
        )


def _growing(settings: RenderSettings) -> tuple[str, ...]:
    """What a later run of the same folder may raise."""
    return ("shares",) if all(SOURCES[name].grows for name, n in settings.shares.items() if n) else ()


def _write(sample: MadeSample, writer: DatasetWriter, progress: Progress) -> None:
    """Write scene and recipe, then the sample itself, which counts as done from then on."""
    name = sample.draft.name
    if sample.scene is not None:
        content = (sample.scene.model_dump_json() + "\n").encode()
        write_bytes(writer.root / SCENES_FOLDER / f"{name}.json", content)
    if sample.recipe is not None:
        write_bytes(writer.root / RECIPES_FOLDER / f"{name}.json", f"{sample.recipe.to_json()}\n".encode())
    writer.append(sample.draft, layers=sample.layers, crops=sample.crops)
    progress.accepted(name)
