"""From an order to a finished sample, in a process with a Blender of its own."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from synth.compute.engines.engine import Engine, Resources
from synth.compute.progress import Progress
from synth.dataset.layers import LayerName
from synth.dataset.record import Figure
from synth.geometry.se3 import Array
from synth.sim.backdrop import LOOK_FOLDER, Pair
from synth.sim.blender import QUALITIES, Blender, Quality
from synth.sim.installed import find_installed
from synth.sim.labels import label_scene
from synth.sim.meshes import write_meshes
from synth.sim.optics import Lens
from synth.sim.scene import Scene, SceneBody
from synth.sim.scene_studio import SceneStudio
from synth.sim.settings import RenderSettings
from synth.sim.sources.source import WORK_FOLDER, MadeSample, Order

PACKAGES = ("synth-robotics", "numpy", "opencv-python", "open3d", "bpy", "blenderproc")
"""Whose versions a rendered dataset records."""

_MIN_LENGTH = 0.5


class Settle(Protocol):
    """Lets bodies fall on to static ones until they rest: T_base_body [4,4] of each afterwards.

    Without chance: the same start gives the same end.
    """

    def __call__(self, bodies: Sequence[SceneBody], static: Sequence[SceneBody]) -> Sequence[Array]: ...


@dataclass(frozen=True, eq=False)
class BlenderStudio(SceneStudio):
    """Renders scenes before one backdrop.

    The job of an order is a scene, or has ``settle(backdrop, settle)``, which gives one once physics has run;
    parts of such a one may end out of sight.

    folder: of meshes, and of what processes keep from one another's work; `prepared` sets it. engine: of
    the processes in which twins are held against pictures.
    """

    quality: Quality
    with_layers: bool
    blender: Path | None
    n_threads: int | None
    engine: Engine
    folder: Path = Path()

    resources: ClassVar[Resources] = Resources(cores=4, memory_gb=3.0)

    @classmethod
    def _choose(cls, settings: RenderSettings) -> dict[str, Any]:
        engine = settings.open_engine()
        return {
            "quality": QUALITIES[settings.quality],
            "with_layers": settings.layers,
            "blender": settings.blender,
            "n_threads": engine.count_threads(settings.choose_processes(cls.resources)),
            "engine": engine,
        }

    def check(self) -> None:
        """Raises InputError without a Blender that can be used."""
        Blender(self.folder, self.blender)

    def measured(self) -> Self:
        """With what the backdrop measures on pictures."""
        backdrop = self.backdrop.measured()
        made_by = self.info.made_by.model_copy(update={"readings": backdrop.readings})
        return replace(self, backdrop=backdrop, info=self.info.model_copy(update={"made_by": made_by}))

    def prepared(self, out: Path, progress: Progress) -> Self:
        """With meshes on disk and the brightness of objects."""
        if self.blender is not None and not find_installed(self.blender).denoises:
            progress.say("This Blender has no denoiser: every picture takes 16 times the samples.")
        studio = replace(self, folder=out / WORK_FOLDER)
        write_meshes(self.backdrop.meshes, studio.folder / "meshes")
        backdrop = self.backdrop.matched(studio.compare, out / LOOK_FOLDER, progress)
        return replace(studio, backdrop=backdrop)

    def compare(self, pairs: Sequence[Pair], quality: str | None = None) -> list[Any]:
        """For each scene and the picture that was taken of it, what `Pictures.compare` says.

        quality: by name; None for the studio's own. The scenes are drawn in one child process.
        """
        found: list[Any] = []
        at = self.quality if quality is None else QUALITIES[quality]
        comparing = _Comparing(replace(self, quality=at, n_threads=None))
        self.engine.run_shards(
            pairs, comparing, 1, lambda _, ratio: found.append(ratio), resources=self.resources
        )
        return found

    @contextmanager
    def __call__(self) -> Iterator[Callable[[Order], MadeSample]]:
        """Open a Blender; what comes out makes one order after the other."""
        with Blender(self.folder / "meshes", self.blender, self.n_threads) as blender:
            yield Photographer(self, blender).take


@dataclass(frozen=True, eq=False)
class _Comparing:
    """Holds twins against pictures; a worker for an engine."""

    studio: BlenderStudio

    @contextmanager
    def __call__(self) -> Iterator[Callable[[Pair], Any]]:
        studio = self.studio
        with Blender(studio.folder / "meshes", studio.blender, studio.n_threads) as blender:
            yield studio.backdrop.open(blender, studio.folder, studio.quality).compare


class Photographer:
    """Makes pictures and labels in one process; what scenes share is kept from one to the next."""

    def __init__(self, studio: BlenderStudio, blender: Blender) -> None:
        self._studio = studio
        self._blender = blender
        self._pictures = studio.backdrop.open(blender, studio.folder, studio.quality)

    def take(self, order: Order) -> MadeSample:
        """The sample of an order; the same for equal orders, whoever takes it."""
        studio, backdrop = self._studio, self._studio.backdrop
        began = time.perf_counter()
        is_settled = isinstance(order.job, Scene)
        plain = order.job if is_settled else order.job.settle(backdrop, self._blender.settle)
        scene = backdrop.randomized(plain)
        labels = label_scene(scene, backdrop.meshes, backdrop.labels, demand_part=is_settled)
        labelled = time.perf_counter()
        light, coverage = self._pictures.draw(scene)
        layers: dict[LayerName, NDArray[Any]] = {}
        if studio.with_layers:
            layers |= self._draw_normals(scene, self._pictures.lens(scene))
        rendered = time.perf_counter()
        rgb_u8 = self._pictures.make_picture(plain, scene, light, coverage)
        timing = {
            "label_s": labelled - began,
            "render_s": rendered - labelled,
            "picture_s": time.perf_counter() - rendered,
        }
        if studio.info.camera is not None:  # Whose record has the scale of depths.
            depth_counts = labels.depth_counts(studio.depth_scale_m)
            if not backdrop.knows_behind:
                depth_counts = np.where(labels.mask > 0, depth_counts, 0).astype(np.uint16)
            layers["depth"] = depth_counts
        quality: dict[str, Figure] = {
            "unlabelled": labels.n_unlabelled,
            "device": ", ".join(self._blender.made_by["devices"]) or "CPU",
        }
        return MadeSample(
            draft=studio.describe(scene, labels.instances, self._pictures.parents(scene), quality, timing),
            layers={
                "image": rgb_u8,
                "mask": labels.mask,
                "semantic": labels.semantic(backdrop.pixel_classes),
                **layers,
            },
            crops=labels.crops(rgb_u8),
            scene=scene,
        )

    def _draw_normals(self, scene: Scene, lens: Lens) -> dict[LayerName, NDArray[Any]]:
        """The normals [H,W,3] in the distorted picture, by the nearest pixel of the ideal one."""
        whole = (0, 0, *lens.ideal.size_wh)
        drawn = self._blender.render(scene, lens.ideal, whole, Quality(1, denoiser=None), ("normals",)).layers
        x, y = np.moveaxis(np.rint(lens.ideal_xy).astype(int), -1, 0)
        normals = drawn["normals"][y, x]
        length = np.linalg.norm(normals, axis=-1, keepdims=True)
        # Where nothing was hit there is no normal.
        unit = np.divide(normals, length, out=np.zeros_like(normals), where=length > _MIN_LENGTH)
        return {"normals": unit.astype(np.float32)}
