"""How train pictures and their label maps vary by chance: which is drawn, scale, crop, flip and colours."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from synth.dataset.codecs import Rgb
from synth.dataset.label_maps import Ids, find_void, scale_ids, scale_rgb
from synth.train.loop import Rows
from synth.train.photometric import vary_colours
from synth.train.tasks.segmentation.maps import SegmentationImages, fit_size
from synth.train.tasks.segmentation.settings import SegmentationSettings

_GREY = 114
"""Of what fills up a picture that is smaller than the crop, counts; its label is void."""

_TEMPERATURE = 0.01
_LEAST_SHARE = 0.001
"""Of a picture's pixels; with less of a class it is not drawn for that, where there are others."""

_N_TRIES = 10
_KEPT = 0.5


class RareClasses:
    """Pictures drawn by the classes that they show, rare ones more often (DAFormer, Hoyer et al. 2022).

    counts: pixels of each class in each picture, [N,C].
    """

    def __init__(self, counts: NDArray[np.int64]) -> None:
        total = counts.sum(axis=0)
        self._shown = np.flatnonzero(total)
        likely = np.exp((total.min() - total[self._shown]) / max(1, total.sum()) / _TEMPERATURE)
        self._chances = likely / max(likely.sum(), np.finfo(float).tiny)
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        self._rows = {int(c): _show_enough(shares[:, c]) for c in self._shown}

    @property
    def chances(self) -> dict[int, float]:
        """How likely each class that any picture shows is drawn."""
        return dict(zip(self._rows, self._chances.tolist(), strict=True))

    def draw(self, rng: np.random.Generator) -> tuple[int, int]:
        """A class, and a picture that shows it."""
        chosen = int(rng.choice(self._shown, p=self._chances))
        return chosen, int(rng.choice(self._rows[chosen]))


def _show_enough(shares: NDArray[np.float64]) -> NDArray[np.int64]:
    rows = np.flatnonzero(shares >= _LEAST_SHARE)
    return rows if len(rows) else np.flatnonzero(shares)


@dataclass(frozen=True, eq=False)
class ChangedImages:
    """Random versions of train pictures. rare: what draws them; None for those that the loop names."""

    images: SegmentationImages
    settings: SegmentationSettings
    rare: RareClasses | None

    def batch(self, rows: Rows, seed: int) -> tuple[Tensor, Tensor]:
        """Pictures [B,S,S,3] uint8 and class ids [B,S,S] int64, void among them; all by the seed."""
        rng = np.random.default_rng(seed)
        pictures, maps = zip(*(self._change(int(row), rng) for row in rows), strict=True)
        colours_seed = int(rng.integers(2**31))
        varied = vary_colours(np.stack(pictures), self.settings.photometric, colours_seed)
        return torch.from_numpy(varied), torch.from_numpy(np.stack(maps).astype(np.int64))

    def _change(self, row: int, rng: np.random.Generator) -> tuple[Rgb, Ids]:
        wanted = None
        if self.rare is not None:
            wanted, row = self.rare.draw(rng)
        rgb, ids, s = self.images.read_rgb(row), self.images.read_ids(row), self.settings
        scale = rng.uniform(s.least_scale, s.most_scale)
        size = fit_size((rgb.shape[1], rgb.shape[0]), s.side_px * scale)
        rgb, ids = scale_rgb(rgb, size), scale_ids(ids, size)
        side = min(s.crop_px, s.side_px)
        x, y = self._find_place(ids, side, wanted, rng)
        rgb, ids = cut(rgb, x, y, side, _GREY), cut(ids, x, y, side, find_void(self.images.classes))
        if rng.random() < 0.5:
            rgb, ids = rgb[:, ::-1], self.images.find_mirrored(row)[ids[:, ::-1]]
        return rgb, ids

    def _find_place(
        self, ids: Ids, side: int, wanted: int | None, rng: np.random.Generator
    ) -> tuple[int, int]:
        """Where a crop begins: anywhere or, of ten places, the first that keeps half of the wanted class,
        else that which keeps most.
        """
        if wanted is None:
            return _draw_place(ids, side, rng)
        n, best = int((ids == wanted).sum()), (-1, (0, 0))
        for _ in range(_N_TRIES):
            x, y = _draw_place(ids, side, rng)
            kept = int((ids[max(0, y) : y + side, max(0, x) : x + side] == wanted).sum())
            best = max(best, (kept, (x, y)))
            if kept >= _KEPT * n:
                break
        return best[1]


def _draw_place(ids: Ids, side: int, rng: np.random.Generator) -> tuple[int, int]:
    """x and y of a square's corner inside a picture, or of one that holds it; below 0 then."""
    h, w = ids.shape
    x, y = (int(rng.integers(min(0, n - side), max(0, n - side) + 1)) for n in (w, h))
    return x, y


def cut(array: NDArray[Any], x: int, y: int, side: int, fill: int) -> NDArray[Any]:
    """A square [S,S,...] of a picture or a map from its corner on, filled up beyond the border."""
    crop = np.full((side, side, *array.shape[2:]), fill, array.dtype)
    part = array[max(0, y) : max(0, y + side), max(0, x) : max(0, x + side)]
    top, left = max(0, -y), max(0, -x)
    crop[top : top + part.shape[0], left : left + part.shape[1]] = part
    return crop
