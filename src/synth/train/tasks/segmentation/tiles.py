"""Pictures with coloured label maps beside them, and which colour is which class."""

from collections.abc import Sequence

import cv2
import numpy as np

from synth.dataset.codecs import Rgb
from synth.dataset.label_maps import Ids, find_void, scale_ids, scale_rgb
from synth.train.drawing import write_caption
from synth.train.tasks.segmentation.maps import Answer, read_answer

_GAP_PX, _LINE_PX, _SWATCH_PX = 4, 18, 12
_LETTERS = (cv2.FONT_HERSHEY_SIMPLEX, 0.4)
_VOID_RGB = (0, 0, 0)
_LEAST_SHOWN = 0.001
"""Of a map's pixels; a class with less has no place in the legend."""


def draw_maps(rgb_u8: Rgb, caption: str, maps: Sequence[Answer], width_px: int | None = None) -> Rgb:
    """A picture, coloured label maps to its right, and a legend of their classes below; [H,W,3].

    width_px: of the picture and of each map; the picture's own for None.
    """
    h, w = rgb_u8.shape[:2]
    size = (w, h) if width_px is None else (width_px, max(1, round(h * width_px / w)))
    ids = [scale_ids(read_answer(one), size) for one in maps]
    panels = [write_caption(scale_rgb(rgb_u8, size), caption)]
    panels += [colour_map(own, one["colours"]) for own, one in zip(ids, maps, strict=True)]
    gap = np.full((size[1], _GAP_PX, 3), 255, np.uint8)
    row = np.hstack([part for panel in panels for part in (gap, panel)][1:])
    return np.vstack([row, _draw_legend(ids, maps[0], row.shape[1])])


def colour_map(ids: Ids, colours: Sequence[Sequence[int]]) -> Rgb:
    """Class ids [H,W] as colours [H,W,3]; void is black."""
    table = np.full((int(ids.max()) + 1, 3), _VOID_RGB, np.uint8)
    table[: len(colours)] = colours[: len(table)]
    return table[ids]


def _draw_legend(ids: Sequence[Ids], answer: Answer, width_px: int) -> Rgb:
    """Swatches and names of the classes that maps show, those with most pixels first."""
    names, colours, void = answer["classes"], answer["colours"], find_void(answer["classes"])
    counts = np.bincount(np.concatenate([own.ravel() for own in ids]), minlength=void + 1)
    shown = np.flatnonzero(counts >= max(1, _LEAST_SHOWN * counts.sum()))
    ordered = shown[np.argsort(-counts[shown], kind="stable")]
    entries = [("void", _VOID_RGB) if i == void else (names[i], colours[i]) for i in ordered]
    places, x, y = [], _GAP_PX, 0
    for name, _ in entries:
        needed = _SWATCH_PX + 4 + cv2.getTextSize(name, *_LETTERS, 1)[0][0] + 12
        if x + needed > width_px and x > _GAP_PX:
            x, y = _GAP_PX, y + _LINE_PX
        places.append((x, y))
        x += needed
    legend = np.full((y + _LINE_PX + 2, width_px, 3), 255, np.uint8)
    for (name, rgb), (x, y) in zip(entries, places, strict=True):
        corner = (x, y + 4), (x + _SWATCH_PX, y + 4 + _SWATCH_PX)
        cv2.rectangle(legend, *corner, [int(v) for v in rgb], -1)
        cv2.rectangle(legend, *corner, (90, 90, 90), 1)
        cv2.putText(legend, name, (x + _SWATCH_PX + 4, y + 14), *_LETTERS, (30, 30, 30), 1, cv2.LINE_AA)
    return legend
