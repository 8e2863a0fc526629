"""The class of every pixel of whole pictures, as a task."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from synth.dataset.info import DatasetInfo, SemanticInfo
from synth.dataset.label_maps import find_void, list_labelled
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.errors import InputError
from synth.metrics.comparison import Draws
from synth.train.tasks.report import Part, Said, Words
from synth.train.tasks.segmentation.baseline import say_commonest_at_place
from synth.train.tasks.segmentation.learning import SegmentationLearner, say, to_ids
from synth.train.tasks.segmentation.maps import (
    Answer,
    SegmentationImages,
    fit_size,
    load_images,
    refuse_other_classes,
    to_answer,
)
from synth.train.tasks.segmentation.net import make_segment_net
from synth.train.tasks.segmentation.presets import PRESETS
from synth.train.tasks.segmentation.scores import Readings, measure_one
from synth.train.tasks.segmentation.segmenters import SEGMENTERS
from synth.train.tasks.segmentation.settings import SegmentationSettings
from synth.train.tasks.segmentation.target import PixelTarget
from synth.train.tasks.segmentation.tiles import draw_maps
from synth.train.tasks.segmentation.torch_data import Item, make_torch_data
from synth.train.tasks.segmentation.words import HEADLINE, REPORT
from synth.train.tasks.task import Baseline, Export, Rgb, SeenPart, Task
from synth.train.torch_data import TorchData

_TILE_PX = 240


class SegmentationTask(Task[SegmentationSettings, SegmentationImages]):
    """The class of every pixel of whole pictures."""

    name = "segmentation"
    words = Words("Segmentation", "label maps", "images")
    settings = SegmentationSettings
    presets = PRESETS
    headline = HEADLINE
    report = REPORT
    export = Export(
        "images: RGB, float32 [1,3,S,S] in 0..1, longer side resized to S, the rest filled with the border's "
        "pixels; confidences: [1,C,S,S], one a class, sum 1",
        "confidences",
        lambda net: nn.Sequential(net, nn.Softmax(dim=1)),
    )
    baselines = (
        Baseline(
            "commonest-at-place",
            "no network; at each place the class that captured train label maps mostly have there.",
            say_commonest_at_place,
        ),
    )

    def adapt(
        self, settings: SegmentationSettings, learnt: Sequence[DatasetInfo], test: DatasetInfo
    ) -> SegmentationSettings:
        """With the classes of the first label maps; whatever has others is refused when it is loaded."""
        told = [info.semantic for info in (*learnt, test) if info.semantic is not None]
        if not told:
            return settings
        return replace(settings, classes=told[0].names, colours=told[0].colours)

    def classes_of(self, settings: SegmentationSettings) -> tuple[str, ...]:
        """Those of the settings."""
        return settings.classes

    def with_net(self, settings: SegmentationSettings, net: str) -> SegmentationSettings:
        """With what goes with a network; raises InputError that lists all."""
        habits = SEGMENTERS[net].habits
        return replace(
            settings,
            net=net,
            side_px=habits.side_px,
            crop_px=habits.crop_px,
            batch_size=habits.batch_size,
            optimiser=habits.optimiser,
            learning_rate=habits.learning_rate,
            weight_decay=habits.weight_decay,
            rate=habits.rate,
            loss=habits.loss,
            class_weights=habits.class_weights,
        )

    def with_pretrained(self, settings: SegmentationSettings, checkpoint: str) -> SegmentationSettings:
        """All layers learn; the last ones begin anew where there are other classes."""
        return replace(settings, pretrained=checkpoint)

    def refuse_unfit(self, dataset: DatasetReader, settings: SegmentationSettings) -> None:
        """No label maps, label maps of other classes, or a checkpoint that is absent."""
        refuse_other_classes(dataset, settings.classes)
        if settings.pretrained is not None and not Path(settings.pretrained).is_file():
            raise InputError(f"there is no checkpoint at {settings.pretrained}")

    def count(self, samples: Sequence[Sample]) -> int:
        """Pictures with a label map."""
        return len(list_labelled(samples))

    def load(
        self, dataset: DatasetReader, samples: Sequence[Sample], settings: SegmentationSettings
    ) -> SegmentationImages:
        """Which they are; each is read when it is needed."""
        return load_images(dataset, samples, settings.side_px, settings.classes, settings.colours)

    def join(self, first: SegmentationImages, second: SegmentationImages) -> SegmentationImages:
        """Both, in this order."""
        return first.joined(second)

    def to_torch(self, dataset: DatasetReader, samples: Sequence[Sample]) -> TorchData[Item]:
        """Pictures and class ids."""
        return make_torch_data(dataset, samples)

    def make_learner(
        self,
        stages: Sequence[SegmentationImages],
        val: SegmentationImages,
        settings: SegmentationSettings,
        *,
        seed: int,
        device: torch.device,
        test: SegmentationImages | None = None,
    ) -> SegmentationLearner:
        """A fresh network with its pictures."""
        return SegmentationLearner(stages, val, settings, seed=seed, device=device, test=test)

    def make_net(self, settings: SegmentationSettings) -> nn.Module:
        """A network for weights."""
        return make_segment_net(settings.net, len(settings.classes), seed=0)

    def predict(self, net: nn.Module, data: SegmentationImages) -> list[Answer]:
        """The likeliest class of each pixel, at the picture's own size."""
        return [self._say(net, data.read_rgb(i), data) for i in range(len(data))]

    def predict_pictures(
        self, net: nn.Module, settings: SegmentationSettings, pictures: Sequence[Rgb]
    ) -> list[Answer]:
        """The same of pictures of any size."""
        return [self._say(net, picture, settings) for picture in pictures]

    def _say(self, net: nn.Module, picture: Rgb, of: SegmentationImages | SegmentationSettings) -> Answer:
        return to_answer(to_ids(say(net, picture, of.side_px)), of.classes, of.colours)

    def truth(self, data: SegmentationImages) -> list[Answer]:
        """The label maps, at their own size."""
        return [to_answer(data.read_ids(i), data.classes, data.colours) for i in range(len(data))]

    def names(self, data: SegmentationImages) -> tuple[str, ...]:
        """The samples'."""
        return data.names

    def draw_scores(
        self, said: Sequence[Said], seed: int = 0, clusters: Sequence[str] | None = None
    ) -> dict[str, Draws]:
        """miou, mf1, pixel_accuracy, boundary_f1."""
        return Readings(said, seed, clusters).list_scores()

    def break_down(
        self, said: Sequence[Said], seed: int = 0, clusters: Sequence[str] | None = None
    ) -> Mapping[str, Sequence[Part]]:
        """Class by class."""
        return {"by_class": Readings(said, seed, clusters).list_classes()}

    def badness(self, predicted: Answer, true: Answer) -> float:
        """1 less the mean IoU in the picture."""
        return 1 - measure_one(predicted, true)

    def show(self, dataset: DatasetReader, settings: SegmentationSettings, name: str) -> Rgb:
        """The whole picture."""
        return dataset.load_rgb(dataset[name])

    def draw(self, picture: Rgb, caption: str, predicted: Answer, true: Answer | None = None) -> Rgb:
        """The picture, the true label map where it is known, and the predicted one; all of them small
        beside the truth.
        """
        if true is None:
            return draw_maps(picture, caption, [predicted])
        return draw_maps(picture, caption, [true, predicted], _TILE_PX)

    def describe_export(self, settings: SegmentationSettings) -> Export:
        """With the names of its classes."""
        order = ", ".join(settings.classes)
        return replace(self.export, about=f"{self.export.about}, in this order: {order}")

    def describe_start(self, settings: SegmentationSettings) -> str:
        """Whose network it is, and from which weights it began."""
        begun = "" if settings.pretrained is None else f", begun from {settings.pretrained}"
        return f"{settings.net}, {SEGMENTERS[settings.net].about}, at {settings.side_px} px{begun}."

    tells_pixels = True

    def pixel_classes(self, settings: SegmentationSettings) -> SemanticInfo:
        """Those of the settings."""
        void = find_void(settings.classes)
        return SemanticInfo(names=settings.classes, colours=settings.colours, void=void)

    def tell_pixels(
        self, net: nn.Module, settings: SegmentationSettings, picture: Rgb
    ) -> NDArray[np.float32]:
        """The softmax of what the network says, at the picture's own size."""
        shares = say(net, picture, settings.side_px).softmax(dim=0)
        return np.asarray(shares.cpu().numpy(), np.float32)

    sees_composites = True

    def target_size(self, settings: SegmentationSettings, size_wh: tuple[int, int]) -> tuple[int, int]:
        """The longer side at side_px."""
        return fit_size(size_wh, settings.side_px)

    def composite_truth(self, settings: SegmentationSettings, seen: Sequence[SeenPart]) -> Answer:
        """The class of each pixel that a part covers; all else is void, as plates have no label maps."""
        void = find_void(settings.classes)
        ids = np.full(seen[0].covered.shape if seen else (1, 1), void, np.uint16)
        for part in seen:
            ids[part.covered] = settings.classes.index(part.class_name)
        return to_answer(ids, settings.classes, settings.colours)

    def target(self, net: nn.Module, settings: SegmentationSettings) -> PixelTarget:
        """A trained network as one that can be trained against."""
        return PixelTarget(net, settings.classes)


SEGMENTATION = SegmentationTask()
