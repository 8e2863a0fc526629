"""A sheet of pictures with the label maps that networks made of them, and how sure these are."""

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.dataset.sheet import coloured_map, draw_classes
from synth.storage.atomic import write_bytes

_N_SPREAD, _N_UNSURE = 6, 3
_TILE_W, _GAP, _CAPTION_H, _HEAD_H = 384, 10, 26, 44
_PAPER, _TEXT, _DIM = (22, 24, 29), (232, 234, 237), (150, 156, 166)
_COUNTS = 65535
_COLUMNS = ("picture", "labels, laid over it", "labels; black is void", "confidence: dark 0, bright 1")


def write_label_sheet(dataset: DatasetReader, confidence: str, path: Path) -> None:
    """Write a PNG: rows of samples spread over the dataset, then of those that the network is least sure of.

    confidence: the key of a sample's ``quality`` that says how sure it is.
    """
    made = [sample for sample in dataset if sample.origin.is_pseudo_labelled]
    unsure = sorted(made, key=lambda sample: float(sample.quality[confidence]))[:_N_UNSURE]
    picks = np.unique(np.linspace(0, len(made) - 1, min(_N_SPREAD, len(made))).round().astype(int))
    parts = [("spread over the dataset", [made[i] for i in picks]), ("least sure", unsure)]
    rows = [(title, [_make_row(dataset, sample, confidence) for sample in some]) for title, some in parts]
    legend = draw_classes(dataset, len(_COLUMNS) * (_TILE_W + _GAP) + _GAP)
    height = _HEAD_H + legend.height + sum(_HEAD_H + sum(r.height + _GAP for r in some) for _, some in rows)
    sheet = Image.new("RGB", (legend.width, height), _PAPER)
    draw, y = ImageDraw.Draw(sheet), _HEAD_H
    for i, column in enumerate(_COLUMNS):
        x = _GAP + i * (_TILE_W + _GAP)
        draw.text((x, _HEAD_H / 2), column, fill=_DIM, font=_font(16), anchor="lm")
    for title, some in rows:
        draw.text((_GAP, y + _HEAD_H / 2), title, fill=_TEXT, font=_font(20), anchor="lm")
        y += _HEAD_H
        for row in some:
            sheet.paste(row, (_GAP, y))
            y += row.height + _GAP
    sheet.paste(legend, (0, y))
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    write_bytes(path, buffer.getvalue())


def _make_row(dataset: DatasetReader, sample: Sample, confidence: str) -> Image.Image:
    """Picture, map over picture, map and confidence, with a caption below."""
    rgb_u8, colours = dataset.load_rgb(sample), coloured_map(dataset, sample)
    sure = dataset.load_layer(sample, "confidence")
    assert colours is not None
    assert sure is not None
    over = (0.5 * rgb_u8 + 0.5 * colours).astype(np.uint8)
    lanczos, nearest = Image.Resampling.LANCZOS, Image.Resampling.NEAREST
    panels = ((rgb_u8, lanczos), (over, lanczos), (colours, nearest), (_colour_confidence(sure), lanczos))
    size = _TILE_W, max(1, round(sample.size_wh[1] * _TILE_W / sample.size_wh[0]))
    row = Image.new("RGB", (len(panels) * (_TILE_W + _GAP) - _GAP, size[1] + _CAPTION_H), _PAPER)
    for i, (panel, how) in enumerate(panels):
        row.paste(Image.fromarray(panel).resize(size, how), (i * (_TILE_W + _GAP), 0))
    where = sample.quality.get("source", "")
    caption = f"{sample.name}  {sample.split}  mean confidence {sample.quality[confidence]}  {where}"
    middle = size[1] + _CAPTION_H / 2
    ImageDraw.Draw(row).text((0, middle), caption[:120], fill=_DIM, font=_font(14), anchor="lm")
    return row


def _colour_confidence(sure: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """[H,W] counts as colours [H,W,3]."""
    grey = np.rint(sure * (255 / _COUNTS)).astype(np.uint8)
    return np.asarray(
        cv2.cvtColor(cv2.applyColorMap(grey, cv2.COLORMAP_VIRIDIS), cv2.COLOR_BGR2RGB), np.uint8
    )


def _font(size: int) -> Any:
    return ImageFont.load_default(size=size)
