"""SYN-MTGAN's losses are the paper's, each head learns from what it should, and pushes when it may."""

from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from synth.compute.checkpoint import load_state, save_state
from synth.errors import InputError
from synth.gan import losses
from synth.gan.fabric import Fabric
from synth.gan.methods.method import Batch, Labels
from synth.gan.methods.mtgan import MTGANMethod, MTGANSettings
from synth.gan.methods.mtgan_networks import MTGAN, Fakes, box_iou
from synth.gan.training import Training
from synth.networks.discriminators import DiscriminatorShape
from synth.networks.generators import GeneratorShape
from synth.networks.multi_task import MultiTaskDiscriminator

SIDE_PX = 32
ALL = ("adversarial", "class", "localisation")
BOXES = torch.tensor([[0.2, 0.1, 0.8, 0.7], [0.1, 0.3, 0.9, 0.9]])


def make_settings(**changes: Any) -> MTGANSettings:
    settings = MTGANSettings(
        GeneratorShape("instance", n_filters=4, n_blocks=1),
        discriminator=DiscriminatorShape(n_filters=4, n_layers=4),
        classes=("a", "b", "c"),
        heads=ALL,
        w_cycle=1.0,
        min_accuracy=0.0,
        min_iou=0.0,
    )
    return replace(settings, **changes)


def make_batch(i: int) -> Batch:
    """Two crops a look, smooth with grain; the real ones are duller."""
    rng = torch.Generator().manual_seed(i)
    smooth = F.interpolate(torch.rand(4, 3, 4, 4, generator=rng), size=(SIDE_PX,) * 2, mode="bilinear")
    images = 1.6 * smooth - 0.8 + 0.1 * torch.randn(smooth.shape, generator=rng)
    classes = torch.randint(3, (2, 2), generator=rng)
    labels = {"sim": Labels(classes[0], BOXES), "real": Labels(classes[1], BOXES.flip(0))}
    mask = 1 - losses.outside_boxes(BOXES, SIDE_PX)
    return Batch(images[:2], 0.5 * images[2:], {"mask": mask}, labels)


def make_mtgan(**changes: Any) -> MTGAN:
    return MTGAN(make_settings(**changes), torch.Generator().manual_seed(0))


def make_training(**changes: Any) -> Training:
    fabric = Fabric(accelerator="cpu", devices=1, precision="32-true")
    settings = make_settings(**changes)
    return Training(MTGANMethod(), settings, fabric, seed=0, n_images_total=80, ema_half_life_images=10)


# Loss terms.


def test_the_class_term_is_equation_4_with_its_sign_corrected() -> None:
    """−log of the true class's probability: ln 3 where nothing is known, and lower for a better guess."""
    classes = torch.tensor([0, 2])
    assert losses.class_loss(torch.zeros(2, 3), classes).item() == pytest.approx(1.0986, abs=1e-4)
    sure = torch.tensor([[5.0, 0, 0], [0, 0, 5.0]])
    assert losses.class_loss(sure, classes) < 0.02 < losses.class_loss(-sure, classes)


def test_the_localisation_term_is_equations_6_and_7() -> None:
    """θ in sixteenths of the side: ½ · 0.8² for a middle off by a twentieth, 4.8 − ½ for one by three."""
    box = torch.tensor([[0.2, 0.2, 0.8, 0.8]])
    assert losses.localisation_loss(box, box).item() == 0
    moved = box + torch.tensor([0.05, 0, 0.05, 0])
    assert losses.localisation_loss(moved, box).item() == pytest.approx(0.5 * 0.8**2, rel=1e-4)
    far = box + torch.tensor([0, 0.3, 0, 0.3])
    assert losses.localisation_loss(far, box).item() == pytest.approx(4.8 - 0.5, rel=1e-4)
    wider = box + torch.tensor([-0.025, 0, 0.025, 0])
    assert losses.localisation_loss(wider, box).item() == pytest.approx(0.5 * 0.8**2, rel=1e-4)


