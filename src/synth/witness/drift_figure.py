"""Drift over a whole dataset as one picture: histograms with the limits and the witness's own error."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from synth.storage.atomic import write_bytes
from synth.witness.drift import DriftLimits, FrameDrift
from synth.witness.observation import Sway, WitnessScore

_N_BINS = 30


def draw_drift(
    frames: Sequence[FrameDrift],
    limits: DriftLimits,
    error: WitnessScore | None,
    sway: Sway | None,
    path: Path,
) -> None:
    """Write a PNG: box by outline and by witness, outline, normal, artefacts a frame.

    error, sway: the witness's own, drawn beside what it measured; None where there was no witness.
    """
    figure = Figure(figsize=(12, 6.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, 3).ravel()
    parts = [part for frame in frames for part in frame.parts]
    edges = [part.edge for part in parts if part.edge]
    percent = [
        ("Box, by the outline", [p.edge_box for p in parts], limits.edge_box),
        ("Box, by the witness", [p.witness_box for p in parts], limits.witness_box),
    ]
    for ax, (title, shares, limit) in zip(axes[:2], percent, strict=True):
        _histogram(ax, [None if s is None else 100 * s for s in shares], 100 * limit)
        ax.set(title=title, xlabel="largest move of a side, % of the side", ylabel="parts")
    sides_px = [part.side_px for part in parts]
    if sides_px and sway is not None and np.isfinite(sway.box_px):
        own = 100 * sway.box_px / float(np.median(sides_px))
        axes[1].axvline(own, color="tab:gray", linestyle=":", label="by look alone")
    _histogram(axes[2], [e.far_px for e in edges], limits.edge_px)
    axes[2].set(title="Outline", xlabel="move of its farthest tenth, px", ylabel="parts")
    _histogram(axes[3], [e.lost for e in edges], limits.lost)
    axes[3].set(title="Outline that is lost", xlabel="share", ylabel="parts")
    _histogram(axes[4], [p.normal_deg for p in parts], limits.normal_deg)
    for own_of, style, label in ((sway, ":", "by look alone"), (error, "-.", "own error")):
        value = np.nan if own_of is None else own_of.normal_deg
        if np.isfinite(value):
            axes[4].axvline(value, color="tab:gray", linestyle=style, label=label)
    axes[4].set(title="Normal, by the witness", xlabel="turn, °", ylabel="parts")
    artefacts = None if limits.artefacts is None else limits.artefacts + 0.5
    _histogram(axes[5], [frame.artefacts.total for frame in frames], artefacts)
    axes[5].set(title="Artefacts", xlabel="in a frame", ylabel="frames")
    for ax in axes:
        ax.grid(alpha=0.3)
        ax.legend(fontsize=8)
    refused = sum(bool(frame.verdict(limits)) for frame in frames)
    figure.suptitle(f"{len(frames)} frames, {refused} refused")
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=100)
    write_bytes(path, png.getvalue())


def _histogram(ax: Axes, values: Sequence[float | None], limit: float | None) -> None:
    """Bars, the median and the limit, where there is one; what lies over 1.2 of the limit and over the 99th
    percentile is in the last bar.
    """
    known = np.array([v for v in values if v is not None], dtype=float)
    if len(known):
        top = max(float(np.percentile(known, 99)), 1.2 * (limit or 0.0), 1e-6)
        ax.hist(np.minimum(known, top), bins=_N_BINS, range=(0, top), color="tab:blue")
        ax.axvline(float(np.median(known)), color="tab:orange", label=f"median {np.median(known):.3g}")
    if limit is not None:
        ax.axvline(limit, color="tab:red", linestyle="--", label="limit")
