"""Segmentation: what is learnt from, how it varies, what is made small, how it is measured and drawn."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from street_sets import CLASSES, COLOURS, SIZE_WH, VOID, write_street
from torch.nn import functional

from said import Said, Says
from synth.dataset.next_steps import list_next_steps
from synth.dataset.reader import DatasetReader
from synth.errors import InputError
from synth.metrics.segmentation import METRICS
from synth.train.loop import learn
from synth.train.tasks import TASKS
from synth.train.tasks.segmentation.changes import ChangedImages, RareClasses
from synth.train.tasks.segmentation.learning import SegmentationLearner
from synth.train.tasks.segmentation.losses import compute_loss, weigh_classes
from synth.train.tasks.segmentation.maps import read_answer, to_answer
from synth.train.tasks.segmentation.settings import SegmentationSettings

TASK = TASKS["segmentation"]
CPU = torch.device("cpu")
SETTINGS = SegmentationSettings(side_px=48, crop_px=32, n_images=8, batch_size=2, n_checks=2, photometric=0.0)


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> DatasetReader:
    return write_street(tmp_path_factory.mktemp("street"))


def adapt(dataset: DatasetReader, **changes: Any) -> SegmentationSettings:
    settings: SegmentationSettings = TASK.adapt(SETTINGS, [dataset.info], dataset.info)
    return replace(settings, **changes)


def load(dataset: DatasetReader, split: Any, **changes: Any) -> Any:
    return TASK.load(dataset, dataset.of_split(split), adapt(dataset, **changes))


def answer(ids: Any) -> dict[str, Any]:
    return to_answer(np.array(ids, np.uint16), CLASSES, COLOURS)


def test_nothing_is_read_before_it_is_needed(street: DatasetReader, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading and joining name pictures and open none; a batch opens its own alone."""
    opened: list[str] = []
    real = DatasetReader.load_rgb
    monkeypatch.setattr(
        DatasetReader, "load_rgb", lambda self, sample: opened.append(sample.name) or real(self, sample)
    )
    images = TASK.join(load(street, "train"), load(street, "val"))
    assert len(images) == 8
    assert opened == []
    ChangedImages(images, adapt(street), None).batch(np.array([1, 7]), seed=0)
    assert opened == ["000001", "000007"]


def test_label_maps_are_in_the_networks_order(street: DatasetReader, tmp_path: Path) -> None:
    """By name, whatever order a dataset has; what is ignored is void; the truth is the same."""
    turned = write_street(tmp_path, classes=CLASSES[::-1])
    settings = adapt(street)
    for split in ("train", "val"):
        first, second = (TASK.load(d, d.of_split(split), settings) for d in (street, turned))
        for i in range(len(first)):
            np.testing.assert_array_equal(first.read_ids(i), second.read_ids(i))
    assert (first.read_ids(0)[0] == VOID).all()
    assert (first.read_ids(0)[1:, :-1] != VOID).all()
    np.testing.assert_array_equal(read_answer(TASK.truth(second)[0]), second.read_ids(0))


@pytest.mark.parametrize(
    ("classes", "said"),
    [
        (("sky", "road"), "street2 have other classes than the network: it lacks turn_left, turn_right;"),
        (
            (*CLASSES, "car"),
            "street2 have other classes than the network: it has car besides; import",
        ),
    ],
)
def test_other_classes_are_refused_by_name(
    classes: tuple[str, ...], said: str, street: DatasetReader, tmp_path: Path
) -> None:
    """What is lacking or further is named; a dataset without label maps is told which command reads some."""
    pairs = (("turn_left", "turn_right"),) if len(classes) > 2 else ()
    other = write_street(tmp_path / "street2", classes=classes, flip_pairs=pairs, splits=("train",))
    with pytest.raises(InputError, match=said):
        TASK.load(other, other.samples, adapt(street))
    with pytest.raises(InputError, match=said):
        TASK.refuse_unfit(other, adapt(street))
    other.info = other.info.model_copy(update={"semantic": None})
    with pytest.raises(InputError, match=r"street2 has no label maps, .*: synth import semantic reads"):
        TASK.load(other, other.samples, adapt(street))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"net": "big"}, "there is no segmenter 'big': choose among small"),
        ({"side_px": 16}, "side_px must be 32 or more, got 16"),
        ({"batch_size": 1}, "batch_size must be 2 or more, as networks normalise over a batch, got 1"),
        ({"least_scale": 3.0}, "0.1 to 4, the least first, got 3 and 2"),
    ],
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, Any], said: str) -> None:
    """One sentence each."""
    with pytest.raises(InputError, match=said):
        replace(SETTINGS, **wrong)


