"""What a training looks like: loss curves, as the paper's Figures 12 and 14, and a grid of fixed images."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor, nn

from synth.dataset.codecs import encode_rgb
from synth.storage.atomic import write_bytes

_TERMS = {
    "loss/G/adv": ("adversarial", "tab:orange"),
    "loss/cycle": ("cycle", "tab:green"),
    "loss/identity": ("identity", "tab:purple"),
}
_GAP_PX = 4


def draw_losses(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Generators' and discriminators' losses over the images seen, one line a term, as a PNG.

    rows: the ticks of stats.jsonl. Both directions are summed, as they are in training.
    """
    figure = Figure(figsize=(9, 4), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    seen = [row["n_images_seen"] for row in rows]
    left.plot(seen, [row["loss/G/total"] for row in rows], color="tab:blue", label="generators")
    right.plot(seen, [row["loss/D/total"] for row in rows], color="tab:red", label="discriminators")
    for prefix, (label, colour) in _TERMS.items():
        terms = [_sum_of(row, prefix) for row in rows]
        if any(terms):
            left.plot(seen, terms, color=colour, linewidth=1, label=f"{label}, unweighted")
    for axes, title in ((left, "Generator loss"), (right, "Discriminator loss")):
        axes.set(xlabel="images of each kind seen", ylabel="loss", title=title, ylim=(0, None))
        axes.grid(alpha=0.3)
        axes.legend()
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=110)
    write_bytes(path, png.getvalue())


@torch.inference_mode()
def make_grid(first: Tensor, there: nn.Module, back: nn.Module) -> NDArray[np.uint8]:
    """Rows of source, translated and cycled pictures, [H,W,3].

    first: images [N,3,S,S] in −1 to 1. there, back: the two generators, in eval mode, on the same device.
    """
    translated = there(first)
    rows = torch.stack([first, translated, back(translated)])  # [3,N,3,S,S]
    padded = torch.nn.functional.pad(rows, (0, _GAP_PX, 0, _GAP_PX), value=1.0)
    pictures = padded.permute(0, 3, 1, 4, 2).flatten(2, 3).flatten(0, 1)  # [3(S+gap),N(S+gap),3]
    counts = ((pictures[:-_GAP_PX, :-_GAP_PX].float() + 1) * 127.5).round().clamp(0, 255)
    return np.ascontiguousarray(counts.to(torch.uint8).cpu().numpy())


def write_grid(grids: Sequence[NDArray[np.uint8]], path: Path) -> None:
    """Grids of equal width one below the other, as a PNG."""
    gap = np.full((2 * _GAP_PX, grids[0].shape[1], 3), 255, np.uint8)
    parts = [part for grid in grids for part in (gap, grid)][1:]
    write_bytes(path, encode_rgb(np.concatenate(parts)))


def _sum_of(row: dict[str, Any], prefix: str) -> float:
    return float(sum(value for key, value in row.items() if key == prefix or key.startswith(prefix + "/")))
