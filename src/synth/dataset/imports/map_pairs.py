"""Which label map is of which image, and in which coding the maps are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from synth.dataset.imports.intake import Misfit
from synth.dataset.imports.label_map import read_values
from synth.dataset.palettes.reading import CODINGS
from synth.errors import InputError

_IMAGE_ENDINGS = ("_leftImg8bit",)
_MAP_ENDINGS = ("_labelIds", "_labelTrainIds", "_trainIds", "_color", "_L", "_labels", "_label", "_mask")
_MIDDLES = ("_gtFine", "_gtCoarse")
_OTHER_ENDINGS = ("_instanceIds", "_instanceTrainIds")
_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif")
_LABEL_IDS, _TRAIN_IDS = ("_labelIds",), ("_labelTrainIds", "_trainIds")
_FIRST_LABEL_ID_ALONE, _LAST_LABEL_ID = 19, 33


@dataclass(frozen=True)
class Pairs:
    """Images and their label maps, as paths inside their folders.

    maps: by image. bare: images without one. loose: maps of no image. endings: what the names of the maps
    that are taken end in. left_out: endings of maps that stand beside these.
    """

    maps: Mapping[str, str]
    bare: Sequence[str]
    loose: Sequence[str]
    endings: Sequence[str]
    left_out: Sequence[str]


def pair_up(images: Sequence[str], labels: Path, coding: str) -> Pairs:
    """The label map of every image: at the same place, of the same name, known endings apart.

    Of several of one image those of the coding go first, then those that stand first in the list of endings.
    Raises InputError for a folder without maps, and for two maps of one image that nothing tells apart.
    """
    exact: dict[str, str] = {}
    found: dict[str, dict[str, str]] = {}
    for path in sorted(p for p in labels.rglob("*") if p.suffix.lower() in _SUFFIXES and p.is_file()):
        shown = path.relative_to(labels).as_posix()
        stem = str(PurePosixPath(shown).with_suffix(""))
        if any(part.startswith(".") for part in PurePosixPath(shown).parts) or stem.endswith(_OTHER_ENDINGS):
            continue
        exact[stem] = shown
        key, ending = _cut(stem, _MAP_ENDINGS)
        if (other := found.setdefault(key, {}).setdefault(ending, shown)) != shown:
            raise InputError(f"{labels} has two maps of one image, {other} and {shown}: take one away")
    if not found:
        raise InputError(f"{labels} has no label maps: give the folder of the PNGs that label the images")
    order = _order(coding)
    maps: dict[str, str] = {}
    taken: dict[str, None] = {}
    beside: dict[str, None] = {}
    for image in images:
        stem = str(PurePosixPath(image).with_suffix(""))
        if stem in exact:
            maps[image] = exact[stem]
            taken[_cut(stem, _MAP_ENDINGS)[1]] = None
            continue
        by_ending = found.get(_cut(stem, (*_IMAGE_ENDINGS, *_MAP_ENDINGS))[0])
        if by_ending is None:
            continue
        ending, *rest = sorted(by_ending, key=order.index)
        maps[image] = by_ending[ending]
        taken[ending] = None
        beside |= dict.fromkeys(rest)
    used = set(maps.values())
    keys_used = {key for key, by_ending in found.items() if used & set(by_ending.values())}
    loose = [path for key, by_ending in found.items() if key not in keys_used for path in by_ending.values()]
    return Pairs(maps, [i for i in images if i not in maps], loose, list(taken), list(beside))


def tell_coding(name: str, labels: Path, pairs: Pairs) -> tuple[str, str]:
    """Which of the tables of a name the maps are of, and why; by their names, else by their ids.

    Cityscapes' labelIds go up to 33 and have no 255; trainIds go up to 18, and void is 255. Raises InputError
    where that is not told.
    """
    label_ids, train_ids = CODINGS[name]
    told = {
        e: label_ids if e in _LABEL_IDS else train_ids for e in pairs.endings if e in _LABEL_IDS + _TRAIN_IDS
    }
    if len(set(told.values())) > 1:
        raise InputError(f"{labels} has maps called {' and '.join(told)}: import those of one kind at a time")
    if told:
        return next(iter(told.values())), f"the maps are called {' and '.join(told)}"
    for path in pairs.maps.values():
        try:
            values = read_values(labels / path, path, None)
        except Misfit as misfit:
            raise InputError(f"{misfit}") from misfit
        if values.ndim == 3:
            return label_ids, "the maps are of colours, which both tables share"
        ids = np.flatnonzero(np.bincount(values.ravel()))
        if (ids == 255).any():
            return train_ids, f"{path} has id 255, which labelIds do not"
        if ((ids >= _FIRST_LABEL_ID_ALONE) & (ids <= _LAST_LABEL_ID)).any():
            return label_ids, f"{path} has id {int(ids.max())}, above trainIds' 18"
    raise InputError(
        f"whether the maps of {labels} are labelIds or trainIds cannot be told: none has an id "
        f"above 18 or 255; say --palette {label_ids} or {train_ids}"
    )


def _cut(stem: str, endings: Sequence[str]) -> tuple[str, str]:
    """A name without the first of the endings that it has, and that one; empty where it has none."""
    for ending in endings:
        if stem.endswith(ending):
            stem = stem.removesuffix(ending)
            for middle in _MIDDLES:
                stem = stem.removesuffix(middle)
            return stem, ending
    return stem, ""


def _order(coding: str) -> list[str]:
    first = _TRAIN_IDS if coding.endswith("trainids") else ()
    return [*dict.fromkeys((*first, *_MAP_ENDINGS, ""))]
