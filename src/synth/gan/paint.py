"""The stage that paints: photographs with label maps in, a painter trained, other maps painted.

::

    runs/paint/              what run.py writes, and
      result.json            which checkpoint paints
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from synth.compute.device import choose_device
from synth.compute.progress import Progress
from synth.compute.run_dir import RunDir
from synth.compute.spread import HERE, Carried, Spread
from synth.compute.threads import use_free_cores
from synth.compute.versions import list_versions
from synth.dataset.folder import refuse_other_kind
from synth.dataset.info import DatasetInfo, MadeBy
from synth.dataset.label_maps import list_labelled
from synth.dataset.leak import LeakGuard
from synth.dataset.leak.acceptance import list_accepted
from synth.dataset.origin import Reading, Step
from synth.dataset.pixel_counts import count_pixels
from synth.dataset.posed import orient_crop
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Rejection, Sample
from synth.dataset.store import DatasetWriter
from synth.errors import InputError
from synth.gan.checkpoint import last_checkpoint, read_method, read_readings, read_simulated
from synth.gan.fit import FitSettings
from synth.gan.keep import KEPT, describe_translated, keep
from synth.gan.learner import learn
from synth.gan.map_painter import Easel, Painting, PaintingWorker, draw_style_seed
from synth.gan.map_pairs import refuse_unknown
from synth.gan.map_reader import LEAST_AGREEMENT, MapReader
from synth.gan.methods import METHODS
from synth.gan.methods.method import Painter
from synth.gan.unread import (
    TOLERANCE,
    MeanLosses,
    list_photographs,
    measure_losses,
    recall_losses,
)
from synth.storage.atomic import write_bytes
from synth.train.trained import find_weights

RESULT_FILE = "result.json"

_PACKAGES = ("synth-robotics", "numpy", "opencv-python", "torch")

MakeProgress = Callable[[str, str], Progress]
"""A progress for a verb and the unit that it counts."""


@dataclass(frozen=True)
class PaintSettings:
    """One painting.

    maps: whose label maps are painted. out: the painted dataset. painter: what one learns, from which
    photographs, whose two looks are one dataset; or the checkpoint of one that paints at once. seed: of the
    styles. device: None for the best there is. reader: a segmenter that reads each painting, its weights or
    the folder of its training; least_agreement: share of a map's pixels that it must read as they are;
    void_unread: photographs by which pixels that it does not read become void (`unread`), None for none.
    spread: where a painter learns and maps are painted.
    """

    maps: DatasetReader
    out: Path
    painter: FitSettings | Path
    seed: int = 0
    device: str | None = None
    reader: Path | None = None
    least_agreement: float = LEAST_AGREEMENT
    void_unread: DatasetReader | None = None
    spread: Spread = HERE

    @property
    def is_simulated(self) -> bool:
        """Whether any device was simulated that took what is painted after."""
        painter = self.painter
        learnt = read_simulated(painter) if isinstance(painter, Path) else painter.is_simulated
        return learnt or self.maps.info.made_by.simulated


@dataclass(frozen=True)
class Painted:
    """What painting left behind: samples in all, refused ones, new ones, seconds a map.

    agreement: of each class, how much of its pixels a reader reads so, the mean over the paintings that show
    it, refused ones too; empty where nobody read them. voided: of each class, how much of its pixels became
    void, the mean over kept paintings that show it; empty where none may.
    """

    n_samples: int
    n_refused: int
    n_new: int
    seconds_per_image: float
    agreement: Mapping[str, float]
    voided: Mapping[str, float]


def paint(settings: PaintSettings, make_progress: MakeProgress) -> Painted:
    """Train a painter if there is none, and paint; or go on with what is there.

    Raises InputError and DatasetError for datasets and checkpoints that do not fit or leak, TrainingDiverged,
    StorageError. KeyboardInterrupt leaves folders whole; the same call goes on.
    """
    _list_maps(settings.maps)
    if settings.void_unread is not None:
        list_photographs(settings.void_unread)
    if isinstance(settings.painter, Path):
        return _paint(settings.painter, settings, make_progress)
    if settings.reader is not None:  # What is wrong with it is said before the training.
        MapReader(settings.reader, settings.painter.settings.classes, settings.device)
    checkpoint = _learn(settings.painter, settings.maps, settings.spread, make_progress)
    return _paint(checkpoint, settings, make_progress)


def _learn(fit: FitSettings, maps: DatasetReader, spread: Spread, make_progress: MakeProgress) -> Path:
    """The checkpoint that paints, at the end of a training."""
    say = make_progress("paint", "maps").say
    refuse_unmapped(fit.real)
    refuse_unknown(maps, fit.settings)
    _refuse_leaks(fit.real, maps, say)
    if fit.earlier is not None:
        fit.earlier.refuse_leaks([fit.real, maps])
        n = len({(r.dataset, name) for r in fit.earlier.readings for name in r.names})
        say(f"Goes on from {fit.earlier.state.parent}, which has learnt from {n} photographs.")
    RunDir.create_or_resume(fit.out, (fit := replace(fit, readings=_list_readings(fit))).to_config()).close()
    device = choose_device(fit.device)
    use_free_cores(device, fit.out)
    for sentence in (*fit.settings.describe(), *_describe_unshown(fit.real)):
        say(sentence)
    learn(fit, make_progress("train", "steps"), spread)
    checkpoint = last_checkpoint(fit.out)
    told = {"checkpoint": str(checkpoint.relative_to(fit.out)), "why": "the last one"}
    write_bytes(fit.out / RESULT_FILE, (json.dumps(told, indent=2) + "\n").encode())
    return checkpoint


def _paint(checkpoint: Path, settings: PaintSettings, make_progress: MakeProgress) -> Painted:
    device = choose_device(settings.device)
    use_free_cores(device)
    painter = METHODS[read_method(checkpoint)]().load(checkpoint, "sim2real", device)
    if not isinstance(painter, Painter):
        raise InputError(f"{checkpoint} translates pictures: synth translate --checkpoint {checkpoint}")
    maps, todo = settings.maps, _list_maps(settings.maps)
    refuse_unknown(maps, painter.settings)
    refuse_other_kind(settings.out, "painted")
    classes = painter.settings.classes
    reader = None if settings.reader is None else MapReader(settings.reader, classes, settings.device)
    info, means = _describe(painter, checkpoint, settings, reader), None
    if reader is not None and settings.void_unread is not None:
        means = _find_means(reader, settings.void_unread, painter, settings.out, info, make_progress)
        info = info.model_copy(
            update={"made_by": info.made_by.model_copy(update={"figures": means.to_figures()})}
        )
    progress, seconds = make_progress("paint", "maps"), 0.0
    with DatasetWriter.create_or_resume(settings.out, info) as writer:
        writer.add_models(maps.meshes)
        done = writer.done_names() | {refused.name for refused in writer.rejections}
        left = [sample for sample in todo if sample.name not in done]
        progress.begin(total=len(todo), done=len(todo) - len(left))

        def write(sample: Sample, painting: Painting) -> None:
            nonlocal seconds
            seconds += painting.seconds
            _write(writer, settings, painter, sample, painting, progress)

        easel = Easel(maps, settings.seed, settings.least_agreement, means)

        def hire(device: str) -> PaintingWorker:
            reads = None if settings.reader is None else Carried.of(find_weights(settings.reader))
            return PaintingWorker(easel, device, Carried.of(checkpoint), reads)

        make = partial(easel.paint, painter, reader)
        try:
            settings.spread.run(left, make, hire, write, device, progress)
        finally:
            progress.end()
        return Painted(
            n_samples=len(writer.samples),
            n_refused=len(writer.rejections),
            n_new=len(left),
            seconds_per_image=seconds / max(len(left), 1),
            agreement=_average("read", [*writer.samples, *writer.rejections], classes),
            voided=_average("void", writer.samples, classes),
        )


def _write(
    writer: DatasetWriter,
    settings: PaintSettings,
    painter: Painter,
    sample: Sample,
    painting: Painting,
    progress: Progress,
) -> None:
    """A painting, or where too little of it is read as its map says, its refusal."""
    quality = {key: sample.quality[key] for key in KEPT if key in sample.quality} | painting.quality
    timing = {"paint_s": painting.seconds}
    if painting.agreement is not None and painting.agreement < settings.least_agreement:
        detail = (
            f"{painting.agreement:.0%} of its map is read as it says, at least "
            f"{settings.least_agreement:.0%} must be"
        )
        writer.add_rejected(
            reason="not read",
            detail=detail,
            name=sample.name,
            split=sample.split,
            rgb_u8=painting.rgb_u8,
            quality=quality,
            timing=timing,
        )
        progress.left_out(sample.name, detail)
        return
    semantic, steps = None, [_describe_step(painter, draw_style_seed(settings.seed, sample.name))]
    if painting.unread is not None:
        semantic = _make_void(settings.maps, sample, painting.unread)
        steps.append(Step(verb="void", method="unread", params={"tolerance": TOLERANCE}))
    keep(
        writer,
        settings.maps,
        _orient_crops(sample),
        painting.rgb_u8,
        steps,
        used=("labels",),
        semantic=semantic,
        quality=quality,
        timing=timing,
    )
    progress.accepted(sample.name)


def _find_means(
    reader: MapReader,
    photos: DatasetReader,
    painter: Painter,
    out: Path,
    info: DatasetInfo,
    make_progress: MakeProgress,
) -> MeanLosses:
    """Those that a dataset that is gone on with was begun by, else measured anew."""
    refuse_unknown(photos, painter.settings)
    progress, classes = make_progress("read", "photographs"), painter.settings.classes
    means = recall_losses(out, info.made_by.config) or measure_losses(reader, photos, classes, progress)
    if unseen := [name for name in classes if name not in means.by_class]:
        progress.say(f"No photograph of {photos.root} shows {', '.join(unseen)}: none of it becomes void.")
    return means


def _orient_crops(sample: Sample) -> Sample:
    """With what is needed to cut crops of its picture, which a map without one has none of."""
    if (camera := sample.camera) is None:
        return sample
    return sample.model_copy(update={"instances": tuple(orient_crop(i, camera) for i in sample.instances)})


def _make_void(
    maps: DatasetReader, sample: Sample, unread: NDArray[np.bool_]
) -> NDArray[np.unsignedinteger[Any]]:
    """The map [H,W] of a sample, void where it is unread."""
    ids, semantic = maps.load_semantic(sample), maps.info.semantic
    assert ids is not None
    assert semantic is not None
    return np.where(unread, ids.dtype.type(semantic.void), ids)


def _average(
    figure: Literal["read", "void"], frames: Sequence[Sample | Rejection], classes: Sequence[str]
) -> dict[str, float]:
    """Of each class that has such a figure, the mean over frames."""
    found = {name: [f.quality.get(f"{figure} {name}") for f in frames] for name in classes}
    known = {name: [float(v) for v in values if v is not None] for name, values in found.items()}
    return {name: sum(values) / len(values) for name, values in known.items() if values}


def _list_maps(maps: DatasetReader) -> tuple[Sample, ...]:
    """Samples with a label map; raises InputError where there is none."""
    found = tuple(sample for sample in maps.samples if "semantic" in sample.layers)
    if maps.info.semantic is None or not found:
        raise InputError(
            f"{maps.root} has no label maps to paint: synth import semantic reads some, "
            "synth render --maps-only makes some"
        )
    return found


def refuse_unmapped(photos: DatasetReader) -> None:
    """Raises InputError for photographs without label maps."""
    if photos.info.semantic is None or not list_labelled(photos.of_split("train")):
        raise InputError(
            f"{photos.root} has no train pictures with label maps, from which painting is learnt: "
            "synth import semantic reads pictures with label maps"
        )


def _refuse_leaks(photos: DatasetReader, maps: DatasetReader, say: Callable[[str], None]) -> None:
    """Raises DatasetError that names every test image of either dataset found among what trains."""
    datasets = [photos] if maps.root.resolve() == photos.root.resolve() else [photos, maps]
    guard, trains = LeakGuard.of(datasets), photos.of_split("train")
    guard.check(photos, trains)
    for sentence in list_accepted(datasets):
        say(sentence)
    say(f"No test image among {len(trains)} train photographs ({len(guard)} test images compared).")


def _describe_unshown(photos: DatasetReader) -> list[str]:
    """A sentence where classes have no pixel in any train photograph, so that nobody learns their look."""
    assert photos.info.semantic is not None
    counts = count_pixels(photos)["train"]
    unshown = [name for name, n in zip(photos.info.semantic.names, counts, strict=False) if not n]
    if not unshown:
        return []
    return [f"No train photograph of {photos.root} shows {', '.join(unshown)}: how that looks is not learnt."]


def _list_readings(fit: FitSettings) -> tuple[Reading, ...]:
    """What the painter learns from."""
    samples = list_labelled(fit.real.of_split("train"))
    reads = METHODS[fit.method]().reads
    there = [what for what in reads if what != "mask" or "mask" in fit.settings.list_layers()]
    before = () if fit.earlier is None else fit.earlier.readings
    return tuple(dict.fromkeys((*before, *fit.real.trace_readings(samples, *there))))


def _describe_step(painter: Painter, seed: int) -> Step:
    return Step(
        verb="paint",
        method=painter.identity.method,
        checkpoint_sha256=painter.identity.sha256,
        seed=seed,
    )


def _describe(
    painter: Painter, checkpoint: Path, settings: PaintSettings, reader: MapReader | None
) -> DatasetInfo:
    """dataset.json: what a resumed run must share is in ``made_by.config``."""
    maps, readings = settings.maps, read_readings(checkpoint)
    config: dict[str, JsonValue] = {
        "method": painter.identity.method,
        "checkpoint_sha256": painter.identity.sha256,
        "source": {"dataset": maps.name, "samples": len(_list_maps(maps)), "sha256": maps.digest()},
        "seed": settings.seed,
    }
    own = [r.model_copy(update={"checkpoint_sha256": painter.identity.sha256}) for r in readings]
    if reader is not None:
        config |= {"reader_sha256": reader.sha256, "least_agreement": settings.least_agreement}
        own += [r.model_copy(update={"role": "chosen"}) for r in reader.readings]
    if (photos := settings.void_unread) is not None:
        samples = list_photographs(photos)
        config["void_unread"] = {
            "tolerance": TOLERANCE,
            "photographs": {
                "dataset": photos.name,
                "samples": len(samples),
                "sha256": photos.digest(["train", "val"]),
            },
        }
        own += photos.trace_readings(samples, "pixels", "labels", role="chosen")
    return describe_translated(
        maps,
        MadeBy(
            verb="paint",
            config=config,
            seed=settings.seed,
            versions=list_versions(_PACKAGES),
            parents=tuple(dict.fromkeys((maps.name, *(reading.dataset for reading in readings)))),
            readings=(*maps.info.made_by.readings, *own),
            simulated=settings.is_simulated,
        ),
        kind="painted",
    )
