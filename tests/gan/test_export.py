"""Generators as ONNX: they run without torch and agree."""

import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from synth.errors import InputError
from synth.gan.export import export_onnx
from synth.networks.generators import (
    GENERATOR_KINDS,
    GeneratorKind,
    GeneratorShape,
    fit_input,
    make_generator,
)


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("kind", GENERATOR_KINDS)
def test_onnxruntime_agrees(kind: GeneratorKind, skip: bool, tmp_path: Path) -> None:
    """Every kind, at other sizes than it was traced with: 1e-4; one file, which says what it is."""
    rng = torch.Generator().manual_seed(1)
    shape = GeneratorShape(kind, 4, 1, skip)
    generator = make_generator(shape, rng=rng).train()
    fit_input(generator, 0.4 * torch.randn(2, 3, 32, 32, generator=rng))
    for _ in range(3):  # Running statistics of batch norm that are somebody's.
        generator(0.4 * torch.randn(2, 3, 32, 32, generator=rng))
    path = tmp_path / "made" / f"{kind}.onnx"
    export_onnx(generator, path)
    assert generator.training
    assert [p.name for p in path.parent.iterdir()] == [path.name]

    session = onnxruntime.InferenceSession(path)
    generator.eval()
    for size in ((1, 3, 64, 64), (3, 3, 24, 40), (1, 3, 8, 12)):
        images = 2 * torch.rand(size, generator=rng) - 1
        (got,) = session.run(None, {"images": images.numpy()})
        with torch.no_grad():
            wanted = generator(images).numpy()
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, wanted, atol=1e-4 * np.abs(wanted).max())
    model = onnx.load(path)
    assert GeneratorShape.from_metadata({p.key: p.value for p in model.metadata_props}, "it") == shape
    plain = {"Add", "Conv", "ConvTranspose", "Mul", "LeakyRelu", "Pad", "Sub", "Clip" if skip else "Tanh"}
    if kind == "demodulated":
        assert {node.op_type for node in model.graph.node} <= plain


@pytest.mark.parametrize("package", ["onnx", "onnxscript"])
def test_without_the_packages_it_says_what_to_install(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An absent package is one sentence that names the extra, and no file."""
    monkeypatch.setitem(sys.modules, package, None)
    generator = make_generator(GeneratorShape("instance", 4, 1), rng=torch.Generator().manual_seed(0))
    with pytest.raises(InputError, match=r"install .*\[onnx\]") as caught:
        export_onnx(generator, tmp_path / "x.onnx")
    assert package in str(caught.value)
    assert not list(tmp_path.iterdir())
