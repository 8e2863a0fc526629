"""Names of pictures and of poses: their order, and which are of one view."""

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import PureWindowsPath

from synth.errors import InputError

_ENDING = re.compile(r"\.(png|jpe?g|bmp|tiff?|webp)$", re.IGNORECASE)
_ZEROS = re.compile(r"0*(\d+)")
_NUMBER = re.compile(r"(\d+)")


def in_order(names: Sequence[str]) -> list[int]:
    """Places of names in the order in which people count: 2 before 10."""
    parts = [_NUMBER.split(name) for name in names]
    keys = [[(int(p), "") if p.isdigit() else (-1, p) for p in each] for each in parts]
    return sorted(range(len(names)), key=lambda i: (keys[i], names[i]))


def pair_names(images: Iterable[str], poses: Iterable[str]) -> dict[str, str]:
    """The pose's name by the picture's, of those that are of one view.

    Names are equal, or equal without folder and ending (0007.png and 0007), or without leading zeros (0007
    and 7); the nearest way pairs. Raises InputError where several names could be of one view.
    """
    paired: dict[str, str] = {}
    pictures, rest = list(images), list(poses)
    for simpler in _WAYS:
        by_key = _grouped(pictures, simpler), _grouped(rest, simpler)
        for key in by_key[0].keys() & by_key[1].keys():
            of_images, of_poses = by_key[0][key], by_key[1][key]
            if len(of_images) > 1 or len(of_poses) > 1:
                raise InputError(
                    f"pictures {', '.join(of_images)} and poses {', '.join(of_poses)} have names of one "
                    "view, so which belongs to which is not told: give each pose its picture's name"
                )
            paired[of_images[0]] = of_poses[0]
        pictures = [name for name in pictures if name not in paired]
        used = set(paired.values())
        rest = [name for name in rest if name not in used]
    return paired


def _without_ending(name: str) -> str:
    return _ENDING.sub("", PureWindowsPath(name).name)


def _without_zeros(name: str) -> str:
    return _ZEROS.sub(r"\1", _without_ending(name))


_WAYS: tuple[Callable[[str], str], ...] = (str, _without_ending, _without_zeros)


def _grouped(names: Iterable[str], simpler: Callable[[str], str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(simpler(name), []).append(name)
    return groups
