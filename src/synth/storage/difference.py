"""What became of a configuration: one line for every value that is not what it was."""

import re
from collections.abc import Mapping
from typing import Any

_SHA256 = re.compile("[0-9a-f]{64}")


def list_changes(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Every value of nested mappings that differs: ``made_by.config.seed: 1 became 2``."""
    lines: list[str] = []

    def compare(key: str, a: Any, b: Any) -> None:
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            for k in [*a, *(k for k in b if k not in a)]:
                compare(f"{key}.{k}" if key else k, a.get(k), b.get(k))
        elif a != b:
            lines.append(f"{key}: {_short(a)} became {_short(b)}")

    compare("", found, wanted)
    return lines


def _short(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    if _SHA256.fullmatch(text):
        return f"contents of sha256 {text[:8]}..."
    return text if len(text) <= 60 else text[:57] + "..."
