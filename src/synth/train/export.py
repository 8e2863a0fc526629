"""A trained network as one ONNX file of fixed size, for programs without torch."""

import copy
import importlib
import json
import logging
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from synth.errors import InputError
from synth.storage.atomic import write_bytes
from synth.train.tasks.task import TaskName

ABOUT: dict[TaskName, str] = {
    "detection": "images: RGB, float32 [1,3,S,S] in 0..1, longer side resized to S, the rest 114/255 on the "
    "right and below; boxes: [1,5,A] of x y w h in pixels and confidence, before suppression of doubles "
    "(IoU 0.7)",
    "normals": "images: RGB, float32 [1,3,S,S] in -1..1, a crop resized to S; normal: unit (u, v, w) [1,3] "
    "in crop axes",
}


def demand_onnx() -> None:
    """Raises InputError when the packages that write ONNX are not installed."""
    for package in ("onnx", "onnxscript"):
        try:
            importlib.import_module(package)
        except ImportError as error:
            raise InputError(
                f"writing ONNX needs the package {package}, which is not installed: "
                'run pip install "synth-robotics[onnx]"'
            ) from error


def export_onnx(
    net: nn.Module, task: TaskName, side_px: int, path: Path, words: Mapping[str, object]
) -> None:
    """Write a network and what is known about it, whole or not at all.

    Raises InputError when the packages for ONNX are not installed, StorageError when the file cannot be
    written.
    """
    demand_onnx()
    is_normals = task == "normals"
    net = copy.deepcopy(net)  # Tracing leaves shapes without values in a detector.
    exporter = logging.getLogger("torch.onnx")
    level = exporter.level
    exporter.setLevel(logging.ERROR)  # It warns of the detector's anchors, which are constants for one size.
    try:
        with warnings.catch_warnings(action="ignore"):
            program = torch.onnx.export(
                (net if is_normals else _BoxesAlone(net)).eval(),
                (torch.zeros(1, 3, side_px, side_px),),
                dynamo=True,
                input_names=["images"],
                output_names=["normal" if is_normals else "boxes"],
                external_data=False,
                verbose=False,
            )
    finally:
        exporter.setLevel(level)
    assert program is not None
    proto = program.model_proto
    proto.doc_string = ABOUT[task]
    for key, value in words.items():
        proto.metadata_props.add(key=key, value=json.dumps(value))
    write_bytes(path, proto.SerializeToString())


class _BoxesAlone(nn.Module):
    """A detector without what its losses need."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, images: Tensor) -> Tensor:
        out = self.net(images)
        boxes = out[0]
        assert isinstance(boxes, Tensor)
        return boxes
