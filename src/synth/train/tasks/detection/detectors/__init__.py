"""Detectors by family, each a file, named here and nowhere else."""

from typing import TYPE_CHECKING

from torch import nn

from synth.errors import InputError
from synth.registry import Registry

if TYPE_CHECKING:
    from synth.train.tasks.detection.detectors.detector import Detector

_HERE = "synth.train.tasks.detection.detectors"
DETECTORS: "Registry[Detector]" = Registry(
    "family of detectors",
    {
        "yolo": f"{_HERE}.yolo:YOLO",
        "faster-rcnn": f"{_HERE}.faster_rcnn:FASTER_RCNN",
        "ssd": f"{_HERE}.ssd:SSD",
    },
)


def find_detector(net: str) -> "Detector":
    """The family of a network's name; raises InputError that lists every network of each."""
    for name in DETECTORS:
        if DETECTORS[name].has(net):
            return DETECTORS[name]
    choices = "; or ".join(DETECTORS[name].list_nets() for name in reversed(list(DETECTORS)))
    raise InputError(f"there is no detector {net!r}: choose one of {choices}")


def detector_of(net: nn.Module) -> "Detector":
    """The family that made a network."""
    return DETECTORS[str(net.family)]
