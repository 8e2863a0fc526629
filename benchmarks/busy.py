"""How much slower synth is beside one process that keeps a core busy; at most 2.2 times is aimed at.

python benchmarks/busy.py --json runs/benchmark_busy.json

detector, translator: a training step of the quick presets, and translate: a frame of 640×480 by a fresh
generator of that shape, each in a process that is told of threads what a command is told and that counts free
cores when it begins; turns in quiet and beside the busy process alternate, a process each. compare: `synth
compare --preset quick` on 24 made images of each kind, 96 images a training, one seed, the whole command;
commands alternate. later: as detector, but the busy process begins after it has counted. Printed is the
median of the turns' ratios. Figures count on a machine where nothing else runs: how busy others kept it
before is printed too.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil

from synth.compute.cores import count_cores, thread_defaults
from synth.dataset.info import DatasetInfo, MadeBy
from synth.dataset.reader import DatasetReader
from synth.dataset.record import Kind
from synth.dataset.sample import Draft, Instance
from synth.dataset.split import assign_splits
from synth.dataset.store import DatasetWriter
from synth.geometry import se3
from synth.geometry.frames import cam_from_uvw, uvw_from_cam

SYNTH = Path(sys.executable).with_name("synth")
TARGET = 2.2
SIZE_WH = (320, 240)
CROP_PX = 224
N_SAMPLES = 24
_WARM_UP = 4


@contextmanager
def busy_core() -> Iterator[None]:
    """One process beside that does nothing but count."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as other:
        try:
            yield
        finally:
            other.kill()


class Turn:
    """Seconds a unit of work, over units after a few that warm up; beside a busy core that comes late, if so
    asked.
    """

    def __init__(self, n_units: int, *, company: bool) -> None:
        self._n_units, self._company = n_units, company
        self._seconds: list[float] = []
        self._began = time.perf_counter()
        self._beside = busy_core()

    @property
    def is_over(self) -> bool:
        """Whether all units were done."""
        return len(self._seconds) == _WARM_UP + self._n_units

    def unit_done(self) -> None:
        """To be called after each unit."""
        self._seconds.append(time.perf_counter() - self._began)
        if self._company and len(self._seconds) == 1:
            self._beside.__enter__()
        if self._company and self.is_over:
            self._beside.__exit__(None, None, None)
        self._began = time.perf_counter()

    def mean_s(self) -> float:
        """Of a unit."""
        return statistics.fmean(self._seconds[_WARM_UP:])


def make_data(root: Path, kind: Kind, seed: int) -> DatasetReader:
    """Pictures of noise, in each a bright square with its box and a crop that is shaded along its normal."""
    rng = np.random.default_rng(seed)
    info = DatasetInfo(kind=kind, classes=("cover",), made_by=MadeBy(verb="benchmark", simulated=True))
    R_crop_cam = se3.from_rotvec([0.02, 0.01, 0.0], np.zeros(3))[:3, :3]
    y, x = np.mgrid[-1 : 1 : CROP_PX * 1j, -1 : 1 : CROP_PX * 1j]
    with DatasetWriter.create_or_resume(root, info) as writer:
        for i, split in enumerate(assign_splits(N_SAMPLES, rng=rng)):
            u, v = rng.uniform(-0.5, 0.5, 2)
            crop_uvw = np.array([u, v, (1 - u * u - v * v) ** 0.5])
            side, left, top = rng.integers(60, 100), rng.integers(0, 200), rng.integers(0, 120)
            picture = rng.integers(0, 90, (*SIZE_WH[::-1], 3)).astype(np.uint8)
            picture[top : top + side, left : left + side] += 150
            box = (float(left), float(top), float(left + side), float(top + side))
            part = Instance(
                class_name="cover",
                box_xyxy_px=box,
                square_xyxy_px=box,
                normal_uvw=tuple(uvw_from_cam(R_crop_cam.T @ cam_from_uvw(crop_uvw))),
                point_xy=(0.5, 0.5),
                visib_fract=1.0,
                R_crop_cam=tuple(map(tuple, R_crop_cam)),
                normal_crop_uvw=tuple(crop_uvw),
                point_crop_xy=(0.5, 0.5),
            )
            grey = 128 + 110 * (u * x - v * y)[..., None] + rng.normal(0, 4, (CROP_PX, CROP_PX, 3))
            draft = Draft(name=f"{i:06d}", split=split, size_wh=SIZE_WH, instances=(part,))
            writer.append(draft, layers={"image": picture}, crops=[grey.clip(0, 255).astype(np.uint8)])
    return DatasetReader(root)


def train_detector(turn: Turn, data: Path) -> None:
    """Steps of the quick preset's detector."""
    from dataclasses import replace

    import torch

    from synth.train.loop import learn
    from synth.train.tasks import TASKS

    task = TASKS["detection"]
    settings = replace(task.presets["quick"][0].settings, n_images=10**6, n_checks=1)
    dataset = DatasetReader(data)
    images = task.load(dataset, dataset.of_split("train"), settings)
    learner = task.make_learner([images], images, settings, seed=0, device=torch.device("cpu"))
    learn(
        learner,
        settings,
        seed=0,
        on_step=lambda _step: turn.unit_done(),
        is_time_up=lambda: turn.is_over,
    )


