"""Pseudo-labels: label maps that networks make, how sure these are, where they come from, and who labels."""

import json
from pathlib import Path

import numpy as np
import pytest
from colour_task import COLOUR_TASK, write_net

from segmenter_file import write_segmenter
from synth.compute.spread import Spread
from synth.dataset.next_steps import list_next_steps
from synth.dataset.origin import Reading, count_real_labels
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Draft
from synth.dataset.statistics import compute_figures
from synth.dataset.store import DatasetWriter
from synth.dataset.verify import verify
from synth.label.class_table import ClassTable
from synth.label.labeller import load_labellers
from synth.label.run import label
from synth.label.settings import LabelSettings
from synth.label.verdict import read_verdict
from train.street_sets import CLASSES, COLOURS, write_street
from typed import synth


class Silent:
    """A progress that stops the work after so many pictures, as Ctrl-C does."""

    def __init__(self, stop_after: int | None = None) -> None:
        self._left = stop_after

    def begin(self, *, total: int, done: int) -> None: ...
    def say(self, text: str) -> None: ...
    def advanced(self, n: int) -> None: ...
    def end(self) -> None: ...

    def accepted(self, name: str) -> None:
        if self._left is not None:
            self._left -= 1
            if not self._left:
                raise KeyboardInterrupt


def run(desk: Path, out: Path, *runs: str, stop_after: int | None = None, **asked: object) -> DatasetReader:
    """Label the frames of the desk."""
    fields = {"data": DatasetReader(desk / "frames"), "runs": tuple(desk / "runs" / name for name in runs)}
    settings = LabelSettings(**fields | {"out": out} | asked)
    label(settings, lambda _verb, _unit: Silent(stop_after))
    return DatasetReader(out)


