"""Reading surface normals from crops: the data, how a network learns it, and what it says of test crops.

A prediction is made in the crop's axes and turned back to the camera's before it is compared (``R_crop_cam``,
CONVENTIONS.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.errors import InputError
from synth.geometry.frames import cam_from_uvw, uvw_from_cam
from synth.geometry.normals import angle_deg, plain_crop
from synth.train.loop import SCORE, Rows, Schedule
from synth.train.models.normal_nets import NormalNetName, make_normal_net
from synth.train.tasks.task import TaskName

LossName = Literal["vector", "angle"]
CropKind = Literal["rectified", "paper"]

_BATCH = 64
_MAX_COSINE = 1 - 1e-6
_PLAIN = "plain crops cannot be turned, since their normals are in camera axes"


@dataclass(frozen=True, eq=False)
class NormalCrops:
    """N crops with their truth.

    crops_u8: [N,S,S,3]. crop_uvw, uvw: [N,3] unit normals in crop and in camera axes. R_crop_cam: [N,3,3].
    names: of each crop's sample and the instance in it.
    """

    crops_u8: NDArray[np.uint8]
    crop_uvw: NDArray[np.float64]
    uvw: NDArray[np.float64]
    R_crop_cam: NDArray[np.float64]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def joined(self, other: "NormalCrops") -> "NormalCrops":
        """These and then those."""
        return NormalCrops(
            np.concatenate([self.crops_u8, other.crops_u8]),
            np.concatenate([self.crop_uvw, other.crop_uvw]),
            np.concatenate([self.uvw, other.uvw]),
            np.concatenate([self.R_crop_cam, other.R_crop_cam]),
            self.names + other.names,
        )


@dataclass(frozen=True)
class NormalSettings(Schedule):
    """How a network learns normals.

    side_px: crops are resized to it. loss: vector is equation 1 of the paper, angle the mean angle. crop:
    rectified, or the paper's plain cut with its normal in camera axes. rotate: crops are turned about their
    middle by random angles and their normals with them, which only rectified crops allow. Crops are never
    mirrored: a mirrored part and its light do not exist.
    """

    net: NormalNetName = "paper"
    side_px: int = 224
    loss: LossName = "vector"
    crop: CropKind = "rectified"
    rotate: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.crop == "paper" and self.rotate:
            raise InputError(f"{_PLAIN}: set rotate to false or use rectified crops")

    @property
    def model(self) -> str:
        """The network's name, with the crops where they are plain ones."""
        return self.net if self.crop == "rectified" else f"{self.net}-plain"


def load_normal_crops(
    dataset: DatasetReader, samples: Sequence[Sample], side_px: int, crop: CropKind = "rectified"
) -> NormalCrops:
    """Every crop of some samples, resized to ``side_px``. Raises InputError when there is none.

    crop: paper cuts the square box from the image as it is, and its normals stay in camera axes.
    """
    crops, names = [], []
    records: list[tuple[Any, Any, Any]] = []
    for sample in samples:
        wanted = [(i, instance) for i, instance in enumerate(sample.instances) if instance.crop is not None]
        image = dataset.load_rgb(sample) if wanted and crop == "paper" else None
        for i, instance in wanted:
            if image is None:
                picture = dataset.load_crop(sample, i)
                records.append((instance.normal_crop_uvw, instance.normal_uvw, instance.R_crop_cam))
            else:
                picture = plain_crop(image, np.asarray(instance.square_xyxy_px))
                records.append((instance.normal_uvw, instance.normal_uvw, np.eye(3)))
            assert picture is not None
            crops.append(resize_crop(picture, side_px))
            names.append(f"{sample.name}_{i}")
    if not crops:
        raise InputError(
            f"{dataset.root} has no crops with normals among the {len(samples)} samples asked for"
        )
    in_crop, in_camera, turns = (np.array(column, dtype=np.float64) for column in zip(*records, strict=True))
    return NormalCrops(np.stack(crops), in_crop, in_camera, turns, tuple(names))


def resize_crop(picture_u8: NDArray[np.uint8], side_px: int) -> NDArray[np.uint8]:
    """A crop at the side that a network takes."""
    resized = cv2.resize(picture_u8, (side_px, side_px), interpolation=cv2.INTER_AREA)
    return np.asarray(resized, dtype=np.uint8)


class NormalLearner:
    """A network that learns normals from crops; a Learner.

    stages: train crops of each stage. val: what chooses. test: looked at on the way, without a say.
    """

    def __init__(
        self,
        stages: Sequence[NormalCrops],
        val: NormalCrops,
        settings: NormalSettings,
        *,
        seed: int,
        device: torch.device,
        test: NormalCrops | None = None,
    ) -> None:
        if settings.rotate and any(np.allclose(stage.R_crop_cam, np.eye(3)) for stage in stages):
            raise InputError(f"{_PLAIN}: set rotate to false or use rectified crops")
        self._stages, self._val, self._test, self._settings = stages, val, test, settings
        self.pools = tuple(len(stage) for stage in stages)
        self.net = make_normal_net(settings.net, settings.side_px, seed).to(device)
        self._device = device

    def load(self, stage: int, rows: Rows, seed: int) -> tuple[Tensor, Tensor, Tensor]:
        """Crops [B,S,S,3] uint8, normals [B,3] in crop axes, angles [B] to turn them by."""
        crops = self._stages[stage]
        angles = np.random.default_rng(seed).uniform(0, 2 * np.pi, len(rows)) * self._settings.rotate
        return (
            torch.from_numpy(crops.crops_u8[rows]),
            torch.from_numpy(crops.crop_uvw[rows]).float(),
            torch.from_numpy(angles),
        )

    def compute_losses(self, batch: tuple[Tensor, Tensor, Tensor]) -> dict[str, Tensor]:
        """``normal``, by the settings' formula."""
        crops_u8, wanted, angles = (part.to(self._device, non_blocking=True) for part in batch)
        crops = _to_images(crops_u8)
        if self._settings.rotate:
            crops, wanted = turn(crops, wanted, angles)
        return {"normal": _LOSSES[self._settings.loss](self.net(crops), wanted)}

    def check(self) -> dict[str, float]:
        """Median angle and loss on val crops, and on test crops where there are any."""
        figures = self._measure(self._val, "val") | {SCORE: 0.0}
        figures[SCORE] = figures["val_deg"]
        return figures | (self._measure(self._test, "test") if self._test is not None else {})

    def _measure(self, crops: NormalCrops, split: str) -> dict[str, float]:
        found = predict_crop_uvw(self.net, crops.crops_u8)
        loss = _LOSSES[self._settings.loss](torch.from_numpy(found), torch.from_numpy(crops.crop_uvw))
        return {
            f"{split}_deg": float(np.median(angle_deg(found, crops.crop_uvw))),
            f"{split}_loss": float(loss),
        }


