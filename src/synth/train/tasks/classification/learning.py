"""How a network learns classes from crops, and what it says of them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from synth.errors import InputError
from synth.train.loop import SCORE, Rows
from synth.train.models.class_nets import load_pretrained, make_class_net
from synth.train.photometric import vary_colours
from synth.train.tasks.classification.crops import ClassCrops
from synth.train.tasks.classification.settings import ClassificationSettings

_BATCH = 256


class ClassLearner:
    """A network that learns classes from crops; a Learner.

    stages: train crops of each stage. val: what chooses. test: looked at on the way, without a say.
    """

    def __init__(
        self,
        stages: Sequence[ClassCrops],
        val: ClassCrops,
        settings: ClassificationSettings,
        *,
        seed: int,
        device: torch.device,
        test: ClassCrops | None = None,
    ) -> None:
        classes = settings.demand_classes()
        self._stages, self._val, self._test, self._device = stages, val, test, device
        self._places = [_demand_known(stage) for stage in stages]
        self._photometric = settings.photometric
        self.pools = tuple(len(stage) for stage in stages)
        self.blind_score = 1 - max(val.true.count(name) for name in classes) / len(val)
        net = make_class_net(settings.net, settings.side_px, len(classes), seed)
        if settings.pretrained is not None:
            load_pretrained(net, Path(settings.pretrained))
        self.net = net.to(device)

    def load(self, stage: int, rows: Rows, seed: int) -> tuple[Tensor, Tensor, Tensor]:
        """Crops [B,S,S,3] uint8, classes [B], and the seed for units that a network drops by chance."""
        crops_u8 = vary_colours(self._stages[stage].crops_u8[rows], self._photometric, seed)
        return torch.from_numpy(crops_u8), torch.from_numpy(self._places[stage][rows]), torch.tensor(seed)

    def compute_losses(self, batch: tuple[Tensor, Tensor, Tensor]) -> dict[str, Tensor]:
        """``class``, the cross-entropy."""
        crops_u8, wanted = (part.to(self._device, non_blocking=True) for part in batch[:2])
        devices = [self._device] if self._device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(int(batch[2]))
            return {"class": functional.cross_entropy(self.net(to_images(crops_u8)), wanted)}

    def check(self) -> dict[str, float]:
        """Accuracy and loss on val crops, and on test crops where there are any.

        The score is the share of val crops that are read wrongly; of two networks with the same share the
        one is better that is surer of the truth.
        """
        figures, doubt = self._measure(self._val, "val")
        figures[SCORE] = 1 - figures["val_accuracy"] + doubt / len(self._val)
        return figures | (self._measure(self._test, "test")[0] if self._test is not None else {})

    def _measure(self, crops: ClassCrops, split: str) -> tuple[dict[str, float], float]:
        """Figures, and the mean of 1 − the confidence in the truth, below 1."""
        sure, places = predict_confidences(self.net, crops.crops_u8), crops.places
        known = places >= 0
        of_truth = np.where(known, sure[np.arange(len(sure)), places], 0.0)
        losses = -np.log(np.maximum(of_truth[known], np.finfo(np.float32).tiny))
        accuracy = float((sure.argmax(axis=1) == places).mean())
        loss = float(losses.mean()) if known.any() else 0.0
        return {f"{split}_accuracy": accuracy, f"{split}_loss": loss}, float(1 - of_truth.mean())


def _demand_known(crops: ClassCrops) -> NDArray[np.int64]:
    """The places of their classes; raises InputError where the network has none for a class."""
    places = crops.places
    if (places < 0).any():
        unknown = sorted(set(crops.true) - set(crops.class_names))
        raise InputError(
            f"train crops show {', '.join(unknown)}, and the network learns {', '.join(crops.class_names)}: "
            "leave those images out or learn their classes too"
        )
    return places


def predict_confidences(net: nn.Module, crops_u8: NDArray[np.uint8]) -> NDArray[np.float64]:
    """How sure the network is of each class [N,C], from crops [N,S,S,3]; its mode is left as it was."""
    device, was_training = next(net.parameters()).device, net.training
    net.eval()
    with torch.inference_mode():
        parts = [
            net(to_images(torch.from_numpy(crops_u8[i : i + _BATCH]).to(device))).float().softmax(dim=1).cpu()
            for i in range(0, len(crops_u8), _BATCH)
        ]
    net.train(was_training)
    return np.asarray(torch.cat(parts).numpy().astype(np.float64))


def to_images(crops_u8: Tensor) -> Tensor:
    """[N,S,S,3] uint8 to [N,3,S,S] in 0 to 1."""
    return crops_u8.permute(0, 3, 1, 2).float() / 255
