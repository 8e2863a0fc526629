"""Generators: published stages, the fast demodulated kind against a literal one, spreads, folding."""

import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synth.errors import InputError
from synth.networks.generators import (
    GENERATOR_KINDS,
    GeneratorKind,
    GeneratorShape,
    fit_input,
    fold,
    load_generator,
    make_generator,
)
from synth.networks.layers import DemodulatedConv2d, demodulated_conv2d_reference


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(rng: torch.Generator, n: int, height: int, width: int) -> Tensor:
    """Images [N,3,H,W] whose values are spread evenly over −1..1."""
    return 2 * torch.rand(n, 3, height, width, generator=rng) - 1


def bench(rng: torch.Generator, n: int, side: int) -> Tensor:
    """A grey bench that grows brighter to the right, a coloured part on it, a little noise."""
    x = torch.linspace(-1, 1, side)
    images = (0.17 + 0.1 * x[None, :] - 0.05 * x[:, None].square()).repeat(n, 3, 1, 1)
    part = torch.tensor([0.3, -0.4, -0.7])[:, None, None]
    images[:, :, side // 4 : side // 2, side // 3 : 2 * side // 3] = part
    return images + 0.02 * torch.randn(images.shape, generator=rng)


def trained(kind: GeneratorKind, n_filters: int = 8, n_blocks: int = 2) -> nn.Module:
    """A generator all of whose parameters are away from where they begin."""
    rng = seeded(5)
    generator = make_generator(GeneratorShape(kind, n_filters, n_blocks), rng=rng)
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter += 0.02 * torch.randn(parameter.shape, generator=rng)
        fit_input(generator, bench(rng, 4, 32))
    return generator.eval()


def translate_literally(generator: nn.Module, images: Tensor) -> Tensor:
    """A demodulated generator as the papers write it, in float64: each leaky ReLU's gain, sums over √2."""
    p = {name: tensor.detach().double() for name, tensor in generator.state_dict().items()}

    def conv(x: Tensor, name: str, **how: int | bool) -> Tensor:
        return demodulated_conv2d_reference(x, p[f"{name}.weight"], p[f"{name}.bias"], **how)

    def relu(x: Tensor) -> Tensor:
        return math.sqrt(2 / 1.04) * torch.where(x > 0, x, 0.2 * x)

    x = (images.double() - p["input_mean"]) * p["input_gain"]
    x = relu(conv(x, "first", padding_px=3))
    for i in range(2):
        x = relu(conv(x, f"down.{i}", stride=2, padding_px=1))
    for i in range(generator.shape.n_blocks):
        y = relu(conv(x, f"blocks.{i}.inner", padding_px=1))
        x = (x + conv(y, f"blocks.{i}.outer", padding_px=1)) / math.sqrt(2)
    for i in range(2):
        x = relu(conv(x, f"up.{i}", padding_px=1, enlarge=True))
    weight = p["last.weight"] / p["last.weight"][0].numel() ** 0.5
    return torch.tanh(F.conv2d(F.pad(x, (3, 3, 3, 3), mode="reflect"), weight, p["last.bias"]))


@pytest.mark.parametrize("size", [(1, 32, 48), (3, 24, 20)], ids=str)
def test_a_whole_generator_equals_the_literal_one(size: tuple[int, int, int]) -> None:
    """1e-4 of the output in float32, one image or several, any size."""
    generator, images = trained("demodulated"), noise(seeded(1), *size)
    with torch.no_grad():
        got = generator(images)
    wanted = translate_literally(generator, images)
    assert wanted.std() > 0.1
    assert (got - wanted).norm() / wanted.norm() < 1e-4


def test_published_size_equals_the_literal_one() -> None:
    """64 filters and 9 blocks, as published: still 1e-4."""
    generator, images = trained("demodulated", 64, 9), noise(seeded(2), 2, 16, 16)
    with torch.no_grad():
        got = generator(images)
    wanted = translate_literally(generator, images)
    assert (got - wanted).norm() / wanted.norm() < 1e-4


def test_folding_leaves_plain_convolutions_and_the_output() -> None:
    """The folded generator has no demodulated layer, no gradient, and the same output to 1e-4."""
    generator = trained("demodulated")
    before = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    folded, images = fold(generator), noise(seeded(1), 2, 32, 48)
    with torch.no_grad():
        assert (folded(images) - generator(images)).norm() / generator(images).norm() < 1e-4
    assert not any(isinstance(m, DemodulatedConv2d) for m in folded.modules())
    assert not any(p.requires_grad for p in folded.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in generator.state_dict().items())
    assert all(p.requires_grad for p in generator.parameters())


@pytest.mark.parametrize("kind", GENERATOR_KINDS)
def test_what_can_be_folded_is_known_beforehand(kind: GeneratorKind) -> None:
    """can_fold tells; fold refuses the others by name, and what is folded already."""
    shape = GeneratorShape(kind, 4, 1)
    generator = make_generator(shape, rng=seeded())
    assert shape.can_fold == (kind == "demodulated")
    if not shape.can_fold:
        with pytest.raises(InputError, match=f"not {kind}"):
            fold(generator)


def spreads(generator: nn.Module, images: Tensor) -> list[Tensor]:
    """Standard deviation after each stage and block, one number an image."""
    found: list[Tensor] = []
    hooks = []
    stages = [generator.first, *generator.down, *generator.blocks, *generator.up]
    for stage in stages:
        is_block = stage in list(generator.blocks)

        def note(_m: nn.Module, _i: object, y: Tensor, is_block: bool = is_block) -> None:
            found.append((y if is_block else F.leaky_relu(y, 0.2)).flatten(1).std(dim=1))

        hooks.append(stage.register_forward_hook(note))
    with torch.no_grad():
        generator(images)
    for hook in hooks:
        hook.remove()
    assert len(found) == 5 + generator.shape.n_blocks
    return found


@pytest.mark.parametrize(
    ("n_filters", "n_blocks", "side"),
    [(16, n_blocks, side) for n_blocks in (6, 9) for side in (64, 128, 256)]
    + [(64, 6, 128), (64, 9, 64), (64, 9, 256)],
)
def test_spread_stays_about_one_at_the_start(n_filters: int, n_blocks: int, side: int) -> None:
    """After each stage and block of a fresh generator: 0.5 to 2, for noise and, fitted, for a grey bench."""
    rng = seeded(1)
    generator = make_generator(GeneratorShape("demodulated", n_filters, n_blocks), rng=rng)
    of_noise = spreads(generator, noise(rng, 1, side, side))
    fit_input(generator, bench(rng, 1, side))
    of_bench = spreads(generator, bench(rng, 1, side))
    for spread in (*of_noise, *of_bench):
        assert 0.5 < spread.item() < 2


def test_few_filters_begin_as_well_as_many() -> None:
    """With 16 filters 29 in 30 draws keep every spread in 0.5 to 2; independent weights do in 3 of 4."""
    images = bench(seeded(7), 1, 64)
    kept = 0
    for seed in range(30):
        generator = make_generator(GeneratorShape("demodulated", 16, 6), rng=seeded(seed))
        fit_input(generator, images)
        kept += all(0.5 < s < 2 for spread in spreads(generator, images) for s in spread.tolist())
    assert kept >= 29


@pytest.mark.parametrize("kind", GENERATOR_KINDS)
@pytest.mark.parametrize("n_filters", [16, 64])
def test_a_fresh_generator_makes_pictures_of_medium_contrast(kind: GeneratorKind, n_filters: int) -> None:
    """Training begins where tanh has a slope: few pixels near ±1, and not all the same."""
    generator = make_generator(GeneratorShape(kind, n_filters, 6), rng=seeded(3)).train()
    with torch.no_grad():
        images = generator(noise(seeded(4), 2, 64, 64))
    assert 0.1 < images.std() < 0.75
    assert (images.abs() > 0.98).float().mean() < 0.05


def test_published_stages_are_those_of_the_paper() -> None:
    """c7s1-64, d128, d256, R256 × 9, u128, u64, c7s1-3 (Zhu et al. 2017, appendix 7.2), a norm after most."""
    for kind, norm in (("instance", nn.InstanceNorm2d), ("batch", nn.BatchNorm2d)):
        generator = make_generator(GeneratorShape(kind), rng=seeded())  # type: ignore[arg-type]
        convs = [m for m in generator.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
        described = [(type(m), m.in_channels, m.out_channels, m.kernel_size[0], m.stride[0]) for m in convs]
        assert described == [
            (nn.Conv2d, 3, 64, 7, 1),
            (nn.Conv2d, 64, 128, 3, 2),
            (nn.Conv2d, 128, 256, 3, 2),
            *[(nn.Conv2d, 256, 256, 3, 1)] * 18,
            (nn.ConvTranspose2d, 256, 128, 3, 2),
            (nn.ConvTranspose2d, 128, 64, 3, 2),
            (nn.Conv2d, 64, 3, 7, 1),
        ]
        assert sum(isinstance(m, norm) for m in generator.modules()) == len(convs) - 1
        mirrored = [c for c in convs if c.padding_mode == "reflect"]
        assert len(mirrored) == 1 + 18 + 1
        spread = torch.cat([c.weight.detach().flatten() for c in convs]).std().item()
        assert spread == pytest.approx(0.02, rel=0.01)


@pytest.mark.parametrize("kind", GENERATOR_KINDS)
def test_every_parameter_learns(kind: GeneratorKind) -> None:
    """Output has the input's size, float32 and −1..1; every parameter gets a gradient from it."""
    generator = make_generator(GeneratorShape(kind, 8, 2), rng=seeded())
    images = noise(seeded(1), 2, 32, 44)
    translated = generator(images)
    assert translated.shape == images.shape
    assert translated.dtype == torch.float32
    assert translated.abs().max() <= 1
    (translated - noise(seeded(2), 2, 32, 44)).square().mean().backward()
    for name, parameter in generator.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_what_was_driven_to_add_nothing_still_learns() -> None:
    """Features below 0 everywhere, as L1 to the source leaves them, still send every parameter a gradient."""
    generator = make_generator(GeneratorShape("demodulated", 8, 2, skip=True), rng=seeded()).train()
    with torch.no_grad():
        generator.up[1].bias.fill_(-10)
        generator.blocks[0].inner.bias.fill_(-10)
    images = noise(seeded(1), 2, 16, 16)
    (generator(images) - images.roll(1, 1)).abs().mean().backward()
    for name, parameter in generator.named_parameters():
        assert parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize("kind", ["instance", "demodulated"])
def test_an_image_comes_out_the_same_alone_and_in_company(kind: GeneratorKind) -> None:
    """No image of a batch looks at another."""
    generator, images = trained(kind), noise(seeded(1), 3, 32, 32)
    with torch.no_grad():
        together = generator(images)
        alone = torch.cat([generator(images[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", GENERATOR_KINDS)
def test_bfloat16_autocast_stays_near_float32(kind: GeneratorKind) -> None:
    """Autocast gives float32 images again, less than two grey levels off on average."""
    generator, images = trained(kind), noise(seeded(1), 2, 32, 32)
    with torch.no_grad():
        exact = generator(images)
        with torch.autocast("cpu", torch.bfloat16):
            got = generator(images)
    assert got.dtype == torch.float32
    assert (got - exact).abs().mean() < 2 * 2 / 255


def test_fitting_makes_the_input_one_of_unit_variance() -> None:
    """Images like the fitted ones enter with mean 0 and variance 1; the numbers travel with the weights."""
    images = bench(seeded(1), 4, 32)
    generator = make_generator(GeneratorShape("demodulated", 4, 1), rng=seeded())
    fit_input(generator, images)
    loaded = load_generator(generator.shape, generator.state_dict(), "step.safetensors")
    entered: list[Tensor] = []
    loaded.first.register_forward_pre_hook(lambda _m, args: entered.append(args[0]))
    loaded(images)
    assert entered[0].mean(dim=(0, 2, 3)).abs().max() < 1e-5
    assert entered[0].square().mean().item() == pytest.approx(1, rel=1e-4)


def test_fitting_survives_an_image_of_one_colour() -> None:
    """No contrast at all gives a finite gain; published kinds take no notice of fitting."""
    flat = torch.full((1, 3, 16, 16), 0.3)
    generator = make_generator(GeneratorShape("demodulated", 4, 1), rng=seeded())
    fit_input(generator, flat)
    assert torch.isfinite(generator(flat)).all()
    published = make_generator(GeneratorShape("instance", 4, 1), rng=seeded())
    before = published(bench(seeded(1), 1, 16))
    fit_input(published, flat)
    assert torch.equal(published(bench(seeded(1), 1, 16)), before)


@pytest.mark.parametrize("kind", GENERATOR_KINDS)
def test_weights_come_from_the_generator_passed_in(kind: GeneratorKind) -> None:
    """The same seed draws the same weights whatever torch's global state; another seed others."""

    def drawn(seed: int) -> Tensor:
        generator = make_generator(GeneratorShape(kind, 4, 1), rng=seeded(seed))
        return torch.cat([p.detach().flatten() for p in generator.parameters()])

    first = drawn(1)
    torch.rand(7)
    assert torch.equal(first, drawn(1))
    assert not torch.equal(first, drawn(2))


@pytest.mark.parametrize(
    "size", [(3, 30, 32), (3, 32, 30), (3, 4, 32), (1, 32, 32)], ids=["height", "width", "small", "grey"]
)
@pytest.mark.parametrize("kind", ["instance", "demodulated"])
def test_other_images_are_refused(kind: GeneratorKind, size: tuple[int, int, int]) -> None:
    """Sides that are no multiples of 4 from 8 on, and grey images: one sentence with what was got."""
    generator = make_generator(GeneratorShape(kind, 4, 1), rng=seeded())
    with pytest.raises(InputError, match=f"multiples of 4 .* got {size[0]} channels of {size[2]}×{size[1]}"):
        generator(torch.zeros(1, *size))
    assert generator(torch.zeros(1, 3, 8, 12)).shape == (1, 3, 8, 12)


@pytest.mark.parametrize("kind", GENERATOR_KINDS)
def test_a_skip_begins_with_the_picture_itself(kind: GeneratorKind) -> None:
    """Fresh weights add little and none add nothing; what is beyond −1..1 is cut off only in inference."""
    generator = make_generator(GeneratorShape(kind, 16, 2, skip=True), rng=seeded()).eval()
    images = torch.linspace(-1, 1, 3 * 32 * 32).reshape(1, 3, 32, 32)
    with torch.no_grad():
        assert 0 < (generator(images) - images).square().mean().sqrt() < 0.1
        generator.last.weight.zero_()
        assert torch.equal(generator(images), images)
        generator.last.bias.fill_(0.5)
        assert torch.equal(generator(images), (images + 0.5).clamp(-1, 1))
        assert torch.equal(generator.train()(images), images + 0.5)


def test_architecture_travels_as_text() -> None:
    """A shape survives its metadata, among keys of others."""
    for kind in GENERATOR_KINDS:
        shape = GeneratorShape(kind, 24, 7, skip=kind == "instance")
        metadata = shape.to_metadata() | {"step": "400"}
        assert all(isinstance(value, str) for value in metadata.values())
        assert GeneratorShape.from_metadata(metadata, "x.safetensors") == shape


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"generator_kind": "spade"}, "no generator of the kind 'spade'.*batch, instance"),
        ({"generator_n_filters": "many"}, "cannot be built.*many"),
        ({"generator_n_blocks": "0"}, "at least one filter and one block"),
        ({"generator_n_blocks": None}, "generator_n_blocks is missing"),
        ({"generator_kind": "demodulated"}, "ReLUs, which an earlier synth had.*train it again"),
    ],
)
def test_an_unknown_architecture_is_one_sentence(change: dict[str, str | None], said: str) -> None:
    """Metadata of nobody's generator raise an InputError that names the file."""
    metadata = GeneratorShape("instance").to_metadata() | change
    kept = {key: value for key, value in metadata.items() if value is not None}
    with pytest.raises(InputError, match=said) as caught:
        GeneratorShape.from_metadata(kept, "a.safetensors")
    assert str(caught.value).startswith("a.safetensors ")
    assert "\n" not in str(caught.value)


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    """Other kind, width or depth: the message names the file and the first tensor that does not fit."""
    shape = GeneratorShape("demodulated", 8, 2)
    tensors = make_generator(shape, rng=seeded(1)).state_dict()
    path = tmp_path / "step_000400.safetensors"
    for other in (
        GeneratorShape("demodulated", 4, 2),
        GeneratorShape("demodulated", 8, 3),
        GeneratorShape("instance", 8, 2),
    ):
        with pytest.raises(InputError, match="another architecture than") as caught:
            load_generator(other, tensors, str(path))
        assert str(path) in str(caught.value)
        assert f"{other.kind} with {other.n_filters} filters" in str(caught.value)
    images = noise(seeded(2), 1, 16, 16)
    loaded = load_generator(shape, tensors, str(path))
    assert torch.equal(loaded(images), make_generator(shape, rng=seeded(1))(images))
