"""The report's diagrams."""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from synth.compare.collect import Results
from synth.compare.figures import Measured
from synth.compare.mixes import REAL
from synth.compare.plan import Contest
from synth.compare.report.content import Picture
from synth.storage.figure import encode_figure
from synth.train.run import TrainResult
from synth.train.tasks import TASKS
from synth.train.tasks.report import Curves, Diagram, Said

Floats = NDArray[np.float64]

COLOURS = {"real": "#2a6f97", "synthetic": "#c8553d", "translated": "#588157"}
_OTHERS = ("#7b2d8b", "#b08900", "#3d3d3d", "#e07ab1", "#00909e", "#8d6e63")
_DPI = 110
_LEAST_SPAN = {"": 0.05, "%": 5.0, "°": 1.0}
"""Of the axis of headlines, by their unit: where all are about 0, its numbers are not those of rounding."""


def colour_of(mix: str, mixes: Sequence[str]) -> str:
    """A mix's colour, the same in every diagram of a report."""
    others = [name for name in mixes if name not in COLOURS]
    return COLOURS.get(mix) or _OTHERS[others.index(mix) % len(_OTHERS)]


def draw_diagram(name: str, diagram: Diagram, said: Mapping[str, Sequence[Said]]) -> Picture:
    """A task's own diagram of what each mix's networks say."""
    figure, (ax,) = _make(1)
    diagram.draw(ax, said, lambda mix: colour_of(mix, list(said)))
    return _finish(figure, name, diagram.caption)


def draw_overview(contest: Contest, rows: Sequence[Measured]) -> Picture:
    """The headline of every mix, best first, a dot with its interval; a line where ``real`` stands."""
    metric = TASKS[contest.task].headline
    mixes = [row.mix for row in rows]
    figure = Figure(figsize=(3.8, 0.9 + 0.32 * len(rows)), layout="constrained")
    ax = figure.add_subplot()
    ax.grid(axis="x", alpha=0.3)
    for i, row in enumerate(rows):
        effect, colour = row.effect, colour_of(row.mix, mixes)
        ax.plot((effect.low, effect.high), (i, i), color=colour, lw=2)
        ax.plot(effect.value, i, "o", color=colour, ms=7, clip_on=False, zorder=3)
        if row.mix == REAL:
            ax.axvline(effect.value, color=colour, lw=1, ls=":")
    ax.set_yticks(range(len(rows)), mixes)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    low, high = ax.get_xlim()
    ax.set_xlim(max(0.0, low), max(high, max(0.0, low) + _LEAST_SPAN.get(metric.unit, 0.0)))
    ax.locator_params(axis="x", nbins=5)
    unit = f", {metric.unit}" if metric.unit else ""
    which = "less" if metric.lower_is_better else "more"
    figure.supxlabel(f"{metric.title}{unit} ({which} is better)", fontsize="medium")
    once = any(row.effect.is_one_training for row in rows)
    told = "of one training each, which tells nothing of another one" if once else "the best first"
    caption = f"{contest.title}: {metric.title} of every mix with its 95 % interval, {told}."
    return _finish(figure, f"{contest.task}_{contest.settings.model}_overview", caption)


def draw_training(name: str, results: Results, curves: Curves) -> Picture:
    """Figures throughout training, a panel each, a line a seed, a dot where weights were kept.

    Panels of what these networks do not tell, such as another family's loss, are left out.
    """
    panels = [(title, key) for title, key in curves.panels if all(_tells(r, key) for _, r in results)]
    figure, axes = _make(len(panels))
    mixes = list(dict.fromkeys(trial.mix.name for trial, _ in results))
    for ax, (title, key) in zip(axes, panels, strict=True):
        seen: set[str] = set()
        for trial, result in results:
            mix = trial.mix.name
            label = None if mix in seen else mix
            seen.add(mix)
            colour = colour_of(mix, mixes)
            steps = [check.step for check in result.checks]
            ax.plot(steps, _series(result, key), color=colour, alpha=0.7, lw=1.3, label=label)
            at = [c.step for c in result.checks].index(result.best.step)
            ax.plot(result.best.step, _series(result, key)[at], "o", color=colour, ms=4)
        ax.set(xlabel="step", title=title)
        ax.set_ylim(bottom=0)
    axes[0].legend(title="trained on", fontsize=8)
    return _finish(figure, name, curves.caption)


def draw_size_curve(
    name: str, title: str, curve: Sequence[tuple[int, float, float, float]], levels: Mapping[str, float]
) -> Picture:
    """The metric by the number of captured images (n, value, low, high), and other mixes as levels."""
    figure, (ax,) = _make(1)
    n, value, low, high = np.array(curve).T
    ax.fill_between(n, low, high, color=COLOURS["real"], alpha=0.2)
    ax.plot(n, value, "o-", color=COLOURS["real"], label="captured images alone")
    for mix, level in levels.items():
        ax.axhline(level, color=colour_of(mix, list(levels)), ls="--", label=mix)
    ax.set_xscale("log", base=2)
    ax.set_xticks(n, [f"{int(k)}" for k in n])
    ax.set(xlabel="captured train and val images", ylabel=title)
    ax.legend()
    return _finish(figure, name, f"{title} by the number of labelled captured images; band: 95 % interval.")


def draw_colours(name: str, means: Mapping[str, Floats]) -> Picture:
    """Mean histograms [3,256] of each dataset's train images, a panel a channel."""
    figure, axes = _make(3)
    for c, (ax, title) in enumerate(zip(axes, ("red", "green", "blue"), strict=True)):
        for dataset, histogram in means.items():
            ax.plot(
                histogram[c].reshape(64, 4).sum(axis=1), color=colour_of(dataset, list(means)), label=dataset
            )
        ax.set(title=title, xlabel="value / 4", yticks=[])
    axes[0].legend(fontsize=8)
    return _finish(
        figure, name, "How often each value of red, green and blue occurs, mean over train images."
    )


def _tells(result: TrainResult, key: str) -> bool:
    name = key.removeprefix("train_").removesuffix("_loss")
    return key in result.best.figures or (key.startswith("train") and name in ("train", *result.best.losses))


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
    with mpl.rc_context({"svg.hashsalt": name}):
        plain = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        svg = encode_figure(figure, "svg", metadata=plain).decode()
    pixels = encode_figure(figure, dpi=_DPI, metadata={"Software": None})
    return Picture(name, caption, pixels, svg[svg.index("<svg") :])