def test_changes_keep_picture_and_labels_together(street: DatasetReader) -> None:
    """At any scale, place and flip a pixel has its class's colour; no id is made up; a mirrored sign is the
    other one, and both happen; what lies beyond the picture is grey and void.
    """
    changed = ChangedImages(load(street, "train"), adapt(street, crop_px=40), None)
    table = np.array((*COLOURS, (0, 0, 0)), float)
    signs, beyond = set(), 0
    for seed in range(12):
        rgb, ids = (part.numpy() for part in changed.batch(np.arange(2), seed))
        assert set(np.unique(ids)) <= {0, 1, 2, 3, VOID}
        for one, own in zip(rgb.astype(float), ids, strict=True):
            nearest = np.abs(one[:, :, None] - table).sum(axis=3).argmin(axis=2)
            is_grey = (one == 114).all(axis=2)
            assert (own[is_grey] == VOID).all()
            beyond += int(is_grey.sum())
            known = own != VOID
            plain = known & (own < 2)
            assert (nearest == own)[plain].mean() > 0.9
            pairs = np.stack([nearest, own], axis=-1)[known & (own >= 2) & (nearest >= 2) & (nearest < 4)]
            if len(pairs):
                is_same = (pairs[:, 0] == pairs[:, 1]).mean()
                assert not 0.1 < is_same < 0.9
                signs.add(is_same > 0.5)
    assert signs == {True, False}
    assert beyond


def test_rare_classes_are_drawn_more_often(street: DatasetReader) -> None:
    """By softmax((1 − f) / 0.01) of the classes that there are; the picture shows it, and the crop keeps half
    of it where ten places allow.
    """
    counts = np.array([[900, 90, 0, 0], [800, 190, 10, 0], [1000, 0, 0, 0]])
    rare = RareClasses(counts)
    f = counts.sum(axis=0)[:3] / counts.sum()
    expected = np.exp((1 - f) / 0.01) / np.exp((1 - f) / 0.01).sum()
    assert list(rare.chances.values()) == pytest.approx(expected.tolist())
    rng = np.random.default_rng(0)
    assert {rare.draw(rng) for _ in range(20)} == {(2, 1)}
    images = load(street, "train")
    assert images.pixel_counts.sum() == 6 * 47 * 31
    settings = adapt(street, sampling="rare", least_scale=1.0, most_scale=1.0)
    changed = ChangedImages(images, settings, RareClasses(images.pixel_counts))
    _, ids = changed.batch(np.zeros(40, int), seed=1)
    n_signs = (ids >= 2).sum(dim=(1, 2)) - (ids == VOID).sum(dim=(1, 2))
    assert (n_signs >= 32).float().mean() > 0.9


