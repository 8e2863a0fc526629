"""The perceptual loss: weights of VGG19 from a file, and files that are none."""

from pathlib import Path

import pytest
import torch

from synth.errors import InputError
from synth.gan import perceptual


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> dict[str, torch.Tensor]:
    """A state dict in the names of torchvision's vgg19, of a net with two filters a convolution."""
    widths = tuple(2 if n else 0 for n in perceptual._VGG19)
    monkeypatch.setattr(perceptual, "_VGG19", widths)
    rng = torch.Generator().manual_seed(0)
    tensors, i, n_in = {}, 0, 3
    for n in widths:
        if n:
            tensors[f"features.{i}.weight"] = torch.randn(n, n_in, 3, 3, generator=rng)
            tensors[f"features.{i}.bias"] = torch.randn(n, generator=rng)
        i, n_in = i + (2 if n else 1), n or n_in
    return tensors | {"classifier.0.weight": torch.zeros(2, 2)}


def test_a_file_of_vgg19_is_what_judges(narrow: dict[str, torch.Tensor], tmp_path: Path) -> None:
    """Its weights are the net's, five activations come out, and only what is alike is alike."""
    torch.save(narrow, tmp_path / "vgg19.pth")
    loss = perceptual.make_perceptual_loss(str(tmp_path / "vgg19.pth"))
    assert loss is not None
    assert torch.equal(loss.net.layers[2].weight, narrow["features.2.weight"])
    assert torch.equal(loss.net.layers[28].bias, narrow["features.28.bias"])
    a, b = torch.rand(2, 1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    assert [tuple(seen.shape[2:]) for seen in loss.net(a)] == [(s, s) for s in (32, 16, 8, 4, 2)]
    assert loss.loss(a, a) == 0
    assert loss.loss(a, b) > 0
    assert not any(p.requires_grad for p in loss.net.parameters())


def test_a_file_that_is_no_vgg19_is_one_sentence(narrow: dict[str, torch.Tensor], tmp_path: Path) -> None:
    """Absent, of other shapes, of another network."""
    torch.save(narrow | {"features.5.weight": torch.zeros(2, 2, 1, 1)}, tmp_path / "shape.pth")
    torch.save({"conv1.weight": torch.zeros(1)}, tmp_path / "resnet.pth")
    for name, said in (
        ("none.pth", "there are no weights of VGG19 at"),
        ("shape.pth", r"it has no features.5.weight of the shape \[2, 2, 3, 3\]: give a state dict of"),
        ("resnet.pth", "it has no features.0.weight of the shape"),
    ):
        with pytest.raises(InputError, match=said) as raised:
            perceptual.make_perceptual_loss(str(tmp_path / name))
        assert "\n" not in str(raised.value)
