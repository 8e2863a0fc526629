"""Painting label maps: whose labels come through, how classes are matched, styles, going on, bad input."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from look_pair import write_look

from synth.compute.checkpoint import save_weights
from synth.dataset.info import DatasetInfo
from synth.dataset.label_maps import read_ids
from synth.dataset.origin import READINGS, Reading, encode_readings
from synth.dataset.reader import DatasetReader
from synth.dataset.verify import verify
from synth.gan.fit import FitSettings
from synth.gan.map_pairs import PairCutter, find_edges, lay_out
from synth.gan.map_reader import MapReader, compare_maps
from synth.gan.methods import METHODS
from synth.gan.schedule import MapSettings
from synth.gan.unread import MeanLosses, count_void
from synth.train.tasks import TASKS
from typed import synth

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photographs and maps of two classes, and a painter of drawn weights in painter/."""
    folder = tmp_path_factory.mktemp("desk")
    photos = write_look(folder / "data/real", "real", 5, seed=0, with_maps=True, classes=("cover", "lid"))
    write_look(folder / "data/maps", "rendered", 3, seed=1, with_maps=True, classes=("cover", "lid"))
    method, settings = METHODS["spade"](), small(photos)
    networks = method.make_networks(settings, torch.Generator().manual_seed(0))
    networks.G.last.weight.data *= 40  # Fresh weights paint next to nothing.
    path = folder / "painter" / "checkpoints" / "step_000001.safetensors"
    method.save_generators(path, networks.generators, settings, {})
    return folder


def small(photos: DatasetReader, **changes: Any) -> MapSettings:
    """SPADE's quick preset, narrow and of 64 pixels, for these photographs."""
    preset = METHODS["spade"]().presets["quick"]
    settings = replace(
        preset,
        generator=replace(preset.generator, n_filters=4),
        schedule=replace(preset.schedule, side_px=64),
        height_px=64,
        perceptual="none",
        **changes,
    )
    return FitSettings(photos, photos, Path("unused"), settings, "spade").settings


def paint(desk: Path, *words: object, out: str = "painted", maps: str = "data/maps") -> Any:
    checkpoint = "painter/checkpoints/step_000001.safetensors"
    return synth("paint", maps, "--checkpoint", checkpoint, "--out", out, *words, cwd=desk)


def pixels(desk: Path, out: str) -> list[str]:
    return [sample.pixels_sha256 for sample in DatasetReader(desk / out)]


def test_labels_are_the_map_s(desk: Path) -> None:
    """Label map, mask, boxes and split come through as they are; the picture is the network's."""
    answer = paint(desk)
    assert answer.returncode == 0, answer.stderr
    assert "3 maps painted" in answer.stdout
    assert verify(desk / "painted") == []
    maps, painted = DatasetReader(desk / "data/maps"), DatasetReader(desk / "painted")
    assert painted.info.kind == "painted"
    assert painted.info.semantic == maps.info.semantic
    for one, source in zip(painted, maps, strict=True):
        for layer in ("semantic", "mask"):
            assert one.sha256[one.layers[layer]] == source.sha256[source.layers[layer]]
        assert (one.split, one.size_wh) == (source.split, source.size_wh)
        assert [i.box_xyxy_px for i in one.instances] == [i.box_xyxy_px for i in source.instances]
        assert one.pixels_sha256 != source.pixels_sha256
        (parent,) = one.origin.parents
        assert parent.used == ("labels", "mask")
        assert one.origin.steps[-1].verb == "paint"


def test_a_seed_is_a_style(desk: Path) -> None:
    """The same seed paints the same pictures, another one others, and each map has a style of its own."""
    for out, seed in (("first", 1), ("second", 1), ("third", 2)):
        assert paint(desk, "--seed", seed, out=out).returncode == 0
    assert pixels(desk, "first") == pixels(desk, "second")
    assert not set(pixels(desk, "first")) & set(pixels(desk, "third"))
    seeds = [sample.origin.steps[-1].seed for sample in DatasetReader(desk / "first")]
    assert len(set(seeds)) == len(seeds)


