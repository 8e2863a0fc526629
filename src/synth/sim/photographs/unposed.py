"""CAD files over photographs that say nothing of poses, or nothing at all."""

from collections.abc import Iterator, Sequence
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
from synth.dataset.origin import REAL_KINDS, Reading, Used
from synth.dataset.reader import DatasetReader
from synth.dataset.record import Split
from synth.dataset.sample import Sample
from synth.errors import InputError
from synth.geometry import se3
from synth.geometry.pinhole import Pinhole
from synth.geometry.se3 import Array
from synth.sim.backdrop import Compare, Pair, Placement
from synth.sim.blender import QUALITIES
from synth.sim.colour import Linear, linear_of_u8
from synth.sim.furnish import pinhole_of
from synth.sim.photographs.appearance import (
    Appearance,
    measure_edges,
    measure_lights,
    measure_pictures_noise,
    measure_surroundings,
    to_colour,
    to_rgb,
)
from synth.sim.photographs.asked import Unposed
from synth.sim.photographs.backdrop import PhotographBackdrop, load_appearance, save_appearance
from synth.sim.photographs.cad import load_parts, say_size
from synth.sim.photographs.framed import list_views, open_pictures, paint_plates
from synth.sim.photographs.free_poses import are_apart, can_be_seen, find_distance_m, fits
from synth.sim.photographs.lens import PHONE_FOV_DEG
from synth.sim.photographs.objects import Objects
from synth.sim.photographs.plates import list_backgrounds
from synth.sim.scene import SceneCamera
from synth.sim.settings import RenderSettings
from synth.sim.studio import PACKAGES, BlenderStudio
from synth.sim.window import hull_of

SIZE_FACTOR = 1.25
"""Parts come up to so much larger or smaller than boxes of their class."""

_MAX_PARTS = 12
_TRIES = 200
_NEAREST_M = 0.02
_MATCH_STREAM, _N_MATCHED = 0x3A7C, 8
_MEAN_ALBEDO = 0.3
_BRIGHTEST = 0.9
_PLAIN_EDGE_PX = 0.8
_TRAIN: tuple[Split, ...] = ("train",)


Sighting = tuple[tuple[str, float], ...]
"""The parts that one photograph shows: class, and its box's longer side as a share of the picture's."""


