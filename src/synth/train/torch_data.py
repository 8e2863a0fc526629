"""A dataset as plain PyTorch sees it: for training loops that are not synth's."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from torch.utils.data import Dataset, default_collate

from synth.dataset.reader import DatasetReader

I = TypeVar("I")  # noqa: E741
T_co = TypeVar("T_co", covariant=True)
Collate = Callable[[list[Any]], Any]


class TorchData(Dataset[T_co]):
    """Items of a task, each read from disk when it is asked for; it can be sent to worker processes.

    items: what each is made of. read: makes one. collate: makes a batch of several, for a ``DataLoader``.
    """

    def __init__(
        self,
        dataset: DatasetReader,
        items: Sequence[I],
        read: Callable[[DatasetReader, I], T_co],
        collate: Collate = default_collate,
    ) -> None:
        self._dataset, self._items, self._read = dataset, items, read
        self.collate = collate

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, i: int) -> T_co:
        return self._read(self._dataset, self._items[i])


def collate_lists(items: list[tuple[Any, ...]]) -> tuple[list[Any], ...]:
    """A list of each element, for items that differ in size, as torchvision's detectors take them."""
    return tuple(map(list, zip(*items, strict=True)))
