"""What a person looks at after cycles: pictures beside the dataset, and a sheet of what was unfair.

``data/composited.cycles.png`` shows what was kept, a row a cycle (TERSE's figure 4);
``data/composited.hardness.png`` how hard candidates were for the target that all began with (figure 8), how
hard what was kept is after each cycle, and what the target learnt of which;
``data/composited.parameters.png`` where proposals lay, cycle by cycle.
"""

import io
import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from synth.sim.placing.cache import Cache, Candidate
from synth.sim.placing.material import Material, lay
from synth.sim.placing.placement import PARAMETERS, Bounds
from synth.storage.atomic import write_bytes
from synth.storage.figure import encode_figure
from synth.train.drawing import write_caption

N_SHOWN = 8
_GAP_PX = 4
_TILE_PX = 240
_BINS = np.linspace(0, 1, 21)
_SATURATED = 0.99
_UNIFORM_STD = 3**-0.5


def show_cycles(cache: Cache, material: Material, path: Path) -> None:
    """Some of what was kept in each cycle, as the target saw it, and how hard it was."""
    kept = cache.kept
    rows = [[c for c in kept if c.cycle == cycle] for cycle in sorted({c.cycle for c in kept})]
    _write_tiles([_spread(row, N_SHOWN) for row in rows], material, path)


def show_unfair(cache: Cache, material: Material, path: Path) -> None:
    """Some unfair candidates, a row a reason."""
    reasons = sorted({c.verdict for c in cache.unfair})
    rows = [[c for c in cache.unfair if c.verdict == reason] for reason in reasons]
    if rows:
        _write_tiles([_spread(row, N_SHOWN) for row in rows], material, path)


def show_hardness(
    cache: Cache, by_chance: Sequence[float], hard_at: float, path: Path, *, is_chance: bool
) -> None:
    """by_chance: hardness of candidates drawn by chance, for the target that all began with. is_chance:
    whether nothing else was proposed.
    """
    figure = Figure(figsize=(13, 4), layout="constrained")
    FigureCanvasAgg(figure)
    first, after, learnt = figure.subplots(1, 3)
    proposed = [] if is_chance else [c.hardness for c in cache.fair if c.cycle == 1]
    for name, values in (
        ("by chance", by_chance),
        ("by chance, hard ones", [h for h in by_chance if h >= hard_at]),
        ("proposed in cycle 1", proposed),
    ):
        if len(values):
            weights = np.full(len(values), 1 / len(values))
            first.hist(values, _BINS, weights=weights, histtype="step", label=f"{name} ({len(values)})")
    first.set(title="For the target as it was", xlabel="hardness", ylabel="share")
    kept = cache.kept
    cycles = sorted({c.cycle for c in kept})
    for cycle in cycles:
        means = [float(np.mean([c.hardness for c in kept if c.cycle == cycle]))]
        later = list(range(cycle, max(cycles) + 1))
        means += [float(np.mean([c.after[str(k)] for c in kept if c.cycle == cycle])) for k in later]
        after.plot([cycle - 1, *later], means, marker="o", label=f"kept in cycle {cycle}")
    after.set_xticks([0, *cycles])
    after.axhline(hard_at, color="tab:gray", linestyle=":")
    after.set(title="Kept ones, for the target after each cycle", xlabel="cycle", ylabel="mean hardness")
    _draw_learnt(learnt, kept, cycles)
    for ax in (first, after, learnt):
        ax.grid(alpha=0.3)
        ax.legend(fontsize=8)
    _write_figure(figure, path)


