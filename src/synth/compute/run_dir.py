"""The folder of one run: what it was asked for, by which command, one line of figures a tick, one process at
a time.
"""

import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pydantic import JsonValue, TypeAdapter

from synth.errors import InputError
from synth.storage.atomic import LineLog, write_bytes
from synth.storage.command import Command, command_at_work
from synth.storage.difference import list_changes
from synth.storage.lock import acquire

CONFIG_FILE = "config.json"
COMMAND_FILE = "command.json"
STATS_FILE = "stats.jsonl"

_COMMAND: TypeAdapter[Command] = TypeAdapter(Command)


class RunDir:
    """A run's folder, held until it is closed; a context manager. Use create_or_resume.

    is_new: whether this call began the run.
    """

    def __init__(self, root: Path, lock: int, *, is_new: bool) -> None:
        self.root = root
        self.is_new = is_new
        self._lock: int | None = lock
        self._stats = LineLog(root / STATS_FILE)
        self._stats.mend()

    @classmethod
    def create_or_resume(
        cls, root: Path, config: Mapping[str, JsonValue], *, beside: Collection[str] = ()
    ) -> Self:
        """Begin a run in an empty folder, or go on with the one that had the same configuration.

        beside: names of what may stand in the folder before.

        Raises InputError when the folder holds something else, a run of another configuration (the message
        lists every difference) or a run at work; StorageError when the disk refuses.
        """
        lock = acquire(root, create=True)
        try:
            path = root / CONFIG_FILE
            is_new = not path.exists()
            if is_new:
                _refuse_strangers(root, beside)
                write_bytes(path, (json.dumps(config, indent=2) + "\n").encode())
                if (command := command_at_work(root)) is not None:
                    write_bytes(root / COMMAND_FILE, _COMMAND.dump_json(command, indent=2) + b"\n")
            elif changes := list_changes(load_config(root), json.loads(json.dumps(config))):
                lines = "".join(f"\n  {change}" for change in changes)
                raise InputError(
                    f"{root} holds a run with other settings: go back to them or choose another folder{lines}"
                )
            return cls(root, lock, is_new=is_new)
        except BaseException:
            os.close(lock)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def append_stats(self, figures: Mapping[str, JsonValue]) -> None:
        """Add one line to stats.jsonl, durably; ``figures["step"]`` is where the run stands."""
        self._stats.append(json.dumps(dict(figures)))

    def read_stats(self) -> list[dict[str, Any]]:
        """Every tick so far."""
        return read_stats(self.root)

    def truncate_stats(self, step: int) -> None:
        """Forget the ticks after a step: the run goes on from there and will say them again."""
        rows = self.read_stats()
        kept = [json.dumps(row) for row in rows if row["step"] <= step]
        if len(kept) < len(rows):
            self._stats.rewrite(kept)

    def close(self) -> None:
        """Let go of the folder; may be called twice."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def load_config(root: Path) -> dict[str, Any]:
    """config.json of a run's folder; raises InputError when there is none or it cannot be read."""
    path = root / CONFIG_FILE
    try:
        config = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{root} is not the folder of a run: it has no {CONFIG_FILE}") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as JSON: choose another folder") from error
    if not isinstance(config, dict):
        raise InputError(f"{path} is not the configuration of a run: choose another folder")
    return config


def read_stats(root: Path) -> list[dict[str, Any]]:
    """The ticks of a run's folder, also while the run is at work; raises InputError for a damaged line."""
    rows = []
    for number, line in enumerate(LineLog(root / STATS_FILE).read(), start=1):
        try:
            row = json.loads(line)
            row["step"]
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{root / STATS_FILE}:{number} is not a tick of a run") from error
        rows.append(row)
    return rows


def read_command(root: Path) -> Command | None:
    """The command that began a run; None where Python did, or where that cannot be read."""
    try:
        command = _COMMAND.validate_json((root / COMMAND_FILE).read_bytes())
    except (OSError, ValueError):
        return None
    return None if "\0" in (command.typed_in or "") else command


def _refuse_strangers(root: Path, expected: Collection[str]) -> None:
    found = (p.name for p in root.iterdir() if not p.name.startswith("."))
    if strangers := sorted(name for name in found if name not in expected):
        raise InputError(
            f"{root} is not empty and has no {CONFIG_FILE} (found {', '.join(strangers[:3])}): "
            "choose an empty folder"
        )
