"""What every task promises, and a toy that is one file and one line, from dataset to report."""

import json
import pickle
import sys
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from said import Said, Says
from synth.cli import main
from synth.dataset.reader import DatasetReader
from synth.errors import InputError
from synth.train.loop import SCORE, learn
from synth.train.settings import TaskSettings
from synth.train.tasks import TASKS
from synth.train.tasks.task import PRESETS

from .part_set import write_part_set

TOYS = Path(__file__).parent / "toys"
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def toy() -> Iterator[None]:
    """The toy task, registered while this file's tests run; child processes register it by importing it."""
    sys.path.insert(0, str(TOYS))
    import toy_task  # noqa: F401

    yield
    del TASKS["place"]
    del sys.modules["toy_task"]
    sys.path.remove(str(TOYS))


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, DatasetReader]:
    """A captured and a rendered set of bright squares with boxes, normals and crops; one of two classes."""
    folder = tmp_path_factory.mktemp("sets")
    return {
        "real": write_part_set(folder / "data/real", "real", seed=0),
        "synthetic": write_part_set(folder / "data/synthetic", "rendered", seed=1),
        "two classes": write_part_set(folder / "sorted", "real", seed=0, classes=("nut", "part")),
    }


def choose(name: str, sets: dict[str, DatasetReader]) -> DatasetReader:
    """The captured set that a task can learn from: of one class, or of two."""
    info = sets["real"].info
    try:
        TASKS[name].refuse_unfit(sets["real"], TASKS[name].adapt(small(name), [info], info))
    except InputError:
        return sets["two classes"]
    return sets["real"]


def small(name: str, dataset: DatasetReader | None = None) -> TaskSettings:
    """Settings of a training that takes a second, as a dataset's labels ask."""
    settings = TASKS[name].settings()
    settings = replace(settings, side_px=min(settings.side_px, 32), n_images=24, batch_size=8, n_checks=2)
    return settings if dataset is None else TASKS[name].adapt(settings, [dataset.info], dataset.info)


def load(name: str, sets: dict[str, DatasetReader], split: Any) -> Any:
    dataset = choose(name, sets)
    return TASKS[name].load(dataset, dataset.of_split(split), small(name, dataset))


EVERY = pytest.mark.parametrize("name", [*TASKS, "place"])


@EVERY
def test_it_says_what_it_is(toy: None, name: str) -> None:
    """Name, settings that travel, presets for every name, a headline among its columns, no dot in models."""
    task = TASKS[name]
    assert task.name == name
    assert tuple(task.presets) == PRESETS
    assert {"net", "side_px", "n_images"} <= {field.name for field in fields(task.settings)}
    for recipes in task.presets.values():
        for recipe in recipes:
            assert pickle.loads(pickle.dumps(recipe.settings)) == recipe.settings
            assert "." not in recipe.settings.model
            assert recipe.n_seeds >= 1
    assert task.headline.name in {metric.name for metric in task.report.columns}


@EVERY
def test_what_is_loaded_is_counted_named_and_true(toy: None, name: str, sets: Any) -> None:
    """As many names and truths as were counted; two sets are joined in their order; no image, one
    sentence.
    """
    task, data = TASKS[name], load(name, sets, "train")
    n = task.count(choose(name, sets).of_split("train"))
    assert len(task.names(data)) == len(task.truth(data)) == n > 0
    both = task.join(data, load(name, sets, "val"))
    assert task.names(both)[:n] == task.names(data)
    assert json.loads(json.dumps(task.truth(both)))[:n] == task.truth(data)


@EVERY
def test_it_feeds_loops_of_pytorch(toy: None, name: str, sets: Any) -> None:
    """As many items as are counted, pictures first, in batches by its own collate."""
    dataset = choose(name, sets)
    train = dataset.of_split("train")
    data = TASKS[name].to_torch(dataset, train)
    assert len(data) == TASKS[name].count(train)
    pictures, truths = next(iter(DataLoader(data, batch_size=3, collate_fn=data.collate)))
    assert len(pictures) == len(truths) == 3
    assert all(0 <= float(picture.min()) <= float(picture.max()) <= 1 for picture in pictures)