def show_parameters(cache: Cache, bounds: Bounds, path: Path) -> None:
    """Of parameters with a range: spread beside that of chance, saturated share, shift of the median."""
    names = live_parameters(bounds)
    figure = Figure(figsize=(13, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, 3)
    everything = [*cache.fair, *cache.unfair]
    cycles = sorted({c.cycle for c in everything})
    figures = np.array(
        [measure_parameters([c for c in everything if c.cycle == cycle]) for cycle in cycles]
    )  # [cycles,3,parameters]
    titles = (
        "Spread, chance has 1",
        "Share within a hundredth of a bound",
        "Shift of the median, 1 at a bound",
    )
    for ax, values, title in zip(axes, figures.transpose(1, 0, 2), titles, strict=True):
        for name in names:
            ax.plot(cycles, values[:, PARAMETERS.index(name)], marker="o", label=name)
        ax.set(title=title, xlabel="cycle", xticks=cycles)
        ax.grid(alpha=0.3)
        ax.legend(fontsize=8)
    _write_figure(figure, path)


def live_parameters(bounds: Bounds) -> list[str]:
    """Names of those that move anything."""
    scaled = bounds.log_scale != (0.0, 0.0)
    live = {
        "angle": bounds.angle_deg > 0,
        "shear": bounds.shear > 0,
        "scale_x": scaled,
        "scale_y": scaled,
        "gain": bounds.log_gain > 0,
        "gamma": bounds.log_gamma > 0,
        "blur": bounds.blur_px > 0,
    }
    return [name for name in PARAMETERS if live.get(name, True)]


def measure_parameters(candidates: Sequence[Candidate]) -> NDArray[np.float64]:
    """[3,parameters]: standard deviation beside that of chance, saturated share, shift of the median."""
    unit = np.array([row for candidate in candidates for row in candidate.unit])
    return np.stack(
        [
            unit.std(axis=0) / _UNIFORM_STD,
            (np.abs(unit) > _SATURATED).mean(axis=0),
            np.abs(np.median(unit, axis=0)),
        ]
    )


def _draw_learnt(ax: Axes, kept: Sequence[Candidate], cycles: Sequence[int]) -> None:
    """How much easier kept ones are in the end, by how hard they were."""
    was = np.array([c.hardness for c in kept])
    easier = was - [c.after[str(max(cycles))] for c in kept]
    edges = np.linspace(was.min(), was.max() + 1e-6, 6)
    for low, high in itertools.pairwise(edges):
        inside = (was >= low) & (was < high)
        if inside.any():
            ax.bar((low + high) / 2, easier[inside].mean(), 0.8 * (high - low), color="tab:blue")
            ax.text((low + high) / 2, 0, str(int(inside.sum())), ha="center", va="bottom", fontsize=8)
    ax.plot([], [], color="tab:blue", label="mean; the number is how many")
    ax.set(title="Easier in the end, by hardness", xlabel="hardness when kept", ylabel="less hardness")


def _spread(row: Sequence[Candidate], n: int) -> list[Candidate]:
    """Evenly many of a row."""
    return [row[int(i)] for i in np.linspace(0, len(row) - 1, min(n, len(row)))]


def _write_tiles(rows: Sequence[Sequence[Candidate]], material: Material, path: Path) -> None:
    """A picture with a row of candidates each, as they were tried."""
    tiles = [[_draw(candidate, material) for candidate in row] for row in rows]
    height, width = tiles[0][0].shape[:2]
    side = (_GAP_PX + width, _GAP_PX + height)
    sheet = Image.new("RGB", (max(map(len, tiles)) * side[0], len(tiles) * side[1]), "white")
    for j, row in enumerate(tiles):
        for i, tile in enumerate(row):
            sheet.paste(Image.fromarray(tile), (i * side[0], j * side[1]))
    content = io.BytesIO()
    sheet.save(content, "PNG", optimize=True)
    write_bytes(path, content.getvalue())


def _draw(candidate: Candidate, material: Material) -> NDArray[np.uint8]:
    batch = material.load([candidate.key])
    unit = batch.cutouts.new_zeros((*batch.there.shape, len(PARAMETERS)))
    unit[0, : len(candidate.unit)] = unit.new_tensor(candidate.unit)
    picture = lay(material, batch, unit)[0].images[0]
    rgb_u8 = (255 * picture).round().byte().permute(1, 2, 0).cpu().numpy()
    tile = Image.fromarray(rgb_u8)
    tile.thumbnail((_TILE_PX, _TILE_PX))
    said = f"{candidate.hardness:.2f}" if candidate.is_kept else candidate.verdict
    return write_caption(np.array(tile), said)


def _write_figure(figure: Figure, path: Path) -> None:
    write_bytes(path, encode_figure(figure, dpi=110))
