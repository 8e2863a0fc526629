"""Where an export is written: a folder that appears when it is complete, or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from synth.dataset.reader import DatasetReader
from synth.errors import DatasetError, InputError
from synth.storage.atomic import link_file, storage, temp_path
from synth.storage.lock import LOCK_FILE, acquire


@contextmanager
def new_folder(dataset: DatasetReader, out: Path) -> Iterator[Path]:
    """A folder to fill; it becomes ``out`` when the block ends well and vanishes otherwise.

    What an export that was killed left beside ``out`` is removed. Raises InputError when the dataset has no
    samples, when ``out`` is no new or empty folder, or when somebody is writing it; StorageError.
    """
    if not dataset.samples:
        raise InputError(f"{dataset.root} has no samples to export")
    out = Path(os.path.realpath(out))
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} is not an empty folder: choose another --out")
    if out.is_mount() or out == Path.cwd():
        raise InputError(f"{out} is a place of its own (a mount, or this folder): name a folder inside it")
    partial = temp_path(out)
    lock = acquire(partial, create=True, refusal=InputError)
    try:
        with storage(partial):
            _empty(partial)
        yield partial
        with storage(out):
            (partial / LOCK_FILE).unlink()
            partial.replace(out)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    finally:
        os.close(lock)


def link_from(dataset: DatasetReader, path: str, target: Path) -> None:
    """Make ``target`` the dataset's file ``path``: the same file where the disk allows it, else a copy.

    Raises DatasetError when the file is missing or lies outside of the dataset, StorageError.
    """
    source = dataset.root / path
    if not Path(os.path.realpath(source)).is_relative_to(os.path.realpath(dataset.root)):
        raise DatasetError(f"{source} leads out of the dataset folder")
    if not source.is_file():
        raise DatasetError(f"{source} is missing")
    link_file(target, source)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != LOCK_FILE:
            path.unlink()
