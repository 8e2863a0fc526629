"""A translator as one ONNX file, for programs without torch."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from synth.networks.architecture import GeneratorShape
from synth.networks.generators import fold
from synth.storage.atomic import write_bytes
from synth.train.export import demand_onnx

INPUT_NAME, OUTPUT_NAME = "images", "translated"

_ABOUT = "images and translated: RGB, float32 [N,3,H,W] in -1..1; H and W are multiples of 4 from 8 on"


def export_onnx(generator: nn.Module, path: Path) -> None:
    """Write a generator that make_generator made, whole or not at all, weights inside, on any device.

    Input ``images`` and output ``translated`` are float32 [N,3,H,W] in −1..1; N, H and W (multiples of 4 from
    8 on) are free. `demodulated` is folded to plain convolutions; batch norm uses its running statistics. The
    architecture stands in the file's metadata. Raises InputError when the packages for ONNX are not
    installed, StorageError when the file cannot be written.
    """
    model = copy.deepcopy(generator).to("cpu", torch.float32).eval().requires_grad_(False)
    shape = model.shape
    assert isinstance(shape, GeneratorShape)
    height, width = 4 * torch.export.Dim("H_4", min=2), 4 * torch.export.Dim("W_4", min=2)
    _write(fold(model) if shape.can_fold else model, path, (height, width), _ABOUT, shape.to_metadata())


def export_pixelwise(model: nn.Module, path: Path) -> None:
    """Write a model that maps each pixel by itself; as `export_onnx`, but for H and W, which are any."""
    size = torch.export.Dim("H"), torch.export.Dim("W")
    _write(model.eval(), path, size, "images and translated: RGB, float32 [N,3,H,W] in -1..1", {})


def _write(
    model: nn.Module, path: Path, size: tuple[Any, Any], about: str, metadata: Mapping[str, str]
) -> None:
    """size: what H and W may be."""
    demand_onnx()
    program = torch.onnx.export(
        model,
        (torch.zeros(2, 3, 32, 48),),
        dynamo=True,
        dynamic_shapes=({0: torch.export.Dim("N"), 2: size[0], 3: size[1]},),
        input_names=[INPUT_NAME],
        output_names=[OUTPUT_NAME],
        external_data=False,
        verbose=False,
    )
    assert program is not None
    proto = program.model_proto
    proto.doc_string = about
    for key, value in metadata.items():
        proto.metadata_props.add(key=key, value=value)
    write_bytes(path, proto.SerializeToString())
