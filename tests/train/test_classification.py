"""Networks that tell classes apart: what they look at, what they are, and how they are measured."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from said import Said, Says
from synth.compute.checkpoint import save_weights
from synth.errors import InputError
from synth.geometry.squares import cut
from synth.train.models.class_nets import load_pretrained, make_class_net
from synth.train.tasks import TASKS, list_usual
from synth.train.tasks.classification.crops import crop_square
from synth.train.tasks.classification.scores import Readings, count_confusions
from synth.train.tasks.classification.settings import ClassificationSettings
from synth.train.tasks.classification.words import REPORT
from synth.train.tasks.task import SeenPart

TASK = TASKS["classification"]
SETTINGS = ClassificationSettings(side_px=16, classes=("cat", "dog", "owl"))


@pytest.mark.parametrize(
    ("name", "n_inputs", "n_parameters"), [("digits", 980, 54_840), ("digits-deep", 576, 338_928)]
)
def test_the_papers_digit_nets_are_the_papers(name: str, n_inputs: int, n_parameters: int) -> None:
    """At 40 pixels the first linear layer takes as many numbers as TERSE's listing says, and gives 50."""
    net = make_class_net(name, 40, 10, seed=0)
    linear = [module for module in net.modules() if isinstance(module, torch.nn.Linear)]
    assert [(m.in_features, m.out_features) for m in linear] == [(n_inputs, 50), (50, 10)]
    assert sum(p.numel() for p in net.parameters()) == n_parameters


@pytest.mark.parametrize("name", ["small", "digits", "digits-deep"])
def test_every_net_takes_colour_pictures(name: str) -> None:
    """RGB in 0 to 1 goes in, a value a class comes out; digit nets read its mean."""
    net = make_class_net(name, 16, 3, seed=1).eval()
    images = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert net(images).shape == (2, 3)
        turned = net(images.roll(1, dims=1))
    assert torch.allclose(net(images), turned, atol=1e-6) == (name != "small")


def test_a_torchvision_network_goes_by_its_name() -> None:
    """Any that takes pictures of any side, with its own number of outputs; others are answered with all."""
    net = make_class_net("squeezenet1_1", 64, 3, seed=0).eval()
    with torch.no_grad():
        assert net(torch.rand(1, 3, 64, 64)).shape == (1, 3)
    with pytest.raises(InputError, match=r"no network 'resnet19': choose small, digits, .* resnet18"):
        TASK.with_net(SETTINGS, "resnet19")
    with pytest.raises(InputError, match="resnet18 takes pictures of 64 pixels or more, got 32"):
        ClassificationSettings(net="resnet18", side_px=32)


def test_a_whole_picture_is_a_crop_of_itself() -> None:
    """A box that is the picture is cut as it is, bit for bit; any other with its margin, borders repeated."""
    picture = np.random.default_rng(0).integers(0, 256, (20, 20, 3)).astype(np.uint8)
    np.testing.assert_array_equal(cut(picture, crop_square((0, 0, 20, 20), (20, 20), 1.25), 20), picture)
    part = crop_square((0, 4, 8, 12), (20, 20), 1.25)
    assert (part.x0, part.y0, part.side_px) == (-1, 3, 10)
    crop = cut(picture, part, 10)
    np.testing.assert_array_equal(crop[:, 1:], picture[3:13, :9])
    np.testing.assert_array_equal(crop[:, 0], picture[3:13, 0])


def test_hardness_is_the_papers_margin() -> None:
    """(1 + p − p*)/2 of hand-made confidences: TERSE's p − p* > 0.05 is above 0.525. The loss is −log p*."""
    sure = torch.tensor([[0.7, 0.2, 0.1], [0.2, 0.45, 0.35], [0.0, 1.0, 0.0]])
    target = TASK.target(Says(sure.log()), SETTINGS)
    images, truth = torch.zeros(3, 3, 16, 16), ["cat", "owl", "dog"]
    assert target.hardness(images, truth).tolist() == pytest.approx([0.25, 0.55, 0.0])
    assert target.loss(images, truth).tolist() == pytest.approx((-np.log([0.7, 0.35, 1.0])).tolist())
    with pytest.raises(InputError, match="there is the class cow, and the network tells cat, dog, owl apart"):
        target.loss(images, ["cow", "cat", "dog"])


