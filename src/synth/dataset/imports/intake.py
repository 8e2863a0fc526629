"""What every import does: take pictures over one by one, and keep account of what does not fit."""

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import JsonValue, ValidationError

from synth import __version__
from synth.dataset.classes import ALL_CLASSES, ClassChoice
from synth.dataset.codecs import file_sha256, pixels_sha256
from synth.dataset.imports.pictures import Picture
from synth.dataset.info import DatasetInfo, MadeBy
from synth.dataset.layers import LayerName
from synth.dataset.origin import Origin, Step
from synth.dataset.posed import cut_crops
from synth.dataset.record import SPLITS, Figure, Row4, Split
from synth.dataset.sample import LABEL, NONE_FOUND, Draft, Instance
from synth.dataset.store import DatasetWriter
from synth.errors import InputError
from synth.geometry.boxes import square_inside
from synth.geometry.pinhole import Pinhole
from synth.geometry.se3 import Array

ROUNDING_PX = 1.0
"""How far a box may reach over the edge of its image and be cut there."""

_SIMULATED, _BEGINNING_BYTES = b" images, simulated", 4096
"""What exports of simulated images begin with."""

OnPicture = Callable[[int, int], None]
"""Told how many pictures were looked at, and of how many."""


class Misfit(Exception):
    """One thing of the folder that cannot be taken over.

    where: the file, and what in it. reason: short and countable (``box outside``). detail: the sentence.
    """

    def __init__(self, where: str, reason: str, detail: str) -> None:
        super().__init__(f"{where}: {detail}")
        self.where, self.reason, self.detail = where, reason, detail


@dataclass(frozen=True)
class Note:
    """Something that was changed or is doubtful, and was taken over all the same.

    where: the file, and what in it. text: what is so, worded alike wherever it is, so that it can be counted.
    """

    where: str
    text: str

    def __str__(self) -> str:
        return f"{self.where}: {self.text}"


@dataclass(frozen=True)
class Summary:
    """What an import left behind.

    splits: pictures in each. unlabelled: those of them for which no label was found. emptied: splits whose
    pictures all did not fit.
    """

    n_samples: int
    n_new: int
    n_instances: int
    splits: Mapping[Split, int]
    unlabelled: Mapping[Split, int]
    emptied: Sequence[Split]
    misfits: Sequence[Misfit]
    notes: Sequence[Note]

    @property
    def reasons(self) -> dict[str, int]:
        """Misfits by their reason, the most frequent first."""
        return dict(Counter(m.reason for m in self.misfits).most_common())


