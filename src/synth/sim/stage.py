"""What `synth status` knows of a rendering and of composites."""

from collections.abc import Mapping
from pathlib import Path

from synth.dataset.folder import INFO_FILE, read_info
from synth.dataset.info import MadeBy
from synth.dataset.reader import DatasetReader


class RenderStage:
    """Goes on while it has less samples than its shares add up to."""

    folder = Path("data/synthetic")

    def begin(self, folders: Mapping[str, Path]) -> str | None:
        """The command that begins one, after what stands in the folder of captures; None where that was
        imported without models.
        """
        real = folders["capture"]
        if not (real / INFO_FILE).is_file() or (info := read_info(real)).kind != "imported":
            return "synth render --count 633"
        if not info.models:
            return None
        return f"synth render --over {real} --count 120"

    def count_planned(self, made_by: MadeBy) -> int | None:
        """How many samples it was asked for; None where it does not say."""
        shares = made_by.config.get("shares")
        return sum(n for n in shares.values() if isinstance(n, int)) if isinstance(shares, dict) else None

    def count_done(self, dataset: DatasetReader) -> int:
        """How many of them need no more work."""
        return len(dataset)


class ComposeStage(RenderStage):
    """Counts as a rendering does: both are made from sources."""

    folder = Path("data/composited")

    def begin(self, folders: Mapping[str, Path]) -> str:
        """The command that begins one."""
        return f"synth compose {folders['capture']}"


STAGE = RenderStage()
COMPOSE = ComposeStage()
