"""The report's diagrams."""

import io
from collections.abc import Mapping, Sequence
from itertools import pairwise

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from synth.compare.collect import Results
from synth.compare.report.content import Picture
from synth.train.run import TrainResult

Floats = NDArray[np.float64]

COLOURS = {"real": "#2a6f97", "synthetic": "#c8553d", "translated": "#588157"}
_OTHERS = ("#7b2d8b", "#b08900", "#3d3d3d", "#e07ab1", "#00909e", "#8d6e63")
_DPI = 110


def colour_of(arm: str, arms: Sequence[str]) -> str:
    """An arm's colour, the same in every diagram of a report."""
    others = [name for name in arms if name not in COLOURS]
    return COLOURS.get(arm) or _OTHERS[others.index(arm) % len(_OTHERS)]


def draw_errors(name: str, errors: Mapping[str, Floats]) -> Picture:
    """How many test crops lie under each angle error, arms [seeds, crops] as steps."""
    figure, (ax,) = _make(1)
    for arm, table in errors.items():
        for i, row in enumerate(np.sort(table, axis=1)):
            share = np.arange(1, len(row) + 1) / len(row)
            label = arm if i == 0 else None
            ax.step(row, share, color=colour_of(arm, list(errors)), alpha=0.7, label=label, where="post")
    ax.set(xlabel="angle error, degrees", ylabel="share of test crops", ylim=(0, 1), xlim=(0, None))
    ax.legend(title="trained on, a line a seed")
    return _finish(figure, name, "Share of test crops under each angle error.")


def draw_training(name: str, results: Results, panels: Sequence[tuple[str, str]], caption: str) -> Picture:
    """Figures throughout training, a panel each (title, key), a line a seed, a dot where weights were kept.

    Keys that begin with ``train`` are train losses, others the checks' own figures.
    """
    figure, axes = _make(len(panels))
    arms = list(dict.fromkeys(cell.arm.name for cell, _ in results))
    for ax, (title, key) in zip(axes, panels, strict=True):
        seen: set[str] = set()
        for cell, result in results:
            arm = cell.arm.name
            label = None if arm in seen else arm
            seen.add(arm)
            colour = colour_of(arm, arms)
            steps = [check.step for check in result.checks]
            ax.plot(steps, _series(result, key), color=colour, alpha=0.7, lw=1.3, label=label)
            at = [c.step for c in result.checks].index(result.best.step)
            ax.plot(result.best.step, _series(result, key)[at], "o", color=colour, ms=4)
        ax.set(xlabel="step", title=title)
        ax.set_ylim(bottom=0)
    axes[0].legend(title="trained on", fontsize=8)
    return _finish(figure, name, caption)


def draw_vertical(name: str, results: Results) -> Picture:
    """Angle error against the vertical projection w of the true normal, with quartiles (Figure 24)."""
    figure, (ax,) = _make(1)
    arms = list(dict.fromkeys(cell.arm.name for cell, _ in results))
    edges = np.linspace(0.2, 1.0, 9)
    for arm in arms:
        own = [r for cell, r in results if cell.arm.name == arm]
        w = np.concatenate([np.array(r.true)[:, 2] for r in own])
        error = np.concatenate([_angles(r) for r in own])
        groups = [(a, b, error[(w >= a) & (w <= b)]) for a, b in pairwise(edges)]
        rows = [((a + b) / 2, *np.quantile(e, [0.25, 0.5, 0.75])) for a, b, e in groups if len(e) >= 4]
        ax.plot(w, error, ".", color=colour_of(arm, arms), alpha=0.15, ms=3)
        if rows:
            x, low, middle, high = np.array(rows).T
            ax.plot(x, middle, "o-", color=colour_of(arm, arms), label=arm)
            ax.fill_between(x, low, high, color=colour_of(arm, arms), alpha=0.15)
        else:
            ax.plot([], [], "o-", color=colour_of(arm, arms), label=f"{arm}, too few for a line")
    ax.set(xlabel="w, the true normal's projection on the camera axis", ylabel="angle error, degrees")
    ax.set_ylim(bottom=0)
    ax.legend(title="line: median; band: quartiles")
    return _finish(
        figure,
        name,
        "Angle error against the vertical projection of the true normal (the paper's Figure 24); w = 1 faces "
        "the camera. All seeds together.",
    )


def draw_size_curve(
    name: str, title: str, curve: Sequence[tuple[int, float, float, float]], levels: Mapping[str, float]
) -> Picture:
    """The metric of trainings with so many real images (n, value, low, high), and other arms as levels."""
    figure, (ax,) = _make(1)
    n, value, low, high = np.array(curve).T
    ax.fill_between(n, low, high, color=COLOURS["real"], alpha=0.2)
    ax.plot(n, value, "o-", color=COLOURS["real"], label="real images alone")
    for arm, level in levels.items():
        ax.axhline(level, color=colour_of(arm, list(levels)), ls="--", label=arm)
    ax.set_xscale("log", base=2)
    ax.set_xticks(n, [f"{int(k)}" for k in n])
    ax.set(xlabel="real train and val images", ylabel=title)
    ax.legend()
    return _finish(figure, name, f"{title} by the number of labelled real images; band: 95 % interval.")


def draw_colours(name: str, means: Mapping[str, Floats]) -> Picture:
    """Mean histograms [3,256] of each dataset's train images, a panel a channel."""
    figure, axes = _make(3)
    for c, (ax, title) in enumerate(zip(axes, ("red", "green", "blue"), strict=True)):
        for kind, histogram in means.items():
            ax.plot(histogram[c].reshape(64, 4).sum(axis=1), color=colour_of(kind, list(means)), label=kind)
        ax.set(title=title, xlabel="value / 4", yticks=[])
    axes[0].legend(fontsize=8)
    return _finish(
        figure, name, "How often each value of red, green and blue occurs, mean over train images."
    )


def _angles(result: TrainResult) -> Floats:
    cosine = (np.array(result.predicted) * np.array(result.true)).sum(axis=1)
    return np.asarray(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def _series(result: TrainResult, key: str) -> list[float]:
    if key.startswith("train"):
        name = key.removeprefix("train_").removesuffix("_loss")
        return [sum(c.losses.values()) if name == "train" else c.losses[name] for c in result.checks]
    return [check.figures[key] for check in result.checks]


def _make(n: int) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(6.4, 4) if n == 1 else (3.4 * min(n, 3), 2.9 * -(-n // 3)), layout="constrained")
    axes = [figure.add_subplot(-(-n // 3), min(n, 3), i + 1) for i in range(n)]
    for ax in axes:
        ax.grid(alpha=0.3)
    return figure, axes


def _finish(figure: Figure, name: str, caption: str) -> Picture:
    text, pixels = io.BytesIO(), io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(text, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    figure.savefig(pixels, format="png", dpi=_DPI, metadata={"Software": None})
    svg = text.getvalue().decode()
    return Picture(name, caption, pixels.getvalue(), svg[svg.index("<svg") :])