@dataclass
class Intake:
    """Takes pictures into a dataset that is being written. A misfit costs its picture, never the import.

    choice: which objects are taken, and what they are called; whoever labels a picture goes by it.

    Misfits stand in rejected/rejected.jsonl too, so that the dataset itself says what is not in it; taken
    over once more, the same folder adds none of them twice. They are written when the import sums up, all at
    once: of a JSON that lists far more pictures than there are, each would cost a turn of the disk.
    """

    writer: DatasetWriter
    choice: ClassChoice = ALL_CLASSES
    misfits: list[Misfit] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    n_new: int = 0

    def __post_init__(self) -> None:
        self._pixels = {s.pixels_sha256: s.name for s in self.writer.samples}
        self._done = self.writer.done_names()
        self._known = {(r.reason, r.detail) for r in self.writer.rejections}
        self._unwritten: list[dict[str, Any]] = []
        self._refused: set[Split] = set()

    def note(self, where: str, text: str) -> None:
        """Keep account of what was taken over otherwise than it stood there."""
        self.notes.append(Note(where, text))

    def refuse(
        self,
        misfit: Misfit,
        name: str | None = None,
        split: Split | None = None,
        *,
        rgb_u8: NDArray[np.uint8] | None = None,
        quality: Mapping[str, Figure] | None = None,
    ) -> None:
        """Keep account of what does not fit; with its picture [H,W,3] and figures where they help."""
        self.misfits.append(misfit)
        if split is not None:
            self._refused.add(split)
        detail = str(misfit)
        if (misfit.reason, detail) in self._known:
            return
        self._known.add((misfit.reason, detail))
        fields: dict[str, Any] = {"reason": misfit.reason, "detail": detail, "name": name, "split": split}
        if rgb_u8 is None:
            self._unwritten.append({**fields, "quality": dict(quality or {})})
        else:
            self.writer.add_rejected(**fields, rgb_u8=rgb_u8, quality=quality)

    def take(
        self,
        *,
        name: str,
        split: Split,
        group: str | None = None,
        shot_id: str | None = None,
        picture: Picture,
        source: str,
        instances: Sequence[Instance],
        mask: NDArray[np.uint16] | None = None,
        alpha_u8: NDArray[np.uint8] | None = None,
        semantic: NDArray[np.uint8] | NDArray[np.uint16] | None = None,
        camera: Pinhole | None = None,
        T_base_cam: Array | None = None,
        ignore: NDArray[np.uint8] | None = None,
        depth_counts: NDArray[np.uint16] | None = None,
        depth_file: Path | None = None,
        quality: Mapping[str, Figure] | None = None,
        is_labelled: bool = True,
    ) -> None:
        """Write one sample.

        source: where its picture came from, as its record says it. is_labelled: whether a label was found, be
        it an empty one; the record says where none was.
        """
        if picture.note:
            self.note(source, picture.note)
        if self.writer.info.box_kind == "square":
            _demand_squares(instances, picture.size_wh, source)
        label: dict[str, Figure] = {} if is_labelled else {LABEL: NONE_FOUND}
        try:
            draft = Draft(
                name=name,
                split=split,
                group=group,
                shot_id=shot_id,
                size_wh=picture.size_wh,
                K=None if camera is None else camera.K.tolist(),
                dist=None if camera is None else np.asarray(camera.dist).tolist(),
                T_base_cam=None if T_base_cam is None else T_base_cam.tolist(),
                instances=tuple(instances),
                origin=Origin(steps=(Step(verb=self.writer.info.made_by.verb),)),
                quality={"source": source, **label, **(quality or {})},
            )
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise Misfit(source, "does not fit", str(first["msg"])) from error
        if name in self._done:
            return
        twin = self._pixels.setdefault(pixels_sha256(picture.rgb_u8), name)
        if twin != name:
            raise Misfit(source, "same picture", f"shows just the pixels of sample {twin}: take it out")
        layers: dict[LayerName, NDArray[Any]] = {"image": picture.rgb_u8}
        files: dict[LayerName, Path | bytes] = {"image": picture.path} if picture.as_it_is else {}
        if depth_counts is not None:
            layers["depth"] = depth_counts
        if depth_file is not None:
            files["depth"] = depth_file
        if mask is not None:
            layers["mask"] = mask
        if alpha_u8 is not None:
            layers["alpha"] = alpha_u8
        if ignore is not None:
            layers["ignore"] = ignore
        if semantic is not None:
            layers["semantic"] = semantic
        self.writer.append(
            draft,
            layers=layers,
            crops=[] if camera is None else cut_crops(draft.instances, picture.rgb_u8, camera),
            files=files,
        )
        self._done.add(name)
        self.n_new += 1

    def sum_up(self) -> Summary:
        """What stands in the dataset now. Raises InputError where nothing does."""
        self.writer.add_refused(self._unwritten)
        self._unwritten = []
        samples = self.writer.samples
        if not samples:
            first: dict[str, Misfit] = {}
            for misfit in self.misfits:
                first.setdefault(misfit.reason, misfit)
            counts = Counter(misfit.reason for misfit in self.misfits)
            named = "".join(f"\n  {reason} ({counts[reason]}): {m}" for reason, m in first.items())
            raise InputError(f"nothing could be imported: {len(self.misfits)} things do not fit{named}")
        return Summary(
            len(samples),
            self.n_new,
            sum(len(s.instances) for s in samples),
            Counter(s.split for s in samples),
            Counter(s.split for s in samples if s.quality.get(LABEL) == NONE_FOUND),
            [split for split in SPLITS if split in self._refused - {s.split for s in samples}],
            tuple(self.misfits),
            tuple(self.notes),
        )


