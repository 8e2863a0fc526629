"""A sheet of what an import of footage took and refused, and why; and a picture of what stays in a film."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from synth.dataset import codecs
from synth.dataset.folder import read_inside
from synth.dataset.imports.video_marks import Mask
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.storage.atomic import write_bytes

_A_ROW, _TILE_W, _GAP, _CAPTION_H, _HEAD_H = 6, 320, 12, 26, 44
_PAPER, _TEXT, _DIM = (22, 24, 29), (232, 234, 237), (150, 156, 166)
_MARKED = (255, 40, 40)


def write_footage_sheet(dataset: DatasetReader, marks: Sequence[tuple[str, Path]], path: Path) -> None:
    """Write a PNG: a row of frames that were taken, one for each reason to refuse some, one of the films in
    which something stays.

    marks: pictures by the film's name.
    """
    rows = [
        (f"taken: {len(dataset)}", [_tile(dataset, _where(s), s.image) for s in _spread(dataset.samples)])
    ]
    for reason in dict.fromkeys(r.reason for r in dataset.rejections):
        refused = [r for r in dataset.rejections if r.reason == reason]
        shown = _spread([r for r in refused if r.sha256])
        tiles = [_tile(dataset, r.detail.partition(":")[0], next(iter(r.sha256))) for r in shown]
        rows.append((f"{reason}: {len(refused)}", tiles))
    if marks:
        tiles = [(film, _shrink(path.read_bytes())) for film, path in _spread(marks)]
        rows.append(("stays while the scene moves", tiles))
    heights = [
        _HEAD_H + max((tile.height for _, tile in tiles), default=0) + (_CAPTION_H if tiles else 0)
        for _, tiles in rows
    ]
    sheet = Image.new("RGB", (_A_ROW * (_TILE_W + _GAP) + _GAP, sum(heights) + _GAP), _PAPER)
    draw, y = ImageDraw.Draw(sheet), 0
    for (title, tiles), height in zip(rows, heights, strict=True):
        draw.text((_GAP, y + _HEAD_H / 2), title, fill=_TEXT, font=_font(20), anchor="lm")
        for i, (caption, tile) in enumerate(tiles):
            x = _GAP + i * (_TILE_W + _GAP)
            sheet.paste(tile, (x, y + _HEAD_H))
            below = y + _HEAD_H + tile.height + _CAPTION_H / 2
            draw.text((x, below), caption[-40:], fill=_DIM, font=_font(13), anchor="lm")
        y += height
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    write_bytes(path, buffer.getvalue())


def draw_marks(rgb_u8: NDArray[np.uint8], mask: Mask) -> bytes:
    """PNG bytes of a picture [H,W,3] with a mask [H,W] of it in red."""
    red = (0.5 * rgb_u8 + 0.5 * np.array(_MARKED)).astype(np.uint8)
    return codecs.encode_rgb(np.where(mask[..., None], red, rgb_u8))


def _tile(dataset: DatasetReader, caption: str, path: str) -> tuple[str, Image.Image]:
    return caption, _shrink(read_inside(dataset.root, path))


def _where(sample: Sample) -> str:
    return str(sample.quality.get("source", sample.name))


def _spread(items: Sequence[Any]) -> list[Any]:
    picks = np.unique(np.linspace(0, len(items) - 1, min(_A_ROW, len(items))).round().astype(int))
    return [items[i] for i in picks]


def _shrink(content: bytes) -> Image.Image:
    with Image.open(io.BytesIO(content)) as picture:
        size = _TILE_W, max(1, round(picture.height * _TILE_W / picture.width))
        return picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)


def _font(size: int) -> Any:
    return ImageFont.load_default(size=size)
