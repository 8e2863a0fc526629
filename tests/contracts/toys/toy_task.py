"""A whole task in one file: how far to the right of a picture its first part lies, from 0 to 1."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.metrics.comparison import Draws, draw_metric
from synth.train.drawing import write_caption
from synth.train.loop import SCORE, Rows
from synth.train.photometric import vary_colours
from synth.train.settings import TaskSettings
from synth.train.tasks import TASKS
from synth.train.tasks.report import Curves, Metric, Report, Said, Strip, Words
from synth.train.tasks.task import Export, PresetName, Recipe, Rgb, SeenPart, Target, Task
from synth.train.torch_data import TorchData


@dataclass(frozen=True)
class PlaceSettings(TaskSettings):
    """Pictures are looked at as side_px × side_px grey pixels."""

    n_images: int = 320
    batch_size: int = 16
    learning_rate: float = 1e-2
    n_checks: int = 2
    net: str = "linear"
    side_px: int = 16


@dataclass(frozen=True, eq=False)
class Places:
    """grey: [N,S,S] in 0 to 1. places: [N]."""

    grey: Tensor
    places: Tensor
    names: tuple[str, ...]


class PlaceLearner:
    """One linear layer and a squared error."""

    def __init__(
        self,
        stages: Sequence[Places],
        val: Places,
        net: nn.Module,
        test: Places | None,
        photometric: float,
    ) -> None:
        self._photometric = photometric
        self.net, self.pools = net, tuple(len(stage.names) for stage in stages)
        self._stages, self._val, self._test = stages, val, test
        self.blind_score = float((val.places - stages[-1].places.mean()).square().mean())

    def load(self, stage: int, rows: Rows, seed: int) -> tuple[Tensor, Tensor]:
        grey = self._stages[stage].grey[rows]
        rgb_u8 = (grey[..., None] * 255).byte().expand(*grey.shape, 3).numpy()
        varied = torch.from_numpy(vary_colours(rgb_u8, self._photometric, seed)).float().mean(-1) / 255
        return varied if self._photometric else grey, self._stages[stage].places[rows]

    def compute_losses(self, batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        return {"place": (self.net(batch[0])[:, 0] - batch[1]).square().mean()}

    def check(self) -> dict[str, float]:
        error = {
            split: _error(self.net, data)
            for split, data in (("val", self._val), ("test", self._test))
            if data
        }
        return {SCORE: error["val"]} | {f"{split}_loss": value for split, value in error.items()}


class PlaceTask(Task[PlaceSettings, Places]):
    """The place of the first part."""

    name = "place"
    words = Words("Place", "distances from the true place", "images")
    settings = PlaceSettings
    presets: Mapping[PresetName, tuple[Recipe[PlaceSettings], ...]] = {
        "quick": (Recipe(PlaceSettings(), 2),),
        "default": (Recipe(PlaceSettings(), 3),),
        "paper": (Recipe(PlaceSettings(), 3),),
    }
    headline = Metric("median_off", "median distance", "", lower_is_better=True)
    report = Report(
        columns=(headline,),
        pictures=(
            Curves("training", (("train loss", "train_place_loss"), ("val loss", "val_loss")), "Losses."),
        ),
        strip=Strip("first", "The same test images in every row.", n=3, a_row=3),
        worst=Strip("worst", "farthest off", n=2, a_row=3),
    )
    export = Export("grey: float32 [1,3,S,S]; place: [1,1]", "place", lambda net: _OfPictures(net))
    sees_composites = True

    def count(self, samples: Sequence[Sample]) -> int:
        return sum(bool(sample.instances) for sample in samples)

    def load(self, dataset: DatasetReader, samples: Sequence[Sample], settings: PlaceSettings) -> Places:
        shown = [sample for sample in samples if sample.instances]
        boxes = np.array([sample.instances[0].box_xyxy_px for sample in shown])
        widths = np.array([sample.size_wh[0] for sample in shown])
        return Places(
            _to_grey([dataset.load_rgb(sample) for sample in shown], settings.side_px),
            torch.from_numpy((boxes[:, 0] + boxes[:, 2]) / 2 / widths).float(),
            tuple(sample.name for sample in shown),
        )

    def to_torch(self, dataset: DatasetReader, samples: Sequence[Sample]) -> TorchData[Any]:
        return TorchData(dataset, [sample for sample in samples if sample.instances], _read_item)

    def join(self, first: Places, second: Places) -> Places:
        return Places(
            torch.cat([first.grey, second.grey]),
            torch.cat([first.places, second.places]),
            first.names + second.names,
        )

    def make_learner(
        self,
        stages: Sequence[Places],
        val: Places,
        settings: PlaceSettings,
        *,
        seed: int,
        device: torch.device,
        test: Places | None = None,
    ) -> PlaceLearner:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            net = self.make_net(settings).to(device)
            return PlaceLearner(stages, val, net, test, settings.photometric)

    def make_net(self, settings: PlaceSettings) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(settings.side_px**2, 1))

    def predict(self, net: nn.Module, data: Places) -> list[float]:
        with torch.no_grad():
            return [float(x) for x in net(data.grey)[:, 0]]

    def predict_pictures(
        self, net: nn.Module, settings: PlaceSettings, pictures: Sequence[Rgb]
    ) -> list[float]:
        return self.predict(net, Places(_to_grey(pictures, settings.side_px), torch.empty(0), ()))

    def truth(self, data: Places) -> list[float]:
        return [float(x) for x in data.places]

    def names(self, data: Places) -> tuple[str, ...]:
        return data.names

    def draw_scores(
        self, said: Sequence[Said], seed: int = 0, clusters: Sequence[str] | None = None
    ) -> dict[str, Draws]:
        errors = np.abs(np.array([one.predicted for one in said]) - np.array([one.true for one in said]))
        return {self.headline.name: draw_metric(errors, np.random.default_rng(seed), clusters=clusters)}

    def badness(self, predicted: float, true: float) -> float:
        return abs(predicted - true)

    def show(self, dataset: DatasetReader, settings: PlaceSettings, name: str) -> Rgb:
        return dataset.load_rgb(dataset[name])

    def draw(self, picture: Rgb, caption: str, predicted: float, true: float | None = None) -> Rgb:
        tile = picture.copy()
        x = int(np.clip(predicted, 0, 1) * (tile.shape[1] - 1))
        tile[:, max(0, x - 1) : x + 1] = (255, 40, 200)
        return write_caption(tile, caption)

    def target_size(self, settings: PlaceSettings, size_wh: tuple[int, int]) -> tuple[int, int]:
        return settings.side_px, round(settings.side_px * size_wh[1] / size_wh[0])

    def composite_truth(self, settings: PlaceSettings, seen: Sequence[SeenPart]) -> float:
        return sum(seen[0].box_xyxy_px[::2]) / 2 / settings.side_px if seen else 0.0

    def target(self, net: nn.Module, settings: PlaceSettings) -> "PlaceTarget":
        return PlaceTarget(_OfPictures(net))


class PlaceTarget(Target):
    """Of pictures that are side_px wide and high."""

    def __init__(self, net: nn.Module) -> None:
        self._net = net

    def loss(self, images: Tensor, truth: Sequence[Any]) -> Tensor:
        return (self._net(images)[:, 0] - torch.as_tensor(truth)).square()

    def hardness(self, images: Tensor, truth: Sequence[Any]) -> Tensor:
        return self.loss(images, truth).clamp(max=1)


class _OfPictures(nn.Module):
    """RGB pictures [N,3,S,S] in 0 to 1 in place of grey ones."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, images: Tensor) -> Tensor:
        grey = images.mean(dim=1)
        found: Tensor = self.net(nn.functional.pad(grey, (0, 0, 0, grey.shape[2] - grey.shape[1])))
        return found


def _to_grey(pictures: Sequence[Rgb], side_px: int) -> Tensor:
    small = [cv2.resize(p, (side_px, side_px), interpolation=cv2.INTER_AREA).mean(axis=2) for p in pictures]
    return torch.from_numpy(np.stack(small)).float() / 255


def _read_item(dataset: DatasetReader, sample: Sample) -> tuple[Tensor, Tensor]:
    x0, _, x1, _ = sample.instances[0].box_xyxy_px
    grey = _to_grey([dataset.load_rgb(sample)], 16)
    return grey[0], torch.tensor((x0 + x1) / 2 / sample.size_wh[0])


def _error(net: nn.Module, data: Places) -> float:
    with torch.no_grad():
        return float((net(data.grey)[:, 0] - data.places).square().mean())


TASKS["place"] = PlaceTask()
