"""What networks are trained to do, one task a file, each named here and nowhere else."""

from typing import TYPE_CHECKING, Any

from synth.registry import Registry

if TYPE_CHECKING:
    from synth.train.tasks.task import Task

TASKS: "Registry[Task[Any, Any]]" = Registry(
    "task",
    {
        "normals": "synth.train.tasks.normals.task:NORMALS",
        "detection": "synth.train.tasks.detection.task:DETECTION",
        "classification": "synth.train.tasks.classification.task:CLASSIFICATION",
        "segmentation": "synth.train.tasks.segmentation.task:SEGMENTATION",
    },
)

_BY_NAME_ALONE = ("classification", "segmentation")


def list_usual() -> list[str]:
    """What a comparison learns that is not told what: where there are boxes, detection tells classes too."""
    return [name for name in TASKS if name not in _BY_NAME_ALONE]
