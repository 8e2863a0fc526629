"""The page of a part's calibration: the CAD's outline on pictures before and after, and each picture's
disagreement.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from synth.capture.calibrate.page import BLUE, GREY, draw, strip, write_page
from synth.capture.silhouette import SilhouetteCaster
from synth.cell.mesh import CellBodies
from synth.cell.model import Cell
from synth.dataset.reader import DatasetReader
from synth.geometry.pinhole import Pinhole

N_SHOWN = 6
_AROUND = 0.35
_BEFORE, _AFTER = "#d62728", "#00d0ff"


@dataclass(frozen=True, eq=False)
class Shown:
    """A picture around the part [h,w,3] and, there, the CAD's silhouettes [h,w] before and after."""

    name: str
    rgb_u8: NDArray[np.uint8]
    before: NDArray[np.bool_]
    after: NDArray[np.bool_]


def choose_pictures(
    dataset: DatasetReader, before: Cell, after: Cell, bodies: CellBodies, camera: Pinhole
) -> list[Shown]:
    """Some pictures from the whole run. before, after: the cell with the part's two places."""
    casters = [SilhouetteCaster(cell, bodies, camera) for cell in (before, after)]
    samples = dataset.samples
    chosen = np.unique(np.linspace(0, len(samples) - 1, N_SHOWN).astype(int))
    shown = []
    for sample in (samples[i] for i in chosen):
        assert sample.robot is not None
        state = sample.robot.before
        cast = [caster.cast(np.asarray(state.T_base_tool), np.asarray(state.q_rad)) for caster in casters]
        masks = [s.in_image(s.part, camera.size_wh) for s in cast if s is not None]
        if len(masks) == len(casters):
            window = _window(masks[0] | masks[1])
            rgb_u8 = dataset.load_rgb(sample)[window]
            shown.append(Shown(sample.name, rgb_u8, masks[0][window], masks[1][window]))
    return shown


def _window(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Rows and columns of a square around a mask, with some room, inside the image."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    half = int((0.5 + _AROUND) * max(np.ptp(rows), np.ptp(columns))) + 2
    y, x = int(rows.mean()), int(columns.mean())
    return slice(max(y - half, 0), y + half), slice(max(x - half, 0), x + half)


def write_part_page(
    folder: Path, result: dict[str, Any], figures: Sequence[tuple[str, str]], shown: Sequence[Shown]
) -> Path:
    """Write report.html beside result.json; raises StorageError."""
    return write_page(
        folder,
        title="Calibration of the part's place",
        result=result,
        verdict=f"{result['place']} is known to {2 * result['sigma_mm']:.2f} mm and "
        f"{2 * result['sigma_deg']:.3f}° (two standard deviations), from {result['n_shots']} pictures.",
        figures=figures,
        note=_NOTE,
        pictures=[
            (draw(_draw_outlines, shown, 6.4), _OUTLINES),
            (draw(_draw_disagreement, result["by_shot"], 4.6), _DISAGREEMENT),
        ],
        left_out=[],
        matrix_name=result["place"],
    )


_NOTE = (
    "The uncertainty comes from how the pictures disagree (jackknife over pictures). An error that all of "
    "them share, such as a colour filter that eats an edge all around, is not in it."
)
_OUTLINES = (
    "The CAD's outline where the cell file had it (red, below) and where it is found (blue). Blue should lie "
    "on the part's edge all around, in every picture."
)
_DISAGREEMENT = (
    "Typical distance of the colour's outline from the CAD's, and of the face from the depth, in each "
    "picture. One that stands out was lit or hidden otherwise, or moved."
)


def _draw_outlines(figure: Figure, shown: Sequence[Shown]) -> None:
    rows = 2 if len(shown) > N_SHOWN // 2 else 1
    for axes, one in zip(
        figure.subplots(rows, -(-len(shown) // rows), squeeze=False).flat, shown, strict=False
    ):
        axes.imshow(one.rgb_u8)
        for mask, colour in ((one.before, _BEFORE), (one.after, _AFTER)):
            axes.contour(mask, levels=[0.5], colors=[colour], linewidths=1.2)
        axes.set_title(one.name, fontsize=9, loc="left")
    for axes in figure.axes:
        axes.set_axis_off()


def _draw_disagreement(figure: Figure, by_shot: dict[str, dict[str, float]]) -> None:
    names = sorted(by_shot)
    outline, depth = figure.subplots(2, 1, sharex=True)
    places = range(len(names))
    outline.bar(places, [by_shot[name]["outline_px"] for name in names], color=BLUE, label="found")
    before = [by_shot[name]["before_px"] for name in names]
    outline.plot(places, before, "_", color=_BEFORE, markersize=9, markeredgewidth=2, label="before")
    outline.set_ylabel("outline, px")
    outline.legend(fontsize=8, frameon=False)
    depth.bar(places, [by_shot[name]["depth_mm"] for name in names], color=GREY)
    depth.set_ylabel("depth, mm")
    depth.set_xticks(places, names, rotation=90, fontsize=7)
    for axes in (outline, depth):
        strip(axes)
