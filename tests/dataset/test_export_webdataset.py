"""The shards, read by tarfile alone as the webdataset library groups members."""

import json
import tarfile
from pathlib import Path

import cv2
import numpy as np

from synth.dataset.exports.webdataset import export_webdataset
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Instance


def read_groups(path: Path) -> list[tuple[str, dict[str, bytes]]]:
    """Neighbouring members with the same name up to the first dot, by what follows it."""
    groups: list[tuple[str, dict[str, bytes]]] = []
    with tarfile.open(path) as tar:
        for member in tar:
            assert (member.mtime, member.uid, member.gid, member.uname) == (0, 0, 0, "")
            key, _, extension = member.name.partition(".")
            if not groups or groups[-1][0] != key:
                groups.append((key, {}))
            groups[-1][1][extension] = tar.extractfile(member).read()
    return groups


def test_every_sample_comes_back(filled: Path, tmp_path: Path) -> None:
    """Image, depth and mask decode to the dataset's; the record gives instances, camera and depth's unit."""
    dataset = DatasetReader(filled)
    found = {}
    for path in export_webdataset(dataset, tmp_path / "out"):
        split = path.name.removesuffix("-000000.tar")
        for name, members in read_groups(path):
            found[name] = split
            sample = dataset[name]
            assert set(members) == {"png", "mask.png", "depth.png", "json"}
            pixels = {
                key: cv2.imdecode(np.frombuffer(members[key], np.uint8), cv2.IMREAD_UNCHANGED)
                for key in ("png", "mask.png", "depth.png")
            }
            assert np.array_equal(pixels["png"][..., ::-1], dataset.load_rgb(sample))
            assert np.array_equal(pixels["mask.png"], dataset.load_mask(sample))
            assert np.array_equal(pixels["depth.png"], dataset.load_depth_counts(sample))
            record = json.loads(members["json"])
            assert record["depth_scale_m"] == 0.00025
            assert np.array_equal(record["K"], sample.K)
            assert np.array_equal(record["T_base_cam"], sample.T_base_cam)
            assert {"layers", "sha256"}.isdisjoint(record)
            (instance,) = record["instances"]
            assert Instance(**instance) == sample.instances[0].model_copy(update={"crop": None})
    assert found == {s.name: s.split for s in dataset}


def test_shards_are_about_as_large_as_asked(filled: Path, tmp_path: Path) -> None:
    """No shard exceeds its size by more than its headers, unless one sample does; none is lost."""
    dataset = DatasetReader(filled)
    paths = export_webdataset(dataset, tmp_path / "out", shard_mb=0.1)
    assert len(paths) > 4
    assert all(len(read_groups(p)) == 1 or p.stat().st_size < 0.13e6 for p in paths)
    assert sum(len(read_groups(p)) for p in paths) == 12
    smallest = export_webdataset(dataset, tmp_path / "one", shard_mb=1e-6)
    assert [len(read_groups(p)) for p in smallest] == [1] * 12


def test_the_same_dataset_gives_the_same_bytes(filled: Path, tmp_path: Path) -> None:
    """Two exports are equal byte for byte, whenever and under whatever name they are made."""
    dataset = DatasetReader(filled)
    a, b = (export_webdataset(dataset, tmp_path / name) for name in ("a", "b"))
    assert [p.read_bytes() for p in a] == [p.read_bytes() for p in b]
