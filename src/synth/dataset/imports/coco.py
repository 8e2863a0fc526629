"""COCO's instances, as cocodataset.org describes them: boxes and masks in one JSON a split.

``bbox`` is the tight box, x, y, width, height in pixels. Where every object of a picture has a segmentation,
polygons or run lengths, plain or packed, they become its mask. Crowds (``iscrowd``) are left out and noted.
Every object is taken for wholly visible: no label says otherwise. One annotation that cannot be taken costs
its picture, since an object without a label would teach that it is none. A picture whose size is not that of
the JSON is refused: its labels may be of another turn or scale.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from synth.dataset.codecs import file_sha256
from synth.dataset.imports.coco_records import CocoAnnotation, CocoFile, CocoImage, RunLengths, find_files, parse, read_file
from synth.dataset.imports.intake import (
    Intake,
    Misfit,
    OnPicture,
    Summary,
    describe_import,
    open_import,
)
from synth.dataset.imports.labelled import Found, Planned, Shape, check_classes, list_pictures, plan, take_all
from synth.dataset.imports.pictures import Picture
from synth.dataset.rle import decode_rle
from synth.dataset.sample import SPLITS, BoxKind, DatasetInfo, Split
from synth.errors import InputError
from synth.geometry.boxes import Mask
from synth.geometry.polygon import fill_polygon


@dataclass(frozen=True)
class CocoSettings:
    """One import.

    folder: one of the usual layouts, or the JSON itself. images: where the JSON's file names begin; None to
    look. splits: ranges of the pictures' numbers, for a JSON that tells no split.
    """

    folder: Path
    out: Path
    images: Path | None = None
    box_kind: BoxKind = "tight"
    splits: Mapping[Split, str] = field(default_factory=dict)


def import_coco(settings: CocoSettings, on_picture: OnPicture = lambda done, total: None) -> Summary:
    """Take COCO files over; what does not fit is named, picture by picture.

    Raises InputError for what is none of this format or of which nothing fits, DatasetError for an ``out``
    that was made otherwise, StorageError. KeyboardInterrupt leaves whole samples.
    """
    paths = find_files(settings.folder)
    root = settings.folder.parent if settings.folder.is_file() else settings.folder
    files = [read_file(path, root, settings.images) for path in paths]
    ...
