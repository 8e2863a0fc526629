"""Words to choose among, of renderings; imported by commands, so nothing heavy is here."""

from typing import Literal

LookKind = Literal["matched", "plain"]
"""Where brightness, colour, noise and blur come from: captured pictures, or none of them."""

QualityName = Literal["draft", "normal", "reference"]
"""How many samples a pixel gets."""

Where = Literal["free", "context"]
"""Anywhere on the bench, or where and as large as train boxes of the class are."""

BlendName = Literal["soft", "none", "gaussian", "box", "poisson", "motion", "all"]
"""How an edge is mixed with what lies below it; all writes every composite with each but the first."""

HardPreset = Literal["quick", "paper-digits", "paper-pictures"]
"""How placers go on that go by a target."""

TILT_DEG, ROLL_DEG = 40.0, 10.0
"""How far flat signs turn: out of the picture's plane, and within it, degrees each."""
