"""What a dataset folder holds beyond its records, and removing what a killed writer left."""

import re
from collections.abc import Sequence
from pathlib import Path

from synth.dataset.folder import FOLDERS, PLATES_FILE, REJECTED_FILE
from synth.dataset.layers import LAYERS
from synth.dataset.sample import Plate, Rejection, Sample
from synth.errors import DatasetError
from synth.storage.atomic import is_temp, storage

# The numbering scheme of each folder; the first group names the record that a file belongs to.
_SCHEMES = {
    **{layer.folder: rf"(\d{{6,9}})(?:{'|'.join(layer.suffixes)})" for layer in LAYERS.values()},
    "crops": r"(\d{6,9})_\d+\.png",
    "labels": r"(\d{6,9})\.txt",
    "plates": r"(\d{6,9})(?:_depth)?\.png",
    "rejected": rf"(\d{{6,9}})_(?:image\.jpg|(?:{'|'.join(LAYERS)}|crop_\d+)\.png)",
}


def list_unknown(
    root: Path, samples: Sequence[Sample], plates: Sequence[Plate], rejections: Sequence[Rejection]
) -> list[Path]:
    """Files in the dataset's folders that no record names; hidden files count only when they are unfinished
    writes.
    """
    known = {root / PLATES_FILE, root / REJECTED_FILE}
    for hashes in [record.sha256 for records in (samples, plates, rejections) for record in records]:
        known.update(root / path for path in hashes)
    known.update(root / f"labels/{sample.name}.txt" for sample in samples)
    found = [p for folder in FOLDERS if (root / folder).is_dir() for p in (root / folder).rglob("*")]
    found += list(root.glob(".*"))
    return sorted(
        p
        for p in found
        if p not in known
        and not p.is_dir()
        and (is_temp(p.name) or (p.parent != root and not p.name.startswith(".")))
    )


def sweep(
    root: Path, samples: Sequence[Sample], plates: Sequence[Plate], rejections: Sequence[Rejection]
) -> list[str]:
    """Remove the files of one unfinished record and every unfinished write; return what was done, in
    sentences.

    A killed writer leaves files of one record at most: more than that means that a log was lost or edited,
    and is a DatasetError. Files outside the numbering scheme are somebody's own: they stay and are named.
    """
    ours: list[Path] = []
    strangers: list[Path] = []
    owners: set[tuple[str, str]] = set()
    for path in list_unknown(root, samples, plates, rejections):
        folder = path.relative_to(root).parts[0]
        match = re.fullmatch(_SCHEMES[folder], path.name) if path.parent.name in _SCHEMES else None
        if is_temp(path.name):
            ours.append(path)
        elif match:
            ours.append(path)
            log = folder if folder in ("plates", "rejected") else "samples"
            owners.add((log, match.group(1)))
        else:
            strangers.append(path)
    if len(owners) > 1:
        raise DatasetError(
            f"{root} holds files of {len(owners)} records that its .jsonl files lack (first: {ours[0]}): "
            "put the .jsonl files back, or move those files away"
        )
    for path in ours:
        with storage(path):
            path.unlink(missing_ok=True)
    notes = [f"removed {len(ours)} files of a write that was cut off (first: {ours[0]})"] if ours else []
    if strangers:
        notes.append(
            f"left alone {len(strangers)} files that are no part of the dataset (first: {strangers[0]})"
        )
    return notes
