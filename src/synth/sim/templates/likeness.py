"""How signs look in photographs, measured in the boxes of train samples: size, edges, light. And their
noise.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Instance, Sample
from synth.errors import InputError
from synth.geometry.se3 import Array
from synth.sim.backdrop import evenly
from synth.sim.colour import Linear, linear_of_u8, slope_of_linear
from synth.sim.look import still
from synth.sim.noise import NO_NOISE, Noise, measure_noise
from synth.sim.sharpness import measure_edge_sigma
from synth.sim.templates.template import Template

_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)
_MOST_SAMPLES = 80
_RING = 1.5
_PAD_PX = 8
_LOW, _HIGH = 10, 90
_NEAREST, _FEW_OF_GROUP = 8, 6
_MAX_FIT = 2.0
_GAINS = (0.1, 1.5)
_DEFAULT_EDGE_PX = 0.9
_GRAIN_SHIFT_PX, _GRAIN_SIDE_PX = 8, 512
_DARKEST = 0.004
_MIN_SPAN = 0.15


@dataclass(frozen=True)
class Seen:
    """One sign as a photograph shows it: light = offset + gain · the template's, linear, 0 to 1.

    around: middle luminance of its surroundings. edge_sigma_px: None where no edge of it is clean.
    """

    group: str | None
    around: float
    gain: float
    offset: float
    edge_sigma_px: float | None

    def light_of(self, light: Linear) -> Linear:
        """What a template's light [h,w,3] becomes."""
        return np.asarray(self.offset + self.gain * light, np.float32)

    def fitted(self, around: float) -> "Seen":
        """In surroundings of another brightness."""
        fit = float(np.clip(around / max(self.around, _DARKEST), 1 / _MAX_FIT, _MAX_FIT))
        return replace(self, around=around, gain=self.gain * fit, offset=self.offset * fit)


@dataclass(frozen=True)
class Likeness:
    """What signs are to be like. sides_px: the longer sides of boxes, the shortest first."""

    sides_px: tuple[float, ...]
    seen: tuple[Seen, ...] = ()

    @classmethod
    def of_boxes(cls, boxes: Sequence[tuple[Sample, Instance]]) -> "Likeness":
        """Sizes alone."""
        return cls(tuple(sorted(_side(instance) for _, instance in boxes)))

    def draw_side(self, at_most: float, rng: np.random.Generator) -> float | None:
        """The longer side of some box, a tenth more or less, within all and ``at_most``; None for none."""
        n = bisect_right(self.sides_px, at_most)
        if n == 0:
            return None
        side = self.sides_px[int(rng.integers(n))] * rng.uniform(0.9, 1.1)
        return float(np.clip(side, self.sides_px[0], min(self.sides_px[-1], at_most)))

    def borrow(self, around: float, group: str, rng: np.random.Generator) -> Seen:
        """The light and edges of a real sign in surroundings about as bright, of the same recording where
        enough are known, brought to just this brightness; of a plain guess where none is known.
        """
        if not self.seen:
            lit = float(np.clip(around / 0.35, 0.05, 0.9) * np.exp(rng.normal(0, 0.2)))
            return Seen(group, around, lit, 0.03 * lit, None)
        own = [s for s in self.seen if s.group == group]
        pool = own if len(own) >= _FEW_OF_GROUP else list(self.seen)
        distances = [abs(np.log((s.around + 0.01) / (around + 0.01))) for s in pool]
        nearest = np.argsort(distances, kind="stable")[:_NEAREST]
        return pool[int(nearest[int(rng.integers(len(nearest)))])].fitted(around)

    def draw_edge(self, borrowed: Seen, rng: np.random.Generator) -> float:
        """Spread of an edge, pixels: the borrowed one's, else any other's."""
        known = [s.edge_sigma_px for s in self.seen if s.edge_sigma_px is not None]
        if borrowed.edge_sigma_px is not None:
            return borrowed.edge_sigma_px
        return known[int(rng.integers(len(known)))] if known else _DEFAULT_EDGE_PX


def list_measurable(like: DatasetReader, templates: Sequence[Template]) -> list[tuple[Sample, Instance]]:
    """The train boxes of the templates' classes, or all where none is of theirs; InputError for none."""
    names = {t.class_name for t in templates}
    train = [(s, i) for s in like.of_split("train") for i in s.instances]
    boxes = [(s, i) for s, i in train if i.class_name in names] or train
    if not boxes:
        raise InputError(
            f"{like.root} has no train box to take sizes from: say --size 20-120, and leave --like out"
        )
    return boxes


def measure_likeness(like: DatasetReader, templates: Sequence[Template]) -> tuple[Seen, ...]:
    """Signs as they are seen in some of the boxes that `list_measurable` lists.

    Light is measured where a box's class has a template, whose brightest and darkest parts are known.
    """
    by_class = {t.class_name: t for t in templates}
    boxes = list_measurable(like, templates)
    chosen = evenly(boxes, min(_MOST_SAMPLES, len(boxes)))
    found = [_look(like, sample, instance, by_class) for sample, instance in chosen]
    return tuple(seen for seen in found if seen is not None)


