"""What `synth status` knows of a translation."""

from collections.abc import Mapping
from pathlib import Path

from synth.dataset.info import MadeBy
from synth.dataset.reader import DatasetReader


class TranslateStage:
    """Goes on while frames of what it translates are neither translated nor refused."""

    folder = Path("data/translated")

    def begin(self, folders: Mapping[str, Path]) -> str:
        """The command that begins one."""
        return "synth translate"

    def count_planned(self, made_by: MadeBy) -> int | None:
        """How many samples there are to translate; None where it does not say."""
        source = made_by.config.get("source")
        planned = source.get("samples") if isinstance(source, dict) else None
        return planned if isinstance(planned, int) else None

    def count_done(self, dataset: DatasetReader) -> int:
        """Those translated and those refused, for which nothing is left to do."""
        return len(dataset) + len(dataset.rejections)


STAGE = TranslateStage()
