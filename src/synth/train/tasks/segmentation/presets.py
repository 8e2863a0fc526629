"""The networks of each preset, with the source of their numbers.

quick fits two cores: the small network at 320 px. default: FC-HarDNet-70 as it learns on two cores, by AdamW
and with weighted classes. paper: FC-HarDNet-70 as its authors train it on Cityscapes
(github.com/PingoLH/FCHarDNet, configs/hardnet.yml): 90,000 steps of 16 crops of 1024 px, bootstrapped; seeds,
colours that vary and the range of scales are ours. The GauGAN work that synth follows takes that network from
a checkpoint of such a training, and so does ``--pretrained``.
"""

from collections.abc import Mapping

from synth.train.tasks.segmentation.settings import SegmentationSettings
from synth.train.tasks.task import PresetName, Recipe

_HARDNET = "fc-hardnet-70"

PRESETS: Mapping[PresetName, tuple[Recipe[SegmentationSettings], ...]] = {
    "quick": (Recipe(SegmentationSettings(side_px=320, crop_px=192, n_images=4_800, n_checks=6), 1),),
    "default": (Recipe(SegmentationSettings(net=_HARDNET, n_images=40_000), 3),),
    "paper": (
        Recipe(
            SegmentationSettings(
                net=_HARDNET,
                side_px=2048,
                crop_px=1024,
                n_images=90_000 * 16,
                batch_size=16,
                optimiser="sgd",
                learning_rate=0.02,
                weight_decay=5e-4,
                loss="bootstrapped",
                class_weights="none",
            ),
            3,
        ),
    ),
}
