"""Photographs as a backdrop: plates made of them, lamps drawn anew for every scene, parts as they appear."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
from pydantic import JsonValue, ValidationError

from synth.cell.mesh import file_sha256
from synth.compute.progress import Progress
from synth.compute.versions import list_versions
from synth.dataset.info import DatasetInfo, MadeBy
from synth.dataset.origin import Parent, Reading
from synth.dataset.posed import PartLabel
from synth.dataset.reader import DatasetReader
from synth.dataset.record import Split
from synth.dataset.sample import Sample
from synth.errors import InputError
from synth.geometry.mesh import Mesh
from synth.geometry.se3 import Array
from synth.sim.backdrop import Compare, Pair, Placement, evenly
from synth.sim.blender import QUALITIES, Blender, Quality
from synth.sim.photographs.appearance import Appearance, choose_measured, measure_appearance
from synth.sim.photographs.objects import Objects, Seen, list_seen, refuse_without_poses
from synth.sim.photographs.pictures import PhotographPictures
from synth.sim.photographs.plates import (
    Plate,
    choose_for_plates,
    choose_plate,
    list_backgrounds,
    make_backgrounds,
    make_plates,
)
from synth.sim.pixel_classes import PixelClasses, photograph_classes
from synth.sim.scene import RGB, Finish, Scene, SceneBody, SceneLamp
from synth.sim.scene_studio import DEPTH_SCALE_M
from synth.sim.settings import RenderSettings
from synth.sim.studio import PACKAGES, BlenderStudio
from synth.sim.twins import make_twin
from synth.storage.atomic import write_bytes

APPEARANCE_FILE = "appearance.json"
N_MATCHED = 4

_LIGHT_STREAM = 0x1A39
_BEHIND = 1.6
_LAMP_DISTANCE_M = 1.5
_WHITE_K = 5500.0


def open_over_photographs(settings: RenderSettings) -> BlenderStudio:
    """A studio before the photographs of ``settings.over``.

    Raises InputError where there are none, and for what needs a cell.
    """
    if settings.over is None:
        raise InputError("no photographs are named to render over: say which dataset with --over")
    backdrop = PhotographBackdrop(settings.over, settings.seed, settings.backgrounds)
    for option, wanted in (
        ("--look plain", settings.look == "plain"),
        ("--randomize", settings.randomize),
        ("--layers", settings.layers),
        ("--test-twins", settings.test_twins),
        ("--maps-only", settings.maps_only),
    ):
        if wanted:
            raise InputError(f"{option} is for renderings of a cell, and --over knows none: leave it out")
    return BlenderStudio.of(backdrop, _describe(settings, backdrop), settings)


def find_twinnable(over: DatasetReader) -> list[Seen]:
    """What can have twins: parts in pictures of a size of which there will be a plate.

    Raises InputError for a dataset without models, poses or masks, DatasetError for a model that is not the
    one it names.
    """
    seen = _demand_seen(over, Objects.of(over))
    return _where_plates_are(_sizes_of(over, seen), seen)


@dataclass(frozen=True, eq=False)
class PhotographBackdrop:
    """A `Backdrop`. plates, appearance: measured on train samples; poses of val samples count too.

    backgrounds: a folder of unrelated pictures to make the plates of; None for the train images themselves.
    """

    knows_behind = False

    over: DatasetReader
    seed: int = 0
    backgrounds: Path | None = None
    plates: tuple[Plate, ...] = ()
    appearance: Appearance = field(
        default_factory=lambda: Appearance(colours_rgb={}, surroundings_rgb=(0, 0, 0))
    )

    @cached_property
    def objects(self) -> Objects:
        """The parts; raises as `Objects.of`."""
        return Objects.of(self.over)

    @cached_property
    def seen(self) -> tuple[Seen, ...]:
        """Where parts were seen, in pictures of a size of which there is a plate."""
        sizes = {plate.size_wh for plate in self.plates}
        return tuple(_where_plates_are(sizes, list_seen(self.over, self.objects)))

    @property
    def meshes(self) -> dict[str, Mesh]:
        """By class name, as scenes name them."""
        return self.objects.meshes

    @property
    def models(self) -> Mapping[str, Path | bytes]:
        """The files of the dataset's models."""
        return self.over.meshes

    @property
    def labels(self) -> dict[str, PartLabel]:
        """What the dataset's models say is labelled on each."""
        return self.objects.labels

    @cached_property
    def pixel_classes(self) -> PixelClasses:
        """The parts by class, and background."""
        return photograph_classes(self.over.info.classes)

    @property
    def twinned(self) -> DatasetReader:
        """The dataset of the photographs."""
        return self.over

    def list_behind(self, scene: Scene) -> tuple[Parent, ...]:
        """The unrelated picture, where it is one: a sample's own stands among the scene's parents already."""
        plate = choose_plate(self.plates, scene)
        return (plate.parent,) if plate.sample is None else ()

    @property
    def readings(self) -> tuple[Reading, ...]:
        """Photographs and masks of which plates and the parts' appearance are made, and twins that set how
        bright parts are.
        """
        measured = choose_measured(self.list_twinnable())
        own = [plate.sample for plate in self.plates if plate.sample is not None]
        return (
            *([self.over.as_reading(own, "mask", "plate")] if own else []),
            self.over.as_reading(measured, "mask", "look"),
            self.over.as_reading(self._list_matched(), "pose", "look"),
        )

    def list_twinnable(self) -> Sequence[Sample]:
        """The train and val samples with poses."""
        return [s.sample for s in self.seen]

    def place(self, sample: Sample) -> Placement:
        """The parts before the sample's own camera, whose frame stands for the base."""
        seen = next(s for s in self.seen if s.sample.name == sample.name)
        return Placement(seen.camera, seen.poses)

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
                        colour_rgb=_shaken(self.appearance.colours_rgb[class_name], rng),
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

    def randomized(self, scene: Scene) -> Scene:
        """As it is: light and surfaces are drawn anew for every scene already."""
        return scene

    def measured(self) -> Self:
        """With plates, and the parts' appearance less its gain. Raises InputError, DatasetError."""
        seen = _demand_seen(self.over, self.objects)
        if self.backgrounds is None:
            plates = make_plates(self.over, [s.sample for s in seen])
        else:
            plates = make_backgrounds(self.backgrounds, _sizes_of(self.over, seen), self.over)
        made = replace(self, plates=tuple(plates))
        appearance = measure_appearance(
            self.over, made.list_twinnable(), tuple(made.objects.meshes), made.plates
        )
        return replace(made, appearance=appearance)

    def matched(self, compare: Compare, look_folder: Path, progress: Progress) -> Self:
        """With the gain of the parts' light, saved: the middle of what a few train twins ask for, each
        channel. Raises InputError where no part is large enough, and for a saved file that is damaged.
        """
        saved = look_folder / APPEARANCE_FILE
        if saved.is_file():
            return replace(self, appearance=_load_appearance(saved))
        progress.say("A few train twins first show how bright the parts come out in the photographs.")
        pairs: list[Pair] = [
            (make_twin(sample, self, seed=self.seed), self.over.load_rgb(sample))
            for sample in self._list_matched()
        ]
        found = [ratio for ratio in compare(pairs, None) if ratio is not None]
        if not found:
            raise InputError(
                f"in no train sample of {self.over.root} is a part large enough to tell how bright it is"
            )
        r, g, b = (round(float(v), 4) for v in np.median(found, axis=0))
        appearance = self.appearance.model_copy(update={"gain_rgb": (r, g, b)})
        write_bytes(saved, (appearance.model_dump_json(indent=2) + "\n").encode())
        return replace(self, appearance=appearance)

    def _list_matched(self) -> list[Sample]:
        train = [s for s in self.list_twinnable() if s.split == "train"]
        return evenly(train, min(N_MATCHED, len(train)))

    def open(self, blender: Blender, folder: Path, quality: Quality) -> PhotographPictures:
        """For one process."""
        return PhotographPictures(self.meshes, self.plates, self.appearance, blender, quality)


