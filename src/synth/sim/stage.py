"""What `synth status` knows of a rendering."""

from collections.abc import Mapping
from pathlib import Path

from synth.dataset.folder import INFO_FILE, read_info
from synth.dataset.info import MadeBy
from synth.dataset.reader import DatasetReader


class RenderStage:
    """Goes on while it has less samples than its shares add up to."""

    folder = Path("data/synthetic")

    def begin(self, folders: Mapping[str, Path]) -> str:
        """The command that begins one, after what stands in the folder of captures."""
        real = folders["capture"]
        if not (real / INFO_FILE).is_file() or (info := read_info(real)).kind != "imported":
            return "synth render --count 633"
        if not info.models:
            return f"synth dataset sheet {real}   (without poses and models nothing can be rendered after it)"
        return f"synth render --over {real} --count 120"

    def go_on(self, made_by: MadeBy) -> str:
        """The command that a dataset was begun with, as far as it is no default."""
        config = made_by.config
        words = [f"--over {self.folder.parent / made_by.parents[0]}"] if config.get("over") else []
        shares, quality = config.get("shares"), config.get("quality")
        if isinstance(shares, dict):
            words += [f"--share {source}={n}" for source, n in shares.items() if n]
        if isinstance(quality, dict) and quality.get("name") != "normal":
            words.append(f"--quality {quality.get('name')}")
        if config.get("look") == "plain":
            words.append("--look plain")
        if strength := config.get("randomize"):
            words.append("--randomize" if strength == 1 else f"--randomize --strength {strength}")
        words += [f"--{name.replace('_', '-')}" for name in ("layers", "test_twins") if config.get(name)]
        if made_by.seed:
            words.append(f"--seed {made_by.seed}")
        return " ".join(["synth render", *words])

    def count_planned(self, made_by: MadeBy) -> int | None:
        """How many samples it was asked for; None where it does not say."""
        shares = made_by.config.get("shares")
        return sum(n for n in shares.values() if isinstance(n, int)) if isinstance(shares, dict) else None

    def count_done(self, dataset: DatasetReader) -> int:
        """How many of them need no more work."""
        return len(dataset)


STAGE = RenderStage()
