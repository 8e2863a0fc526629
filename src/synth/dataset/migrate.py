"""Rewriting a dataset of schema 1 in schema 2: its records alone, no picture and no figure."""

import os
from pathlib import Path

from synth.dataset.folder import (
    INFO_FILE,
    REJECTED_FILE,
    SAMPLES_FILE,
    encode_info,
    read_info,
    read_rejections,
    read_samples,
)
from synth.dataset.info import SCHEMA_VERSION
from synth.errors import DatasetError
from synth.storage.atomic import LineLog, write_bytes
from synth.storage.lock import acquire


def migrate(root: Path) -> bool:
    """Bring a dataset to this schema in place; whether there was anything to do.

    dataset.json comes last and records of schema 2 are read in a folder of schema 1, so that one killed on
    the way is read as before and the same call goes on. Raises DatasetError for a folder that is no dataset,
    is being written, or holds a record that cannot be read, and changes nothing then.
    """
    read_info(root)
    lock = acquire(root, create=False, refusal=DatasetError)
    try:
        info = read_info(root)
        if info.schema_version == SCHEMA_VERSION:
            return False
        samples, rejections = read_samples(root, info), read_rejections(root, info)
        for name, records in ((SAMPLES_FILE, samples), (REJECTED_FILE, rejections)):
            if (root / name).exists():
                LineLog(root / name).rewrite([record.to_line() for record in records])
        newest = info.model_copy(update={"schema_version": SCHEMA_VERSION})
        write_bytes(root / INFO_FILE, encode_info(newest))
        return True
    finally:
        os.close(lock)
