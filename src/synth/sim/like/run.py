"""Imported dataset → plates and appearance → twins and fresh poses → samples on disk."""

import hashlib
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue, ValidationError

from synth.compute.engines import DEFAULT_ENGINE, ENGINES
from synth.compute.progress import Progress
from synth.compute.versions import list_versions
from synth.dataset.info import DatasetInfo, MadeBy
from synth.dataset.reader import DatasetReader
from synth.dataset.store import DatasetWriter
from synth.errors import InputError
from synth.sim.blender import QUALITIES, Blender
from synth.sim.like.appearance import Appearance, measure_appearance
from synth.sim.like.backdrop import Plate, make_plates
from synth.sim.like.objects import Objects, Seen, list_seen, refuse_without_poses
from synth.sim.like.poses import make_fresh, make_twin
from synth.sim.like.studio import LikePhotographer, LikeStudio
from synth.sim.meshes import write_meshes
from synth.sim.plan import FIRST_FRESH, Order, Shares, spread
from synth.sim.run import (
    LOOK_FOLDER,
    WORK_FOLDER,
    Summary,
    check_disk,
    choose_workers,
    list_parents,
    produce,
    write_sample,
)
from synth.sim.scene import Scene
from synth.sim.settings import DEPTH_SCALE_M, PACKAGES, QualityName, find_earlier_run
from synth.storage.atomic import write_bytes

APPEARANCE_FILE = "appearance.json"
_N_MATCHED = 4

Pair = tuple[Scene, NDArray[np.uint8]]


@dataclass(frozen=True)
class LikeSettings:
    """One rendering like an imported dataset. blender, n_workers: as of `RenderSettings`."""

    like: DatasetReader
    out: Path
    shares: Shares
    seed: int = 0
    quality: QualityName = "normal"
    blender: Path | None = None
    n_workers: int | None = None

    def __post_init__(self) -> None:
        if self.n_workers is not None and self.n_workers < 1:
            raise InputError(f"--workers must be 1 or more, got {self.n_workers}")

    @property
    def depth_scale_m(self) -> float:
        """Metres a count of depth/, as in the imported dataset."""
        camera = self.like.info.camera
        return DEPTH_SCALE_M if camera is None or camera.depth_scale_m is None else camera.depth_scale_m


@dataclass(frozen=True, eq=False)
class _Ground:
    """What all scenes share: parts, where they were seen, plates."""

    objects: Objects
    seen: tuple[Seen, ...]
    plates: tuple[Plate, ...]

    @classmethod
    def of(cls, like: DatasetReader) -> "_Ground":
        """Measured on train samples; poses of val samples count too. Raises InputError, DatasetError."""
        objects = Objects.of(like)
        seen = list_seen(like, objects)
        refuse_without_poses(like, seen)
        plates = make_plates(like, [s.sample for s in seen])
        sizes = {plate.sample.size_wh for plate in plates}
        return cls(objects, tuple(s for s in seen if s.camera.size_wh in sizes), tuple(plates))


def count_twinnable(like: DatasetReader) -> int:
    """How many samples can have a twin. Raises InputError for a dataset without models or poses."""
    seen = list_seen(like, Objects.of(like))
    refuse_without_poses(like, seen)
    return len(seen)


def describe_like(settings: LikeSettings) -> DatasetInfo:
    """dataset.json of a rendering; ``made_by.config`` holds everything that a resumed run must share."""
    info = settings.like.info
    used = [s for s in settings.like.samples if s.split != "test"]
    lines = "\n".join(f"{s.name} {s.split} {s.pixels_sha256}" for s in used)
    config: dict[str, JsonValue] = {
        "like": {"samples": len(used), "sha256": hashlib.sha256(lines.encode()).hexdigest()},
        "models": {model.class_name: model.sha256 for model in info.models},
        "shares": asdict(settings.shares),
        "quality": {"name": settings.quality, **asdict(QUALITIES[settings.quality])},
    }
    return DatasetInfo(
        kind="rendered",
        classes=info.classes,
        camera=None
        if info.camera is None
        else info.camera.model_copy(update={"depth_scale_m": settings.depth_scale_m}),
        part=info.part,
        box_kind=info.box_kind,
        made_by=MadeBy(
            verb="render",
            config=config,
            seed=settings.seed,
            versions=list_versions(PACKAGES),
            parents=(settings.like.root.resolve().name,),
            simulated=info.made_by.simulated,
        ),
    )


def count_done(settings: LikeSettings) -> int:
    """How many samples stand in the folder. Raises InputError without Blender or disk space, DatasetError
    when the folder was made otherwise. Writes nothing.
    """
    Blender(settings.out, settings.blender)
    earlier = find_earlier_run(settings.out, describe_like(settings))
    n_done = 0 if earlier is None else len(earlier)
    camera = settings.like.info.camera
    if camera is not None:
        check_disk(settings.out, settings.shares.count - n_done, camera.size_wh)
    return n_done


