"""What `synth status` knows of a translation."""

from synth.dataset.info import MadeBy
from synth.dataset.reader import DatasetReader


class TranslateStage:
    """Goes on while frames of its source are neither translated nor refused."""

    def begin(self) -> str:
        """The command that begins one."""
        return "synth translate"

    def go_on(self, made_by: MadeBy) -> str:
        """The command that a dataset was begun with."""
        return "synth translate"

    def count_planned(self, made_by: MadeBy) -> int | None:
        """How many samples its source has; None where it does not say."""
        source = made_by.config.get("source")
        planned = source.get("samples") if isinstance(source, dict) else None
        return planned if isinstance(planned, int) else None

    def count_done(self, dataset: DatasetReader) -> int:
        """Those translated and those refused, for which nothing is left to do."""
        return len(dataset) + len(dataset.rejections)


STAGE = TranslateStage()
