"""How parts look in photographs, measured on train images alone: colour, edges, noise, exposure."""

import itertools
from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.errors import InputError
from synth.sim.colour import linear_of_u8, to_srgb
from synth.sim.look import still
from synth.sim.noise import NO_NOISE, Noise, measure_noise
from synth.sim.photographs.plates import Plate
from synth.sim.scene import RGB
from synth.sim.sharpness import measure_edge_sigma

BRIGHTEST = 0.75
"""Linear light of the brightest channel of a part's own colour: how much of it is lamp, nobody can tell."""

_MAX_PICTURES = 12
_RIM_PX = 5
_SATURATED = 250


class Appearance(BaseModel):
    """colours_rgb: sRGB 0–255 of each class. surroundings_rgb: of all around. gain_rgb: from rendered light
    to the photographs', each channel. edge_sigma_px: spread of an edge. noise: of one picture.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    colours_rgb: Mapping[str, RGB]
    surroundings_rgb: RGB
    gain_rgb: tuple[float, float, float] = (1.0, 1.0, 1.0)
    edge_sigma_px: float = 0.0
    noise: Noise = NO_NOISE


def measure_appearance(
    dataset: DatasetReader, samples: Sequence[Sample], classes: Sequence[str], plates: Sequence[Plate]
) -> Appearance:
    """From the masks of train samples and their plates.

    A part's colour is the middle one under its masks, without what glares. Raises InputError for a class that
    no train mask shows.
    """
    train = choose_measured(samples)
    pictures = [dataset.load_rgb(s) for s in train]
    pixels: dict[str, list[NDArray[np.float32]]] = {name: [] for name in classes}
    sigmas: list[float] = []
    for sample, picture in zip(train, pictures, strict=True):
        linear = linear_of_u8(picture)
        for name, mask in masks_of(dataset, sample):
            sigmas += measure_edge_sigma(linear, mask)
            inner = eroded(mask) & (picture.max(axis=-1) < _SATURATED)
            if name in pixels:
                pixels[name].append(linear[inner])
    return Appearance(
        colours_rgb={name: _middle_colour(name, found) for name, found in pixels.items()},
        surroundings_rgb=_rgb(np.mean([np.median(p.rgb_u8.reshape(-1, 3), axis=0) for p in plates], axis=0)),
        edge_sigma_px=round(float(np.median(sigmas)), 4) if sigmas else 0.0,
        noise=_noise(pictures),
    )


def choose_measured(samples: Sequence[Sample]) -> list[Sample]:
    """The train samples with a mask on which an appearance is measured."""
    train = [s for s in samples if s.split == "train" and s.mask is not None]
    return train[:: -(-len(train) // _MAX_PICTURES) or 1]


def masks_of(dataset: DatasetReader, sample: Sample) -> list[tuple[str, NDArray[np.bool_]]]:
    """Class and mask [H,W] of each instance."""
    mask = dataset.load_mask(sample)
    if mask is None:
        return []
    return [(instance.class_name, mask == i + 1) for i, instance in enumerate(sample.instances)]


def eroded(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A mask [H,W] without its rim."""
    return np.asarray(cv2.erode(mask.astype(np.uint8), np.ones((_RIM_PX, _RIM_PX), np.uint8)) > 0)


def _middle_colour(name: str, found: Sequence[NDArray[np.float32]]) -> RGB:
    light = np.concatenate(list(found) or [np.empty((0, 3), np.float32)])
    if len(light) == 0:
        raise InputError(
            f"no train image shows {name} under a mask, so its colour is unknown: name more --train"
        )
    middle = np.median(light, axis=0)
    return _rgb(to_srgb(middle / max(float(middle.max()), 1e-6) * np.float32(BRIGHTEST)) * 255)


def _noise(pictures: Sequence[NDArray[np.uint8]]) -> Noise:
    """What differs where nothing moved; none where the camera moved, since then it cannot be told."""
    pairs = [(a, b) for a, b in itertools.pairwise(pictures[:5]) if a.shape == b.shape]
    if not pairs:
        return NO_NOISE
    try:
        return measure_noise(pairs, [still(a, b) for a, b in pairs])
    except InputError:
        return NO_NOISE


def _rgb(colour: NDArray[np.floating]) -> RGB:
    r, g, b = np.clip(np.asarray(colour, float), 0, 255).round(2).tolist()
    return r, g, b
