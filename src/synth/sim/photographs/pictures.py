"""From scenes to pictures over photographs."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from synth.dataset.origin import Used
from synth.sim.backdrop import Coverage, Pair
from synth.sim.blender import Blender, Quality
from synth.sim.colour import Linear, linear_of_u8
from synth.sim.furnish import pinhole_of
from synth.sim.meshes import Meshes
from synth.sim.optics import Lens
from synth.sim.photographs.appearance import Appearance, eroded
from synth.sim.photographs.plates import Plate, choose_plate, lay_over
from synth.sim.scene import Scene
from synth.sim.window import body_windows, compute_coverage

_NOISE_STREAM = 2
_MIN_PIXELS = 50


class PhotographPictures:
    """`Pictures` of rendered parts laid over plates."""

    def __init__(
        self,
        meshes: Meshes,
        plates: Sequence[Plate],
        appearance: Appearance,
        blender: Blender,
        quality: Quality,
    ) -> None:
        self._meshes, self._plates, self._appearance = meshes, plates, appearance
        self._blender, self._quality = blender, quality

    def lens(self, scene: Scene) -> Lens:
        """Of the scene's camera, which most scenes have for themselves."""
        return Lens.of(pinhole_of(scene.camera))

    def draw(self, scene: Scene) -> tuple[Linear, Coverage]:
        """Light [H,W,3] of the parts in the photograph's pixels, and the share [H,W] they fill of each."""
        lens = self.lens(scene)
        light = np.zeros((*lens.ideal.size_wh[::-1], 3), np.float32)
        for window in body_windows(scene, self._meshes, lens.ideal):
            x0, y0, x1, y1 = window
            light[y0:y1, x0:x1] = self._blender.render(scene, lens.ideal, window, self._quality).rgb
        return lens.distort(light), compute_coverage(scene, self._meshes, lens.camera)

    def make_picture(
        self, plain: Scene, scene: Scene, light: Linear, coverage: Coverage
    ) -> NDArray[np.uint8]:
        """The parts over the scene's plate."""
        return lay_over(
            choose_plate(self._plates, scene).rgb_u8,
            light,
            coverage,
            gain_rgb=self._appearance.gain_rgb,
            edge_sigma_px=self._appearance.edge_sigma_px,
            noise=self._appearance.noise,
            rng=np.random.default_rng([scene.seed, _NOISE_STREAM]),
        )

    def parents(self, scene: Scene) -> dict[str, tuple[Used, ...]]:
        """The sample that a twin stands for, and the one whose plate it is."""
        used: dict[str, tuple[Used, ...]] = dict.fromkeys(scene.parents, ("pose",))
        plate = choose_plate(self._plates, scene).sample
        return used if plate is None else used | {plate.name: (*used.get(plate.name, ()), "plate")}

    def compare(self, pair: Pair) -> tuple[float, ...] | None:
        """How much more light parts have in a photograph than in its twin, each channel; of medians.

        None for too few pixels.
        """
        scene, photograph_u8 = pair
        light, coverage = self.draw(scene)
        inside = eroded(coverage > 0.999)
        if int(inside.sum()) < _MIN_PIXELS:
            return None
        ratio = np.median(linear_of_u8(photograph_u8)[inside], axis=0) / np.maximum(
            np.median(light[inside], axis=0), 1e-4
        )
        return tuple(float(v) for v in ratio)
