"""IDX files of digits: what comes in, and what is refused."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from synth.dataset.imports.mnist import MnistSettings, import_mnist, read_idx
from synth.dataset.reader import DatasetReader
from synth.dataset.verify import verify
from synth.errors import InputError

Bytes = np.ndarray


def idx(array: Bytes) -> bytes:
    """An array of bytes as an IDX file has it."""
    return (
        struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()
    )


@pytest.fixture
def digits(tmp_path: Path) -> tuple[Path, Bytes]:
    """A folder of 20 train digits, zipped, and 6 test digits, not; and the pictures of the former."""
    rng, folder = np.random.default_rng(0), tmp_path / "mnist"
    folder.mkdir()
    pictures = rng.integers(0, 256, (26, 5, 4)) * (rng.random((26, 5, 4)) < 0.5)
    for name, rows in (("train", slice(0, 20)), ("t10k", slice(20, 26))):
        for kind, array in (("images-idx3", pictures[rows]), ("labels-idx1", np.arange(26)[rows] % 3)):
            content = idx(array)
            is_zipped = name == "train"
            path = folder / f"{name}-{kind}-ubyte{'.gz' * is_zipped}"
            path.write_bytes(gzip.compress(content) if is_zipped else content)
    return folder, pictures


def test_a_digit_has_its_picture_mask_and_coverage(digits: tuple[Path, Bytes], tmp_path: Path) -> None:
    """Padded with black; the box is the whole picture, the mask what is not black, alpha how bright it is."""
    folder, pictures = digits
    import_mnist(MnistSettings(folder, tmp_path / "out", pad_px=2, train=10, val=4, test=5))
    dataset = DatasetReader(tmp_path / "out")
    assert {split: len(dataset.of_split(split)) for split in ("train", "val", "test")} == {
        "train": 10,
        "val": 4,
        "test": 5,
    }
    assert dataset.info.classes == ("0", "1", "2")
    sample = dataset["000019"]
    assert sample.split == "val"
    (instance,) = sample.instances
    assert (instance.class_name, instance.box_xyxy_px) == ("1", (0, 0, 8, 9))
    padded = np.pad(pictures[19], 2)
    np.testing.assert_array_equal(dataset.load_rgb(sample), np.repeat(padded[..., None], 3, axis=2))
    np.testing.assert_array_equal(dataset.load_mask(sample), padded > 0)
    np.testing.assert_array_equal(dataset.load_layer(sample, "alpha"), padded)
    assert verify(tmp_path / "out") == []
    again = import_mnist(MnistSettings(folder, tmp_path / "out", pad_px=2, train=10, val=4, test=5))
    assert again.n_new == 0


def test_without_limits_a_tenth_of_the_train_file_validates(
    digits: tuple[Path, Bytes], tmp_path: Path
) -> None:
    """Its end; the rest trains, and the whole test file tests. Near copies are accepted, and told."""
    import_mnist(MnistSettings(digits[0], tmp_path / "out"))
    dataset = DatasetReader(tmp_path / "out")
    assert [s.name for s in dataset.of_split("val")] == ["000018", "000019"]
    assert (len(dataset.of_split("train")), len(dataset.of_split("test"))) == (18, 6)
    assert "look alike" in str(dataset.info.near_copies_accepted)


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"train": 18, "val": 3}, "the train file has 20 digits, fewer than 18 to train and 3 to validate"),
        ({"test": 7}, "the test file has 6 digits, fewer than 7"),
        ({"train": 0}, "--train must be 1 or more, got 0"),
        ({"pad_px": -1}, "--pad must be 0 to 512 pixels, got -1"),
    ],
)
def test_more_than_there_is_is_refused(
    digits: tuple[Path, Bytes], tmp_path: Path, limits: dict[str, int], said: str
) -> None:
    """With what there is."""
    with pytest.raises(InputError, match=said):
        import_mnist(MnistSettings(digits[0], tmp_path / "out", **limits))
    assert not (tmp_path / "out").exists()


FEW = np.zeros((2, 3, 3))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "begins with nothing, and an IDX file of bytes in 3 dimensions with 00 00 08 03"),
        (b"\x89PNG\r\n", "begins with 89 50 4e 47"),
        (idx(np.zeros(4)), "begins with 00 00 08 01"),
        (idx(FEW)[:-1], "promises 18 bytes and holds 17: copy it again"),
        (idx(FEW) + b"0", "promises 18 bytes and holds more"),
        (
            struct.pack(">HBB3I", 0, 8, 3, 2**31, 2**31, 9),
            "says that it holds .*, and 1 to 1073741824 can be read",
        ),
        (idx(np.zeros((0, 3, 3))), "says that it holds 0×3×3 bytes"),
    ],
)
@pytest.mark.parametrize("zipped", [False, True])
def test_a_file_that_is_no_idx_is_one_sentence(
    tmp_path: Path, content: bytes, said: str, zipped: bool
) -> None:
    """Another magic number, a torn or longer file, one that promises too much; zipped or not."""
    path = tmp_path / f"train-images-idx3-ubyte{'.gz' * zipped}"
    path.write_bytes(gzip.compress(content) if zipped else content)
    with pytest.raises(InputError, match=said):
        read_idx(path, 3)


def test_a_bomb_is_not_unzipped(tmp_path: Path) -> None:
    """No more is read than the header promises and a byte."""
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(idx(FEW) + bytes(50_000_000), 1))
    with pytest.raises(InputError, match="promises 18 bytes and holds more"):
        read_idx(path, 3)
    torn = tmp_path / "torn.gz"
    torn.write_bytes(gzip.compress(idx(FEW))[:-12])
    with pytest.raises(InputError, match=r"torn\.gz cannot be read"):
        read_idx(torn, 3)


def test_pictures_and_labels_go_together(digits: tuple[Path, Bytes], tmp_path: Path) -> None:
    """As many of both, in one folder with all four."""
    folder = digits[0]
    (folder / "t10k-labels-idx1-ubyte").write_bytes(idx(np.zeros(5)))
    with pytest.raises(InputError, match=r"t10k-images-idx3-ubyte holds 6 pictures and .* 5 labels"):
        import_mnist(MnistSettings(folder, tmp_path / "out"))
    (folder / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(InputError, match=r"has no t10k-labels-idx"):
        import_mnist(MnistSettings(folder, tmp_path / "out"))


def test_a_digit_that_is_there_twice_is_taken_once(digits: tuple[Path, Bytes], tmp_path: Path) -> None:
    """The test one stays; the other is named with why it is not there."""
    folder, pictures = digits
    twice = np.concatenate([pictures[:7], pictures[22:23], pictures[8:20]])
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(twice)))
    summary = import_mnist(MnistSettings(folder, tmp_path / "out"))
    assert summary.splits == {"train": 17, "val": 2, "test": 6}
    (misfit,) = summary.misfits
    assert str(misfit).endswith("ubyte.gz 7: shows just the pixels of sample 000022: take it out")
