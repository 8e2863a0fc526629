"""Records as schema 1 wrote them, read as what they are in schema 2.

A sample of schema 1 had image, depth and mask beside one another, and an origin of parents, a seed and a
checkpoint. Its dataset.json is one of schema 2 already.
"""

from typing import Any

_LAYERS = ("image", "depth", "mask")


def upgrade(record: Any, verb: str) -> Any:
    """A line of samples.jsonl or rejected.jsonl of schema 1 in a dataset that this verb made.

    One of schema 2, which a migration that was cut off leaves behind, stays as it is; so does what is no
    record at all.
    """
    if not isinstance(record, dict) or "layers" in record:
        return record
    if "sample" in record:
        return {**record, "sample": upgrade(record["sample"], verb)}
    upgraded = {key: value for key, value in record.items() if key not in _LAYERS}
    if "image" in record:
        upgraded["layers"] = {key: record[key] for key in _LAYERS if record.get(key) is not None}
    if isinstance(origin := record.get("origin"), dict):
        upgraded["origin"] = _upgrade_origin(origin, verb)
    return upgraded


def _upgrade_origin(origin: dict[str, Any], verb: str) -> dict[str, Any]:
    upgraded = {key: value for key, value in origin.items() if key not in ("seed", "checkpoint")}
    step = {"verb": verb, "seed": origin.get("seed"), "checkpoint_sha256": origin.get("checkpoint")}
    return {**upgraded, "steps": [step] if origin.get("seed") is not None or origin.get("checkpoint") else []}
