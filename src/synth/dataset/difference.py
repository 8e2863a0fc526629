"""Whether a dataset may be gone on with: what of its description must stay, and what may grow."""

from collections.abc import Collection, Mapping
from typing import Any

from synth.dataset.info import DatasetInfo
from synth.storage.difference import list_changes

_FIXED = ("kind", "classes", "semantic", "camera", "part", "box_kind")
_FIXED_MADE_BY = ("verb", "config", "seed", "calibration", "parents", "simulated")


def list_differences(found: DatasetInfo, wanted: DatasetInfo, growing: Collection[str] = ()) -> list[str]:
    """What must not change while a dataset is made and did: ``made_by.config.seed: 1 became 2``.

    growing: keys of the configuration whose numbers may rise, one or several by name.
    """
    before, after = _fixed(found), _fixed(wanted)
    for key in growing:
        config = before["made_by"]["config"]
        if _rose(config.get(key), after["made_by"]["config"].get(key)):
            config[key] = after["made_by"]["config"][key]
    return list_changes(before, after)


def grow(found: DatasetInfo, wanted: DatasetInfo, growing: Collection[str]) -> DatasetInfo:
    """A description with the numbers, figures and command of the larger dataset that it is to become."""
    config = found.made_by.config | {key: wanted.made_by.config[key] for key in growing}
    if config == found.made_by.config:
        return found
    update: dict[str, Any] = {"config": config, "figures": wanted.made_by.figures}
    update |= {key: getattr(wanted.made_by, key) for key in ("command", "typed_in")}
    return found.model_copy(update={"made_by": found.made_by.model_copy(update=update)})


def _rose(before: Any, after: Any) -> bool:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return all(after.get(name, 0) >= n for name, n in before.items())
    return isinstance(before, int) and isinstance(after, int) and after >= before


def _fixed(info: DatasetInfo) -> dict[str, Any]:
    plain = DatasetInfo.model_validate_json(info.model_dump_json()).model_dump(mode="json")
    kept = {key: plain[key] for key in _FIXED}
    return kept | {"made_by": {key: plain["made_by"][key] for key in _FIXED_MADE_BY}}