@EVERY
def test_it_learns_by_the_loop_and_says_what_it_sees(toy: None, name: str, sets: Any) -> None:
    """Named losses, a score at every check, the same twice for one seed; predictions that JSON holds."""
    task, settings = TASKS[name], small(name, choose(name, sets))
    train, val, test = (load(name, sets, split) for split in ("train", "val", "test"))
    said = []
    for _ in range(2):
        learner = task.make_learner([train], val, settings, seed=1, device=CPU, test=test)
        learned = learn(learner, settings, seed=1)
        assert all(SCORE in check.figures for check in learned.checks)
        assert any(key.startswith("test_") for key in learned.checks[0].figures)
        assert np.isfinite(learner.blind_score)
        said.append(task.predict(learner.net, test))
    assert said[0] == said[1]
    assert json.loads(json.dumps(said[0])) == said[0]
    net = task.make_net(settings)
    net.load_state_dict(learner.net.state_dict())
    assert task.predict(net.eval(), test) == said[0]


@EVERY
def test_colours_vary_by_the_seed_and_the_setting(toy: None, name: str, sets: Any) -> None:
    """What is learnt from differs between strengths and not between two calls; the default stays out of
    config.json, so that runs which are older than the setting go on.
    """
    task, train, rows = TASKS[name], load(name, sets, "train"), np.arange(8)
    seen = []
    for strength in (0.0, 1.0, 1.0):
        settings = replace(small(name, choose(name, sets)), photometric=strength)
        learner = task.make_learner([train], train, settings, seed=1, device=CPU)
        batch = learner.load(0, rows, seed=5)
        seen.append(batch.values() if isinstance(batch, dict) else batch)
        assert ("photometric" in settings.to_config()) == (strength != task.settings().photometric)
    without, first, again = (list(parts) for parts in seen)
    assert not all(torch.equal(a, b) for a, b in zip(without, first, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    with pytest.raises(InputError, match="photometric must be 0 to 1, got 2"):
        replace(small(name), photometric=2.0)


@EVERY
def test_its_words_can_be_shown(toy: None, name: str, sets: Any) -> None:
    """Scores for every column, a tile of truth and prediction, predictions of bare pictures, the worst."""
    task, dataset = TASKS[name], choose(name, sets)
    settings, test = small(name, dataset), load(name, sets, "test")
    net = task.make_net(settings).eval()
    predicted, true = task.predict(net, test), task.truth(test)
    scores = task.draw_scores([Said(predicted, true)])
    assert {metric.name for metric in task.report.columns} <= set(scores)
    picture = task.show(dataset, settings, task.names(test)[0])
    for tile in (
        task.draw(picture, "caption", predicted[0], true[0]),
        task.draw(picture, "", task.only_sure(predicted[0], 0.5)),
    ):
        assert tile.dtype == np.uint8
        assert tile.shape[2] == 3
    assert len(task.predict_pictures(net, settings, [picture])) == 1
    assert task.badness(predicted[0], true[0]) >= task.badness(_as_said(true[0]), true[0]) - 1e-9


@EVERY
def test_its_baselines_answer_every_test_image(toy: None, name: str, sets: Any) -> None:
    """Or say nothing; what they say is measured as a network's is."""
    task, dataset = TASKS[name], choose(name, sets)
    true = task.truth(load(name, sets, "test"))
    for baseline in task.baselines:
        predicted = baseline.predict(dataset)
        assert predicted is not None
        assert len(predicted) == len(true)
        if task.measure_use([predicted], true) is None:
            assert task.headline.name in task.draw_scores([Said(predicted, true)])


@EVERY
def test_whoever_trains_against_it_gets_a_gradient(toy: None, name: str, sets: Any) -> None:
    """Loss, hardness within 0 and 1 and what a synthesizer makes large, of each float image, with gradients
    to its pixels; what is missed altogether is as hard as can be, and its hardness is flat.
    """
    task, dataset = TASKS[name], choose(name, sets)
    settings = replace(small(name, dataset), side_px=32)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        target = task.target(task.make_net(settings).eval(), settings)
    data = task.load(dataset, dataset.of_split("train"), settings)
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)).requires_grad_()
    truth = task.target_truth(data)[:2]
    hardness, loss = target.hardness(images, truth), target.loss(images, truth)
    large, judged = target.judge(images, truth)
    assert hardness.shape == loss.shape == large.shape == (2,)
    assert torch.equal(large, target.classification(images, truth))
    assert torch.equal(judged, hardness)
    assert not judged.requires_grad
    assert (large >= 0).all()
    assert ((hardness >= 0) & (hardness <= 1)).all()
    assert (loss >= 0).all()
    for figure in (hardness, loss, large):
        (gradient,) = torch.autograd.grad(figure.sum(), images, retain_graph=True)
        assert gradient.shape == images.shape
        assert gradient.isfinite().all()
        assert gradient.abs().sum() > 0 or (figure is not loss and (hardness == 1).all())


