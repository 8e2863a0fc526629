"""The drift of every translated frame on disk, one line a frame, refused ones included."""

import json
from dataclasses import asdict
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from synth.errors import DatasetError
from synth.storage.atomic import LineLog
from synth.witness.drift import FrameDrift

_DRIFT: TypeAdapter[FrameDrift] = TypeAdapter(FrameDrift)


class DriftLog:
    """drift.jsonl of a translated dataset, beside its samples. A frame translated again replaces its line."""

    def __init__(self, path: Path) -> None:
        self._log = LineLog(path)
        if path.parent.is_dir():
            self._log.mend()
        self._frames: dict[str, FrameDrift] = {}
        try:
            for line in self._log.read():
                row = json.loads(line)
                self._frames[row.pop("name")] = _DRIFT.validate_python(row)
        except (ValueError, KeyError, AttributeError, ValidationError) as error:
            raise DatasetError(f"{path} holds a line that is no frame's drift: delete the dataset") from error

    @property
    def frames(self) -> list[FrameDrift]:
        """Of every frame so far."""
        return list(self._frames.values())

    def add(self, name: str, drift: FrameDrift) -> None:
        """Keep a frame's drift durably; raises StorageError."""
        self._frames[name] = drift
        self._log.append(json.dumps({"name": name} | asdict(drift)))
