"""verify: silent when all is well, and each kind of damage is found and named."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from dataset_scene import fill

from synth.dataset import codecs
from synth.dataset.reader import DatasetReader
from synth.dataset.verify import verify
from synth.errors import DatasetError


def flip_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def edit_line(root: Path, name: str, change: Callable[[dict], object]) -> None:
    """Change one record of samples.jsonl."""
    lines = [json.loads(line) for line in (root / "samples.jsonl").read_text().splitlines()]
    for line in lines:
        if line["name"] == name:
            change(line)
    (root / "samples.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def swap(root: Path, path: str, content: bytes) -> None:
    """Replace a file and its recorded hash, so that only what it shows is wrong."""
    (root / path).write_bytes(content)
    name = Path(path).stem[:6]
    edit_line(root, name, lambda line: line["sha256"].update({path: codecs.file_sha256(content)}))


def swap_in_another_size(root: Path) -> None:
    swap(root, "depth/000002.png", codecs.encode_depth(np.zeros((10, 20), np.uint16)))


def swap_in_another_mask(root: Path) -> None:
    swap(root, "masks/000002.png", codecs.encode_mask(np.full((120, 160), 7, np.uint16)))


def swap_in_other_pixels(root: Path) -> None:
    swap(root, "images/000002.png", codecs.encode_rgb(np.zeros((120, 160, 3), np.uint8)))


def swap_in_a_grey_crop(root: Path) -> None:
    swap(root, "crops/000002_0.png", cv2.imencode(".png", np.zeros((224, 224), np.uint8))[1].tobytes())


def repeat_a_line(root: Path) -> None:
    log = root / "samples.jsonl"
    log.write_bytes(log.read_bytes() + log.read_bytes().splitlines(keepends=True)[2])


def drop_depth_scale(root: Path) -> None:
    info = json.loads((root / "dataset.json").read_text())
    del info["camera"]["depth_scale_m"]
    (root / "dataset.json").write_text(json.dumps(info))


DAMAGE: list[tuple[Callable[[Path], object], str]] = [
    (lambda r: flip_byte(r / "images/000002.png"), "images/000002.png: was changed"),
    (lambda r: flip_byte(r / "depth/000002.png"), "depth/000002.png: was changed"),
    (lambda r: flip_byte(r / "masks/000002.png"), "masks/000002.png: was changed"),
    (lambda r: flip_byte(r / "crops/000002_0.png"), "crops/000002_0.png: was changed"),
    (lambda r: flip_byte(r / "plates/000000.png"), "plates/000000.png: was changed"),
    (lambda r: flip_byte(r / "plates/000000_depth.png"), "plates/000000_depth.png: was changed"),
    (lambda r: flip_byte(r / "rejected/000000_image.png"), "rejected/000000_image.png: was changed"),
    (lambda r: (r / "images/000002.png").unlink(), "images/000002.png: is missing"),
    (lambda r: (r / "labels/000002.txt").write_text("0 0.5 0.5 1 1\n"), "labels/000002.txt: is not what"),
    (lambda r: (r / "labels/000002.txt").unlink(), "labels/000002.txt: is missing"),
    (lambda r: (r / "normals.txt").write_text("Name\n"), "normals.txt: is not what"),
    (lambda r: (r / "data.yaml").write_text("names: []\n"), "data.yaml: is not what"),
    (lambda r: (r / "test.txt").write_text(""), "test.txt: is not what"),
    (lambda r: (r / "images/000099.png").write_bytes(b"x"), "images/000099.png: belongs to no record"),
    (lambda r: (r / "labels/000099.txt").write_bytes(b"x"), "labels/000099.txt: belongs to no record"),
    (lambda r: (r / "images/.000099.png.synth-partial").write_bytes(b"x"), "is an unfinished write"),
    (lambda r: (r / "dataset.json").write_text("{}"), "dataset.json: kind: Field required"),
    (lambda r: (r / "samples.jsonl").open("a").write("{"), "samples.jsonl: its last line is torn"),
    (lambda r: (r / "samples.jsonl").open("a").write("[]\n"), "samples.jsonl:13: Input should be an object"),
    (lambda r: edit_line(r, "000002", lambda s: s.update(split="tset")), "samples.jsonl:3: split"),
    (
        lambda r: edit_line(r, "000002", lambda s: s["instances"][0].update(box_xyxy_px=[0, 0, 161, 9])),
        "samples.jsonl:3: Value error, instances.0.box_xyxy_px leaves the 160×120 image",
    ),
    (
        lambda r: edit_line(r, "000002", lambda s: s["instances"][0].update(class_name="lid")),
        "samples.jsonl 000002: class 'lid' is not among",
    ),
    (swap_in_another_size, "depth/000002.png: is 20×10, recorded as 160×120"),
    (swap_in_another_mask, "masks/000002.png: has value 7, but the sample has 1 instances"),
    (swap_in_another_mask, "masks/000002.png: shows nothing of instance 0"),
    (swap_in_other_pixels, "images/000002.png: its pixels are not the recorded ones"),
    (swap_in_a_grey_crop, "crops/000002_0.png: is not an 8-bit RGB image"),
    (repeat_a_line, "samples.jsonl 000002: stands there more than once"),
    (drop_depth_scale, "depth/000002.png: has no unit"),
]


@pytest.mark.parametrize(("damage", "finding"), DAMAGE, ids=[finding for _, finding in DAMAGE])
def test_damage_is_found(filled: Path, damage: Callable[[Path], object], finding: str) -> None:
    """Each damage is reported with its file; the sound dataset had nothing to report."""
    assert verify(filled) == []
    damage(filled)
    assert any(finding in str(found) for found in verify(filled)), verify(filled)


def test_the_same_picture_twice_is_found(tmp_path: Path) -> None:
    """Identical pixels under two names are reported with both splits."""
    from dataset_scene import make_info, make_shot

    from synth.dataset.store import DatasetWriter

    with DatasetWriter.create_or_resume(tmp_path, make_info()) as writer:
        for i, split in enumerate(("train", "test")):
            draft, arrays = make_shot(0, np.random.default_rng(0))
            writer.append(draft.model_copy(update={"name": f"{i:06d}", "split": split}), **arrays)
    assert [str(f) for f in verify(tmp_path)] == [
        "images/000001.png: shows the very pixels of images/000000.png (splits test and train)"
    ]


def test_progress_reaches_the_end(filled: Path) -> None:
    """The progress callback counts every sample once."""
    calls: list[tuple[int, int]] = []
    verify(filled, on_progress=lambda done, total: calls.append((done, total)))
    assert calls == [(i, 12) for i in range(1, 13)]


def test_no_dataset_is_an_input_error(tmp_path: Path) -> None:
    """A folder that is no dataset is refused, not verified."""
    with pytest.raises(DatasetError, match=r"no dataset at .*: synth capture --out"):
        verify(tmp_path)


def test_a_moved_dataset_is_the_same_dataset(tmp_path: Path) -> None:
    """Nothing in a dataset depends on where it lies."""
    fill(tmp_path / "a", 3)
    (tmp_path / "a").rename(tmp_path / "b")
    assert verify(tmp_path / "b") == []
    assert len(DatasetReader(tmp_path / "b")) == 3
