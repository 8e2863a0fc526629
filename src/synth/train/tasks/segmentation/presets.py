"""The networks of each preset, with the source of their numbers.

quick fits two cores: the small network at 320 px, minutes.
"""

from collections.abc import Mapping

from synth.train.tasks.segmentation.settings import SegmentationSettings
from synth.train.tasks.task import PresetName, Recipe

PRESETS: Mapping[PresetName, tuple[Recipe[SegmentationSettings], ...]] = {
    "quick": (Recipe(SegmentationSettings(side_px=320, crop_px=192, n_images=4_800, n_checks=6), 1),),
    "default": (Recipe(SegmentationSettings(n_images=40_000), 3),),
    "paper": (Recipe(SegmentationSettings(n_images=40_000), 3),),
}
