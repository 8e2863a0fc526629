"""Label maps of scenes with depth and normals, by rays alone: no picture, no Blender."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from numpy.typing import NDArray

from synth.compute.engines.engine import Resources
from synth.dataset.layers import LayerName
from synth.errors import InputError
from synth.sim.labels import label_scene
from synth.sim.scene_studio import SceneStudio
from synth.sim.settings import RenderSettings
from synth.sim.sources.source import MadeSample, Order

PACKAGES = ("synth-robotics", "numpy", "opencv-python", "open3d")
"""Whose versions a dataset of maps records."""

_OF_CROPS = dict.fromkeys(("R_crop_cam", "normal_crop_uvw", "point_crop_xy"))


def refuse_pictures(settings: RenderSettings) -> None:
    """Raises InputError for settings that are about pictures, where none are made."""
    for option, wanted in (
        ("--look plain", settings.look == "plain"),
        (f"--quality {settings.quality}", settings.quality != "normal"),
        ("--layers", settings.layers),
        ("--blender", settings.blender is not None),
    ):
        if wanted:
            raise InputError(f"{option} is about pictures, and --maps-only makes none: leave one of them out")


@dataclass(frozen=True, eq=False)
class MapStudio(SceneStudio):
    """The job of an order is a scene. Records have no crops, which would be cut from a picture."""

    resources: ClassVar[Resources] = Resources(cores=1, memory_gb=1.0)

    @contextmanager
    def __call__(self) -> Iterator[Callable[[Order], MadeSample]]:
        """Nothing needs opening."""
        yield self.take

    def take(self, order: Order) -> MadeSample:
        """The sample of an order; the same for equal orders, whoever takes it."""
        began = time.perf_counter()
        backdrop = self.backdrop
        scene = backdrop.randomized(order.job)
        labels = label_scene(scene, backdrop.meshes, backdrop.labels)
        layers: dict[LayerName, NDArray[Any]] = {
            "semantic": labels.semantic(backdrop.pixel_classes),
            "depth": labels.depth_counts(self.depth_scale_m),
            "normals": labels.normals(),
            "mask": labels.mask,
        }
        instances = tuple(i.model_copy(update=_OF_CROPS) for i in labels.instances)
        return MadeSample(
            draft=self.describe(
                scene,
                instances,
                dict.fromkeys(scene.parents, ("pose",)),
                {"unlabelled": labels.n_unlabelled},
                {"label_s": time.perf_counter() - began},
            ),
            layers=layers,
            scene=scene,
        )
