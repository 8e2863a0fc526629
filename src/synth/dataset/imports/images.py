"""Plain photographs of one part, labelled by its colour alone: no poses, no normals.

The largest blob of the colour is the part; its edge is refined as in capture, and its mask gives the tight
and the 1:1 box. A picture without a clear single blob that lies inside of it is refused: with none, with one
at the picture's border, which shows how the part is cut off or that the bench has the colour too, and with
two of like size.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np

from synth.cell.model import Label as ColourRange
from synth.dataset.choices import BoxKind
from synth.dataset.classes import ALL_CLASSES
from synth.dataset.colour_filter import colour_mask, largest_component, refine_edge
from synth.dataset.imports.intake import (
    Intake,
    Misfit,
    OnPicture,
    Summary,
    describe_import,
    open_import,
)
from synth.dataset.imports.labelled import (
    Found,
    Shape,
    check_classes,
    list_pictures,
    plan,
    say_dealt,
    split_by_folder,
    take_all,
)
from synth.dataset.imports.pictures import Picture
from synth.dataset.info import DatasetInfo
from synth.dataset.record import SPLITS, Split
from synth.dataset.sample import Sample
from synth.errors import InputError
from synth.geometry.boxes import box_iou, tight_box, touches_border

MIN_SIDE_PX = 12
"""A blob whose box is shorter than this on both sides is a speck."""
RIVAL_SHARE = 0.5
"""A second blob of this share of the largest one's area makes it doubtful which of them is the part."""
STANDING_IOU, MIN_TO_STAND = 0.9, 5
"""From which overlap on a box counts as standing still, and in how many pictures that is said."""


@dataclass(frozen=True)
class ImagesSettings:
    """One import.

    colour: of the part, HSV. splits: numbers or groups of pictures, where folders tell no splits. group: a
    table of pictures and groups.
    """

    folder: Path
    out: Path
    colour: ColourRange
    class_name: str
    box_kind: BoxKind = "tight"
    splits: Mapping[Split, str] = field(default_factory=dict)
    group: Path | None = None


def import_images(settings: ImagesSettings, on_picture: OnPicture = lambda done, total: None) -> Summary:
    """Take photographs over; what does not fit is named, picture by picture.

    Raises InputError for a folder without pictures or of which nothing fits, DatasetError for an ``out`` that
    was made otherwise, StorageError. KeyboardInterrupt leaves whole samples.
    """
    if not settings.folder.is_dir():
        raise InputError(f"there is no folder {settings.folder}")
    pictures, misfits = list_pictures(settings.folder)
    if not pictures:
        also = f"; of other files first {misfits[0]}: convert them" if misfits else ""
        raise InputError(f"{settings.folder} has no pictures that can be read{also}")
    (class_name,) = check_classes([settings.class_name], "give another --name")
    found = [Found(path, split_by_folder(path)) for path in pictures]
    planned = plan(found, settings.splits, settings.group, lambda path: [class_name])
    info = DatasetInfo(
        kind="imported",
        classes=(class_name,),
        box_kind=settings.box_kind,
        made_by=describe_import(
            "images",
            settings.folder,
            {
                "colour": settings.colour.model_dump(),
                "splits": {split: settings.splits.get(split) for split in SPLITS},
            },
            settings.group,
            ALL_CLASSES,
        ),
    )
    with open_import(settings.out, info, settings.folder) as writer:
        intake = Intake(writer)
        if text := say_dealt(found, settings.splits, settings.group):
            intake.note(str(settings.folder), text)
        for misfit in misfits:
            intake.refuse(misfit)
        take_all(
            intake,
            settings.folder,
            planned,
            lambda entry, picture: [find_part(picture, settings.colour, class_name, entry.path)],
            on_picture,
        )
        if _stands_still(writer.samples):
            intake.note(
                str(settings.folder),
                "the blob of that colour lies at the same place in nearly every picture: if the part moves, "
                "it is likely the bench that has the colour; synth dataset sheet shows it",
            )
        return intake.sum_up()


def _stands_still(samples: Sequence[Sample]) -> bool:
    """Whether the boxes of most pictures that follow one another are nearly equal."""
    boxes = [np.asarray(sample.instances[0].box_xyxy_px) for sample in samples]
    alike = [box_iou(a, b) >= STANDING_IOU for a, b in pairwise(boxes)]
    return len(boxes) >= MIN_TO_STAND and 2 * sum(alike) > len(alike)


def find_part(picture: Picture, colour: ColourRange, class_name: str, where: str) -> Shape:
    """The blob of the part's colour. Raises Misfit where there is none, or where it is doubtful."""
    found = colour_mask(picture.rgb_u8, colour)
    rough = largest_component(found)
    box = tight_box(rough)
    if box is None or (box[2:] - box[:2]).max() < MIN_SIDE_PX:
        share = 100 * found.mean()
        raise Misfit(
            where, "no blob", f"{share:.2g} % of it has the part's colour, nowhere {MIN_SIDE_PX} pixels wide"
        )
    rival = largest_component(found & ~rough).sum() / rough.sum()
    if rival >= RIVAL_SHARE:
        raise Misfit(
            where, "two blobs", f"has a second blob of the part's colour, {100 * rival:.0f} % of the largest"
        )
    mask = refine_edge(picture.rgb_u8, rough)
    box = tight_box(mask)
    if box is None:
        raise Misfit(where, "no blob", "its blob of the part's colour has no clear edge")
    if touches_border(mask):
        raise Misfit(where, "at the border", "its blob of the part's colour reaches the picture's border")
    return Shape(where, class_name, box.tolist(), lambda: mask)


def parse_hsv(text: str) -> ColourRange:
    """``h_min,h_max,s_min,s_max,v_min,v_max`` as a range, OpenCV's scale; raises InputError."""
    keys = ("h_min", "h_max", "s_min", "s_max", "v_min", "v_max")
    try:
        numbers = [int(word) for word in text.split(",")]
        return ColourRange(**dict(zip(keys, numbers, strict=True)))
    except ValueError:
        raise InputError(
            f"--hsv must be {','.join(keys)}, whole numbers, h up to 179, s and v up to 255, no minimum of s "
            f"or v above its maximum, got {text!r:.60}"
        ) from None
