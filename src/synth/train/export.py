"""A trained network for programs without synth: ONNX of fixed size with a script that runs it, or a .pt."""

import copy
import importlib
import json
import logging
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from synth.errors import InputError
from synth.extras import how_to_install
from synth.storage.atomic import write_bytes
from synth.train.models.yolo import FAMILY, save_pt
from synth.train.settings import TaskSettings
from synth.train.tasks import TASKS
from synth.train.tasks.task import Export, Task
from synth.train.trained import Trained

_RUNNER_FILE = "runner.py"
"""Of a task's folder: a script that runs what is exported, copied beside it."""

_N_SAME = 16
"""Bytes by which such a script is known again, an earlier synth's too."""


def demand_onnx() -> None:
    """Raises InputError when the packages that write ONNX are not installed."""
    for package in ("onnx", "onnxscript"):
        try:
            importlib.import_module(package)
        except ImportError as error:
            raise InputError(
                f"writing ONNX needs the package {package}, which is not installed: "
                f"run {how_to_install('onnx')}"
            ) from error


def export_onnx(
    net: nn.Module, export: Export, side_px: int, path: Path, words: Mapping[str, object]
) -> None:
    """Write a network and what is known about it, whole or not at all. export: what its task says of that.

    Raises InputError when the packages for ONNX are not installed, StorageError when the file cannot be
    written.
    """
    demand_onnx()
    net = copy.deepcopy(net)  # Tracing leaves shapes without values in a detector.
    exporter = logging.getLogger("torch.onnx")
    level = exporter.level
    exporter.setLevel(logging.ERROR)  # It warns of the detector's anchors, which are constants for one size.
    try:
        with warnings.catch_warnings(action="ignore"):
            program = torch.onnx.export(
                export.wrap(net).eval(),
                (torch.zeros(1, 3, side_px, side_px),),
                dynamo=True,
                input_names=["images"],
                output_names=[export.output],
                external_data=False,
                verbose=False,
            )
    finally:
        exporter.setLevel(level)
    assert program is not None
    proto = program.model_proto
    proto.doc_string = export.about
    for key, value in words.items():
        proto.metadata_props.add(key=key, value=json.dumps(value))
    write_bytes(path, proto.SerializeToString())


def export_trained(trained: Trained, path: Path) -> list[Path]:
    """Write a network as what the file's name ends with: ``.onnx`` as `export_network`, or ``.pt``.

    A .pt is what Ultralytics' ``yolo predict`` opens, and of its detectors alone. Raises InputError for
    another ending or another network's .pt, and as `export_network` does.
    """
    if path.suffix == ".onnx":
        return export_network(TASKS[trained.task], trained.settings, trained.net, path, {})
    if path.suffix != ".pt":
        raise InputError(f"--out must end with .onnx or .pt, got {path}")
    if getattr(trained.net, "family", None) != FAMILY:
        raise InputError(
            f"a .pt is what Ultralytics opens, and {trained.settings.model} is none of its detectors: give "
            "an --out that ends with .onnx"
        )
    classes = TASKS[trained.task].classes_of(trained.settings)
    save_pt(trained.net, path, trained.settings.side_px, classes)
    return [path]


def export_network(
    task: Task[Any, Any], settings: TaskSettings, net: nn.Module, path: Path, words: Mapping[str, object]
) -> list[Path]:
    """Write a network as ONNX and, where its task has one, a script of the same name that runs it.

    words: further ones for the file's metadata, beside `list_words`. Returns what was written. Raises
    InputError as `export_onnx` does and for networks that have no such form.
    """
    export = task.describe_export(settings)
    module = sys.modules[type(task).__module__].__file__
    runner, script = Path(module or "").with_name(_RUNNER_FILE), path.with_suffix(".py")
    if runner.is_file():
        _refuse_foreign(script, runner.read_bytes())
    export_onnx(net, export, settings.side_px, path, list_words(task, settings) | dict(words))
    if not runner.is_file():
        return [path]
    write_bytes(script, runner.read_bytes())
    return [path, script]


def _refuse_foreign(script: Path, content: bytes) -> None:
    """Raises InputError where somebody else's program stands in a script's place."""
    if script.is_file() and not script.read_bytes().startswith(content[:_N_SAME]):
        raise InputError(
            f"{script}, the script beside the network, would be written over another file: give another --out"
        )


def list_words(task: Task[Any, Any], settings: TaskSettings) -> dict[str, object]:
    """What the metadata of every exported network has, as plain values."""
    words: dict[str, object] = {"task": task.name, "model": settings.model, "side_px": settings.side_px}
    if classes := task.classes_of(settings):
        words["classes"] = list(classes)
    return words | dict(task.describe_export(settings).words)