def train_translator(turn: Turn, _data: Path) -> None:
    """Steps of the quick preset's translator."""
    import torch
    from lightning_fabric import Fabric

    from synth.compute.device import choose_precision
    from synth.gan.methods.cyclegan import PRESETS, CycleGANMethod
    from synth.gan.methods.method import Batch
    from synth.gan.training import Training

    settings = PRESETS["quick"]
    fabric = Fabric(accelerator="cpu", devices=1, precision=choose_precision(torch.device("cpu")))
    training = Training(
        CycleGANMethod(), settings, fabric, seed=0, n_images_total=100_000, ema_half_life_images=1000.0
    )
    side = settings.schedule.side_px
    sim, real = torch.rand(2, 1, 3, side, side, generator=torch.Generator().manual_seed(0)) * 2 - 1
    while not turn.is_over:
        training.learn(Batch(sim, real))
        turn.unit_done()


def translate(turn: Turn, _data: Path) -> None:
    """Frames through a fresh generator of the quick preset."""
    import torch

    from synth.gan.checkpoint import save_generators
    from synth.gan.methods.cyclegan import PRESETS, CycleGANMethod
    from synth.networks.generators import make_generator

    shape = PRESETS["quick"].generator
    rng = torch.Generator().manual_seed(0)
    generators = {way: make_generator(shape, rng=rng) for way in ("sim2real", "real2sim")}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fresh.safetensors"
        save_generators(path, "cyclegan", generators, shape, {})
        translator = CycleGANMethod().load(path, "sim2real", torch.device("cpu"))
    frame = np.random.default_rng(0).integers(0, 256, (480, 640, 3)).astype(np.uint8)
    while not turn.is_over:
        translator.apply(frame, {})
        turn.unit_done()


STEPS: dict[str, Callable[[Turn, Path], None]] = {
    "detector": train_detector,
    "translator": train_translator,
    "translate": translate,
    "later": train_detector,
}


def measure_steps(what: str, data: Path, options: argparse.Namespace) -> list[tuple[float, float]]:
    """Rounds of one kind of step, each a process in quiet and one beside."""
    found = []
    for _ in range(options.rounds):
        quiet_s = time_steps(what, data, options.units)
        if what == "later":
            found.append((quiet_s, time_steps(what, data, options.units, "--company")))
            continue
        with busy_core():
            time.sleep(1)
            found.append((quiet_s, time_steps(what, data, options.units)))
    return found


def time_steps(what: str, data: Path, n_units: int, *more: str) -> float:
    """Seconds a unit, in a process of its own."""
    words = [sys.executable, __file__, "--step", what, "--data", data, "--units", str(n_units), *more]
    environment = {**os.environ, **thread_defaults(os.environ)}
    done = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise SystemExit(f"{what}: {done.stderr.strip()[-2000:]}")
    return float(done.stdout.splitlines()[-1])


def measure_compare(data: dict[str, Path], options: argparse.Namespace) -> list[tuple[float, float]]:
    """Seconds of the whole command, in quiet and beside, each time in a new folder."""
    found = []
    for _ in range(options.commands):
        quiet_s = time_compare(data)
        with busy_core():
            found.append((quiet_s, time_compare(data)))
    return found


def time_compare(data: dict[str, Path]) -> float:
    """Seconds of one command."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["compare", "--preset", "quick", "--images", "96", "--seeds", "1", "--device", "cpu"]
        words += ["--no-baseline"]
        words += [word for name, root in data.items() for word in ("--data", f"{name}={root}")]
        began = time.perf_counter()
        done = subprocess.run([SYNTH, *words], cwd=folder, check=False, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"synth {' '.join(words)}: {done.stderr.strip()[-2000:]}")
        return time.perf_counter() - began


def sum_up(what: str, pairs: list[tuple[float, float]]) -> dict[str, object]:
    """One row, printed and returned."""
    quiet_s, busy_s = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(busy / quiet for quiet, busy in pairs)
    verdict = "met" if ratio <= TARGET else "missed"
    print(f"{what:<12}{quiet_s:>10.3f}{busy_s:>10.3f}{ratio:>8.2f}{len(pairs):>9}  {verdict}", flush=True)
    return {"quiet_s": quiet_s, "busy_s": busy_s, "ratio": ratio, "n": len(pairs), "pairs_s": pairs}


def main() -> None:
    """Measure what was asked for and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=(*STEPS, "compare"), default=[*STEPS, "compare"])
    parser.add_argument("--rounds", type=int, default=5, help="Of steps and frames.")
    parser.add_argument("--units", type=int, default=20, help="Steps or frames of a turn that count.")
    parser.add_argument("--commands", type=int, default=3, help="Rounds of compare.")
    parser.add_argument("--json", type=Path, help="Where to write the figures.")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--company", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        import torch

        from synth.compute.threads import use_free_cores

        use_free_cores(torch.device("cpu"))
        turn = Turn(options.units, company=options.company)
        STEPS[options.step](turn, options.data)
        print(turn.mean_s())
        return
    others = psutil.cpu_percent(3)
    print(f"{count_cores()} cores, {others:.0f} % kept busy by others before")
    print(f"{'':<12}{'quiet, s':>10}{'beside, s':>10}{'ratio':>8}{'repeats':>9}  at most {TARGET}")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        data = {
            name: make_data(root / name, kind, seed).root
            for seed, (name, kind) in enumerate((("real", "real"), ("synthetic", "rendered")))
        }
        rows = {
            what: sum_up(
                what,
                measure_compare(data, options)
                if what == "compare"
                else measure_steps(what, data["real"], options),
            )
            for what in options.only
        }
    if options.json:
        about = {"cores": count_cores(), "busy_before_percent": others}
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(about | {"target": TARGET} | rows, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
