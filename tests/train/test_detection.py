"""A detector learns boxes from pictures changed by the seed alone, and says them in original pixels."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from toy_sets import make_detection_images, write_detection_set

from synth.errors import InputError
from synth.metrics.detection import STANDARD, match
from synth.train.loop import learn
from synth.train.models.yolo import make_yolo
from synth.train.tasks import TASKS
from synth.train.tasks.detection.images import (
    AugmentedImages,
    DetectionImages,
    load_detection_images,
    plain_batches,
    shrink,
)
from synth.train.tasks.detection.learning import (
    DetectionLearner,
    DetectionSettings,
    measure_losses,
    predict_boxes,
)

CPU = torch.device("cpu")
SIDE_PX = 64
SETTINGS = DetectionSettings(side_px=SIDE_PX, n_images=12, batch_size=6, n_checks=1)


@pytest.fixture(scope="module")
def images() -> DetectionImages:
    return make_detection_images(24, seed=0)


@pytest.fixture(scope="module")
def net() -> nn.Module:
    return make_yolo("yolov5n", 1, seed=0).eval()


def map50(net: nn.Module, images: DetectionImages) -> float:
    matches = match(predict_boxes(net, images), images.boxes_xyxy_px, STANDARD)
    return float(matches.map50(np.ones((1, len(images))))[0])


def to_xyxy_px(batch: dict[str, Tensor], i: int) -> np.ndarray:
    """Boxes of one picture of a batch, in its pixels."""
    h, w = batch["img"].shape[2:]
    xywh = batch["bboxes"][batch["batch_idx"] == i].double().numpy() * (w, h, w, h)
    return np.concatenate([xywh[:, :2] - xywh[:, 2:] / 2, xywh[:, :2] + xywh[:, 2:] / 2], axis=1)


@pytest.mark.slow
def test_learns_to_find_squares() -> None:
    """On new pictures a fresh network finds next to nothing, and one trained for 48 steps most."""
    val, test = make_detection_images(16, seed=1), make_detection_images(32, seed=2)
    settings = DetectionSettings(side_px=SIDE_PX, n_images=768, batch_size=16, n_checks=1)
    learner = DetectionLearner([make_detection_images(64, seed=0)], val, settings, seed=0, device=CPU)
    before = map50(learner.net.eval(), test)
    learned = learn(learner, settings, seed=0)
    assert before < 0.05
    assert map50(learner.net, test) > 0.5
    assert learned.best is not None
    assert learned.best.figures["score"] == -learned.best.figures["val_map50_95"] < learner.blind_score


def test_the_same_seed_gives_the_same_detector(images: DetectionImages) -> None:
    """Two trainings agree in every bit, another seed gives another network."""
    first, again, other = (train(images, seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_changed_pictures_come_from_the_seed_alone(images: DetectionImages) -> None:
    """A batch does not depend on the global generators or on batches before, and leaves both the generators
    and the pictures as they were.
    """
    originals = [image.copy() for image in images.bgr_u8]
    augmented, rows = AugmentedImages(images, SIDE_PX), np.arange(16)
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    before = random.getstate(), np.random.get_state(), torch.get_rng_state()
    first = augmented.batch(rows, seed=2**62 + 5)
    assert random.getstate() == before[0]
    assert all(np.array_equal(a, b) for a, b in zip(np.random.get_state(), before[1], strict=True))
    assert torch.equal(torch.get_rng_state(), before[2])
    other = augmented.batch(rows, seed=3)
    random.random()
    np.random.random()
    again = AugmentedImages(images, SIDE_PX).batch(rows, seed=2**62 + 5)
    assert first.keys() == again.keys() == {"img", "batch_idx", "cls", "bboxes"}
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["img"], other["img"])
    assert all(np.array_equal(a, b) for a, b in zip(images.bgr_u8, originals, strict=True))


def test_changes_do_not_depend_on_what_is_installed(images: DetectionImages) -> None:
    """Colours, places, flips and mosaics as Ultralytics has them, without those of an optional package."""
    changes = AugmentedImages(images, SIDE_PX)._dataset.transforms.transforms
    names = [type(change).__name__ for change in changes]
    assert {"RandomHSV", "RandomFlip", "Format"} < set(names)
    assert "Albumentations" not in names


def test_changed_pictures_keep_their_boxes_on_the_squares(images: DetectionImages) -> None:
    """Bright inside nearly every box and dark around it, in pictures of the size asked for."""
    augmented = AugmentedImages(images, SIDE_PX)
    inside, around = [], []
    for seed in range(3):
        batch = augmented.batch(np.arange(24), seed)
        assert batch["img"].shape == (24, 3, SIDE_PX, SIDE_PX)
        assert batch["img"].dtype == torch.uint8
        for i, picture in enumerate(batch["img"].float().mean(1).numpy()):
            boxes = to_xyxy_px(batch, i).round().astype(int)
            free = np.ones_like(picture, bool)
            for x0, y0, x1, y1 in boxes:
                free[max(0, y0 - 1) : y1 + 1, max(0, x0 - 1) : x1 + 1] = False
                if min(x1 - x0, y1 - y0) >= 6:
                    inside.append(np.median(picture[y0 + 1 : y1 - 1, x0 + 1 : x1 - 1]))
            around.append((picture[free] > 130).mean())
    assert len(inside) > 60
    assert np.mean(np.array(inside) > 130) > 0.95
    assert np.mean(around) < 0.05


def test_changed_pictures_are_rgb() -> None:
    """A red picture stays redder than blue."""
    red = np.zeros((64, 64, 3), np.uint8)
    red[..., 2] = 200
    one = DetectionImages((red,) * 4, ((64, 64),) * 4, (np.array([[8.0, 8, 40, 40]]),) * 4, tuple("abcd"))
    batch = AugmentedImages(one, 64).batch(np.arange(4), seed=0)
    for img in (batch["img"], next(plain_batches(one, 4))[1]["img"]):
        assert img[:, 0].float().mean() > img[:, 2].float().mean() + 50


def test_plain_pictures_are_padded_and_their_boxes_stay() -> None:
    """Pictures of several sizes: each as it is at the top left, grey elsewhere, sides multiples of 32, and
    its boxes around the same pixels; every row comes once, in batches of one shape.
    """
    rng = np.random.default_rng(0)
    sizes = [(64, 50), (40, 64), (64, 50), (64, 64), (64, 50)]
    pictures, boxes = [], []
    for i, (w, h) in enumerate(sizes):
        picture = rng.integers(0, 60, (h, w, 3)).astype(np.uint8)
        picture[5 + i : 30, 7 : 22 + i] = 255
        pictures.append(picture)
        boxes.append(np.array([[7.0, 5 + i, 22 + i, 30]]) * 3)
    originals = tuple((3 * w, 3 * h) for w, h in sizes)
    images = DetectionImages(tuple(pictures), originals, tuple(boxes), tuple("abcde"))
    seen = []
    for rows, batch in plain_batches(images, 2):
        seen += rows
        assert len(rows) <= 2
        assert batch["img"].shape[0] == len(rows)
        assert all(side % 32 == 0 for side in batch["img"].shape[2:])
        for k, row in enumerate(rows):
            w, h = sizes[row]
            img = batch["img"][k].permute(1, 2, 0).numpy()
            np.testing.assert_array_equal(img[:h, :w], pictures[row][..., ::-1])
            assert (img[h:] == 114).all()
            assert (img[:, w:] == 114).all()
            found = to_xyxy_px(batch, k)
            np.testing.assert_allclose(found, boxes[row] / 3, atol=1e-4)
            x0, y0, x1, y1 = found[0].round().astype(int)
            assert (img[y0:y1, x0:x1] == 255).all()
            assert (img == 255).all(axis=2).sum() == (y1 - y0) * (x1 - x0)
    assert sorted(seen) == list(range(5))


def test_predictions_are_in_pixels_of_the_original(net: nn.Module) -> None:
    """A picture four times as large gives boxes four times as large, the surest first, none outside it."""
    rng = np.random.default_rng(3)
    small = tuple(rng.integers(0, 256, (48, 64, 3)).astype(np.uint8) for _ in range(3))
    boxes = (np.array([[4.0, 4, 20, 20]]),) * 3
    images = DetectionImages(small, ((64, 48),) * 3, boxes, tuple("abc"))
    large = replace(images, sizes_wh=((256, 192),) * 3)
    for one, four in zip(predict_boxes(net, images), predict_boxes(net, large), strict=True):
        assert len(one) > 3
        assert one.shape[1] == 5
        np.testing.assert_allclose(four, one * (4, 4, 4, 4, 1))
        assert (np.diff(one[:, 4]) <= 0).all()
        assert (four[:, :4] >= 0).all()
        assert (four[:, :4] <= (256, 192, 256, 192)).all()


def test_the_mode_of_the_network_is_left(images: DetectionImages) -> None:
    """Looking at pictures changes neither the mode nor a running mean, and the network can learn after."""
    one = make_yolo("yolov5n", 1, seed=0).train()
    before = {name: tensor.clone() for name, tensor in one.state_dict().items()}
    predict_boxes(one, images)
    measure_losses(one, images)
    assert one.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in one.state_dict().items())
    total, _ = one.loss(as_floats(next(plain_batches(images, 4))[1]))
    total.sum().backward()


def make_sure_net() -> nn.Module:
    """An untrained network that says boxes of three cells everywhere, with confidence one half."""
    net = make_yolo("yolov5n", 1, seed=0).eval()
    head = net.model[-1]
    with torch.no_grad():
        for box, score in zip(head.cv2, head.cv3, strict=True):
            box[-1].bias.view(4, -1)[:] = torch.where(torch.arange(head.reg_max) // 2 == 0, 8.0, 0.0)
            score[-1].bias[:] = 0.0
    return net


def test_losses_are_those_of_ultralytics(images: DetectionImages) -> None:
    """On one batch: box, cls and dfl are what ``net.loss`` gives, per image. Ultralytics divides by the
    matches of the whole batch: two equal batches give the figures of one, and the images one by one give
    others, so that only the same images in the same order can be compared.
    """
    net, few = make_sure_net(), take(images, range(16))
    total, _ = net.loss(as_floats(next(plain_batches(few, 16))[1]))
    found = measure_losses(net, few)
    assert list(found) == ["box_loss", "cls_loss", "dfl_loss"]
    np.testing.assert_allclose(list(found.values()), total.detach().numpy() / 16, rtol=1e-4)
    twice = measure_losses(net, few.joined(few))
    np.testing.assert_allclose(list(twice.values()), list(found.values()), rtol=1e-4)
    single = [measure_losses(net, take(few, [i])) for i in range(16)]
    for name, value in found.items():
        each = [losses[name] for losses in single]
        assert np.isfinite(each).all()
        assert np.mean(each) != pytest.approx(value, rel=0.05), name


def test_train_losses_do_not_grow_with_the_batch(images: DetectionImages) -> None:
    """A batch of the same pictures twice costs what it costs once."""
    learner = DetectionLearner([images], images, SETTINGS, seed=0, device=CPU)
    learner.net = make_sure_net()
    once = next(plain_batches(take(images, range(4)), 4))[1]
    twice = next(plain_batches(take(images, [*range(4), *range(4)]), 8))[1]
    few, many = (learner.compute_losses(dict(batch)) for batch in (once, twice))
    assert list(few) == ["box", "cls", "dfl"]
    for name in few:
        assert few[name].item() == pytest.approx(many[name].item(), rel=1e-3)


def test_a_check_tells_val_and_test_apart(images: DetectionImages) -> None:
    """Figures of val and test pictures; the score is minus mAP50-95 of val pictures."""
    val, test = take(images, range(4)), take(images, range(4, 12))
    learner = DetectionLearner([images], val, SETTINGS, seed=0, device=CPU, test=test)
    learner.net.eval()
    figures = learner.check()
    names = ("map50_95", "map50", "precision", "recall", "box_loss", "cls_loss", "dfl_loss")
    assert set(figures) == {"score", *(f"{split}_{name}" for split in ("val", "test") for name in names)}
    assert figures["score"] == -figures["val_map50_95"]
    assert figures["test_map50"] == pytest.approx(map50(learner.net, test))
    assert figures["val_cls_loss"] == pytest.approx(measure_losses(learner.net, val)["cls_loss"])
    assert figures["val_cls_loss"] != figures["test_cls_loss"]


def test_pictures_come_from_a_dataset_made_small(tmp_path: Path) -> None:
    """The longer side is side_px, colours are BGR, boxes are the originals', hidden parts have none."""
    dataset = write_detection_set(tmp_path / "set", seed=0, n=4, size_wh=(192, 160))
    images = load_detection_images(dataset, dataset.samples, 64, "square")
    assert images.names == tuple(s.name for s in dataset.samples)
    assert images.sizes_wh == ((192, 160),) * 4
    for i, sample in enumerate(dataset.samples):
        rgb = dataset.load_rgb(sample)
        small = cv2.resize(rgb, (64, 53), interpolation=cv2.INTER_AREA)
        np.testing.assert_array_equal(images.bgr_u8[i][..., ::-1], small)
        assert len(images.boxes_xyxy_px[i]) == len(sample.instances) - 1
        for x0, y0, x1, y1 in images.boxes_xyxy_px[i].astype(int):
            assert rgb[y0:y1, x0:x1].min() >= 225
    task = TASKS["detection"]
    assert task.truth(images) == [boxes.tolist() for boxes in images.boxes_xyxy_px]
    assert task.count(dataset.samples) == len(task.names(images)) == 4
    assert len(task.join(images, images)) == 8