def content_of(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def test_each_pixel_gets_the_likeliest_class_and_its_confidence(desk: Path, tmp_path: Path) -> None:
    """The map is the network's own argmax; void is what it is less sure of and what is no part of the scene,
    and nothing else. Pictures, splits, films and further layers stay, and the dataset is sound.
    """
    made = run(desk, tmp_path / "made", "poor", min_confidence=0.6)
    frames = DatasetReader(desk / "frames")
    (labeller,) = load_labellers([desk / "runs/poor"], ClassTable(), "cpu")
    assert [s.name for s in made] == [s.name for s in frames]
    for sample, frame in zip(made, frames, strict=True):
        ids, sure = labeller.tell(frames.load_rgb(frame))
        ignored = frames.load_layer(frame, "ignore") == 255
        counts = made.load_layer(sample, "confidence")
        assert np.abs(counts / 65535 - np.where(ignored, 0, sure)).max() <= 0.5 / 255 + 1e-6
        expected = np.where(ignored | (counts < 0.6 * 65535), 255, ids)
        assert np.array_equal(made.load_semantic(sample), expected)
        assert 0 < sample.quality["void_share"] < 1
        assert (sample.split, sample.group) == (frame.split, frame.group)
        assert sample.sha256[sample.image] == frame.sha256[frame.image]
        assert "ignore" in sample.layers
    assert made.info.semantic.names == CLASSES
    assert made.info.semantic.colours == COLOURS
    assert not verify(tmp_path / "made")


def test_the_records_say_that_a_network_made_the_labels_and_who_taught_it(desk: Path, tmp_path: Path) -> None:
    """No label of these pictures counts as real; those behind the network do, also behind whatever learns
    from its labels.
    """
    made = run(desk, tmp_path / "made", "good")
    (labeller,) = load_labellers([desk / "runs/good"], ClassTable(), "cpu")
    for sample in made:
        assert sample.origin.steps[-1].checkpoint_sha256 == labeller.trained.sha256
        assert [parent.used for parent in sample.origin.parents] == [("pixels",)]
    assert compute_figures(made)["real_labels_read"] == {"labels": 2}
    assert compute_figures(made)["pseudo_labelled"] == 7
    read = made.trace_readings(made.of_split("train"), "pixels", "labels")
    assert read[0].used == ("pixels", "pseudo-labels")
    assert count_real_labels((), read) == {"labels": 2, "mask": 0, "pose": 0}


def test_a_network_that_does_not_say_what_taught_it_leaves_the_count_open(desk: Path, tmp_path: Path) -> None:
    """Not told is not none."""
    write_net(tmp_path / "untold")
    made = run(desk, tmp_path / "made", runs=(tmp_path / "untold",))
    assert compute_figures(made)["real_labels_read"] is None


@pytest.mark.parametrize("runs", [("good",), ("good", "poor")])
def test_stopped_and_gone_on_with_it_ends_in_the_same_bytes(
    desk: Path, tmp_path: Path, runs: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole samples stay, and which network labels is not asked anew."""
    run(desk, tmp_path / "whole", *runs)
    with pytest.raises(KeyboardInterrupt):
        run(desk, tmp_path / "again", *runs, stop_after=3)
    assert len(DatasetReader(tmp_path / "again")) == 3
    monkeypatch.setattr("synth.label.run.reach_verdict", None)
    run(desk, tmp_path / "again", *runs)
    assert content_of(tmp_path / "whole") == content_of(tmp_path / "again")


def test_an_engine_s_workers_label_in_the_same_bytes(desk: Path, tmp_path: Path) -> None:
    """Child processes load the network anew, and what is written does not show it."""
    net = write_segmenter(tmp_path / "net.safetensors", CLASSES, COLOURS)
    for out, spread in (("here", Spread()), ("there", Spread("local", n_workers=2))):
        run(desk, tmp_path / out, runs=(net,), min_confidence=0.2, spread=spread)
    assert content_of(tmp_path / "here") == content_of(tmp_path / "there")


def test_people_s_labels_choose_between_networks(desk: Path, tmp_path: Path) -> None:
    """By mIoU, whichever is named first; the figures are those of an independent count; the labels that chose
    count as real ones.
    """
    street = DatasetReader(desk / "street")
    for i, runs in enumerate((("good", "poor"), ("poor", "good"))):
        made = run(desk, tmp_path / str(i), *runs, truth=street)
        verdict = read_verdict(made.info.made_by.figures)
        assert verdict.runs[verdict.chosen].run == str(desk / "runs/good")
        assert (verdict.is_guess, verdict.n_labelled, verdict.n_compared) == (False, 7, 7)
        assert "labels: its mIoU" in verdict.why
    for one in verdict.runs:
        (labeller,) = load_labellers([Path(one.run)], ClassTable(), "cpu")
        both, either, n, right = np.zeros(4), np.zeros(4), 0, 0
        for sample in street:
            known = (street.load_semantic(sample) != 255) & (street.load_layer(sample, "ignore") == 0)
            true, told = street.load_semantic(sample)[known], labeller.tell(street.load_rgb(sample))[0][known]
            both += [((true == c) & (told == c)).sum() for c in range(4)]
            either += [((true == c) | (told == c)).sum() for c in range(4)]
            n, right = n + known.sum(), right + (true == told).sum()
        ious = both / either
        assert one.miou.value == pytest.approx(ious.mean())
        assert one.mf1.value == pytest.approx((2 * ious / (1 + ious)).mean())
        assert one.pixel_accuracy.value == pytest.approx(right / n)
        assert one.miou.low <= one.miou.value <= one.miou.high
        assert one.precision[0].kept == 1
        assert one.precision[0].right == pytest.approx(right / n)
        assert all(a.kept >= b.kept for a, b in zip(one.precision, one.precision[1:], strict=False))
    assert compute_figures(made)["real_labels_read"] == {"labels": 2 + 7}


def test_without_people_s_labels_the_choice_is_called_a_guess(desk: Path, tmp_path: Path) -> None:
    """Of two the surer one; of three one that the others agree with most, though it be the least sure."""
    made = run(desk, tmp_path / "two", "poor", "good")
    verdict = read_verdict(made.info.made_by.figures)
    assert verdict.is_guess
    assert "that is a guess: no picture has a label of people's" in verdict.why
    assert verdict.runs[verdict.chosen].run == str(desk / "runs/good")
    assert verdict.pairs[0].pixels.value < 0.9
    hazy = write_net(tmp_path / "hazy", softness=60.0)
    runs = (desk / "runs/poor", write_net(tmp_path / "hazier", softness=90.0), hazy)
    made = run(desk, tmp_path / "three", runs=runs)
    verdict = read_verdict(made.info.made_by.figures)
    assert verdict.runs[verdict.chosen].run == str(hazy)
    assert [round(pair.pixels.value, 3) for pair in verdict.pairs if "poor" not in str(pair.runs)] == [1]


def test_pictures_that_taught_a_network_do_not_score_it(desk: Path, tmp_path: Path) -> None:
    """They are told and left out; where none is left, --truth is refused."""
    names = tuple(f"{i:06d}" for i in range(4))
    learnt = Reading(dataset="street", kind="imported", used=("pixels", "labels"), names=names)
    keen = write_net(tmp_path / "keen", readings=(learnt,), softness=20.0)
    street = DatasetReader(desk / "street")
    made = run(desk, tmp_path / "made", runs=(desk / "runs/good", keen), truth=street)
    verdict = read_verdict(made.info.made_by.figures)
    assert (verdict.n_labelled, verdict.n_learnt) == (3, 4)
    assert verdict.runs[0].miou.low is None, "three pictures make no interval"
    all_of_it = learnt.model_copy(update={"names": tuple(s.name for s in street)})
    write_net(tmp_path / "runs/all", readings=(all_of_it,))
    words = ("label", desk / "frames", "--run", "runs/all", "--truth", desk / "street")
    said = synth(*words, cwd=tmp_path)
    assert said.returncode == 2
    assert "all 7 labelled pictures" in said.stderr
    assert not (tmp_path / "data").exists()


def test_pictures_that_people_labelled_keep_their_maps(desk: Path, tmp_path: Path) -> None:
    """In a dataset of which only some are: those are certain, count as real, and score the networks."""
    both, street = tmp_path / "both", DatasetReader(desk / "street")
    with DatasetWriter.create_or_resume(both, street.info) as writer:
        for i, sample in enumerate(street):
            draft = Draft(name=sample.name, split=sample.split, size_wh=sample.size_wh)
            layers = {"image": street.load_rgb(sample)}
            if i < 2:
                layers["semantic"] = street.load_semantic(sample)
            writer.append(draft, layers=layers)
    made = run(desk, tmp_path / "made", "good", data=DatasetReader(both))
    assert [s.origin.is_pseudo_labelled for s in made] == [False] * 2 + [True] * 5
    assert np.array_equal(made.load_semantic(made[0]), street.load_semantic(street[0]))
    assert set(np.unique(made.load_layer(made[0], "confidence"))) == {0, 65535}
    assert read_verdict(made.info.made_by.figures).n_labelled == 2
    assert compute_figures(made)["real_labels_read"] == {"labels": 2 + 2}


def test_a_table_says_what_classes_become(desk: Path, tmp_path: Path) -> None:
    """Shares of classes that become one are added, void takes its pixels, people's labels go by it too."""
    (tmp_path / "table.csv").write_text("network,label\nturn_left,sign\nturn_right,sign\nsky,void\n")
    street = DatasetReader(desk / "street")
    made = run(desk, tmp_path / "made", "poor", table=tmp_path / "table.csv", truth=street)
    assert made.info.semantic.names == ("road", "sign")
    assert made.info.semantic.colours == (COLOURS[1], COLOURS[2])
    (plain,) = load_labellers([desk / "runs/poor"], ClassTable(), "cpu")
    sample, frames = made[0], DatasetReader(desk / "frames")
    net, settings = plain.trained.net, plain.trained.settings
    shares = COLOUR_TASK.tell_pixels(net, settings, frames.load_rgb(frames[0]))
    united = np.stack([shares[1], shares[2] + shares[3], shares[0]])
    ids = np.where(united.argmax(axis=0) == 2, 255, united.argmax(axis=0))
    ids[0] = 255  # No part of the scene.
    ids[made.load_layer(sample, "confidence") < 0.5 * 65535] = 255
    assert np.array_equal(made.load_semantic(sample), ids)
    assert read_verdict(made.info.made_by.figures).runs[0].miou.value < 1


WRONG = {
    "header\n": "names no class",
    "network,label\ntram,road\n": "--map names tram, and the classes are sky, road, turn_left, turn_right",
    "network,label\nsky,road\nsky,void\n": "line 3: sky has a row already",
    "network,label\nsky\n": "line 2 is not a class and its label",
    "network,label\nsky,/etc\n": "a label begins with a letter or digit",
    "a,b\nsky,void\nroad,void\nturn_left,void\nturn_right,void\n": "--map makes every class void",
}


@pytest.mark.parametrize("table", WRONG)
def test_a_table_that_is_wrong_is_one_sentence(desk: Path, tmp_path: Path, table: str) -> None:
    """It names the row, and nothing is begun."""
    (tmp_path / "table.csv").write_text(table)
    words = ("label", desk / "frames", "--run", desk / "runs/good", "--map", "table.csv")
    _refuse(synth(*words, cwd=tmp_path), WRONG[table])
    assert not (tmp_path / "data").exists()


def test_what_does_not_go_together_is_one_sentence(desk: Path, tmp_path: Path) -> None:
    """Other classes, no pictures, no network, one of another task, one twice, labels that a network made."""
    write_net(tmp_path / "few", COLOURS[:3], classes=CLASSES[:3])
    write_net(tmp_path / "shapes", task="shapes")
    run(desk, tmp_path / "made", "good")
    frames, good = ("label", desk / "frames"), ("--run", desk / "runs/good")
    few = ("--run", tmp_path / "few")
    for words, said in (
        ((*frames, *good, *few), f"and {tmp_path}/few lacks turn_right: all need one list of classes"),
        ((*frames, *good, "--truth", desk / "town"), "town has tram, which is no label"),
        ((*frames, *good, *good), "are one network: give each --run once"),
        ((*frames, *good, "--min-confidence", "1"), "--min-confidence must be 0 or more and below 1, got 1"),
        ((*frames, "--run", "shapes"), "shapes is a training of shapes, which does not tell the class of"),
        ((*frames, "--run", "none"), "there is no trained network at none: synth train"),
        (("label", desk / "street", *good), "every picture of"),
        (("label", tmp_path / "made", *good), "has label maps that a network made (7 of 7): label frames"),
        ((*frames, *good, "--truth", tmp_path / "made"), "no picture with a label map that people made"),
        (("label", "nowhere", *good), "there is no dataset at nowhere"),
        ((*frames, *good, "--out", tmp_path / "made", "--min-confidence", "0.9"), "was made otherwise"),
    ):
        _refuse(synth(*words, cwd=tmp_path), said)
    assert not (tmp_path / "data").exists()


def test_what_networks_labelled_trains_and_never_tests(desk: Path, tmp_path: Path) -> None:
    """A figure beside their labels would be of two networks."""
    run(desk, tmp_path / "made", "good")
    records = (tmp_path / "made/samples.jsonl").read_text()
    (tmp_path / "made/samples.jsonl").write_text(records.replace('"val"', '"test"'))
    write_street(tmp_path / "other", splits=("train", "train", "val"), seed=1)
    words = ("train", "segmentation", "--data", "other", "--test", "made", "--device", "cpu")
    _refuse(synth(*words, cwd=tmp_path), "a network made the labels of 2 test images of made")


def test_it_is_typed_looked_at_and_named_as_the_next_step(desk: Path, tmp_path: Path) -> None:
    """The command says who labels, how sure, and where to look; frames without labels name the command."""
    step = list_next_steps(DatasetReader(desk / "frames"))[0]
    assert (step.what, step.able) == ("label", True)
    assert step.sentence.startswith(f"synth label {desk / 'frames'} --run RUN")
    runs = ("--run", desk / "runs/poor", "--run", desk / "runs/good")
    done = synth("label", desk / "frames", *runs, "--truth", desk / "street", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"{desk}/runs/good labels: its mIoU" in done.stdout.replace("\n", "")
    assert "data/labelled: 7 pictures are labelled, 7 new" in done.stdout
    assert (tmp_path / "data/labelled/labels.png").stat().st_size > 1000
    trained = next(s for s in list_next_steps(DatasetReader(tmp_path / "data/labelled")) if s.able)
    assert "--test OTHER; its own test images have no label maps" in trained.sentence
    again = synth("label", desk / "frames", *runs, "--truth", desk / "street", cwd=tmp_path)
    assert "7 pictures are labelled, 0 new" in again.stdout
    assert json.loads(synth("dataset", "stats", "data/labelled", "--json", cwd=tmp_path).stdout)[
        "real_labels_read"
    ] == {"labels": 9}


def _refuse(done: object, said: str) -> None:
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("synth: ")
    assert done.stderr.count("\n") == 1 or "was made otherwise" in said
    assert said in done.stderr
