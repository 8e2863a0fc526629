"""What a training looks like: loss curves, as Figures 12 and 14 of the paper, and a grid of fixed images."""

from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from synth.dataset.codecs import encode_rgb
from synth.gan.methods.method import Phase, Rows
from synth.storage.atomic import write_bytes
from synth.storage.figure import encode_figure

_TOTAL_COLOURS = ("tab:blue", "tab:red", "tab:brown")
_TERM_COLOURS = ("tab:orange", "tab:green", "tab:purple", "tab:pink", "tab:olive", "tab:cyan")
_GAP_PX, _MARGIN_PX, _FONT_PX = 4, 120, 14


def draw_losses(rows: Sequence[dict[str, Any]], phases: Sequence[Phase], path: Path) -> None:
    """Each phase's loss over the images seen, with the terms that it names, as a PNG.

    rows: the ticks of stats.jsonl. All directions are summed, as they are in training.
    """
    figure = Figure(figsize=(4.5 * len(phases), 4), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(phases), squeeze=False)[0]
    seen = [row["n_images_seen"] for row in rows]
    for axes, phase, colour in zip(panels, phases, cycle(_TOTAL_COLOURS), strict=False):
        axes.plot(seen, [row[phase.total] for row in rows], color=colour, label=phase.name)
        for (prefix, label), colour in zip(phase.curves.items(), cycle(_TERM_COLOURS), strict=False):
            terms = [_sum_of(row, prefix) for row in rows]
            if any(terms):
                axes.plot(seen, terms, color=colour, linewidth=1, label=f"{label}, unweighted")
        axes.set(
            xlabel="images of each kind seen", ylabel="loss", title=f"Loss of {phase.name}", ylim=(0, None)
        )
        axes.grid(alpha=0.3)
        axes.legend()
    write_bytes(path, encode_figure(figure, dpi=110))


def make_grid(rows: Rows) -> NDArray[np.uint8]:
    """Pictures in rows, the name of each written before it, [H,W,3]."""
    stacked = torch.stack(list(rows.values()))  # [R,N,3,S,S]
    padded = torch.nn.functional.pad(stacked, (0, _GAP_PX, 0, _GAP_PX), value=1.0)
    pictures = padded.permute(0, 3, 1, 4, 2).flatten(2, 3).flatten(0, 1)  # [R(S+gap),N(S+gap),3]
    counts = ((pictures[:-_GAP_PX, :-_GAP_PX].float() + 1) * 127.5).round().clamp(0, 255)
    return name_rows(counts.to(torch.uint8).cpu().numpy(), list(rows))


def name_rows(grid: NDArray[np.uint8], names: Sequence[str]) -> NDArray[np.uint8]:
    """A grid [H,W,3] of so many rows with the name of each before it, on white."""
    font = ImageFont.load_default(size=_FONT_PX)
    margin = Image.new("RGB", (_MARGIN_PX, len(grid)), "white")
    draw = ImageDraw.Draw(margin)
    for i, name in enumerate(names):
        middle = (i + 0.5) * len(grid) / len(names)
        draw.text((_MARGIN_PX - 2 * _GAP_PX, middle), name, fill="black", font=font, anchor="rm")
    return np.concatenate([np.asarray(margin), grid], axis=1)


def write_grid(grids: Sequence[NDArray[np.uint8]], path: Path) -> None:
    """Grids of equal width one below the other, as a PNG."""
    gap = np.full((2 * _GAP_PX, grids[0].shape[1], 3), 255, np.uint8)
    parts = [part for grid in grids for part in (gap, grid)][1:]
    write_bytes(path, encode_rgb(np.concatenate(parts)))


def _sum_of(row: dict[str, Any], prefix: str) -> float:
    return float(sum(value for key, value in row.items() if key == prefix or key.startswith(prefix + "/")))
