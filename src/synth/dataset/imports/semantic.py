"""Images with label maps: which class every pixel is of, by ids or by colours, value for value.

Every map is looked at before anything is written: a map that cannot be right, as one of another size or with
a value that is neither class nor void, says that the palette or the folder is wrong, and nothing is imported.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from synth.dataset.classes import ClassChoice, Pair
from synth.dataset.imports.intake import (
    Intake,
    Misfit,
    OnPicture,
    Summary,
    describe_import,
    open_import,
)
from synth.dataset.imports.label_map import contradicts_own_colours, read_map
from synth.dataset.imports.labelled import (
    Found,
    Planned,
    list_pictures,
    open_inside,
    plan,
    say_dealt,
    split_by_folder,
)
from synth.dataset.imports.map_pairs import Pairs, pair_up, tell_coding
from synth.dataset.imports.pictures import read_size
from synth.dataset.info import DatasetInfo
from synth.dataset.palettes.palette import Palette
from synth.dataset.palettes.reading import CODINGS, load_palette
from synth.dataset.record import SPLITS, Split
from synth.dataset.table import call_by_path, read_splits
from synth.errors import InputError


@dataclass(frozen=True)
class SemanticSettings:
    """One import.

    palette: by name or from a file. void: an id or the name of a class that is void besides. by: a table of
    images and splits. splits, group: as every import has them. only_labelled: whether images without a map
    are left out.
    """

    images: Path
    labels: Path
    out: Path
    palette: str
    void: str | None = None
    by: Path | None = None
    splits: Mapping[Split, str] = field(default_factory=dict)
    group: Path | None = None
    flip_pairs: tuple[Pair, ...] | None = None
    only_labelled: bool = False


def import_semantic(settings: SemanticSettings, on_picture: OnPicture = lambda done, total: None) -> Summary:
    """Take images and label maps over. Of an image that cannot be read nothing comes in, and it is named.

    Raises InputError for folders without images or maps, an image without a map, a palette that cannot be
    read, and for maps of another size, kind or palette, before anything is written; DatasetError for an
    ``out`` that was made otherwise, StorageError. KeyboardInterrupt leaves whole samples.
    """
    pictures, misfits = _list_images(settings)
    pairs = pair_up(pictures, settings.labels, settings.palette)
    _demand_maps(pairs, settings)
    named, why = settings.palette, ""
    if named in CODINGS:
        named, why = tell_coding(named, settings.labels, pairs)
    palette = load_palette(named, settings.void)
    found = [Found(path, split_by_folder(path)) for path in pairs.maps]
    if settings.by is not None:
        told = read_splits(settings.by, {f.path: call_by_path(f.path) for f in found})
        found = [Found(f.path, told[f.path]) for f in found]
    planned = plan(
        found, settings.splits, settings.group, lambda path: palette.names, is_told=settings.by is not None
    )
    choice = ClassChoice(flip_pairs=settings.flip_pairs)
    info = DatasetInfo(
        kind="imported",
        classes=(),
        semantic=palette.semantic,
        flip_pairs=choice.choose_pairs((), (), palette.names),
        made_by=describe_import(
            "semantic",
            settings.images,
            {
                "labels": str(settings.labels),
                "palette": named,
                "palette_sha256": hashlib.sha256(repr(palette.rows).encode()).hexdigest(),
                "splits": {split: settings.splits.get(split) for split in SPLITS},
                "by": None if settings.by is None else hashlib.sha256(settings.by.read_bytes()).hexdigest(),
            },
            settings.group,
            choice,
        ),
    )
    if settings.out.resolve().is_relative_to(settings.labels.resolve()):
        raise InputError(f"{settings.out} lies in {settings.labels}: choose another --out")
    # Twice as many turns as images: each is looked at, then taken.
    _look_at_all(planned, pairs, palette, settings, lambda i, n: on_picture(i, 2 * n))
    with open_import(settings.out, info, settings.images) as writer:
        intake = Intake(writer)
        dealt = "" if settings.by is not None else say_dealt(found, settings.splits, settings.group)
        for where, text in _list_notes(settings, pairs, palette, why, dealt):
            intake.note(where, text)
        for misfit in misfits:
            intake.refuse(misfit)
        _take_all(intake, planned, pairs, palette, settings, lambda i, n: on_picture(n + i, 2 * n))
        return intake.sum_up()


def _list_images(settings: SemanticSettings) -> tuple[list[str], list[Misfit]]:
    for folder in (settings.images, settings.labels):
        if not folder.is_dir():
            raise InputError(f"there is no folder {folder}")
    images, labels = settings.images.resolve(), settings.labels.resolve()
    if images == labels:
        raise InputError(f"images and label maps are both {images}: put the maps into a folder of their own")
    pictures, misfits = list_pictures(settings.images)
    if labels.is_relative_to(images):
        inside = labels.relative_to(images).as_posix() + "/"
        pictures = [path for path in pictures if not path.startswith(inside)]
        misfits = [misfit for misfit in misfits if not misfit.where.startswith(inside)]
    if not pictures:
        raise InputError(f"{settings.images} has no images that can be read: give the folder of the images")
    return pictures, misfits


def _demand_maps(pairs: Pairs, settings: SemanticSettings) -> None:
    n_images = len(pairs.maps) + len(pairs.bare)
    if not pairs.maps:
        raise InputError(
            f"no image of {settings.images} has a map in {settings.labels}, whose first is "
            f"{pairs.loose[0]}: the map of train/a.jpg is train/a.png there"
        )
    if pairs.bare and not settings.only_labelled:
        raise InputError(
            f"{len(pairs.bare)} of {n_images} images have no label map in {settings.labels}, the "
            f"first of them {pairs.bare[0]}: add their maps, or say --only-labelled to leave them out"
        )


def _list_notes(
    settings: SemanticSettings, pairs: Pairs, palette: Palette, why: str, dealt: str
) -> Sequence[tuple[str, str]]:
    """What was decided or left out, each with where."""
    labels = str(settings.labels)
    notes = [(labels, f"{palette.called}, since {why}")] if why else []
    first = next(iter(pairs.maps.values()))
    if contradicts_own_colours(settings.labels / first, palette):
        notes.append(
            (
                first,
                f"draws most ids in other colours than {palette.called} has: its ids are taken, but "
                "look at a sheet, since it may be the palette of other maps",
            )
        )
    if pairs.left_out:
        taken, beside = (
            " and ".join(e or "nothing" for e in some) for some in (pairs.endings, pairs.left_out)
        )
        notes.append((labels, f"maps called {taken} are taken, not those called {beside} beside them"))
    if pairs.bare:
        notes += [(path, "without a label map, left out") for path in pairs.bare]
    notes += [(path, "a label map of no image, left out") for path in pairs.loose]
    return [*notes, *([(str(settings.images), dealt)] if dealt else [])]


def _look_at_all(
    planned: Sequence[Planned],
    pairs: Pairs,
    palette: Palette,
    settings: SemanticSettings,
    on_picture: Callable[[int, int], None],
) -> None:
    """Raises InputError with the first map that cannot be right, and how many more there are."""
    first: Misfit | None = None
    n_wrong = 0
    for i, entry in enumerate(planned):
        on_picture(i, len(planned))
        size_wh = read_size(settings.images / entry.path)
        if size_wh is None:
            continue
        path = pairs.maps[entry.path]
        try:
            read_map(settings.labels / path, str(settings.labels / path), palette, size_wh)
        except Misfit as misfit:
            first = first or misfit
            n_wrong += 1
    if first is not None:
        more = f" ({n_wrong} of {len(planned)} maps cannot be taken)" if n_wrong > 1 else ""
        raise InputError(f"{first}{more}")


def _take_all(
    intake: Intake,
    planned: Sequence[Planned],
    pairs: Pairs,
    palette: Palette,
    settings: SemanticSettings,
    on_picture: Callable[[int, int], None],
) -> None:
    done = intake.writer.done_names()
    for i, entry in enumerate(planned):
        on_picture(i, len(planned))
        if entry.name in done:
            continue
        path = pairs.maps[entry.path]
        try:
            picture = open_inside(settings.images, entry.path)
            intake.take(
                name=entry.name,
                split=entry.split,
                group=entry.group,
                picture=picture,
                source=entry.path,
                instances=[],
                semantic=read_map(settings.labels / path, path, palette, picture.size_wh),
            )
        except Misfit as misfit:
            intake.refuse(misfit, entry.name, entry.split)
