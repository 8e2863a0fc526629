"""COCO detection and segmentation, as pycocotools reads it: one JSON and one folder of images a split.

Boxes are xywh pixels of the dataset's box kind; segmentations are uncompressed run lengths of the masks, and
areas are mask areas. Instances too hidden for a YOLO line are left out here too.
"""

import json
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from synth.dataset.exports.folder import link_from, new_folder
from synth.dataset.reader import DatasetReader
from synth.dataset.record import KIND_WORDS, SPLITS, Split
from synth.dataset.rle import encode_rle
from synth.dataset.sample import MIN_VISIBLE_FOR_LABEL, Sample
from synth.storage.atomic import write_bytes


def export_coco(dataset: DatasetReader, out: Path) -> list[Path]:
    """Write ``out/SPLIT/NAME.png`` and ``out/annotations/instances_SPLIT.json``; return the JSON files.

    Images are hard links to the dataset's where the disk allows it. Raises InputError when ``out`` holds
    anything, DatasetError when a file is missing or cannot be read, StorageError.
    """
    names = [f"annotations/instances_{split}.json" for split in SPLITS]
    with new_folder(dataset, out) as folder:
        for split, name in zip(SPLITS, names, strict=True):
            for sample in dataset.of_split(split):
                link_from(dataset, sample.image, folder / split / _file_name(sample))
            document = _make_document(dataset, split)
            write_bytes(folder / name, json.dumps(document, allow_nan=False).encode())
    return [out / name for name in names]


def _file_name(sample: Sample) -> str:
    return PurePosixPath(sample.image).name


def _make_document(dataset: DatasetReader, split: Split) -> dict[str, Any]:
    info = dataset.info
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image_id, sample in enumerate(dataset.of_split(split), start=1):
        width, height = sample.size_wh
        images.append({"id": image_id, "file_name": _file_name(sample), "width": width, "height": height})
        for annotation in _annotations_of(dataset, sample):
            annotations.append({"id": len(annotations) + 1, "image_id": image_id, **annotation})
    return {
        "info": {
            "description": f"{KIND_WORDS[info.kind]} images{', simulated' if info.made_by.simulated else ''}",
            "version": str(info.schema_version),
            "box_kind": info.box_kind,
        },
        "licenses": [],
        "categories": [{"id": i, "name": name} for i, name in enumerate(info.classes, start=1)],
        "images": images,
        "annotations": annotations,
    }


def _annotations_of(dataset: DatasetReader, sample: Sample) -> list[dict[str, Any]]:
    mask = dataset.load_mask(sample)
    annotations = []
    for i, instance in enumerate(sample.instances):
        if instance.visib_fract < MIN_VISIBLE_FOR_LABEL:
            continue
        x0, y0, x1, y1 = instance.box_of(dataset.info.box_kind)
        annotation: dict[str, Any] = {
            "category_id": dataset.info.classes.index(instance.class_name) + 1,
            "bbox": [x0, y0, x1 - x0, y1 - y0],
            "area": (x1 - x0) * (y1 - y0),
            "iscrowd": 0,
        }
        if mask is not None:
            annotation["segmentation"] = encode_rle(mask == i + 1)
            annotation["area"] = float(np.count_nonzero(mask == i + 1))
        annotations.append(annotation)
    return annotations
