"""Translations that another program made (a diffusion model, a game engine), matched by name with samples.

They get the labels of the samples that they were made of, and are measured as `synth translate` measures its
own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import cv2
import numpy as np
from pydantic import JsonValue

from synth.compute.versions import list_versions
from synth.dataset.codecs import Rgb, pixels_sha256
from synth.dataset.folder import refuse_other_kind
from synth.dataset.imports.intake import Intake, Misfit, OnPicture, Summary, open_import
from synth.dataset.imports.labelled import list_pictures
from synth.dataset.imports.pictures import Picture, inside_folder, open_picture
from synth.dataset.info import DatasetInfo, MadeBy
from synth.dataset.leak import LeakGuard
from synth.dataset.origin import REAL_KINDS, Reading, Step
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.errors import DatasetError, InputError
from synth.gan.inputs import list_trainable
from synth.gan.keep import describe_translated, keep, list_figures
from synth.gan.sample_layers import SampleLayers
from synth.witness.drift import DriftLimits, FrameDrift, measure_drift
from synth.witness.drift_figure import draw_drift
from synth.witness.drift_log import DriftLog

if TYPE_CHECKING:  # It takes torch, which following outlines does not need.
    from synth.witness.witness import Witness

VERB = "import translated"
MOVED = ("part lost", "edge lost", "edge drift", "box drift")
"""Causes of which many together say that pictures and samples do not belong together."""

_MOST_NAMED = 4
_PACKAGES = ("synth-robotics", "numpy", "opencv-python")


@dataclass(frozen=True)
class ElsewhereSettings:
    """One import.

    folder: of the pictures, each named as its sample. source: the dataset that they were made of. real: whose
    look they have; none of its test images may come in. by: what made them, as the user calls it. witness: a
    file of one, of a run of `synth translate`; None to follow outlines alone. limits: artefacts are counted
    and refuse nothing, since what else a picture shows is that program's own affair.
    """

    folder: Path
    source: Path
    out: Path
    real: Path | None = None
    by: str | None = None
    witness: Path | None = None
    limits: DriftLimits = field(default_factory=lambda: DriftLimits(artefacts=None))


def import_translated(
    settings: ElsewhereSettings, on_picture: OnPicture = lambda done, total: None
) -> Summary:
    """Take the pictures over; what does not fit is named, picture by picture.

    Raises InputError for a folder of which nothing fits, DatasetError for a dataset whose training images
    show test images and for an ``out`` that was made otherwise, StorageError. KeyboardInterrupt leaves whole
    samples; the same call goes on.
    """
    source = DatasetReader(settings.source, "synth render").refuse_empty()
    reals = () if settings.real is None else (DatasetReader(settings.real, "synth capture"),)
    refuse_other_kind(settings.out, "translated")
    if not settings.folder.is_dir():
        raise InputError(f"there is no folder {settings.folder}")
    pictures, misfits = list_pictures(settings.folder)
    matches = _Matches(source, pictures)
    matches.demand_some(settings.folder)
    guard = LeakGuard.of([source, *reals])
    guard.check(source, [s for s in list_trainable(source) if s.name in matches.by_name])
    witness = None if settings.witness is None else _load_witness(settings.witness)
    with open_import(settings.out, _describe(settings, source), settings.folder) as writer:
        writer.add_models(source.meshes)
        intake = Intake(writer)
        for misfit in (*misfits, *matches.list_misfits()):
            intake.refuse(misfit)
        log = DriftLog(settings.out / "drift.jsonl")
        taking = _Taking(settings, source, reals, guard, witness, intake, log)
        todo = [(sample, matches.by_name[sample.name]) for sample in matches.once]
        for i, (sample, (path,)) in enumerate(todo):
            on_picture(i, len(todo))
            if sample.name not in writer.done_names():
                try:
                    taking.take(sample, path)
                except Misfit as misfit:
                    intake.refuse(misfit, sample.name, sample.split)
        taking.add_notes(matches)
        summary = intake.sum_up()
        error, sway = (None, None) if witness is None else (witness.error, witness.sway)
        draw_drift(log.frames, settings.limits, error, sway, settings.out / "drift.png")
        return summary


class _Matches:
    """Which picture belongs to which sample: those whose name, without its ending, is the sample's."""

    def __init__(self, source: DatasetReader, pictures: Sequence[str]) -> None:
        self._source = source
        self._pictures = pictures
        self.by_name: dict[str, list[str]] = {}
        for path in pictures:
            self.by_name.setdefault(PurePosixPath(path).stem, []).append(path)

    @cached_property
    def once(self) -> list[Sample]:
        """Samples with one picture."""
        return [s for s in self._source if len(self.by_name.get(s.name, ())) == 1]

    @cached_property
    def missing(self) -> list[str]:
        """Names of samples without a picture."""
        return [s.name for s in self._source if s.name not in self.by_name]

    def demand_some(self, folder: Path) -> None:
        """Raise InputError where no picture has the name of a sample."""
        if not self._pictures:
            raise InputError(f"{folder} has no pictures")
        if len(self.missing) == len(self._source):
            raise InputError(
                f"no picture of {folder} has the name of a sample of {self._source.root}: they are called "
                f"{_name_some(self._pictures)}, and the samples {_name_some(self.missing)}; call each "
                "picture as the sample that it was made of"
            )

    def list_misfits(self) -> Iterator[Misfit]:
        """Pictures without a sample, and those of which two would be one's."""
        known = {sample.name for sample in self._source}
        for name, paths in self.by_name.items():
            for path in paths:
                if name not in known:
                    yield Misfit(path, "no sample", f"{self._source.root} has no sample {name}")
                elif len(paths) > 1:
                    other = next(p for p in paths if p != path)
                    yield Misfit(path, "two pictures", f"has the name of sample {name}, and so has {other}")


