"""torchvision's detectors: local weights, what they are built of, how their train pictures vary."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from torch import Tensor, nn
from toy_sets import make_detection_images

from synth.compute.checkpoint import save_weights
from synth.errors import InputError
from synth.train.tasks import TASKS
from synth.train.tasks.detection.changes import FlippedImages
from synth.train.tasks.detection.detectors import DETECTORS, find_detector
from synth.train.tasks.detection.images import DetectionImages
from synth.train.tasks.detection.settings import DetectionSettings

DETECTION = TASKS["detection"]
LITE = "ssdlite320_mobilenet_v3"


class NarrowVGG(nn.Module):
    """VGG16's layers under their names, four channels and eight units wide."""

    def __init__(self, weights: None = None) -> None:
        super().__init__()
        wide = [m for m in torchvision.models.vgg.cfgs["D"] if m]
        self.features = torchvision.models.vgg.make_layers([4 if m != "M" else m for m in wide])
        units = ((4 * 49, 8), (8, 8), (8, 1000))
        self.classifier = nn.Sequential(
            *(layer for n, m in units for layer in (nn.Linear(n, m), nn.ReLU(), nn.Dropout()))
        )[:-2]


@pytest.fixture
def vgg(monkeypatch: pytest.MonkeyPatch) -> nn.Module:
    """A classifier as ImageNet's weights come from; detectors are built of the same narrow layers."""
    monkeypatch.setattr(torchvision.models, "vgg16", NarrowVGG)
    torch.manual_seed(7)
    return NarrowVGG()


def make(net: str, n_classes: int = 2, side_px: int = 64) -> nn.Module:
    return find_detector(net).make(net, n_classes, side_px, seed=0)


def write(tensors: dict[str, Tensor], path: Path) -> Path:
    if path.suffix == ".safetensors":
        save_weights(path, tensors, {})
    else:
        torch.save(tensors, path)
    return path


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_vgg16_begins_with_weights_of_imagenet(vgg: nn.Module, suffix: str, tmp_path: Path) -> None:
    """All convolutions and both dense layers; the first two blocks are frozen and nothing else; it learns."""
    net, family = make("fasterrcnn_vgg16"), DETECTORS["faster-rcnn"]
    own: Any = net
    family.load_pretrained(net, write(vgg.state_dict(), tmp_path / f"vgg16{suffix}"))
    assert torch.equal(own.backbone[28].weight, vgg.features[28].weight)  # type: ignore[index, union-attr]
    assert torch.equal(own.roi_heads.box_head.fc[3].weight, vgg.classifier[3].weight)  # type: ignore[index, union-attr]
    family.freeze(net)
    frozen = {name.rsplit(".", 1)[0] for name, p in net.named_parameters() if not p.requires_grad}
    assert frozen == {f"backbone.{i}" for i in (0, 2, 5, 7)}
    batch = {
        "img": torch.rand(1, 3, 64, 64),
        "bboxes": torch.tensor([[0.5, 0.5, 0.4, 0.4]]),
        "batch_idx": torch.zeros(1),
        "cls": torch.zeros(1, 1),
        "seed": torch.tensor(3),
    }
    sum(family.compute_losses(net.train(), batch).values()).backward()
    assert own.backbone[10].weight.grad.abs().sum() > 0
    assert own.backbone[0].weight.grad is None


