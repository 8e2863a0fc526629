"""Square patches of a dataset's images at their own resolution, half of them with a part in them.

Nothing is scaled: what the translator learns of grain, edges and blur holds for whole frames.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from synth.dataset.origin import Used
from synth.dataset.reader import DatasetReader
from synth.dataset.record import Row3, Split
from synth.dataset.sample import Instance, Sample
from synth.errors import DatasetError, InputError
from synth.gan.sample_layers import SampleLayers
from synth.geometry.frames import cam_from_uvw, uvw_from_cam
from synth.geometry.normals import crop_rotation

CACHE_BYTES = 1_500_000_000
TAKEN: tuple[Used, ...] = ("pixels", "labels", "mask")
"""Of samples that patches are cut from, captured ones too: boxes and masks tell where the parts are."""

_SHARE_WITH_PART = 0.5
_MIN_PART_PX = 16
"""Fewer pixels of a part than this at a patch's border do not count as a part in it."""

_UNKNOWN: Row3 = (np.nan, np.nan, np.nan)


@dataclass(frozen=True)
class Patches:
    """What was cut from images.

    images: float32 [N,3,S,S] in −1 to 1. masks: float32 [N,1,S,S], 1 on parts; 0 throughout where the
    dataset has no masks. normals: float32 [N,3], uvw of the one part in the patch, in the camera's axes
    turned to the line of sight to it (CONVENTIONS.md, frame ``crop``; not turned where the sample has no K);
    nan where there is none, more than one, or none known. names: the samples they were cut from.
    corners_xy: of each, its first pixel in that sample's image. layers: float32 [N,1,S,S], those that were
    asked for.
    """

    images: Tensor
    masks: Tensor
    normals: Tensor
    names: tuple[str, ...]
    corners_xy: tuple[tuple[int, int], ...]
    layers: Mapping[str, Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True, eq=False)
