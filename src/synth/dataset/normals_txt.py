"""normals.txt, Figure 6 of the paper: ``Name, width, height, u, v, w``, then one blank-separated row a crop.

The columns called width and height hold the X and Y of the point of interest, as fractions of the full image
(the paper's section 3.2). Rows are written at full precision; rows separated by commas are read as well.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from synth.errors import DatasetError

HEADER = "Name, width, height, u, v, w"


@dataclass(frozen=True)
class NormalRow:
    """One row. name: the crop's file name. point_xy: fractions of the full image. normal_uvw: the paper's
    axes.
    """

    name: str
    point_xy: tuple[float, float]
    normal_uvw: tuple[float, float, float]


def format_normals(rows: Iterable[NormalRow]) -> str:
    """The text of a normals.txt."""
    lines = [HEADER]
    for row in rows:
        if not row.name or any(c.isspace() or c == "," for c in row.name):
            raise DatasetError(f"a name in normals.txt has neither blanks nor commas, got {row.name!r}")
        lines.append(" ".join([row.name, *(repr(float(x)) for x in (*row.point_xy, *row.normal_uvw))]))
    return "\n".join(lines) + "\n"


def parse_normals(text: str, where: str = "normals.txt") -> list[NormalRow]:
    """The rows of a normals.txt, ours or the paper's; raises DatasetError naming the line."""
    lines = text.splitlines()
    if not lines or lines[0].replace(",", " ").split()[:1] != ["Name"]:
        raise DatasetError(f"{where} must begin with the header {HEADER!r}")
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        name, *rest = line.replace(",", " ").split() or [""]
        try:
            numbers = [float(x) for x in rest]
        except ValueError:
            numbers = []
        if len(numbers) != 5 or not all(map(math.isfinite, numbers)):
            raise DatasetError(
                f"{where}:{number} must hold a name and five numbers, got {line.strip()[:80]!r}"
            )
        x, y, u, v, w = numbers
        rows.append(NormalRow(name, (x, y), (u, v, w)))
    return rows