def test_a_detector_of_other_classes_brings_all_but_its_last_layers(vgg: nn.Module, tmp_path: Path) -> None:
    """Of two classes for three: what says classes and their boxes stays fresh."""
    two, three = make("fasterrcnn_vgg16"), make("fasterrcnn_vgg16", 3)
    for parameter in two.parameters():
        parameter.data += 1
    before = {name: tensor.clone() for name, tensor in three.state_dict().items()}
    DETECTORS["faster-rcnn"].load_pretrained(three, write(two.state_dict(), tmp_path / "two.safetensors"))
    after, given = three.state_dict(), two.state_dict()
    fresh = {name for name in after if torch.equal(after[name], before[name])}
    assert fresh == {n for n in after if "box_predictor" in n}
    assert all(torch.equal(after[name], given[name]) for name in after if name not in fresh)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t | {"features.5.weight": torch.zeros(3, 3)}, r"backbone\.5\.weight is \[3, 3\] there"),
        (lambda t: {n: v for n, v in t.items() if "7" not in n}, r"it has no backbone\.7\.weight, and holds"),
        (
            lambda t: {"conv1.weight": torch.zeros(1)},
            r"no backbone\.0\.weight, and holds conv1\.weight \.\.\.",
        ),
        (lambda t: {"model": t, "epoch": 3}, "holds model, epoch and no plain state dict: give a state dict"),
        (lambda t: {}, "holds nothing and no plain state dict"),
        (lambda t: {1: torch.ones(1)}, "holds 1 and no plain state dict"),
        (lambda t: {"a": torch.ones(1).to_sparse()}, "holds a and no plain state dict"),
    ],
)
def test_weights_that_do_not_fit_are_named(vgg: nn.Module, change: Any, says: str, tmp_path: Path) -> None:
    """Which file, which tensor, and what to give instead."""
    path = write(change(dict(vgg.state_dict())), tmp_path / "given.pth")
    with pytest.raises(InputError, match=f"given.pth .*{says}"):
        DETECTORS["faster-rcnn"].load_pretrained(make("fasterrcnn_vgg16"), path)


@pytest.mark.parametrize(
    ("net", "classifier"),
    [("fasterrcnn_resnet50_fpn", "resnet50"), ("fasterrcnn_mobilenet_v3_320", "mobilenet_v3_large")],
)
def test_other_backbones_take_their_classifiers_too(net: str, classifier: str) -> None:
    """Every tensor of the backbone has its own in torchvision's classifier of that name, of its shape."""
    with torch.device("meta"):
        own = make(net)
        theirs = getattr(torchvision.models, classifier)(weights=None).state_dict()
    found: Any = DETECTORS["faster-rcnn"]._rename(net, theirs)  # type: ignore[attr-defined]
    backbone = {n: t for n, t in own.state_dict().items() if n.startswith("backbone.body.")}
    assert len(backbone) > 200
    assert all(found[name].shape == tensor.shape for name, tensor in backbone.items())
    assert any(n.startswith(DETECTORS["faster-rcnn"].early_layers(own)) for n in backbone)  # type: ignore[attr-defined]


def test_ssd300_is_the_article_s() -> None:
    """8,732 anchors in pictures of 300 px, and what is said of each: four numbers, three classes and none."""
    with torch.device("meta"):
        net: Any = make("ssd300_vgg16", 3, 300)
        maps = list(net.backbone(torch.zeros(1, 3, 300, 300)).values())
        said = net.head(maps)
    assert [tuple(m.shape[2:]) for m in maps] == [(n, n) for n in (38, 19, 10, 5, 3, 1)]
    assert said["bbox_regression"].shape == (1, 8732, 4)
    assert said["cls_logits"].shape == (1, 8732, 4)
    assert DETECTORS["ssd"].find_stride(net) == 300


def test_a_sure_network_finds_its_class_easy() -> None:
    """SSD whose every anchor says the first class: that one is easy, the other hard, in pictures of any
    shape; what is exported says the same boxes as are found.
    """
    net: Any = make(LITE).eval()
    with torch.no_grad():
        for block in net.head.classification_head.module_list:
            block[-1].bias.view(-1, 3)[:, 1] = 20.0
    settings = DetectionSettings(net=LITE, side_px=64, classes=("left", "right"))
    target, picture = DETECTION.target(net, settings), torch.rand(1, 3, 40, 64)
    left, right = (target.hardness(picture, [[[8.0, 8, 30, 30, name]]]).item() for name in settings.classes)
    assert left < 0.01
    assert right > 0.99
    with torch.no_grad():
        square = torch.rand(1, 3, 64, 64)
        rows = DETECTION.describe_export(settings).wrap(net)(square)[0].T
        best = net([square[0]])[0]
    assert rows.shape[1] == 6
    sure = rows[rows[:, 4].argmax()]
    near = (rows[:, 4] - best["scores"][0]).abs() < 1e-5
    corners = torch.cat([rows[:, :2] - rows[:, 2:4] / 2, rows[:, :2] + rows[:, 2:4] / 2], dim=1).clamp(0, 64)
    assert sure[4] == pytest.approx(best["scores"][0].item(), abs=1e-5)
    assert (corners[near] - best["boxes"][0]).abs().amax(dim=1).min() < 1e-3


