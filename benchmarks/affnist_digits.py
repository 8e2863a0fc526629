"""Digits for affnist.py: affine MNIST as a dataset, and digits as a cycle of placing takes them.

Affine MNIST stands for affNIST, which could not be had: a digit of MNIST in a picture of 40 px, turned by up
to 20° either way, sheared by up to 0.2, both axes scaled on their own by 0.8 to 1.25 (evenly in the
logarithm), and shifted anywhere that leaves it inside. Ranges follow TensorFlow Federated's emnist.py, which
calls them approximately affNIST's; the upper scale (1.2 or 1.25) and the rule of the shift are not settled.
Uniform unit coordinates within `BOUNDS` are this recipe.
"""

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from synth.dataset.imports.mnist import MnistSettings, import_mnist, read_idx
from synth.dataset.reader import DatasetReader
from synth.dataset.record import Split
from synth.sim.placing.cache import Unfair
from synth.sim.placing.learned.light import to_linear
from synth.sim.placing.material import Batch, Material
from synth.sim.placing.placement import PARAMETERS, Bounds, Placement
from synth.train.tasks.classification.learning import to_images
from synth.train.tasks.classification.settings import ClassificationSettings
from synth.train.tasks.classification.task import CLASSIFICATION

BOUNDS = Bounds(angle_deg=20, shear=0.2, log_scale=(log(0.8), log(1.25)), aspect=1.0)
SIDE_PX, PAD_PX = 40, 6
CLASSES = tuple("0123456789")
N_TRAIN = 55_000
"""Of the train file's digits; the others are val (the paper's split for its table 1)."""

_SAMPLE_SEED = 22


@dataclass(frozen=True, eq=False)
class Digits:
    """grey_u8: [N,28,28]. labels: [N]."""

    grey_u8: NDArray[np.uint8]
    labels: NDArray[np.uint8]

    def part(self, rows: slice) -> "Digits":
        """Some of them."""
        return Digits(self.grey_u8[rows], self.labels[rows])


def read_digits(folder: Path, file: str) -> Digits:
    """Those of MNIST's ``train`` or ``t10k``."""
    names = (folder / f"{file}-{kind}-ubyte.gz" for kind in ("images-idx3", "labels-idx1"))
    return Digits(*(read_idx(path, n) for path, n in zip(names, (3, 1), strict=True)))


def find_boxes(grey_u8: NDArray[np.uint8]) -> NDArray[np.int64]:
    """[N,4], x0 y0 x1 y1 around what is not black."""
    edges = []
    for axis in (1, 2):
        inside = (grey_u8 > 0).any(axis=axis)  # Columns, then rows.
        edges += [inside.argmax(axis=1), inside.shape[1] - inside[:, ::-1].argmax(axis=1)]
    x0, x1, y0, y1 = edges
    return np.stack([x0, y0, x1, y1], axis=1)


def warp(grey_u8: NDArray[np.uint8], placement: Placement, box: NDArray[np.int64]) -> NDArray[np.uint8]:
    """A digit [28,28] as it is laid, by one bilinear warp: [40,40]."""
    matrix, centre = placement.matrix(), (box[:2] + box[2:]) / 2
    shift = np.asarray(placement.centre_xy_px) - 0.5 - matrix @ (centre - 0.5)
    affine = np.concatenate([matrix, shift[:, None]], axis=1)
    return np.asarray(cv2.warpAffine(grey_u8, affine, (SIDE_PX, SIDE_PX), flags=cv2.INTER_LINEAR), np.uint8)


def make_affine(digits: Digits, rng: np.random.Generator) -> Digits:
    """Each digit once, laid by chance."""
    pictures = []
    for grey_u8, box in zip(digits.grey_u8, find_boxes(digits.grey_u8), strict=True):
        extent = (float(box[2] - box[0]), float(box[3] - box[1]))
        placement = BOUNDS.place(rng.uniform(-1, 1, len(PARAMETERS)), extent, (SIDE_PX, SIDE_PX))
        pictures.append(warp(grey_u8, placement, box))
    return Digits(np.stack(pictures), digits.labels)


def write_affine(folder: Path, out: Path, n_val: int, n_test: int) -> None:
    """Affine MNIST as a dataset: the first val and test digits, and as many train ones as val, to look at.

    Its idx files stand beside it. What is there already stays.
    """
    rng = np.random.default_rng(_SAMPLE_SEED)
    learnt, tested = read_digits(folder, "train"), read_digits(folder, "t10k")
    parts = {
        "train": [make_affine(learnt.part(slice(first, first + n_val)), rng) for first in (0, N_TRAIN)],
        "t10k": [make_affine(tested.part(slice(n_test)), rng)],
    }
    made = out.with_name(f"{out.name}-idx")
    made.mkdir(parents=True, exist_ok=True)
    for file, of in parts.items():
        _write_idx(made / f"{file}-images-idx3-ubyte.gz", np.concatenate([x.grey_u8 for x in of]))
        _write_idx(made / f"{file}-labels-idx1-ubyte.gz", np.concatenate([x.labels for x in of]))
    import_mnist(MnistSettings(made, out, train=n_val, val=n_val, test=n_test))


