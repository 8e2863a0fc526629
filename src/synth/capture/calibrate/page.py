"""A calibration's page in one file that needs nothing else."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jinja2
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from synth import __version__
from synth.storage.atomic import write_bytes
from synth.storage.figure import encode_figure

PAGE = "report.html"
BLUE, GREY = "#1f5fa8", "#888888"


def write_page(
    folder: Path,
    *,
    title: str,
    result: dict[str, Any],
    verdict: str,
    figures: Sequence[tuple[str, str]],
    note: str,
    pictures: Sequence[tuple[str, str]],
    left_out: Sequence[tuple[str, str]],
    matrix_name: str,
) -> Path:
    """Write report.html and return its path; raises StorageError.

    result: plain data with ``simulated``, ``refusals`` and the matrix. figures: names and values. note: how
    the uncertainty is found. pictures: SVG and caption. left_out: what, and why.
    """
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True)
    page = environment.get_template("page.html").render(
        title=title,
        simulated=result["simulated"],
        refusals=result["refusals"],
        verdict=verdict,
        figures=figures,
        note=note,
        pictures=pictures,
        left_out=left_out,
        matrix_name=matrix_name,
        matrix=[[f"{value:.8f}" for value in row] for row in result[matrix_name]],
        version=__version__,
    )
    write_bytes(folder / PAGE, page.encode())
    return folder / PAGE


def draw(on_figure: Callable[[Figure, Any], None], content: Any, height_in: float) -> str:
    """The SVG of a figure that is drawn by a function."""
    figure = Figure(figsize=(9, height_in), layout="constrained")
    on_figure(figure, content)
    text = encode_figure(figure, "svg", metadata={"Date": None}).decode()
    return text[text.index("<svg") :]


def strip(axes: Axes) -> None:
    """Leave out the frame's upper and right side."""
    axes.spines[["top", "right"]].set_visible(False)
