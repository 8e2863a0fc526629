"""What the pages are asked for, as it is typed."""

import json
import re
from pathlib import Path

from synth.dataset.folder import INFO_FILE
from synth.errors import InputError
from synth.gan.paint import RESULT_FILE

USUAL_RUN = Path("runs/paint")


def find_checkpoint(asked: Path | None) -> Path:
    """A painter's file: the one named, the last one of a training's folder, or of the usual one.

    Raises InputError where there is none.
    """
    folder = USUAL_RUN if asked is None else asked
    if asked is not None and not asked.is_dir():
        return asked
    try:
        told = json.loads((folder / RESULT_FILE).read_text("utf-8"))
        return folder / str(told["checkpoint"])
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(
            f"{folder} holds no painter that was trained to its end: train one by synth paint, or name a "
            "checkpoint with --checkpoint"
        ) from None


def parse_size(text: str | None) -> tuple[int, int] | None:
    """``256x192``; raises InputError for other words."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,6})[x×](\d{1,6})", text)
    if match is None:
        raise InputError(f"--size is width and height in pixels, 256x192 for one, got {text!r}")
    return int(match[1]), int(match[2])


def list_datasets(folder: Path = Path("data")) -> list[Path]:
    """The datasets right below a folder, by name."""
    return sorted(path.parent for path in folder.glob(f"*/{INFO_FILE}"))
