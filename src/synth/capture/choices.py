"""Words to choose among, of capture and calibration; imported by commands, so nothing heavy is here."""

from typing import Literal

LabelSource = Literal["colour", "cad", "both"]
"""What decides which pixels are the part: its colour, its CAD outline, or its colour checked against that."""

Paper = Literal["A4", "A3", "Letter"]
"""Sheets that a board is printed on."""
