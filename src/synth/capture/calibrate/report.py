"""The page of a camera's calibration: figures, residuals over views and image, rotations, distances."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from synth.capture.calibrate.page import BLUE, GREY, draw, strip, write_page
from synth.capture.calibrate.say import list_figures


def write_camera_page(folder: Path, result: dict[str, Any]) -> Path:
    """Write report.html, one file that needs nothing else; raises StorageError."""
    name = "T_base_cam" if result["eye"] == "to-hand" else "T_tool_cam"
    return write_page(
        folder,
        title="Calibration of the camera",
        result=result,
        verdict=f"{_grade(result)}{name} is known to {2 * result['sigma_mm']:.2f} mm and "
        f"{2 * result['sigma_deg']:.3f}° (two standard deviations), from {result['n_views']} views.",
        figures=list_figures(result),
        note=_NOTE,
        pictures=[
            (draw(_draw_field, result, 6.0), _FIELD),
            (draw(_draw_views, result, 3.2), _VIEWS),
            (draw(_draw_spread, result, 4.2), _SPREAD),
        ],
        left_out=[
            *((view, f"contradicts the others by {px:.1f} px") for view, px in result["outliers"].items()),
            *result["left_out"].items(),
        ],
        matrix_name=name,
    )


def _grade(result: dict[str, Any]) -> str:
    return "Not good enough to label. " if result["refusals"] else ""


_NOTE = (
    "The uncertainty comes from how the views disagree: noise of each corner, and of the arm's reading in "
    "each view. Held-out views are chosen by a hash of their content; the calibration itself is of all views."
)
_FIELD = (
    "Where corners are seen less where they are predicted, over the image, enlarged. A calibration that "
    "holds has short arrows in all directions; arrows that agree within a region speak of the lens, arrows "
    "that agree within a view of the arm. White areas were never seen."
)
_VIEWS = "Root mean square error of each view's corners. A view that stands out had another pose, or moved."
_SPREAD = (
    "Left: which way and how far the tool is turned in each view, as rotation vectors; they should fill the "
    "square. Right: how far and how tilted the board is seen."
)


def _draw_field(figure: Figure, result: dict[str, Any]) -> None:
    axes = figure.add_subplot()
    pixels = np.concatenate([np.array(view["pixels_xy"]) for view in result["views"].values()])
    errors = np.concatenate([np.array(view["residuals_px"]) for view in result["views"].values()])
    width, height = result["size_wh"]
    gain = 0.03 * width / max(result["rms_px"], 1e-6)
    axes.quiver(
        *pixels.T, *(-errors * gain).T, angles="xy", scale_units="xy", scale=1, width=0.0014, color=BLUE
    )
    axes.set(xlim=(0, width), ylim=(height, 0), aspect="equal", xlabel="x, px", ylabel="y, px")
    axes.set_title(f"errors, {gain:.0f} times enlarged", fontsize=10, loc="left")


def _draw_views(figure: Figure, result: dict[str, Any]) -> None:
    axes = figure.add_subplot()
    names = sorted(result["views"])
    values = [result["views"][name]["rms_px"] for name in names]
    axes.bar(range(len(names)), values, color=BLUE)
    axes.axhline(result["rms_px"], color=GREY, lw=1)
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=7)
    axes.set_ylabel("rms, px")
    strip(axes)


def _draw_spread(figure: Figure, result: dict[str, Any]) -> None:
    turns, places = figure.subplots(1, 2)
    views = list(result["views"].values())
    rotvec_deg = np.degrees([view["rotvec_rad"] for view in views])
    shown = turns.scatter(rotvec_deg[:, 0], rotvec_deg[:, 1], c=rotvec_deg[:, 2], cmap="twilight", s=30)
    figure.colorbar(shown, ax=turns, label="z, °")
    turns.set(xlabel="x, °", ylabel="y, °")
    turns.set_title("turn of the tool", fontsize=10, loc="left")
    places.scatter([v["distance_m"] for v in views], [v["tilt_deg"] for v in views], color=BLUE, s=30)
    places.set(xlabel="distance, m", ylabel="tilt, °")
    places.set_title("board before the camera", fontsize=10, loc="left")
    for axes in (turns, places):
        strip(axes)
