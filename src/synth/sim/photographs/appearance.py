"""How parts look in photographs, measured on train images alone: colour, edges, noise, exposure."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from synth.dataset.codecs import Rgb
from synth.dataset.sample import Sample
from synth.errors import InputError
from synth.geometry.boxes import Mask
from synth.sim.colour import Linear, linear_of_u8, to_srgb
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


@dataclass(frozen=True, eq=False)
class View:
    """A picture [H,W,3] and, of each part in it, class and outline [H,W]."""

    rgb_u8: Rgb
    outlines: Sequence[tuple[str, Mask]]


def measure_appearance(views: Sequence[View], classes: Sequence[str], plates: Sequence[Plate]) -> Appearance:
    """From the outlines of train samples and their plates.

    A part's colour is the middle one in its outlines, without what glares. Raises InputError for a class that
    no view shows.
    """
    lights = measure_lights(views)
    for name in classes:
        if name not in lights:
            raise InputError(
                f"no train image shows {name} under a mask, so its colour is unknown: name more --train"
            )
    return Appearance(
        colours_rgb={name: to_colour(lights[name], float(lights[name].max())) for name in classes},
        surroundings_rgb=measure_surroundings(plates),
        edge_sigma_px=measure_edges(views),
        noise=measure_pictures_noise([view.rgb_u8 for view in views]),
    )


def measure_lights(views: Sequence[View]) -> dict[str, Linear]:
    """The middle of each class's light [3] in its outlines, without rim and glare."""
    found: dict[str, list[Linear]] = {}
    for view in views:
        linear, dull = linear_of_u8(view.rgb_u8), view.rgb_u8.max(axis=-1) < _SATURATED
        for name, mask in view.outlines:
            found.setdefault(name, []).append(linear[eroded(mask) & dull])
    lights = {name: np.concatenate(several) for name, several in found.items()}
    return {name: np.median(light, axis=0) for name, light in lights.items() if len(light)}


def measure_edges(views: Sequence[View]) -> float:
    """Spread of the parts' edges, pixels; 0 where none is clean."""
    sigmas: list[float] = []
    for view in views:
        linear = linear_of_u8(view.rgb_u8)
        for _, mask in view.outlines:
            sigmas += measure_edge_sigma(linear, mask)
    return round(float(np.median(sigmas)), 4) if sigmas else 0.0


def measure_surroundings(plates: Sequence[Plate]) -> RGB:
    """The middle colour of the plates."""
    return _rgb(np.mean([np.median(p.rgb_u8.reshape(-1, 3), axis=0) for p in plates], axis=0))


def to_colour(light: Linear, brightest: float) -> RGB:
    """A part's own colour of its light [3], `BRIGHTEST` where that is as bright as the brightest."""
    return to_rgb(light / max(brightest, 1e-6) * np.float32(BRIGHTEST))


def to_rgb(light: Linear) -> RGB:
    """Linear light [3] as sRGB, 0–255."""
    return _rgb(to_srgb(light) * 255)


def choose_measured(samples: Sequence[Sample]) -> list[Sample]:
    """The train samples with a mask on which an appearance is measured."""
    train = [s for s in samples if s.split == "train" and s.mask is not None]
    return train[:: -(-len(train) // _MAX_PICTURES) or 1]


def eroded(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A mask [H,W] without its rim."""
    return np.asarray(cv2.erode(mask.astype(np.uint8), np.ones((_RIM_PX, _RIM_PX), np.uint8)) > 0)


def measure_pictures_noise(pictures: Sequence[NDArray[np.uint8]]) -> Noise:
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
