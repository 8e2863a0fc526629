"""What is asked for with CAD files over photographs that say nothing of poses."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from synth.cell.units import MeshUnits
from synth.dataset.folder import INFO_FILE
from synth.dataset.reader import DatasetReader
from synth.errors import InputError
from synth.sim.photographs.cad import CadFile, name_files


@dataclass(frozen=True)
class Unposed:
    """What ``--mesh`` asks for. pictures: a folder of photographs without labels; None for the dataset that
    is rendered over. distance_m: from the camera, least and greatest; None to go by boxes. fov_deg: across a
    picture's longer side; None to ask EXIF.
    """

    files: tuple[CadFile, ...]
    pictures: Path | None = None
    distance_m: tuple[float, float] | None = None
    fov_deg: float | None = None

    def __post_init__(self) -> None:
        if self.distance_m is not None and not 0 < self.distance_m[0] <= self.distance_m[1] < np.inf:
            near, far = self.distance_m
            raise InputError(
                f"--distance says metres, the nearer first, such as 0.3-0.8, got {near:g}-{far:g}"
            )
        if self.fov_deg is not None and not 5 <= self.fov_deg <= 150:
            raise InputError(f"--fov must be from 5 to 150 degrees, got {self.fov_deg:g}")


def make_unposed(
    words: Sequence[str],
    over: Path,
    units: MeshUnits = "mm",
    distance_m: tuple[float, float] | None = None,
    fov_deg: float | None = None,
) -> tuple[Unposed, DatasetReader | None]:
    """What is asked for and, where ``over`` is no mere folder of pictures, the dataset. words: each
    ``[CLASS=]FILE``. Raises InputError, and DatasetError for a damaged dataset.
    """
    if not over.exists():
        raise InputError(
            f"there is nothing at {over}: --over takes a folder of pictures, or a dataset that synth "
            "import made"
        )
    labelled = DatasetReader(over) if (over / INFO_FILE).exists() else None
    files = name_files(words, units, () if labelled is None else labelled.info.classes)
    return Unposed(files, over if labelled is None else None, distance_m, fov_deg), labelled


def parse_distance(text: str | None) -> tuple[float, float] | None:
    """``0.3-0.8``, or one number; None for nothing said. Raises InputError for anything else."""
    if text is None:
        return None
    near, _, far = text.partition("-")
    try:
        return float(near), float(far or near)
    except ValueError:
        raise InputError(f"--distance says metres, such as 0.3-0.8, got {text!r:.40}") from None
