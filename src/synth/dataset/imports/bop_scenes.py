"""Where the files of a BOP scene lie: by number, whatever the number of digits, and by sensor."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from synth.dataset.imports.intake import Misfit
from synth.errors import InputError

GT_FILE, CAMERA_FILE, INFO_FILE = "scene_gt.json", "scene_camera.json", "scene_gt_info.json"
_NUMBERS = re.compile(r"([0-9]{1,9})(?:_([0-9]{1,9}))?")
_MAX_SCENES = 1000


@dataclass(frozen=True)
class Scene:
    """One scene as one sensor saw it.

    suffix: what the names of the sensor's files and folders end with, ``_cam1``; empty where a scene has one.
    """

    folder: Path
    suffix: str = ""
    _listed: dict[str, dict[tuple[int, ...], list[str]]] = field(
        default_factory=dict, compare=False, repr=False
    )

    def json_file(self, name: str) -> Path:
        """scene_gt.json, scene_gt_cam1.json, …"""
        return self.folder / f"{Path(name).stem}{self.suffix}.json"

    def kind(self, name: str) -> str:
        """The folder of one kind of picture: rgb, rgb_cam1, …"""
        return f"{name}{self.suffix}"

    def find(self, kind: str, suffixes: Sequence[str], *numbers: int) -> str | None:
        """The file of a picture, or of an object in one, by its numbers; None without any.

        Raises Misfit where two files have these numbers and none is named as BOP names it.
        """
        if kind not in self._listed:
            self._listed[kind] = self._list(kind)
        names = [n for n in self._listed[kind].get(numbers, ()) if Path(n).suffix.lower() in suffixes]
        usual = "_".join(f"{n:06d}" for n in numbers)
        names.sort(key=lambda n: (Path(n).stem != usual, suffixes.index(Path(n).suffix.lower())))
        if not names:
            return None
        stems = {Path(n).stem for n in names}
        if len(stems) > 1 and usual not in stems:
            raise Misfit(f"{kind}/{names[0]}", "named twice", f"{names[1]} has the same number: keep one")
        return f"{self.kind(kind)}/{names[0]}"

    def _list(self, kind: str) -> dict[tuple[int, ...], list[str]]:
        found: dict[tuple[int, ...], list[str]] = {}
        folder = self.folder / self.kind(kind)
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if match := _NUMBERS.fullmatch(path.stem):
                found.setdefault(tuple(int(n) for n in match.groups() if n is not None), []).append(path.name)
        return found


def find_scenes(folder: Path, sensor: str | None) -> list[Scene]:
    """The scenes of a folder, as one sensor saw them. Raises InputError where it is unclear which sensor."""
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}")
    places = [folder] if _is_scene(folder) else [p for p in sorted(_below(folder)) if _is_scene(p)]
    if not places:
        raise InputError(f"{folder} is no BOP scene and holds none: there is no {GT_FILE}")
    if len(places) > _MAX_SCENES:
        raise InputError(
            f"{folder} holds {len(places)} scenes, at most {_MAX_SCENES} are taken: import a part of it"
        )
    sensors = sorted({name for place in places for name in _list_sensors(place)})
    if sensor is not None:
        if sensor not in sensors:
            named = ", ".join(filter(None, sensors))
            there = f"there are {named}" if named else "its files name none, leave --sensor out"
            raise InputError(f"no scene of {folder} has a sensor {sensor!r}: {there}")
    elif len(sensors) > 1 and not all("" in _list_sensors(place) for place in places):
        raise InputError(
            f"{folder} was seen by several sensors ({', '.join(filter(None, sensors))}): choose one, such as "
            f"--sensor {sensors[-1]}"
        )
    chosen = sensor if sensor is not None else sensors[0]  # The one without a name stands first.
    suffix = f"_{chosen}" if chosen else ""
    return [Scene(place, suffix) for place in places if chosen in _list_sensors(place)]


def _below(folder: Path) -> Iterator[Path]:
    return (p for pattern in ("*", "*/*") for p in folder.glob(pattern) if p.is_dir())


def _is_scene(folder: Path) -> bool:
    return bool(_list_sensors(folder))


def _list_sensors(folder: Path) -> set[str]:
    """What follows scene_gt_ in a name that scene_camera_ has too; empty for a scene of one sensor."""
    named = {p.stem.removeprefix("scene_gt_") for p in folder.glob("scene_gt_*.json")}
    cameras = {p.stem.removeprefix("scene_camera_") for p in folder.glob("scene_camera_*.json")}
    return (named & cameras) | ({""} if (folder / GT_FILE).is_file() else set())