def test_flipped_pictures_keep_boxes_and_classes() -> None:
    """About half are mirrored, by the seed; the box stays on its square, a class that a mirror swaps is
    swapped; pictures of two shapes are filled up with grey.
    """
    few = make_detection_images(8, seed=0)
    wide = tuple(p[: 64 if i % 2 else 48] for i, p in enumerate(few.bgr_u8))
    sizes = tuple((p.shape[1], p.shape[0]) for p in wide)
    boxes = tuple(
        np.array([b for b in own if b[3] <= p.shape[0]] or np.empty((0, 4)))
        for own, p in zip(few.boxes_xyxy_px, wide, strict=True)
    )
    classes = tuple(np.zeros(len(b), np.int64) for b in boxes)
    images = DetectionImages(wide, sizes, boxes, few.names, classes, ("left", "right"), (1, 0))
    changes = FlippedImages(images, 0.0, 1)
    rows = np.arange(8)
    batch, again = changes.batch(rows, 3), changes.batch(rows, 3)
    assert all(torch.equal(batch[key], again[key]) for key in batch)
    assert batch["img"].shape == (8, 3, 64, 64)
    assert (batch["img"][0, :, 48:] == 114).all()
    plain = np.stack(
        [np.pad(p[..., ::-1], ((0, 64 - len(p)), (0, 0), (0, 0)), constant_values=114) for p in wide]
    )
    same = [(batch["img"][i].permute(1, 2, 0).numpy() == plain[i]).all() for i in range(8)]
    assert 0 < sum(same) < 8
    for i, cls, xywh in zip(batch["batch_idx"].int(), batch["cls"], batch["bboxes"] * 64, strict=True):
        assert cls == (0 if same[i] else 1)
        (x0, y0), (x1, y1) = (xywh[:2] - xywh[2:] / 2).round().int(), (xywh[:2] + xywh[2:] / 2).round().int()
        assert batch["img"][i, :, y0:y1, x0:x1].min() >= 225
    assert not torch.equal(changes.batch(rows, 4)["img"], batch["img"])
    assert not torch.equal(FlippedImages(images, 1.0, 1).batch(rows, 3)["img"], batch["img"])


def test_the_preset_of_the_article_is_its_own() -> None:
    """SYN-MTGAN, section 4.2: 3000 px, five epochs, a rate of 1e-4 halved after the second and the fourth."""
    (recipe,) = DETECTION.own_presets["paper-faster-rcnn"]
    settings = recipe.settings
    assert (settings.net, settings.side_px) == ("fasterrcnn_vgg16", 3000)
    epoch = settings.n_steps // 5
    rates = [
        settings.rate_at(step) for step in (1, 2 * epoch, 2 * epoch + 1, 4 * epoch, 4 * epoch + 1, 5 * epoch)
    ]
    assert rates == pytest.approx([1e-4, 1e-4, 5e-5, 5e-5, 2.5e-5, 2.5e-5])
    assert {"changes", "halved_after"} <= set(settings.to_config())
    assert not {"changes", "halved_after"} & set(DetectionSettings().to_config())
    with pytest.raises(InputError, match="halved_after must be 0 to 1, got 2"):
        replace(settings, halved_after=2.0)


def test_a_network_brings_what_goes_with_it() -> None:
    """Side, batch and rate that suit it, in place of the preset's; a yolo leaves all as it is."""
    quick = DETECTION.presets["quick"][0].settings
    lite = DETECTION.with_net(quick, LITE)
    assert (lite.side_px, lite.n_images) == (320, quick.n_images)
    assert DETECTION.with_net(quick, "fasterrcnn_vgg16").side_px == quick.side_px
    assert DETECTION.with_net(quick, "yolov5s") == replace(quick, net="yolov5s")
