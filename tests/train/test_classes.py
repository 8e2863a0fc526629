"""Several classes: each box keeps its name from the dataset to the answer."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter
from toy_sets import CLASS_RGB, write_class_set, write_detection_set

from said import Said, Says
from synth.dataset.reader import DatasetReader
from synth.errors import InputError
from synth.train.drawing import CLASS_RGB as COLOURS
from synth.train.drawing import choose_colours
from synth.train.loop import learn
from synth.train.tasks import TASKS
from synth.train.tasks.detection.images import (
    AugmentedImages,
    DetectionImages,
    load_detection_images,
    mirror_classes,
    plain_batches,
)
from synth.train.tasks.detection.learning import DetectionLearner, DetectionSettings
from synth.train.tasks.detection.target import MISSED

CPU = torch.device("cpu")
CLASSES = ("stop", "left", "right")
SETTINGS = DetectionSettings(side_px=96, n_images=8, batch_size=4, n_checks=1, classes=CLASSES)
DETECTION = TASKS["detection"]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> DatasetReader:
    """Squares of three classes, in another order than the network has them; left and right mirror."""
    root = tmp_path_factory.mktemp("classes") / "signs"
    return write_class_set(root, ("left", "right", "stop"), flip_pairs=(("left", "right"),))


@pytest.fixture(scope="module")
def images(dataset: DatasetReader) -> DetectionImages:
    return load_detection_images(dataset, dataset.of_split("train"), 96, "square", CLASSES)


def colour_at(img: Any, xywh: Any) -> str | None:
    """The class whose colour a box [4], as shares of the picture [3,H,W], has in its middle, if any."""
    h, w = img.shape[1:]
    x, y = int(float(xywh[0]) * w), int(float(xywh[1]) * h)
    rgb = np.asarray(img[:, min(y, h - 1), min(x, w - 1)], float)
    far = {name: np.abs(rgb - colour).max() for name, colour in CLASS_RGB.items()}
    name = min(far, key=lambda n: far[n])
    return name if far[name] < 40 else None


def test_a_box_keeps_its_class_by_name(dataset: DatasetReader, images: DetectionImages) -> None:
    """Whatever the dataset's order: in memory, in what is true, and in batches."""
    samples = dataset.of_split("train")
    for sample, kinds in zip(samples, images.classes, strict=True):
        assert [images.class_names[c] for c in kinds] == [i.class_name for i in sample.instances]
    assert [[box[4] for box in boxes] for boxes in DETECTION.truth(images)] == [
        [i.class_name for i in sample.instances] for sample in samples
    ]
    for _, batch in plain_batches(images, 4):
        for i, c, xywh in zip(batch["batch_idx"], batch["cls"], batch["bboxes"], strict=True):
            assert colour_at(batch["img"][int(i)], xywh) == CLASSES[int(c)]


def test_sets_are_joined_by_name(tmp_path: Path, images: DetectionImages) -> None:
    """Classes that the network never learns stand behind its own; each box is still what it was."""
    more = write_class_set(tmp_path / "more", ("bump", "stop"), seed=3, n=6)
    other = load_detection_images(more, more.samples, 96, "square", CLASSES)
    assert other.class_names == (*CLASSES, "bump")
    for both in (images.joined(other), other.joined(images)):
        assert both.class_names == (*CLASSES, "bump")
        truth = DETECTION.truth(images) + DETECTION.truth(other)
        assert sorted(map(str, DETECTION.truth(both))) == sorted(map(str, truth))
        assert both.mirrored_classes == (0, 2, 1)


def test_settings_take_the_classes_of_all_that_is_learnt(tmp_path: Path) -> None:
    """The union by name, in the order of mention; none where every dataset has one class."""
    one = write_class_set(tmp_path / "one", ("stop",), n=4).info
    two = write_class_set(tmp_path / "two", ("left", "stop"), n=4).info
    adapt = DETECTION.adapt
    assert adapt(SETTINGS, [one], one).classes == ()
    assert adapt(SETTINGS, [one, two], one).classes == ("stop", "left")
    assert adapt(SETTINGS, [two, one], two).classes == ("left", "stop")
    assert adapt(SETTINGS, [one], two).classes == ("stop",)


