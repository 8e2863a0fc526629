"""Rigid bodies fall until they lie still."""

from pathlib import Path
from typing import Any


def settle(request: dict[str, Any]) -> dict[str, Any]:
    raise NotImplementedError
