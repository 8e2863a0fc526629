"""Images and label maps in folders, ids or colours value for value, with the table that reads them again.

``images/NAME.png`` and ``labels/NAME.png``, ``classes.json`` (a palette as ``synth import semantic`` reads
it), ``splits.csv`` and, where samples have groups, ``groups.csv``. Images are hard links to the dataset's
where the disk allows it.
"""

import csv
import io
import json
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synth.dataset import codecs
from synth.dataset.choices import MapCoding
from synth.dataset.exports.folder import link_from, new_folder
from synth.dataset.info import Colour, SemanticInfo
from synth.dataset.palettes.palette import Palette, Row, call
from synth.dataset.reader import DatasetReader
from synth.errors import InputError
from synth.storage.atomic import write_bytes

_BLACK: Colour = (0, 0, 0)


def export_semantic(
    dataset: DatasetReader, out: Path, *, coding: MapCoding = "ids", palette: Palette | None = None
) -> Path:
    """Write the folder and return it.

    palette: by whose ids or colours maps are written; the dataset's own if None. Raises InputError where a
    sample has no label map, a class no value of its own in the palette, or ``out`` holds anything;
    DatasetError for a file that is missing or cannot be read, StorageError.
    """
    semantic = dataset.info.semantic
    bare = [sample.name for sample in dataset if "semantic" not in sample.layers]
    if semantic is None or len(bare) == len(dataset):
        raise InputError(f"{dataset.root} has no label maps: export it as coco or yolo")
    if bare:
        raise InputError(
            f"{len(bare)} of {len(dataset)} samples of {dataset.root} have no label map, the first of them "
            f"{bare[0]}: synth dataset reject takes samples out"
        )
    palette = _own(semantic) if palette is None else palette
    table = _values(semantic, palette, coding)
    with new_folder(dataset, out) as folder:
        for sample in dataset:
            ids = dataset.load_semantic(sample)
            assert ids is not None
            write_bytes(folder / f"labels/{sample.name}.png", _encode(table[ids]))
            if "image" in sample.layers:
                link_from(dataset, sample.image, folder / "images" / PurePosixPath(sample.image).name)
        write_bytes(folder / "classes.json", _say_classes(semantic, palette).encode())
        sources = [str(s.quality.get("source", "")) for s in dataset]
        splits = [(s.name, s.split, source) for s, source in zip(dataset, sources, strict=True)]
        write_bytes(folder / "splits.csv", _say_table(("image", "split", "source"), splits))
        if groups := [(s.name, s.group) for s in dataset if s.group is not None]:
            write_bytes(folder / "groups.csv", _say_table(("image", "group"), groups))
    return out


def _own(semantic: SemanticInfo) -> Palette:
    """The dataset's own ids and colours; void is black where no class is."""
    rows = [
        Row(name, i, colour)
        for i, (name, colour) in enumerate(zip(semantic.names, semantic.colours, strict=True))
    ]
    black = None if _BLACK in semantic.colours else _BLACK
    return Palette("the dataset", (*rows, Row(None, semantic.void, black)))


def _values(semantic: SemanticInfo, palette: Palette, coding: MapCoding) -> NDArray[Any]:
    """What each id of the dataset is written as: [void + 1] or, of colours, [void + 1,3]."""
    if unknown := [name for name in semantic.names if name not in palette.names]:
        raise InputError(
            f"{palette.called} has no class {unknown[0]!r}, which the dataset has: its classes are "
            f"{', '.join(palette.names)}"
        )
    ids = [palette.first[name].id for name in semantic.names]
    if coding == "ids":
        highest = max(*ids, palette.void_id)
        table = np.zeros(semantic.void + 1, np.uint8 if highest <= 255 else np.uint16)
        table[: len(ids)] = ids
        table[semantic.void] = palette.void_id
        return table
    colours = np.zeros((semantic.void + 1, 3), np.uint8)
    for i, name in enumerate(semantic.names):
        colours[i] = _colour(palette, name)
    if None in palette.first or _BLACK in palette.colours:
        colours[semantic.void] = _colour(palette, None)
    return colours


def _colour(palette: Palette, name: str | None) -> Colour:
    """The first of its colours; raises InputError where it has none of its own."""
    row = palette.first.get(name)
    if row is None or row.colour is None:
        raise InputError(f"{palette.called} has no colour of {call([name])}: write ids, or give it one")
    if len(sharing := palette.colours[row.colour]) > 1:
        shown = " ".join(map(str, row.colour))
        raise InputError(f"{call(sharing)} share the colour {shown} in {palette.called}: write ids")
    return row.colour


def _encode(values: NDArray[Any]) -> bytes:
    return codecs.encode_rgb(values) if values.ndim == 3 else codecs.encode_semantic(values)


def _say_classes(semantic: SemanticInfo, palette: Palette) -> str:
    rows = [
        *(palette.first[name] for name in semantic.names),
        Row(None, palette.void_id, _void_colour(palette)),
    ]
    classes = [
        {"name": "void" if row.name is None else row.name, "id": row.id}
        | ({} if row.colour is None else {"colour": list(row.colour)})
        for row in rows
    ]
    return json.dumps({"classes": classes}, indent=1) + "\n"


def _void_colour(palette: Palette) -> Colour | None:
    row = palette.first.get(None)
    if row is not None:
        return row.colour
    return None if _BLACK in palette.colours else _BLACK


def _say_table(header: tuple[str, ...], rows: list[tuple[Any, ...]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue().encode()
