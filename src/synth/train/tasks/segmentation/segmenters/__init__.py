"""Networks that tell the class of every pixel, named here and nowhere else."""

from typing import TYPE_CHECKING

from synth.registry import Registry

if TYPE_CHECKING:
    from synth.train.tasks.segmentation.segmenters.segmenter import Segmenter

_HERE = "synth.train.tasks.segmentation.segmenters"
SEGMENTERS: "Registry[Segmenter]" = Registry(
    "segmenter",
    {
        "small": f"{_HERE}.small:SMALL",
        "fc-hardnet-70": f"{_HERE}.fc_hardnet:FC_HARDNET_70",
        "deeplabv3plus-lite0": f"{_HERE}.deeplab:LITE0",
        "deeplabv3plus-resnet50": f"{_HERE}.deeplab:RESNET50",
        "deeplabv3plus-resnet101": f"{_HERE}.deeplab:RESNET101",
        "pspnet-lite0": f"{_HERE}.pspnet:LITE0",
        "pspnet-resnet50": f"{_HERE}.pspnet:RESNET50",
    },
)
