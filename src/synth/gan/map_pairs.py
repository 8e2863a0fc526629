"""Pictures with their label maps, as methods that paint learn from them, and maps as networks take them."""

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from synth.dataset.label_maps import Ids, find_mirrored, list_labelled, read_ids, scale_ids, scale_rgb
from synth.dataset.reader import DatasetReader
from synth.dataset.record import Split
from synth.dataset.sample import Sample
from synth.errors import InputError
from synth.gan.methods.method import Layers, Rgb
from synth.gan.patches import CACHE_BYTES, from_u8
from synth.gan.sample_layers import SampleLayers
from synth.gan.schedule import LAYER_OF, MapSettings

_FAR_M = 5.0
"""At which a depth plane, d / (d + far), has half of its range."""


@dataclass(frozen=True)
class MapPairs:
    """planes: float32 [N,P,H,W], as `lay_out` has them. images: [N,3,H,W] in −1 to 1, what they show."""

    planes: Tensor
    images: Tensor


@dataclass(frozen=True, eq=False)
class _Scaled:
    """A picture, its class ids and layers, scaled to cover what is cut from them. mirrored: of each id."""

    rgb_u8: Rgb
    ids: Ids
    layers: Layers
    mirrored: Ids

    @property
    def n_bytes(self) -> int:
        return self.rgb_u8.nbytes + self.ids.nbytes + sum(layer.nbytes for layer in self.layers.values())


@dataclass
class PairCutter:
    """Draws pairs of one split of a dataset.

    Raises InputError where the split has no pictures with label maps, or lacks what a plane is made from.
    """

    dataset: DatasetReader
    split: Split
    settings: MapSettings
    _samples: list[Sample] = field(init=False)
    _kept: dict[int, _Scaled] = field(init=False, default_factory=dict)
    _n_bytes: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        s = self.settings
        self._samples = list_labelled(self.dataset.of_split(self.split))
        if not self._samples:
            raise InputError(
                f"{self.dataset.root} has no {self.split} pictures with label maps, from which painting is "
                "learnt: synth import semantic reads pictures with label maps"
            )
        for sample in self._samples:
            refuse_missing(SampleLayers(self.dataset, sample), s, f"{self.dataset.root}, {sample.name}")

    @property
    def n_images(self) -> int:
        """How many pairs there are."""
        return len(self._samples)

    def draw(self, n: int, rng: np.random.Generator) -> MapPairs:
        """``n`` pairs, anywhere in any picture, varied as the settings say."""
        pictures, planes = zip(*(self._draw_one(rng) for _ in range(n)), strict=True)
        return MapPairs(torch.stack(planes), from_u8(np.stack(pictures)))

    def _draw_one(self, rng: np.random.Generator) -> tuple[Rgb, Tensor]:
        s = self.settings
        scaled = self._load(int(rng.integers(len(self._samples))))
        width, height = s.size_wh
        y, x = (
            int(rng.integers(have - want + 1))
            for have, want in zip(scaled.ids.shape, (height, width), strict=True)
        )
        window = np.s_[y : y + height, x : x + width]
        rgb, ids = scaled.rgb_u8[window], scaled.ids[window]
        layers = {name: layer[window] for name, layer in scaled.layers.items()}
        if s.flip and rng.random() < 0.5:
            rgb, ids = rgb[:, ::-1], scaled.mirrored[ids[:, ::-1]]
            layers = {name: _mirror(name, layer) for name, layer in layers.items()}
        if s.brightness:
            rgb = _vary(rgb, s.brightness, rng)
        return rgb, lay_out(ids, layers, s)

    def _load(self, i: int) -> _Scaled:
        if (kept := self._kept.get(i)) is not None:
            return kept
        dataset, sample, s = self.dataset, self._samples[i], self.settings
        rgb, ids = dataset.load_rgb(sample), read_ids(dataset, sample, s.classes)
        known, size = SampleLayers(dataset, sample), see_size(ids.shape, s)
        layers = {name: scale_layer(known[name], size) for name in s.list_layers()}
        mirrored = find_mirrored(dataset, s.classes)
        scaled = _Scaled(scale_rgb(rgb, size), scale_ids(ids, size), layers, mirrored)
        if self._n_bytes + scaled.n_bytes <= CACHE_BYTES:
            self._kept[i] = scaled
            self._n_bytes += scaled.n_bytes
        return scaled


