"""How a network learns normals from crops, and what it says of them.

A prediction is made in the crop's axes and turned back to the camera's before it is compared (``R_crop_cam``,
CONVENTIONS.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from synth.dataset.choices import CropKind
from synth.errors import InputError
from synth.geometry.frames import cam_from_uvw, uvw_from_cam
from synth.geometry.normals import angle_deg
from synth.train.loop import SCORE, Rows
from synth.train.models.normal_nets import make_normal_net
from synth.train.photometric import vary_colours
from synth.train.settings import TaskSettings
from synth.train.tasks.normals.crops import NormalCrops

LossName = Literal["vector", "angle"]

_BATCH = 64
_N_BLIND = 200
_PLAIN = "plain crops cannot be turned, since their normals are in camera axes"


@dataclass(frozen=True)
class NormalSettings(TaskSettings):
    """How a network learns normals.

    side_px: crops are resized to it. loss: vector is equation 1 of the paper, angle the mean angle. crop:
    rectified, or the paper's plain cut with its normal in camera axes. rotate: crops are turned about their
    middle by random angles and their normals with them, which only rectified crops allow. Crops are never
    mirrored: a mirrored part and its light do not exist.
    """

    net: str = "paper"
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
        self.blind_score = _score_blind(stages[-1], val)
        self.net = make_normal_net(settings.net, settings.side_px, seed).to(device)
        self._device = device

    def load(self, stage: int, rows: Rows, seed: int) -> tuple[Tensor, Tensor, Tensor]:
        """Crops [B,S,S,3] uint8, normals [B,3] in crop axes, angles [B] to turn them by."""
        crops = self._stages[stage]
        angles = np.random.default_rng(seed).uniform(0, 2 * np.pi, len(rows)) * self._settings.rotate
        return (
            torch.from_numpy(vary_colours(crops.crops_u8[rows], self._settings.photometric, seed)),
            torch.from_numpy(crops.crop_uvw[rows]).float(),
            torch.from_numpy(angles),
        )

    def compute_losses(self, batch: tuple[Tensor, Tensor, Tensor]) -> dict[str, Tensor]:
        """``normal``, by the settings' formula."""
        crops_u8, wanted, angles = (part.to(self._device, non_blocking=True) for part in batch)
        crops = to_images(crops_u8)
        if self._settings.rotate:
            crops, wanted = turn(crops, wanted, angles)
        return {"normal": LOSSES[self._settings.loss](self.net(crops), wanted)}

    def check(self) -> dict[str, float]:
        """Median angle and loss on val crops, and on test crops where there are any."""
        figures = self._measure(self._val, "val") | {SCORE: 0.0}
        figures[SCORE] = figures["val_deg"]
        return figures | (self._measure(self._test, "test") if self._test is not None else {})

    def _measure(self, crops: NormalCrops, split: str) -> dict[str, float]:
        found = predict_crop_uvw(self.net, crops.crops_u8)
        loss = LOSSES[self._settings.loss](torch.from_numpy(found), torch.from_numpy(crops.crop_uvw))
        return {
            f"{split}_deg": float(np.median(angle_deg(found, crops.crop_uvw))),
            f"{split}_loss": float(loss),
        }


def _score_blind(train: NormalCrops, val: NormalCrops) -> float:
    """The lowest median angle, degrees, that one direction has to the normals of all val crops.

    A network that has learned nothing answers about the same to every crop. Tried are directions of train
    crops, evenly taken, since no other is likelier.
    """
    tried = train.crop_uvw[:: -(-len(train) // _N_BLIND)]
    return float(np.median(angle_deg(tried[:, None], val.crop_uvw[None]), axis=1).min())


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
            net(to_images(torch.from_numpy(crops_u8[i : i + _BATCH]).to(device))).cpu()
            for i in range(0, len(crops_u8), _BATCH)
        ]
    net.train(was_training)
    return np.asarray(torch.cat(parts).numpy().astype(np.float64))


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
    """Mean angle between vectors [N,3] of any length but 0, radians; exact if tiny, as its gradient is."""
    sine = torch.linalg.cross(found, wanted).norm(dim=1)
    return torch.atan2(sine, (found * wanted).sum(dim=1)).mean()


LOSSES = {"vector": vector_loss, "angle": angle_loss}


def to_images(crops_u8: Tensor) -> Tensor:
    return crops_u8.permute(0, 3, 1, 2).float() / 127.5 - 1
