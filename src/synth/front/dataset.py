"""A dataset as scripts have it: what stands on disk, and the way to a training loop of one's own."""

from typing import TYPE_CHECKING, Any

from synth.dataset.reader import DatasetReader

if TYPE_CHECKING:
    from synth.dataset.record import Split
    from synth.train.torch_data import TorchData


class OpenDataset(DatasetReader):
    """What `synth.open_dataset` gives."""

    def to_torch(self, task: str, split: "Split | None" = "train") -> "TorchData[Any]":
        """A split, or with None all of it, for a ``torch.utils.data.DataLoader``; as the task has it.

        ``DataLoader(data, batch_size=8, shuffle=True, collate_fn=data.collate)``. detection: a picture
        [3,H,W] in 0 to 1 and ``boxes`` [M,4] in pixels with ``labels`` [M], the class's index + 1. normals:
        a crop [3,224,224] in 0 to 1 and a unit vector [3] in crop axes. Other tasks: `Task.to_torch`.

        Raises InputError for an unknown task or split, or where the split has nothing for the task.
        """
        from synth.dataset.record import SPLITS
        from synth.errors import InputError
        from synth.train.tasks import TASKS

        if split is not None and split not in SPLITS:
            raise InputError(f"split must be one of {', '.join(SPLITS)}, or None for all, got {split!r}")
        chosen = TASKS[task]
        data: TorchData[Any] = chosen.to_torch(self, self.samples if split is None else self.of_split(split))
        if not len(data):
            where = "" if split is None else f" in its {split} split"
            raise InputError(f"{self.root} has nothing for the task {task}{where}")
        return data