def render_like(settings: LikeSettings, progress: Progress) -> Summary:
    """Render every scene that the folder does not hold yet; raises as `synth.sim.run.render`."""
    started = time.perf_counter()
    count_done(settings)
    ground = _Ground.of(settings.like)
    with DatasetWriter.create_or_resume(settings.out, describe_like(settings)) as writer:
        for note in writer.notes:
            progress.say(note)
        studio = _make_studio(settings, ground, settings.out / WORK_FOLDER)
        done = writer.done_names()
        saved = settings.out / LOOK_FOLDER / APPEARANCE_FILE
        if saved.is_file():
            appearance = _load_appearance(saved)
        else:
            progress.say("A few train twins first show how bright the parts come out in the photographs.")
            appearance = _match(settings, ground, studio)
            write_bytes(saved, (appearance.model_dump_json(indent=2) + "\n").encode())
        orders = _list_orders(settings, ground, appearance)
        todo = [order for order in orders if order.name not in done]
        progress.begin(total=len(orders), done=len(orders) - len(todo))
        try:
            produce(
                todo,
                replace(studio, appearance=appearance),
                lambda sample: write_sample(sample, writer, progress),
                progress,
                n_workers=choose_workers(settings.n_workers),
            )
        finally:
            progress.end()
        shutil.rmtree(settings.out / WORK_FOLDER, ignore_errors=True)
        return Summary(len(writer.samples), len(todo), time.perf_counter() - started)


def _load_appearance(path: Path) -> Appearance:
    """What an earlier run matched. Raises InputError for a file that says nothing of the kind."""
    try:
        return Appearance.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise InputError(f"{path} is damaged: delete it and the parts are matched again") from error


def _list_orders(settings: LikeSettings, ground: _Ground, appearance: Appearance) -> list[Order]:
    shares, seed = settings.shares, settings.seed
    scenes = [make_twin(s, appearance, seed=seed) for s in spread(ground.seen, shares.twins)]
    if any(int(scene.name) >= FIRST_FRESH for scene in scenes):
        raise InputError(f"samples from {FIRST_FRESH} up have no twins: those names are fresh poses'")
    scenes += [
        make_fresh(ground.seen, i, f"{FIRST_FRESH + i:06d}", ground.objects, appearance, seed=seed)
        for i in range(shares.fresh)
    ]
    return [Order(name=scene.name, scenario=scene.scenario, scene=scene) for scene in scenes]


def _make_studio(settings: LikeSettings, ground: _Ground, folder: Path) -> LikeStudio:
    samples = [s.sample for s in ground.seen]
    return LikeStudio(
        objects=ground.objects,
        plates=ground.plates,
        appearance=measure_appearance(settings.like, samples, tuple(ground.objects.meshes), ground.plates),
        folder=folder,
        quality=QUALITIES[settings.quality],
        depth_scale_m=settings.depth_scale_m,
        parents=list_parents(settings.like),
        blender=settings.blender,
        n_threads=ENGINES[DEFAULT_ENGINE].count_threads(choose_workers(settings.n_workers)),
    )


@dataclass(frozen=True, eq=False)
class _Comparer:
    """Holds twins against photographs; a worker for an engine."""

    studio: LikeStudio

    @contextmanager
    def __call__(self) -> Iterator[Callable[[Pair], tuple[float, ...] | None]]:
        """Open a Blender; what comes out compares one pair after the other."""
        with Blender(self.studio.folder / "meshes", self.studio.blender, None) as blender:
            photographer = LikePhotographer(self.studio, blender)
            yield lambda pair: photographer.compare(*pair)


def _match(settings: LikeSettings, ground: _Ground, studio: LikeStudio) -> Appearance:
    """The appearance with its gain: the middle of what a few train twins ask for, each channel."""
    train = [s for s in ground.seen if s.sample.split == "train"]
    write_meshes(studio.meshes, studio.folder / "meshes")
    pairs = [
        (make_twin(s, studio.appearance, seed=settings.seed), settings.like.load_rgb(s.sample))
        for s in spread(train, min(_N_MATCHED, len(train)))
    ]
    found: list[tuple[float, ...]] = []
    ENGINES[DEFAULT_ENGINE].run_shards(
        pairs, _Comparer(studio), 1, lambda _, ratio: found.append(ratio) if ratio is not None else None
    )
    if not found:
        raise InputError(
            f"in no train sample of {settings.like.root} is a part large enough to tell how bright it is"
        )
    r, g, b = (round(float(v), 4) for v in np.median(found, axis=0))
    return studio.appearance.model_copy(update={"gain_rgb": (r, g, b)})
