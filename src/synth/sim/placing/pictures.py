"""What lies on the cutting table, at the size at which a target looks: the material of a cycle."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import starmap
from math import ceil
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from synth.dataset.codecs import Rgb
from synth.dataset.record import Split
from synth.geometry.boxes import tight_box
from synth.sim.blend import DEFAULT_BLEND
from synth.sim.composite import MIN_SIDE_PX, Compositor
from synth.sim.cutout import Cutout
from synth.sim.ingredients import Pick
from synth.sim.placing.cache import Unfair
from synth.sim.placing.learned.paste import COVERED, Pasted
from synth.sim.placing.material import Batch, Material
from synth.sim.placing.placement import Placement
from synth.sim.placing.random import choose_parts
from synth.sim.placing.recipe import Part, Recipe, chance_of
from synth.sim.warp import extent_of, middle_of
from synth.train.tasks import TASKS
from synth.train.tasks.task import SeenPart
from synth.train.trained import Trained

_PAD_PX = 3
_KEPT = 512
_ALLOWED = 1.1
"""Cut-outs may be so much larger and smaller than any train box of their class."""


class Pictures(Material):
    """A key names split, plate, parts, back to front, and the chance of the rest: all of a recipe but where.

    Light of a cut-out is that of the plate's middle: the compositor's further change from there to where it
    is laid, shadows and patches are not seen here.
    """

    def __init__(self, compositor: Compositor, trained: Trained, device: torch.device) -> None:
        table = compositor.table
        assert table.bounds is not None
        self._compositor, self._table, self._bounds = compositor, table, table.bounds
        self._task, self._settings = TASKS[trained.task], trained.settings
        self._size_wh = self._task.target_size(trained.settings, table.bench.size_wh)
        self._scale = self._size_wh[0] / table.bench.size_wh[0]
        self.bounds = replace(table.bounds, blur_px=table.bounds.blur_px * self._scale)
        self._device = device
        sizes = {n: np.sqrt(np.prod(b[:, 2:] - b[:, :2], axis=1)) for n, b in table.train_boxes.items()}
        self._sizes_px = {n: (s.min() / _ALLOWED, s.max() * _ALLOWED) for n, s in sizes.items()}
        self._cutout = lru_cache(_KEPT)(self._shrink_cutout)
        self._plate = lru_cache(_KEPT)(self._shrink_plate)
        self._real = [
            (dataset, sample)
            for dataset in table.ingredients.datasets
            for sample in dataset.of_split("train")
        ]

    def draw(self, split: Split, n: int, rng: np.random.Generator) -> list[Any]:
        """Plate and one to max_parts parts each."""
        keys = []
        for _ in range(n):
            plate = int(rng.choice(self._table.shares[split]))
            picks, _, _ = choose_parts(self._compositor, split, rng)
            keys.append([split, plate, [list(pick.key) for pick in picks], chance_of(rng)])
        return keys

    def load(self, keys: Sequence[Any]) -> Batch:
        """K is the most parts that a picture may have, whoever is among these."""
        n_parts = self._table.ingredients.max_parts
        parts = [[self._cutout(pick) for pick in self._picks(key)] for key in keys]
        side = max(patch.shape[-1] for row in parts for patch, _ in row)
        cutouts = torch.zeros(len(keys), n_parts, 4, side, side)
        extents, there = torch.ones(len(keys), n_parts, 2), torch.zeros(len(keys), n_parts, dtype=torch.bool)
        for i, row in enumerate(parts):
            for k, (patch, extent_wh) in enumerate(row):
                margin = (side - patch.shape[-1]) // 2
                inside = slice(margin, margin + patch.shape[-1])
                cutouts[i, k, :, inside, inside] = patch
                extents[i, k], there[i, k] = extent_wh, True
        backgrounds = torch.stack([self._plate(plate) for _, plate, _, _ in keys])
        return Batch(tuple(keys), *(x.to(self._device) for x in (cutouts, extents, there, backgrounds)))

    def truth(self, keys: Sequence[Any], pasted: Pasted) -> list[Any]:
        """As the task has it."""
        truths = []
        covered = (pasted.alphas.detach() > COVERED).cpu().numpy()  # [N,K,H,W]
        for key, boxes, masks in zip(keys, pasted.boxes_xyxy_px.tolist(), covered, strict=True):
            seen = [
                SeenPart(box, pick.class_name, mask)
                for box, pick, mask in zip(boxes, self._picks(key), masks, strict=False)
                if box[2] > box[0]
            ]
            truths.append(self._task.composite_truth(self._settings, seen))
        return truths

    def find_unfair(
        self, key: Any, placements: Sequence[Placement], sides_px: Sequence[float], visible: Sequence[float]
    ) -> Unfair | None:
        """By visible share, visible side and, where no scale was asked for, sizes of train boxes."""
        if min(visible) < self._table.min_visible:
            return "hidden"
        if min(sides_px) < MIN_SIDE_PX * self._scale:
            return "small"
        is_bound = self._table.ingredients.ranges.scale is None
        pairs = zip(self._picks(key), placements, strict=True)
        return "outside" if is_bound and any(starmap(self._is_outside, pairs)) else None

    def find_fault(self, key: Any, placements: Sequence[Placement]) -> str | None:
        """What the compositor has against it."""
        recipe = self.recipe_of(key, placements)
        return self._compositor.label(recipe, self._compositor.lay_out(recipe)).fault

    def place(self, key: Any, unit: Sequence[Sequence[float]]) -> tuple[Placement, ...]:
        """In the plate's pixels."""
        return tuple(
            self._bounds.place(np.asarray(row), extent_of(self._cut(pick)), self._table.bench.size_wh)
            for row, pick in zip(unit, self._picks(key), strict=True)
        )

    def kind_of(self, key: Any) -> str:
        """The class of its first part."""
        return self._picks(key)[0].class_name

    def load_real(self, n: int, rng: np.random.Generator) -> Tensor:
        """Train pictures of the datasets that parts are cut from."""
        rows = rng.integers(len(self._real), size=n)
        return torch.stack([self._load_one(int(row)) for row in rows]).to(self._device)

    def recipe_of(self, key: Any, placements: Sequence[Placement], blend: str = DEFAULT_BLEND) -> Recipe:
        """What the compositor makes it from."""
        split, plate, parts, chance = key
        laid = tuple(
            Part(dataset, sample, instance, placed)
            for (dataset, sample, instance), placed in zip(parts, placements, strict=True)
        )
        return Recipe(split, plate, laid, chance, blend, self._table.max_patches)

    def _picks(self, key: Any) -> list[Pick]:
        return [self._table.find(key[0], tuple(part)) for part in key[2]]

    def _cut(self, pick: Pick) -> Cutout:
        cutout = self._compositor.cut(pick)
        assert cutout is not None
        return cutout

    def _is_outside(self, pick: Pick, placed: Placement) -> bool:
        """A part's size is the root of its own box's area, before it is turned; where no train box is of its
        class, nothing says how large it may be.
        """
        size_px = np.sqrt(np.prod(extent_of(self._cut(pick)))) * np.exp(np.mean(placed.log_scale_xy))
        low, high = self._sizes_px.get(pick.class_name, (0.0, np.inf))
        return not low <= size_px <= high

    def _shrink_cutout(self, pick: Pick) -> tuple[Tensor, Tensor]:
        """[4,S,S] with the middle of its mask's box in the middle, S even; and its box's width and height."""
        cutout, extent_wh = self._cut(pick), self._scale * np.array(extent_of(self._cut(pick)))
        side = 2 * ceil(extent_wh.max() / 2 + _PAD_PX)
        finer = ceil(1 / self._scale)
        box = tight_box(cutout.mask)
        assert box is not None
        step = 1 / (finer * self._scale)
        offset = (box[:2] + box[2:]) / 2 - 0.5 + step * (0.5 - finer * side / 2)
        affine = np.array([[step, 0, offset[0]], [0, step, offset[1]]])

        def shrink(image: NDArray[np.float32], border: int) -> NDArray[np.float32]:
            flags, size = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, 2 * (finer * side,)
            fine = cv2.warpAffine(image, affine, size, flags=flags, borderMode=border)
            return np.asarray(cv2.resize(fine, (side, side), interpolation=cv2.INTER_AREA), np.float32)

        width, height = self._table.bench.size_wh
        there, here = (width / 2, height / 2), middle_of(cutout.mask, cutout.corner_xy)
        light = cutout.light * (self._compositor.brightness_at(there) / self._compositor.brightness_at(here))
        rgba = [*shrink(light, cv2.BORDER_REPLICATE).transpose(2, 0, 1)]
        rgba.append(shrink(cutout.alpha, cv2.BORDER_CONSTANT))
        return torch.from_numpy(np.stack(rgba)), torch.from_numpy(extent_wh).float()

    def _shrink_plate(self, number: int) -> Tensor:
        rgb_u8 = self._table.bench.rgb_u8[number]
        return self._to_tensor(rgb_u8)

    def _load_one(self, row: int) -> Tensor:
        dataset, sample = self._real[row]
        return self._to_tensor(dataset.load_rgb(sample))

    def _to_tensor(self, rgb_u8: Rgb) -> Tensor:
        """[3,H,W] at the target's size."""
        small = cv2.resize(rgb_u8, self._size_wh, interpolation=cv2.INTER_AREA)
        return torch.from_numpy(small).permute(2, 0, 1).float() / 255
