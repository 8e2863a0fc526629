"""Whether a dataset may grow: what of its description must stay as it was."""

from typing import Any

from synth.dataset.info import DatasetInfo
from synth.storage.difference import list_changes

_FIXED = ("kind", "classes", "semantic", "camera", "part", "box_kind")
_FIXED_MADE_BY = ("verb", "config", "seed", "calibration", "parents", "simulated")


def list_differences(found: DatasetInfo, wanted: DatasetInfo) -> list[str]:
    """What must not change while a dataset grows and did: ``made_by.config.seed: 1 became 2``."""
    return list_changes(_fixed(found), _fixed(wanted))


def _fixed(info: DatasetInfo) -> dict[str, Any]:
    plain = DatasetInfo.model_validate_json(info.model_dump_json()).model_dump(mode="json")
    kept = {key: plain[key] for key in _FIXED}
    return kept | {"made_by": {key: plain["made_by"][key] for key in _FIXED_MADE_BY}}
