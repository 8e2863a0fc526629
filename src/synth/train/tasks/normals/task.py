"""Surface normals from crops, as a task.

Presets: quick fits two cores (112 px, 6,000 crops: measured on the simulated cell). default: ResNet-18 and
the mean angle, which reach lower errors for the same hours. paper: section 5.1 of the work that synth
follows, its network and loss, 40,000 crops in place of its epochs, once with rectified crops and once with
its plain ones.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from synth.dataset.choices import CropKind
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.errors import InputError
from synth.geometry.normals import angle_deg
from synth.metrics.comparison import ERROR, FREE, SHARE, Draws, Range, draw_metric
from synth.train.drawing import FOUND_RGB, TRUE_RGB, draw_normal
from synth.train.frozen import frozen
from synth.train.models.normal_nets import make_normal_net
from synth.train.tasks.normals.crops import NormalCrops, load_normal_crops, resize_crop
from synth.train.tasks.normals.diagrams import draw_errors, draw_vertical, errors_deg
from synth.train.tasks.normals.learning import (
    LOSSES,
    NormalLearner,
    NormalSettings,
    predict_crop_uvw,
    predict_uvw,
)
from synth.train.tasks.normals.torch_data import Item, make_torch_data
from synth.train.tasks.report import Curves, Diagram, Metric, Report, Said, Strip, Words
from synth.train.tasks.task import Export, PresetName, Recipe, Rgb, Target, Task
from synth.train.torch_data import TorchData

_LEAST_DEG = 0.05
"""Angle errors count as this much at least where their logarithm is taken."""

_COMPARED = Metric("log_deg", "angle errors", "×", lower_is_better=True)
_COLUMNS: tuple[tuple[Metric, Callable[[NDArray[np.float64]], Any]], ...] = (
    (Metric("median_deg", "median", "°", lower_is_better=True), partial(np.median, axis=-1)),
    (Metric("mean_deg", "mean", "°", lower_is_better=True), partial(np.mean, axis=-1)),
    (
        Metric("p90_deg", "90th percentile", "°", lower_is_better=True),
        lambda e: np.asarray(np.quantile(e, 0.9, axis=-1)),
    ),
    (
        Metric("under_5_deg", "under 5°", "%", lower_is_better=False),
        lambda e: np.asarray((e < 5).mean(axis=-1)),
    ),
    (
        Metric("under_10_deg", "under 10°", "%", lower_is_better=False),
        lambda e: np.asarray((e < 10).mean(axis=-1)),
    ),
)

_PICTURES = (
    Diagram("errors", "Share of test crops under each angle error.", draw_errors),
    Curves(
        "training",
        (
            ("train loss", "train_train_loss"),
            ("val loss, own images", "val_loss"),
            ("test loss", "test_loss"),
        ),
        "Losses throughout training (Figures 19 and 22 of the paper). Val curves are of each mix's own "
        "images and cannot be compared with each other; test curves choose nothing. The paper chose its "
        "few-epoch models by test images; here val images do, at the dots.",
    ),
    Diagram(
        "vertical",
        "Angle error against the vertical projection of the true normal (Figure 24 of the paper); w = 1 "
        "faces the camera. All seeds together.",
        draw_vertical,
    ),
)


class NormalTask(Task[NormalSettings, NormalCrops]):
    """Surface normals from crops."""

    name = "normals"
    words = Words("Normals", "angle errors", "crops")
    settings = NormalSettings
    presets: Mapping[PresetName, tuple[Recipe[NormalSettings], ...]] = {
        "quick": (Recipe(NormalSettings(net="paper", side_px=112, n_images=6_000, n_checks=12), 3),),
        "default": (Recipe(NormalSettings(net="resnet18", n_images=40_000, loss="angle"), 3),),
        "paper": (
            Recipe(NormalSettings(net="paper", n_images=40_000), 3),
            Recipe(NormalSettings(net="paper", n_images=40_000, crop="paper", rotate=False), 3),
        ),
    }
    headline = Metric("median_deg", "median angle error", "°", lower_is_better=True)
    report = Report(
        columns=tuple(metric for metric, _ in _COLUMNS),
        pictures=_PICTURES,
        strip=Strip(
            "vectors", "The same test crops in every row (Figure 21 of the paper). Arrows are (u, v)."
        ),
        worst=Strip("worst", "largest angle errors"),
    )
    export = Export(
        "images: RGB, float32 [1,3,S,S] in -1..1, a crop resized to S; normal: unit (u, v, w) [1,3] in "
        "crop axes",
        "normal",
    )
    reads_crops = True

    @property
    def compared(self) -> Metric:
        """The mean logarithm of angle errors, whose difference is told as a ratio.

        Errors of one network span two decades; at the same three seeds and images this tells mixes apart
        where medians do not.
        """
        return _COMPARED

    def with_plain_crops(self, settings: NormalSettings) -> NormalSettings:
        """The paper's crops, whose normals are in camera axes and which cannot be turned."""
        return replace(settings, crop="paper", rotate=False)

    def crop_kind(self, settings: NormalSettings) -> CropKind:
        """As the settings say."""
        return settings.crop

    def count(self, samples: Sequence[Sample]) -> int:
        """Crops."""
        return sum(bool(instance.normal_crop) for sample in samples for instance in sample.instances)

    def load(
        self, dataset: DatasetReader, samples: Sequence[Sample], settings: NormalSettings
    ) -> NormalCrops:
        """Every crop of the samples."""
        return load_normal_crops(dataset, samples, settings.side_px, settings.crop)

    def join(self, first: NormalCrops, second: NormalCrops) -> NormalCrops:
        """Both, in this order."""
        return first.joined(second)

    def to_torch(self, dataset: DatasetReader, samples: Sequence[Sample]) -> TorchData[Item]:
        """Crops and their normals."""
        return make_torch_data(dataset, samples)

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

    def predict_pictures(
        self, net: nn.Module, settings: NormalSettings, pictures: Sequence[Rgb]
    ) -> list[list[float]]:
        """Unit normals (u, v, w) of pictures that are crops, in their own axes."""
        crops = np.stack([resize_crop(picture, settings.side_px) for picture in pictures])
        found: list[list[float]] = predict_crop_uvw(net, crops).tolist()
        return found

    def truth(self, data: NormalCrops) -> list[list[float]]:
        """The same of the labels."""
        return [[float(x) for x in row] for row in data.uvw]

    def names(self, data: NormalCrops) -> tuple[str, ...]:
        """Sample and instance."""
        return data.names

    def draw_scores(
        self, said: Sequence[Said], seed: int = 0, clusters: Sequence[str] | None = None
    ) -> dict[str, Draws]:
        """median_deg, mean_deg, p90_deg, under_5_deg, under_10_deg, log_deg."""
        errors = errors_deg(said)

        def draw(measure: Callable[[NDArray[np.float64]], Any], limits: Range) -> Draws:
            return draw_metric(errors, np.random.default_rng(seed), measure, limits, clusters)

        return {
            **{m.name: draw(measure, SHARE if m.unit == "%" else ERROR) for m, measure in _COLUMNS},
            _COMPARED.name: draw(lambda e: np.log(np.maximum(e, _LEAST_DEG)).mean(axis=-1), FREE),
        }

    def badness(self, predicted: list[float], true: list[float]) -> float:
        """The angle between them, degrees."""
        return float(angle_deg(np.array(predicted), np.array(true)))

    def show(self, dataset: DatasetReader, settings: NormalSettings, name: str) -> Rgb:
        """A crop at the side that the network takes."""
        crops = self.load(dataset, [dataset[name.rsplit("_", 1)[0]]], settings)
        return np.asarray(crops.crops_u8[crops.names.index(name)])

    def draw(
        self, picture: Rgb, caption: str, predicted: list[float], true: list[float] | None = None
    ) -> Rgb:
        """The crop with the normals as arrows; beside the truth, the angle between them."""
        if true is None:
            return draw_normal(picture, caption, (predicted, FOUND_RGB))
        caption = f"{caption}  {self.badness(predicted, true):.0f} deg"
        return draw_normal(picture, caption, (true, TRUE_RGB), (predicted, FOUND_RGB))

    def read_crops(self, net: nn.Module, crops_u8: Rgb) -> NDArray[np.float64]:
        """Unit normals [N,3] in crop axes."""
        return predict_crop_uvw(net, crops_u8)

    def target(self, net: nn.Module, settings: NormalSettings) -> "NormalTarget":
        """A trained network as one that can be trained against."""
        return NormalTarget(net, settings)

    def target_size(self, settings: NormalSettings, size_wh: tuple[int, int]) -> tuple[int, int]:
        """Of none: a turn or another place in the picture changes a normal, and composites carry none."""
        raise InputError(
            "a target of the task normals takes no composites, which carry no normals, as a turn in the "
            "picture changes them: give the run of a detector"
        )

    def target_truth(self, data: NormalCrops) -> list[list[float]]:
        """Unit normals (u, v, w) in crop axes, in which the network reads them."""
        found: list[list[float]] = data.crop_uvw.tolist()
        return found


class NormalTarget(Target):
    """Of crops [N,3,S,S]; truth: unit (u, v, w) in crop axes."""

    def __init__(self, net: nn.Module, settings: NormalSettings) -> None:
        self._net, self._loss = net, LOSSES[settings.loss]

    def loss(self, images: Tensor, truth: Sequence[Any]) -> Tensor:
        """The settings' loss of each crop."""
        found, wanted = self._read(images, truth)
        return torch.stack([self._loss(f[None], w[None]) for f, w in zip(found, wanted, strict=True)])

    def hardness(self, images: Tensor, truth: Sequence[Any]) -> Tensor:
        """(1 − cos)/2 of the angle between what is read and what is true."""
        found, wanted = self._read(images, truth)
        return (1 - (found * wanted).sum(dim=1).clamp(-1, 1)) / 2

    def _read(self, images: Tensor, truth: Sequence[Any]) -> tuple[Tensor, Tensor]:
        with frozen(self._net):
            found: Tensor = self._net(2 * images - 1)
        return found, torch.as_tensor(truth, dtype=found.dtype, device=found.device)


NORMALS = NormalTask()
