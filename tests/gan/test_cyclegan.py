"""The losses of a step are the paper's, and no image goes through a network twice for the same reason."""

from collections import Counter
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from synth.errors import InputError
from synth.gan import losses
from synth.gan.fabric import Fabric
from synth.gan.methods.cyclegan import CycleGANMethod
from synth.gan.methods.cyclegan_networks import CycleGAN, Fakes
from synth.gan.methods.cyclegan_settings import CycleGANSettings
from synth.gan.methods.method import Batch
from synth.gan.training import Training
from synth.networks.discriminators import DiscriminatorShape
from synth.networks.generators import GeneratorKind, GeneratorShape

SIDE_PX = 64

GOLDEN: dict[str, list[tuple[float, float]]] = {
    "instance": [
        (12.70362, 1.56224),
        (12.10026, 1.64958),
        (12.08650, 1.44959),
        (12.58031, 1.50594),
        (11.74173, 1.54402),
        (11.95367, 1.39777),
        (11.87151, 1.67084),
        (12.30698, 1.49476),
        (11.90851, 1.48159),
        (11.92141, 1.66053),
        (12.09378, 1.45306),
        (11.85302, 1.49465),
        (11.88456, 1.71904),
        (12.30823, 1.41222),
        (11.78814, 1.44305),
        (12.07861, 1.61733),
        (11.93143, 1.58445),
        (11.81999, 1.52486),
        (12.33891, 1.57933),
        (12.42816, 1.63585),
    ],
    "demodulated": [
        (9.54011, 1.40753),
        (8.86857, 1.33620),
        (9.03512, 1.28664),
        (9.27757, 1.33661),
        (8.96398, 1.23346),
        (9.70324, 1.26903),
        (8.73900, 1.38202),
        (8.90411, 1.43137),
        (8.66089, 1.34101),
        (8.95990, 1.43891),
        (8.98622, 1.26939),
        (8.46274, 1.26699),
        (8.78745, 1.47362),
        (9.14197, 1.22927),
        (9.33207, 1.35706),
        (8.41937, 1.15757),
        (9.05992, 1.20698),
        (8.97933, 1.26963),
        (9.44244, 1.44951),
        (8.97501, 1.21557),
    ],
}
"""``loss/G/total`` and ``loss/D/total`` of each step, by kind."""


def make_settings(kind: GeneratorKind = "instance", **changes: object) -> CycleGANSettings:
    settings = CycleGANSettings(
        GeneratorShape(kind, n_filters=8, n_blocks=2), DiscriminatorShape(n_filters=8)
    )
    return replace(settings, **changes)


def make_batch(i: int, n: int = 1) -> Batch:
    """Smooth colours with grain, the captured ones duller; a square mask in the middle."""
    rng = torch.Generator().manual_seed(i)
    coarse = torch.rand(2 * n, 3, 8, 8, generator=rng)
    smooth = nn.functional.interpolate(coarse, size=(SIDE_PX, SIDE_PX), mode="bilinear") * 1.6 - 0.8
    images = smooth + 0.1 * torch.randn(smooth.shape, generator=rng)
    masks = torch.zeros(n, 1, SIDE_PX, SIDE_PX)
    masks[..., 20:44, 20:44] = 1
    return Batch(images[:n], 0.5 * images[n:], {"mask": masks})


def make_cyclegan(settings: CycleGANSettings) -> CycleGAN:
    return CycleGAN(settings, torch.Generator().manual_seed(0))


def literal_losses(gan: CycleGAN, batch: Batch) -> tuple[Tensor, Tensor]:
    """L_G and L_D (of fresh translations) as equations 1 to 3 of the paper read, a mapping at a time."""
    sim, real = batch.sim, batch.real
    G, F, D_real, D_sim = gan.G_sim2real, gan.G_real2sim, gan.D_real, gan.D_sim
    adversarial = sum(((s - 1) ** 2).mean() for s in (*D_real(G(sim)), *D_sim(F(real))))
    cycle = (F(G(sim)) - sim).abs().mean() + (G(F(real)) - real).abs().mean()
    identity = (G(real) - real).abs().mean() + (F(sim) - sim).abs().mean()
    loss_D = torch.zeros(())
    for D, own, fake in ((D_real, real, G(sim).detach()), (D_sim, sim, F(real).detach())):
        loss_D = (
            loss_D
            + sum(((a - 1) ** 2).mean() + (b**2).mean() for a, b in zip(D(own), D(fake), strict=True)) / 2
        )
    return adversarial + 10 * cycle + 5 * identity, loss_D


def gradients_of(gan: CycleGAN, loss: Tensor) -> list[Tensor]:
    parameters = list(gan.parameters())
    found = torch.autograd.grad(loss, parameters, allow_unused=True, retain_graph=True)
    return [torch.zeros_like(p) if g is None else g for p, g in zip(parameters, found, strict=True)]


