"""A few pictures at once, beside the captured ones that they stand for."""

import io
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from synth.compute.progress import Progress
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.errors import InputError
from synth.sim.backdrop import evenly
from synth.sim.run import make_plan, produce
from synth.sim.scene import Scene
from synth.sim.settings import RenderSettings
from synth.sim.sources.source import MadeSample, Order
from synth.storage.atomic import write_bytes

_TILE_W, _GAP, _CAPTION_H = 640, 10, 30
_PAPER, _TEXT = (22, 24, 29), (232, 234, 237)


def preview(settings: RenderSettings, n: int, path: Path, progress: Progress) -> None:
    """Make ``n`` samples, twins first, at draft quality, and write them as one PNG; no dataset is touched.

    Raises InputError for less than one, and what `synth.sim.run.render` raises.
    """
    if n < 1:
        raise InputError(f"--preview must be 1 or more, got {n}")
    plan = make_plan(replace(settings, quality="draft", layers=False))
    plan.studio.check()
    orders = _choose(plan.orders, n)
    samples: list[MadeSample] = []
    progress.begin(total=len(orders), done=0)

    def keep(sample: MadeSample) -> None:
        samples.append(sample)
        progress.accepted(sample.draft.name)

    try:
        with tempfile.TemporaryDirectory(prefix="synth_preview_") as scratch:
            studio = plan.studio.prepared(Path(scratch), progress)
            produce(orders, studio, keep, progress, settings)
    finally:
        progress.end()
    buffer = io.BytesIO()
    _sheet(samples, settings.real).save(buffer, "PNG")
    write_bytes(path, buffer.getvalue())


def _choose(orders: tuple[Order, ...], n: int) -> list[Order]:
    twins: list[Order] = []
    others: list[Order] = []
    for order in orders:
        (twins if isinstance(order.job, Scene) and order.job.parents else others).append(order)
    chosen = evenly(twins, min(n, len(twins)))
    return chosen + evenly(others, min(n - len(chosen), len(others)))


def _sheet(samples: list[MadeSample], real: DatasetReader | None) -> Image.Image:
    """One row a twin: captured, rendered; what stands for no captured sample stands two in a row."""
    tiles: list[tuple[str, NDArray[np.uint8]]] = []
    for sample in samples:
        name = sample.draft.name
        if real is not None and (captured := _find_captured(sample, real)) is not None:
            tiles.append((f"{name}   captured", real.load_rgb(captured)))
        kind = "" if sample.scene is None else f"{sample.scene.scenario}, "
        tiles.append((f"{name}   {kind}rendered", sample.layers["image"]))
    width, height = samples[0].draft.size_wh
    tile_h = round(_TILE_W * height / width)
    n_rows = -(-len(tiles) // 2)
    sheet = Image.new(
        "RGB", (2 * (_TILE_W + _GAP) + _GAP, n_rows * (tile_h + _CAPTION_H + _GAP) + _GAP), _PAPER
    )
    draw = ImageDraw.Draw(sheet)
    for i, (caption, rgb_u8) in enumerate(tiles):
        x = _GAP + (i % 2) * (_TILE_W + _GAP)
        y = _GAP + (i // 2) * (tile_h + _CAPTION_H + _GAP)
        sheet.paste(Image.fromarray(rgb_u8).resize((_TILE_W, tile_h), Image.Resampling.LANCZOS), (x, y))
        draw.text((x + 4, y + tile_h + _CAPTION_H / 2), caption, fill=_TEXT, anchor="lm", font=_font())
    return sheet


def _find_captured(sample: MadeSample, real: DatasetReader) -> Sample | None:
    """The captured sample whose scene was rendered; None for what is made of others without being one."""
    if sample.scene is None:
        return None
    pixels = {p.pixels_sha256 for p in sample.draft.origin.parents if p.name in sample.scene.parents}
    return next((s for s in real.samples if s.pixels_sha256 in pixels), None)


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=16)
