"""Shards of the WebDataset convention: tar files whose members belong together by name up to the first dot.

Of each sample NAME.png (or .jpg) is the image, NAME.LAYER.png every other layer as it is (NAME.depth.png,
16-bit depth along z; NAME.mask.png, instance index + 1; …), and NAME.json the record: instances, K,
T_base_cam and all else that samples.jsonl says of it but its files, with ``depth_scale_m``, metres a count,
beside depth.
``info.json`` is the dataset's description. The same dataset gives the same bytes.

The library's own image decoders make 8-bit colour of every PNG: read the layers from their bytes with
``cv2.imdecode(…, cv2.IMREAD_UNCHANGED)``.
"""

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from synth.dataset.exports.folder import new_folder
from synth.dataset.folder import read_inside
from synth.dataset.reader import DatasetReader
from synth.dataset.record import SPLITS, Split
from synth.dataset.sample import Sample
from synth.storage.atomic import replacing, write_bytes

_FILES: dict[str, Any] = {
    **dict.fromkeys(("layers", "sha256"), True),
    "instances": {"__all__": {"crop"}},
}


def export_webdataset(dataset: DatasetReader, out: Path, *, shard_mb: float = 256.0) -> list[Path]:
    """Write ``out/SPLIT-000000.tar`` … and ``out/info.json``; return the shards.

    shard_mb: about how large a shard gets, in 10⁶ bytes; every shard has one sample or more. Raises
    InputError when ``out`` holds anything, DatasetError when a file is missing, StorageError.
    """
    written = []
    with new_folder(dataset, out) as folder:
        for split in SPLITS:
            for number, samples in enumerate(_shards(dataset, split, shard_mb * 1e6)):
                written.append(out / f"{split}-{number:06d}.tar")
                with (
                    replacing(folder / written[-1].name) as file,
                    tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar,
                ):
                    for sample in samples:
                        for name, content in sorted(_members(dataset, sample).items()):
                            member = tarfile.TarInfo(name)
                            member.size = len(content)
                            tar.addfile(member, io.BytesIO(content))
        info = dataset.info.model_dump_json(indent=2, exclude_none=True) + "\n"
        write_bytes(folder / "info.json", info.encode())
    return written


def _shards(dataset: DatasetReader, split: Split, limit_bytes: float) -> Iterator[list[Sample]]:
    shard: list[Sample] = []
    n_bytes = 0
    for sample in dataset.of_split(split):
        files = [dataset.root / path for path in _paths(sample).values()]
        size = sum(file.stat().st_size for file in files if file.is_file())
        if shard and n_bytes + size > limit_bytes:
            yield shard
            shard, n_bytes = [], 0
        shard.append(sample)
        n_bytes += size
    if shard:
        yield shard


def _paths(sample: Sample) -> dict[str, str]:
    suffixes = {name: PurePosixPath(path).suffix[1:] for name, path in sample.layers.items()}
    return {
        suffixes[name] if name == "image" else f"{name}.{suffixes[name]}": path
        for name, path in sample.layers.items()
    }


def _members(dataset: DatasetReader, sample: Sample) -> dict[str, bytes]:
    record = sample.model_dump(mode="json", exclude_none=True, exclude=_FILES)
    if sample.depth is not None and dataset.info.camera is not None:
        record["depth_scale_m"] = dataset.info.camera.depth_scale_m
    members = {
        f"{sample.name}.{extension}": read_inside(dataset.root, path)
        for extension, path in _paths(sample).items()
    }
    members[f"{sample.name}.json"] = json.dumps(record, allow_nan=False).encode()
    return members
