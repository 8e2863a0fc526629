"""The class of each instance's crop, or of a whole picture, as a task."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn

from synth.dataset.info import DatasetInfo
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.errors import InputError
from synth.geometry.squares import cut, square_round
from synth.metrics.comparison import Draws
from synth.train.drawing import FOUND_RGB, TILE_PX, TRUE_RGB, write_caption, write_letters
from synth.train.models.class_nets import make_class_net, refuse_unknown_net
from synth.train.tasks.classification.baseline import say_most_frequent
from synth.train.tasks.classification.crops import ClassCrops, crop_square, list_labelled, load_class_crops
from synth.train.tasks.classification.learning import ClassLearner, predict_confidences
from synth.train.tasks.classification.presets import PRESETS
from synth.train.tasks.classification.scores import Readings, measure_classes
from synth.train.tasks.classification.settings import ClassificationSettings
from synth.train.tasks.classification.target import ClassTarget
from synth.train.tasks.classification.torch_data import Item, make_torch_data
from synth.train.tasks.classification.words import HEADLINE, MACRO, REPORT
from synth.train.tasks.known_classes import refuse_further
from synth.train.tasks.report import Part, Said, Words
from synth.train.tasks.task import Baseline, Export, Rgb, SeenPart, Task
from synth.train.torch_data import TorchData

MOST_PX = 640
"""Longer side of whole pictures that crops are cut from while a network is trained against."""

Answer = list[Any]
"""A class's name and how sure the network is of it, 0 to 1."""


