"""Samples carried from datasets into another: files are linked, and only what changes is encoded again."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from synth.dataset import codecs
from synth.dataset.classes import ClassChoice
from synth.dataset.folder import read_inside
from synth.dataset.info import DatasetInfo, SemanticInfo
from synth.dataset.layers import LAYERS, LayerName
from synth.dataset.origin import Origin, Step, Used
from synth.dataset.reader import DatasetReader
from synth.dataset.record import Name, Split
from synth.dataset.sample import Draft, Sample
from synth.dataset.store import DatasetWriter
from synth.errors import DatasetError

OnProgress = Callable[[str, int, int], None]
"""Told what is done, how many of it are done, and of how many."""


@dataclass(frozen=True, eq=False)
class Move:
    """A sample and what it becomes."""

    dataset: DatasetReader
    sample: Sample
    name: Name
    split: Split
    group: str | None


def carry(
    writer: DatasetWriter,
    moves: Sequence[Move],
    choice: ClassChoice,
    verb: str,
    on_progress: OnProgress,
    *,
    models: Mapping[str, Path] = MappingProxyType({}),
) -> int:
    """Write what is not there yet; how many samples were new.

    choice: what becomes of the instances. verb: the step that each sample's origin gains; its parent is the
    sample itself, in the split that it is dealt to. models: the file of each mesh. Raises
    DatasetError for a file that is not the one recorded, StorageError. KeyboardInterrupt leaves whole
    samples.
    """
    writer.add_models(models)
    carry_plates(writer, list(dict.fromkeys(move.dataset for move in moves)))
    done = writer.done_names()
    n_new = 0
    for i, move in enumerate(moves):
        on_progress("linking", i, len(moves))
        if move.name not in done:
            _carry_sample(writer, move, choice, verb)
            n_new += 1
    on_progress("linking", len(moves), len(moves))
    return n_new


def make_remap(found: SemanticInfo, wanted: SemanticInfo) -> NDArray[Any] | None:
    """The id that each id of a semantic map gets, [found.void + 1]; None where all stay as they are."""
    if wanted.void == found.void and wanted.names[: len(found.names)] == found.names:
        return None
    ids = np.full(found.void + 1, wanted.void, np.uint8 if wanted.void == 255 else np.uint16)
    ids[: len(found.names)] = [wanted.names.index(name) for name in found.names]
    return ids


def convert_depth(counts: NDArray[np.uint16], found_m: float, wanted_m: float) -> NDArray[np.uint16]:
    """Depth [H,W] in counts of ``wanted_m`` metres, not below ``found_m``; what is not missing stays so."""
    converted = np.rint(counts * (found_m / wanted_m))
    return np.where(counts > 0, np.maximum(converted, 1), 0).astype(np.uint16)


def scale_of(info: DatasetInfo) -> float | None:
    """Metres a count of depth, where that is known."""
    return None if info.camera is None else info.camera.depth_scale_m


def _carry_sample(writer: DatasetWriter, move: Move, choice: ClassChoice, verb: str) -> None:
    dataset, sample, info = move.dataset, move.sample, writer.info
    layers, files = load_files(dataset, sample)
    instances, mask, moved = choice.choose_instances(sample.instances, layers.get("mask"))
    changed: dict[LayerName, NDArray[Any]] = {}
    if mask is not None and mask is not layers["mask"]:
        changed["mask"] = mask
    if "semantic" in layers and dataset.info.semantic is not None and info.semantic is not None:
        ids = make_remap(dataset.info.semantic, info.semantic)
        if ids is not None:
            changed["semantic"] = ids[layers["semantic"]]
    if "depth" in layers and (counts := _depth(dataset.info, info, layers["depth"])) is not None:
        changed["depth"] = counts
    files |= {name: LAYERS[name].encode(layer) for name, layer in changed.items()}
    crops = [sample.instances[old].crop for old in moved]
    fields = {key: getattr(sample, key) for key in Draft.model_fields}
    draft = Draft.model_validate(
        fields
        | {
            "name": move.name,
            "split": move.split,
            "group": move.group,
            "instances": tuple(instance.model_copy(update={"crop": None}) for instance in instances),
            "origin": _origin(move, moved, verb),
        }
    )
    writer.append(
        draft,
        layers=layers | changed,
        crops=[None if crop is None else dataset.root / crop for crop in crops] if any(crops) else (),
        files=files,
    )


def load_files(
    dataset: DatasetReader, sample: Sample
) -> tuple[dict[LayerName, NDArray[Any]], dict[LayerName, Path | bytes]]:
    """The layers of a sample, and the file of each, to be linked; raises DatasetError for a file that is not
    the one recorded.
    """
    files: dict[LayerName, Path | bytes] = {}
    layers: dict[LayerName, NDArray[Any]] = {}
    for path in sample.files:
        dataset.load_file(sample, path)  # Raises where it is not the recorded one.
    for name, path in sample.layers.items():
        layer = dataset.load_layer(sample, name)
        assert layer is not None
        layers[name], files[name] = layer, dataset.root / path
    return layers, files


def list_used(sample: Sample) -> Iterable[Used]:
    """All that there is of a sample, which what carries it takes."""
    yield "pixels"
    if sample.instances or "semantic" in sample.layers:
        yield "labels"
    if sample.layers.keys() & {"mask", "semantic"}:
        yield "mask"
    if any(instance.T_cam_part is not None for instance in sample.instances):
        yield "pose"


def _depth(found: DatasetInfo, wanted: DatasetInfo, counts: NDArray[np.uint16]) -> NDArray[np.uint16] | None:
    """The counts in the scale that is wanted; None where they are in it already."""
    scales_m = scale_of(found), scale_of(wanted)
    if scales_m[0] is None or scales_m[1] is None or scales_m[0] == scales_m[1]:
        return None
    return convert_depth(counts, scales_m[0], scales_m[1])


def _origin(move: Move, moved: Mapping[int, int], verb: str) -> Origin:
    """A split that was dealt anew is that of every copy of the picture; the step says which it was."""
    sample = move.sample
    parent = move.dataset.as_parent(sample, *list_used(sample))
    parents = [*sample.origin.parents, parent]
    if move.split != sample.split:
        parents = [
            p.model_copy(update={"split": move.split}) if p.pixels_sha256 == sample.pixels_sha256 else p
            for p in parents
        ]
    steps = tuple(
        step if step.region == "all" else step.model_copy(update={"region": moved.get(step.region, "all")})
        for step in sample.origin.steps
    )
    params: dict[str, JsonValue] = {} if move.split == sample.split else {"was": sample.split}
    return Origin(parents=tuple(parents[:-1]), steps=steps).then(Step(verb=verb, params=params), parents[-1])


def carry_plates(writer: DatasetWriter, datasets: Sequence[DatasetReader]) -> None:
    """Write the plates that are not there yet, of the camera's size where there is one. The same pixels are
    encoded to the same bytes.
    """
    camera = writer.info.camera
    plates = [
        (dataset, plate, png)
        for dataset in datasets
        for plate in dataset.plates
        for png in (read_inside(dataset.root, plate.image),)
        if camera is None or codecs.png_size_wh(png) == tuple(camera.size_wh)
    ]
    for dataset, plate, png in plates[len(writer.plates) :]:
        rgb_u8 = codecs.decode_rgb(png, str(dataset.root / plate.image))
        if codecs.pixels_sha256(rgb_u8) != plate.pixels_sha256:
            raise DatasetError(
                f"{dataset.root / plate.image} is not the plate that its record says: "
                f"synth dataset verify {dataset.root} tells more"
            )
        depth = None
        if plate.depth is not None:
            where = str(dataset.root / plate.depth)
            depth = codecs.decode_u16(read_inside(dataset.root, plate.depth), where)
            converted = _depth(dataset.info, writer.info, depth)
            depth = depth if converted is None else converted
        writer.add_plate(rgb_u8, depth, inpainted=plate.inpainted)
