"""What dataset.json says of label maps that networks made, and of who taught these."""

from collections.abc import Sequence

from pydantic import JsonValue

from synth.compute.versions import list_versions
from synth.dataset.classes import ALL_CLASSES
from synth.dataset.codecs import file_sha256
from synth.dataset.info import DatasetInfo, MadeBy
from synth.dataset.origin import LABEL_VERB, Reading
from synth.label.labeller import Labeller
from synth.label.settings import LabelSettings
from synth.label.truth import Truth
from synth.label.verdict import Verdict

_PACKAGES = ("synth-robotics", "numpy", "opencv-python", "torch")


def to_config(settings: LabelSettings, labellers: Sequence[Labeller]) -> dict[str, JsonValue]:
    """What a dataset that is gone on with must share."""
    data, truth = settings.data, settings.truth
    return {
        "source": {"dataset": data.name, "samples": len(settings.pictures), "sha256": data.digest()},
        "runs": [{"run": one.run, "sha256": one.trained.sha256} for one in labellers],
        "min_confidence": settings.min_confidence,
        "map_sha256": None if settings.table is None else file_sha256(settings.table.read_bytes()),
        "truth": None if truth is None else {"dataset": truth.name, "sha256": truth.digest()},
    }


def describe(
    settings: LabelSettings,
    config: dict[str, JsonValue],
    labellers: Sequence[Labeller],
    truth: Truth | None,
    verdict: Verdict,
) -> DatasetInfo:
    """dataset.json: that of the pictures, with the classes of the labels and how these came to be."""
    info, wanted = settings.data.info, labellers[0].semantic
    return info.model_copy(
        update={
            "semantic": wanted,
            "flip_pairs": ALL_CLASSES.choose_pairs(info.flip_pairs, info.classes, wanted.names),
            "near_copies_accepted": None,
            "made_by": MadeBy(
                verb=LABEL_VERB,
                config=config,
                versions=list_versions(_PACKAGES),
                devices=info.made_by.devices,
                calibration=info.made_by.calibration,
                parents=(settings.data.name,),
                readings=_list_readings(settings, labellers, truth, verdict),
                simulated=info.made_by.simulated,
                figures=verdict.to_figures(),
            ),
        }
    )


def _list_readings(
    settings: LabelSettings, labellers: Sequence[Labeller], truth: Truth | None, verdict: Verdict
) -> tuple[Reading, ...]:
    """What taught and chose the network that labels, and what it was chosen by: people's labels or, where
    there were none, those that taught the networks it was held against.
    """
    told: list[Reading] = [*settings.data.info.made_by.readings]
    for one in labellers:
        sha256 = one.trained.sha256
        if sha256 == verdict.sha256:
            told += [r.model_copy(update={"checkpoint_sha256": sha256}) for r in one.trained.readings]
        elif verdict.is_guess:
            chosen = {"checkpoint_sha256": verdict.sha256, "role": "chosen"}
            told += [r.model_copy(update=chosen) for r in one.trained.readings]
    if truth is not None and verdict.n_labelled and len(labellers) > 1:
        samples = truth.without_learnt(labellers).samples
        reading = truth.dataset.as_reading(samples, "pixels", "labels", role="chosen")
        told.append(reading.model_copy(update={"checkpoint_sha256": verdict.sha256}))
    return tuple(dict.fromkeys(told))
