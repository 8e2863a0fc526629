"""Photographs as a backdrop: plates made of them, lamps drawn anew for every scene, parts as they appear."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from synth.dataset.origin import Parent
from synth.dataset.posed import PartLabel
from synth.dataset.record import Split
from synth.errors import InputError
from synth.geometry.mesh import Mesh
from synth.geometry.se3 import Array
from synth.sim.backdrop import Backdrop, Placement
from synth.sim.blender import Blender, Quality
from synth.sim.photographs.appearance import Appearance, to_rgb
from synth.sim.photographs.objects import Objects
from synth.sim.photographs.pictures import PhotographPictures
from synth.sim.photographs.plates import Plate, choose_plate
from synth.sim.pixel_classes import PixelClasses, photograph_classes
from synth.sim.scene import RGB, Finish, Scene, SceneBody, SceneLamp
from synth.storage.atomic import write_bytes

APPEARANCE_FILE = "appearance.json"

_LIGHT_STREAM = 0x1A39
_BEHIND = 1.6
_LAMP_DISTANCE_M = 1.5
_WHITE_K = 5500.0
_UNKNOWN = 0.05, 0.75
"""Linear light of each channel of a colour that nobody knows."""


@dataclass(frozen=True, eq=False)
class PhotographBackdrop(Backdrop, ABC):
    """Subclass it and say which parts, plates and poses there are. plates, appearance: set by `measured`."""

    knows_behind = False

    plates: tuple[Plate, ...] = field(default=(), kw_only=True)
    appearance: Appearance = field(
        default_factory=lambda: Appearance(colours_rgb={}, surroundings_rgb=(0, 0, 0)), kw_only=True
    )

    @property
    @abstractmethod
    def objects(self) -> Objects:
        """The parts."""

    @property
    @abstractmethod
    def classes(self) -> tuple[str, ...]:
        """Of the dataset that is made."""

    @abstractmethod
    def draw_placement(self, rng: np.random.Generator) -> Placement:
        """New poses, each with its whole 1:1 box in the image. Raises InputError where no part fits."""

    @property
    def meshes(self) -> dict[str, Mesh]:
        """By class name, as scenes name them."""
        return self.objects.meshes

    @property
    def models(self) -> Mapping[str, Path | bytes]:
        """The files of the parts."""
        return self.objects.files

    @property
    def labels(self) -> dict[str, PartLabel]:
        """What is labelled on each part."""
        return self.objects.labels

    @cached_property
    def pixel_classes(self) -> PixelClasses:
        """The parts by class, and background."""
        return photograph_classes(self.classes)

    def list_behind(self, scene: Scene) -> tuple[Parent, ...]:
        """The picture of the plate, unless it is a sample's own: that stands among the scene's parents."""
        plate = choose_plate(self.plates, scene)
        return (plate.parent,) if plate.sample is None else ()

    def furnish(
        self,
        placement: Placement,
        *,
        name: str,
        scenario: str,
        split: Split,
        seed: int,
        parents: tuple[str, ...] = (),
    ) -> Scene:
        """Parts under lamps drawn by the seed, before a wall in the colour of all around."""
        rng = np.random.default_rng([seed, _LIGHT_STREAM])
        middle_m = np.mean([T[:3, 3] for _, T in placement.parts], axis=0)
        far_m = max(float(T[2, 3]) for _, T in placement.parts)
        roughness, coat = float(rng.uniform(0.15, 0.6)), float(rng.uniform(0, 0.6))
        return Scene(
            name=name,
            scenario=scenario,
            split=split,
            seed=seed,
            camera=placement.camera,
            table_point_m=(0.0, 0.0, far_m * _BEHIND),
            table_normal=(0.0, 0.0, -1.0),
            table_finish=Finish(colour_rgb=self.appearance.surroundings_rgb, roughness=0.9),
            bodies=tuple(
                SceneBody(
                    name=f"part_{i}",
                    mesh=class_name,
                    T_base_body=T.tolist(),
                    finish=Finish(
                        colour_rgb=self._draw_colour(class_name, rng),
                        roughness=roughness,
                        coat=coat,
                    ),
                    instance=i,
                )
                for i, (class_name, T) in enumerate(placement.parts, start=1)
            ),
            lamps=tuple(
                _lamp(middle_m, brightness, rng) for brightness in (1.0, float(rng.uniform(0.1, 0.7)))
            ),
            parents=parents,
        )

    def _draw_colour(self, class_name: str, rng: np.random.Generator) -> RGB:
        """Near what was measured; any at all of a class whose colour nobody knows."""
        known = self.appearance.colours_rgb.get(class_name)
        return (
            _shaken(known, rng) if known is not None else to_rgb(rng.uniform(*_UNKNOWN, 3).astype(np.float32))
        )

    def randomized(self, scene: Scene) -> Scene:
        """As it is: light and surfaces are drawn anew for every scene already."""
        return scene

    def open(self, blender: Blender, folder: Path, quality: Quality) -> PhotographPictures:
        """For one process."""
        return PhotographPictures(self.meshes, self.plates, self.appearance, blender, quality)


def load_appearance(folder: Path) -> Appearance | None:
    """What an earlier run saved there; None for nothing. Raises InputError for a damaged file."""
    path = folder / APPEARANCE_FILE
    if not path.is_file():
        return None
    try:
        return Appearance.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise InputError(f"{path} is damaged: delete it and the parts are matched again") from error


def save_appearance(appearance: Appearance, folder: Path) -> None:
    """For a run that goes on."""
    write_bytes(folder / APPEARANCE_FILE, (appearance.model_dump_json(indent=2) + "\n").encode())


def _lamp(middle_m: Array, brightness: float, rng: np.random.Generator) -> SceneLamp:
    """A panel above or beside the parts, on the camera's side; nobody knows where the real ones hung."""
    direction = np.array([0.0, -0.8, -0.6]) + 0.6 * rng.standard_normal(3)
    direction[2] = min(direction[2], -0.1)
    position_m = middle_m + _LAMP_DISTANCE_M * direction / np.linalg.norm(direction)
    return SceneLamp(
        position_m=tuple(position_m.tolist()),
        target_m=tuple(middle_m.tolist()),
        side_m=float(rng.uniform(0.3, 1.2)),
        brightness=brightness * float(np.exp(rng.uniform(-0.35, 0.35))),
        temperature_k=_WHITE_K + float(rng.uniform(-700, 700)),
    )


def _shaken(colour_rgb: RGB, rng: np.random.Generator) -> RGB:
    r, g, b = np.clip(np.asarray(colour_rgb) + rng.uniform(-10, 10, 3), 0, 255).tolist()
    return r, g, b
