"""From scenes on a cell's bench to pictures in its look."""

import fcntl
import hashlib
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synth.dataset.origin import Used
from synth.geometry.pinhole import Pinhole
from synth.sim.backdrop import Coverage, Pair
from synth.sim.blender import Blender, Quality
from synth.sim.camera_response import CameraResponse
from synth.sim.colour import Linear
from synth.sim.furnish import pinhole_of
from synth.sim.light import draw_light
from synth.sim.look import Look
from synth.sim.meshes import Meshes
from synth.sim.optics import Lens
from synth.sim.scene import Scene
from synth.sim.window import compute_coverage
from synth.storage.atomic import write_bytes

EMPTY_QUALITY = Quality(samples=64, table_samples=64)
"""Of the empty bench, which is rendered once."""

_NOISE_STREAM = 2


class BenchPictures:
    """`Pictures` of a bench in one look; what scenes share is kept from one to the next.

    folder: of the empty bench's light, which whichever process is first renders. moves: whether the camera is
    on the arm and sees the bench anew in every scene, so that none is kept.
    """

    def __init__(
        self,
        meshes: Meshes,
        look: Look,
        blender: Blender,
        folder: Path,
        quality: Quality,
        *,
        moves: bool = False,
    ) -> None:
        self._meshes, self._look, self._moves = meshes, look, moves
        self._blender, self._folder, self._quality = blender, folder, quality
        self._lenses: dict[str, Lens] = {}
        self._responses: dict[str, CameraResponse] = {}

    def lens(self, scene: Scene) -> Lens:
        """Of the scene's camera, wherever that stands."""
        key = scene.camera.model_copy(update={"T_base_cam": None}).model_dump_json()
        if key not in self._lenses:
            self._lenses[key] = Lens.of(pinhole_of(scene.camera))
        return self._lenses[key]

    def draw(self, scene: Scene) -> tuple[Linear, Coverage]:
        """Light of the whole ideal image [h,w,3], and coverage [H,W] in the distorted one."""
        lens = self.lens(scene)
        light = draw_light(self._blender, scene, self._meshes, lens.ideal, self._quality)
        return light, compute_coverage(scene, self._meshes, lens.camera)

    def make_picture(
        self, plain: Scene, scene: Scene, light: Linear, coverage: Coverage
    ) -> NDArray[np.uint8]:
        """What the camera would have made of it. plain: its bench is the one that light is held against."""
        rng = np.random.default_rng([scene.seed, _NOISE_STREAM])
        return self._response(plain, self.lens(scene)).apply(light, coverage, rng)

    def parents(self, scene: Scene) -> dict[str, tuple[Used, ...]]:
        """The sample that a twin stands for."""
        return dict.fromkeys(scene.parents, ("pose",))

    def compare(self, pair: Pair) -> float | None:
        """How much brighter objects are in the captured picture than in its twin; None for too few."""
        scene, captured_u8 = pair
        return self._response(scene, self.lens(scene)).compare(*self.draw(scene), captured_u8)

    def _response(self, scene: Scene, lens: Lens) -> CameraResponse:
        """For the bench of a scene, which is the same in all scenes of one camera that stands."""
        empty = scene.model_copy(
            update={"name": "bench", "scenario": "", "split": "train", "seed": 0, "bodies": ()}
            | {"q_rad": None, "T_base_tool": None, "parents": (), "draws": {}}
        )
        if self._moves:
            light = draw_light(self._blender, empty, self._meshes, lens.ideal, EMPTY_QUALITY)
            return CameraResponse(self._look, lens, light)
        key = hashlib.sha256(f"{empty.model_dump_json()} {EMPTY_QUALITY}".encode()).hexdigest()[:16]
        if key not in self._responses:
            light = self._empty_light(empty, lens.ideal, key)
            self._responses[key] = CameraResponse(self._look, lens, light)
        return self._responses[key]

    def _empty_light(self, empty: Scene, ideal: Pinhole, key: str) -> Linear:
        """Light of the empty bench in the whole ideal image, rendered by whichever process is first."""
        path = self._folder / f"bench_{key}.npy"
        with (self._folder / f"bench_{key}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.is_file():
                content = io.BytesIO()
                np.save(content, draw_light(self._blender, empty, self._meshes, ideal, EMPTY_QUALITY))
                write_bytes(path, content.getvalue())
        light: Linear = np.load(path, allow_pickle=False)
        return light
