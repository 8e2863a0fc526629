"""Robotics data capture and sim-to-real, from one arm, one depth camera and one CAD file.

What a script calls is here and costs nothing until it is called; ``synth.front`` documents each.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from synth.front import balance as balance
    from synth.front import capture as capture
    from synth.front import compare as compare
    from synth.front import compose as compose
    from synth.front import label as label
    from synth.front import load_cell as load_cell
    from synth.front import open_dataset as open_dataset
    from synth.front import paint as paint
    from synth.front import predict as predict
    from synth.front import render as render
    from synth.front import train as train
    from synth.front import translate as translate

__version__ = "0.1.0"
__all__ = [
    "balance",
    "capture",
    "compare",
    "compose",
    "label",
    "load_cell",
    "open_dataset",
    "paint",
    "predict",
    "render",
    "train",
    "translate",
]

_PACKAGES = ("balance", "capture", "compare", "label", "train")
"""Verbs whose packages have the same name: the package can be called, see `synth.callable_package`."""


def __getattr__(name: str) -> object:
    if name in _PACKAGES:
        return import_module(f"synth.{name}")
    if name in __all__:
        return getattr(import_module("synth.front"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
