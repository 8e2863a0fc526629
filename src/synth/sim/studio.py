"""From an order to a finished sample, in a process with a Blender of its own."""

import fcntl
import hashlib
import io
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from synth.cell.model import Cell
from synth.dataset.record import Figure
from synth.dataset.sample import Draft, Origin, Parent
from synth.geometry.pinhole import Pinhole
from synth.sim.blender import Blender, Quality
from synth.sim.colour import Linear
from synth.sim.develop import Darkroom
from synth.sim.furnish import pinhole_of
from synth.sim.labels import SceneLabels, cell_labels, label_scene
from synth.sim.light import draw_light
from synth.sim.look import Look
from synth.sim.meshes import Meshes
from synth.sim.optics import Lens
from synth.sim.plan import FIRST_BIN, Order
from synth.sim.randomize import randomize
from synth.sim.scenarios.bin import make_bin
from synth.sim.scene import Scene, SceneCamera
from synth.sim.settings import LAYERS
from synth.sim.window import compute_coverage
from synth.storage.atomic import write_bytes

BENCH_QUALITY = Quality(samples=64, table_samples=64)


@dataclass(frozen=True, eq=False)
class RenderedSample:
    """All that is written of one scene. layers: of the distorted picture, by name; empty unless asked for."""

    scene: Scene
    draft: Draft
    rgb_u8: NDArray[np.uint8]
    depth_counts: NDArray[np.uint16]
    mask: NDArray[np.uint16]
    crops: list[NDArray[np.uint8] | None]
    layers: dict[str, NDArray[Any]]


class Crew(Protocol):
    """A worker for an engine that makes samples. folder: of its meshes, which it names by ``meshes``."""

    @property
    def folder(self) -> Path: ...

    @property
    def meshes(self) -> Meshes: ...

    def __call__(self) -> AbstractContextManager[Callable[[Order], RenderedSample]]: ...


@dataclass(frozen=True, eq=False)
class Studio:
    """What every process of a run shares; a worker for an engine.

    folder: of meshes and cached benches. parents: what a twin's record says of its sample, by name.
    """

    cell: Cell
    meshes: Meshes
    folder: Path
    camera: SceneCamera
    look: Look
    quality: Quality
    seed: int
    randomize: float
    with_layers: bool
    depth_scale_m: float
    parents: dict[str, Parent]
    blender: Path | None
    n_threads: int | None

    @contextmanager
    def __call__(self) -> Iterator[Callable[[Order], RenderedSample]]:
        """Open a Blender; what comes out makes one order after the other."""
        with Blender(self.folder / "meshes", self.blender, self.n_threads) as blender:
            yield Photographer(self, blender).take


