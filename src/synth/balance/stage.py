"""What `synth status` knows of balanced label maps."""

from collections.abc import Mapping
from pathlib import Path

from synth.balance.verdict import REPORT_FILE
from synth.dataset.info import MadeBy
from synth.dataset.reader import DatasetReader


class BalanceStage:
    """Finished where its report stands, since nobody knows beforehand how many maps are needed."""

    folder = Path("data/balanced")

    def begin(self, folders: Mapping[str, Path]) -> None:
        """None: which classes are rare, and shall be less so, only a person says."""

    def count_planned(self, made_by: MadeBy) -> int | None:
        """How many maps it makes at most; None where it does not say."""
        source, count = made_by.config.get("source"), made_by.config.get("count")
        most = source.get("samples") if count is None and isinstance(source, dict) else count
        return most if isinstance(most, int) else None

    def count_done(self, dataset: DatasetReader) -> int:
        """All of them, where it is finished: it makes no more than are needed."""
        planned = self.count_planned(dataset.info.made_by)
        return planned if planned is not None and (dataset.root / REPORT_FILE).is_file() else len(dataset)


STAGE = BalanceStage()
