"""Patches of 64 px with a bright block on a dim, uneven ground, half of them empty."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from scipy.spatial.transform import Rotation

SIDE_PX = 64


@dataclass(frozen=True)
class ToyPatches:
    images: torch.Tensor
    masks: torch.Tensor
    normals: torch.Tensor


def draw_toy(n: int, rng: np.random.Generator) -> ToyPatches:
    """Square blocks, turned and tilted at random; the normal is that of the bright face."""
    images = np.empty((n, 3, SIDE_PX, SIDE_PX), np.float32)
    masks = np.zeros((n, 1, SIDE_PX, SIDE_PX), np.float32)
    normals = np.full((n, 3), np.nan, np.float32)
    for i in range(n):
        ground = cv2.resize(rng.uniform(0.2, 0.5, (5, 5, 3)), (SIDE_PX, SIDE_PX))
        if i % 2:
            turn = Rotation.from_euler("zx", [rng.uniform(-3, 3), rng.uniform(0, 0.9)]).as_matrix()
            middle = rng.uniform(22, 42, 2)
            for z, colour in ((-0.8, (0.5, 0.3, 0.1)), (0.0, (0.9, 0.6, 0.3))):
                corners = np.array([[-1, -1, z], [1, -1, z], [1, 1, z], [-1, 1, z]]) @ turn.T
                pixels = ((corners[:, :2] * (1, -1) * 13 + middle) * 16).round().astype(np.int32)
                cv2.fillConvexPoly(masks[i, 0], pixels, 1.0, shift=4)
                cv2.fillConvexPoly(ground, pixels, colour, shift=4)
            normals[i] = turn[:, 2]
        images[i] = ground.transpose(2, 0, 1) * 2 - 1
    return ToyPatches(*(torch.from_numpy(a) for a in (images, masks, normals)))
