"""FID and KID, for who has Inception's weights: a local file of torchvision's inception_v3, never a download.

Published figures rest on weights that were converted from TensorFlow and pool otherwise; figures from
torchvision's weights are to be compared with each other alone.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from synth.compute.checkpoint import load_state
from synth.errors import InputError
from synth.metrics.intervals import demand_units

N_FEATURES = 2048
SIDE_PX = 299
_BATCH_SIZE = 16

_COUNTER = "num_batches_tracked"  # Absent from files of older releases, and without use here.


def load_inception(path: Path) -> nn.Module:
    """The network from images [N,3,299,299] in −1..1 to features [N,2048], with weights of a state_dict.

    Raises InputError for a file that is absent, holds anything but tensors, or fits another network.
    """
    from torchvision.models import inception_v3  # Seconds, for the few who have the weights.

    if not path.is_file():
        raise InputError(f"there are no Inception weights at {path}: give the file, or leave FID and KID out")
    wanted = "give the state_dict of torchvision's inception_v3 as torch.save writes it"
    try:
        state = load_state(path)
    except InputError as error:
        raise InputError(f"{path} cannot be opened as a file of weights: {wanted}") from error
    network = inception_v3(weights=None, aux_logits=False, init_weights=False, transform_input=False)
    network.fc = nn.Identity()
    used = {k: v for k, v in state.items() if not str(k).startswith(("fc.", "AuxLogits."))}
    own = network.state_dict()
    misfits = sorted(str(k) for k in own.keys() ^ used.keys() if not str(k).endswith(_COUNTER))
    misfits += [k for k in own if k in used and getattr(used[k], "shape", None) != own[k].shape]
    if misfits:
        raise InputError(
            f"{path} holds another network than Inception ({len(misfits)} entries do not fit, first: "
            f"{misfits[0]}): {wanted}"
        )
    network.load_state_dict(used, strict=False)
    frozen: nn.Module = network.eval().requires_grad_(False)
    return frozen


def inception_features(
    images: Sequence[NDArray[np.uint8]] | NDArray[np.uint8],
    network: nn.Module,
    device: torch.device,
) -> NDArray[np.float32]:
    """Features [N,2048] of images [H,W,3] uint8, RGB, each resized to 299×299 with anti-aliasing."""
    network = network.to(device)
    features = []
    with torch.inference_mode():
        for start in range(0, len(images), _BATCH_SIZE):
            batch = [_to_input(image, device) for image in images[start : start + _BATCH_SIZE]]
            features.append(network(torch.cat(batch)).float().cpu().numpy())
    return np.concatenate(features) if features else np.empty((0, N_FEATURES), np.float32)


def frechet_distance(features_a: NDArray[Any], features_b: NDArray[Any]) -> float:
    """Squared Fréchet distance of Gaussians with the moments of [N,D] and [M,D]: FID on Inception's features.

    Heusel et al., "GANs trained by a two time-scale update rule" (2017), equation 6. The trace of
    (Σ_a Σ_b)^½ is the sum of the singular values of A Bᵀ / √((N−1)(M−1)), A and B centred, which needs no
    D×D root: 0.1 s where the root of a 2048×2048 product takes 50 s. Biased upwards with few images, strongly
    below ten thousand: read KID (``kernel_distance``) for small sets, and FID beside its ``real_floor``
    alone. Raises InputError for fewer than two images a set.
    """
    demand_units(min(len(features_a), len(features_b)), 2)
    a, b = np.asarray(features_a, dtype=np.float64), np.asarray(features_b, dtype=np.float64)
    shift = a.mean(axis=0) - b.mean(axis=0)
    a, b = (a - a.mean(axis=0)) / np.sqrt(len(a) - 1), (b - b.mean(axis=0)) / np.sqrt(len(b) - 1)
    shared = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    return float(shift @ shift + (a**2).sum() + (b**2).sum() - 2 * shared)


def _to_input(rgb_u8: NDArray[np.uint8], device: torch.device) -> Tensor:
    image = torch.tensor(rgb_u8, device=device).permute(2, 0, 1)[None].float() / 127.5 - 1  # [1,3,H,W]
    return nn.functional.interpolate(
        image, (SIDE_PX, SIDE_PX), mode="bilinear", align_corners=False, antialias=True
    )