def _demand_seen(over: DatasetReader, objects: Objects) -> list[Seen]:
    seen = list_seen(over, objects)
    refuse_without_poses(over, seen)
    return seen


def _sizes_of(over: DatasetReader, seen: Sequence[Seen]) -> set[tuple[int, int]]:
    """Of the train images by which parts' appearance can be measured; plates have these sizes."""
    return {sample.size_wh for sample in choose_for_plates(over, [s.sample for s in seen])}


def _where_plates_are(sizes_wh: Collection[tuple[int, int]], seen: Sequence[Seen]) -> list[Seen]:
    """Those in pictures as large as a plate."""
    return [s for s in seen if s.camera.size_wh in sizes_wh]


def _describe(settings: RenderSettings, backdrop: PhotographBackdrop) -> DatasetInfo:
    over = backdrop.over
    info = over.info
    config: dict[str, JsonValue] = {
        "over": over.digest(("train", "val")),
        "models": {model.class_name: model.sha256 for model in info.models},
        "quality": {"name": settings.quality, **asdict(QUALITIES[settings.quality])},
    }
    if (folder := settings.backgrounds) is not None:
        config["backgrounds"] = {path.name: file_sha256(path) for path in list_backgrounds(folder)}
    camera = info.camera
    if camera is not None and camera.depth_scale_m is None:
        camera = camera.model_copy(update={"depth_scale_m": DEPTH_SCALE_M})
    return DatasetInfo(
        kind="rendered",
        classes=info.classes,
        semantic=backdrop.pixel_classes.semantic,
        flip_pairs=info.flip_pairs,
        camera=camera,
        part=info.part,
        models=info.models,
        box_kind=info.box_kind,
        made_by=MadeBy(
            verb="render",
            config=config,
            seed=settings.seed,
            versions=list_versions(PACKAGES),
            parents=(over.name,),
            simulated=info.made_by.simulated,
        ),
    )


def _load_appearance(path: Path) -> Appearance:
    try:
        return Appearance.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise InputError(f"{path} is damaged: delete it and the parts are matched again") from error


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
