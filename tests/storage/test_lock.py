"""Who holds a folder is told to whoever has to wait."""

import os
from pathlib import Path

import pytest

from synth.errors import InputError
from synth.storage.lock import LOCK_FILE, acquire, find_writer


def test_the_writer_is_named_with_its_machine_where_that_is_another(tmp_path: Path) -> None:
    """A number alone would name a process of this machine that has nothing to do with it."""
    lock = acquire(tmp_path, create=True)
    assert find_writer(tmp_path) == str(os.getpid())
    (tmp_path / LOCK_FILE).write_text("4711 node-b\n")
    with pytest.raises(InputError, match="is being written by process 4711 on node-b: wait for it to end"):
        acquire(tmp_path, create=False)
    os.close(lock)
    assert find_writer(tmp_path) is None
