"""From a scene after photographs to a finished sample, in a process with a Blender of its own."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synth.dataset.sample import Parent
from synth.geometry.mesh import Mesh
from synth.geometry.pinhole import Pinhole
from synth.sim.blender import Blender, Quality
from synth.sim.colour import Linear, linear_of_u8
from synth.sim.furnish import pinhole_of
from synth.sim.labels import label_scene
from synth.sim.like.appearance import Appearance, eroded
from synth.sim.like.backdrop import Plate, lay_over
from synth.sim.like.objects import Objects
from synth.sim.optics import Lens
from synth.sim.plan import Order
from synth.sim.scene import Scene
from synth.sim.studio import RenderedSample, make_draft
from synth.sim.window import body_windows, compute_coverage

_PLATE_STREAM, _NOISE_STREAM = 3, 2


@dataclass(frozen=True, eq=False)
class LikeStudio:
    """What every process of a run shares; a worker for an engine. parents: of every sample, by name."""

    objects: Objects
    plates: Sequence[Plate]
    appearance: Appearance
    folder: Path
    quality: Quality
    depth_scale_m: float
    parents: dict[str, Parent]
    blender: Path | None
    n_threads: int | None

    @property
    def meshes(self) -> dict[str, Mesh]:
        """Every mesh that a scene may name."""
        return self.objects.meshes

    @contextmanager
    def __call__(self) -> Iterator[Callable[[Order], RenderedSample]]:
        """Open a Blender; what comes out makes one order after the other."""
        with Blender(self.folder / "meshes", self.blender, self.n_threads) as blender:
            yield LikePhotographer(self, blender).take


class LikePhotographer:
    """Makes pictures and labels in one process."""

    def __init__(self, studio: LikeStudio, blender: Blender) -> None:
        self._studio, self._blender = studio, blender

    def take(self, order: Order) -> RenderedSample:
        """The sample of an order; the same for equal orders, whoever takes it."""
        assert order.scene is not None
        studio, scene = self._studio, order.scene
        began = time.perf_counter()
        labels = label_scene(scene, studio.meshes, studio.objects.labels)
        labelled = time.perf_counter()
        light, coverage = self.draw(scene)
        rendered = time.perf_counter()
        plate = self._plate(scene)
        rgb_u8 = lay_over(
            plate.rgb_u8,
            light,
            coverage,
            gain_rgb=studio.appearance.gain_rgb,
            edge_sigma_px=studio.appearance.edge_sigma_px,
            noise=studio.appearance.noise,
            rng=np.random.default_rng([scene.seed, _NOISE_STREAM]),
        )
        timing = {
            "label_s": labelled - began,
            "render_s": rendered - labelled,
            "develop_s": time.perf_counter() - rendered,
        }
        parents = dict.fromkeys((*scene.parents, plate.sample.name))
        depth_counts = labels.depth_counts(studio.depth_scale_m)
        return RenderedSample(
            scene=scene,
            draft=make_draft(
                scene,
                labels,
                [studio.parents[name] for name in parents],
                self._blender.made_by["devices"],
                timing,
                knows_base=False,
            ),
            rgb_u8=rgb_u8,
            depth_counts=np.where(labels.mask > 0, depth_counts, 0).astype(np.uint16),
            mask=labels.mask,
            crops=labels.crops(rgb_u8),
            layers={},
        )

    def draw(self, scene: Scene) -> tuple[Linear, NDArray[np.float32]]:
        """Light [H,W,3] of the parts in the photograph's pixels, and the share [H,W] they fill of each."""
        studio, lens = self._studio, _lens(scene)
        light = np.zeros((*lens.ideal.size_wh[::-1], 3), np.float32)
        for window in body_windows(scene, studio.meshes, lens.ideal):
            x0, y0, x1, y1 = window
            light[y0:y1, x0:x1] = self._blender.render(scene, lens.ideal, window, studio.quality).rgb
        return lens.distort(light), compute_coverage(scene, studio.meshes, lens.camera)

    def compare(self, scene: Scene, captured_u8: NDArray[np.uint8]) -> tuple[float, ...] | None:
        """How much more light parts have in a photograph [H,W,3] than in its twin, each channel; of medians.

        None for too few pixels.
        """
        light, coverage = self.draw(scene)
        inside = eroded(coverage > 0.999)
        if int(inside.sum()) < 50:
            return None
        ratio = np.median(linear_of_u8(captured_u8)[inside], axis=0) / np.maximum(
            np.median(light[inside], axis=0), 1e-4
        )
        return tuple(float(v) for v in ratio)

    def _plate(self, scene: Scene) -> Plate:
        """Its own photograph's where there is one, else any of this camera's size."""
        plates = [p for p in self._studio.plates if p.sample.size_wh == scene.camera.size_wh]
        own = [p for p in plates if p.sample.name in scene.parents]
        rng = np.random.default_rng([scene.seed, _PLATE_STREAM])
        candidates = own or plates or list(self._studio.plates)
        return candidates[int(rng.integers(len(candidates)))]


def _lens(scene: Scene) -> Lens:
    camera: Pinhole = pinhole_of(scene.camera)
    return Lens.of(camera)
