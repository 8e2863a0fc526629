"""A sample written again with layers that it got; all else is its own, and its files are linked."""

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from synth.dataset.carry import load_files
from synth.dataset.layers import LayerName
from synth.dataset.origin import Origin
from synth.dataset.reader import DatasetReader
from synth.dataset.record import Figure
from synth.dataset.sample import Draft, Sample
from synth.dataset.store import DatasetWriter


def write_labelled(
    writer: DatasetWriter,
    data: DatasetReader,
    sample: Sample,
    new: Mapping[LayerName, NDArray[Any]],
    origin: Origin,
    quality: Mapping[str, Figure],
) -> None:
    """``new`` in place of layers of those names, or beside the others; ``quality`` beside the sample's."""
    layers, files = load_files(data, sample)
    for name in new:
        files.pop(name, None)
    fields = {key: getattr(sample, key) for key in Draft.model_fields}
    draft = Draft.model_validate(
        fields
        | {
            "instances": tuple(instance.model_copy(update={"crop": None}) for instance in sample.instances),
            "origin": origin,
            "quality": {**sample.quality, **quality},
        }
    )
    crops = [None if i.crop is None else data.root / i.crop for i in sample.instances]
    writer.append(draft, layers={**layers, **new}, crops=crops if any(crops) else (), files=files)
