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
    },
)