class NormalTask:
    """Surface normals from crops; a Task."""

    name: TaskName = "normals"

    def count(self, samples: Sequence[Sample]) -> int:
        """Crops."""
        return sum(instance.crop is not None for sample in samples for instance in sample.instances)

    def load(
        self, dataset: DatasetReader, samples: Sequence[Sample], settings: NormalSettings
    ) -> NormalCrops:
        """Every crop of the samples."""
        return load_normal_crops(dataset, samples, settings.side_px, settings.crop)

    def join(self, first: NormalCrops, second: NormalCrops) -> NormalCrops:
        """Both, in this order."""
        return first.joined(second)

    def make_learner(
        self,
        stages: Sequence[NormalCrops],
        val: NormalCrops,
        settings: NormalSettings,
        *,
        seed: int,
        device: torch.device,
        test: NormalCrops | None = None,
    ) -> NormalLearner:
        """A fresh network with its crops."""
        return NormalLearner(stages, val, settings, seed=seed, device=device, test=test)

    def make_net(self, settings: NormalSettings) -> nn.Module:
        """A network for weights."""
        return make_normal_net(settings.net, settings.side_px, seed=0)

    def predict(self, net: nn.Module, data: NormalCrops) -> list[list[float]]:
        """Unit normals (u, v, w) in camera axes."""
        return [[float(x) for x in row] for row in predict_uvw(net, data)]

    def truth(self, data: NormalCrops) -> list[list[float]]:
        """The same of the labels."""
        return [[float(x) for x in row] for row in data.uvw]

    def names(self, data: NormalCrops) -> tuple[str, ...]:
        """Sample and instance."""
        return data.names


def predict_uvw(net: nn.Module, crops: NormalCrops) -> NDArray[np.float64]:
    """Unit normals [N,3] in camera axes; the network's mode is left as it was."""
    in_crop = cam_from_uvw(predict_crop_uvw(net, crops.crops_u8))
    return np.asarray(uvw_from_cam(np.einsum("nji,nj->ni", crops.R_crop_cam, in_crop)))


def predict_crop_uvw(net: nn.Module, crops_u8: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Unit normals [N,3] in crop axes from crops [N,S,S,3]; the network's mode is left as it was."""
    device, was_training = next(net.parameters()).device, net.training
    net.eval()
    with torch.inference_mode():
        parts = [
            net(_to_images(torch.from_numpy(crops_u8[i : i + _BATCH]).to(device))).cpu()
            for i in range(0, len(crops_u8), _BATCH)
        ]
    net.train(was_training)
    return np.asarray(torch.cat(parts).numpy().astype(np.float64))


def measure_errors_deg(net: nn.Module, crops: NormalCrops) -> NDArray[np.float64]:
    """Angle [N] between each prediction and the truth, degrees."""
    return angle_deg(predict_uvw(net, crops), crops.uvw)


def turn(crops: Tensor, uvw: Tensor, angles_rad: Tensor) -> tuple[Tensor, Tensor]:
    """Rectified crops [N,3,S,S] turned anticlockwise by angles [N], and their normals [N,3] with them.

    Corners that come from outside are mirrored.
    """
    angle = angles_rad.to(crops)
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    # Rows of the map from places in the result to places in the source; y points down.
    theta = torch.stack([torch.stack([cos, -sin, zero], 1), torch.stack([sin, cos, zero], 1)], 1)
    grid = functional.affine_grid(theta, list(crops.shape), align_corners=False)
    turned = functional.grid_sample(crops, grid, padding_mode="reflection", align_corners=False)
    u, v, w = uvw.unbind(1)
    return turned, torch.stack([cos * u - sin * v, sin * u + cos * v, w], 1)


def vector_loss(found: Tensor, wanted: Tensor) -> Tensor:
    """Mean squared distance of the vectors' ends, [N,3] each (equation 1 of the paper)."""
    return (found - wanted).square().sum(dim=1).mean()


def angle_loss(found: Tensor, wanted: Tensor) -> Tensor:
    """Mean angle between unit vectors [N,3], radians."""
    return (found * wanted).sum(dim=1).clamp(-_MAX_COSINE, _MAX_COSINE).acos().mean()


_LOSSES = {"vector": vector_loss, "angle": angle_loss}


def _to_images(crops_u8: Tensor) -> Tensor:
    return crops_u8.permute(0, 3, 1, 2).float() / 127.5 - 1
