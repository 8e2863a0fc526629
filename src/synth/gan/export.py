"""A generator as one ONNX file, for programs without torch."""

import copy
from pathlib import Path

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
    demand_onnx()
    model = copy.deepcopy(generator).to("cpu", torch.float32).eval().requires_grad_(False)
    shape = model.shape
    assert isinstance(shape, GeneratorShape)
    batch, rows, columns = (
        torch.export.Dim("N"),
        torch.export.Dim("H_4", min=2),
        torch.export.Dim("W_4", min=2),
    )
    program = torch.onnx.export(
        fold(model) if shape.can_fold else model,
        (torch.zeros(2, 3, 32, 48),),
        dynamo=True,
        dynamic_shapes=({0: batch, 2: 4 * rows, 3: 4 * columns},),
        input_names=[INPUT_NAME],
        output_names=[OUTPUT_NAME],
        external_data=False,
        verbose=False,
    )
    assert program is not None
    proto = program.model_proto
    proto.doc_string = _ABOUT
    for key, value in shape.to_metadata().items():
        proto.metadata_props.add(key=key, value=value)
    write_bytes(path, proto.SerializeToString())
