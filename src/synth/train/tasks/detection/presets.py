"""The detectors of each preset, with the source of their numbers.

quick fits two cores (192 px, 4,800 images: measured on the simulated cell; one seed). default: 320 px for the
same hours as the other tasks. paper: the work that synth follows, YOLOv5 nano, medium and extra large at 640
px; its choice of models by test images is left out.

paper-faster-rcnn: that of SYN-MTGAN (traffic signs), section 4.2: Faster R-CNN with VGG16 at 3000 × 1125,
five epochs of its 30,688 panoramas, a rate of 1e-4 that falls every second epoch. One picture at a time,
mirrored at random, as in the original Faster R-CNN. ImageNet weights of VGG16 are given with
``--pretrained``. By how much the rate falls the article does not say: half is ours, and so is AdamW, by which
everything here learns.
"""

from collections.abc import Mapping

from synth.train.tasks.detection.settings import DetectionSettings
from synth.train.tasks.task import PresetName, Recipe

PRESETS: Mapping[PresetName, tuple[Recipe[DetectionSettings], ...]] = {
    "quick": (Recipe(DetectionSettings(net="yolov5n", side_px=192, n_images=4_800, n_checks=10), 1),),
    "default": (Recipe(DetectionSettings(net="yolov5n", side_px=320, n_images=20_000), 3),),
    "paper": (
        Recipe(DetectionSettings(net="yolov5n", n_images=30_000), 3),
        Recipe(DetectionSettings(net="yolov5m", n_images=30_000), 3),
        Recipe(DetectionSettings(net="yolov5x", n_images=30_000), 1),
    ),
}

OWN_PRESETS: Mapping[str, tuple[Recipe[DetectionSettings], ...]] = {
    "paper-faster-rcnn": (
        Recipe(
            DetectionSettings(
                net="fasterrcnn_vgg16",
                side_px=3000,
                n_images=5 * 30_688,
                batch_size=1,
                learning_rate=1e-4,
                halved_after=2 / 5,
                changes="flip",
                photometric=0.0,
                n_checks=5,
            ),
            1,
        ),
    ),
}