@pytest.mark.parametrize("kind", ["batch", "instance", "demodulated"])
def test_a_step_has_the_papers_losses_and_gradients(kind: GeneratorKind) -> None:
    """Sharing forward passes changes neither a loss nor a gradient, for any kind of generator."""
    gan = make_cyclegan(make_settings(kind)).double()
    single = make_batch(0, n=2)
    batch = Batch(single.sim.double(), single.real.double(), {"mask": single.layers["mask"].double()})
    terms, fakes = gan.generator_losses(batch)
    terms |= gan.discriminator_losses(batch, fakes, torch.Generator())
    loss_G, loss_D = literal_losses(gan, batch)
    for name, literal in (("loss/G/total", loss_G), ("loss/D/total", loss_D)):
        assert terms[name].item() == pytest.approx(literal.item(), rel=1e-6)
        for ours, theirs in zip(gradients_of(gan, terms[name]), gradients_of(gan, literal), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize(("w_identity", "calls", "images"), [(5.0, 2, 3), (0.0, 2, 2)])
def test_no_forward_pass_is_done_twice(w_identity: float, calls: int, images: int) -> None:
    """A step calls each generator twice (first mapping with identity, cycle) and each discriminator twice."""
    settings = make_settings(w_identity=w_identity)
    training = make_training(settings)
    counts: Counter[str] = Counter()
    for name, net in training.networks.named_children():
        net.register_forward_hook(
            lambda _net, inputs, _out, name=name: counts.update(
                {f"{name} calls": 1, f"{name} images": len(inputs[0])}
            )
        )
    training.learn(make_batch(0))
    for name in ("G_sim2real", "G_real2sim"):
        assert (counts[f"{name} calls"], counts[f"{name} images"]) == (calls, images)
    for name in ("D_real", "D_sim"):
        assert (counts[f"{name} calls"], counts[f"{name} images"]) == (2, 3)


def test_the_generators_step_leaves_discriminators_alone() -> None:
    """Discriminators get no gradient from L_G, generators none from L_D."""
    gan = make_cyclegan(make_settings())
    for parameter in gan.discriminator_parameters():
        parameter.requires_grad_(False)
    terms, fakes = gan.generator_losses(make_batch(0))
    terms["loss/G/total"].backward()
    assert all(p.grad is None for p in gan.discriminator_parameters())
    assert all(p.grad is not None for p in gan.generator_parameters())
    before = [p.grad.clone() for p in gan.generator_parameters()]
    for parameter in gan.discriminator_parameters():
        parameter.requires_grad_(True)
    gan.discriminator_losses(make_batch(0), fakes, torch.Generator())["loss/D/total"].backward()
    assert all(p.grad is not None for p in gan.discriminator_parameters())
    assert all(torch.equal(p.grad, b) for p, b in zip(gan.generator_parameters(), before, strict=True))


class Brightness(nn.Module):
    """A stand-in for a witness: bright is part, and every normal faces the camera."""

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        normals = torch.zeros_like(images)
        normals[:, 2] = 1
        return images.mean(dim=1, keepdim=True), normals + 0.1 * images


def test_labels_are_kept_by_terms_on_rendered_images() -> None:
    """Each term joins the total with its weight, looks at the rendered side only, and reaches G_sim2real."""
    weights = {"w_background": 2.0, "w_mask_edge": 3.0, "w_witness": 4.0}
    batch, witness = make_batch(0), Brightness()
    plain, fakes = make_cyclegan(make_settings()).generator_losses(batch)
    gan = make_cyclegan(make_settings(**weights))
    terms, _ = gan.generator_losses(batch, witness)
    expected = {
        "loss/background": losses.background_loss(batch.sim, fakes.real, batch.layers["mask"]),
        "loss/mask_edge": losses.mask_edge_loss(batch.sim, fakes.real, batch.layers["mask"]),
        "loss/witness": losses.witness_loss(witness(batch.sim), witness(fakes.real), batch.layers["mask"]),
    }
    assert set(terms) - set(plain) == set(expected)
    total = plain["loss/G/total"].item()
    for name, value in expected.items():
        assert terms[name].item() == pytest.approx(value.item(), rel=1e-5)
        assert value.item() > 0
        total += weights[f"w_{name.removeprefix('loss/')}"] * value.item()
        (gradient, *_) = torch.autograd.grad(
            terms[name], list(gan.G_sim2real.parameters()), retain_graph=True
        )
        assert gradient.abs().max() > 0
    assert terms["loss/G/total"].item() == pytest.approx(total, rel=1e-5)


@pytest.mark.parametrize(
    ("changes", "term"),
    [({"adversarial": "wasserstein"}, "gradient_penalty"), ({"w_r1": 0.5, "adversarial": "log"}, "r1")],
)
def test_penalties_on_discriminators(changes: dict[str, object], term: str) -> None:
    """A gradient penalty comes with the Wasserstein loss, R1 where it has a weight; both in float32."""
    settings = make_settings(**changes)
    gan, batch = make_cyclegan(settings), make_batch(0)
    with torch.autocast("cpu", torch.bfloat16):
        terms = gan.discriminator_losses(
            batch, Fakes(batch.sim, batch.real), torch.Generator().manual_seed(0)
        )
    weight = settings.w_r1 or settings.w_gradient_penalty
    adversarial = sum(terms[f"loss/D/adv/{look}"] for look in ("real", "sim"))
    penalties = sum(terms[f"loss/D/{term}/{look}"] for look in ("real", "sim"))
    assert penalties.dtype == torch.float32
    assert penalties > 0
    assert terms["loss/D/total"].item() == pytest.approx((adversarial + weight * penalties).item(), rel=1e-5)
    torch.autograd.grad(penalties, list(gan.discriminator_parameters()), allow_unused=True)


def test_what_cannot_be_learnt_with_is_refused() -> None:
    """Negative weights and a learning rate of 0 are one sentence."""
    with pytest.raises(InputError, match="got w_cycle = -1"):
        make_settings(w_cycle=-1.0)
    with pytest.raises(InputError, match="learning rate must be above 0"):
        make_settings(learning_rate=0.0)


def flatten(net: nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in net.parameters()])


