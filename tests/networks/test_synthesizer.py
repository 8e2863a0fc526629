"""Synthesizers: the article's layers, where they begin, and what each cut-out's answer depends on."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from synth.errors import InputError
from synth.networks.architecture import SYNTHESIZER_SIZES, SynthesizerShape, SynthesizerSize
from synth.networks.synthesizer import Synthesizer, make_synthesizer


def ask(made: Synthesizer, k: int = 1, seed: int = 0, n: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """Cut-outs, backgrounds and noise for it."""
    rng, side = torch.Generator().manual_seed(seed), made.shape.side_px
    cutouts, backgrounds = (torch.rand(*shape, side, side, generator=rng) for shape in ((n, k, 4), (n, 3)))
    return cutouts, backgrounds, torch.rand(n, k, made.shape.n_parameters, generator=rng) * 2 - 1


def list_layers(module: nn.Module) -> list[str]:
    """Convolutions with channels and side, linear layers with their widths."""
    told = []
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            told.append(f"C{layer.in_channels}-{layer.out_channels}-{layer.kernel_size[0]}")
        elif isinstance(layer, nn.Linear):
            told.append(f"L{layer.in_features}-{layer.out_features}")
    return told


def test_digits_has_the_articles_layers() -> None:
    """Supplement A.1: 1,620 features of 40 px, here with 9 numbers of noise, and its dropout throughout."""
    made = make_synthesizer(SynthesizerShape("digits", dropout=0.5), 0)
    branch = ["C10-20-3", "C20-20-3"]
    assert list_layers(made.backbone) == ["C1-10-5"]
    assert list_layers(made.cutout_branch) == list_layers(made.background_branch) == branch
    assert list_layers(made.features) == ["C40-20-3", "C20-20-3"]
    assert [*list_layers(made.regressor), *list_layers(made.last)] == ["L1629-50", "L50-20", "L20-9"]
    drops = [layer.p for layer in made.modules() if isinstance(layer, nn.Dropout | nn.Dropout2d)]
    assert drops == [0.5] * 9
    first = made.backbone[0].weight  # type: ignore[index, union-attr]
    assert first.abs().max() <= 0.4 * (6 / (11 * 25)) ** 0.5  # Xavier's bound with a gain of 0.4.
    assert made(*ask(made)).shape == (2, 1, 9)


def test_pictures_has_the_articles_layers(tmp_path: Path) -> None:
    """Supplement A.2: VGG-16 to its fourth pooling, branches to 20 channels, 64 features; ImageNet's weights
    come from a local file under torchvision's names, and one that does not fit is named.
    """
    made = Synthesizer(SynthesizerShape("pictures"))
    convolutions = [64, 64, 128, 128, 256, 256, 256, 512, 512, 512]
    inputs = [3, *convolutions]
    assert list_layers(made.backbone) == [f"C{a}-{b}-3" for a, b in zip(inputs, convolutions, strict=False)]
    assert list_layers(made.cutout_branch) == ["C512-256-3", "C256-256-3", "C256-20-3"]
    assert list_layers(made.features) == ["C40-64-5", "C64-64-5"]
    assert [*list_layers(made.regressor), *list_layers(made.last)] == ["L73-128", "L128-128", "L128-9"]
    made.backbone = nn.Sequential(nn.AdaptiveAvgPool2d(8), nn.Conv2d(3, 512, 1))  # Seconds are saved.
    assert made(*ask(made)).shape == (2, 1, 9)
    save_file({"features.0.weight": torch.zeros(64, 3, 5, 5)}, tmp_path / "other.safetensors")
    fits_not = pytest.raises(InputError, match=r"no features.0.weight of the shape \[64, 3, 3, 3\]: give")
    with fits_not, torch.device("meta"):
        make_synthesizer(SynthesizerShape("pictures"), 0, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match="of the size small takes no weights of ImageNet"):
        make_synthesizer(SynthesizerShape(), 0, tmp_path / "other.safetensors")


@pytest.mark.parametrize("size", ["digits", "small"])
def test_it_begins_as_random_does(size: SynthesizerSize) -> None:
    """What comes out is the noise, so that none is the identity; a step teaches every layer."""
    made = make_synthesizer(SynthesizerShape(size), 0)
    cutouts, backgrounds, noise = ask(made, k=2)
    assert torch.allclose(made(cutouts, backgrounds, noise), noise, atol=1e-6)
    assert torch.equal(made(cutouts, backgrounds, torch.zeros_like(noise)), torch.zeros_like(noise))
    edge = made(cutouts, backgrounds, torch.ones_like(noise))
    assert edge.isfinite().all()
    optimiser = torch.optim.Adam(made.parameters(), lr=1e-2)
    for _ in range(2):
        optimiser.zero_grad()
        made(cutouts, backgrounds, noise).square().sum().backward()
        optimiser.step()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in made.parameters())
    assert not torch.allclose(made(cutouts, backgrounds, noise), noise, atol=1e-3)


def test_each_answer_is_of_its_cut_out_and_all_else() -> None:
    """It depends on the background, on the own noise and on the other cut-outs, not on their order, their
    noise or the rest of the batch; the same seed makes the same.
    """
    made = make_synthesizer(SynthesizerShape(), 3).eval()
    nn.init.normal_(made.last.weight, generator=torch.Generator().manual_seed(0))
    cutouts, backgrounds, noise = ask(made, k=3)
    unit = made(cutouts, backgrounds, noise)
    swapped = made(cutouts[:, [0, 2, 1]], backgrounds, noise[:, [0, 2, 1]])
    assert torch.allclose(swapped, unit[:, [0, 2, 1]], atol=1e-5)
    assert torch.allclose(made(cutouts[:1], backgrounds[:1], noise[:1]), unit[:1], atol=1e-5)
    others = cutouts.clone()
    others[:, 1:] = 0
    for changed in (
        made(others, backgrounds, noise),
        made(cutouts, 1 - backgrounds, noise),
        made(cutouts, backgrounds, noise.flip(-1)),
    ):
        assert (changed[:, 0] - unit[:, 0]).abs().max() > 1e-3
    still = torch.cat([noise[:, :1], -noise[:, 1:]], dim=1)
    assert torch.equal(made(cutouts, backgrounds, still)[:, 0], unit[:, 0])
    again = make_synthesizer(SynthesizerShape(), 3).state_dict()
    assert torch.equal(again["backbone.0.0.weight"], made.state_dict()["backbone.0.0.weight"])


def test_what_there_is_no_synthesizer_of_is_refused() -> None:
    """A size, a share, a number, and pictures of another side."""
    with pytest.raises(InputError, match=f"choose one of {', '.join(SYNTHESIZER_SIZES)}"):
        SynthesizerShape("large")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="dropout must be 0 or more and below 1, got 1"):
        SynthesizerShape(dropout=1.0)
    with pytest.raises(InputError, match="at least one number, got 0"):
        SynthesizerShape(n_parameters=0)
    with pytest.raises(InputError, match="looks at pictures of 64 px a side, got 32×32"):
        make_synthesizer(SynthesizerShape(), 0)(
            torch.zeros(1, 1, 4, 32, 32), torch.zeros(1, 3, 32, 32), torch.zeros(1, 1, 9)
        )
