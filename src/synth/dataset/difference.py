"""Whether a dataset may grow: what of its description must stay as it was."""

from typing import Any

from synth.dataset.sample import DatasetInfo

_FIXED = ("kind", "classes", "camera", "part", "box_kind")
_FIXED_MADE_BY = ("verb", "config", "seed", "calibration", "parents", "simulated")


def list_differences(found: DatasetInfo, wanted: DatasetInfo) -> list[str]:
    """What must not change while a dataset grows and did: ``made_by.config.seed: 1 became 2``."""
    lines: list[str] = []

    def compare(key: str, a: Any, b: Any) -> None:
        if isinstance(a, dict) and isinstance(b, dict):
            for k in [*a, *(k for k in b if k not in a)]:
                compare(f"{key}.{k}" if key else k, a.get(k), b.get(k))
        elif a != b:
            lines.append(f"{key}: {_short(a)} became {_short(b)}")

    def fixed(info: DatasetInfo) -> dict[str, Any]:
        plain = DatasetInfo.model_validate_json(info.model_dump_json()).model_dump(mode="json")
        kept = {key: plain[key] for key in _FIXED}
        return kept | {"made_by": {key: plain["made_by"][key] for key in _FIXED_MADE_BY}}

    compare("", fixed(found), fixed(wanted))
    return lines


def _short(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 60 else text[:57] + "..."
