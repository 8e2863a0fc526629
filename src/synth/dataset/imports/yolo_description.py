"""What describes a YOLO folder: a data.yaml, under any name, or darknet's obj.data with its obj.names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from synth.dataset.imports.yolo_paths import read_lines, seek
from synth.dataset.record import SPLITS, Split
from synth.errors import InputError

GIVE_NAMES = "give --names first,second,… or a text file with a name a line"
CLASS_FILES = ("classes.txt", "labels/classes.txt", "obj.names")


@dataclass(frozen=True)
class Description:
    """path: where its entries begin, as it says; empty where it does not say it. entries: folders of pictures
    and lists of them, by split. names: of the classes from number 0 on; empty where it tells none.
    """

    path: str
    entries: Mapping[Split, Sequence[str]]
    names: Sequence[str]


def parse_names(text: str) -> tuple[str, ...]:
    """``cup,lid``, or a text file (.txt, .names) with a name a line; raises InputError."""
    file = Path(text)
    if file.suffix.lower() not in (".txt", ".names"):
        return tuple(name.strip() for name in text.split(","))
    if not file.is_file():
        raise InputError(f"there is no {file}, which --names says to have a name a line")
    return tuple(read_lines(file))


def find_description(folder: Path) -> Path | None:
    """The data.yaml of a folder, else its only other YAML that has names and splits, else its only
    ``*.data``.

    Raises InputError where there are several.
    """
    if (folder / "data.yaml").is_file():
        return folder / "data.yaml"
    yamls = [path for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]) if _describes(path)]
    for files in (yamls, sorted(folder.glob("*.data"))):
        if len(files) > 1:
            named = ", ".join(file.name for file in files)
            raise InputError(f"{folder} has several files that could describe it ({named}): give one of them")
        if files:
            return files[0]
    return None


def _describes(path: Path) -> bool:
    try:
        data = _load(path)
    except InputError:
        return False
    return isinstance(data, dict) and "names" in data and any(data.get(split) for split in SPLITS)


def read_description(file: Path, given: Sequence[str]) -> Description:
    """What a file says. given: names of the classes that count instead of its own.

    Raises InputError for one that cannot be read, is of another task, or names no pictures.
    """
    data: Any = _read_darknet(file) if file.suffix == ".data" else _load(file)
    if not isinstance(data, dict):
        raise InputError(f"{file} must map train, val, test and names")
    if "kpt_shape" in data:
        raise InputError(f"{file} describes key points (kpt_shape), which are not taken over")
    entries = {split: _texts(data[split]) for split in SPLITS if data.get(split)}
    if not entries:
        raise InputError(f"{file} names no pictures: it has none of {', '.join(SPLITS)}")
    return Description(str(data.get("path") or ""), entries, given or _names(data, file))


def _load(file: Path) -> Any:
    try:
        return yaml.safe_load(file.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        raise InputError(f"{file} is not YAML in UTF-8: save it in UTF-8") from None
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise InputError(f"{file} is not YAML that can be read: {str(error)[:200]}") from error


def _read_darknet(file: Path) -> dict[str, Any]:
    """``key = value`` lines, as CVAT and darknet write them."""
    pairs = (line.partition("=") for line in read_lines(file) if not line.startswith("#"))
    data: dict[str, Any] = {key.strip(): value.strip() for key, _, value in pairs}
    names = seek(file.parent, data.pop("names", ""))
    listed = read_lines(file.parent / names.path) if names else []
    return data | {"val": data.get("valid") or data.get("val"), "names": listed, "nc": data.get("classes")}


def _texts(entry: Any) -> list[str]:
    return [str(e) for e in entry] if isinstance(entry, list) else [str(entry)]


def _names(data: dict[str, Any], file: Path) -> list[str]:
    names = data.get("names")
    if not names:
        return []
    if isinstance(names, dict):
        numbered = {_number(key): name for key, name in names.items()}
        if set(numbered) != set(range(len(names))):
            raise InputError(f"{file}: names must be numbered from 0 without gaps, or {GIVE_NAMES}")
        names = [numbered[i] for i in range(len(names))]
    if not isinstance(names, list) or not all(type(name) in (str, int, float) for name in names):
        raise InputError(
            f"{file}: names must be a list of names, in quotes where they are yes or no; or {GIVE_NAMES}"
        )
    n_told = data.get("nc")
    if n_told is not None and _number(n_told) != len(names):
        count = "1 name" if len(names) == 1 else f"{len(names)} names"
        told = "classes =" if file.suffix == ".data" else "nc:"
        raise InputError(
            f"{file} has {count}, but says {told} {n_told!s:.20}: correct the one that is wrong, or "
            f"{GIVE_NAMES}"
        )
    return [str(name) for name in names]


def _number(key: Any) -> int | None:
    """0 of 0, "0", 0.0 and "0.0"."""
    try:
        return int(number) if (number := float(key)).is_integer() else None
    except (TypeError, ValueError, OverflowError):
        return None
