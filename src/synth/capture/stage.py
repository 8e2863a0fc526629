"""What `synth status` knows of a capture."""

from collections.abc import Mapping
from pathlib import Path

from synth.dataset.info import MadeBy
from synth.dataset.reader import DatasetReader


class CaptureStage:
    """Goes on while poses of its plan have no sample."""

    folder = Path("data/real")

    def begin(self, folders: Mapping[str, Path]) -> str:
        """The command that begins one."""
        return "synth capture --poses 400"

    def count_planned(self, made_by: MadeBy) -> int | None:
        """How many samples it was asked for; None where it does not say."""
        poses = made_by.config.get("poses")
        return poses if isinstance(poses, int) else None

    def count_done(self, dataset: DatasetReader) -> int:
        """How many of them need no more work."""
        return len(dataset)


STAGE = CaptureStage()
