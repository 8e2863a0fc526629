"""Plan → scenes → shards → samples on disk, and again until every scene of the plan is one."""

import io
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from synth.compute.engines import DEFAULT_ENGINE, ENGINES
from synth.compute.engines.engine import Resources
from synth.compute.progress import Progress
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Parent
from synth.dataset.store import DatasetWriter
from synth.errors import InputError, SynthError
from synth.sim.blender import QUALITIES, Blender
from synth.sim.installed import find_installed
from synth.sim.look import Look, measure_look, plain_look, save_look
from synth.sim.match import match_objects
from synth.sim.meshes import cell_meshes, write_meshes
from synth.sim.plan import Order, list_orders, list_twinnable
from synth.sim.scene import SceneCamera
from synth.sim.settings import RenderSettings, describe, find_earlier_run
from synth.sim.studio import Crew, RenderedSample, Studio
from synth.storage.atomic import write_bytes

WORK_FOLDER, SCENES_FOLDER, LOOK_FOLDER, LAYERS_FOLDER = ".render", "scenes", "look", "layers"

PER_WORKER, MAX_WORKERS = Resources(cores=4, memory_gb=3.0), 16
_BYTES_PER_PIXEL, _SPARE_BYTES = 4, 200e6


@dataclass(frozen=True)
class Plan:
    """What will be rendered, before any Blender starts."""

    settings: RenderSettings
    camera: SceneCamera
    orders: tuple[Order, ...]


@dataclass(frozen=True)
class Summary:
    """What a rendering left behind. n_new: samples of this run."""

    n_samples: int
    n_new: int
    seconds: float


def make_plan(settings: RenderSettings) -> Plan:
    """Every scene of a rendering but what physics decides; starts no Blender. Equal settings, equal plans.

    Raises InputError for a cell without meshes that can be used or without enough poses.
    """
    meshes = cell_meshes(settings.cell)
    camera = settings.camera
    twinnable = () if settings.real is None else list_twinnable(settings.real, with_test=settings.test_twins)
    orders = list_orders(settings.shares, twinnable, settings.cell, meshes, camera, seed=settings.seed)
    return Plan(settings, camera, tuple(orders))


def count_done(settings: RenderSettings) -> int:
    """How many samples of a rendering stand in its folder, after a look at whether the rest can be made.

    Raises InputError without Blender or disk space, DatasetError when the folder was made otherwise. Writes
    nothing.
    """
    Blender(settings.out, settings.blender)
    earlier = find_earlier_run(settings.out, describe(settings))
    n_done = 0 if earlier is None else len(earlier)
    check_disk(settings.out, settings.shares.count - n_done, settings.camera.size_wh)
    return n_done


def render(plan: Plan, progress: Progress) -> Summary:
    """Render every scene of the plan that the folder does not hold yet.

    Raises InputError without Blender or disk space, RendererError or WorkerLost when one scene fails twice,
    StorageError when the disk refuses; the folder is whole then, and the same call goes on. KeyboardInterrupt
    likewise.
    """
    started = time.perf_counter()
    settings = plan.settings
    count_done(settings)
    look = choose_look(settings, plan.camera)
    with DatasetWriter.create_or_resume(settings.out, describe(settings)) as writer:
        for note in writer.notes:
            progress.say(note)
        done = writer.done_names()
        orders = [order for order in plan.orders if order.name not in done]
        studio = make_studio(plan, look, settings.out / WORK_FOLDER)
        if orders:
            if settings.blender is not None and not find_installed(settings.blender).denoises:
                progress.say("This Blender has no denoiser: every picture takes 16 times the samples.")
            if look.kind == "matched":
                progress.say("A few train twins first show how bright objects come out beside the bench.")
            look = match_objects(studio, settings.real, settings.out / LOOK_FOLDER)
            save_look(look, settings.out / LOOK_FOLDER)
        progress.begin(total=len(plan.orders), done=len(done))
        try:
            produce(
                orders,
                replace(studio, look=look),
                lambda sample: write_sample(sample, writer, progress),
                progress,
                n_workers=choose_workers(settings.n_workers),
            )
        finally:
            progress.end()
        shutil.rmtree(settings.out / WORK_FOLDER, ignore_errors=True)
        return Summary(len(writer.samples), len(orders), time.perf_counter() - started)


def produce(
    orders: Sequence[Order],
    studio: Crew,
    on_sample: Callable[[RenderedSample], None],
    progress: Progress,
    *,
    n_workers: int,
) -> None:
    """Make the sample of each order in child processes and hand it over, in the order of the orders."""
    write_meshes(studio.meshes, studio.folder / "meshes")

    def say_again(order: Order, error: SynthError) -> None:
        progress.say(f"{order.name} is rendered again: {error}")

    engine = ENGINES[DEFAULT_ENGINE]
    engine.run_shards(orders, studio, n_workers, lambda _, sample: on_sample(sample), on_retry=say_again)


def make_studio(plan: Plan, look: Look, folder: Path) -> Studio:
    """What the worker processes of a run share; ``folder`` is for what they keep from one another's work."""
    settings = plan.settings
    return Studio(
        cell=settings.cell,
        meshes=cell_meshes(settings.cell),
        folder=folder,
        camera=plan.camera,
        look=look,
        quality=QUALITIES[settings.quality],
        seed=settings.seed,
        randomize=settings.randomize,
        with_layers=settings.layers,
        depth_scale_m=settings.depth_scale_m,
        parents={} if settings.real is None else list_parents(settings.real),
        blender=settings.blender,
        n_threads=ENGINES[DEFAULT_ENGINE].count_threads(choose_workers(settings.n_workers)),
    )


def choose_look(settings: RenderSettings, camera: SceneCamera) -> Look:
    """The look of the captured dataset, or a plain one."""
    if settings.look == "plain" or settings.real is None:
        return plain_look(settings.cell, camera.size_wh)
    return measure_look(settings.real)


def choose_workers(asked: int | None) -> int:
    """Blender processes: one on a small machine, where each takes all cores; more by cores and memory."""
    return ENGINES[DEFAULT_ENGINE].count_workers(PER_WORKER, MAX_WORKERS, asked)


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


def write_sample(sample: RenderedSample, writer: DatasetWriter, progress: Progress) -> None:
    """Write scene, layers and last the sample itself, which counts as done from then on."""
    name = sample.scene.name
    write_bytes(
        writer.root / SCENES_FOLDER / f"{name}.json", (sample.scene.model_dump_json() + "\n").encode()
    )
    if sample.layers:
        content = io.BytesIO()
        np.savez_compressed(content, allow_pickle=False, **sample.layers)
        write_bytes(writer.root / LAYERS_FOLDER / f"{name}.npz", content.getvalue())
    writer.append(
        sample.draft,
        rgb_u8=sample.rgb_u8,
        depth_counts=sample.depth_counts,
        mask=sample.mask,
        crops=sample.crops,
    )
    progress.accepted(name)


def list_parents(real: DatasetReader) -> dict[str, Parent]:
    """What a child's record says of each sample."""
    return {
        s.name: Parent(dataset=real.root.name, name=s.name, split=s.split, pixels_sha256=s.pixels_sha256)
        for s in real.samples
    }