def test_identity_outside_boxes_is_equation_3() -> None:
    """Boxes are blotted out before, and looked past after; outside it is the mean over pixels."""
    images = torch.full((1, 3, 10, 10), 0.5)
    outside = losses.outside_boxes(torch.tensor([[0.2, 0.2, 0.7, 0.6]]), 10)
    assert outside.sum() == 100 - 5 * 4
    assert outside[0, 0, 3, 3] == 0
    blotted = losses.blot_out(images, outside)
    assert (blotted[0, :, 2:6, 2:7] == 0).all()
    mapped = blotted + 0.2 * outside + 7 * (1 - outside)
    assert losses.background_identity_loss(blotted, mapped, outside).item() == pytest.approx(0.2, rel=1e-5)


@pytest.mark.parametrize("term", ["class", "localisation", "identity"])
def test_terms_have_the_gradients_of_their_values(term: str) -> None:
    """gradcheck in float64."""
    rng = torch.Generator().manual_seed(1)
    draw = torch.rand(2, 4, generator=rng, dtype=torch.float64).requires_grad_()
    if term == "class":
        assert torch.autograd.gradcheck(lambda x: losses.class_loss(x, torch.tensor([1, 3])), (draw,))
    elif term == "localisation":
        assert torch.autograd.gradcheck(lambda x: losses.localisation_loss(x, BOXES.double()), (draw,))
    else:
        images = torch.rand(2, 3, 4, 4, generator=rng, dtype=torch.float64)
        outside = losses.outside_boxes(BOXES.double(), 4)
        mapped = (images + 0.3).requires_grad_()
        assert torch.autograd.gradcheck(
            lambda m: losses.background_identity_loss(images, m, outside), (mapped,)
        )


def test_box_overlap_by_hand() -> None:
    """A half, nothing, and nothing for a box that is inside out."""
    a = torch.tensor([[0.0, 0, 1, 1], [0.0, 0, 0.4, 0.4], [1.0, 1, 0, 0]])
    b = torch.tensor([[0.0, 0, 0.5, 1], [0.5, 0.5, 1, 1], [0.0, 0, 1, 1]])
    torch.testing.assert_close(box_iou(a, b), torch.tensor([0.5, 0, 0]))


# A step.


def literal_losses(gan: MTGAN, batch: Batch, class_loss: str) -> tuple[Tensor, Tensor]:
    """L_G and L_D as equations 2 to 7 read, one mapping at a time, with squares for equation 1."""
    sim, real, s = batch.sim, batch.real, gan.settings
    G, back, D_real, D_sim = gan.G_sim2real, gan.G_real2sim, gan.D_real, gan.D_sim
    y, x = batch.labels["real"], batch.labels["sim"]

    def ce(D: Any, images: Tensor, labels: Labels) -> Tensor:
        log_p = D(images).classes.log_softmax(dim=1)
        return -log_p[torch.arange(len(images)), labels.classes].mean()

    def place(D: Any, images: Tensor, labels: Labels) -> Tensor:
        return losses.localisation_loss(D(images).boxes, labels.boxes)

    def scores(D: Any, images: Tensor) -> Tensor:
        return D(images).scores[0]

    made_real, made_sim = G(sim), back(real)
    loss_G = ((scores(D_real, made_real) - 1) ** 2).mean() + ((scores(D_sim, made_sim) - 1) ** 2).mean()
    loss_G = loss_G + s.w_cycle * ((back(made_real) - sim).abs().mean() + (G(made_sim) - real).abs().mean())
    for generator, own, labels in ((G, real, y), (back, sim, x)):
        outside = losses.outside_boxes(labels.boxes, SIDE_PX)
        star = own * outside
        changed = ((generator(star) - star).abs() * outside).sum() / (3 * outside.sum())
        loss_G = loss_G + s.w_identity * changed
    loss_G = loss_G + s.w_class * (ce(D_real, made_real, x) + ce(D_sim, made_sim, y))
    loss_G = loss_G + s.w_localisation * (place(D_real, made_real, x) + place(D_sim, made_sim, y))

    made_real, made_sim = made_real.detach(), made_sim.detach()
    loss_D = torch.zeros(())
    for D, own, other, made, labels, foreign in (
        (D_real, real, sim, made_real, y, x),
        (D_sim, sim, real, made_sim, x, y),
    ):
        loss_D = loss_D + ((scores(D, own) - 1) ** 2).mean() / 2 + (scores(D, made) ** 2).mean() / 2
        second = other if class_loss == "sure" else made
        loss_D = loss_D + s.w_class * (ce(D, own, labels) + ce(D, second, foreign)) / 2
        loss_D = loss_D + s.w_localisation * (place(D, own, labels) + place(D, other, foreign)) / 2
    return loss_G, loss_D