class _Frame:
    """rgb_u8: [H,W,3]. mask: [H,W], value = instance index + 1; None where the sample has none. layers:
    further ones [H,W].
    """

    rgb_u8: NDArray[np.uint8]
    mask: NDArray[np.uint8] | NDArray[np.uint16] | None
    layers: Mapping[str, NDArray[Any]]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All that there is, by what it is."""
        return {"image": self.rgb_u8} | ({} if self.mask is None else {"mask": self.mask}) | dict(self.layers)

    @property
    def n_bytes(self) -> int:
        return sum(array.nbytes for array in self.arrays().values())


@dataclass
class _Cache:
    """Decoded frames by name and further layers, kept while there is room; the rest is decoded each time."""

    frames: dict[tuple[str, ...], _Frame] = field(default_factory=dict)
    n_bytes: int = 0

    def keep(self, key: tuple[str, ...], frame: _Frame, limit_bytes: int) -> None:
        if key not in self.frames and self.n_bytes + frame.n_bytes <= limit_bytes:
            self.frames[key] = frame
            self.n_bytes += frame.n_bytes


_caches: WeakKeyDictionary[DatasetReader, _Cache] = WeakKeyDictionary()
"""One a dataset, shared by all who cut patches from it and gone with it."""


class PatchCutter:
    """Draws patches of one split of a dataset.

    side_px: of a patch, a multiple of 4. layers: names of those that patches bring along (SampleLayers); ask
    `has` first. cache_bytes: memory for decoded frames, which all cutters of one DatasetReader share. Raises
    InputError when the split is empty or an image smaller than a patch.
    """

    def __init__(
        self,
        dataset: DatasetReader,
        split: Split,
        side_px: int,
        *,
        layers: Collection[str] = (),
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        if side_px < 4 or side_px % 4:
            raise InputError(f"the side of a patch must be a multiple of 4 pixels, got {side_px}")
        samples = dataset.of_split(split)
        if not samples:
            raise InputError(f"{dataset.root} has no {split} images: give a dataset that has some")
        for sample in samples:
            if min(sample.size_wh) < side_px:
                size = "×".join(str(pixels) for pixels in sample.size_wh)
                raise InputError(
                    f"{dataset.root / sample.image} is {size}, smaller than a patch of {side_px}×{side_px}: "
                    "choose a smaller patch or a dataset of larger images"
                )
        self.side_px = side_px
        self._dataset = dataset
        self._samples, self._layers = samples, tuple(layers)
        self._with_part = tuple(s for s in samples if s.instances)
        self._cache, self._cache_bytes = _caches.setdefault(dataset, _Cache()), cache_bytes

    @property
    def n_images(self) -> int:
        """How many images patches are cut from."""
        return len(self._samples)

    def has(self, layer: str) -> bool:
        """Whether every sample of the split has a layer."""
        return all(layer in SampleLayers(self._dataset, sample) for sample in self._samples)

    def draw(self, n: int, rng: np.random.Generator) -> Patches:
        """``n`` patches: with even chance about a part, or anywhere in any image.

        Raises DatasetError for an image that does not open.
        """
        return _stack([self._draw_one(rng) for _ in range(n)], self._layers)

    def _draw_one(self, rng: np.random.Generator) -> "_Patch":
        about_part = bool(rng.random() < _SHARE_WITH_PART) and bool(self._with_part)
        among = self._with_part if about_part else self._samples
        sample = among[rng.integers(len(among))]
        frame = self._load(sample)
        limit_xy = np.array(sample.size_wh) - self.side_px
        if about_part:
            pixel_xy = _pixel_of_part(sample, frame, rng)
            jitter = rng.integers(self.side_px // 4, self.side_px - self.side_px // 4, size=2)
            x, y = np.clip(pixel_xy - jitter, 0, limit_xy)
        else:
            x, y = rng.integers(0, limit_xy + 1)
        return _cut(sample, frame, int(x), int(y), self.side_px)

    def _load(self, sample: Sample) -> _Frame:
        further = [name for name in self._layers if name != "mask"]
        key = (sample.name, *further)
        if (cached := self._cache.frames.get(key)) is not None:
            return cached
        known = SampleLayers(self._dataset, sample)
        frame = _Frame(
            self._dataset.load_rgb(sample), _small(known.get("mask")), {name: known[name] for name in further}
        )
        for what, array in frame.arrays().items():
            if array.shape[1::-1] != sample.size_wh:
                raise DatasetError(
                    f"the {what} of sample {sample.name} in {self._dataset.root} is not "
                    f"{'×'.join(str(pixels) for pixels in sample.size_wh)} as its record says"
                )
        self._cache.keep(key, frame, self._cache_bytes)
        return frame


def to_u8(images: Tensor) -> NDArray[np.uint8]:
    """Images [N,3,H,W] in −1..1 as [N,H,W,3] uint8."""
    counts = ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return np.asarray(counts.permute(0, 2, 3, 1).contiguous().cpu().numpy())


def from_u8(rgb_u8: NDArray[np.uint8]) -> Tensor:
    """Images [N,H,W,3] uint8 as [N,3,H,W] in −1..1, what `to_u8` takes back."""
    return torch.from_numpy(rgb_u8).permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0).contiguous()


@dataclass(frozen=True, eq=False)
class _Patch:
    rgb_u8: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    normal_uvw: Row3
    name: str
    corner_xy: tuple[int, int]
    layers: Mapping[str, NDArray[Any]]


def _cut(sample: Sample, frame: _Frame, x: int, y: int, side_px: int) -> _Patch:
    window = np.s_[y : y + side_px, x : x + side_px]
    layers = {name: layer[window] for name, layer in frame.layers.items()}
    if frame.mask is None:
        no_mask = np.zeros((side_px, side_px), dtype=bool)
        return _Patch(frame.rgb_u8[window], no_mask, _UNKNOWN, sample.name, (x, y), layers)
    mask = frame.mask[window]
    counts = np.bincount(mask.ravel())[1 : len(sample.instances) + 1]
    (shown,) = np.nonzero(counts >= _MIN_PART_PX)
    normal = _normal_along_sight(sample, sample.instances[shown[0]]) if len(shown) == 1 else _UNKNOWN
    layers |= {"mask": mask > 0}
    return _Patch(frame.rgb_u8[window], mask > 0, normal, sample.name, (x, y), layers)


def _normal_along_sight(sample: Sample, instance: Instance) -> Row3:
    if instance.normal_uvw is None:
        return _UNKNOWN
    if (camera := sample.camera) is None:
        return instance.normal_uvw
    x0, y0, x1, y1 = instance.box_xyxy_px
    turn = crop_rotation(camera, [(x0 + x1 - 1) / 2, (y0 + y1 - 1) / 2])
    u, v, w = uvw_from_cam(turn @ cam_from_uvw(instance.normal_uvw))
    return float(u), float(v), float(w)


def _pixel_of_part(sample: Sample, frame: _Frame, rng: np.random.Generator) -> NDArray[np.int64]:
    """x, y of a random pixel of a random part: of its mask, or of its box where there is none."""
    i_instance = int(rng.integers(len(sample.instances)))
    x0, y0, x1, y1 = np.round(sample.instances[i_instance].box_xyxy_px).astype(int)
    if frame.mask is not None:
        ys, xs = np.nonzero(frame.mask[y0:y1, x0:x1] == i_instance + 1)
        if len(xs):
            k = rng.integers(len(xs))
            return np.array([x0 + xs[k], y0 + ys[k]])
    return np.array([rng.integers(x0, max(x1, x0 + 1)), rng.integers(y0, max(y1, y0 + 1))])


def _small(mask: NDArray[np.uint16] | None) -> NDArray[np.uint8] | NDArray[np.uint16] | None:
    return mask if mask is None or mask.max() > 255 else mask.astype(np.uint8)


def _stack(patches: list[_Patch], layers: Sequence[str]) -> Patches:
    masks = torch.from_numpy(np.stack([p.mask for p in patches]))  # [N,S,S]
    return Patches(
        images=from_u8(np.stack([p.rgb_u8 for p in patches])),
        masks=masks[:, None].float(),
        normals=torch.tensor([p.normal_uvw for p in patches], dtype=torch.float32),
        names=tuple(p.name for p in patches),
        corners_xy=tuple(p.corner_xy for p in patches),
        layers={
            name: torch.from_numpy(np.stack([p.layers[name] for p in patches]))[:, None].float()
            for name in layers
        },
    )