def test_what_was_stopped_goes_on_to_the_same_pictures(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupted after one map, the same command paints the rest as if nothing had happened."""
    from synth.gan import paint as stage

    def stop(*words: Any, keep: Any = stage.keep, **more: Any) -> None:
        keep(*words, **more)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(stage, "keep", stop)
        assert paint(desk, out="stopped").returncode == 130
    assert len(DatasetReader(desk / "stopped")) == 1
    assert paint(desk, out="stopped").returncode == 0
    assert paint(desk, out="whole").returncode == 0
    assert pixels(desk, "stopped") == pixels(desk, "whole")


def test_classes_go_by_their_names(desk: Path) -> None:
    """Maps whose ids stand in another order, or lack a class, are painted as what they say; ids matter."""
    turned = write_look(
        desk / "turned", "rendered", 3, seed=1, with_maps=True, classes=("lid", "cover"), n_shown=1
    )
    ids = read_ids(turned, turned[0], ("bench", "cover", "lid"))
    assert np.unique(ids[turned.load_mask(turned[0]) > 0]).tolist() == [2]
    assert paint(desk, out="ordered").returncode == 0
    maps = DatasetReader(desk / "data/maps")
    painter = METHODS["spade"]().load(desk / "painter/checkpoints/step_000001.safetensors", "sim2real", CPU)
    ids = maps.load_semantic(maps[0])
    other = painter.paint(ids.astype(np.uint16), {"mask": maps.load_mask(maps[0])}, 3)
    swapped = np.where(ids == 1, 2, np.where(ids == 2, 1, ids)).astype(np.uint16)
    assert (painter.paint(swapped, {"mask": maps.load_mask(maps[0])}, 3) != other).any()
    write_look(desk / "few", "rendered", 3, seed=1, with_maps=True, classes=("lid",))
    assert paint(desk, maps="few", out="few_painted").returncode == 0


def test_a_map_as_networks_take_it(desk: Path) -> None:
    """One plane a class, none for void; edges where instances meet; pairs show what their maps say."""
    photos = DatasetReader(desk / "data/real")
    settings = small(photos)
    assert settings.planes == ("edges",)
    ids = np.array([[0, 1, 2], [255, 2, 2]], np.uint16)
    mask = np.array([[0, 1, 1], [0, 1, 2]], np.uint16)
    planes = lay_out(ids, {"mask": mask}, settings)
    assert planes[:3].sum(0).tolist() == [[1, 1, 1], [0, 1, 1]]
    assert planes[:3].argmax(0)[planes[:3].sum(0) > 0].tolist() == [0, 1, 2, 2, 2]
    assert planes[3].tolist() == [[1, 1, 1], [1, 1, 1]]
    assert find_edges(np.zeros((3, 3))).sum() == 0
    pairs = PairCutter(photos, "train", settings).draw(8, np.random.default_rng(0))
    assert pairs.planes.shape == (8, 4, 64, 64)
    bench, plate = (pairs.images[:, 0][pairs.planes[:, k] > 0].mean() for k in (0, 1))
    assert bench > plate + 0.3  # The bench is brighter, wherever it lies.


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("--method", "cyclegan"),
            "cyclegan translates pictures and paints no label maps",
        ),
        (("--set", "schedule.side_px=100"), "must be multiples of 32, got 100 and 192"),
        (("--set", "planes=depth"), "there is no layer depth, from which depth is made"),
        (
            ("--set", "perceptual=none.pth"),
            "no weights of VGG19 at none.pth: perceptual is lite0",
        ),
        (("--set", "planes=colour"), "planes may be edges, depth, normals, got 'colour'"),
        (("--data", "plain"), "plain has no train pictures with label maps"),
        (("--checkpoint", "painter/none"), "there is no checkpoint at painter/none"),
        (("--preset", "best"), "the method spade has no preset 'best': choose among quick, paper"),
    ],
)
def test_bad_input_is_one_sentence(desk: Path, words: tuple[str, ...], said: str) -> None:
    """Exit code 2, and no painted dataset."""
    if not (desk / "plain").exists():
        write_look(desk / "plain", "real", 3, seed=2)
    answer = synth("paint", "--out", "bad", "--run", f"run_{hash(words)}", *words, cwd=desk)
    assert answer.returncode == 2
    assert said in answer.stderr
    assert not (desk / "bad").exists()


def test_maps_of_classes_that_nobody_learnt_are_refused(desk: Path) -> None:
    """Before a training, and by a checkpoint of other classes; a translator of pictures paints nothing."""
    write_look(desk / "cups", "rendered", 3, seed=1, with_maps=True, classes=("cup",))
    said = "cups has maps with the class cup, which the painter never learnt: it knows bench, cover, lid"
    for answer in (paint(desk, maps="cups", out="bad"), synth("paint", "cups", "--out", "bad", cwd=desk)):
        assert answer.returncode == 2
        assert said in answer.stderr
    maps = synth("paint", "plain_maps", "--out", "bad", cwd=desk)
    assert "there is no dataset at plain_maps: synth render --maps-only" in maps.stderr
    answer = synth("translate", "--sim", "data/maps", "--method", "spade", cwd=desk)
    assert "the method spade paints label maps: synth paint MAPS --data PHOTOS" in answer.stderr


def test_kind_and_classes_are_what_dataset_json_says(desk: Path) -> None:
    """The painter's readings and whether devices were simulated stand in it."""
    assert paint(desk, out="told").returncode == 0
    info: DatasetInfo = DatasetReader(desk / "told").info
    assert info.made_by.verb == "paint"
    assert info.made_by.config["method"] == "spade"
    assert info.made_by.simulated


def write_reader(path: Path, classes: tuple[str, ...], kind: str) -> Path:
    """A segmenter of random weights that says that it learnt from pictures of a kind."""
    task = TASKS["segmentation"]
    settings = task.settings(net="small", classes=classes, colours=((0, 0, 0),) * len(classes), side_px=64)
    torch.manual_seed(0)
    reading = Reading(dataset="street", kind=kind, used=("pixels", "labels"), names=("000000",))
    words = {
        "task": task.name,
        "settings": json.dumps(asdict(settings)),
        READINGS: encode_readings([reading]),
    }
    tensors = task.make_net(settings).state_dict()
    last = [name for name in tensors if name.endswith("weight")][-1]
    save_weights(path, tensors | {last: tensors[last] * 40}, words)  # Fresh weights are hardly ever sure.
    return path


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