class Photographer:
    """Makes pictures and labels in one process; what scenes share is kept from one to the next."""

    def __init__(self, studio: Studio, blender: Blender) -> None:
        self._studio = studio
        self._blender = blender
        self._meshes = studio.meshes
        self._labels = cell_labels(studio.cell, studio.meshes)
        self._lenses: dict[str, Lens] = {}
        self._darkrooms: dict[str, Darkroom] = {}

    def take(self, order: Order) -> RenderedSample:
        """The sample of an order; the same for equal orders, whoever takes it."""
        studio = self._studio
        began = time.perf_counter()
        plain = order.scene or self._fill_bin(order.number)
        scene = plain
        if studio.randomize:
            scene = randomize(plain, np.random.default_rng([plain.seed, 1]), studio.randomize, self._meshes)
        labels = label_scene(scene, self._meshes, self._labels)
        labelled = time.perf_counter()
        lens = self._lens(scene.camera)
        darkroom = self._darkroom(plain, lens)
        rendering = time.perf_counter()
        light = draw_light(self._blender, scene, self._meshes, lens.ideal, studio.quality)
        layers = self._draw_layers(scene, lens) if studio.with_layers else {}
        rendered = time.perf_counter()
        rgb_u8 = darkroom.develop(
            light,
            compute_coverage(scene, self._meshes, lens.camera),
            np.random.default_rng([scene.seed, 2]),
        )
        timing = {
            "label_s": labelled - began,
            "render_s": rendered - rendering,
            "develop_s": time.perf_counter() - rendered,
        }
        return RenderedSample(
            scene=scene,
            draft=make_draft(
                scene,
                labels,
                [studio.parents[name] for name in scene.parents],
                self._blender.made_by["devices"],
                timing,
            ),
            rgb_u8=rgb_u8,
            depth_counts=labels.depth_counts(studio.depth_scale_m),
            mask=labels.mask,
            crops=labels.crops(rgb_u8),
            layers=layers,
        )

    def compare(self, scene: Scene, captured_u8: NDArray[np.uint8]) -> float | None:
        """How much brighter objects are in a captured picture [H,W,3] than in its twin; None for too few."""
        lens = self._lens(scene.camera)
        darkroom = self._darkroom(scene, lens)
        light = draw_light(self._blender, scene, self._meshes, lens.ideal, self._studio.quality)
        covered = compute_coverage(scene, self._meshes, lens.camera)
        return darkroom.compare(light, covered, captured_u8)

    def _fill_bin(self, number: int) -> Scene:
        studio = self._studio
        return make_bin(
            number,
            studio.cell,
            self._meshes,
            studio.camera,
            self._blender.settle,
            seed=studio.seed,
            first_number=FIRST_BIN,
        )

    def _lens(self, camera: SceneCamera) -> Lens:
        key = camera.model_copy(update={"T_base_cam": None}).model_dump_json()
        if key not in self._lenses:
            self._lenses[key] = Lens.of(pinhole_of(camera))
        return self._lenses[key]

    def _darkroom(self, scene: Scene, lens: Lens) -> Darkroom:
        """The darkroom for the bench of a scene, which is the same in all scenes of one camera."""
        empty = scene.model_copy(
            update={"name": "bench", "scenario": "twin", "split": "train", "seed": 0, "bodies": ()}
            | {"q_rad": None, "T_base_tool": None, "parents": (), "draws": {}}
        )
        key = hashlib.sha256(f"{empty.model_dump_json()} {BENCH_QUALITY}".encode()).hexdigest()[:16]
        if key not in self._darkrooms:
            self._darkrooms[key] = Darkroom(self._studio.look, lens, self._bench(empty, lens.ideal, key))
        return self._darkrooms[key]

    def _bench(self, empty: Scene, ideal: Pinhole, key: str) -> Linear:
        """Light of the empty bench in the whole ideal image, rendered by whichever process is first."""
        path = self._studio.folder / f"bench_{key}.npy"
        with (self._studio.folder / f"bench_{key}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.is_file():
                content = io.BytesIO()
                np.save(content, draw_light(self._blender, empty, self._meshes, ideal, BENCH_QUALITY))
                write_bytes(path, content.getvalue())
        light: Linear = np.load(path, allow_pickle=False)
        return light

    def _draw_layers(self, scene: Scene, lens: Lens) -> dict[str, NDArray[Any]]:
        """Each layer [H,W,...] in the distorted picture, by the nearest pixel of the ideal one."""
        whole = (0, 0, *lens.ideal.size_wh)
        drawn = self._blender.render(scene, lens.ideal, whole, Quality(1, denoiser=None), LAYERS).layers
        x, y = np.moveaxis(np.rint(lens.ideal_xy).astype(int), -1, 0)
        return {name: layer[y, x] for name, layer in drawn.items()}


def make_draft(
    scene: Scene,
    labels: SceneLabels,
    parents: Sequence[Parent],
    devices: Sequence[str],
    timing: dict[str, float],
    *,
    knows_base: bool = True,
) -> Draft:
    """The record of a rendered scene. knows_base: whether the scene's base is more than its camera."""
    quality: dict[str, Figure] = {
        "scenario": scene.scenario,
        "unlabelled": labels.n_unlabelled,
        "device": ", ".join(devices) or "CPU",
    }
    if scene.split == "test":
        quality["analysis_only"] = True
    return Draft(
        name=scene.name,
        split=scene.split,
        size_wh=scene.camera.size_wh,
        K=scene.camera.K,
        dist=scene.camera.dist,
        T_base_cam=scene.camera.T_base_cam if knows_base else None,
        instances=labels.instances,
        origin=Origin(parents=tuple(parents), seed=scene.seed),
        quality=quality,
        timing=timing,
    )
