"""Where templates are laid: areas of photographs in which nothing of their classes stands.

A folder of photographs is taken as free everywhere, the regions of a table as it says, and a dataset's frames
where nothing is labelled. Which frames train is known of a dataset, and of any photograph whose pixels are
those of a frame of the dataset that signs are to be like: test frames are no scenes, and a val frame is one
of val pictures alone.

A scene is as large as its photograph, so that what learns from it sees signs and grain at the scale of real
ones; beyond the free area it goes on as the area's mirror image.
"""

import csv
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from synth.dataset.codecs import Rgb, pixels_sha256
from synth.dataset.folder import INFO_FILE
from synth.dataset.imports.pictures import SUFFIXES, inside_folder, open_picture, read_size
from synth.dataset.origin import Parent
from synth.dataset.reader import DatasetReader
from synth.dataset.record import Split
from synth.dataset.sample import Sample
from synth.errors import DatasetError, InputError
from synth.sim.furnish import training_split

MIN_SIDE_PX, MIN_SHARE = 64, 0.3
"""Areas that are smaller than this either way, or than this share of their photograph, are left out: mirrored
over and over they would be a pattern."""

FILL = 0.9
"""Of a scene's width and height a sign takes up at most."""

COLUMNS = ("image", "x", "y", "w", "h")
"""Of a table of regions: a picture, beside the table or in images/ there, and whole pixels of its own."""

GROUP = "group"
"""A further column: the recording of which the picture is."""

_TESTS, _COVERED, _SMALL = "of test frames or their recordings", "full of labels", "too small"
"""Why a photograph or a region is left out."""

_STREAM = 6
_MARGIN_PX = 4.0
_MOST_BOXES = 8

Rectangle = tuple[int, int, int, int]


@dataclass(frozen=True)
class SceneArea:
    """A photograph's file and size, and the edges (x0, y0, x1, y1) in pixels of the part that is free.

    name: what records call the photograph. group: its recording, or its own name where none is known. parent:
    the sample or plate that it is, where a dataset knows it. is_simulated: whether that dataset is.
    """

    path: Path
    size_wh: tuple[int, int]
    rectangle: Rectangle
    split: Split
    name: str
    group: str
    parent: Parent | None = None
    is_simulated: bool = False

    @property
    def area_wh(self) -> tuple[int, int]:
        """Width and height of what is free, pixels."""
        x0, y0, x1, y1 = self.rectangle
        return x1 - x0, y1 - y0

    @property
    def is_large(self) -> bool:
        """Whether the free part is large enough to be a scene."""
        sides = zip(self.area_wh, self.size_wh, strict=True)
        return all(side >= max(MIN_SIDE_PX, MIN_SHARE * whole) for side, whole in sides)

    def open(self) -> Rgb:
        """The scene [H,W,3]; raises DatasetError for a picture that does not open."""
        x0, y0, x1, y1 = self.rectangle
        ys, xs = (
            low + np.abs((np.arange(length) - low + n) % (2 * n) - n + 0.5).astype(int)
            for low, n, length in ((y0, y1 - y0, self.size_wh[1]), (x0, x1 - x0, self.size_wh[0]))
        )
        return np.ascontiguousarray(open_picture(self.path).rgb_u8[np.ix_(ys, xs)])

    def room_for(self, aspect: float) -> float:
        """How long the longer side of a sign of this aspect, width over height, may be in here, pixels."""
        width, height = self.size_wh
        return FILL * (min(width, height * aspect) if aspect >= 1 else min(height, width / aspect))


@dataclass(frozen=True)
class Scenes:
    """Where templates may be laid. left_out: how many photographs or regions may not, by the reason why."""

    areas: tuple[SceneArea, ...]
    left_out: Mapping[str, int]


