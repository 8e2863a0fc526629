"""A translation by a table: each channel of each pixel becomes what its 8-bit count is looked up as."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from synth.dataset.codecs import file_sha256
from synth.dataset.reader import DatasetReader
from synth.errors import InputError
from synth.gan.checkpoint import encode_checkpoint
from synth.gan.export import export_pixelwise
from synth.gan.methods.method import Direction, Identity, Layers, Rgb
from synth.storage.atomic import write_bytes

N_COUNTS = 256


def count_levels(dataset: DatasetReader) -> NDArray[np.int64]:
    """How many pixels of all train images have each 8-bit count: [3,256], R, G, B.

    Pixels alone are read, those of parts and of what is about them alike. Raises InputError for a dataset
    without train images.
    """
    if not (samples := dataset.of_split("train")):
        raise InputError(f"{dataset.root} has no train images: give a dataset that has some")
    levels = np.zeros((3, N_COUNTS), np.int64)
    for sample in samples:
        rgb_u8 = dataset.load_rgb(sample)
        levels += [np.bincount(rgb_u8[..., c].ravel(), minlength=N_COUNTS) for c in range(3)]
    return levels


class TableTranslator:
    """Equal counts become equal counts, wherever they are.

    statistics: what was measured on both looks, kept in the checkpoint under that name. table: [3,256] counts
    that follow from it in that direction; rounded and kept to 0..255 here. words: for the header.
    """

    def __init__(
        self,
        method: str,
        direction: Direction,
        statistics: NDArray[np.float64],
        table: NDArray[np.float64],
        words: Mapping[str, str],
    ) -> None:
        self._table = np.ascontiguousarray(np.clip(np.rint(table), 0, 255).astype(np.uint8).T)
        self._content = encode_checkpoint(method, {STATISTICS: torch.from_numpy(statistics)}, words)
        self.identity = Identity(method, direction, file_sha256(self._content))

    def apply(self, frame: Rgb, layers: Layers) -> Rgb:
        """A frame [H,W,3] of any size; layers are not looked at."""
        return np.asarray(self._table[frame, np.arange(3)])

    def save(self, path: Path) -> None:
        """The statistics, from which both directions follow; raises StorageError."""
        write_bytes(path, self._content)

    def export(self, path: Path) -> str:
        """One ONNX file that gives the same counts (export.export_pixelwise)."""
        export_pixelwise(_Lookup(torch.from_numpy(self._table.T.copy())), path)
        return "images float32 [N,3,H,W] in -1..1, any H and W"


STATISTICS = "statistics"


def load_statistics(tensors: Mapping[str, Tensor]) -> NDArray[np.float64]:
    """What a checkpoint of a `TableTranslator` holds."""
    return np.asarray(tensors[STATISTICS].numpy())


class _Lookup(nn.Module):
    """Images [N,3,H,W] in −1..1 by a table [3,256] of counts."""

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.register_buffer("table", table.float() / 127.5 - 1)

    def forward(self, images: Tensor) -> Tensor:
        counts = ((images + 1) * 127.5).round().clamp(0, 255).long()
        table = self.get_buffer("table")
        return torch.stack([table[c][counts[:, c]] for c in range(3)], dim=1)
