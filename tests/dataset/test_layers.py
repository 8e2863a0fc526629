"""Every layer of the table: what is written is what is read, and nothing else is taken."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dataset_scene import make_info, make_shot
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from synth.dataset.info import DatasetInfo, SemanticInfo
from synth.dataset.layers import LAYERS, LayerName
from synth.dataset.leak import LeakGuard
from synth.dataset.origin import Origin, Step
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Draft, Instance
from synth.dataset.sheet import make_sheet, picture_of, write_sheet
from synth.dataset.store import DatasetWriter
from synth.dataset.verify import verify
from synth.errors import DatasetError

SHAPE_HW = (120, 160)
SEMANTIC = SemanticInfo(names=("bench", "arm", "cover"), colours=((9, 9, 9), (200, 0, 0), (0, 0, 200)))


def draw_layer(name: LayerName, rng: np.random.Generator) -> np.ndarray:
    """Any values that the layer may hold; masks of one instance, maps of three classes and void."""
    if name == "normals":
        normals = rng.normal(size=(*SHAPE_HW, 3)).astype(np.float32)
        normals /= np.linalg.norm(normals, axis=2, keepdims=True)
        normals[:7] = 0
        return normals
    if name == "semantic":
        return rng.choice(np.array([0, 1, 2, 255], np.uint8), SHAPE_HW)
    layer = LAYERS[name]
    shape = (*SHAPE_HW, 3) if layer.channels == 3 else SHAPE_HW
    high = 2 if name == "mask" else np.iinfo(layer.dtypes[0]).max + 1
    return rng.integers(0, high, shape).astype(layer.dtypes[0])


def all_layers(seed: int = 0) -> dict[LayerName, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {name: draw_layer(name, rng) for name in LAYERS}


def make_sample(**changes: Any) -> Draft:
    draft, _ = make_shot(0, np.random.default_rng(0))
    bare = dict.fromkeys(("R_crop_cam", "normal_crop_uvw", "point_crop_xy"))
    return draft.model_copy(update={"instances": (draft.instances[0].model_copy(update=bare),)} | changes)


def test_a_sample_keeps_every_layer(tmp_path: Path) -> None:
    """All but normals come back bit for bit, normals to 0.003°; the dataset verifies."""
    layers = all_layers()
    with DatasetWriter.create_or_resume(tmp_path, make_info(semantic=SEMANTIC)) as writer:
        writer.append(make_sample(), layers=layers)
    assert verify(tmp_path) == []
    dataset = DatasetReader(tmp_path)
    for name, layer in layers.items():
        read = dataset.load_layer(dataset[0], name)
        assert read is not None
        assert read.dtype == layer.dtype
        if name != "normals":
            assert np.array_equal(read, layer), name
    read, told = dataset.load_normals_cam(dataset[0]), layers["normals"].any(axis=2)
    assert np.array_equal(read.any(axis=2), told)
    sine = np.linalg.norm(np.cross(read[told], layers["normals"][told]), axis=1)
    assert np.degrees(np.arcsin(sine)).max() < 0.003


@pytest.mark.parametrize("name", LAYERS)
def test_another_array_is_refused(name: LayerName) -> None:
    """A layer of the wrong type or shape never becomes a file."""
    layer = all_layers()[name]
    with pytest.raises(DatasetError, match="must be"):
        LAYERS[name].encode(layer.astype(np.float64))
    with pytest.raises(DatasetError, match="must be"):
        LAYERS[name].encode(layer[0])


@pytest.mark.parametrize("name", LAYERS)
def test_equal_arrays_give_equal_bytes_and_torn_ones_are_named(name: LayerName) -> None:
    """Hashes can be compared, and half a file is no layer."""
    content = LAYERS[name].encode(all_layers()[name])
    assert LAYERS[name].encode(all_layers()[name].copy()) == content
    with pytest.raises(DatasetError, match=r"here\.png is not"):
        LAYERS[name].decode(content[:40], "here.png")


@given(arrays(np.uint16, (5, 7), elements=st.integers(0, 65535)))
def test_semantic_maps_of_16_bits_come_back(ids: np.ndarray) -> None:
    """More than 255 classes are told apart."""
    content = LAYERS["semantic"].encode(ids)
    again = LAYERS["semantic"].decode(content, "map")
    assert again.dtype == np.uint16
    assert np.array_equal(again, ids)


def test_normals_are_unit_vectors() -> None:
    """A vector of another length is no normal."""
    with pytest.raises(DatasetError, match="unit vectors"):
        LAYERS["normals"].encode(np.full((4, 4, 3), 0.9, np.float32))


def test_a_map_needs_no_image(tmp_path: Path) -> None:
    """A dataset of maps holds label maps alone; whoever asks for the image is told what this is."""
    semantic = draw_layer("semantic", np.random.default_rng(0))
    draft = make_sample(instances=())
    info = make_info(kind="maps", semantic=SEMANTIC, classes=())
    with DatasetWriter.create_or_resume(tmp_path / "maps", info) as writer:
        writer.append(draft, layers={"semantic": semantic})
    dataset = DatasetReader(tmp_path / "maps")
    assert verify(tmp_path / "maps") == []
    assert np.array_equal(dataset.load_semantic(dataset[0]), semantic)
    with pytest.raises(DatasetError, match="a label map without an image"):
        dataset.load_rgb(dataset[0])
    picture = picture_of(dataset, dataset[0])
    assert (picture[semantic == 1] == (200, 0, 0)).all()
    assert (picture[semantic == 255] == 0).all()
    write_sheet(dataset, tmp_path / "sheet.png", n_samples=1, n_columns=1)
    with (
        DatasetWriter.create_or_resume(tmp_path / "real", make_info(semantic=SEMANTIC)) as writer,
        pytest.raises(DatasetError, match="only a dataset of the kind maps may lack"),
    ):
        writer.append(draft, layers={"semantic": semantic})


def test_a_sheet_lays_maps_over_pictures(tmp_path: Path) -> None:
    """Half of each, and the picture alone where the map is void; a tile is no higher for it."""
    semantic, image = np.full(SHAPE_HW, 1, np.uint8), np.full((*SHAPE_HW, 3), 100, np.uint8)
    semantic[:, :80] = 255
    with DatasetWriter.create_or_resume(tmp_path, make_info(semantic=SEMANTIC)) as writer:
        writer.append(make_sample(instances=()), layers={"image": image, "semantic": semantic})
    sheet = np.asarray(make_sheet(DatasetReader(tmp_path), n_samples=1, n_columns=1))
    picture = sheet[92 : 92 + 360, 14 : 14 + 480]
    assert (picture[:, :230] == 100).all()
    assert (np.abs(picture[:, 250:] - np.array([150, 50, 50])) <= 1).all()
    assert sheet.shape[0] < 92 + 360 + 100


def test_a_sheet_of_what_is_made_shows_its_look(tmp_path: Path) -> None:
    """No map hides a painting, nor is there a key of colours that nothing has."""
    semantic, image = np.full(SHAPE_HW, 1, np.uint8), np.full((*SHAPE_HW, 3), 100, np.uint8)
    with DatasetWriter.create_or_resume(tmp_path, make_info(kind="painted", semantic=SEMANTIC)) as writer:
        writer.append(make_sample(instances=()), layers={"image": image, "semantic": semantic})
    sheet = np.asarray(make_sheet(DatasetReader(tmp_path), n_samples=1, n_columns=1))
    assert (sheet[92 : 92 + 360, 14 : 14 + 480] == 100).all()
    assert not (sheet == (200, 0, 0)).all(axis=2).any()


def test_a_map_made_of_a_test_map_must_not_train(tmp_path: Path) -> None:
    """Without an image its ancestry and its very pixels are looked at."""
    info = make_info(kind="maps", semantic=SEMANTIC, classes=())
    semantic = draw_layer("semantic", np.random.default_rng(0))
    roots = tmp_path / "a", tmp_path / "b"
    with DatasetWriter.create_or_resume(roots[0], info) as writer:
        writer.append(make_sample(instances=(), split="test"), layers={"semantic": semantic})
    test = DatasetReader(roots[0])
    origin = Origin().then(Step(verb="edit"), test.as_parent(test[0], "labels"))
    with DatasetWriter.create_or_resume(roots[1], info) as writer:
        draft = make_sample(instances=(), split="train", origin=origin)
        writer.append(draft, layers={"semantic": semantic[::-1].copy()})
        writer.append(make_sample(instances=(), name="000001"), layers={"semantic": semantic})
    train = DatasetReader(roots[1])
    for sample, sentence in zip(train, ("was made from test image", "shows test map"), strict=True):
        with pytest.raises(DatasetError, match=sentence):
            LeakGuard.of([test]).check(train, [sample])


def test_ids_without_a_name_are_refused_and_found(tmp_path: Path) -> None:
    """An id of no class never enters, and one that came in by hand is named by verify."""
    info = make_info(semantic=SEMANTIC)
    layers = all_layers()
    with DatasetWriter.create_or_resume(tmp_path, info) as writer:
        with pytest.raises(DatasetError, match="7 in its semantic map is no id of a class"):
            writer.append(make_sample(), layers=layers | {"semantic": np.full(SHAPE_HW, 7, np.uint8)})
        writer.append(make_sample(), layers=layers)
    fewer = SEMANTIC.model_copy(update={"names": SEMANTIC.names[:2], "colours": SEMANTIC.colours[:2]})
    (tmp_path / "dataset.json").write_text(info.model_copy(update={"semantic": fewer}).model_dump_json())
    assert "semantic/000000.png: has value 2, which is no id of a class" in map(str, verify(tmp_path))


def test_a_dataset_without_named_pixels_takes_no_map(tmp_path: Path) -> None:
    """What an id means is told by dataset.json alone."""
    with (
        DatasetWriter.create_or_resume(tmp_path, make_info()) as writer,
        pytest.raises(DatasetError, match=r"a semantic map needs semantic\.names"),
    ):
        writer.append(make_sample(), layers=all_layers())


def test_a_crop_needs_no_normal(tmp_path: Path) -> None:
    """Any instance may have a crop; normals.txt has rows of those alone that tell a normal."""
    crop = np.zeros((224, 224, 3), np.uint8)
    with DatasetWriter.create_or_resume(tmp_path, make_info()) as writer:
        writer.append(make_sample(), layers={"image": all_layers()["image"]}, crops=[crop])
    assert verify(tmp_path) == []
    dataset = DatasetReader(tmp_path)
    assert np.array_equal(dataset.load_crop(dataset[0], 0), crop)
    assert dataset[0].instances[0].normal_crop is None
    assert (tmp_path / "normals.txt").read_text().count("000000_0") == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"flip_pairs": (("left", "up"),)}, "no class up"),
        ({"flip_pairs": (("left", "right"), ("right", "cover"))}, "no class twice"),
        ({"flip_pairs": (("left", "left"),)}, "no class twice"),
        ({"classes": ()}, "must be a class"),
        ({"semantic": {"names": ["a"], "colours": []}}, "colours must be one a name"),
        ({"semantic": {"names": ["a", "a"], "colours": [[0, 0, 0]] * 2}}, "names must differ"),
        (
            {"semantic": {"names": [f"c{i}" for i in range(256)], "colours": [[0, 0, 0]] * 256}},
            "leave no id for void",
        ),
    ],
)
def test_descriptions_that_contradict_themselves_are_refused(changes: dict[str, Any], message: str) -> None:
    """Pairs of classes that there are not, colours that are missing, ids that void has taken."""
    fields = make_info(classes=("left", "right", "cover")).model_dump()
    with pytest.raises(ValueError, match=message):
        DatasetInfo.model_validate(fields | changes)


def test_a_sample_says_of_which_recording_it_is(tmp_path: Path) -> None:
    """Group and shot come back as they were written; a line break is no name."""
    with DatasetWriter.create_or_resume(tmp_path, make_info()) as writer:
        layers = {"image": all_layers()["image"]}
        writer.append(make_sample(group="drive 0016E5", shot_id="12"), layers=layers)
    sample = DatasetReader(tmp_path)[0]
    assert (sample.group, sample.shot_id) == ("drive 0016E5", "12")
    with pytest.raises(ValueError, match="match pattern"):
        Draft(name="000000", split="train", size_wh=(4, 4), group="a\nb")
    assert isinstance(sample.instances[0], Instance)