@dataclass(frozen=True, eq=False)
class UnposedBackdrop(PhotographBackdrop):
    """Parts in any turn, anywhere, as many and as large as boxes of train samples say, or at a distance.

    over: whose labelled parts are painted out of plates; None for a folder of pictures. lights: of classes
    that were seen [3], linear. n_known_lenses: photographs whose EXIF tells the lens.
    """

    asked: Unposed
    over: DatasetReader | None = None
    seed: int = 0
    lights: dict[str, Linear] | None = None
    n_known_lenses: int = 0

    @cached_property
    def objects(self) -> Objects:
        """Those of the files; raises as `load_parts`."""
        return load_parts(self.asked.files)

    @property
    def classes(self) -> tuple[str, ...]:
        """The dataset's, or the files'."""
        return tuple(self.objects.meshes) if self.over is None else self.over.info.classes

    @property
    def twinned(self) -> DatasetReader | None:
        """The dataset of the photographs: none can have twins, but plates have samples as parents."""
        return self.over

    @property
    def readings(self) -> tuple[Reading, ...]:
        """Photographs and boxes of which plates, sizes and the parts' appearance are made."""
        if self.over is None:
            return ()
        train = self.over.of_split("train")
        groups: tuple[tuple[list[Sample], tuple[Used, ...]], ...] = (
            ([s for s in train if s.mask is not None], ("labels", "mask", "plate", "look")),
            ([s for s in train if s.mask is None and s.instances], ("labels", "plate", "look")),
            ([s for s in train if s.mask is None and not s.instances], ("plate",)),
        )
        return tuple(self.over.as_reading(samples, *used) for samples, used in groups if samples)

    @cached_property
    def sightings(self) -> tuple[Sighting, ...]:
        """What train samples say of how many parts a picture shows and how large they are."""
        found = []
        for sample in self.over.of_split("train") if self.over is not None else ():
            boxes = [
                (i.class_name, np.ptp(np.reshape(i.box_xyxy_px, (2, 2)), axis=0).max() / max(sample.size_wh))
                for i in sample.instances
                if i.class_name in self.objects.meshes
            ]
            if boxes:
                found.append(tuple((name, float(share)) for name, share in boxes))
        return tuple(found)

    def list_twinnable(self) -> Sequence[Sample]:
        """None."""
        return ()

    def place(self, sample: Sample) -> Placement:
        """Of no sample; raises InputError."""
        raise InputError(f"sample {sample.name} says nothing of poses, so it has no twin")

    def draw_placement(self, rng: np.random.Generator) -> Placement:
        """Turned evenly over all turns. Sizes are drawn from those of boxes, and a little beyond; without
        boxes distances evenly on a logarithmic scale. Raises InputError where a part fits nowhere.
        """
        camera = self._draw_camera(rng)
        wanted = self._draw_classes(rng)
        placed = self._draw_parts(wanted, pinhole_of(camera), rng)
        if not placed:
            how = "as large as its boxes"
            if self.asked.distance_m is not None:
                how = f"{self.asked.distance_m[0]:g} to {self.asked.distance_m[1]:g} m away"
            raise InputError(
                f"{wanted[0]} finds no place in a photograph {how}, whole, 12 px large and 2 cm from the "
                f"camera: give another --distance, in metres, or the right --units. {' '.join(self._sizes)}"
            )
        return Placement(camera, tuple(placed))

    def _draw_parts(
        self, wanted: Sequence[str], pinhole: Pinhole, rng: np.random.Generator
    ) -> list[tuple[str, Array]]:
        """Those that find room."""
        placed: list[tuple[str, Array]] = []
        for name in wanted:
            for _ in range(_TRIES):
                T = self._draw_pose(name, pinhole, rng)
                if T is not None and all(
                    are_apart(self._corners_m[name], T, self._corners_m[other], T_other)
                    for other, T_other in placed
                ):
                    placed.append((name, T))
                    break
        return placed

    def _draw_camera(self, rng: np.random.Generator) -> SceneCamera:
        camera = self.plates[int(rng.integers(len(self.plates)))].camera
        assert camera is not None
        return camera

    def _draw_classes(self, rng: np.random.Generator) -> list[str]:
        if self.asked.distance_m is None:
            return [name for name, _ in self.sightings[int(rng.integers(len(self.sightings)))][:_MAX_PARTS]]
        names = list(self.meshes)
        return [names[int(i)] for i in rng.integers(len(names), size=int(rng.integers(1, 4)))]

    def _draw_pose(self, name: str, camera: Pinhole, rng: np.random.Generator) -> Array | None:
        """A pose in which the part can be seen whole; None where this one is none."""
        R = Rotation.random(random_state=rng).as_matrix()
        ray = camera.unproject(rng.uniform([0, 0], camera.size_wh) - 0.5).reshape(3)
        distance_m: float | None
        if self.asked.distance_m is not None:
            distance_m = float(np.exp(rng.uniform(*np.log(self.asked.distance_m))))
        else:
            shares = [share for seen in self.sightings for known, share in seen if known == name]
            share = rng.choice(shares) * np.exp(rng.uniform(-1, 1) * np.log(SIZE_FACTOR))
            turned_m = self._corners_m[name] @ R.T
            distance_m = find_distance_m(turned_m, ray, camera, share * max(camera.size_wh), _NEAREST_M)
        if distance_m is None:
            return None
        T, corners_m = se3.make(R, ray * distance_m), self._corners_m[name]
        is_whole = fits(corners_m, T, camera, _NEAREST_M) and can_be_seen(corners_m, T, camera)
        return T if is_whole else None

    @cached_property
    def _corners_m(self) -> dict[str, Array]:
        """Of each part's convex hull [N,3]: what its box goes by."""
        return {name: hull_of(mesh) for name, mesh in self.objects.meshes.items()}

    @cached_property
    def _sizes(self) -> list[str]:
        return [say_size(f.path.name, self.meshes[f.class_name], f.units) for f in self.asked.files]

    def measured(self) -> Self:
        """With plates, and the parts' appearance less its gain. Raises InputError, DatasetError."""
        if self.over is None:
            assert self.asked.pictures is not None
            taken, views = list(open_pictures(self.asked.pictures, self.asked.fov_deg)), []
        else:
            taken, views = (
                list(paint_plates(self.over, self.asked.fov_deg)),
                list(list_views(self.over, set(self.meshes))),
            )
        plates = [plate for plate, _ in taken]
        seen = {name for sighting in self.sightings for name, _ in sighting}
        if (unseen := sorted(set(self.meshes) - seen)) and self.asked.distance_m is None:
            raise InputError(
                f"no photograph to train on has a box of {', '.join(unseen)}, so nothing says how large it "
                "comes out in a picture: say how far parts are from the camera, --distance 0.3-0.8 in metres"
            )
        lights = measure_lights(views)
        brightest = max((float(light.max()) for light in lights.values()), default=0.0)
        own = {
            name: to_rgb(linear_of_u8(mesh.corner_rgb.reshape(1, -1, 3))[0].mean(axis=0))
            for name, mesh in self.objects.meshes.items()
            if mesh.corner_rgb is not None
        }
        appearance = Appearance(
            colours_rgb=own | {name: to_colour(light, brightest) for name, light in lights.items()},
            surroundings_rgb=measure_surroundings(plates),
            edge_sigma_px=measure_edges(views) or _PLAIN_EDGE_PX,
            noise=measure_pictures_noise([view.rgb_u8 for view in views]),
        )
        return replace(
            self,
            plates=tuple(plates),
            appearance=appearance,
            lights=lights,
            n_known_lenses=sum(is_known for _, is_known in taken),
        )

    def matched(self, compare: Compare, look_folder: Path, progress: Progress) -> Self:
        """With the gain of the parts' light, saved: as bright as they are in their boxes, or else as the
        photographs would show a surface of their colour if surfaces gave back 30 % of light on average.
        """
        for sentence in self._say_what_is_taken():
            progress.say(sentence)
        if (known := load_appearance(look_folder)) is not None:
            return replace(self, appearance=known)
        names = [*(self.lights or self.meshes)]
        pairs = [self._pair(i, names[i % len(names)]) for i in range(max(_N_MATCHED, len(names)))]
        found = [r for r in compare([p for p in pairs if p is not None], None) if r is not None]
        if not found:
            raise InputError(
                "parts come out too small to tell how bright they are: give a nearer --distance, or "
                "photographs that show them larger"
            )
        r, g, b = (round(float(v), 4) for v in np.median(found, axis=0))
        appearance = self.appearance.model_copy(update={"gain_rgb": (r, g, b)})
        save_appearance(appearance, look_folder)
        return replace(self, appearance=appearance)

    def _pair(self, i: int, name: str) -> Pair | None:
        """A scene of one part, and a picture that has its light everywhere; None where it finds no room."""
        rng = np.random.default_rng([self.seed, _MATCH_STREAM, i])
        camera = self._draw_camera(rng)
        parts = self._draw_parts([name], pinhole_of(camera), rng)
        if not parts:
            return None
        placement, seed = Placement(camera, tuple(parts)), int(rng.integers(2**31))
        scene = self.furnish(placement, name="000000", scenario="fresh", split="train", seed=seed)
        flat = np.empty((*scene.camera.size_wh[::-1], 3), np.uint8)
        light = (self.lights or {}).get(name)
        if light is None:
            around = np.mean([linear_of_u8(plate.rgb_u8).mean() for plate in self.plates]) / _MEAN_ALBEDO
            colour_u8 = np.rint(scene.bodies[0].finish.colour_rgb).astype(np.uint8).reshape(1, 1, 3)
            light = np.minimum(around * linear_of_u8(colour_u8)[0, 0], _BRIGHTEST)
        flat[:] = np.rint(to_rgb(light))
        return scene, flat

    def _say_what_is_taken(self) -> Iterator[str]:
        yield from self._sizes
        yield from self.objects.notes
        if self.asked.fov_deg is None:
            n, unknown = len(self.plates), len(self.plates) - self.n_known_lenses
            if unknown:
                yield (
                    f"EXIF does not tell the lens of {unknown} of {n} photographs: a field of view of "
                    f"{PHONE_FOV_DEG:g}° across their longer side is assumed; --fov says another."
                )
            else:
                yield f"The lens of all {n} photographs is known."
        if self.asked.distance_m is None:
            rng = np.random.default_rng([self.seed, _MATCH_STREAM])
            drawn = [self.draw_placement(rng).parts for _ in range(20)]
            near, far = np.quantile([T[2, 3] for parts in drawn for _, T in parts], [0.1, 0.9])
            yield (
                f"By the boxes of {len(self.sightings)} photographs parts were {near:.2g} to {far:.2g} m "
                "from the camera. If they were not, give the right --units or --fov."
            )
        unseen = sorted(set(self.meshes) - set(self.lights or {}))
        if unseen:
            yield (
                f"No box shows the colour of {', '.join(unseen)}: it is taken from the file, or where that "
                "has none another one is drawn for each part."
            )


