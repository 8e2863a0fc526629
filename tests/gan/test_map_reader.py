"""A reader of paintings: what it refuses, what it makes void, which readers fit."""

from pathlib import Path

import numpy as np
import pytest
from painter_desk import paint

from segmenter_file import write_segmenter
from synth.dataset.reader import DatasetReader
from synth.dataset.verify import verify
from synth.gan.map_reader import MapReader, compare_maps
from synth.gan.paint_page import PAGE
from synth.gan.unread import MeanLosses, count_void


def write_reader(path: Path, classes: tuple[str, ...], kind: str) -> Path:
    """A segmenter of random weights that says that it learnt from pictures of a kind."""
    return write_segmenter(path, classes, ((0, 0, 0),) * len(classes), kind)


def test_an_engine_s_workers_paint_the_same(desk: Path) -> None:
    """Child processes load painter and reader anew; pictures, void pixels and figures do not show it."""
    reader = write_reader(desk / "reader.safetensors", ("bench", "cover", "lid"), "real")
    words = ("--reader", reader, "--least-agreement", 0.05, "--void-unread", "--data", "data/real")
    assert paint(desk, *words, out="here").returncode == 0
    answer = paint(desk, *words, "--engine", "local", "--workers", 2, out="there")
    assert answer.returncode == 0, answer.stderr
    here, there = (DatasetReader(desk / out) for out in ("here", "there"))
    assert here.info.made_by.figures == there.info.made_by.figures
    for one, other in zip((*here, *here.rejections), (*there, *there.rejections), strict=True):
        assert one.model_copy(update={"timing": other.timing}) == other


def test_what_a_reader_cannot_read_is_refused(desk: Path) -> None:
    """With how much of it was read, class by class; the others are kept, and the readings tell who chose."""
    reader = write_reader(desk / "reader.safetensors", ("bench", "cover", "lid"), "real")
    answer = paint(desk, "--reader", reader, "--least-agreement", 1, out="strict")
    assert answer.returncode == 0, answer.stderr
    assert "0, and 3 are refused" in answer.stdout
    assert "mean over 3 paintings: bench" in answer.stdout
    strict = DatasetReader(desk / "strict")
    assert {r.reason for r in strict.rejections} == {"not read"}
    assert all(0 <= r.quality["agreement"] < 1 and "read bench" in r.quality for r in strict.rejections)
    page = (desk / "strict" / PAGE).read_text()
    assert page.count(", refused: not read") == 3
    assert "Read least" in page
    assert "Spread over the maps" not in page
    assert verify(desk / "strict") == []
    assert paint(desk, "--reader", reader, "--least-agreement", 1, out="strict").returncode == 0
    assert len(DatasetReader(desk / "strict").rejections) == 3
    assert paint(desk, "--reader", reader, "--least-agreement", 0, out="lax").returncode == 0
    lax = DatasetReader(desk / "lax")
    assert len(lax) == 3
    assert [(r.dataset, r.role) for r in lax.info.made_by.readings] == [("street", "chosen")]


def test_shares_are_counted_over_what_has_a_class() -> None:
    """Void counts nowhere; a class counts by its own pixels."""
    ids, read = np.array([[0, 0, 1, 255]], np.uint16), np.array([[0, 1, 1, 0]], np.uint16)
    agreement = compare_maps(ids, read, ("a", "b", "c"))
    assert agreement.by_class == {"a": 0.5, "b": 1.0}
    assert agreement.figures() == {"agreement": 0.6667, "read a": 0.5, "read b": 1.0}
    assert compare_maps(np.full((2, 2), 255, np.uint16), read[:, :2], ("a",)).figures() == {}


