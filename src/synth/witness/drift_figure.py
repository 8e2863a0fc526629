"""Drift over a whole dataset as one picture: histograms with the limits and the witness's own error."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from synth.storage.atomic import write_bytes
from synth.storage.figure import encode_figure
from synth.witness.drift import DriftLimits, FrameDrift
from synth.witness.observation import Sway, WitnessScore

_N_BINS = 30


@dataclass(frozen=True)
class Panel:
    """A histogram: its title, what lies along it, the values, and the largest that passes, where there is
    one.

    own: further lines, what a measure is off by itself, by their labels. what: is counted.
    """

    title: str
    xlabel: str
    values: Sequence[float]
    limit: float | None = None
    own: Mapping[str, float] = field(default_factory=dict)
    what: str = "frames"


def draw_drift(
    frames: Sequence[FrameDrift],
    limits: DriftLimits,
    error: WitnessScore | None,
    sway: Sway | None,
    path: Path,
    gates: Sequence[Panel] = (),
    n_refused: int | None = None,
) -> None:
    """Write a PNG: box by outline and by witness, outline, normal where there is any, artefacts a frame.

    error, sway: the witness's own, drawn beside what it measured; None where there was no witness. gates:
    what else frames were refused for. n_refused: of all causes; None for those of drift alone.
    """
    panels = [*_list_panels(frames, limits, error, sway), *gates]
    n_columns = -(-len(panels) // 2)
    figure = Figure(figsize=(4 * max(n_columns, 3), 6.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, n_columns).ravel()
    for ax, panel in zip(axes, panels, strict=False):
        _draw(ax, panel)
    for ax in axes[len(panels) :]:
        ax.set_axis_off()
    refused = sum(bool(frame.verdict(limits)) for frame in frames) if n_refused is None else n_refused
    figure.suptitle(f"{len(frames)} frames, {refused} refused")
    write_bytes(path, encode_figure(figure, dpi=100))


def _list_panels(
    frames: Sequence[FrameDrift], limits: DriftLimits, error: WitnessScore | None, sway: Sway | None
) -> list[Panel]:
    parts = [part for frame in frames for part in frame.parts]
    edges = [part.edge for part in parts if part.edge]
    sides_px = [part.side_px for part in parts]
    moved, by_look = "largest move of a side, % of the side", "by look alone"
    box_own = {}
    if sides_px and sway is not None and np.isfinite(sway.box_px):
        box_own[by_look] = 100 * sway.box_px / float(np.median(sides_px))
    outline, witness = (
        [100 * share for share in shares if share is not None]
        for shares in ([p.edge_box for p in parts], [p.witness_box for p in parts])
    )
    panels = [
        Panel("Box, by the outline", moved, outline, 100 * limits.edge_box, what="parts"),
        Panel("Box, by the witness", moved, witness, 100 * limits.witness_box, box_own, "parts"),
        Panel(
            "Outline",
            "move of its farthest tenth, px",
            [e.far_px for e in edges if e.far_px is not None],
            limits.edge_px,
            what="parts",
        ),
        Panel("Outline that is lost", "share", [e.lost for e in edges], limits.lost, what="parts"),
    ]
    if turns := [p.normal_deg for p in parts if p.normal_deg is not None]:
        own = {
            label: of.normal_deg
            for of, label in ((sway, by_look), (error, "own error"))
            if of is not None and np.isfinite(of.normal_deg)
        }
        panels.append(Panel("Normal, by the witness", "turn, °", turns, limits.normal_deg, own, "parts"))
    most = None if limits.artefacts is None else limits.artefacts + 0.5
    panels.append(Panel("Artefacts", "in a frame", [frame.artefacts.total for frame in frames], most))
    return panels


def _draw(ax: Axes, panel: Panel) -> None:
    """Bars, the median and the limit, where there is one; what lies over 1.2 of the limit and over the 99th
    percentile is in the last bar.
    """
    limit = panel.limit
    known = np.array(panel.values, dtype=float)
    if len(known):
        top = max(float(np.percentile(known, 99)), 1.2 * (limit or 0.0), 1e-6)
        ax.hist(np.minimum(known, top), bins=_N_BINS, range=(0, top), color="tab:blue")
        ax.axvline(float(np.median(known)), color="tab:orange", label=f"median {np.median(known):.3g}")
    if limit is not None:
        ax.axvline(limit, color="tab:red", linestyle="--", label="limit")
    for (label, value), style in zip(panel.own.items(), (":", "-."), strict=False):
        ax.axvline(value, color="tab:gray", linestyle=style, label=label)
    ax.set(title=panel.title, xlabel=panel.xlabel, ylabel=panel.what)
    ax.grid(alpha=0.3)
    if ax.get_legend_handles_labels()[0]:
        ax.legend(fontsize=8)