@dataclass
class _Taking:
    """Judges pictures one by one and writes those whose labels hold."""

    settings: ElsewhereSettings
    source: DatasetReader
    reals: Sequence[DatasetReader]
    guard: LeakGuard
    witness: "Witness | None"
    intake: Intake
    log: DriftLog
    n_judged: int = 0
    n_moved: int = 0
    n_unmeasured: int = 0
    n_odd: int = 0

    def __post_init__(self) -> None:
        self._shown = {
            sample.pixels_sha256: f"sample {sample.name} of {dataset.root}"
            for dataset in (*self.reals, self.source)
            for sample in dataset
        }
        self._taken = {s.pixels_sha256: s.name for s in self.intake.writer.samples}

    def take(self, sample: Sample, path: str) -> None:
        """Write one sample; raises Misfit for a picture that is none of its translations."""
        picture = _open(self.settings.folder, path)
        translated_u8 = _fit(picture, sample, path)
        pixels = pixels_sha256(translated_u8)
        self._refuse_known(translated_u8, pixels, sample, path)
        rgb_u8, layers = self.source.load_rgb(sample), SampleLayers(self.source, sample)
        drift = measure_drift(rgb_u8, translated_u8, layers.get("mask"), sample.instances, self.witness)
        self.log.add(sample.name, drift)
        quality = list_figures(sample, drift)
        self._count(drift)
        if reasons := drift.verdict(self.settings.limits):
            misfit = Misfit(path, reasons[0].short, "; ".join(r.detail for r in reasons))
            self.n_moved += misfit.reason in MOVED
            self.intake.refuse(misfit, sample.name, sample.split, rgb_u8=translated_u8, quality=quality)
            return
        is_resized = translated_u8 is not picture.rgb_u8
        size: dict[str, JsonValue] = {"resized_from_wh": list(picture.size_wh)} if is_resized else {}
        keep(
            self.intake.writer,
            self.source,
            sample,
            translated_u8,
            [Step(verb=VERB, method=self.settings.by, params={"file": path, **size})],
            quality=quality,
            file=picture.path if picture.as_it_is and not is_resized else None,
        )
        self._taken[pixels] = sample.name
        self.intake.n_new += 1
        if picture.note:
            self.intake.note(path, picture.note)
        if is_resized:
            width, height = picture.size_wh
            self.intake.note(path, f"resized from {width}×{height} to its sample's size")

    def add_notes(self, matches: _Matches) -> None:
        """What is said once, of all pictures together."""
        folder = str(self.settings.folder)
        if matches.missing:
            count = f"{len(matches.missing)} of {len(self.source)}"
            self.intake.note(
                folder,
                f"has no picture of {count} samples of {self.source.root}: {_name_some(matches.missing)}",
            )
        if self.n_unmeasured:
            self.intake.note(
                folder,
                f"{self.n_unmeasured} pictures have parts with too little outline or no mask to follow, "
                "whose drift is not known: look at them with synth dataset sheet",
            )
        if self.n_odd:
            self.intake.note(
                folder,
                f"{self.n_odd} pictures show blobs, specks or stripes that no change of look explains: their "
                "records count them (drift_droplets, drift_spikes, drift_stripes)",
            )
        if 2 * self.n_moved > self.n_judged:
            self.intake.note(
                folder,
                f"{self.n_moved} of {self.n_judged} pictures do not show parts where their samples do: "
                "perhaps they were cropped, or stand in another order than their names say",
            )

    def _refuse_known(self, translated_u8: Rgb, pixels: str, sample: Sample, path: str) -> None:
        if pixels == sample.pixels_sha256:
            raise Misfit(path, "not translated", f"shows just the pixels of its sample {sample.name}")
        if (known := self._shown.get(pixels)) is not None:
            raise Misfit(path, "other sample", f"shows just the pixels of {known}: it is no translation")
        if (twin := self._taken.get(pixels)) is not None:
            raise Misfit(path, "same picture", f"shows just the pixels of the picture of sample {twin}")
        if sample.split != "test" and (shown := self.guard.find_shown(translated_u8)) is not None:
            raise Misfit(path, "test image", f"shows test image {shown[0]} ({shown[1]}) and would train")

    def _count(self, drift: FrameDrift) -> None:
        self.n_judged += 1
        self.n_odd += drift.artefacts.total > 0
        is_seen = [
            p.witness_box_px is not None or (p.edge and p.edge.box_px is not None) for p in drift.parts
        ]
        self.n_unmeasured += not all(is_seen)