def test_a_reader_must_fit(desk: Path) -> None:
    """One that lacks a class, one that learnt from what was made, a limit without a reader."""
    few = write_reader(desk / "few.safetensors", ("bench", "cover"), "real")
    write_reader(desk / "reader.safetensors", ("bench", "cover", "lid"), "real")
    made = write_reader(desk / "made.safetensors", ("bench", "cover", "lid"), "painted")
    for words, said in (
        (
            ("--reader", few),
            "few.safetensors does not tell the class lid of pixels: synth train segmentation",
        ),
        (
            ("--reader", made),
            "learnt from street, which is painted: a reader learns from real pictures",
        ),
        (("--reader", "none"), "there is no trained network at none"),
        (
            ("--least-agreement", 0.9),
            "says what a reader must read: name one with --reader",
        ),
        (("--void-unread",), "what a reader cannot read: name one with --reader"),
        (
            ("--reader", desk / "reader.safetensors", "--void-unread", "--data", "data/maps"),
            "maps has pictures of the kind rendered: --void-unread holds paintings to real photographs",
        ),
    ):
        answer = paint(desk, *words, out="unread")
        assert answer.returncode == 2
        assert said in answer.stderr
        assert not (desk / "unread").exists()


def test_what_a_reader_reads_badly_becomes_void(desk: Path) -> None:
    """In the label map alone, by the rule, of each class; the lineage and the figures tell, and a dataset
    that was begun otherwise is not gone on with.
    """
    reader = write_reader(desk / "reader.safetensors", ("bench", "cover", "lid"), "real")
    words = ("--reader", reader, "--least-agreement", 0)
    answer = paint(desk, *words, "--void-unread", out="voided")
    assert answer.returncode == 0, answer.stderr
    said = " ".join(answer.stdout.split())
    assert "became void as the reader reads them badly, mean over 3 paintings: bench" in said
    assert verify(desk / "voided") == []
    maps, voided = DatasetReader(desk / "data/maps"), DatasetReader(desk / "voided")
    info = voided.info
    means = MeanLosses(info.made_by.figures["mean_losses"])
    look = MapReader(reader, ("bench", "cover", "lid"), "cpu")
    n_void = 0
    for one, source in zip(voided, maps, strict=True):
        ids, kept = maps.load_semantic(source), voided.load_semantic(one)
        became = (kept == 255) & (ids != 255)
        losses = look.tell(voided.load_rgb(one)).losses(ids.astype(np.uint16))
        limits = np.array([*(1.25 * means.by_class[name] for name in info.semantic.names)])
        known = ids != 255
        assert (became[known] == (losses[known] > limits[ids[known]])).all()
        assert (kept[~became] == ids[~became]).all()
        assert one.quality["void bench"] == pytest.approx(became[ids == 0].mean(), abs=1e-4)
        assert one.sha256[one.layers["mask"]] == source.sha256[source.layers["mask"]]
        assert one.instances == source.instances
        assert [step.verb for step in one.origin.steps] == ["paint", "void"]
        n_void += became.sum()
    assert n_void
    assert "real" in [reading.dataset for reading in info.made_by.readings if reading.role == "chosen"]
    before = [sample.sha256 for sample in voided]
    again = paint(desk, *words, "--void-unread", out="voided")
    assert again.returncode == 0
    assert [sample.sha256 for sample in DatasetReader(desk / "voided")] == before
    other = paint(desk, *words, out="voided")
    assert other.returncode == 2
    assert "was made otherwise" in other.stderr


def test_mean_losses_limit_each_class_alone() -> None:
    """Void and a class without a mean are never unread; a loss at the limit is still read."""
    losses, ids = np.array([[1.0, 1.26, 9, 9, 9]], np.float32), np.array([[0, 0, 1, 2, 255]], np.uint16)
    unread = MeanLosses({"a": 1.0, "b": 8.0}).find_unread(losses, ids, ("a", "b", "c"))
    assert unread.tolist() == [[False, True, False, False, False]]
    assert count_void(ids, unread, ("a", "b", "c")) == {
        "unread": 0.25,
        "void a": 0.5,
        "void b": 0,
        "void c": 0,
    }
