"""A trained network as one ONNX file of fixed size, for programs without torch."""

import copy
import importlib
import json
import logging
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from synth.errors import InputError
from synth.extras import how_to_install
from synth.storage.atomic import write_bytes
from synth.train.tasks.task import Export


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