@pytest.mark.parametrize("class_loss", ["sure", "paper"])
def test_a_step_has_the_papers_losses(class_loss: str) -> None:
    """Sharing forward passes changes no loss: both totals are the sums of literal terms."""
    gan, batch = make_mtgan(class_loss=class_loss), make_batch(0)
    for name in ("class/real", "class/sim", "localisation/real", "localisation/sim"):
        gan._skill.note(name, torch.ones(()))
    terms, fakes = gan.generator_losses(batch)
    terms |= gan.discriminator_losses(batch, fakes, torch.Generator())
    loss_G, loss_D = literal_losses(gan, batch, class_loss)
    assert terms["loss/G/total"].item() == pytest.approx(loss_G.item(), rel=1e-5)
    assert terms["loss/D/total"].item() == pytest.approx(loss_D.item(), rel=1e-5)


@pytest.mark.parametrize("class_loss", ["sure", "paper"])
def test_class_heads_learn_from_sure_crops_alone(class_loss: str) -> None:
    """Other translations change no class or box loss of a discriminator, unless the paper's form is asked."""
    gan, batch = make_mtgan(class_loss=class_loss), make_batch(0)
    rng = torch.Generator()
    fakes, others = (Fakes(*(make_batch(i).sim for _ in range(2))) for i in (5, 6))
    a, b = (gan.discriminator_losses(batch, f, rng) for f in (fakes, others))
    assert a["loss/D/adv/real"] != b["loss/D/adv/real"]
    assert a["loss/D/localisation/real"] == b["loss/D/localisation/real"]
    assert (a["loss/D/class/real"] == b["loss/D/class/real"]) == (class_loss == "sure")


@pytest.mark.parametrize("heads", [("adversarial",), ("class",), ("localisation", "class"), ALL])
def test_any_heads(heads: tuple[Any, ...]) -> None:
    """Only those that are named have parameters, terms and a say in a step."""
    training = make_training(heads=heads)
    figures = training.learn(make_batch(0))
    short = {"adversarial": "adv"}
    for who in ("G", "D"):
        for head in ALL:
            name = f"loss/{who}/{short.get(head, head)}/"
            assert any(key.startswith(name) for key in figures) == (head in heads), (who, head)
    assert set(training.networks.D_real.heads) == set(heads)


def test_a_class_head_of_one_class_is_left_out() -> None:
    """It would have nothing to tell."""
    assert make_mtgan(classes=("a",)).head_names == ["adversarial", "localisation"]


def test_heads_take_turns() -> None:
    """Each step only one head's parameters move, those of the others stand still to the last bit; with three
    heads each has its turn every third step, and the shared layers move in every step.
    """
    training = make_training(alternate=True)
    D = training.networks.D_real
    for step in range(4):
        before = {name: p.detach().clone() for name, p in D.named_parameters()}
        training.learn(make_batch(step))
        moved = {name for name, p in D.named_parameters() if not torch.equal(p, before[name])}
        assert {name.split(".")[1] for name in moved if name.startswith("heads")} == {ALL[step % 3]}
        assert any(name.startswith("trunk") for name in moved)


def test_a_head_pushes_generators_once_it_is_good_enough() -> None:
    """Below the threshold its loss is written down and has no gradient; from it on it has its weight."""
    gan, batch = make_mtgan(heads=("adversarial", "class"), min_accuracy=0.8), make_batch(0)

    def push() -> float:
        terms, _ = gan.generator_losses(batch)
        assert terms["loss/G/class/sim2real"] > 0
        rest = sum(
            terms[f"loss/{name}"] for name in ("G/adv/sim2real", "G/adv/real2sim", "cycle/sim", "cycle/real")
        )
        rest = rest + 0.5 * (terms["loss/identity/real"] + terms["loss/identity/sim"])
        return ((terms["loss/G/total"] - rest) / terms["loss/G/class/sim2real"]).item()

    assert push() == pytest.approx(0, abs=1e-5)
    for _ in range(300):
        gan._skill.note("class/real", torch.tensor(0.79))
    assert push() == pytest.approx(0, abs=1e-5)
    for _ in range(300):
        gan._skill.note("class/real", torch.tensor(0.9))
    assert push() == pytest.approx(0.5, rel=1e-4)


