"""Which samples a translator learns from and is chosen by, as its checkpoint lists them."""

from collections.abc import Sequence

from synth.dataset.origin import Reading, Role, Used
from synth.dataset.reader import DatasetReader
from synth.dataset.record import Split
from synth.dataset.sample import Sample
from synth.gan.methods import METHODS
from synth.gan.patches import TAKEN


def list_readings(
    method: str, sim: DatasetReader, real: DatasetReader, *, is_chosen: bool
) -> tuple[Reading, ...]:
    """What a method learns from, and what it is chosen by where there are several to choose among."""
    uses: dict[Split, tuple[Role, tuple[Used, ...]]] = {"train": ("made", METHODS[method]().reads)}
    if is_chosen:
        uses["val"] = ("chosen", TAKEN)
    readings = (
        reading
        for split, (role, used) in uses.items()
        for dataset in (sim, real)
        if used
        for reading in dataset.trace_readings(
            dataset.of_split(split), *_list_there(used, dataset.of_split(split)), role=role
        )
    )
    return tuple(dict.fromkeys(readings))


def _list_there(used: Sequence[Used], samples: Sequence[Sample]) -> list[Used]:
    """Without masks where no sample has one: what is not there was not read."""
    has_masks = any(sample.mask is not None for sample in samples)
    return [what for what in used if what != "mask" or has_masks]
