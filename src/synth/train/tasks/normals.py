"""Reading surface normals from crops: the data, how a network learns it, and what it says of test crops.

A prediction is made in the crop's axes and turned back to the camera's before it is compared (``R_crop_cam``,
CONVENTIONS.md).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.errors import InputError, TrainingDiverged
from synth.geometry.frames import cam_from_uvw, uvw_from_cam
from synth.geometry.normals import angle_deg
from synth.train.models.normal_nets import NormalNetName, make_normal_net

LossName = Literal["vector", "angle"]
OnStep = Callable[[int], None]

_BATCH = 64
_MAX_COSINE = 1 - 1e-6


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


@dataclass(frozen=True)
class NormalSettings:
    """How a network learns.

    side_px: crops are resized to it. n_images: crops seen in all, repeats counted, so that arms of any size
    learn for as long. loss: vector is equation 1 of the paper, angle the mean angle. rotate: crops are turned
    about their middle by random angles and their normals with them, which only rectified crops allow.
    n_checks: how often val crops are looked at; the best of them is kept.
    """

    net: NormalNetName = "paper"
    side_px: int = 224
    n_images: int = 20_000
    batch_size: int = 32
    learning_rate: float = 1e-3
    loss: LossName = "vector"
    rotate: bool = True
    n_checks: int = 20

    def __post_init__(self) -> None:
        for name in ("n_images", "batch_size", "n_checks"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be 1 or more, got {getattr(self, name)}")

    @property
    def n_steps(self) -> int:
        """Batches."""
        return -(-self.n_images // self.batch_size)


@dataclass(frozen=True)
class Check:
    """A look at val crops: after which step, the median angle there, the mean train loss since the last."""

    step: int
    val_deg: float
    train_loss: float


@dataclass(frozen=True, eq=False)
class TrainedNormals:
    """The network of the best check, in eval mode, and every check."""

    net: nn.Module
    settings: NormalSettings
    checks: tuple[Check, ...]
    best: Check


def load_normal_crops(dataset: DatasetReader, samples: Sequence[Sample], side_px: int) -> NormalCrops:
    """Every crop of some samples, resized to ``side_px``. Raises InputError when there is none."""
    crops, records, names = [], [], []
    for sample in samples:
        for i, instance in enumerate(sample.instances):
            crop = dataset.load_crop(sample, i)
            if crop is not None:
                crops.append(cv2.resize(crop, (side_px, side_px), interpolation=cv2.INTER_AREA))
                records.append((instance.normal_crop_uvw, instance.normal_uvw, instance.R_crop_cam))
                names.append(f"{sample.name}_{i}")
    if not crops:
        raise InputError(
            f"{dataset.root} has no crops with normals among the {len(samples)} samples asked for"
        )
    in_crop, in_camera, turns = (np.array(column, dtype=np.float64) for column in zip(*records, strict=True))
    return NormalCrops(np.stack(crops), in_crop, in_camera, turns, tuple(names))


def train_normals(
    train: NormalCrops,
    val: NormalCrops,
    settings: NormalSettings,
    *,
    seed: int,
    device: torch.device,
    on_step: OnStep = lambda _step: None,
) -> TrainedNormals:
    """Learn from ``train`` and keep the weights that are best on ``val``.

    The same arguments give the same network on one machine's CPU. Raises InputError where crops are turned
    that are not rectified, TrainingDiverged when a loss is not finite.
    """
    if settings.rotate and not _are_rectified(train):
        raise InputError(
            "plain crops cannot be turned, since their normals are in camera axes: set rotate to false or "
            "use rectified crops"
        )
    net = make_normal_net(settings.net, settings.side_px, seed).to(device)
    optimiser = torch.optim.Adam(net.parameters(), settings.learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.learning_rate, settings.n_steps)
    rng = np.random.default_rng(seed)
    targets = torch.from_numpy(train.crop_uvw).float()
    check_every = -(-settings.n_steps // settings.n_checks)
    order, losses, checks = np.empty(0, np.int64), [], []
    best, best_weights = None, {}
    for step in range(1, settings.n_steps + 1):
        while len(order) < settings.batch_size:
            order = np.concatenate([order, rng.permutation(len(train))])
        rows, order = np.split(order, [settings.batch_size])
        batch, wanted = _to_images(train.crops_u8[rows]).to(device), targets[rows].to(device)
        if settings.rotate:
            batch, wanted = turn(batch, wanted, rng.uniform(0, 2 * np.pi, len(rows)))
        loss = _LOSSES[settings.loss](net(batch), wanted)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        losses.append(float(loss.detach()))
        if not isfinite(losses[-1]):
            raise TrainingDiverged(step, {"loss/normal": losses[-1]})
        if step % check_every == 0 or step == settings.n_steps:
            val_deg = float(np.median(measure_errors_deg(net, val)))
            checks.append(Check(step, val_deg, float(np.mean(losses))))
            losses = []
            if best is None or val_deg < best.val_deg:
                best = checks[-1]
                best_weights = {name: tensor.clone() for name, tensor in net.state_dict().items()}
        on_step(step)
    assert best is not None
    net.load_state_dict(best_weights)
    return TrainedNormals(net.eval(), settings, tuple(checks), best)


def predict_uvw(net: nn.Module, crops: NormalCrops) -> NDArray[np.float64]:
    """Unit normals [N,3] in camera axes; the network's mode is left as it was."""
    device, was_training = next(net.parameters()).device, net.training
    net.eval()
    with torch.inference_mode():
        parts = [
            net(_to_images(crops.crops_u8[i : i + _BATCH]).to(device)).cpu()
            for i in range(0, len(crops), _BATCH)
        ]
    net.train(was_training)
    in_crop = cam_from_uvw(torch.cat(parts).numpy().astype(np.float64))
    return np.asarray(uvw_from_cam(np.einsum("nji,nj->ni", crops.R_crop_cam, in_crop)))


def measure_errors_deg(net: nn.Module, crops: NormalCrops) -> NDArray[np.float64]:
    """Angle [N] between each prediction and the truth, degrees."""
    return angle_deg(predict_uvw(net, crops), crops.uvw)


def turn(crops: Tensor, uvw: Tensor, angles_rad: NDArray[np.float64]) -> tuple[Tensor, Tensor]:
    """Rectified crops [N,3,S,S] turned anticlockwise about their middles, and their normals [N,3] with them.

    Corners that come from outside are mirrored.
    """
    angle = torch.from_numpy(angles_rad).to(crops)
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


def _to_images(crops_u8: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(crops_u8).permute(0, 3, 1, 2).float() / 127.5 - 1


def _are_rectified(crops: NormalCrops) -> bool:
    return not np.allclose(crops.R_crop_cam, np.eye(3))