def _load_witness(path: Path) -> "Witness":
    from synth.compute.device import choose_device
    from synth.witness.witness import load_witness

    return load_witness(path, choose_device("cpu"))


def _open(folder: Path, path: str) -> Picture:
    try:
        return open_picture(inside_folder(folder, path))
    except DatasetError as error:
        raise Misfit(path, "unreadable", str(error)) from error


def _fit(picture: Picture, sample: Sample, path: str) -> Rgb:
    """The picture at its sample's size; raises Misfit where that would stretch or crop it."""
    (width, height), (wanted_w, wanted_h) = picture.size_wh, sample.size_wh
    if (width, height) == (wanted_w, wanted_h):
        return picture.rgb_u8
    if abs(width * wanted_h / wanted_w - height) >= 1:
        raise Misfit(
            path,
            "wrong size",
            f"has {width}×{height} pixels, its sample {wanted_w}×{wanted_h}, which is another shape: make it "
            "at the sample's size",
        )
    way = cv2.INTER_AREA if width > wanted_w else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture.rgb_u8, (wanted_w, wanted_h), interpolation=way), dtype=np.uint8)


def _describe(settings: ElsewhereSettings, source: DatasetReader) -> DatasetInfo:
    """dataset.json; what that program has learnt from is not known, and is recorded so."""
    by = settings.by or "another program"
    config: dict[str, JsonValue] = {
        "folder": str(settings.folder),
        "by": settings.by,
        "direction": "real2sim" if source.info.kind in REAL_KINDS else "sim2real",
        "source": {"dataset": source.name, "sha256": source.digest()},
        "witness": None if settings.witness is None else str(settings.witness),
        "drift_limits": asdict(settings.limits),
    }
    return describe_translated(
        source,
        MadeBy(
            verb=VERB,
            config=config,
            versions=list_versions(_PACKAGES),
            parents=(source.name,),
            readings=(*source.info.made_by.readings, Reading(dataset=by, names=())),
            simulated=source.info.made_by.simulated,
        ),
    )


def _name_some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
