"""What each optional part of synth needs, and the sentence that says how to install it."""

import importlib.util

from synth.errors import InputError

EXTRAS = {
    "hardware": ("pyrealsense2", "rtde_control", "rtde_receive", "dashboard_client"),
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
    "onnx": ("onnx", "onnxruntime", "onnxscript"),
    "view": ("rerun",),
}
"""The modules that each extra of the package brings."""


def how_to_install(*extras: str) -> str:
    """The command that brings them."""
    return f'pip install "synth-robotics[{",".join(extras)}]"'


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