def test_losses_are_those_of_plain_loops() -> None:
    """Void counts nowhere; classes count as 1 / ln(1.05 + p); bootstrapped is of the pixels above 0.3, or of
    the 4096 hardest; all void is 0, with a gradient.
    """
    rng = torch.Generator().manual_seed(0)
    logits, ids = torch.randn(2, 3, 8, 9, generator=rng), torch.randint(0, 3, (2, 8, 9), generator=rng)
    ids[0, :5] = VOID
    weights = weigh_classes("inverse-log", np.array([70, 30, 0]))
    assert weights.tolist() == pytest.approx([1 / np.log(1.75), 1 / np.log(1.35), 1 / np.log(1.05)])
    each = functional.cross_entropy(logits, ids, weights, ignore_index=VOID, reduction="none")
    known = ids != VOID
    found = compute_loss("cross-entropy", logits, ids, weights, VOID).item()
    assert found == pytest.approx((each.sum() / weights[ids[known]].sum()).item())
    plain = weigh_classes("none", np.array([70, 30, 0]))
    each = functional.cross_entropy(logits, ids, ignore_index=VOID, reduction="none")
    means = [each[i][known[i]].mean().item() for i in range(2)]
    assert compute_loss("bootstrapped", logits, ids, plain, VOID).item() == pytest.approx(np.mean(means))
    large, right = torch.zeros(1, 3, 90, 90), torch.zeros(1, 90, 90, dtype=torch.long)
    for top, n_above in ((9.0, 3000), (1.0, 8100)):
        large[:, 0] = torch.linspace(-1, top, 8100).reshape(90, 90)
        lost = functional.cross_entropy(large, right, reduction="none").flatten().sort(descending=True).values
        n = int((lost > 0.3).sum())
        assert (n < 4096) == (n_above < 4096)
        found = compute_loss("bootstrapped", large, right, plain, VOID).item()
        assert found == pytest.approx(lost[: max(n, 4096)].mean().item(), rel=1e-5)
    for name in ("cross-entropy", "bootstrapped"):
        wanting = logits.clone().requires_grad_()
        nothing = compute_loss(name, wanting, torch.full_like(ids, VOID), plain, VOID)  # type: ignore[arg-type]
        nothing.backward()  # type: ignore[no-untyped-call]
        assert nothing.item() == 0
        assert wanting.grad is not None
        assert not wanting.grad.any()


def test_the_rate_falls_by_a_power() -> None:
    """Poly: (1 − share)^0.9 from the first step on; cosine is the loop's; sgd has a momentum of 0.9."""
    poly = replace(SETTINGS, n_images=200, rate="poly")
    assert poly.rate_at(1) == poly.learning_rate
    assert poly.rate_at(51) == pytest.approx(poly.learning_rate * 0.5**0.9)
    assert replace(poly, rate="cosine").rate_at(1) < poly.learning_rate / 5
    momentum = [group.get("momentum") for group in _optimiser("sgd").param_groups]
    assert (momentum, type(_optimiser("adamw"))) == ([0.9], torch.optim.AdamW)


def _optimiser(name: Any) -> torch.optim.Optimizer:
    return replace(SETTINGS, optimiser=name).make_optimiser([torch.nn.Parameter(torch.zeros(1))])


def test_a_training_that_was_stopped_ends_as_if_it_had_not(street: DatasetReader, tmp_path: Path) -> None:
    """Bit for bit, with rare classes, sgd and colours that vary."""
    settings = adapt(street, sampling="rare", optimiser="sgd", photometric=1.0)
    train, val = load(street, "train"), load(street, "val")

    def make() -> SegmentationLearner:
        return SegmentationLearner([train], val, settings, seed=3, device=CPU)

    whole, state = make(), tmp_path / "state.pt"
    learned = learn(whole, settings, seed=3)
    assert set(learned.checks[0].figures) > {"val_miou", "val_cross_entropy", "score"}
    learn(make(), settings, seed=3, state_file=state, is_time_up=lambda: True)
    again = make()
    assert learn(again, settings, seed=3, state_file=state).step == 4
    own, other = whole.net.state_dict(), again.net.state_dict()
    assert all(torch.equal(own[name], other[name]) for name in own)


def test_scores_say_which_classes_count() -> None:
    """A row for each class that a true pixel is of, with its share and how many pictures show it; the
    headline is the mean over classes that are true or predicted; every metric says what absent ones do.
    """
    true = [answer([[0, 0, 1, 1]])] * 3 + [answer([[0, 0, 0, VOID]])] * 2
    predicted = [answer([[0, 0, 1, 0]])] * 4 + [answer([[0, 0, 3, 0]])]
    said = [Said(predicted, true), Said(true, true)]
    scores = TASK.draw_scores(said)
    assert list(scores) == list(METRICS)
    assert scores["miou"].by_seed == pytest.approx([(10 / 15 + 3 / 7 + 0) / 3, 1.0])
    assert scores["pixel_accuracy"].by_seed == pytest.approx([13 / 18, 1.0])
    parts = TASK.break_down(said)["by_class"]
    assert [(part.name, part.n_true) for part in parts] == [("sky", 5), ("road", 3)]
    assert [part.draws["share"].value for part in parts] == pytest.approx([12 / 18, 6 / 18])
    assert parts[1].draws["iou"].by_seed == pytest.approx([3 / 7, 1.0])
    assert np.isnan(parts[1].draws["iou"].draws).any()  # Drawings without a road tell nothing of roads.
    for metric in METRICS.values():
        assert metric.absent in TASK.report.note
    assert TASK.badness(predicted[0], true[0]) == pytest.approx(1 - (2 / 3 + 1 / 2) / 2)