@pytest.mark.parametrize("side_px", [32, 48, 80])
def test_heads_take_any_side(side_px: int) -> None:
    """One score a cell of a sixteenth of the side, a logit a class, a box that begins in the middle."""
    D = MultiTaskDiscriminator(4, ALL, 5, torch.Generator().manual_seed(0))
    found = D(torch.zeros(2, 3, side_px, side_px))
    assert found.scores[0].shape == (2, 1, side_px // 16, side_px // 16)
    assert found.classes.shape == (2, 5)
    torch.testing.assert_close(found.boxes[0], torch.tensor([1, 1, 5, 5]) / 6, rtol=0, atol=0.1)


def test_golden_losses() -> None:
    """20 steps at 32×32 in float32 on the CPU give the losses that they always gave, within 1e-3."""
    training = make_training(learning_rate=5e-6)
    rows = [training.learn(make_batch(i)) for i in range(20)]
    got = [[row["loss/G/total"], row["loss/D/total"]] for row in rows]
    torch.testing.assert_close(torch.tensor(got), torch.tensor(GOLDEN), rtol=1e-3, atol=0)


def test_stopped_and_gone_on_with_it_ends_the_same(tmp_path: Any) -> None:
    """Bit for bit, with heads in turn: weights, moments, pools, how good heads are and whose turn it is."""
    whole, first = make_training(alternate=True), make_training(alternate=True)
    for i in range(4):
        whole.learn(make_batch(i))
    for i in range(2):
        first.learn(make_batch(i))
    save_state(tmp_path / "state.pt", first.state())
    second = make_training(alternate=True)
    second.load_state(load_state(tmp_path / "state.pt"), "here")
    for i in range(2, 4):
        second.learn(make_batch(i))
    torch.testing.assert_close(second.state(), whole.state(), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"heads": ()}, "heads must be one or more of adversarial, class, localisation, each once, got none"),
        ({"heads": ("class", "pose")}, "got class, pose"),
        ({"class_loss": "real"}, "class_loss must be sure or paper, got 'real'"),
        ({"identity": "none"}, "identity must be outside-box or whole"),
        ({"w_class": -1.0}, "got w_class = -1"),
        ({"w_cycle": -1.0}, "got w_cycle = -1"),
        ({"context": 0.5}, "context must be 1 or more, got 0.5"),
        ({"shift": 0.7}, "got shift = 0.7"),
        ({"w_witness": 1.0}, "w_witness must be 0"),
        ({"discriminator": DiscriminatorShape(n_layers=3)}, "4 strided layers"),
    ],
)
def test_what_cannot_be_learnt_with_is_refused(changes: dict[str, Any], sentence: str) -> None:
    """Each in one sentence."""
    with pytest.raises(InputError, match=sentence) as raised:
        make_settings(**changes)
    assert "\n" not in str(raised.value)


GOLDEN = [
    (2.89950, 6.67007),
    (7.98332, 5.87768),
    (9.52113, 6.67968),
    (9.32995, 5.96447),
    (8.89554, 6.83527),
    (7.16759, 6.03742),
    (7.50994, 6.00646),
    (7.23313, 6.74981),
    (7.80984, 6.01015),
    (7.56382, 6.52989),
    (9.12744, 6.48748),
    (8.63248, 7.08127),
    (7.60275, 6.80398),
    (8.54208, 6.08914),
    (7.89513, 6.04206),
    (8.13322, 6.94138),
    (9.24035, 7.12895),
    (8.34190, 5.40686),
    (8.18348, 6.20219),
    (9.86591, 6.35149),
]
"""``loss/G/total`` and ``loss/D/total`` of each step."""
