"""Label maps of captured pictures by geometry: those of their twins, which stand in the same poses.

A twin's map is as true as the cell's calibration and bodies are; nobody looked at the picture.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from pydantic import JsonValue

from synth.compute.progress import Progress
from synth.compute.versions import list_versions
from synth.dataset.carry import carry_plates, convert_depth, list_used, scale_of
from synth.dataset.classes import ALL_CLASSES
from synth.dataset.folder import refuse_other_kind
from synth.dataset.info import DatasetInfo, MadeBy
from synth.dataset.layers import LayerName
from synth.dataset.origin import LABEL_VERB, Step
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.dataset.store import DatasetWriter
from synth.errors import InputError
from synth.label.write import write_labelled

TAKEN: tuple[LayerName, ...] = ("semantic", "depth", "normals")
"""What a picture gets from its twin, where the twin has it; depth in place of the sensor's, without holes."""

_PACKAGES = ("synth-robotics", "numpy", "opencv-python")


@dataclass(frozen=True, eq=False)
class TwinSettings:
    """data: captured pictures. maps: twins of them with label maps. out: the dataset that is written."""

    data: DatasetReader
    maps: DatasetReader
    out: Path


@dataclass(frozen=True)
class TwinLabelled:
    """What is there now. n_labelled: samples with a twin's map; the others have none. n_new: of this call."""

    n_samples: int
    n_labelled: int
    n_new: int


def label_by_twins(settings: TwinSettings, make_progress: Callable[[str, str], Progress]) -> TwinLabelled:
    """Write every captured sample, those that have a twin with its layers, or go on with that.

    Boxes, masks, normals of faces and splits are the sample's own. Raises InputError where no twin is found,
    DatasetError for an ``out`` that was made otherwise, StorageError. KeyboardInterrupt leaves whole samples;
    the same call goes on.
    """
    data, maps, out = settings.data, settings.maps, settings.out
    twins = find_twins(data, maps)
    refuse_other_kind(out, data.info.kind)
    progress = make_progress(LABEL_VERB, "pictures")
    with DatasetWriter.create_or_resume(out, _describe(data, maps)) as writer:
        writer.add_models(data.meshes)
        carry_plates(writer, [data])
        done = writer.done_names()
        todo = [sample for sample in data.samples if sample.name not in done]
        progress.begin(total=len(data.samples), done=len(data.samples) - len(todo))
        try:
            for sample in todo:
                _write(writer, data, sample, maps, twins.get(sample.name))
                progress.accepted(sample.name)
        finally:
            progress.end()
        return TwinLabelled(len(writer.samples), len(twins), len(todo))


def find_twins(data: DatasetReader, maps: DatasetReader) -> Mapping[str, Sample]:
    """The twin of each sample that has one, by its name and pixels; raises InputError where there is none."""
    twins = {sample.name: sample for sample in maps.samples if "semantic" in sample.layers}
    found = {}
    for sample in data.samples:
        twin = twins.get(sample.name)
        if twin is not None and any(
            (parent.name, parent.pixels_sha256) == (sample.name, sample.pixels_sha256)
            and "pose" in (parent.used or ())
            for parent in twin.origin.parents
        ):
            found[sample.name] = twin
    if not found:
        n = sum(sample.split != "test" for sample in data.samples)
        raise InputError(
            f"{maps.root} has no label map of a twin of any picture in {data.root}: synth render --maps-only "
            f"--real {data.root} --share twin={n} makes those of all that do not test"
        )
    return found


def _write(
    writer: DatasetWriter, data: DatasetReader, sample: Sample, maps: DatasetReader, twin: Sample | None
) -> None:
    own = data.as_parent(sample, *list_used(sample))
    if twin is None:
        write_labelled(writer, data, sample, {}, sample.origin.then(Step(verb=LABEL_VERB), own), {})
        return
    step = Step(verb=LABEL_VERB, method="twin", params={"maps": maps.name})
    origin = sample.origin.then(step, own, maps.as_parent(twin, "labels"))
    write_labelled(writer, data, sample, _take_layers(maps, twin, scale_of(writer.info)), origin, {})


def _take_layers(maps: DatasetReader, twin: Sample, scale_m: float | None) -> dict[LayerName, NDArray[Any]]:
    found: dict[LayerName, NDArray[Any]] = {}
    for name in TAKEN:
        if (layer := maps.load_layer(twin, name)) is not None:
            found[name] = layer
    own_m = scale_of(maps.info)
    if "depth" in found:
        if scale_m is None or own_m is None:
            del found["depth"]
        elif scale_m != own_m:
            found["depth"] = convert_depth(found["depth"], own_m, scale_m)
    return found


def _describe(data: DatasetReader, maps: DatasetReader) -> DatasetInfo:
    info, semantic = data.info, maps.info.semantic
    assert semantic is not None
    source: dict[str, JsonValue] = {
        "dataset": data.name,
        "samples": len(data.samples),
        "sha256": data.digest(),
    }
    twins: dict[str, JsonValue] = {"dataset": maps.name, "sha256": maps.digest()}
    return info.model_copy(
        update={
            "semantic": semantic,
            "flip_pairs": ALL_CLASSES.choose_pairs(info.flip_pairs, info.classes, semantic.names),
            "made_by": MadeBy(
                verb=LABEL_VERB,
                config={"source": source, "twins": twins},
                versions=list_versions(_PACKAGES),
                devices=info.made_by.devices,
                calibration=info.made_by.calibration,
                parents=(data.name, maps.name),
                readings=tuple(dict.fromkeys((*info.made_by.readings, *maps.info.made_by.readings))),
                simulated=info.made_by.simulated,
            ),
        }
    )
