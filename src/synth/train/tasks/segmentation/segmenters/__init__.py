"""Networks that tell the class of every pixel, named here and nowhere else."""

from typing import TYPE_CHECKING

from synth.registry import Registry

if TYPE_CHECKING:
    from synth.train.tasks.segmentation.segmenters.segmenter import Segmenter

_HERE = "synth.train.tasks.segmentation.segmenters"
SEGMENTERS: "Registry[Segmenter]" = Registry("segmenter", {"small": f"{_HERE}.small:SMALL"})