def open_unposed(settings: RenderSettings) -> BlenderStudio:
    """A studio for ``settings.own["photographs"]``. Raises InputError for a dataset of made pictures."""
    asked: Unposed = settings.own["photographs"]
    over = settings.over
    if over is not None and over.info.kind not in REAL_KINDS:
        raise InputError(
            f"{over.root} is {over.info.kind}, and renderings are made over photographs: give --over a "
            "folder of pictures or an imported dataset"
        )
    if settings.backgrounds is not None:
        raise InputError(
            "--backgrounds stands in for the photographs of an imported dataset with poses; with --mesh name "
            "that folder with --over"
        )
    backdrop = UnposedBackdrop(asked, over, settings.seed)
    return BlenderStudio.of(backdrop, _describe(settings, backdrop), settings)


def _describe(settings: RenderSettings, backdrop: UnposedBackdrop) -> DatasetInfo:
    asked, over = backdrop.asked, backdrop.over
    config: dict[str, JsonValue] = {
        "models": {record.class_name: record.sha256 for record in backdrop.objects.records},
        "units": {file.class_name: file.units for file in asked.files},
        "distance_m": None if asked.distance_m is None else list(asked.distance_m),
        "fov_deg": asked.fov_deg,
        "quality": {"name": settings.quality, **asdict(QUALITIES[settings.quality])},
    }
    if over is not None:
        config["over"] = over.digest(_TRAIN)
    elif asked.pictures is not None:
        pictures = list_backgrounds(asked.pictures, "--over")
        config["pictures"] = {path.name: file_sha256(path) for path in pictures}
    behind = over.name if over is not None else asked.pictures.resolve().name if asked.pictures else ""
    return DatasetInfo(
        kind="rendered",
        classes=backdrop.classes,
        semantic=backdrop.pixel_classes.semantic,
        flip_pairs=() if over is None else over.info.flip_pairs,
        models=backdrop.objects.records,
        box_kind="tight" if over is None else over.info.box_kind,
        made_by=MadeBy(
            verb="render",
            config=config,
            seed=settings.seed,
            versions=list_versions(PACKAGES),
            parents=(behind,),
            simulated=over is not None and over.info.made_by.simulated,
        ),
    )
