"""Every criterion over the checkpoints of a run, with the one that was kept, as one picture."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from synth.gan.choice import MAX_BOX_DRIFT, MAX_NORMAL_DRIFT_DEG
from synth.gan.judge import Score
from synth.gan.result import Result
from synth.storage.atomic import write_bytes
from synth.storage.figure import encode_figure

TITLES = {
    "kernel_distance": "Kernel distance",
    "classifier_auc": "Classifier's AUC",
    "colour_emd": "Colour EMD, counts",
    "gradient_emd": "Gradient EMD, counts",
    "kid": "KID",
}


def draw_criteria(result: Result, scores: Sequence[Score], path: Path) -> None:
    """Write a PNG: four distances with their intervals, what labels lost and, if any, the task network."""
    figure = Figure(figsize=(15, 7), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, 4).ravel()
    steps = [score.step for score in scores]
    for ax, (name, title) in zip(axes[:4], TITLES.items(), strict=False):
        distances = [score.distances[name] for score in scores]
        ax.plot(steps, [d.value for d in distances], marker="o", label="translated")
        ax.fill_between(steps, [d.low for d in distances], [d.high for d in distances], alpha=0.2)
        ax.axhline(result.before.distances[name].value, color="tab:red", linestyle="--", label="source")
        ax.axhline(
            result.floor[name].value, color="tab:green", linestyle=":", label="captured against captured"
        )
        ax.set_title(title)
    _plot(axes[4], steps, [100 * s.box_drift for s in scores], 100 * MAX_BOX_DRIFT, "Box drift, % of side")
    most_deg = MAX_NORMAL_DRIFT_DEG + result.witness_sway.normal_deg
    _plot(axes[5], steps, [s.normal_drift_deg for s in scores], most_deg, "Normal drift, degrees")
    axes[6].plot(steps, [s.kept for s in scores], marker="o", label="mask IoU after / before")
    axes[6].set_title("Masks that the witness still finds")
    _draw_downstream(axes[7], scores)
    chosen = "kept" if result.choice.rival is None else f"best; {result.choice.rival} is applied"
    for ax in axes:
        if ax.has_data():
            ax.axvline(result.choice.step, color="black", linewidth=1, alpha=0.6, label=chosen)
            ax.set_xlabel("step")
            ax.grid(alpha=0.3)
            ax.legend(fontsize=8)
    figure.suptitle(
        f"n = {scores[0].distances['colour_emd'].n} val patches a set; bands: 95 % intervals over patches"
    )
    write_bytes(path, encode_figure(figure, dpi=100))


def _plot(ax: Axes, steps: list[int], values: list[float], limit: float, title: str) -> None:
    ax.plot(steps, values, marker="o", label="translated")
    ax.axhline(limit, color="tab:red", linestyle=":", label="limit")
    ax.set_title(title)
    ax.set_ylim(bottom=0)


def _draw_downstream(ax: Axes, scores: Sequence[Score]) -> None:
    judged = [(s.step, s.downstream) for s in scores if s.downstream is not None]
    if not judged:
        ax.set_axis_off()
        return
    ax.plot([step for step, _ in judged], [d.mask_iou for _, d in judged], marker="o", label="mask IoU")
    ax.set_title("Network trained on translated, scored on captured val")
