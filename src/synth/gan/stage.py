"""What `synth status` knows of a translation, and of a painting."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from synth.dataset.info import MadeBy
from synth.dataset.reader import DatasetReader


@dataclass(frozen=True)
class Stage:
    """Goes on while frames of what it begins with are neither made nor refused. command: begins one."""

    folder: Path
    command: str

    def begin(self, folders: Mapping[str, Path]) -> str:
        """The command that begins one."""
        return self.command

    def count_planned(self, made_by: MadeBy) -> int | None:
        """How many samples there are to begin with; None where it does not say."""
        source = made_by.config.get("source")
        planned = source.get("samples") if isinstance(source, dict) else None
        return planned if isinstance(planned, int) else None

    def count_done(self, dataset: DatasetReader) -> int:
        """Those made and those refused, for which nothing is left to do."""
        return len(dataset) + len(dataset.rejections)


STAGE = Stage(Path("data/translated"), "synth translate")
PAINT = Stage(Path("data/painted"), "synth paint")