def list_scenes(on: Path, like: DatasetReader | None, *, seed: int) -> Scenes:
    """The areas of a dataset, of a table of regions, or of a folder of photographs; none of a test frame.

    Raises InputError where there are none, DatasetError for a picture that does not open.
    """
    if (on / INFO_FILE).is_file():
        found = list(_of_dataset(DatasetReader(on).refuse_empty(), like, seed))
    elif on.is_file():
        found = list(_of_pictures(_read_regions(on), like, seed))
    elif on.is_dir():
        paths = sorted(p for p in on.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
        found = list(_of_pictures([_Picture(path, str(path.relative_to(on))) for path in paths], like, seed))
    else:
        raise InputError(f"there is no {on}: name a folder of photographs, a CSV of regions, or a dataset")
    areas = [area for area in found if not isinstance(area, str)]
    left_out = Counter(reason for reason in found if isinstance(reason, str))
    if not areas:
        raise InputError(f"{on} has no photograph that may be a scene: {_why_none(on)}")
    large = tuple(a for a in areas if a.is_large)
    if not large:
        width, height = max((a.area_wh for a in areas), key=lambda wh: wh[0] * wh[1])
        raise InputError(
            f"no scene of {on} is large enough: the largest is {width}×{height} px, and a scene has "
            f"{MIN_SIDE_PX} px or more each way, and {MIN_SHARE:g} of its photograph"
        )
    if len(large) < len(areas):
        left_out[_SMALL] = len(areas) - len(large)
    return Scenes(large, left_out)


def digest_scenes(areas: Sequence[SceneArea]) -> str:
    """SHA-256 of which areas of which pictures there are, by name and by size of file, and their splits."""
    lines = "\n".join(f"{a.name} {a.path.stat().st_size} {a.rectangle} {a.split}" for a in areas)
    return hashlib.sha256(lines.encode()).hexdigest()


def free_rectangle(whole: Rectangle, boxes: Sequence[Sequence[float]]) -> Rectangle | None:
    """The largest rectangle of whole pixels within ``whole`` that meets none of the boxes; None for none."""
    x0, y0, x1, y1 = whole
    kept = [
        (box[0] - _MARGIN_PX, box[1] - _MARGIN_PX, box[2] + _MARGIN_PX, box[3] + _MARGIN_PX)
        for box in boxes
        if box[0] < x1 and box[2] > x0 and box[1] < y1 and box[3] > y0
    ]
    if len(kept) > _MOST_BOXES:
        return None
    lefts = sorted({x0, *(min(max(int(-(-b[2] // 1)), x0), x1) for b in kept)})
    rights = sorted({x1, *(max(min(int(b[0] // 1), x1), x0) for b in kept)})
    tops = sorted({y0, *(min(max(int(-(-b[3] // 1)), y0), y1) for b in kept)})
    bottoms = sorted({y1, *(max(min(int(b[1] // 1), y1), y0) for b in kept)})
    free = [
        (left, top, right, bottom)
        for left, top, right, bottom in product(lefts, tops, rights, bottoms)
        if left < right
        and top < bottom
        and not any(b[0] < right and b[2] > left and b[1] < bottom and b[3] > top for b in kept)
    ]
    return max(free, key=lambda r: (r[2] - r[0]) * (r[3] - r[1]), default=None)


def _of_dataset(dataset: DatasetReader, like: DatasetReader | None, seed: int) -> Iterator[SceneArea | str]:
    """Its plates where it has some, else what its labels leave free of its train and val frames; why not, of
    those that are test frames, of ``like`` too.
    """
    root, known = dataset.root, _by_pixels(like)
    for i, plate in enumerate(dataset.plates):
        path = inside_folder(root, plate.image)
        width, height = _size(path)
        if _is_test(known, plate.pixels_sha256):
            yield _TESTS
            continue
        split, parent = training_split(seed, _STREAM, i), dataset.as_parent(plate, "plate")
        yield SceneArea(
            path,
            (width, height),
            (0, 0, width, height),
            split,
            plate.image,
            plate.image,
            parent,
            dataset.info.made_by.simulated,
        )
    if not dataset.plates:
        for sample in dataset.samples:
            if "image" not in sample.layers:
                continue
            if sample.split == "test" or _is_test(known, sample.pixels_sha256):
                yield _TESTS
                continue
            free = free_rectangle((0, 0, *sample.size_wh), [i.box_xyxy_px for i in sample.instances])
            yield (
                _COVERED
                if free is None
                else _of_sample(inside_folder(root, sample.image), free, dataset, sample)
            )


def _by_pixels(like: DatasetReader | None) -> dict[str, Sample]:
    """Frames by their pixels; of equal ones that which tests, so that it is found."""
    frames = () if like is None else sorted(like.samples, key=lambda sample: sample.split == "test")
    return {sample.pixels_sha256: sample for sample in frames}


def _is_test(known: Mapping[str, Sample], sha256: str) -> bool:
    return sha256 in known and known[sha256].split == "test"


def _of_sample(path: Path, free: Rectangle, dataset: DatasetReader, sample: Sample) -> SceneArea:
    """An area of a photograph that is a sample of a dataset."""
    parent = dataset.as_parent(sample, "plate")
    name = str(sample.quality.get("source", sample.image))
    simulated = dataset.info.made_by.simulated
    return SceneArea(path, sample.size_wh, free, sample.split, name, sample.group or name, parent, simulated)


@dataclass(frozen=True)
class _Picture:
    """A photograph, what of it is free if not all, and its recording where a table tells it."""

    path: Path
    name: str
    region: Rectangle | None = None
    group: str | None = None


def _of_pictures(
    pictures: Sequence[_Picture], like: DatasetReader | None, seed: int
) -> Iterator[SceneArea | str]:
    """Areas of photographs, each of the split of the frame that it is, or else of its recording's frames; the
    others are dealt, recordings and pictures as a whole. Why not, of those that may be no scene.
    """
    known = _by_pixels(like)
    sizes = {tuple(sample.size_wh) for sample in known.values()}
    recordings: dict[str, set[Split]] = {}
    for sample in known.values():
        if sample.group is not None:
            recordings.setdefault(sample.group, set()).add(sample.split)
    is_frame: dict[Path, Sample | None] = {}
    numbers: dict[str, int] = {}
    for picture in pictures:
        path, name = picture.path, picture.name
        width, height = _size(path)
        x0, y0, x1, y1 = whole = picture.region or (0, 0, width, height)
        if x1 > width or y1 > height:
            raise InputError(
                f"the region {x0},{y0},{x1 - x0},{y1 - y0} leaves {name}, which is {width}×{height} px"
            )
        if path not in is_frame:
            looked_up = (width, height) in sizes
            is_frame[path] = known.get(pixels_sha256(open_picture(path).rgb_u8)) if looked_up else None
        frame, group = is_frame[path], picture.group or name
        if frame is not None and like is not None:
            free = free_rectangle(whole, [instance.box_xyxy_px for instance in frame.instances])
            if frame.split == "test":
                yield _TESTS
            else:
                yield _COVERED if free is None else _of_sample(path, free, like, frame)
        elif (splits := recordings.get(group)) is not None:
            split: Split = "val" if "val" in splits else "train"
            yield _TESTS if "test" in splits else SceneArea(path, (width, height), whole, split, name, group)
        else:
            split = training_split(seed, _STREAM, numbers.setdefault(group, len(numbers)))
            yield SceneArea(path, (width, height), whole, split, name, group)


def _read_regions(path: Path) -> list[_Picture]:
    """A region a row of a table with the header ``image,x,y,w,h``, and ``group`` where recordings are
    known.
    """
    try:
        rows = list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path} is no table that can be read: {error}") from error
    if not rows or any(column not in rows[0] for column in COLUMNS):
        raise InputError(f"{path} must have the header {','.join(COLUMNS)} and below it a row a region")
    regions = []
    for line, row in enumerate(rows, start=2):
        name = (row["image"] or "").strip()
        try:
            x, y, w, h = (int(row[column]) for column in COLUMNS[1:])
        except (TypeError, ValueError):
            raise InputError(f"{path} line {line}: x, y, w and h are whole pixels") from None
        if not name or min(x, y) < 0 or min(w, h) < 1:
            raise InputError(f"{path} line {line} must name a picture and a region of 1 px or more within it")
        try:
            folder = next((f for f in (path.parent, path.parent / "images") if (f / name).is_file()), None)
        except OSError:  # A name that no file can have.
            folder = None
        if folder is None:
            raise InputError(
                f"{path} line {line}: there is no {name!r:.80} beside the table or in images/ there: "
                "put the table where the pictures are"
            )
        group = (row.get(GROUP) or "").strip() or None
        regions.append(_Picture(inside_folder(folder, name), name, (x, y, x + w, y + h), group))
    return regions


def _size(path: Path) -> tuple[int, int]:
    size = read_size(path)
    if size is None:
        raise DatasetError(f"{path} is not a picture that can be read")
    return size


def _why_none(on: Path) -> str:
    if (on / INFO_FILE).is_file():
        return "test frames are never taken, and of train and val frames only what no label covers"
    return f"pictures end in {', '.join(SUFFIXES)}, and test frames of the --like dataset are never taken"
