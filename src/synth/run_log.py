"""The log that a run leaves beside what it makes, and how much of it the terminal shows.

``data/real`` has ``data/real.log``: a run appends what it was asked for, what it said and how it ended.
"""

import dataclasses
import io
import json
import logging
import shlex
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path
from typing import Any, TextIO

import typer
from pydantic import BaseModel
from rich.console import Console, ConsoleRenderable, RenderHook
from rich.control import Control
from rich.text import Text

from synth import __version__
from synth.compute.versions import list_versions
from synth.dataset.reader import DatasetReader
from synth.errors import InputError, SynthError

_PACKAGES = ("numpy", "opencv-python", "open3d", "pyrealsense2", "ur-rtde", "blenderproc", "bpy", "torch")
_WIDTH = 110
_TIME = "%Y-%m-%d %H:%M:%S"


@contextmanager
def run_log(out: Path, config: object, console: Console) -> Iterator[Path]:
    """Append to OUT.log while the block runs: configuration, the console's lines, debug lines, the end.

    config: settings, as dataclasses, models and plain values. Where the file cannot be opened the block runs
    without a log, and says so; the block's own errors pass through. A first run that is refused before it
    made anything leaves no log.
    """
    folder = out.resolve()
    path = folder.with_name(f"{folder.name}.log")
    log = logging.getLogger("synth")
    is_first, absent = not path.exists(), [p for p in path.parents if not p.exists()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a", encoding="utf-8")
    except OSError as error:  # The run itself says what it cannot write.
        log.warning("no log is kept: cannot write %s: %s", path, error.strerror)
        yield path
        return
    with file:
        file.write(("\n" if file.tell() else "") + _head(config))
        handler = logging.StreamHandler(file)
        handler.setFormatter(logging.Formatter("%(asctime)s  %(levelname)s %(name)s: %(message)s", _TIME))
        log.addHandler(handler)
        console.push_render_hook(_Copy(file))
        began, end, is_refused = time.monotonic(), "done", False
        try:
            yield path
        except BaseException as error:
            end, is_refused = _describe(error), isinstance(error, InputError)
            raise
        finally:
            console.pop_render_hook()
            log.removeHandler(handler)
            file.write(f"{_now()}  {end} after {time.monotonic() - began:.1f} s\n")
            if is_refused and is_first and not folder.exists():
                _remove(path, absent)


def _remove(path: Path, folders: Sequence[Path]) -> None:
    """A file, and of the folders that were made for it, the innermost first, those that are empty."""
    with suppress(OSError):
        path.unlink()
        for folder in folders:
            folder.rmdir()


def _head(config: object) -> str:
    return (
        f"{_now()}  synth {__version__}: {shlex.join(sys.argv)}\n"
        f"configuration {json.dumps(config, default=_plain)}\n"
        f"versions {json.dumps(list_versions(_PACKAGES))}\n"
    )


def _describe(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt) or (isinstance(error, typer.Exit) and error.exit_code == 130):
        return "interrupted"
    if isinstance(error, SynthError | SystemExit | typer.Exit):
        return f"failed, {type(error).__name__}: {error}"
    return "failed: " + "".join(traceback.format_exception(error)).rstrip()


def _plain(value: Any) -> Any:
    """What json.dumps cannot write by itself."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if dataclasses.is_dataclass(value):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.name[0] != "_"}
    if isinstance(value, DatasetReader):
        return value.root
    return value.value if isinstance(value, Enum) else str(value)


def _now() -> str:
    return time.strftime(_TIME)


class _Copy(RenderHook):
    """Writes what a console prints, without colour and without its bars."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def process_renderables(self, renderables: Sequence[ConsoleRenderable]) -> list[ConsoleRenderable]:
        text = io.StringIO()
        plain = Console(
            file=text, width=_WIDTH, force_terminal=False, color_system=None, markup=False, emoji=False
        )
        for renderable in renderables:
            if not isinstance(renderable, Control):
                plain.print(renderable, soft_wrap=isinstance(renderable, Text))
        for line in filter(str.strip, text.getvalue().splitlines()):
            self._file.write(f"{_now()}  {line}\n")
        self._file.flush()
        return list(renderables)
