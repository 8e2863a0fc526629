"""The networks of each preset, with the source of their numbers.

quick fits two cores: the small network at 64 px, minutes. default: torchvision's ResNet-18 at 128 px, for
the images that normals have. paper: the digit classifiers of TERSE (Tripathi et al. 2019, supplement A.1) at
the 40 px of affNIST: batches of 64 and 30 epochs of MNIST's 60,000 digits, seeds are ours. Its SGD at 1e-2
with a momentum of 0.5 (0.9 in the main text) is AdamW here, by which everything learns, at our rate.
"""

from collections.abc import Mapping

from synth.train.tasks.classification.settings import ClassificationSettings
from synth.train.tasks.task import PresetName, Recipe

_N_PAPER_IMAGES = 30 * 60_000

PRESETS: Mapping[PresetName, tuple[Recipe[ClassificationSettings], ...]] = {
    "quick": (Recipe(ClassificationSettings(n_images=12_000, n_checks=10), 3),),
    "default": (Recipe(ClassificationSettings(net="resnet18", side_px=128, n_images=40_000), 3),),
    "paper": (
        Recipe(ClassificationSettings(net="digits", side_px=40, n_images=_N_PAPER_IMAGES, n_checks=30), 3),
        Recipe(
            ClassificationSettings(net="digits-deep", side_px=40, n_images=_N_PAPER_IMAGES, n_checks=30), 3
        ),
    ),
}