def test_one_class_without_a_name_is_written_as_before() -> None:
    """Its settings name no classes, and settings of before are read; several are written and read."""
    plain = DetectionSettings()
    assert "classes" not in plain.to_config()
    read = TypeAdapter(DetectionSettings).validate_python
    assert read(plain.to_config()) == plain
    assert read(json.loads(json.dumps(SETTINGS.to_config()))) == SETTINGS


def test_names_that_do_not_go_together_are_one_sentence(tmp_path: Path, dataset: DatasetReader) -> None:
    """Classes of which none is known, several for a network of one, and unknown ones in train images."""
    bumps = write_class_set(tmp_path / "bumps", ("bump",), n=4)
    with pytest.raises(InputError, match="has the class bump, and the network knows none of them: it knows"):
        load_detection_images(bumps, bumps.samples, 96, "square", CLASSES)
    with pytest.raises(InputError, match=r"has 3 classes \(left, right, stop\), and this network learns one"):
        load_detection_images(dataset, dataset.samples, 96, "square")
    few = replace(SETTINGS, classes=("stop", "bump"))
    with pytest.raises(InputError, match=r"has the classes left, right, and networks learn .* stop, bump"):
        DETECTION.refuse_unfit(dataset, few)
    unknown = load_detection_images(dataset, dataset.samples, 96, "square", few.classes)
    with pytest.raises(InputError, match="train images show left, right, and the network learns stop, bump"):
        DetectionLearner([unknown], unknown, few, seed=0, device=CPU)


def test_what_was_never_learnt_counts_as_missed(dataset: DatasetReader) -> None:
    """Test boxes of another class are true, have no loss, and nothing finds them."""
    known = replace(SETTINGS, classes=("stop",))
    test = DETECTION.load(dataset, dataset.samples[:8], known)
    net = DETECTION.make_net(known).eval()
    predicted, true = DETECTION.predict(net, test), DETECTION.truth(test)
    assert {box[4] for boxes in true for box in boxes} == set(CLASSES)
    assert {box[5] for boxes in predicted for box in boxes} <= {"stop"}
    assert all(np.isfinite(list(DETECTION.measure_losses(net, test).values())))
    sure = [[[*box[:4], 0.9, "stop"] for box in boxes if box[4] == "stop"] for boxes in true]
    parts = DETECTION.break_down([Said(sure, true)])["by_class"]
    assert {p.name: p.draws["ap50"].by_seed.tolist() for p in parts} == {
        "left": [0.0],
        "right": [0.0],
        "stop": [pytest.approx(1.0)],
    }
    scores = DETECTION.draw_scores([Said(sure, true)])
    assert scores["standard_map50"].by_seed == pytest.approx(1 / 3)
    assert scores["standard_recall"].by_seed == pytest.approx(1 / 3)


def test_a_network_says_names_that_json_holds(images: DetectionImages, dataset: DatasetReader) -> None:
    """After a step of learning: six columns, a known name last; of bare pictures the same."""
    learner = DetectionLearner([images], images, SETTINGS, seed=0, device=CPU, test=images)
    learned = learn(learner, SETTINGS, seed=0)
    assert np.isfinite(list(learned.checks[-1].figures.values())).all()
    said = DETECTION.predict(learner.net, images)
    boxes = [box for each in said for box in each]
    assert boxes
    assert {len(box) for box in boxes} == {6}
    assert {box[5] for box in boxes} <= set(CLASSES)
    assert json.loads(json.dumps(said)) == said
    picture = dataset.load_rgb(dataset.of_split("train")[0])
    (bare,) = DETECTION.predict_pictures(learner.net, SETTINGS, [picture])
    assert bare == said[0]
    assert DETECTION.find_threshold(learner.net, images) in {box[4] for box in boxes}


