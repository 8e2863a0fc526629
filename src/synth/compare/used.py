"""What of real images a mix was made with and learnt from, as the datasets' own records say.

A renderer may have read poses and masks, a composite what was cut out, a translator the look of captured
images and the labels that it was chosen by: all counts, not only what the network itself is given.
"""

from collections.abc import Iterable

from synth.compare.figures import RealRead
from synth.compare.mixes import REAL
from synth.compare.plan import Plan, Trial
from synth.dataset.origin import REAL_KINDS, USES, Origin, Used, find_real
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample

Read = dict[Used, set[tuple[str, str]]]


def find_real_read(plan: Plan, trial: Trial) -> RealRead | None:
    """How many real images stand behind a trial: its data, its training and the choice of its weights.

    None where a dataset does not tell, as those of older versions do not.
    """
    found: Read = {use: set() for use in USES}
    for portion in (portion for stage in plan.spec(trial).stages for portion in stage):
        reader = plan.open(portion.root)
        train, val = portion.samples(reader, trial.seed)
        read = _find_behind(reader, (*train, *val))
        if read is None:
            return None
        _add(found, read)
    if plan.choose == "real-val":
        real = plan.reader(trial.contest.task, REAL)
        _add(found, _read_whole(real, real.of_split("val")))
    return RealRead(
        images=len(set().union(*found.values())),
        labels=len(found["labels"]),
        masks=len(found["mask"]),
        poses=len(found["pose"]),
    )


def _find_behind(reader: DatasetReader, samples: Iterable[Sample]) -> Read | None:
    samples, readings = tuple(samples), reader.info.made_by.readings
    if reader.info.kind not in REAL_KINDS:
        return find_real((sample.origin for sample in samples), readings)
    # Of pictures that are real themselves only a network that labelled them may stand behind.
    behind = find_real((Origin(steps=sample.origin.steps) for sample in samples), readings)
    if behind is not None:
        _add(behind, _read_whole(reader, samples))
    return behind


def _read_whole(reader: DatasetReader, samples: Iterable[Sample]) -> Read:
    found: Read = {use: set() for use in USES}
    for sample in samples:
        labels: Used = "pseudo-labels" if sample.origin.is_pseudo_labelled else "labels"
        for use in ("pixels", labels):
            found[use].add((reader.name, sample.name))
    return found


def _add(found: Read, more: Read) -> None:
    for use, places in more.items():
        found[use] |= places