def _write_idx(path: Path, array: NDArray[np.uint8]) -> None:
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    path.write_bytes(gzip.compress(header + array.tobytes(), 1))


def load_affine(dataset: Path, split: Split) -> tuple[Tensor, Tensor]:
    """A split's pictures [N,1,40,40] in 0 to 1 and classes [N], as the task reads them."""
    reader = DatasetReader(dataset)
    settings = ClassificationSettings(net="digits", side_px=SIDE_PX, context=1.0, classes=CLASSES)
    crops = CLASSIFICATION.load(reader, reader.of_split(split), settings)
    return to_images(torch.from_numpy(crops.crops_u8))[:, :1], torch.from_numpy(crops.places)


class DigitMaterial(Material):
    """Digits on black. A key is a digit's row; white covers each pixel as far as its light says."""

    bounds = BOUNDS

    def __init__(self, digits: Digits) -> None:
        self.labels = torch.from_numpy(digits.labels.astype(np.int64))
        boxes = find_boxes(digits.grey_u8)
        # The middle of a box is the middle of its patch, so sides are even: an odd one grows by a pixel.
        first = boxes[:, :2]
        sides = 2 * ((boxes[:, 2:] - first + 1) // 2)
        self._extents_wh = torch.from_numpy(sides.astype(np.float32))
        side = int(sides.max())
        grey_u8 = np.zeros((len(boxes), side, side), np.uint8)
        for patch, digit, (x, y), (w, h) in zip(grey_u8, digits.grey_u8, first, sides, strict=True):
            cut = digit[y : y + h, x : x + w]
            top, left = (side - h) // 2, (side - w) // 2
            patch[top : top + cut.shape[0], left : left + cut.shape[1]] = cut
        self._grey_u8 = torch.from_numpy(grey_u8)
        self.plain = torch.from_numpy(np.pad(digits.grey_u8, ((0, 0), *[(PAD_PX, PAD_PX)] * 2)))[:, None]

    def draw(self, split: Split, n: int, rng: np.random.Generator) -> list[Any]:
        """Rows of any digits."""
        return [int(row) for row in rng.integers(len(self.labels), size=n)]

    def load(self, keys: Sequence[Any]) -> Batch:
        """White patches, each as opaque as its digit is light."""
        rows = torch.tensor(keys)
        alpha = to_linear(self._grey_u8[rows].float() / 255)[:, None, None]  # [N,1,1,h,w]
        cutouts = torch.cat([torch.ones_like(alpha).expand(-1, -1, 3, -1, -1), alpha], dim=2)
        return Batch(
            keys=tuple(keys),
            cutouts=cutouts,
            extents_wh=self._extents_wh[rows][:, None],
            there=torch.ones(len(rows), 1, dtype=torch.bool),
            backgrounds=torch.zeros(len(rows), 3, SIDE_PX, SIDE_PX),
        )

    def truth(self, keys: Sequence[Any], boxes_xyxy_px: Tensor) -> list[Any]:
        """The names of their classes."""
        return [CLASSES[label] for label in self.labels[torch.tensor(keys)].tolist()]

    def find_unfair(
        self, key: Any, placements: Sequence[Placement], sides_px: Sequence[float], visible: Sequence[float]
    ) -> Unfair | None:
        """Nothing: bounds leave every digit whole."""
        return None

    def find_fault(self, key: Any, placements: Sequence[Placement]) -> str | None:
        """Nothing: there is one size."""
        return None

    def place(self, key: Any, unit: Sequence[Sequence[float]]) -> tuple[Placement, ...]:
        """In the picture's pixels."""
        w, h = self._extents_wh[key].tolist()
        return tuple(self.bounds.place(np.asarray(one), (w, h), (SIDE_PX, SIDE_PX)) for one in unit)

    def kind_of(self, key: Any) -> str:
        """The class."""
        return CLASSES[int(self.labels[key])]

    def load_real(self, n: int, rng: np.random.Generator) -> Tensor:
        """Plain digits."""
        rows = torch.from_numpy(rng.integers(len(self.labels), size=n))
        return (self.plain[rows].float() / 255).expand(-1, 3, -1, -1)