@dataclass(frozen=True)
class Grain:
    """Noise that is equally strong in the picture's counts at any brightness, as cameras that sharpen and
    smooth by themselves leave it.

    sigma_counts: each channel, 8-bit counts. noise: how it hangs together.
    """

    sigma_counts: tuple[float, float, float]
    noise: Noise = NO_NOISE

    def draw(self, light: Linear, rng: np.random.Generator) -> Linear:
        """What it adds to light [h,w,3]."""
        height, width = light.shape[:2]
        sigma = np.asarray(self.sigma_counts, np.float32) * slope_of_linear(light)
        return np.asarray(sigma * self.noise.draw((height, width), rng), np.float32)


def measure_grain(picture_u8: NDArray[np.uint8]) -> Grain:
    """Of the middle of one picture, where it shows the same some pixels further on; none where nothing is
    flat.
    """
    height, width = picture_u8.shape[:2]
    y, x = max(height - _GRAIN_SIDE_PX, 0) // 2, max(width - _GRAIN_SIDE_PX, 0) // 2
    middle = picture_u8[y : y + _GRAIN_SIDE_PX, x : x + _GRAIN_SIDE_PX]
    a, b = middle[:, :-_GRAIN_SHIFT_PX], middle[:, _GRAIN_SHIFT_PX:]
    flat = still(a, b)
    try:
        noise = measure_noise([(a, b)], [flat])
    except InputError:
        return Grain((0.0, 0.0, 0.0))
    light = np.median(linear_of_u8(a)[flat], axis=0)
    red, green, blue = (noise.sigma(light) / slope_of_linear(light)).tolist()
    return Grain((red, green, blue), noise)


def measure_around(light: Linear, box: Array) -> float:
    """Middle luminance of a ring around a box, as far as it lies in the picture [H,W,3]."""
    height, width = light.shape[:2]
    centre, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
    x0, y0 = np.maximum(np.floor(centre - _RING * half).astype(int), 0)
    x1, y1 = np.minimum(np.ceil(centre + _RING * half).astype(int), (width, height))
    ring = np.ones((y1 - y0, x1 - x0), bool)
    inner = np.concatenate([np.floor(box[:2]), np.ceil(box[2:])]).astype(int) - np.array([x0, y0, x0, y0])
    ring[max(inner[1], 0) : inner[3], max(inner[0], 0) : inner[2]] = False
    pixels = light[y0:y1, x0:x1][ring] @ _LUMINANCE
    return float(np.median(pixels)) if len(pixels) else float(np.median(light @ _LUMINANCE))


def _look(
    like: DatasetReader, sample: Sample, instance: Instance, templates: Mapping[str, Template]
) -> Seen | None:
    """One box; None where its class has no template or it is cut off."""
    template = templates.get(instance.class_name)
    box = np.asarray(instance.box_xyxy_px)
    x0, y0, x1, y1 = np.round(box).astype(int)
    if template is None or min(x1 - x0, y1 - y0) < _PAD_PX:
        return None
    picture = linear_of_u8(like.load_rgb(sample))
    size_wh = (int(x1 - x0), int(y1 - y0))
    seen: Linear = np.asarray(cv2.resize(template.light, size_wh, interpolation=cv2.INTER_AREA), np.float32)
    inside = cv2.erode((seen[..., 3] > 0.95).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    if inside.sum() < _PAD_PX**2:
        return None
    gain, offset = _fit_light(seen[..., :3][inside], picture[y0:y1, x0:x1][inside])
    around = measure_around(picture, box)
    sigma = _edge_sigma(picture[max(y0 - _PAD_PX, 0) : y1 + _PAD_PX, max(x0 - _PAD_PX, 0) : x1 + _PAD_PX])
    return Seen(sample.group, around, gain, offset, sigma)


def _fit_light(own: Linear, seen: Linear) -> tuple[float, float]:
    """gain and offset by which a template's light [N,3] becomes that of a photograph.

    They are told by the darkest and the brightest of all channels: of colours that are pure in the template
    the weakest channel is the light that lies over everything, so that blue stays as blue as it is seen.
    """
    (own_low, own_high), (low, high) = (
        (np.percentile(light.min(axis=1), _LOW), np.percentile(light.max(axis=1), _HIGH))
        for light in (own, seen)
    )
    gain = float(np.clip((high - low) / max(own_high - own_low, _MIN_SPAN), *_GAINS))
    return gain, float(low - gain * own_low)


def _edge_sigma(light: Linear) -> float | None:
    """Of the straight edges between what is dark and what is bright [h,w,3]."""
    grey = np.asarray(np.clip(light @ _LUMINANCE, 0, 1) * 255, np.uint8)
    _, mask = cv2.threshold(grey, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    sigmas = measure_edge_sigma(light, mask > 0)
    return float(np.median(sigmas)) if sigmas else None


def _side(instance: Instance) -> float:
    x0, y0, x1, y1 = instance.box_xyxy_px
    return float(max(x1 - x0, y1 - y0))