def refuse_missing(layers: Layers, settings: MapSettings, where: str) -> None:
    """Raises InputError where a sample lacks the layer that a plane is made from."""
    for plane in settings.planes:
        if LAYER_OF[plane] not in layers:
            raise InputError(
                f"{where}: there is no layer {LAYER_OF[plane]}, from which {plane} is made: give a dataset "
                "that has it, or train without (--set planes= --set edges_where_known=false)"
            )


def lay_out(ids: Ids, layers: Layers, settings: MapSettings) -> Tensor:
    """A map as networks take it, float32 [P,H,W]: a plane of 0 and 1 a class, then ``settings.planes``.

    ids: [H,W], places in ``settings.classes``; void is 0 in every plane. edges: 1 on pixels whose neighbour
    is of another instance. depth: d / (d + 5 m), 0 where it is missing. normals: camera axes.
    """
    n = len(settings.classes)
    places = torch.from_numpy(np.minimum(ids, n).astype(np.int64))
    planes = [functional.one_hot(places, n + 1)[..., :n].permute(2, 0, 1).float()]
    for name in settings.planes:
        layer = layers[LAYER_OF[name]]
        if name == "edges":
            planes.append(torch.from_numpy(find_edges(layer))[None].float())
        elif name == "depth":
            planes.append(torch.from_numpy(layer / (layer + _FAR_M))[None].float())
        else:
            planes.append(torch.from_numpy(np.ascontiguousarray(layer)).permute(2, 0, 1).float())
    return torch.cat(planes)


def find_edges(mask: NDArray[Any]) -> NDArray[np.bool_]:
    """Pixels of a mask [H,W] of which a neighbour, of four, has another value."""
    edges = np.zeros(mask.shape, bool)
    down, across = mask[1:] != mask[:-1], mask[:, 1:] != mask[:, :-1]
    edges[1:] |= down
    edges[:-1] |= down
    edges[:, 1:] |= across
    edges[:, :-1] |= across
    return edges


def scale_layer(layer: NDArray[Any], size_wh: tuple[int, int]) -> NDArray[Any]:
    """A layer [H,W] or [H,W,3] at another size, each pixel that of the nearest one."""
    return np.asarray(cv2.resize(layer, size_wh, interpolation=cv2.INTER_NEAREST_EXACT))


def refuse_unknown(maps: DatasetReader, settings: MapSettings) -> None:
    """Raises InputError for maps with a class that a painter never learnt."""
    semantic = maps.info.semantic
    unknown = [] if semantic is None else [n for n in semantic.names if n not in settings.classes]
    if unknown:
        raise InputError(
            f"{maps.root} has maps with the class {unknown[0]}, which the painter never learnt: it knows "
            f"{', '.join(settings.classes)}; give it photographs with the same classes to learn from"
        )


def see_size(shape_hw: tuple[int, ...], settings: MapSettings) -> tuple[int, int]:
    """Width and height at which networks see a picture [H,W]: ``view_px`` wide, or just covering what is cut
    from it, whichever is larger.
    """
    height, width = shape_hw
    wide, high = settings.size_wh
    ratio = max(wide / width, high / height, (settings.view_px or 0) / width)
    return max(wide, round(width * ratio)), max(high, round(height * ratio))


def _mirror(name: str, layer: NDArray[Any]) -> NDArray[Any]:
    mirrored = np.ascontiguousarray(layer[:, ::-1])
    if name == "normals":
        mirrored = mirrored * np.array([-1, 1, 1], mirrored.dtype)
    return mirrored


def _vary(rgb_u8: Rgb, strength: float, rng: np.random.Generator) -> Rgb:
    """Contrast about the picture's mean, by 1 ± strength, and brightness, by ± strength · 127.5 counts."""
    contrast, brightness = rng.uniform(-strength, strength, 2)
    mean = rgb_u8.mean()
    varied = (rgb_u8 - mean) * (1 + contrast) + mean + 127.5 * brightness
    return np.asarray(varied.round().clip(0, 255), np.uint8)
