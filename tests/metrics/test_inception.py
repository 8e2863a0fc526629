"""FID and KID from a file of weights: right numbers from features, and no file but the right one."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchvision.models import inception_v3, resnet18

from synth.errors import InputError
from synth.metrics.inception import frechet_distance, inception_features, load_inception


@pytest.fixture(scope="module")
def reference() -> nn.Module:
    """torchvision's whole network with chance weights, aux head and all."""
    torch.manual_seed(0)
    return inception_v3(weights=None, init_weights=False, transform_input=False).eval()


@pytest.fixture(scope="module")
def weights(reference: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("inception") / "inception_v3.pth"
    torch.save(reference.state_dict(), path)
    return path


def test_features_are_what_torchvision_computes(reference: nn.Module, weights: Path):
    """The features are the input of torchvision's last layer, for images of differing sizes in one batch."""
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (299, 299, 3), dtype=np.uint8), np.full((60, 90, 3), 77, np.uint8)]
    features = inception_features(images, load_inception(weights), torch.device("cpu"))
    assert features.shape == (2, 2048)
    seen = []
    hook = reference.fc.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.inference_mode():
        reference((torch.tensor(images[0]).permute(2, 0, 1)[None] / 255 - 0.5) / 0.5)
        reference(torch.full((1, 3, 299, 299), 77 / 127.5 - 1))
    hook.remove()
    assert features == pytest.approx(torch.cat(seen).numpy(), rel=1e-4, abs=1e-5)


def test_frechet_agrees_with_torchmetrics():
    """The sum of singular values is the trace of the root that torchmetrics takes of the covariances."""
    rng = np.random.default_rng(2)
    a = rng.normal(size=(50, 24))
    b = rng.normal(0.3, 1.5, size=(70, 24)) @ rng.normal(size=(24, 24))
    module = nn.Identity()
    module.num_features = 24
    metric = FrechetInceptionDistance(feature=module).set_dtype(torch.float64)
    metric.update(torch.tensor(a), real=True)
    metric.update(torch.tensor(b), real=False)
    assert frechet_distance(a, b) == pytest.approx(float(metric.compute()), rel=1e-6)


def test_frechet_of_a_shift_is_its_square():
    """Equal covariances leave the squared distance of the means."""
    a = np.random.default_rng(3).normal(size=(30, 8))
    assert frechet_distance(a, a + 0.5) == pytest.approx(8 * 0.25)


def test_without_the_aux_head_too(reference: nn.Module, tmp_path: Path):
    """Files without aux head, last layer and batch counters load as well: none of them is used."""
    state = {
        key: value
        for key, value in reference.state_dict().items()
        if not key.startswith(("AuxLogits.", "fc.")) and not key.endswith("num_batches_tracked")
    }
    torch.save(state, tmp_path / "bare.pth")
    load_inception(tmp_path / "bare.pth")


class _RunsOnLoad:
    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return (exec, ("raise SystemExit('code in the file ran')",))


def test_only_the_right_file_opens(reference: nn.Module, tmp_path: Path):
    """Absent, torn, of another network, of other shapes or with code inside: one sentence each, naming the
    file.
    """
    with pytest.raises(InputError, match=r"no Inception weights at .*absent\.pth"):
        load_inception(tmp_path / "absent.pth")
    (tmp_path / "torn.pth").write_bytes(b"PK\x03\x04 torn")
    torch.save({"net": _RunsOnLoad()}, tmp_path / "code.pth")
    for name in ("torn.pth", "code.pth"):
        with pytest.raises(InputError, match=f"{name} cannot be opened as a file of weights"):
            load_inception(tmp_path / name)
    torch.save(resnet18(weights=None).state_dict(), tmp_path / "resnet.pth")
    with pytest.raises(InputError, match=r"resnet\.pth holds another network than Inception"):
        load_inception(tmp_path / "resnet.pth")
    wider = dict(reference.state_dict()) | {"Conv2d_1a_3x3.conv.weight": torch.zeros(32, 4, 3, 3)}
    torch.save(wider, tmp_path / "wider.pth")
    with pytest.raises(InputError, match=r"1 entries do not fit, first: Conv2d_1a_3x3\.conv\.weight"):
        load_inception(tmp_path / "wider.pth")