def boxes_of(box_xyxy_px: ArrayLike, size_wh: tuple[int, int], where: str) -> tuple[Row4, Row4 | None]:
    """A tight box that lies in its image, and the 1:1 box around it, moved to where it lies in the image too;
    None where the tight one is longer than the image is wide or high.

    Raises Misfit for a box that is empty, not finite or outside.
    """
    box = np.asarray(box_xyxy_px, dtype=float)
    shown = " ".join(f"{v:.6g}" for v in box)
    size = np.asarray(size_wh, dtype=float)
    if not np.isfinite(box).all():
        raise Misfit(where, "box not finite", f"its box is {shown}")
    if (box[:2] < -ROUNDING_PX).any() or (box[2:] > size + ROUNDING_PX).any():
        raise Misfit(
            where, "box outside", f"its box {shown} leaves the {size_wh[0]}×{size_wh[1]} image: cut it there"
        )
    box = np.clip(box, 0, np.tile(size, 2))
    if (box[2:] - box[:2] <= 0).any():
        raise Misfit(where, "box empty", f"its box is {shown}")
    square = square_inside(box, size_wh)
    return _four(box), None if square is None else _four(square)


def _demand_squares(instances: Sequence[Instance], size_wh: tuple[int, int], where: str) -> None:
    for instance in instances:
        if instance.square_xyxy_px is None:
            shown = " ".join(f"{v:.6g}" for v in instance.box_xyxy_px)
            raise Misfit(
                where,
                "no 1:1 box",
                f"its box {shown} is longer than the {size_wh[0]}×{size_wh[1]} image is high or wide: no 1:1 "
                "box around it lies in the image; without --square the tight box is taken",
            )


def describe_import(
    format_name: str, folder: Path, config: Mapping[str, JsonValue], group: Path | None, choice: ClassChoice
) -> MadeBy:
    """How an imported dataset came to be. Simulated is what an export of synth's says to be so.

    config: what is particular to the format. group: the table of groups, which `read_groups` has read.
    """
    groups: dict[str, JsonValue] = {} if group is None else {"group": file_sha256(group.read_bytes())}
    return MadeBy(
        verb=f"import {format_name}",
        config={"folder": str(folder), **config, **groups, **choice.to_config()},
        versions={"synth-robotics": __version__},
        simulated=_says_simulated(folder),
    )


def _says_simulated(folder: Path) -> bool:
    beside = [base / "dataset_info.md" for base in (folder, folder.parent, folder.parent.parent)]
    places = (folder, *beside, folder / "data.yaml", *folder.glob("annotations/*.json"))
    return any(_SIMULATED in _beginning(path) for path in places if path.is_file())


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_BEGINNING_BYTES)


@contextmanager
def open_import(root: Path, info: DatasetInfo, source: Path) -> Iterator[DatasetWriter]:
    """The writer of an import. A folder that it began and in which nothing came in is taken away again.

    Raises DatasetError for a folder in use or made otherwise, InputError for one inside its source.
    """
    if root.resolve().is_relative_to(source.resolve()) or source.resolve().is_relative_to(root.resolve()):
        raise InputError(f"{root} and {source} lie in one another: choose another --out")
    is_new = not root.exists()
    writer = DatasetWriter.create_or_resume(root, info)
    try:
        with writer:
            yield writer
    except InputError:
        if is_new and not writer.samples:
            shutil.rmtree(root, ignore_errors=True)
        raise


def _four(box: Array) -> Row4:
    x0, y0, x1, y1 = box.tolist()
    return x0, y0, x1, y1
