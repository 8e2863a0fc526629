"""The report's pictures, as SVG text or PNG bytes."""

import io
from collections.abc import Mapping, Sequence

import cv2
import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from synth.compare.run import CellResult

Floats = NDArray[np.float64]
Rgb = NDArray[np.uint8]

COLOURS = {"real": "#2a6f97", "synthetic": "#c8553d", "translated": "#588157"}
_OTHER = "#666666"
_TRUE_RGB, _FOUND_RGB = (20, 200, 60), (255, 40, 200)
_ARROW = 0.42


def draw_errors(errors: Mapping[str, Floats]) -> str:
    """How many test crops lie under each angle error, arms [seeds, images] as steps, as SVG."""
    figure, ax = _make()
    for arm, table in errors.items():
        colour = COLOURS.get(arm, _OTHER)
        for i, row in enumerate(np.sort(table, axis=1)):
            share = np.arange(1, len(row) + 1) / len(row)
            ax.step(row, share, color=colour, alpha=0.7, label=arm if i == 0 else None, where="post")
    ax.set(xlabel="angle error, degrees", ylabel="share of test crops", ylim=(0, 1), xlim=(0, None))
    ax.legend(title="trained on, a line a seed")
    return _to_svg(figure)


def draw_checks(results: Sequence[CellResult]) -> str:
    """Median angle on each arm's own val crops throughout training, as SVG."""
    figure, ax = _make()
    seen = set()
    for result in results:
        label = None if result.arm in seen else result.arm
        seen.add(result.arm)
        steps, values = [c.step for c in result.checks], [c.val_deg for c in result.checks]
        ax.plot(steps, values, color=COLOURS.get(result.arm, _OTHER), alpha=0.7, label=label)
        ax.plot(result.best.step, result.best.val_deg, "o", color=COLOURS.get(result.arm, _OTHER))
    ax.set(xlabel="step", ylabel="median angle on own val crops, degrees", ylim=(0, None))
    ax.legend(title="trained on; dots: kept")
    return _to_svg(figure)


def draw_vertical(results: Sequence[CellResult]) -> str:
    """Angle error against the true normal's angle from the line of sight, with quartiles, as SVG."""
    figure, ax = _make()
    edges = np.arange(0, 91, 10)
    for arm in dict.fromkeys(r.arm for r in results):
        own = [r for r in results if r.arm == arm]
        tilt = np.degrees(np.arccos(np.clip([v[2] for r in own for v in r.true_uvw], -1, 1)))
        error = np.concatenate([r.errors_deg for r in own])
        rows = [(a + 5, error[(tilt >= a) & (tilt < a + 10)]) for a in edges[:-1]]
        rows = [(middle, np.quantile(e, [0.25, 0.5, 0.75])) for middle, e in rows if len(e) >= 4]
        if rows:
            x, q = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
            ax.plot(x, q[:, 1], "o-", color=COLOURS.get(arm, _OTHER), label=arm)
            ax.fill_between(x, q[:, 0], q[:, 2], color=COLOURS.get(arm, _OTHER), alpha=0.15)
    ax.set(xlabel="true normal's angle from the camera axis, degrees", ylabel="angle error, degrees")
    ax.set_ylim(bottom=0)
    ax.legend(title="median; band: quartiles")
    return _to_svg(figure)


def draw_normals(
    crops_u8: Sequence[Rgb], true_uvw: Floats, found_uvw: Floats, captions: Sequence[str]
) -> bytes:
    """A strip of crops [S,S,3] with the true (green) and the predicted normal (magenta) drawn, as PNG.

    Normals [N,3] are drawn as their (u, v), from the middle, u right and v up.
    """
    tiles = []
    for crop, true, found, caption in zip(crops_u8, true_uvw, found_uvw, captions, strict=True):
        tile = cv2.resize(crop, (224, 224), interpolation=cv2.INTER_CUBIC)
        for vector, rgb in ((true, _TRUE_RGB), (found, _FOUND_RGB)):
            tip = (112 + 224 * _ARROW * vector[0], 112 - 224 * _ARROW * vector[1])
            cv2.arrowedLine(
                tile, (112, 112), (round(tip[0]), round(tip[1])), rgb, 2, cv2.LINE_AA, tipLength=0.15
            )
        cv2.putText(tile, caption, (6, 216), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 3, cv2.LINE_AA)
        cv2.putText(tile, caption, (6, 216), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1, cv2.LINE_AA)
        tiles.append(np.pad(tile, ((0, 0), (0, 4), (0, 0)), constant_values=255))
    _, png = cv2.imencode(".png", np.hstack(tiles)[..., ::-1])
    return png.tobytes()


def _make() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(6.4, 4), layout="constrained")
    ax = figure.subplots()
    ax.grid(alpha=0.3)
    return figure, ax


def _to_svg(figure: Figure) -> str:
    text = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "synth"}):
        figure.savefig(text, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    svg = text.getvalue().decode()
    return svg[svg.index("<svg") :]
