"""Trained networks as ONNX: they run without torch, say the same, and say what they are."""

import importlib
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from synth.errors import InputError
from synth.train.export import export_onnx
from synth.train.models.normal_nets import make_normal_net
from synth.train.models.yolo import make_yolo
from synth.train.tasks import TASKS

SIDE_PX = 64
WORDS = {"task": "any", "side_px": SIDE_PX, "simulated": True, "threshold": 0.25, "mix": "real+translated"}


def make_trained(task: str) -> nn.Module:
    """A network in eval mode whose batch norms know what they see, so that outputs follow the picture."""
    net = make_normal_net("paper", SIDE_PX, 3) if task == "normals" else make_yolo("yolov5n", 1, 3)
    rng = torch.Generator().manual_seed(0)
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = None
    for _ in range(2):
        net.train()(torch.rand(4, 3, SIDE_PX, SIDE_PX, generator=rng))
    return net.eval()


@pytest.mark.slow
@pytest.mark.parametrize(("task", "name"), [("normals", "normal"), ("detection", "boxes")])
def test_onnxruntime_agrees(task: str, name: str, tmp_path: Path) -> None:
    """The same outputs as torch within 1e-3 of the largest, on noise and on a smooth picture; one file; its
    metadata holds the words as JSON, its text how images go in and what comes out; the network still runs.
    """
    net, path = make_trained(task), tmp_path / "made" / "net.onnx"
    export_onnx(net, TASKS[task].export, SIDE_PX, path, WORDS)
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    session = onnxruntime.InferenceSession(path)
    rng = np.random.default_rng(0)
    coarse = rng.random((6, 6, 3)).astype(np.float32)
    smooth = cv2.resize(coarse, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_LINEAR).transpose(2, 0, 1)[None]
    found = []
    for picture in (rng.random(smooth.shape).astype(np.float32), smooth):
        images = picture if task == "detection" else 2 * picture - 1
        (got,) = session.run([name], {"images": images})
        with torch.no_grad():
            out = net(torch.from_numpy(images))
        wanted = (out if task == "normals" else out[0]).numpy()
        assert got.shape == wanted.shape == ((1, 3) if task == "normals" else (1, 5, wanted.shape[2]))
        np.testing.assert_allclose(got, wanted, atol=1e-3 * np.abs(wanted).max())
        found.append(got)
    assert np.abs(found[0] - found[1]).max() > 1e-2
    model = onnx.load(path)
    assert {p.key: json.loads(p.value) for p in model.metadata_props} == WORDS
    assert model.doc_string == TASKS[task].export.about


@pytest.mark.parametrize("package", ["onnx", "onnxscript"])
def test_without_the_packages_it_says_what_to_install(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An absent package is one sentence that names it and the extra, and no file."""
    real = importlib.import_module

    def import_all_but_one(name: str, *rest: Any) -> Any:
        if name == package:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *rest)

    monkeypatch.setattr(importlib, "import_module", import_all_but_one)
    net = make_normal_net("paper", 32, 0)
    with pytest.raises(InputError, match=rf"package {package}, .*install .*\[onnx\]") as caught:
        export_onnx(net, "normals", 32, tmp_path / "x.onnx", {})
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())
