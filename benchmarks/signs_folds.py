"""Which photographs of signs_lab train, choose and test in each fold of signs.py."""

import csv
import shutil
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

RECORDINGS = ("G1", "frame", "num4")
"""In which all of the classes below occur, 15 boxes of each."""

HEAD = ("airport", "junction", "no_stopping_and_parking")
TAIL = ("follow_left", "follow_right", "stop")
NONE = ("dangerous_right", "no_parking")
ONE_FILM = (
    *("dangerous_left", "narrows_from_left", "narrows_from_right", "no_bicycle", "no_heavy_truck"),
    *("residential", "roundabout"),
)
GROUPS = {"head": HEAD, "tail": TAIL, "none": NONE}
"""A mirror swaps follow_left and follow_right, so both are in one group: a flip makes one of the other."""

TAIL_PLACES = ((2, 8, 14), (5, 11))
"""Labelled of a tail class's 15 pictures in the first and in the second train recording; 14 is val."""

VAL_FROM = 0.8
"""From here on a class's clip in a train recording is val."""

FILM_PARTS = (("train", 0.5), ("val", 0.6), ("gap", 0.7), ("test", 1.0))
"""Where the parts of a film end that trains and tests."""


@dataclass(frozen=True)
class Fold:
    """tests: the recording; None where each class's only film is cut."""

    name: str
    tests: str | None
    classes: tuple[str, ...]
    flip_pair: str

    @property
    def folder(self) -> str:
        """Its name as a folder."""
        return self.name.replace(" ", "_")

    @property
    def import_words(self) -> tuple[str, ...]:
        """The options of ``synth import``."""
        names = {part: _parts(self, part) for part in ("train", "val", "test")}
        return (
            *("--names", "photographs/classes.txt", "--classes", ",".join(self.classes)),
            *("--group", "photographs/groups.csv", "--flip-pairs", self.flip_pair),
            *(word for part, groups in names.items() for word in (f"--{part}", ",".join(groups))),
        )


SAME_FILM = Fold("same film", None, ONE_FILM, "narrows_from_left=narrows_from_right")
BY_RECORDING = tuple(
    Fold(name, name, (*HEAD, *TAIL, *NONE), "follow_left=follow_right") for name in RECORDINGS
)
FOLDS = (*BY_RECORDING, SAME_FILM)
QUICK_FOLDS = BY_RECORDING[:2]


def _parts(fold: Fold, part: str) -> list[str]:
    """Groups of pictures, as the tables name them."""
    if fold.tests is None:
        return [f"film_{part}"]
    if part == "test":
        return [fold.tests]
    return [f"{name}_{part}" for name in RECORDINGS if name != fold.tests]


@dataclass(frozen=True)
class _Photograph:
    """group: as the tables name it. is_labelled: whether its box is given away."""

    image: str
    group: str
    is_labelled: bool


def write_photographs(data: Path, out: Path, fold: Fold) -> None:
    """A fold's labelled pictures as a YOLO folder, its templates, and regions of its train pictures.

    ::

        images/, labels/, classes.txt   what is labelled, and what tests
        groups.csv                      the part of the fold that each picture is of
        scenes/, regions.csv            pictures of train recordings with their regions without a sign
        templates/                      of the classes of the fold
    """
    shutil.rmtree(out, ignore_errors=True)
    for folder in ("images", "labels", "scenes", "templates"):
        (out / folder).mkdir(parents=True)
    photographs = list(_deal(data, fold))
    groups = {p.image: p.group for p in photographs}
    labelled = [p for p in photographs if p.is_labelled]
    shutil.copy(data / "classes.txt", out)
    for photograph in labelled:
        shutil.copy(data / "images" / photograph.image, out / "images")
        shutil.copy(data / "labels" / Path(photograph.image).with_suffix(".txt"), out / "labels")
    _write_table(out / "groups.csv", [("image", "group"), *((p.image, p.group) for p in labelled)])
    rows: list[tuple[str, ...]] = [("image", "x", "y", "w", "h", "group")]
    with (data / "background_regions.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            group = groups.get(row["image"], "")
            if group.endswith(("_train", "_val")):
                shutil.copy(data / "images" / row["image"], out / "scenes")
                rows.append((f"scenes/{row['image']}", row["x"], row["y"], row["w"], row["h"], group))
    _write_table(out / "regions.csv", rows)
    for path in (data / "templates").iterdir():
        if path.stem.partition("_")[2] in fold.classes:
            shutil.copy(path, out / "templates")


def _deal(data: Path, fold: Fold) -> Iterator[_Photograph]:
    """Every picture of the fold's classes and recordings, class by class in the order of its clip."""
    names = (data / "classes.txt").read_text(encoding="utf-8").split()
    clips: dict[tuple[str, str], list[str]] = defaultdict(list)
    with (data / "session.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            label = (data / "labels" / Path(row["image"]).with_suffix(".txt")).read_text(encoding="utf-8")
            clips[names[int(label.split()[0])], row["session"]].append(row["image"])
    for (name, recording), clip in sorted(clips.items()):
        if name not in fold.classes:
            continue
        for i, image in enumerate(sorted(clip)):
            place = i / len(clip)
            if fold.tests is None:
                part = next(part for part, end in FILM_PARTS if place < end)
                yield _Photograph(image, f"film_{part}", part != "gap")
            elif recording == fold.tests:
                yield _Photograph(image, recording, True)
            else:
                part = "val" if place >= VAL_FROM else "train"
                yield _Photograph(image, f"{recording}_{part}", _is_labelled(fold, name, recording, i))


def _is_labelled(fold: Fold, name: str, recording: str, i: int) -> bool:
    """Whether the box of the i-th picture of a class in a train recording is given away."""
    if name in TAIL:
        training = [r for r in RECORDINGS if r != fold.tests]
        return i in TAIL_PLACES[training.index(recording)]
    return name in HEAD


def _write_table(path: Path, rows: list[tuple[str, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