def test_a_whole_picture_is_as_hard_as_its_objects_crops() -> None:
    """The mean over its objects, each cut as crops that train are, borders repeated; pixels have a slope."""
    rng = np.random.default_rng(0)
    picture = cv2.resize(rng.integers(0, 256, (6, 8, 3)).astype(np.uint8), (64, 48))
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.AvgPool2d(4), torch.nn.Flatten(), torch.nn.Linear(48, 3))
    settings = replace(SETTINGS, side_px=16, context=1.25)
    target = TASK.target(net, settings)
    seen = [((20, 10, 50, 30), "cat"), ((0, 30, 20, 48), "owl")]
    crops = [cut(picture, crop_square(box, (64, 48), settings.context), 16) for box, _ in seen]
    of_crops = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float() / 255
    images = (torch.from_numpy(picture).permute(2, 0, 1).float() / 255)[None].repeat(2, 1, 1, 1)
    images.requires_grad_()
    parts = [SeenPart(box, name, np.ones((48, 64), np.bool_)) for box, name in seen]
    hardness = target.hardness(images, [TASK.composite_truth(settings, parts), []])
    wanted = target.hardness(of_crops, [name for _, name in seen]).mean()
    assert hardness.tolist() == pytest.approx([float(wanted), 0.0], abs=2e-3)
    hardness.sum().backward()
    assert images.grad is not None
    assert images.grad[0, :, :, :8].any()
    assert not images.grad[1].any()


SAID = Said(
    [["cat", 0.9], ["cat", 0.8], ["dog", 0.7], ["dog", 0.9], ["owl", 0.6], ["cat", 0.5]],
    ["cat", "cat", "cat", "dog", "dog", "owl"],
)


def test_accuracy_in_all_and_by_class() -> None:
    """By hand: 3 of 6; of cats 2 of 3, dogs 1 of 2, owls 0 of 1; of what is called cat 2 of 3 are."""
    scores = TASK.draw_scores([SAID])
    assert scores["accuracy"].value == pytest.approx(3 / 6)
    assert scores["macro_accuracy"].value == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)
    assert np.isfinite(scores["macro_accuracy"].draws).all()
    parts = {part.name: part for part in TASK.break_down([SAID])["by_class"]}
    assert [(p.n_true, p.draws["accuracy"].value) for p in parts.values()] == [
        (3, pytest.approx(2 / 3)),
        (2, 0.5),
        (1, 0),
    ]
    assert parts["cat"].draws["precision"].value == pytest.approx(2 / 3)
    with pytest.raises(InputError, match="needs 5 images or more, got 1"):
        Readings([Said([["cat", 1.0]], ["cat"])], 0, None)


def test_confusions_are_shares_of_the_true_class() -> None:
    """A row a class, with what its crops are taken for; the diagram writes them into its cells."""
    names, shares = count_confusions([SAID, SAID])
    assert names == ["cat", "dog", "owl"]
    np.testing.assert_allclose(shares, [[2 / 3, 1 / 3, 0], [0, 0.5, 0.5], [1, 0, 0]])
    ax = Figure().add_subplot()
    REPORT.pictures[0].draw(ax, {"real": [SAID], "other": [SAID]}, lambda mix: "black")
    written = [[text.get_text() for text in panel.texts] for panel in ax.child_axes]
    assert written == [["67", "33", "50", "50", "100"]] * 2


@pytest.mark.parametrize("classes", [(), ("cat",)])
def test_one_class_cannot_be_told_apart(classes: Sequence[str]) -> None:
    """One sentence, which says what to do, before anything is made."""
    with pytest.raises(InputError, match=r"there is (one class, cat|no class), and classification"):
        TASK.make_net(replace(SETTINGS, classes=tuple(classes)))


def test_a_training_begins_with_weights_of_other_classes(tmp_path: Path) -> None:
    """All layers but the last are taken; a file that does not fit is named with its first wrong tensor."""
    file = tmp_path / "weights.safetensors"
    first = make_class_net("small", 16, 5, seed=0)
    save_weights(file, first.state_dict(), {})
    net = make_class_net("small", 16, 3, seed=1)
    load_pretrained(net, file)
    same = [
        torch.equal(a, b)
        for a, b in zip(first.parameters(), net.parameters(), strict=True)
        if a.shape == b.shape
    ]
    assert all(same)
    assert len(same) == len(list(net.parameters())) - 2
    with pytest.raises(InputError, match=r"does not fit: it has no layers.0.weight, and holds layers"):
        load_pretrained(make_class_net("digits", 16, 3, seed=0), file)
    with pytest.raises(InputError, match=r"layers.4.weight is \[128, 256\] there and \[128, 1024\] here"):
        load_pretrained(make_class_net("small", 32, 3, seed=0), file)


def test_a_comparison_learns_classes_only_where_it_is_told_to() -> None:
    """Where there are boxes, detection tells their classes too; label maps have a task of their own."""
    assert "classification" in TASKS
    assert list_usual() == [name for name in TASKS if name not in ("classification", "segmentation")]