def test_a_flip_swaps_left_and_right(images: DetectionImages) -> None:
    """Through Ultralytics' own flip: in a mirrored picture a square of the left's colour is called right, and
    other classes stay; without pairs the pictures are the same to the bit, and no name changes.
    """
    assert images.mirrored_classes == (0, 2, 1)
    swapping, plain = AugmentedImages(images, 96), AugmentedImages(replace(images, mirrored_classes=()), 96)
    swapped = {False: 0, True: 0}
    for seed in range(4):
        rows = np.arange(len(images))
        batch, before = swapping.batch(rows, seed), plain.batch(rows, seed)
        for key in ("img", "batch_idx", "bboxes"):
            assert torch.equal(batch[key], before[key])
        mirror = torch.tensor([[0.0], [2.0], [1.0]])
        for i in rows:
            mine = batch["batch_idx"] == i
            was, now = before["cls"][mine], batch["cls"][mine]
            flipped = torch.equal(now, mirror[was[:, 0].long()])
            assert flipped or torch.equal(now, was)
            if (was > 0).any():
                swapped[flipped] += 1
    assert min(swapped.values()) > 5


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_what_is_swapped_is_what_is_mirrored(images: DetectionImages, p: float) -> None:
    """With flips always, every class has its partner's name; with none, its own. Vertical flips are off."""
    augmented = AugmentedImages(images, 96)
    flips = [c for c in augmented._dataset.transforms.transforms if hasattr(c, "direction")]
    assert {c.direction: c.p for c in flips} == {"vertical": 0.0, "horizontal": 0.5}
    flips[-1].p = p
    before = AugmentedImages(replace(images, mirrored_classes=()), 96)
    before._dataset.transforms.transforms[-2].p = p
    rows = np.arange(len(images))
    was, now = before.batch(rows, 1)["cls"], augmented.batch(rows, 1)["cls"]
    mirror = torch.tensor([[0.0], [2.0], [1.0]]) if p else torch.tensor([[0.0], [1.0], [2.0]])
    assert (was > 0).any()
    assert torch.equal(now, mirror[was[:, 0].long()])


def test_pairs_become_places() -> None:
    """Of the classes that are learnt; pairs of others say nothing, and two sets must not disagree."""
    pairs = (("left", "right"), ("road_left", "road_right"))
    assert mirror_classes(CLASSES, pairs) == (0, 2, 1)
    assert mirror_classes(("stop", "bump"), pairs) == ()
    assert mirror_classes(("stop", "left"), pairs) == ()
    square = np.zeros((32, 32, 3), np.uint8)

    def one(mirrored: tuple[int, ...]) -> DetectionImages:
        boxes = (np.array([[4.0, 4, 20, 20]]),)
        return DetectionImages((square,), ((32, 32),), boxes, ("a",), (), CLASSES, mirrored)

    assert one(()).joined(one((0, 2, 1))).mirrored_classes == (0, 2, 1)
    assert one((0, 2, 1)).joined(one((0, 2, 1))).mirrored_classes == (0, 2, 1)
    with pytest.raises(
        InputError, match=r"a mirror turns stop into \w+|a mirror turns right into left, another"
    ):
        one((0, 2, 1)).joined(one((2, 1, 0)))


def test_hardness_is_of_the_true_class() -> None:
    """The right box with the right class is easy, with another class hard; a class never learnt is missed.
    Overlap counts from an IoU of 0.5 on, and how much more is all the same; the surest such box counts.
    """
    boxes = torch.tensor([[[16.0, 16], [16, 16], [8, 4.2], [8, 8]]])
    logits = torch.tensor([[[0.1, 0.2], [0.9, 0.3], [1e-9, 1e-9]]]).logit()
    target = DETECTION.target(Says((boxes, {"scores": logits})), SETTINGS)
    images, box = torch.zeros(1, 3, 32, 32), [12.0, 12.0, 20.0, 20.0]
    found = {
        name: target.hardness(images, [[[*box, name]]]).item() for name in ("left", "stop", "right", "bump")
    }
    assert found == pytest.approx({"left": 0.1, "stop": 0.8, "right": 1.0, "bump": 1.0}, abs=1e-5)
    assert target.hardness(images, [[[*box, "left"], [*box, "bump"]]]).item() == pytest.approx(0.55)
    far = [12.0, 12.0, 20.0, 28.5]
    assert target.hardness(images, [[[*far, "left"]]]).item() == 1.0
    assert target.hardness(images, [[[14.5, 12.0, 17.5, 20.0, "left"]]]).item() == pytest.approx(
        0.7, abs=1e-5
    )
    both = target.classification(images, [[[*box, "left"], [*far, "left"]]]).item()
    assert both == pytest.approx((-math.log(0.9) + MISSED) / 2, rel=1e-5)


