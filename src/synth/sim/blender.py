"""Blender as a function of scenes: light for windows of a picture, and bodies at rest.

Blender runs in a worker, a child process that loads it once (some seconds) and then answers one request after
the other. It starts with the first request, ends with this process, and is exchanged before its memory grows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from synth.errors import InputError, RendererError, SynthError
from synth.geometry.pinhole import Pinhole
from synth.geometry.se3 import Array
from synth.sim.blender_worker import Worker, make_command
from synth.sim.scene import Scene, SceneBody

Layer = Literal["normals", "depth", "ids"]
Window = tuple[int, int, int, int]

MAX_SCENES, MAX_RSS_MB = 200, 2500.0


@dataclass(frozen=True)
class Quality:
    """Cycles' settings.

    table_samples: of the table, drawn by itself and smaller (light.py); None to draw everything together.
    noise_threshold: where a pixel stops early, 0 for never. denoiser: None for none.
    """

    samples: int
    table_samples: int | None = None
    noise_threshold: float = 0.0
    denoiser: Literal["OPENIMAGEDENOISE", "OPTIX"] | None = "OPENIMAGEDENOISE"
    prefilter: Literal["NONE", "FAST", "ACCURATE"] = "FAST"
    diffuse_bounces: int = 3
    glossy_bounces: int = 3


# SSIM on part and shadow (benchmarks/render.py, 2 frames at 640×480): draft 0.988, normal 0.991.
_SETTLE_S = 6.0

QUALITIES: Mapping[str, Quality] = {
    "draft": Quality(4, table_samples=4),
    "normal": Quality(8, table_samples=8),
    "reference": Quality(1024, noise_threshold=0.01, prefilter="ACCURATE"),
}


@dataclass(frozen=True, eq=False)
class RenderResult:
    """A window of an ideal image.

    rgb: float32 [h,w,3], linear light. layers: normals float32 [h,w,3] (unit, OpenCV camera axes, 0 for
    none), depth float32 [h,w] (metres along z, 0 for none), ids uint16 [h,w] (the bodies' instances), each
    seen through pixel centres. seconds: what Blender took.
    """

    rgb: NDArray[np.float32]
    window_xyxy: Window
    layers: dict[str, NDArray[Any]] = field(default_factory=dict)
    seconds: float = 0.0


class Blender:
    """A worker as a context manager; not for two threads at once.

    meshes: folder of NAME.npz. program: an installed Blender or its folder; None for the pip wheels.
    n_threads: None for all. max_scenes, max_rss_mb: after how many requests, or above how much memory, the
    worker is exchanged. deadline_s: of one request. Raises InputError when there is no Blender, RendererError
    when the worker crashes, hangs or refuses; the next request then starts another.
    """

    def __init__(
        self,
        meshes: Path,
        program: Path | None = None,
        n_threads: int | None = None,
        *,
        max_scenes: int = MAX_SCENES,
        max_rss_mb: float = MAX_RSS_MB,
        deadline_s: float = 1800.0,
    ) -> None:
        self._command = make_command(program)
        self._meshes = meshes.resolve()
        self._n_threads = n_threads or 0
        self._max_scenes, self._max_rss_mb, self._deadline_s = max_scenes, max_rss_mb, deadline_s
        self._worker: Worker | None = None
        self._n_done = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_worker(at_once=kind is not None)

    def render(
        self,
        scene: Scene,
        ideal: Pinhole,
        window_xyxy: Window,
        quality: Quality,
        layers: Sequence[Layer] = (),
    ) -> RenderResult:
        """The light that a scene sends into a window of an ideal pinhole's image.

        ideal: without distortion; it replaces the intrinsics of the scene's camera. window_xyxy: a half-open
        pixel range inside its image.
        """
        return self._render(scene, ideal, [window_xyxy], quality, layers)[0]

    def render_table(self, scene: Scene, ideal: Pinhole, quality: Quality) -> RenderResult:
        """The whole image of the table as if its bodies were clear as air, but for shadow and colour they
        throw on it.
        """
        return self._render(scene, ideal, [(0, 0, *ideal.size_wh)], quality, shows="table")[0]

    def render_on_table(
        self,
        scene: Scene,
        ideal: Pinhole,
        windows_xyxy: Sequence[Window],
        quality: Quality,
        table_light: NDArray[np.float32],
    ) -> list[RenderResult]:
        """Windows of a scene whose table is known: ``table_light`` [H,W,4], linear, of the whole image.

        Its last channel says how much of each pixel's light is known, 0–1; the rest is drawn.
        """
        return self._render(scene, ideal, windows_xyxy, quality, table_light=table_light)

    def _render(
        self,
        scene: Scene,
        ideal: Pinhole,
        windows_xyxy: Sequence[Window],
        quality: Quality,
        layers: Sequence[Layer] = (),
        *,
        shows: Literal["all", "table"] = "all",
        table_light: NDArray[np.float32] | None = None,
    ) -> list[RenderResult]:
        width, height = ideal.size_wh
        for x0, y0, x1, y1 in windows_xyxy:
            if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
                raise InputError(
                    f"The window {x0, y0, x1, y1} is not inside an image of {width} × {height} pixels."
                )
        table_path = None
        if table_light is not None:
            table_path = Path(self._running().hello["scratch"]) / "table.npy"
            np.save(table_path, table_light, allow_pickle=False)
        answer = self._ask(
            {
                "do": "render",
                "scene": scene.model_dump(mode="json"),
                "meshes": str(self._meshes),
                "ideal": {"size_wh": [width, height], "K": ideal.K.tolist()},
                "windows_xyxy": [[int(edge) for edge in window] for window in windows_xyxy],
                "quality": asdict(quality),
                "layers": list(layers),
                "shows": shows,
                "table_light": table_path and str(table_path),
            }
        )
        results = []
        with np.load(answer["out"], allow_pickle=False) as file:
            for i, window in enumerate(windows_xyxy):
                drawn: dict[str, NDArray[Any]] = {name: file[f"{name}_{i}"] for name in layers}
                results.append(RenderResult(file[f"rgb_{i}"], window, drawn, answer["seconds"]))
        self._exchange_if_due(answer["rss_mb"])
        return results

    def settle(self, bodies: Sequence[SceneBody], static: Sequence[SceneBody]) -> list[Array]:
        """Let bodies fall under gravity (−z of base) on to static ones until they lie still.

        Bodies collide by their convex hulls, static ones by their triangles. They are given 6 simulated
        seconds at most. Returns T_base_body [4,4] of each body. Without chance: the same start gives the
        same end.
        """
        answer = self._ask(
            {
                "do": "settle",
                "meshes": str(self._meshes),
                "bodies": [body.model_dump(mode="json") for body in bodies],
                "static": [body.model_dump(mode="json") for body in static],
                "seconds": _SETTLE_S,
            }
        )
        self._exchange_if_due(answer["rss_mb"])
        return [np.array(T) for T in answer["T_base_body"]]

    @property
    def made_by(self) -> dict[str, Any]:
        """Versions and GPUs ("devices", empty for the CPU), for the record; starts the worker if need be."""
        hello = self._running().hello
        return {**hello["versions"], "devices": hello["devices"]}

    @property
    def worker_pid(self) -> int | None:
        """The worker's process id while one runs."""
        return self._worker.pid if self._worker else None

    def _running(self) -> Worker:
        if self._worker is None:
            self._worker, self._n_done = Worker(self._command, self._n_threads), 0
        return self._worker

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        try:
            answer = self._running().ask(request, self._deadline_s)
        except BaseException:
            self._end_worker(at_once=True)
            raise
        if not answer["ok"]:
            raise RendererError(f"Blender could not {request['do']}: {answer['error']}")
        return answer

    def _exchange_if_due(self, rss_mb: float) -> None:
        self._n_done += 1
        if self._n_done >= self._max_scenes or rss_mb > self._max_rss_mb:
            self._end_worker()

    def _end_worker(self, *, at_once: bool = False) -> None:
        worker, self._worker = self._worker, None
        if worker:
            worker.end(at_once=at_once)


def find_devices(program: Path | None = None) -> dict[str, Any]:
    """What a worker would render with: versions of bpy and blenderproc, and devices, the GPUs it found.

    Starts one, which takes some seconds. Raises as `Blender`.
    """
    with Blender(Path(), program) as blender:
        return blender.made_by


def probe(program: Path | None = None) -> list[tuple[str, str, Literal["ok", "note", "bad"], str]]:
    """Rows (part, found, verdict, advice) for `synth doctor`; raises nothing."""
    try:
        found = find_devices(program)
    except InputError as error:
        return [("Blender", "none", "note", str(error))]
    except SynthError as error:
        return [("Blender", "does not start", "bad", str(error))]
    gpus = ", ".join(found["devices"])
    return [
        ("Blender", f"{found['bpy']}, BlenderProc {found['blenderproc']}", "ok", ""),
        (
            "Rendering on",
            gpus or "CPU",
            "ok" if gpus else "note",
            "" if gpus else "a GPU renders faster; none needed",
        ),
    ]
