"""The border to Blender: finds it, starts a worker, hands it scenes as files, gets light back.

A worker is a child process that loads Blender once (some seconds) and then answers one request after the other. It is
started on the first request, ends with this process, and is exchanged for a fresh one before its memory grows.
"""

import importlib.util
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from synth.errors import InputError, RendererError
from synth.geometry.pinhole import Pinhole
from synth.geometry.se3 import Array
from synth.sim.scene import Scene, SceneBody

Layer = Literal["normals", "depth", "ids"]
Window = tuple[int, int, int, int]

MAX_SCENES, MAX_RSS_MB = 200, 2500.0
_START_S, _EXIT_S = 120.0, 5.0
_SIDE = Path(__file__).parent / "blender_side"


@dataclass(frozen=True)
class Quality:
    """Cycles' settings. noise_threshold: where a pixel stops early, 0 for never. denoiser: None for none."""

    samples: int
    noise_threshold: float = 0.0
    denoiser: Literal["OPENIMAGEDENOISE", "OPTIX"] | None = "OPENIMAGEDENOISE"
    prefilter: Literal["NONE", "FAST", "ACCURATE"] = "FAST"
    bounces: int = 3


QUALITIES: Mapping[str, Quality] = {
    "draft": Quality(4),
    "normal": Quality(16),
    "reference": Quality(1024, noise_threshold=0.01, prefilter="ACCURATE"),
}


@dataclass(frozen=True, eq=False)
class RenderResult:
    """A window of an ideal image.

    rgb: float32 [h,w,3], linear light. layers: normals float32 [h,w,3] (unit, OpenCV camera axes, 0 for none), depth
    float32 [h,w] (metres along z, 0 for none), ids uint16 [h,w] (the bodies' instances), each through pixel centres.
    """

    rgb: NDArray[np.float32]
    window_xyxy: Window
    layers: dict[str, NDArray[Any]] = field(default_factory=dict)
    seconds: float = 0.0


class Blender:
    """A worker as a context manager; not for two threads at once.

    meshes: folder of NAME.npz. program: an installed Blender; None for the pip wheels. n_threads: None for all.
    deadline_s: a request that takes longer is given up. Raises InputError when there is no Blender, RendererError when
    the worker crashes, hangs or refuses.
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
        self._command = _command(program)
        self._meshes = meshes.resolve()
        self._n_threads = n_threads or 0
        self._max_scenes, self._max_rss_mb, self._deadline_s = max_scenes, max_rss_mb, deadline_s
        self._worker: _Worker | None = None
        self._n_done = 0
        self._folder: Path | None = None

    def __enter__(self) -> Self:
        shared_memory = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it.
        parent = shared_memory if os.access(shared_memory, os.W_OK) else None
        self._folder = Path(tempfile.mkdtemp(prefix="synth_render_", dir=parent))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_worker()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def render(
        self,
        scene: Scene,
        ideal: Pinhole,
        window_xyxy: Window,
        quality: Quality,
        layers: Sequence[Layer] = (),
    ) -> RenderResult:
        """The light that a scene sends into a window of an ideal pinhole's image.

        ideal: without distortion; it replaces the intrinsics of the scene's camera. window_xyxy: half-open pixel ranges
        inside its image.
        """
        assert self._folder, "enter the Blender first"
        x0, y0, x1, y1 = (int(v) for v in window_xyxy)
        width, height = ideal.size_wh
        if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
            raise InputError(
                f"A window of {x0, y0, x1, y1} is not inside an image of {width} × {height} pixels."
            )
        scene_path, out = self._folder / "scene.json", self._folder / "render.npz"
        scene_path.write_text(scene.model_dump_json(), "utf-8")
        answer = self._ask(
            {
                "do": "render",
                "scene": str(scene_path),
                "out": str(out),
                "meshes": str(self._meshes),
                "ideal": {"size_wh": [width, height], "K": ideal.K.tolist()},
                "window_xyxy": [x0, y0, x1, y1],
                "quality": asdict(quality),
                "layers": list(layers),
            }
        )
        with np.load(out, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        out.unlink()
        return RenderResult(arrays.pop("rgb"), (x0, y0, x1, y1), arrays, answer["seconds"])

    def render_bench(self, scene: Scene, ideal: Pinhole, quality: Quality) -> RenderResult:
        """The whole image of what never moves: table, lamps and static bodies."""
        empty = scene.model_copy(update={"bodies": tuple(b for b in scene.bodies if b.is_static), "seed": 0})
        return self.render(empty, ideal, (0, 0, *ideal.size_wh), quality)

    def settle(
        self, bodies: Sequence[SceneBody], static: Sequence[SceneBody], seconds: float = 6.0
    ) -> list[Array]:
        """Let bodies fall under gravity (−z of base) on to static ones until they lie still.

        Bodies collide by their convex hulls, static ones by their triangles. seconds: at most, of simulated
        time. Returns T_base_body [4,4] of each body. Without chance: the same start gives the same end.
        """
        answer = self._ask(
            {
                "do": "settle",
                "meshes": str(self._meshes),
                "bodies": [b.model_dump(mode="json") for b in bodies],
                "static": [b.model_dump(mode="json") for b in static],
                "seconds": seconds,
            }
        )
        return [np.array(T) for T in answer["T_base_body"]]

    @property
    def made_by(self) -> dict[str, Any]:
        """Versions and GPUs of the worker, for the record; starts it if need be."""
        hello = self._running().hello
        return {**hello["versions"], "devices": hello["devices"]}

    @property
    def worker_pid(self) -> int | None:
        """The worker's process id while one runs."""
        return self._worker.process.pid if self._worker else None

    def _running(self) -> "_Worker":
        if self._worker is None:
            assert self._folder, "enter the Blender first"
            self._worker = _Worker(self._command, self._n_threads, self._folder / "log.txt")
            self._n_done = 0
        return self._worker

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        try:
            answer = self._running().ask(request, self._deadline_s)
        except BaseException:
            self._end_worker()
            raise
        self._n_done += 1
        if not answer["ok"]:
            raise RendererError(f"Blender could not {request['do']}: {answer['error']}")
        if self._n_done >= self._max_scenes or answer["rss_mb"] > self._max_rss_mb:
            self._end_worker()
        return answer

    def _end_worker(self) -> None:
        worker, self._worker = self._worker, None
        if worker:
            worker.end()


