"""Crops of instances with their class and box, drawn from one split of a dataset: what `CropSettings` learn
from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from synth.dataset.reader import DatasetReader
from synth.dataset.record import Split
from synth.dataset.sample import MIN_VISIBLE_FOR_LABEL, Instance, Sample
from synth.errors import DatasetError, InputError
from synth.gan.methods.method import Labels
from synth.gan.patches import CACHE_BYTES, from_u8
from synth.gan.schedule import CropSettings
from synth.geometry.squares import CONTEXT, Square, jittered, resample, square_round, window_of, within

Array = NDArray[Any]

_MIN_SIDE_PX = 32


@dataclass(frozen=True)
class Crops:
    """images: float32 [N,3,S,S] in −1 to 1. masks: float32 [N,1,S,S], 1 on the instance; its box where the
    dataset has no mask. labels: class and box of each.
    """

    images: Tensor
    masks: Tensor
    labels: Labels

    @property
    def layers(self) -> dict[str, Tensor]:
        """As a batch has them."""
        return {"mask": self.masks}


@dataclass(frozen=True, eq=False)
class _Surroundings:
    """All of a frame that jittered crops of one instance may show, at the frame's resolution.

    rgb_u8: [h,h,3]. mask: [h,h], on the instance. square: where that is in the frame.
    """

    rgb_u8: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    square: Square


class CropCutter:
    """Draws crops of a split's instances, every instance as often as any other.

    shift, scale: of the jitter (crops.jittered); 0 and 1 leave every instance in the middle. Instances that
    are hardly visible are left out. cache_bytes: memory for what was decoded. Raises InputError for a split
    without instances and for a side that the networks cannot take.
    """

    def __init__(
        self,
        dataset: DatasetReader,
        split: Split,
        side_px: int,
        classes: Sequence[str],
        *,
        context: float = CONTEXT,
        shift: float = 0.0,
        scale: float = 1.0,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        if side_px < _MIN_SIDE_PX or side_px % 16:
            raise InputError(
                f"the side of a crop must be a multiple of 16 pixels from {_MIN_SIDE_PX} on, got {side_px}"
            )
        self._known = [
            (sample, i)
            for sample in dataset.of_split(split)
            for i, instance in enumerate(sample.instances)
            if instance.visib_fract >= MIN_VISIBLE_FOR_LABEL
        ]
        if not self._known:
            raise InputError(
                f"{dataset.root} has no {split} images with instances in them, of which crops could be cut: "
                "give a dataset that has some"
            )
        self.side_px = side_px
        self._dataset, self._context, self._shift, self._scale = dataset, context, shift, scale
        self._index = {name: i for i, name in enumerate(classes)}
        self._cache: dict[tuple[str, int], _Surroundings] = {}
        self._free_bytes = cache_bytes

    @classmethod
    def of(
        cls, dataset: DatasetReader, split: Split, settings: CropSettings, *, jitter: bool
    ) -> "CropCutter":
        """As settings ask for it."""
        return cls(
            dataset,
            split,
            settings.schedule.side_px,
            settings.classes,
            context=settings.context,
            shift=settings.shift if jitter else 0.0,
            scale=settings.scale if jitter else 1.0,
        )

    @property
    def n_images(self) -> int:
        """How many instances crops are cut of."""
        return len(self._known)

    def has(self, layer: str) -> bool:
        """Whether crops bring a layer along: the mask alone, which is the box where there is none."""
        return layer == "mask"

    def draw(self, n: int, rng: np.random.Generator) -> Crops:
        """``n`` crops; raises DatasetError for an image that does not open."""
        return self._stack([self._cut(*self._known[rng.integers(len(self._known))], rng) for _ in range(n)])

    def all(self) -> Crops:
        """One crop of every instance, in the dataset's order; jitter, where there is any, from one seed."""
        rng = np.random.default_rng(0)
        return self._stack([self._cut(sample, i, rng) for sample, i in self._known])

    def _cut(self, sample: Sample, i: int, rng: np.random.Generator) -> tuple[Array, Array, int, Array]:
        instance = sample.instances[i]
        square = square_round(instance.box_xyxy_px, self._context)
        if self._shift or self._scale > 1:
            square = jittered(square, self._shift, self._scale, rng)
        around = self._load(sample, i)
        inner = Square(square.x0 - around.square.x0, square.y0 - around.square.y0, square.side_px)
        image = resample(np.asarray(window_of(around.rgb_u8, inner), dtype=np.uint8), self.side_px)
        mask = np.asarray(window_of(around.mask, inner), dtype=np.uint8) * np.uint8(255)
        box = np.array(square.box_in(instance.box_xyxy_px), np.float32)
        return image, resample(mask, self.side_px) > 127, self._index[instance.class_name], box

    def _load(self, sample: Sample, i: int) -> _Surroundings:
        key = (sample.name, i)
        if (cached := self._cache.get(key)) is not None:
            return cached
        instance = sample.instances[i]
        rgb_u8, mask = self._dataset.load_rgb(sample), self._dataset.load_mask(sample)
        for what, array in (("image", rgb_u8), ("mask", mask)):
            if array is not None and array.shape[1::-1] != sample.size_wh:
                raise DatasetError(
                    f"the {what} of sample {sample.name} in {self._dataset.root} is not "
                    f"{'×'.join(str(pixels) for pixels in sample.size_wh)} as its record says"
                )
        region = region_of(instance, i, mask, rgb_u8.shape)
        square = square_round(instance.box_xyxy_px, self._context)
        reach = int(np.ceil(square.side_px * (self._scale * (1 + 2 * self._shift) - 1) / 2)) + 2
        wide = Square(square.x0 - reach, square.y0 - reach, square.side_px + 2 * reach)
        around = _Surroundings(
            np.asarray(window_of(rgb_u8, wide), dtype=np.uint8),
            np.asarray(window_of(region, wide), dtype=bool) & within(wide, region.shape),
            wide,
        )
        if (n_bytes := around.rgb_u8.nbytes + around.mask.nbytes) <= self._free_bytes:
            self._cache[key] = around
            self._free_bytes -= n_bytes
        return around

    def _stack(self, cut: list[tuple[Array, Array, int, Array]]) -> Crops:
        images, masks, classes, boxes = zip(*cut, strict=True)
        return Crops(
            images=from_u8(np.stack(images)),
            masks=torch.from_numpy(np.stack(masks))[:, None].float(),
            labels=Labels(torch.tensor(classes), torch.from_numpy(np.stack(boxes))),
        )


def region_of(
    instance: Instance, i: int, mask: NDArray[np.uint16] | None, shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    """[H,W]: the pixels of an instance: of its mask, or of its box where there is none."""
    return box_region(instance.box_xyxy_px, shape) if mask is None else mask == i + 1


def box_region(box_xyxy_px: Sequence[float], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """[H,W]: the pixels of a box."""
    region = np.zeros(shape[:2], bool)
    x0, y0, x1, y1 = (round(edge) for edge in box_xyxy_px)
    region[y0:y1, x0:x1] = True
    return region


def count_by_class(dataset: DatasetReader, split: Split, classes: Sequence[str]) -> dict[str, int]:
    """How many instances of each class a split has that crops can be cut of."""
    counts = dict.fromkeys(classes, 0)
    for sample in dataset.of_split(split):
        for instance in sample.instances:
            counts[instance.class_name] += instance.visib_fract >= MIN_VISIBLE_FOR_LABEL
    return counts
