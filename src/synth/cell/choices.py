"""Words to choose among, of boards; imported by commands, so nothing heavy is here."""

from typing import Literal

BoardKind = Literal["charuco", "chessboard"]
"""Patterns that are found."""
