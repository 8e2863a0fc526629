"""Words to choose among, of balancing; imported by commands, so nothing heavy is here."""

from typing import Literal

Measure = Literal["pixels", "images", "components"]
"""What a share is of: of labelled pixels, of maps that show the class, of components."""
