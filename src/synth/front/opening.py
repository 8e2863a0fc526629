"""Opening what stands on disk: a cell, a dataset."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_args

if TYPE_CHECKING:
    from rich.console import Console

    from synth.cell.model import Cell
    from synth.front.dataset import OpenDataset

StrPath = str | os.PathLike[str]
"""A file or folder; a dataset stands for its folder."""


def load_cell(path: StrPath | None = None) -> "Cell":
    """The work cell of a file, checked; by default ./cell.yaml where there is one, else the simulated one.

    Raises CellError with everything that is wrong in the file.
    """
    from synth.cell.load import load_cell as load

    if path is None:
        return load(Path("cell.yaml") if Path("cell.yaml").is_file() else None)
    return load(Path(path))


def open_dataset(path: StrPath) -> "OpenDataset":
    """A dataset as it stands on disk now.

    ``dataset[0]``, ``dataset[-1]`` and ``dataset["000012"]`` are samples, ``for sample in dataset`` goes
    through all by name, ``dataset.of_split("test")`` has those of one split. Of a sample, ``load_rgb`` is
    [H,W,3] uint8, ``load_depth_m`` [H,W] float32 in metres along z, ``load_mask`` [H,W] uint16 with
    instance index + 1, ``load_crop(sample, i)`` [224,224,3] uint8 of its instance i.
    ``dataset.to_torch("detection")`` feeds a PyTorch ``DataLoader``.

    Raises DatasetError when the folder holds none.
    """
    from synth.front.dataset import OpenDataset

    return OpenDataset(path)


def as_cell(cell: "Cell | StrPath | None") -> "Cell":
    """A cell that was given, or that of a file; without one as `load_cell`."""
    return load_cell(cell) if cell is None or isinstance(cell, str | os.PathLike) else cell


def as_paths(given: StrPath | Sequence[StrPath]) -> list[Path]:
    """One or several, as a list."""
    return [Path(path) for path in ([given] if isinstance(given, str | os.PathLike) else given)]


def refuse_below(least: float, **given: float | None) -> None:
    """Raises InputError for the first number, by its argument's name, that is too small."""
    from synth.errors import InputError

    for name, value in given.items():
        if value is not None and value < least:
            raise InputError(f"{name} must be {least:g} or more, got {value}")


def refuse_text(**given: object) -> None:
    """Raises InputError for the first text where several texts are meant."""
    from synth.errors import InputError

    for name, value in given.items():
        if isinstance(value, str):
            raise InputError(f"{name} must be a list of texts, got {value!r}: write [{value!r}]")


def refuse_unknown(**given: tuple[str, object]) -> None:
    """Raises InputError for the first word, by its argument's name, that is none of its Literal's."""
    from synth.errors import InputError

    for name, (word, literal) in given.items():
        if word not in get_args(literal):
            raise InputError(f"{name} must be one of {', '.join(get_args(literal))}, got {word!r}")


def as_console(*, progress: bool) -> "Console":
    """Where a bar is drawn: on stderr, or nowhere."""
    from synth.terminal import make_console

    return make_console(stderr=True, quiet=not progress)
