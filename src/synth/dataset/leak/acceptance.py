"""Films that cannot be split otherwise: near copies of test images that train all the same, and why."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from synth.dataset.folder import INFO_FILE, encode_info, read_info, refuse_older
from synth.dataset.reader import DatasetReader
from synth.errors import DatasetError, InputError
from synth.storage.atomic import write_bytes
from synth.storage.lock import acquire


def accept_near_copies(root: Path, because: str) -> None:
    """Let near copies of a dataset's test images train from now on; copies are refused as before.

    because: the reason, which stands in dataset.json and is said with every training. Raises InputError for
    an empty one, DatasetError for a folder that is no dataset, of an older schema or being written.
    """
    if not (because := " ".join(because.split())):
        raise InputError("--because is empty: say why near copies of test images may train")
    read_info(root)
    lock = acquire(root, create=False, refusal=DatasetError)
    try:
        info = read_info(root)
        refuse_older(root, info)
        accepting = info.model_copy(update={"near_copies_accepted": because})
        write_bytes(root / INFO_FILE, encode_info(accepting))
    finally:
        os.close(lock)


def list_accepted(datasets: Iterable[DatasetReader]) -> Iterator[str]:
    """A sentence for each dataset that accepts near copies of its test images."""
    for dataset in datasets:
        if (because := dataset.info.near_copies_accepted) is not None:
            yield (
                f"Near copies of test images of {dataset.root} may train, so that figures may be too good: "
                f"{because}"
            )
