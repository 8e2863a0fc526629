"""What every family of detectors promises, each by its smallest network on pictures of 64 px."""

import copy
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchvision.models.detection import faster_rcnn

sys.path.insert(0, str(Path(__file__).parents[1] / "train"))
from toy_sets import make_detection_images

from synth.errors import InputError
from synth.train.loop import learn
from synth.train.tasks import TASKS
from synth.train.tasks.detection.detectors import DETECTORS, find_detector
from synth.train.tasks.detection.images import DetectionImages
from synth.train.tasks.detection.learning import DetectionLearner, predict_boxes
from synth.train.tasks.detection.settings import DetectionSettings

CPU = torch.device("cpu")
CLASSES = ("left", "right")
SMALLEST = {"yolo": "yolov5n", "faster-rcnn": "fasterrcnn_mobilenet_v3_320", "ssd": "ssdlite320_mobilenet_v3"}
EVERY = pytest.mark.parametrize("family", list(DETECTORS))


class NarrowHead(faster_rcnn.TwoMLPHead):  # type: ignore[misc]
    """The second stage with 16 units in the middle instead of 1,024: weights of a fifth."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__(n_in, 16)
        self.fc7 = nn.Linear(16, n_out)


@pytest.fixture(scope="module", autouse=True)
def narrow() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(faster_rcnn, "TwoMLPHead", NarrowHead)
        yield


@pytest.fixture(scope="module")
def images() -> DetectionImages:
    """Two pictures of bright squares of two classes."""
    few = make_detection_images(2, seed=0)
    classes = tuple(np.arange(len(boxes)) % 2 for boxes in few.boxes_xyxy_px)
    return replace(few, classes=classes, class_names=CLASSES)


@pytest.fixture(scope="module")
def nets(narrow: None) -> dict[str, nn.Module]:
    """An untrained network of each family, in eval mode."""
    return {name: TASKS["detection"].make_net(small(name)).eval() for name in DETECTORS}


def small(family: str, **changes: Any) -> DetectionSettings:
    settings = DetectionSettings(net=SMALLEST[family], side_px=64, classes=CLASSES, changes="flip")
    few = replace(settings, n_images=4, batch_size=2, n_checks=1, learning_rate=1e-3, photometric=0.0)
    return replace(few, **changes)


def make_learner(family: str, images: DetectionImages) -> DetectionLearner:
    return DetectionLearner([images], images, small(family), seed=0, device=CPU)


def total(losses: dict[str, Tensor]) -> float:
    return torch.stack(list(losses.values())).sum().item()


@EVERY
def test_it_learns_goes_on_and_is_kept(family: str, images: DetectionImages, tmp_path: Path) -> None:
    """A step or two make the loss of the same batch smaller (a yolo's grows at first, since it is matched to
    more and more: test_detection.py has it learn); stopped and gone on with, every bit is the same; loaded
    anew it says the same.
    """
    first, again, settings = make_learner(family, images), make_learner(family, images), small(family)
    batch = first.load(0, np.arange(2), seed=5)
    learned = learn(first, settings, seed=0)
    assert set(learned.checks[0].losses) == set(DETECTORS[family].losses)
    learn(
        make_learner(family, images),
        settings,
        seed=0,
        state_file=tmp_path / "state.pt",
        is_time_up=lambda: True,
    )
    before = total(again.compute_losses(batch))
    learn(again, settings, seed=0, state_file=tmp_path / "state.pt")
    own, other = first.net.state_dict(), again.net.state_dict()
    assert all(torch.equal(own[name], other[name]) for name in own)
    first.net.train()
    assert family == "yolo" or total(first.compute_losses(batch)) < before
    loaded = TASKS["detection"].make_net(settings).eval()
    loaded.load_state_dict(other)
    assert TASKS["detection"].predict(loaded, images) == TASKS["detection"].predict(again.net, images)


@EVERY
def test_boxes_are_in_pixels_of_the_picture(
    family: str, images: DetectionImages, nets: dict[str, nn.Module]
) -> None:
    """Four times as large where the picture is, whatever its shape; the surest first, none outside, classes
    by place; the network is left as it was.
    """
    net = nets[family]
    state = copy.deepcopy(net.state_dict())
    tall = replace(images, bgr_u8=tuple(p[:, :48] for p in images.bgr_u8), sizes_wh=((48, 64),) * 2)
    found = predict_boxes(net, tall)
    for small_boxes, boxes in zip(
        found, predict_boxes(net, replace(tall, sizes_wh=((192, 256),) * 2)), strict=True
    ):
        assert len(boxes) > 3
        np.testing.assert_allclose(boxes[:, :4], 4 * small_boxes[:, :4])
        assert (np.diff(boxes[:, 4]) <= 0).all()
        assert (boxes[:, :4] >= 0).all()
        assert (boxes[:, :4] <= (192, 256, 192, 256)).all()
        assert set(boxes[:, 5]) <= {0.0, 1.0}
    assert not net.training
    assert all(torch.equal(tensor, state[name]) for name, tensor in net.state_dict().items())


@EVERY
def test_losses_outside_training_are_the_same_twice(
    family: str, images: DetectionImages, nets: dict[str, nn.Module]
) -> None:
    """By the family's names, whatever torch's generator says; boxes of a class never learnt count for
    nothing.
    """
    task, net = TASKS["detection"], nets[family]
    torch.manual_seed(1)
    first = task.measure_losses(net, images)
    torch.manual_seed(2)
    assert task.measure_losses(net, images) == first
    assert list(first) == [f"{name}_loss" for name in DETECTORS[family].losses]
    foreign = replace(images, classes=tuple(c + 2 for c in images.classes), class_names=(*CLASSES, "b", "c"))
    empty = replace(images, classes=(), boxes_xyxy_px=(np.empty((0, 4)),) * 2)
    assert task.measure_losses(net, foreign) == task.measure_losses(net, empty)


@EVERY
def test_whoever_trains_against_it_moves_the_picture_alone(
    family: str, images: DetectionImages, nets: dict[str, nn.Module]
) -> None:
    """Gradients reach pixels and neither boxes nor weights nor running means, in whatever mode the network
    is; each picture by itself, the same twice; a class that was never learnt is missed, and has the loss of
    no box.
    """
    settings, net = small(family), nets[family]
    state, target = copy.deepcopy(net.state_dict()), TASKS["detection"].target(net, settings)
    pictures = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    edges = torch.tensor([-30.0, -30.0, 90.0, 90.0], requires_grad=True)  # As a fresh YOLO says.
    truth = [[[*edges, "left"]], [[*edges.tolist(), "right"]]]
    learning = [parameter.requires_grad for parameter in net.parameters()]
    net.train()
    figures = [of(pictures, truth) for of in (target.loss, target.hardness, target.classification)]
    assert all(module.training for module in net.modules())
    assert [parameter.requires_grad for parameter in net.parameters()] == learning
    assert all(parameter.grad is None for parameter in net.parameters())
    net.eval()
    loss, hardness, large = figures
    assert ((hardness > 0) & (hardness < 1)).all()
    assert torch.allclose(large, -(1 - hardness).log())
    for figure in figures:
        (gradient,) = torch.autograd.grad(figure.sum(), pictures, retain_graph=True)
        assert (gradient.abs().sum(dim=(1, 2, 3)) > 0).all()
        assert torch.autograd.grad(figure.sum(), edges, retain_graph=True, allow_unused=True) == (None,)
    assert torch.allclose(target.loss(pictures[1:], truth[1:]), loss[1:], rtol=1e-4)
    assert torch.allclose(target.classification(pictures[1:], truth[1:]), large[1:], rtol=1e-4)
    one = pictures[:1]
    foreign = [[[8.0, 8.0, 40.0, 40.0, "bump"]]]
    assert target.hardness(one, foreign).item() == 1
    assert target.hardness(one, [[]]).item() == target.classification(one, [[]]).item() == 0
    assert target.loss(one, foreign).item() == target.loss(one, [[]]).item()
    assert not any(module.training for module in net.modules())
    assert all(torch.equal(tensor, state[name]) for name, tensor in net.state_dict().items())


@EVERY
def test_what_a_synthesizer_climbs_is_as_steep_as_it_says(family: str, nets: dict[str, nn.Module]) -> None:
    """The slope of `classification` along its gradient is that of differences, in float64."""
    target = TASKS["detection"].target(copy.deepcopy(nets[family]).double(), small(family))
    rng = torch.Generator().manual_seed(0)
    picture = torch.rand(1, 3, 64, 64, generator=rng, dtype=torch.float64).requires_grad_()
    truth = [[[-30.0, -30.0, 90.0, 90.0, "left"]]]
    (gradient,) = torch.autograd.grad(target.classification(picture, truth).sum(), picture)
    way = gradient / gradient.abs().max()
    with torch.no_grad():
        low, high = (target.classification(picture + s * way, truth).item() for s in (-1e-4, 1e-4))
    assert (gradient * way).sum().item() == pytest.approx((high - low) / 2e-4, rel=2e-3, abs=1e-12)


@EVERY
def test_a_picture_without_a_part_teaches_that_there_is_none(
    family: str, images: DetectionImages, nets: dict[str, nn.Module]
) -> None:
    """All but SSD, whose background counts by the number of anchors that a part has: it has no loss there."""
    target = TASKS["detection"].target(nets[family], small(family))
    loss = target.loss(torch.rand(1, 3, 64, 64), [[]]).item()
    assert loss == 0 if family == "ssd" else loss > 0


@EVERY
def test_what_it_says_of_itself(family: str) -> None:
    """Its smallest network is its own, its habits are settings, and it says whose it is; an export or why
    not.
    """
    net, own = SMALLEST[family], DETECTORS[family]
    assert own.name == family
    assert find_detector(net) is own
    assert net in own.list_nets()
    settings = TASKS["detection"].with_net(DetectionSettings(side_px=320), net)
    assert settings.net == net
    assert net in TASKS["detection"].describe_start(settings)
    if family == "faster-rcnn":
        with pytest.raises(
            InputError, match=f"{net} cannot be written as ONNX, since .*: take a yolo or an ssd"
        ):
            own.describe_export(net, ())
    else:
        assert "[1,6,A]" in own.describe_export(net, CLASSES).about


def test_a_name_that_is_none_is_answered_with_all() -> None:
    """The networks of every family."""
    with pytest.raises(InputError, match="there is no detector 'frcnn': choose one of") as refused:
        DetectionSettings(net="frcnn")
    for name in (*SMALLEST.values(), "fasterrcnn_vgg16", "fasterrcnn_resnet50_fpn", "ssd300_vgg16", "yolo11"):
        assert name in str(refused.value)


@pytest.mark.parametrize(
    ("net", "side_px", "says"),
    [
        ("yolov5n", 100, "side_px must be a multiple of 32, got 100"),
        ("fasterrcnn_vgg16", 31, "fasterrcnn_vgg16 takes pictures of 32 px and more, got 31"),
        ("ssd300_vgg16", 320, "ssd300_vgg16 takes pictures of 300 px alone, got 320"),
        ("ssdlite320_mobilenet_v3", 100, "whose side is a multiple of 32, 64 or more, got 100"),
    ],
)
def test_a_side_that_does_not_go_with_the_network_is_refused(net: str, side_px: int, says: str) -> None:
    """Each family by its own rule, in one sentence."""
    with pytest.raises(InputError, match=says):
        DetectionSettings(net=net, side_px=side_px)
