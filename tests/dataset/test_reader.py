"""A dataset in a reader's hands: by number, by name, one after another, as a path, in words."""

import os
from pathlib import Path

import numpy as np
import pytest
from dataset_scene import fill, make_info

from synth.dataset.reader import DatasetReader
from synth.errors import DatasetError


def test_samples_are_found_by_number_and_by_name(filled: Path) -> None:
    """Numbers count from either end in the order of names, as iteration does."""
    dataset = DatasetReader(filled)
    assert len(dataset) == len(list(dataset)) == 12
    assert [sample.name for sample in dataset] == sorted(f"{i:06d}" for i in range(12))
    assert dataset[0] == dataset[-12] == dataset["000000"] == next(iter(dataset))
    assert dataset[11] == dataset[-1] == dataset[np.int64(11)] == dataset["000011"]


@pytest.mark.parametrize("number", [12, -13])
def test_a_number_too_many_is_a_sentence(number: int, filled: Path) -> None:
    """It says how many there are."""
    with pytest.raises(IndexError, match=f"has 12 samples, so there is no number {number}"):
        DatasetReader(filled)[number]


def test_an_unknown_name_is_a_sentence(filled: Path) -> None:
    """It says which dataset has none of that name."""
    with pytest.raises(DatasetError, match=r"has no sample '000012'"):
        DatasetReader(filled)["000012"]


def test_a_slice_is_a_tuple_of_samples(filled: Path) -> None:
    """As of any sequence: from either end, with a step, past the end."""
    dataset = DatasetReader(filled)
    assert dataset[:5] == dataset.samples[:5]
    assert [sample.name for sample in dataset[-1:0:-5]] == ["000011", "000006", "000001"]
    assert dataset[12:20] == ()


def test_names_and_samples_are_in_it(filled: Path) -> None:
    """``in`` asks for a name or a sample; a sample of another dataset is not in it."""
    dataset = DatasetReader(filled)
    assert "000011" in dataset
    assert "000012" not in dataset
    assert dataset[3] in dataset
    assert dataset[3].model_copy(update={"name": "000099"}) not in dataset
    assert 3 not in dataset


def test_what_is_no_number_no_slice_and_no_name_is_no_sample(filled: Path) -> None:
    """A tuple of numbers is no index."""
    with pytest.raises(TypeError):
        DatasetReader(filled)[2, 4]  # type: ignore[call-overload]


def test_a_dataset_stands_for_its_folder(filled: Path) -> None:
    """It is opened by str or Path, and can be given where a path is asked for."""
    dataset = DatasetReader(str(filled))
    assert dataset.root == Path(dataset) == filled
    assert os.fspath(DatasetReader(dataset)) == str(filled)


@pytest.mark.parametrize("spelt", [".", "../real", "link", "link/../real"])
def test_a_dataset_has_one_name_however_it_is_spelt(
    spelt: str, filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of its folder: in records of what was made of it, and in those of what is made into another."""
    (filled / "link").symlink_to(filled)
    monkeypatch.chdir(filled)
    dataset = DatasetReader(spelt)
    assert dataset.name == "real"
    assert dataset.as_parent(dataset[0], "pixels").dataset == "real"
    assert dataset.as_reading(dataset, "labels").dataset == "real"


def test_arrays_have_the_shapes_that_are_told(filled: Path) -> None:
    """Height before width; what a sample lacks is None."""
    dataset = DatasetReader(filled)
    sample = dataset[0]
    width, height = sample.size_wh
    depth_m, mask, crop = (
        dataset.load_depth_m(sample),
        dataset.load_mask(sample),
        dataset.load_crop(sample, 0),
    )
    rgb_u8 = dataset.load_rgb(sample)
    assert (rgb_u8.shape, rgb_u8.dtype) == ((height, width, 3), np.uint8)
    assert depth_m is not None
    assert (depth_m.shape, depth_m.dtype) == ((height, width), np.float32)
    assert mask is not None
    assert (mask.shape, mask.dtype) == ((height, width), np.uint16)
    assert crop is not None
    assert (crop.shape, crop.dtype) == ((224, 224, 3), np.uint8)
    bare = sample.model_copy(update={"layers": {"image": sample.image}})
    assert dataset.load_depth_m(bare) is None
    assert dataset.load_mask(bare) is None


def test_it_says_what_it_is(tmp_path: Path) -> None:
    """Folder, kind, splits, classes, and whether anything is simulated, in one line."""
    real = make_info().made_by.model_copy(update={"simulated": False})
    fill(tmp_path / "a", 3)
    fill(tmp_path / "b", 3, made_by=real)
    dataset, other = DatasetReader(tmp_path / "a"), DatasetReader(tmp_path / "b")
    n = {split: len(dataset.of_split(split)) for split in ("train", "val", "test")}
    assert repr(dataset) == (
        f"<dataset {tmp_path / 'a'}: real, simulated, 3 samples ({n['train']} train, {n['val']} val, "
        f"{n['test']} test), classes {', '.join(dataset.info.classes)}>"
    )
    assert "simulated" not in repr(other)
