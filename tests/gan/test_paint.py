"""Painting label maps: whose labels come through, how classes are matched, styles, going on, bad input."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from look_pair import write_look
from numpy.lib.stride_tricks import sliding_window_view
from painter_desk import paint, small

from synth.compute.checkpoint import load_state
from synth.dataset.info import DatasetInfo
from synth.dataset.label_maps import read_ids
from synth.dataset.origin import Reading
from synth.dataset.reader import DatasetReader
from synth.dataset.verify import verify
from synth.errors import DatasetError, InputError
from synth.gan.earlier_run import EarlierRun
from synth.gan.map_pairs import PairCutter, find_edges, lay_out, see_size
from synth.gan.methods import METHODS
from synth.gan.paint_page import PAGE
from synth.gan.patches import to_u8
from synth.geometry.frames import cam_from_uvw, uvw_from_cam
from synth.geometry.normals import make_crop
from typed import synth

CPU = torch.device("cpu")


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
    page = (desk / "painted" / PAGE).read_text()
    assert page.count('<div class="row">') == 3
    assert page.count('src="data:image/jpeg;base64,') == 9
    assert "http" not in page
    assert "Read least" not in page


def test_crops_are_cut_of_parts_whose_normal_is_known(desk: Path) -> None:
    """A map has no crops; its painting has one of each part, with the normal that the map tells."""
    K = np.array([[90.0, 0, 48], [0, 90, 40], [0, 0, 1]])
    write_look(desk / "data/posed", "rendered", 2, seed=1, with_maps=True, classes=("cover", "lid"), K=K)
    answer = paint(desk, maps="data/posed", out="posed")
    assert answer.returncode == 0, answer.stderr
    assert verify(desk / "posed") == []
    painted = DatasetReader(desk / "posed")
    assert len((painted.root / "normals.txt").read_text().splitlines()) == 1 + len(painted)
    for sample in painted:
        (part,), camera = sample.instances, sample.camera
        assert part.square_xyxy_px is not None
        assert part.normal_uvw is not None
        assert camera is not None
        crop, _, R_crop_cam = make_crop(painted.load_rgb(sample), camera, part.square_xyxy_px)
        np.testing.assert_array_equal(painted.load_crop(sample, 0), crop)
        np.testing.assert_allclose(
            part.normal_crop_uvw, uvw_from_cam(R_crop_cam @ cam_from_uvw(part.normal_uvw))
        )


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


def test_pictures_may_be_seen_finer_than_what_is_cut_from_them(desk: Path) -> None:
    """With ``view_px`` the photographs' width, what is learnt from is a window of one, pixel by pixel, and a
    map is painted whole at that size.
    """
    photos = DatasetReader(desk / "data/real")
    settings = small(photos, view_px=96, flip=False)
    cut = to_u8(PairCutter(photos, "train", settings).draw(1, np.random.default_rng(0)).images)[0]
    windows = [
        sliding_window_view(photos.load_rgb(sample), cut.shape)[:, :, 0]
        for sample in photos.of_split("train")
    ]
    assert any((window == cut).all(axis=(2, 3, 4)).any() for window in windows)
    assert see_size((80, 96), settings) == (96, 80)
    assert see_size((160, 192), settings) == (96, 80)
    with pytest.raises(InputError, match=r"view_px must be schedule\.side_px = 64 or more, got 32"):
        small(photos, view_px=32)


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


def test_a_training_begins_with_all_of_an_earlier_one(desk: Path) -> None:
    """Generator, discriminator and averages are those of the earlier run, on photographs that became more;
    the checkpoint lists what both learnt from, and what does not fit is refused.
    """
    sizes = ("generator.n_filters=4", "discriminator.n_filters=4", "schedule.side_px=64", "height_px=64")
    small_words = [w for one in (*sizes, "perceptual=none") for w in ("--set", one)]
    still = [w for one in ("learning_rate=1e-12", "learning_rate_D=1e-12") for w in ("--set", one)]

    def learn(run: str, *words: object, data: str = "data/real", out: str) -> Any:
        more = ("--images", 2, "--device", "cpu", "--out", out, "--run", run, "--data", data)
        return synth("paint", "data/maps", *small_words, *more, *words, cwd=desk)

    write_look(desk / "data/grown", "real", 7, seed=5, with_maps=True, classes=("cover", "lid"))
    assert learn("early", out="early_painted").returncode == 0
    answer = learn("late", *still, "--continue-from", "early", data="data/grown", out="late_painted")
    assert answer.returncode == 0, answer.stderr
    assert "Goes on from early, which has learnt from 3 photographs" in answer.stdout
    early, late = (load_state(desk / run / "state.pt") for run in ("early", "late"))
    learnt = {key for key in early["networks"] if "running" not in key and "num_batches" not in key}
    assert any(key.startswith("D.") for key in learnt)
    for key in learnt:
        if "parametrizations.weight.0" not in key:  # A power iteration's vectors move by themselves.
            torch.testing.assert_close(late["networks"][key], early["networks"][key], atol=1e-6, rtol=0)
    assert late["n_images_before"] == early["n_images_seen"]
    made_by = DatasetReader(desk / "late_painted").info.made_by
    assert {"real", "grown"} <= {reading.dataset for reading in made_by.readings if reading.role == "made"}

    write_look(desk / "data/other", "real", 5, seed=6, with_maps=True, classes=("lid", "cover"))
    for words, data, said in (
        (
            (),
            "data/other",
            "early learnt from maps of the classes bench, cover, lid, and these have bench, lid",
        ),
        (("--method", "pix2pixhd"), "data/real", "early was trained by the method spade, not by pix2pixhd"),
        (
            ("--set", "generator.n_filters=8"),
            "data/real",
            "early has networks of another size: its generator",
        ),
    ):
        refused = learn("unlike", "--continue-from", "early", *words, data=data, out="unlike_painted")
        assert refused.returncode == 2
        assert said in refused.stderr
        assert not (desk / "unlike").exists()
    for run, words, said in (
        ("early", ("--continue-from", "early"), "early goes on by the same command as it is"),
        ("nowhere", ("--continue-from", "painter"), "painter is no folder of a training with a checkpoint"),
    ):
        assert said in learn(run, *words, out="unlike_painted").stderr
    (dealt,) = DatasetReader(desk / "data/real").of_split("test")
    reading = Reading(dataset="real", kind="real", used=("pixels",), names=(dealt.name,))
    with pytest.raises(DatasetError, match=f"early has learnt from {dealt.name} of a dataset named real"):
        EarlierRun(Path("early/state.pt"), "", (reading,), is_simulated=False).refuse_leaks(
            [DatasetReader(desk / "data/real")]
        )


def test_depth_and_normals_are_planes_that_change_a_painting(desk: Path) -> None:
    """A painter that learnt with them paints otherwise where they are others, and a map must bring them."""
    photos = DatasetReader(desk / "data/real")
    settings = small(photos, planes=("depth", "normals"))
    assert settings.planes == ("edges", "depth", "normals")
    method = METHODS["spade"]()
    networks = method.make_networks(settings, torch.Generator().manual_seed(0))
    networks.G.last.weight.data *= 40
    path = desk / "deep.safetensors"
    method.save_generators(path, networks.generators, settings, {})
    painter = method.load(path, "sim2real", CPU)
    ids, mask = np.zeros((32, 32), np.uint16), np.zeros((32, 32), np.uint16)
    near, facing = np.ones((32, 32), np.float32), np.zeros((32, 32, 3), np.float32)
    layers = {"mask": mask, "depth": near, "normals": facing}
    first = painter.paint(ids, layers, 0)
    assert (painter.paint(ids, layers | {"depth": 9 * near}, 0) != first).any()
    assert (painter.paint(ids, layers | {"normals": facing + 1}, 0) != first).any()
    planes = lay_out(ids, layers | {"depth": 5 * near}, settings)
    assert planes.shape == (3 + 1 + 1 + 3, 32, 32)
    assert (planes[4] == 0.5).all()
    for lacking in ("depth", "normals"):
        known = {name: layer for name, layer in layers.items() if name != lacking}
        with pytest.raises(InputError, match=f"there is no layer {lacking}, from which {lacking} is made"):
            painter.paint(ids, known, 0)
