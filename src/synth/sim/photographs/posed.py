"""Photographs that say where their parts are: twins of them, and new poses around the observed range."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
from pydantic import JsonValue
from scipy.spatial.transform import Rotation

from synth.cell.mesh import file_sha256
from synth.compute.progress import Progress
from synth.compute.versions import list_versions
from synth.dataset.info import DatasetInfo, MadeBy
from synth.dataset.origin import Reading
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.errors import InputError
from synth.geometry import se3
from synth.geometry.pinhole import Pinhole
from synth.geometry.se3 import Array
from synth.sim.backdrop import Compare, Pair, Placement, evenly
from synth.sim.blender import QUALITIES
from synth.sim.furnish import pinhole_of
from synth.sim.photographs.appearance import View, choose_measured, measure_appearance
from synth.sim.photographs.backdrop import PhotographBackdrop, load_appearance, save_appearance
from synth.sim.photographs.free_poses import are_apart, fits
from synth.sim.photographs.objects import Objects, Seen, list_seen, refuse_without_poses
from synth.sim.photographs.outlines import outline_parts
from synth.sim.photographs.plates import (
    choose_for_plates,
    list_backgrounds,
    make_backgrounds,
    make_plates,
)
from synth.sim.scene_studio import DEPTH_SCALE_M
from synth.sim.settings import RenderSettings
from synth.sim.studio import PACKAGES, BlenderStudio
from synth.sim.twins import make_twin

N_MATCHED = 4

BEYOND = 1.0
"""How far a turn goes on past the two observed ones between which it is drawn, in steps from one to the
other.
"""

SHAKE_DEG = 20.0
"""Standard deviation of a random turn about each axis on top of that."""

DEPTH_FACTOR = 1.25
"""Distances reach from the nearest observed one over this to the farthest times this."""

_TRIES = 200


def open_posed(settings: RenderSettings) -> BlenderStudio:
    """A studio before the photographs of ``settings.over``."""
    assert settings.over is not None
    backdrop = PosedBackdrop(settings.over, settings.seed, settings.backgrounds)
    return BlenderStudio.of(backdrop, _describe(settings, backdrop), settings)


def find_twinnable(over: DatasetReader) -> list[Seen]:
    """What can have twins: parts in pictures of a size of which there will be a plate.

    Raises InputError for a dataset without models, poses or masks, DatasetError for a model that is not the
    one it names.
    """
    seen = _demand_seen(over, Objects.of(over))
    return _where_plates_are(_sizes_of(over, seen), seen)


@dataclass(frozen=True, eq=False)
class PosedBackdrop(PhotographBackdrop):
    """A dataset's own. Plates and appearance are measured on train samples; poses of val samples count too.

    backgrounds: a folder of unrelated pictures to make the plates of; None for the train images themselves.
    """

    over: DatasetReader
    seed: int = 0
    backgrounds: Path | None = None

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
    def classes(self) -> tuple[str, ...]:
        """The dataset's."""
        return self.over.info.classes

    @property
    def twinned(self) -> DatasetReader:
        """The dataset of the photographs."""
        return self.over

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

    def draw_placement(self, rng: np.random.Generator) -> Placement:
        """As many parts as in some sample, each anywhere in the image, apart from one another.

        Turns are drawn on the way between two observed ones and beyond; a place in the image evenly, since
        where parts were seen says little of where they will be; a distance evenly on a logarithmic scale.
        Raises InputError where a part fits nowhere.
        """
        seen, meshes = self.seen, self.meshes
        model = seen[int(rng.integers(len(seen)))]
        pinhole = pinhole_of(model.camera)
        placed: list[tuple[str, Array]] = []
        for class_name, _ in model.poses:
            observed = [T for s in seen for known, T in s.poses if known == class_name]
            mesh = meshes[class_name]
            for _ in range(_TRIES):
                T = _draw(observed, pinhole, rng)
                if fits(mesh.vertices_m, T, pinhole) and all(
                    are_apart(mesh.vertices_m, T, meshes[other].vertices_m, T_other)
                    for other, T_other in placed
                ):
                    placed.append((class_name, T))
                    break
        if not placed:
            raise InputError(
                f"no new pose of {model.poses[0][0]} has its whole 1:1 box in the image at the observed "
                "distances: leave --share photographs out"
            )
        return Placement(model.camera, tuple(placed))

    def measured(self) -> Self:
        """With plates, and the parts' appearance less its gain. Raises InputError, DatasetError."""
        seen = _demand_seen(self.over, self.objects)
        if self.backgrounds is None:
            plates = make_plates(self.over, [s.sample for s in seen])
        else:
            plates = make_backgrounds(self.backgrounds, _sizes_of(self.over, seen), self.over)
        made = replace(self, plates=tuple(plates))
        measured = choose_measured(made.list_twinnable())
        views = [_view(self.over, sample, self.meshes) for sample in measured]
        appearance = measure_appearance(views, tuple(self.meshes), made.plates)
        return replace(made, appearance=appearance)

    def matched(self, compare: Compare, look_folder: Path, progress: Progress) -> Self:
        """With the gain of the parts' light, saved: the middle of what a few train twins ask for, each
        channel. Raises InputError where no part is large enough, and for a saved file that is damaged.
        """
        if (known := load_appearance(look_folder)) is not None:
            return replace(self, appearance=known)
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
        save_appearance(appearance, look_folder)
        return replace(self, appearance=appearance)

    def _list_matched(self) -> list[Sample]:
        train = [s for s in self.list_twinnable() if s.split == "train"]
        return evenly(train, min(N_MATCHED, len(train)))


def _view(over: DatasetReader, sample: Sample, classes: Collection[str]) -> View:
    rgb_u8 = over.load_rgb(sample)
    return View(rgb_u8, list(outline_parts(over, sample, rgb_u8, classes)))


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


def _describe(settings: RenderSettings, backdrop: PosedBackdrop) -> DatasetInfo:
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


def _draw(observed: Sequence[Array], camera: Pinhole, rng: np.random.Generator) -> Array:
    a, b = (observed[int(k)][:3, :3] for k in rng.integers(len(observed), size=2))
    step = Rotation.from_matrix(a.T @ b).as_rotvec() * rng.uniform(-BEYOND, 1 + BEYOND)
    shake = np.radians(SHAKE_DEG) * rng.standard_normal(3)
    R = (Rotation.from_rotvec(shake) * Rotation.from_matrix(a) * Rotation.from_rotvec(step)).as_matrix()
    depths_m = [float(T[2, 3]) for T in observed]
    near, far = np.log([min(depths_m) / DEPTH_FACTOR, max(depths_m) * DEPTH_FACTOR])
    ray = camera.unproject(rng.uniform([0, 0], camera.size_wh) - 0.5).reshape(3)
    return se3.make(R, ray * np.exp(rng.uniform(near, far)))
