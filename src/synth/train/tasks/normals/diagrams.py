"""What networks say of normals, as diagrams of the report."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from synth.geometry.normals import angle_deg
from synth.train.tasks.report import Said

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]
Colour = Callable[[str], str]

_LEAST = 4
"""Crops in a step of w from which quartiles are drawn."""


def errors_deg(said: Sequence[Said]) -> Floats:
    """Angle errors [seeds, crops], degrees."""
    return np.array([angle_deg(np.array(one.predicted), np.array(one.true)) for one in said])


def draw_errors(ax: "Axes", said: Mapping[str, Sequence[Said]], colour: Colour) -> None:
    """How many test crops lie under each angle error, a step line a seed."""
    for mix, own in said.items():
        for i, row in enumerate(np.sort(errors_deg(own), axis=1)):
            share = np.arange(1, len(row) + 1) / len(row)
            label = mix if i == 0 else None
            ax.step(row, share, color=colour(mix), alpha=0.7, label=label, where="post")
    ax.set(xlabel="angle error, degrees", ylabel="share of test crops", ylim=(0, 1), xlim=(0, None))
    ax.legend(title="trained on, a line a seed")


def draw_vertical(ax: "Axes", said: Mapping[str, Sequence[Said]], colour: Colour) -> None:
    """Angle error against the true normal's vertical projection w, quartiles (Figure 24 of the paper)."""
    edges = np.linspace(0.2, 1.0, 9)
    for mix, own in said.items():
        w = np.concatenate([np.array(one.true)[:, 2] for one in own])
        error = errors_deg(own).ravel()
        steps = [(a, b, error[(w >= a) & (w <= b)]) for a, b in pairwise(edges)]
        rows = [((a + b) / 2, *np.quantile(e, [0.25, 0.5, 0.75])) for a, b, e in steps if len(e) >= _LEAST]
        ax.plot(w, error, ".", color=colour(mix), alpha=0.15, ms=3)
        if rows:
            x, low, middle, high = np.array(rows).T
            ax.plot(x, middle, "o-", color=colour(mix), label=mix)
            ax.fill_between(x, low, high, color=colour(mix), alpha=0.15)
        else:
            ax.plot([], [], "o-", color=colour(mix), label=f"{mix}, too few for a line")
    ax.set(xlabel="w, the true normal's projection on the camera axis", ylabel="angle error, degrees")
    ax.set_ylim(bottom=0)
    ax.legend(title="line: median; band: quartiles")
