"""A sheet of maps that were made, each beside the train map that it began with."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.dataset.sheet import coloured_map, draw_classes
from synth.storage.atomic import write_bytes

_N_SHOWN, _N_COLUMNS = 24, 3
_TILE_W, _GAP, _CAPTION_H, _HEAD_H = 256, 8, 22, 48
_PAPER, _TEXT, _DIM = (22, 24, 29), (232, 234, 237), (150, 156, 166)


def write_balance_sheet(train: DatasetReader, made: DatasetReader, path: Path) -> None:
    """Write a PNG of pairs spread over the made maps: the train map, and what was made."""
    picks = np.unique(np.linspace(0, len(made) - 1, min(_N_SHOWN, len(made))).round().astype(int))
    pairs = [_make_pair(train, made, made.samples[i]) for i in picks]
    columns = min(_N_COLUMNS, len(pairs))
    width = columns * (2 * _TILE_W + 3 * _GAP) + _GAP
    legend = draw_classes(made, width)
    rows = [pairs[i : i + columns] for i in range(0, len(pairs), columns)]
    heights = [max(pair.height for pair in row) + _GAP for row in rows]
    sheet = Image.new("RGB", (legend.width, _HEAD_H + sum(heights) + legend.height), _PAPER)
    head = f"{len(pairs)} of {len(made)} made maps; on the left of each the train map that it began with"
    ImageDraw.Draw(sheet).text((_GAP, _HEAD_H / 2), head, fill=_TEXT, font=_font(16), anchor="lm")
    y = _HEAD_H
    for row, height in zip(rows, heights, strict=True):
        for i, pair in enumerate(row):
            sheet.paste(pair, (_GAP + i * (2 * _TILE_W + 3 * _GAP), y))
        y += height
    sheet.paste(legend, (0, y))
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    write_bytes(path, buffer.getvalue())


def _make_pair(train: DatasetReader, made: DatasetReader, sample: Sample) -> Image.Image:
    base = str(sample.origin.steps[-1].params["base"])
    size = _TILE_W, max(1, round(sample.size_wh[1] * _TILE_W / sample.size_wh[0]))
    pair = Image.new("RGB", (2 * _TILE_W + _GAP, size[1] + _CAPTION_H), _PAPER)
    for i, (dataset, of) in enumerate(((train, train[base]), (made, sample))):
        colours = coloured_map(dataset, of)
        assert colours is not None
        shown = Image.fromarray(colours).resize(size, Image.Resampling.NEAREST)
        pair.paste(shown, (i * (_TILE_W + _GAP), 0))
    laid = ", ".join(f"{n} {key[5:]}" for key, n in sample.quality.items() if key.startswith("laid "))
    caption = f"{sample.name} from {base}, laid: {laid or 'nothing'}"
    draw = ImageDraw.Draw(pair)
    draw.text((0, size[1] + _CAPTION_H / 2), caption[:90], fill=_DIM, font=_font(12), anchor="lm")
    return pair


def _font(size: int) -> Any:
    return ImageFont.load_default(size=size)