def test_a_network_that_is_sure_still_has_a_slope() -> None:
    """At a confidence whose float32 is 1, what a synthesizer makes large still falls with the logit."""
    logits = torch.full((1, 3, 1), 25.0, requires_grad=True)
    target = DETECTION.target(Says((torch.tensor([[[16.0], [16], [8], [8]]]), {"scores": logits})), SETTINGS)
    (slope,) = torch.autograd.grad(
        target.classification(torch.zeros(1, 3, 32, 32), [[[12.0, 12.0, 20.0, 20.0, "left"]]]).sum(), logits
    )
    assert logits.sigmoid().max() == 1
    assert slope[0, 1, 0].item() == pytest.approx(-math.exp(-25), rel=1e-3)
    assert slope[0, 0, 0] == 0


def test_a_loss_against_it_knows_the_class(images: DetectionImages) -> None:
    """Another class has another loss, and a box of a class that was never learnt has that of no box."""
    net = DETECTION.make_net(SETTINGS).eval()
    head: Any = net.model[-1]  # type: ignore[index, union-attr]
    with torch.no_grad():  # It says boxes of three cells everywhere, surely of the first class.
        for box, score in zip(head.cv2, head.cv3, strict=True):
            box[-1].bias.view(4, -1)[:] = torch.where(torch.arange(head.reg_max) // 2 == 0, 8.0, 0.0)
            score[-1].bias[:] = torch.tensor([2.0, -2.0, -2.0])
    target = DETECTION.target(net, SETTINGS)
    pictures, truth = torch.rand(1, 3, 96, 96), DETECTION.target_truth(images)[0][:1]
    named = [[*truth[0][:4], name] for name in ("stop", "left", "bump")]
    stop, left, bump = (target.loss(pictures, [[box]]).item() for box in named)
    assert 0 < stop < left - 0.5
    assert bump == pytest.approx(target.loss(pictures, [[]]).item())


def test_a_picture_says_which_class() -> None:
    """Badness needs the class to be right; names are drawn, in colours that differ within a picture."""
    box = [10.0, 10.0, 50.0, 50.0]
    assert DETECTION.badness([[*box, 0.9, "left"]], [[*box, "left"]]) == -1.0
    assert DETECTION.badness([[*box, 0.9, "left"]], [[*box, "right"]]) == 0.0
    assert DETECTION.badness([], [[*box, "right"]]) == 0.0
    picture = np.full((80, 96, 3), 90, np.uint8)
    bare = DETECTION.draw(picture, "", [[*box, 0.9]])
    named = DETECTION.draw(picture, "", [[*box, 0.9, "left"]])
    assert (bare != named).any()
    many = choose_colours([f"class_{i}" for i in range(len(COLOURS))])
    assert len(set(many.values())) == len(COLOURS)
    colour = np.array(choose_colours(["left"])["left"], int)
    assert np.abs(named[50, 30] - colour).max() < 90 < np.abs(bare[50, 30] - colour).max()


def test_an_export_says_what_its_rows_mean() -> None:
    """For several classes as many confidences; for one what was always said."""
    assert DETECTION.describe_export(DetectionSettings()) is DETECTION.export
    assert "[1,7,A] of x y w h in pixels and a confidence for each of" in (
        DETECTION.describe_export(SETTINGS).about
    )


def test_one_class_by_another_name_is_the_same_class(tmp_path: Path) -> None:
    """Where every dataset has one class, its name does not matter, and boxes have none."""
    cover = write_detection_set(tmp_path / "cover", seed=0, n=4)
    part = write_detection_set(tmp_path / "part", seed=1, n=4, classes=("part",))
    both = [DETECTION.load(d, d.samples, DetectionSettings(side_px=64)) for d in (cover, part)]
    joined = DETECTION.join(*both)
    assert joined.class_names == ()
    assert {len(box) for boxes in DETECTION.truth(joined) for box in boxes} == {4}
