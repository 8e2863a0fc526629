"""A translated picture and the labels of its source, as a sample; whoever translated it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synth.dataset.codecs import Rgb
from synth.dataset.crops import recut
from synth.dataset.info import DatasetInfo, MadeBy
from synth.dataset.layers import LayerName
from synth.dataset.origin import Origin, Step, Used, merge_parents
from synth.dataset.reader import DatasetReader
from synth.dataset.record import Figure, Kind
from synth.dataset.sample import Draft, Sample
from synth.dataset.store import DatasetWriter
from synth.witness.drift import FrameDrift

KEPT = ("scenario", "analysis_only")


def describe_translated(source: DatasetReader, made_by: MadeBy, kind: Kind = "translated") -> DatasetInfo:
    """dataset.json of translations or paintings of ``source``, whose labels they keep."""
    info = source.info
    return DatasetInfo(
        kind=kind,
        classes=info.classes,
        semantic=info.semantic,
        flip_pairs=info.flip_pairs,
        camera=info.camera,
        part=info.part,
        models=info.models,
        box_kind=info.box_kind,
        made_by=made_by,
    )


def list_figures(sample: Sample, drift: FrameDrift) -> dict[str, Figure]:
    """The ``quality`` of a translation: what is still so of its source, and how far its labels moved."""
    return {key: sample.quality[key] for key in KEPT if key in sample.quality} | drift.figures()


def keep(
    writer: DatasetWriter,
    source: DatasetReader,
    sample: Sample,
    translated_u8: Rgb,
    steps: Sequence[Step],
    *,
    used: Sequence[Used] = ("pixels", "labels"),
    share_u8: NDArray[np.uint8] | None = None,
    semantic: NDArray[np.unsignedinteger[Any]] | None = None,
    quality: Mapping[str, Figure],
    timing: Mapping[str, float] | None = None,
    file: Path | None = None,
) -> None:
    """Write one: labels, layers, split and group are the sample's, crops are cut from the new picture.

    steps: what was done to the sample. used: what of it, besides its mask. share_u8: [H,W], the layer
    ``made``, of a picture of which not all was made. semantic: [H,W], a label map in
    place of the sample's. file: one that holds just this picture, if there is one. Raises
    DatasetError for a file of the source that is not the one recorded, StorageError.
    """
    parent = source.as_parent(sample, *used, *(("mask",) if sample.mask else ()))
    told = ("instances", "origin", "quality", "timing")
    kept = {key: getattr(sample, key) for key in Draft.model_fields if key not in told}
    files: dict[LayerName, Path | bytes] = {
        name: source.load_file(sample, path)
        for name, path in sample.layers.items()
        if name not in ("image", "made") and (name != "semantic" or semantic is None)
    }
    if file is not None:
        files["image"] = file
    labels = source.load_labels(sample) | ({} if semantic is None else {"semantic": semantic})
    made_before = labels.pop("made", None)
    made: dict[LayerName, NDArray[np.uint8]] = {}
    if share_u8 is not None:
        made["made"] = share_u8 if made_before is None else np.maximum(share_u8, made_before)
    writer.append(
        Draft(
            **kept,
            instances=tuple(i.model_copy(update={"crop": None}) for i in sample.instances),
            origin=Origin(
                parents=merge_parents(*sample.origin.parents, parent), steps=(*sample.origin.steps, *steps)
            ),
            quality=dict(quality),
            timing=dict(timing or {}),
        ),
        layers={"image": translated_u8, **labels, **made},
        files=files,
        crops=recut(sample, translated_u8),
    )
