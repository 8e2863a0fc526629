"""What dataset.json and records say of balanced maps."""

from collections.abc import Sequence

from pydantic import JsonValue

from synth.balance.settings import BalanceSettings
from synth.balance.study import Study
from synth.compute.versions import list_versions
from synth.dataset.classes import ALL_CLASSES
from synth.dataset.info import DatasetInfo, MadeBy
from synth.dataset.label_maps import find_void
from synth.dataset.origin import Used
from synth.dataset.record import Kind

VERB = "balance"

_PACKAGES = ("synth-robotics", "numpy", "opencv-python", "scipy")


def to_config(settings: BalanceSettings, things: Sequence[str]) -> dict[str, JsonValue]:
    """What a dataset that is gone on with must share."""
    data, goal, names = settings.data, settings.goal, settings.names
    return {
        "source": {"dataset": data.name, "samples": len(settings.maps), "sha256": data.digest({"train"})},
        "way": settings.way,
        "classes": [names[c] for c in settings.added],
        "things": list(things),
        "measure": settings.measure,
        "target": {names[c]: share for c, share in goal.exact.items()},
        "at_least": {names[c]: share for c, share in goal.at_least.items()},
        "count": settings.count,
        "each": settings.most_each,
        "paste": settings.paste,
    }


def kind_of(settings: BalanceSettings) -> Kind:
    """Of what is made."""
    return "composited" if settings.paste else "maps"


def list_used(settings: BalanceSettings) -> tuple[Used, ...]:
    """What of training samples is in a made one."""
    return ("labels", "pixels") if settings.paste else ("labels",)


def describe(settings: BalanceSettings, study: Study, known: Sequence[str]) -> DatasetInfo:
    """dataset.json: label maps, with instances of the classes of which the data knows them."""
    info, data = settings.data.info, settings.data
    assert info.semantic is not None
    classes = tuple(name for name in info.classes if name in known)
    return info.model_copy(
        update={
            "kind": kind_of(settings),
            "classes": classes,
            "semantic": info.semantic.model_copy(update={"void": find_void(info.semantic.names)}),
            "flip_pairs": ALL_CLASSES.choose_pairs(info.flip_pairs, classes, info.semantic.names),
            "models": (),
            "part": None,
            "near_copies_accepted": None,
            "made_by": MadeBy(
                verb=VERB,
                config=to_config(settings, [study.names[c] for c in study.things]),
                seed=settings.seed,
                versions=list_versions(_PACKAGES),
                calibration=info.made_by.calibration,
                parents=(data.name,),
                readings=data.trace_readings(settings.maps, *list_used(settings)),
                simulated=info.made_by.simulated,
            ),
        }
    )