def test_a_network_that_reads_a_crop_rightly_finds_it_easy(sets: Any) -> None:
    """Its truth is in the axes in which the network answers, whatever the sample's place in the picture."""
    task, settings = TASKS["normals"], small("normals")
    data = load("normals", sets, "train")
    right = Says(torch.tensor(data.crop_uvw, dtype=torch.float32))
    images = torch.zeros(len(data.names), 3, 32, 32)
    assert task.target(right, settings).hardness(images, task.target_truth(data)).max() < 1e-6
    assert task.target(right, settings).hardness(images, task.truth(data)).max() > 1e-6


def test_a_box_that_is_found_rightly_is_easy(sets: Any) -> None:
    """Its truth is in pixels of the picture as the network sees it, not of the sample's own."""
    task, settings = TASKS["detection"], small("detection")
    truth = task.target_truth(load("detection", sets, "train"))
    boxes = torch.tensor([boxes[0] for boxes in truth], dtype=torch.float32)
    xywh = torch.cat([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], 1)
    sure = {"scores": torch.full((len(boxes), 1, 1), 20.0)}
    hardness = task.target(Says((xywh[..., None], sure)), settings).hardness(
        torch.zeros(len(boxes), 3, 32, 32), truth
    )
    assert hardness.max() < 1e-5
    assert boxes.max() <= 32


def test_a_wrong_answer_is_harder_than_a_right_one(toy: None) -> None:
    """Hardness falls to next to nothing where the network says the truth."""
    task = TASKS["place"]
    settings = replace(small("place"), side_px=8)
    net = task.make_net(settings)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
    images = torch.rand(1, 3, 8, 8)
    target = task.target(net, settings)
    with torch.no_grad():
        assert target.hardness(images, [0.0]).item() < 1e-6 < target.hardness(images, [0.9]).item()


@pytest.mark.slow
@pytest.mark.usefixtures("coarse_maps")
def test_the_toy_goes_from_dataset_to_report(
    toy: None, sets: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Compare, train, evaluate and predict take it by its name, and the page has its section."""
    folder = sets["real"].root.parents[1]
    monkeypatch.chdir(folder)
    few = ("--images", "64", "--device", "cpu")
    asked = ("--preset", "quick", "--tasks", "place", "--mixes", "real,synthetic", "--no-baseline")
    _type(monkeypatch, "compare", *asked, *few)
    page = (folder / "runs/compare/report.html").read_text()
    assert "Place (linear): distances from the true place on simulated test images" in page
    content = json.loads((folder / "runs/compare/report.json").read_text())
    assert content["figures"]["place.linear.real.median_off"]["n_seeds"] == 2
    assert content["verdict"][0]["text"].startswith("Place (linear): on 6 test images and 2 seeds")
    assert content["verdict"][1]["text"].startswith("Place (linear), median distance on")
    assert (folder / "runs/compare/best_place_linear.onnx").is_file()
    _type(monkeypatch, "train", "place", "--data", "data/synthetic", *few)
    capfd.readouterr()
    _type(monkeypatch, "evaluate", "--run", "runs/train/place", "--json")
    assert "median_off" in json.loads(capfd.readouterr().out)
    picture = sorted((folder / "data/real/images").iterdir())[0]
    _type(monkeypatch, "predict", str(picture), "--run", "runs/train/place", "--out", "drawn")
    assert len(json.loads((folder / "drawn/predictions.json").read_text())) == 1


@pytest.mark.parametrize("gone", list(TASKS))
def test_without_a_member_the_rest_goes_on(
    gone: str, sets: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Help and plan without it; asking for it is one sentence with what there is."""
    # As `del`, but for the order when it comes back.
    monkeypatch.setattr(TASKS, "_members", {name: TASKS[name] for name in TASKS if name != gone})
    monkeypatch.chdir(sets["real"].root.parents[1])
    left = next(iter(TASKS))
    for words in (("--help",), ("train", "--help"), ("compare", "--help"), ("status",)):
        _type(monkeypatch, *words)
    capsys.readouterr()
    words = ("compare", "--preset", "quick", "--tasks", left, "--mixes", "real,synthetic", "--images", "64")
    _type(monkeypatch, *words, "--plan-only", "--device", "cpu")
    assert left in capsys.readouterr().out
    with pytest.raises(InputError, match=f"no task '{gone}': choose among {left}"):
        TASKS[gone]


def _as_said(true: Any) -> Any:
    """A truth in the form of a sure prediction: boxes and names get a confidence, numbers stay."""
    if isinstance(true, str):
        return [true, 1.0]
    has_boxes = isinstance(true, list) and bool(true) and isinstance(true[0], list)
    return [[*box, 1.0] for box in true] if has_boxes else true


def _type(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr(sys, "argv", ["synth", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code, words
