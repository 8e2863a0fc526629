"""What a comparison trains unless told otherwise: for a laptop, for a GPU, or as in the paper."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from synth.compare.plan import Contest
from synth.dataset.record import BoxKind
from synth.train.run import Settings
from synth.train.tasks.detection import DetectionSettings
from synth.train.tasks.normals import NormalSettings
from synth.train.tasks.task import TaskName

PresetName = Literal["quick", "default", "paper"]

_THREE, _ONE = (0, 1, 2), (0,)

PRESETS: dict[PresetName, tuple[Contest, ...]] = {
    "quick": (
        Contest("normals", NormalSettings(net="paper", side_px=112, n_images=6_000, n_checks=12), _THREE),
        Contest(
            "detection", DetectionSettings(net="yolov5n", side_px=192, n_images=4_800, n_checks=10), _ONE
        ),
    ),
    "default": (
        Contest("normals", NormalSettings(net="resnet18", n_images=40_000, loss="angle"), _THREE),
        Contest("detection", DetectionSettings(net="yolov5n", side_px=320, n_images=20_000), _THREE),
    ),
    "paper": (
        Contest("normals", NormalSettings(net="paper", n_images=40_000), _THREE),
        Contest("normals", NormalSettings(net="paper", n_images=40_000, crop="paper", rotate=False), _THREE),
        Contest("detection", DetectionSettings(net="yolov5n", n_images=30_000), _THREE),
        Contest("detection", DetectionSettings(net="yolov5m", n_images=30_000), _THREE),
        Contest("detection", DetectionSettings(net="yolov5x", n_images=30_000), _ONE),
    ),
}
"""quick: minutes on two cores. default: hours there, minutes on a GPU. paper: the work that synth follows,
nano, medium and extra large; its few-epoch choice of models by test images is left out.
"""


def make_contests(
    preset: PresetName,
    tasks: Sequence[TaskName],
    *,
    n_seeds: int | None = None,
    n_images: int | None = None,
    pretrained: str | None = None,
    plain_crops: bool = False,
    box_kind: BoxKind = "square",
) -> tuple[Contest, ...]:
    """A preset's contests of some tasks.

    pretrained: a detector's checkpoint; its backbone is frozen. plain_crops: normals are read from plain
    crops too, whose normals are in camera axes. box_kind: which boxes detectors learn.
    """
    contests = [
        replace(c, settings=_with_boxes(c.settings, box_kind)) for c in PRESETS[preset] if c.task in tasks
    ]
    if plain_crops:
        contests += [replace(c, settings=_plain(c.settings)) for c in contests if c.task == "normals"]
        contests = list(dict.fromkeys(contests))
    if pretrained is not None:
        contests = [replace(c, settings=_freeze(c.settings, pretrained)) for c in contests]
    if n_images is not None:
        contests = [replace(c, settings=replace(c.settings, n_images=n_images)) for c in contests]
    if n_seeds is not None:
        contests = [replace(c, seeds=tuple(range(n_seeds))) for c in contests]
    return tuple(contests)


def _plain(settings: Settings) -> Settings:
    assert isinstance(settings, NormalSettings)
    return replace(settings, crop="paper", rotate=False)


def _with_boxes(settings: Settings, box_kind: BoxKind) -> Settings:
    return replace(settings, box_kind=box_kind) if isinstance(settings, DetectionSettings) else settings


def _freeze(settings: Settings, pretrained: str) -> Settings:
    if isinstance(settings, DetectionSettings):
        return replace(settings, pretrained=pretrained, freeze=True)
    return settings