def _command(program: Path | None) -> list[str]:
    """How to start a worker, from the pip wheels or with a Blender of the user's own."""
    missing = [name for name in ("blenderproc", "bpy") if importlib.util.find_spec(name) is None]
    if program is None:
        if missing:
            raise InputError(
                f'Blender is not installed ({" and ".join(missing)}): pip install "synth-robotics[render]".'
            )
        return [sys.executable, "-m", "synth.sim.blender_side.wheels"]
    if "blenderproc" in missing:
        raise InputError('blenderproc is not installed: pip install "synth-robotics[render]".')
    folder = program.resolve() if program.is_dir() else program.resolve().parent
    if not any((folder / name).exists() for name in ("blender", "Blender.app", "blender.exe")):
        raise InputError(f"There is no Blender in {folder}: give the folder that holds the program blender.")
    return [
        sys.executable,
        "-m",
        "blenderproc",
        "run",
        str(_SIDE / "worker.py"),
        "--custom-blender-path",
        str(folder),
    ]


class _Worker:
    """One child process and its log."""

    def __init__(self, command: Sequence[str], n_threads: int, log: Path) -> None:
        self._log = log
        self._answers: queue.Queue[str] = queue.Queue()
        environment = {
            **os.environ,
            "SYNTH_HOST_PID": str(os.getpid()),
            "SYNTH_BLENDER_THREADS": str(n_threads),
        }
        with log.open("wb") as stderr:
            self.process: subprocess.Popen[str] = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                env=environment,
                start_new_session=True,  # Ctrl-C is the host's to handle.
            )
        assert self.process.stdout
        threading.Thread(target=self._listen, args=(self.process.stdout,), daemon=True).start()
        try:
            self.hello = self._answer(_START_S)
        except BaseException:
            self.end()
            raise

    def ask(self, request: Mapping[str, Any], deadline_s: float) -> dict[str, Any]:
        """The answer to one request."""
        assert self.process.stdin
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
        except OSError:
            raise self._ended() from None
        return self._answer(deadline_s)

    def end(self) -> None:
        """Close its stdin; kill its process group if it does not go."""
        assert self.process.stdin
        assert self.process.stdout
        try:
            self.process.stdin.close()
        except OSError:
            pass
        try:
            self.process.wait(_EXIT_S)
        except subprocess.TimeoutExpired:
            _kill_group(self.process.pid)
            self.process.wait()

    def _listen(self, stdout: IO[str]) -> None:
        with stdout:
            for line in stdout:
                self._answers.put(line)
        self._answers.put("")

    def _answer(self, deadline_s: float) -> dict[str, Any]:
        ends = time.monotonic() + deadline_s
        while True:
            try:
                line = self._answers.get(timeout=max(ends - time.monotonic(), 0))
            except queue.Empty:
                _kill_group(self.process.pid)
                raise RendererError(
                    f"Blender gave no answer within {deadline_s:.0f} s; run the same command again to go on."
                ) from None
            if not line:
                raise self._ended()
            if line.startswith("{"):  # blenderproc run says a word of its own first.
                answer: dict[str, Any] = json.loads(line)
                return answer

    def _ended(self) -> RendererError:
        try:
            code = self.process.wait(_EXIT_S)
        except subprocess.TimeoutExpired:
            code = 0
        lines = [
            line.strip() for line in self._log.read_text("utf-8", "replace").splitlines() if line.strip()
        ]
        last = f" Its last words: {lines[-1]}" if lines else ""
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return RendererError(f"Blender's worker {how}; run the same command again to go on.{last}")


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, 9)
    except ProcessLookupError:
        pass
