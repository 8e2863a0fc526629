"""Which samples somebody looked at and kept, and why: a file of lines, no part of any dataset."""

import json
from datetime import UTC, datetime
from pathlib import Path

from synth.dataset.sample import Sample
from synth.errors import InputError
from synth.storage.atomic import LineLog


class Verdicts:
    """Raises InputError for a file that holds other lines."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._log = LineLog(path)
        try:
            lines = [json.loads(line) for line in self._log.read()]
            self._kept = {
                (line["dataset"], line["name"], line["pixels_sha256"]): line["why"] for line in lines
            }
        except (ValueError, KeyError, TypeError):
            raise InputError(
                f"{path} holds other lines than verdicts: name another file with --kept"
            ) from None

    def why_kept(self, dataset: str, name: str, sample: Sample) -> str | None:
        """The reason; None for a sample that was not kept, or whose pixels are others since."""
        return self._kept.get((dataset, name, sample.pixels_sha256))

    def keep(self, dataset: str, name: str, sample: Sample, why: str) -> None:
        """Add a line. Raises StorageError."""
        self._log.mend()
        line = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "dataset": dataset,
            "name": name,
            "pixels_sha256": sample.pixels_sha256,
            "why": why,
        }
        self._log.append(json.dumps(line))
        self._kept[dataset, name, sample.pixels_sha256] = why