def make_training(settings: CycleGANSettings, precision: str = "32-true") -> Training:
    fabric = Fabric(accelerator="cpu", devices=1, precision=precision)
    return Training(CycleGANMethod(), settings, fabric, seed=0, n_images_total=40, ema_half_life_images=10)


@pytest.mark.parametrize("kind", ["instance", "demodulated"])
def test_golden_losses(kind: GeneratorKind) -> None:
    """20 steps at 64×64 in float32 on the CPU give the losses that they always gave, within 1e-3.

    At the usual rate a change of 1e-6 in the images grows to percents within 20 steps; at this one it does
    not reach 1e-4, so other CPUs and numbers of threads agree.
    """
    training = make_training(make_settings(kind, learning_rate=5e-6))
    rows = [training.learn(make_batch(i)) for i in range(20)]
    got = [[row["loss/G/total"], row["loss/D/total"]] for row in rows]
    torch.testing.assert_close(torch.tensor(got), torch.tensor(GOLDEN[kind]), rtol=1e-3, atol=0)


def test_bfloat16_tracks_float32() -> None:
    """The losses of 20 steps stay near those in float32: cycle and identity on average within 3 %."""
    exact, fast = make_training(make_settings()), make_training(make_settings(), "bf16-mixed")
    pairs = [(exact.learn(make_batch(i)), fast.learn(make_batch(i))) for i in range(20)]
    for term in ("loss/cycle/sim", "loss/cycle/real", "loss/identity/sim", "loss/G/total"):
        a, b = (sum(pair[k][term] for pair in pairs) for k in (0, 1))
        assert b == pytest.approx(a, rel=0.03)


def test_a_batch_in_parts_is_learnt_from_as_at_once() -> None:
    """Losses and gradients are means over a batch; one that cannot be parted evenly is refused."""
    settings = make_settings(pool_size=0)
    batch = make_batch(0, n=4)

    def learn(n_parts: int) -> tuple[dict[str, float], list[Tensor]]:
        parted = replace(settings.schedule, batch_size=4, accumulate=n_parts)
        training = make_training(replace(settings, schedule=parted))
        losses = training.learn(batch)
        return losses, [p.grad.clone() for p in training.networks.parameters() if p.grad is not None]

    (whole, whole_gradients), (parts, part_gradients) = learn(1), learn(2)
    assert parts == pytest.approx(whole, rel=1e-4)
    for one, other in zip(whole_gradients, part_gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-6)
    with pytest.raises(InputError, match="batch_size = 4 is no multiple of 3"):
        replace(settings.schedule, batch_size=4, accumulate=3)


def test_averages_and_learning_rate_follow_the_images_seen() -> None:
    """Constant for half the run, then linearly to 0; averages halve old weights after their half-life."""
    training = make_training(make_settings())
    rates = []
    means = flatten(training.ema["sim2real"]).clone()
    for i in range(40):
        rates.append(training.learning_rate)
        training.learn(make_batch(i))
        weights = flatten(training.networks.G_sim2real)
        keep = 0.5 ** (1 / min(10, 0.05 * (i + 1)))
        means = keep * means + (1 - keep) * weights
        averaged = flatten(training.ema["sim2real"])
        torch.testing.assert_close(averaged, means, rtol=1e-4, atol=1e-6)
    assert rates[:21] == [2e-4] * 21
    assert rates[21:] == pytest.approx([2e-4 * (40 - i) / 20 for i in range(21, 40)])
    assert training.learning_rate == 0


@pytest.mark.parametrize("skip", [False, True])
def test_a_high_rate_does_not_saturate(skip: bool) -> None:
    """After 20 steps at 1e-3 hardly a value of a demodulated generator's pictures lies at its limits."""
    shape = GeneratorShape("demodulated", n_filters=32, n_blocks=2, skip=skip)
    training = make_training(make_settings(generator=shape, learning_rate=1e-3))
    for i in range(20):
        training.learn(make_batch(i))
    with torch.no_grad():
        pictures = training.networks.G_sim2real(make_batch(20).sim)
    assert (pictures.abs() > 0.98).float().mean() < 0.1