@pytest.mark.parametrize(
    ("wh", "wanted"), [((640, 480), (64, 48)), ((30, 60), (32, 64)), ((500, 1), (64, 1))]
)
def test_pictures_keep_their_shape(wh: tuple[int, int], wanted: tuple[int, int]) -> None:
    """Large and small ones alike, and never without a row."""
    assert shrink(np.zeros((wh[1], wh[0], 3), np.uint8), 64).shape[1::-1] == wanted


def test_data_that_cannot_be_compared_is_one_sentence(tmp_path: Path) -> None:
    """Boxes of another kind, several classes, no box at all."""
    tight = write_detection_set(tmp_path / "tight", seed=0, n=3, box_kind="tight")
    with pytest.raises(InputError, match="labelled with tight boxes and the others with square ones"):
        load_detection_images(tight, tight.samples, 64, "square")
    two = write_detection_set(tmp_path / "two", seed=0, n=3, classes=("cover", "bolt"))
    with pytest.raises(InputError, match="has 2 classes"):
        load_detection_images(two, two.samples, 64, "square")
    plain = write_detection_set(tmp_path / "plain", seed=0, n=3)
    with pytest.raises(InputError, match="no boxes among the 0 samples"):
        load_detection_images(plain, [], 64, "square")


def test_settings_that_cannot_be_are_one_sentence(tmp_path: Path) -> None:
    """A side that the network does not fit, nothing to freeze, an unknown network."""
    for side in (0, 31, 100):
        with pytest.raises(InputError, match=f"side_px must be a multiple of 32, got {side}"):
            DetectionSettings(side_px=side)
    with pytest.raises(InputError, match="random weights cannot be frozen: give a checkpoint"):
        DetectionSettings(freeze=True)
    with pytest.raises(InputError, match="choose one of yolov5n, yolov5m, yolov5x"):
        make_yolo("yolov9", 1, seed=0)  # type: ignore[arg-type]


def train(images: DetectionImages, seed: int) -> nn.Module:
    learner = DetectionLearner([images], take(images, range(4)), SETTINGS, seed=seed, device=CPU)
    learn(learner, SETTINGS, seed=seed)
    return learner.net


def take(images: DetectionImages, rows: Any) -> DetectionImages:
    columns = images.bgr_u8, images.sizes_wh, images.boxes_xyxy_px, images.names
    return DetectionImages(*(tuple(column[row] for row in rows) for column in columns))


def as_floats(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    return batch | {"img": batch["img"].float() / 255}
