"""What `synth status` knows of label maps that networks make."""

import shlex
from collections.abc import Mapping
from pathlib import Path

from synth.dataset.info import MadeBy
from synth.dataset.reader import DatasetReader


class LabelStage:
    """Goes on while pictures have no label map."""

    folder = Path("data/labelled")

    def begin(self, folders: Mapping[str, Path]) -> str | None:
        """The command that begins one, of frames of films, with a training that can; None without either."""
        frames, run = folders.get("import video"), folders.get("train")
        if frames is None or run is None:
            return None
        return f"synth label {shlex.quote(str(frames))} --run {shlex.quote(str(run))}"

    def count_planned(self, made_by: MadeBy) -> int | None:
        """How many pictures there are; None where it does not say."""
        source = made_by.config.get("source")
        planned = source.get("samples") if isinstance(source, dict) else None
        return planned if isinstance(planned, int) else None

    def count_done(self, dataset: DatasetReader) -> int:
        """Those with a label map."""
        return len(dataset)


STAGE = LabelStage()
