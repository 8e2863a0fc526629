"""Which pictures of CamVid train, choose and test in each fold of streets.py."""

import csv
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

DRIVES = ("0001TP", "0006R0", "0016E5")
A_SECOND = 30
"""Numbers of pictures a second of a drive."""

VAL_FROM, GAP_S = 0.8, 10
"""The last fifth of a drive's time is val; what lies in the seconds before it is left out."""

N_UNUSED = 2
"""Train pictures of the published split that are val, as ``synth train`` wants some; they choose nothing."""


@dataclass(frozen=True)
class Fold:
    """tests: the drive; None for the pictures that are published as val. val: the drive whose end is val."""

    name: str
    tests: str | None
    val: str

    @property
    def folder(self) -> str:
        """Its name as a folder."""
        return self.name.replace(" ", "_")

    @property
    def n_checks(self) -> int:
        """How often a training looks at val pictures: once, at the end, where they are to choose nothing."""
        return 1 if self.tests is None else 6


PUBLISHED = Fold("published", None, "0016E5")
BY_DRIVE = tuple(Fold(f"drive {d}", d, "0006R0" if d == "0016E5" else "0016E5") for d in DRIVES)
FOLDS = (PUBLISHED, *BY_DRIVE)


def deal(fold: Fold, published: Mapping[str, str]) -> dict[str, str]:
    """The split of each picture of a fold by its name, DRIVE_NUMBER; what is left out is not there.

    published: of every picture of CamVid, ``train`` or ``val``.
    """
    if fold.tests is None:
        own = {name: "test" if split == "val" else "train" for name, split in published.items()}
        last = sorted(name for name in own if name.startswith(fold.val))[-N_UNUSED:]
        return own | dict.fromkeys(last, "val")
    splits: dict[str, str] = {}
    for drive in DRIVES:
        names = thin([name for name in published if name.startswith(drive)])
        if drive == fold.tests:
            splits |= dict.fromkeys(names, "test")
            continue
        begin, end = number_of(names[0]), number_of(names[-1])
        val_from = begin + VAL_FROM * (end - begin) if drive == fold.val else end + 1
        train_to = val_from - GAP_S * A_SECOND if drive == fold.val else val_from
        for name in names:
            if number_of(name) >= val_from:
                splits[name] = "val"
            elif number_of(name) < train_to:
                splits[name] = "train"
    return splits


def thin(names: Sequence[str]) -> list[str]:
    """One picture a second: of 0016E5 6.7 seconds are labelled fifteen times a second, all else once."""
    kept: list[str] = []
    for name in sorted(names, key=number_of):
        if not kept or number_of(name) >= number_of(kept[-1]) + A_SECOND - 1:
            kept.append(name)
    return kept


def number_of(name: str) -> int:
    """Of a picture within its drive."""
    return int(name.partition("_")[2].lstrip("f"))


def write_pictures(camvid: Path, out: Path, fold: Fold) -> None:
    """A fold's pictures and label maps, and splits.csv for ``synth import semantic --by``."""
    with (camvid / "split.csv").open(encoding="utf-8") as file:
        splits = deal(fold, {row["image"]: row["source_split"] for row in csv.DictReader(file)})
    shutil.rmtree(out, ignore_errors=True)
    for folder, suffix in (("images", ".jpg"), ("labels", ".png")):
        (out / folder).mkdir(parents=True)
        for name in splits:
            shutil.copy(camvid / folder / f"{name}{suffix}", out / folder)
    rows = ["image,split", *(f"{name},{split}" for name, split in sorted(splits.items()))]
    (out / "splits.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