class ClassificationTask(Task[ClassificationSettings, ClassCrops]):
    """The class of each instance's crop, or of a whole picture."""

    name = "classification"
    words = Words("Classification", "classes", "crops")
    settings = ClassificationSettings
    presets = PRESETS
    headline = HEADLINE
    report = REPORT
    export = Export(
        "images: RGB, float32 [1,3,S,S] in 0..1, a crop resized to S; confidences: [1,C], one a class, sum 1",
        "confidences",
        lambda net: nn.Sequential(net, nn.Softmax(dim=1)),
    )
    baselines = (
        Baseline(
            "most-frequent",
            "no network; the class that most captured train crops have.",
            say_most_frequent,
        ),
    )
    takes_composites = True

    def adapt(
        self, settings: ClassificationSettings, learnt: Sequence[DatasetInfo], test: DatasetInfo
    ) -> ClassificationSettings:
        """With the classes of all by name."""
        return replace(settings, classes=tuple(dict.fromkeys(n for info in learnt for n in info.classes)))

    def classes_of(self, settings: ClassificationSettings) -> tuple[str, ...]:
        """Those of the settings."""
        return settings.classes

    def with_net(self, settings: ClassificationSettings, net: str) -> ClassificationSettings:
        """At the side that goes with it; raises InputError that lists all."""
        refuse_unknown_net(net)
        sides = {recipe.settings.net: recipe.settings.side_px for one in PRESETS.values() for recipe in one}
        return replace(settings, net=net, side_px=sides.get(net, sides["resnet18"]))

    def with_pretrained(self, settings: ClassificationSettings, checkpoint: str) -> ClassificationSettings:
        """All layers learn; the last one begins anew where there are other classes."""
        return replace(settings, pretrained=checkpoint)

    def refuse_unfit(self, dataset: DatasetReader, settings: ClassificationSettings) -> None:
        """Fewer than two classes, classes that are not learnt, or a checkpoint that is absent."""
        refuse_further(dataset, settings.demand_classes())
        if settings.pretrained is not None and not Path(settings.pretrained).is_file():
            raise InputError(f"there is no checkpoint at {settings.pretrained}")

    def count(self, samples: Sequence[Sample]) -> int:
        """Crops."""
        return sum(len(list_labelled(sample)) for sample in samples)

    def load(
        self, dataset: DatasetReader, samples: Sequence[Sample], settings: ClassificationSettings
    ) -> ClassCrops:
        """Every crop of the samples."""
        return load_class_crops(
            dataset, samples, settings.side_px, settings.context, settings.demand_classes()
        )

    def join(self, first: ClassCrops, second: ClassCrops) -> ClassCrops:
        """Both, in this order."""
        return first.joined(second)

    def to_torch(self, dataset: DatasetReader, samples: Sequence[Sample]) -> TorchData[Item]:
        """Crops and their class."""
        return make_torch_data(dataset, samples)

    def make_learner(
        self,
        stages: Sequence[ClassCrops],
        val: ClassCrops,
        settings: ClassificationSettings,
        *,
        seed: int,
        device: torch.device,
        test: ClassCrops | None = None,
    ) -> ClassLearner:
        """A fresh network with its crops."""
        return ClassLearner(stages, val, settings, seed=seed, device=device, test=test)

    def make_net(self, settings: ClassificationSettings) -> nn.Module:
        """A network for weights."""
        return make_class_net(settings.net, settings.side_px, len(settings.demand_classes()), seed=0)

    def predict(self, net: nn.Module, data: ClassCrops) -> list[Answer]:
        """The likeliest class of each crop, and the confidence in it."""
        return _name_likeliest(predict_confidences(net, data.crops_u8), data.class_names)

    def predict_pictures(
        self, net: nn.Module, settings: ClassificationSettings, pictures: Sequence[Rgb]
    ) -> list[Answer]:
        """The same of whole pictures."""
        crops = [_cut_whole(picture, settings.side_px) for picture in pictures]
        return _name_likeliest(predict_confidences(net, np.stack(crops)), settings.classes)

    def truth(self, data: ClassCrops) -> list[str]:
        """The class of each crop."""
        return list(data.true)

    def names(self, data: ClassCrops) -> tuple[str, ...]:
        """Sample and instance."""
        return data.names

    def draw_scores(
        self, said: Sequence[Said], seed: int = 0, clusters: Sequence[str] | None = None
    ) -> dict[str, Draws]:
        """accuracy, macro_accuracy."""
        readings = Readings(said, seed, clusters)
        return {HEADLINE.name: readings.accuracy(), MACRO.name: readings.macro_accuracy()}

    def break_down(
        self, said: Sequence[Said], seed: int = 0, clusters: Sequence[str] | None = None
    ) -> Mapping[str, Sequence[Part]]:
        """Class by class."""
        return measure_classes(Readings(said, seed, clusters))

    def badness(self, predicted: Answer, true: str) -> float:
        """The confidence in a wrong class; less that in the right one."""
        name, confidence = predicted
        return float(-confidence if name == true else confidence)

    def show(self, dataset: DatasetReader, settings: ClassificationSettings, name: str) -> Rgb:
        """A crop at the size of a tile."""
        sample_name, _, i = name.rpartition("_")
        sample = dataset[sample_name]
        square = crop_square(sample.instances[int(i)].box_xyxy_px, sample.size_wh, settings.context)
        return cut(dataset.load_rgb(sample), square, TILE_PX)

    def draw(self, picture: Rgb, caption: str, predicted: Answer, true: str | None = None) -> Rgb:
        """The crop with its class and the confidence in it; above, the truth where it is known."""
        tile = np.array(cv2.resize(picture, (TILE_PX, TILE_PX), interpolation=cv2.INTER_NEAREST), np.uint8)
        name, confidence = predicted
        if true is not None:
            write_letters(tile, true, (6, 20), TRUE_RGB, size=0.5)
        write_letters(tile, f"{name} {confidence:.2f}", (6, 40), FOUND_RGB, size=0.5)
        return write_caption(tile, caption)

    def describe_export(self, settings: ClassificationSettings) -> Export:
        """With the names of its classes."""
        order = ", ".join(settings.classes)
        return replace(self.export, about=f"{self.export.about}, in this order: {order}")

    def describe_start(self, settings: ClassificationSettings) -> str:
        """Whose network it is, and from which weights it began."""
        begun = "random weights" if settings.pretrained is None else settings.pretrained
        return f"{settings.net} at {settings.side_px} px, trained from {begun}."

    def target(self, net: nn.Module, settings: ClassificationSettings) -> ClassTarget:
        """A trained network as one that can be trained against."""
        return ClassTarget(net, settings.classes, settings.side_px)

    def target_size(self, settings: ClassificationSettings, size_wh: tuple[int, int]) -> tuple[int, int]:
        """As they are, up to `MOST_PX`: it looks at a crop of each object."""
        scale = min(MOST_PX / max(size_wh), 1.0)
        return round(scale * size_wh[0]), round(scale * size_wh[1])

    def composite_truth(
        self, settings: ClassificationSettings, seen: Sequence[SeenPart]
    ) -> list[tuple[tuple[int, int, int], str]]:
        """The square that is cut out for each object, and its class."""
        squares = [square_round(part.box_xyxy_px, settings.context) for part in seen]
        names = [part.class_name for part in seen]
        return [((s.x0, s.y0, s.side_px), name) for s, name in zip(squares, names, strict=True)]


def _name_likeliest(confidences: np.ndarray[Any, Any], classes: Sequence[str]) -> list[Answer]:
    """Of confidences [N,C]."""
    return [[classes[int(row.argmax())], float(row.max())] for row in confidences]


def _cut_whole(picture: Rgb, side_px: int) -> Rgb:
    """A whole picture [H,W,3] as a crop."""
    h, w = picture.shape[:2]
    return cut(picture, crop_square((0, 0, w, h), (w, h), 1.0), side_px)


CLASSIFICATION = ClassificationTask()