def test_maps_are_drawn_in_their_colours() -> None:
    """Picture, truth, prediction side by side, void black, a legend below; bars for each class."""
    ids = np.zeros((30, 60), np.uint16)
    ids[:, 30:], ids[:5] = 2, VOID
    picture = np.full((30, 60, 3), 200, np.uint8)
    tile = TASK.draw(picture, "", answer(ids), answer(ids))
    panel = (tile.shape[1] - 8) // 3
    assert tuple(tile[60, panel + 10]) == tuple(tile[60, 2 * panel + 14]) == COLOURS[0]
    assert tuple(tile[60, 2 * panel - 10]) == COLOURS[2]
    assert tuple(tile[5, panel + 20]) == (0, 0, 0)
    assert TASK.draw(picture, "", answer(ids)).shape[1] == 2 * 60 + 4
    axes = Figure().add_subplot()
    diagram: Any = TASK.report.pictures[0]
    said = [Said([answer(ids)], [answer(ids)])]
    diagram.draw(axes, {"real": said, "other": said}, lambda mix: "red")
    assert [label.get_text() for label in axes.get_yticklabels()] == ["sky  50.0 %", "turn_left  50.0 %"]
    assert [bar.get_width() for bar in axes.patches] == [1, 1, 1, 1]


def test_more_than_255_classes_have_a_void_of_their_own() -> None:
    """65535; the map is the same after it was a text."""
    names = [f"c{i}" for i in range(300)]
    ids = np.array([[0, 255], [299, 65535]], np.uint16)
    said = to_answer(ids, names, [(i % 256, 0, 0) for i in range(300)])
    np.testing.assert_array_equal(read_answer(said), ids)
    assert TASK.badness(said, said) == 0
    assert tuple(TASK.draw(np.zeros((2, 60, 3), np.uint8), "", said)[1, -1]) == (0, 0, 0)


def test_what_comes_next_is_said(street: DatasetReader) -> None:
    """Label maps beside pictures can be learnt from, painted after and compared; little else can."""
    steps = {step.what: step for step in list_next_steps(street)}
    assert steps["train segmentation"].able
    assert steps["compare"].sentence.endswith(
        "--tasks segmentation, where OTHER is a dataset of the same classes of pixels"
    )
    assert {what for what, step in steps.items() if step.able} == {
        "train segmentation",
        "translate",
        "paint",
        "compare",
    }


def test_the_layout_is_what_train_maps_mostly_have(street: DatasetReader) -> None:
    """Sky above and road below for every test picture, at its size, and it scores."""
    (baseline,) = TASK.baselines
    predicted: Any = baseline.predict(street)
    assert len(predicted) == 5
    ids = read_answer(predicted[0])
    assert ids.shape == SIZE_WH[::-1]
    assert (ids[1, :-1] == 0).all()
    assert (ids[-1, :-1] == 1).all()
    true = TASK.truth(load(street, "test"))
    assert 0.4 < TASK.draw_scores([Said(predicted, true)])["miou"].value < 1


def test_hardness_is_the_doubt_in_the_truth() -> None:
    """Mean over known pixels of 1 − p*, and of −log p* as the loss; a class never learnt is named."""
    sure = torch.tensor([0.5, 0.25, 0.15, 0.1]).log()[None, :, None, None].expand(1, 4, 2, 2)
    target = TASK.target(Says(sure), replace(SETTINGS, classes=CLASSES))
    images, truth = torch.zeros(1, 3, 2, 2), [answer([[0, 1], [VOID, 0]])]
    assert target.hardness(images, truth).item() == pytest.approx((0.5 + 0.75 + 0.5) / 3)
    assert target.loss(images, truth).item() == pytest.approx((2 * np.log(2) + np.log(4)) / 3)
    other = to_answer(np.zeros((2, 2), np.uint16), ("cow",), COLOURS[:1])
    with pytest.raises(InputError, match="there is the class cow, and the network tells sky, road"):
        target.loss(images, [other])
