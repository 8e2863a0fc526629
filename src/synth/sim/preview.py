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
from synth.errors import InputError
from synth.sim.blender import Blender
from synth.sim.match import match_objects
from synth.sim.plan import Order, spread
from synth.sim.run import Plan, choose_look, choose_workers, make_studio, produce
from synth.sim.studio import RenderedSample
from synth.storage.atomic import write_bytes

_TILE_W, _GAP, _CAPTION_H = 640, 10, 30
_PAPER, _TEXT = (22, 24, 29), (232, 234, 237)


def preview(plan: Plan, n: int, path: Path, progress: Progress) -> None:
    """Render ``n`` scenes of a plan, twins first, quickly, and write them as one PNG; no dataset is touched.

    Raises InputError when the plan is shorter than that, and what `synth.sim.run.render` raises.
    """
    if n < 1 or not plan.orders:
        raise InputError(f"--preview must be 1 or more, got {n}")
    settings = replace(plan.settings, quality="draft", layers=False)
    orders = _choose(plan.orders, n)
    samples: list[RenderedSample] = []
    Blender(path.parent, settings.blender)
    look = choose_look(settings, plan.camera)
    progress.begin(total=len(orders), done=0)

    def keep(sample: RenderedSample) -> None:
        samples.append(sample)
        progress.accepted(sample.scene.name)

    try:
        with tempfile.TemporaryDirectory(prefix="synth_preview_") as scratch:
            studio = make_studio(replace(plan, settings=settings), look, Path(scratch))
            studio = replace(studio, look=match_objects(studio, settings.real, Path(scratch)))
            produce(orders, studio, keep, progress, n_workers=choose_workers(settings.n_workers))
    finally:
        progress.end()
    buffer = io.BytesIO()
    _sheet(samples, settings.real).save(buffer, "PNG")
    write_bytes(path, buffer.getvalue())


def _choose(orders: tuple[Order, ...], n: int) -> list[Order]:
    twins = [order for order in orders if order.scenario == "twin"]
    others = [order for order in orders if order.scenario != "twin"]
    chosen: list[Order] = spread(twins, min(n, len(twins)))
    return chosen + spread(others, min(n - len(chosen), len(others)))


def _sheet(samples: list[RenderedSample], real: DatasetReader | None) -> Image.Image:
    """One row a twin: captured, rendered; what has no twin stands two in a row."""
    tiles: list[tuple[str, NDArray[np.uint8]]] = []
    for sample in samples:
        name = sample.scene.name
        if sample.scene.scenario == "twin" and real is not None:
            tiles.append((f"{name}   captured", real.load_rgb(real[name])))
        tiles.append((f"{name}   {sample.scene.scenario}, rendered", sample.rgb_u8))
    width, height = samples[0].scene.camera.size_wh
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


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=16)
