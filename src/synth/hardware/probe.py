"""What a driver says of the devices it finds."""

from typing import Literal, NamedTuple


class ProbeRow(NamedTuple):
    """One line of `synth doctor`; ``advice`` is empty where nothing is to be done."""

    part: str
    found: str
    verdict: Literal["ok", "note", "bad"]
    advice: str = ""
