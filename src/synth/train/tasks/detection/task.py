"""Boxes of parts in whole pictures, as a task."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from synth.dataset.info import DatasetInfo
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.errors import InputError
from synth.geometry.boxes import square_box
from synth.metrics import by_class, detection
from synth.metrics.comparison import MIN_IMAGES, SHARE, Draws, count_units
from synth.metrics.intervals import N_RESAMPLES, Floats, demand_units, resample_counts
from synth.metrics.operating_point import OperatingPoint, measure_operating_point
from synth.train.drawing import choose_colours, draw_boxes
from synth.train.tasks.detection.baseline import filter_boxes
from synth.train.tasks.detection.boxes import (
    Box,
    least_overlap,
    list_names,
    match_lists,
    to_arrays,
    to_lists,
)
from synth.train.tasks.detection.detectors import find_detector
from synth.train.tasks.detection.images import (
    DetectionImages,
    load_detection_images,
    refuse_other_labels,
    shrink,
    shrink_size,
)
from synth.train.tasks.detection.learning import DetectionLearner, measure_losses, predict_boxes
from synth.train.tasks.detection.parts import measure_parts
from synth.train.tasks.detection.presets import OWN_PRESETS, PRESETS
from synth.train.tasks.detection.settings import DetectionSettings
from synth.train.tasks.detection.torch_data import Item, make_torch_data
from synth.train.tasks.detection.words import HEADLINE, REPORT
from synth.train.tasks.known_classes import refuse_further
from synth.train.tasks.report import Part, Said, Words
from synth.train.tasks.task import Baseline, Export, Rgb, SeenPart, Target, Task
from synth.train.torch_data import TorchData

Boxes = list[Box]

_WIDE_PX = 300
_SURE = 0.5


def _filter_boxes(captured: DatasetReader) -> list[Boxes] | None:
    boxes = filter_boxes(captured)
    return None if boxes is None else [rows.tolist() for rows in boxes]


class DetectionTask(Task[DetectionSettings, DetectionImages]):
    """Boxes of parts in whole pictures."""

    name = "detection"
    words = Words("Detection", "boxes", "images")
    settings = DetectionSettings
    presets = PRESETS
    own_presets = OWN_PRESETS
    headline = HEADLINE
    report = REPORT
    export = find_detector(DetectionSettings().net).describe_export("", ())
    baselines = (
        Baseline(
            "colour-filter",
            "no network; the largest blob of the colours under the captured train images' masks. It is no "
            "rival where a colour filter made the labels too, as synth capture's does.",
            _filter_boxes,
        ),
    )

    takes_composites = sees_composites = True

    def adapt(
        self, settings: DetectionSettings, learnt: Sequence[DatasetInfo], test: DatasetInfo
    ) -> DetectionSettings:
        """With boxes of the first dataset's kind, and the classes of all by name unless every one has one."""
        names = tuple(dict.fromkeys(name for info in learnt for name in info.classes))
        several = len(names) > 1 or len(test.classes) > 1
        return replace(settings, box_kind=learnt[0].box_kind, classes=names if several else ())

    def classes_of(self, settings: DetectionSettings) -> tuple[str, ...]:
        """Those of the settings."""
        return settings.classes

    def with_net(self, settings: DetectionSettings, net: str) -> DetectionSettings:
        """With the batch, the rate and the side that go with a network; raises InputError that lists all."""
        return replace(settings, net=net, **find_detector(net).habits(net))

    def with_pretrained(self, settings: DetectionSettings, checkpoint: str) -> DetectionSettings:
        """A detector's weights; what its family freezes stays, a yolo's backbone (as in the paper)."""
        return replace(settings, pretrained=checkpoint, freeze=True)

    def refuse_unfit(self, dataset: DatasetReader, settings: DetectionSettings) -> None:
        """Boxes of another kind, classes that are not learnt, or a checkpoint that is absent."""
        refuse_other_labels(dataset, settings.box_kind, settings.classes)
        if settings.classes:
            refuse_further(dataset, settings.classes)
        if settings.pretrained is not None and not Path(settings.pretrained).is_file():
            raise InputError(f"there is no checkpoint at {settings.pretrained}")

    def count(self, samples: Sequence[Sample]) -> int:
        """Whole pictures."""
        return len(samples)

    def load(
        self, dataset: DatasetReader, samples: Sequence[Sample], settings: DetectionSettings
    ) -> DetectionImages:
        """Pictures with their boxes."""
        return load_detection_images(dataset, samples, settings.side_px, settings.box_kind, settings.classes)

    def join(self, first: DetectionImages, second: DetectionImages) -> DetectionImages:
        """Both, in this order."""
        return first.joined(second)

    def to_torch(self, dataset: DatasetReader, samples: Sequence[Sample]) -> TorchData[Item]:
        """Pictures and boxes as torchvision's detectors take them."""
        return make_torch_data(dataset, samples)

    def make_learner(
        self,
        stages: Sequence[DetectionImages],
        val: DetectionImages,
        settings: DetectionSettings,
        *,
        seed: int,
        device: torch.device,
        test: DetectionImages | None = None,
    ) -> DetectionLearner:
        """A fresh detector with its pictures."""
        return DetectionLearner(stages, val, settings, seed=seed, device=device, test=test)

    def make_net(self, settings: DetectionSettings) -> nn.Module:
        """A detector for weights."""
        return find_detector(settings.net).make(settings.net, settings.n_classes, settings.side_px, seed=0)

    def predict(self, net: nn.Module, data: DetectionImages) -> list[Boxes]:
        """Boxes x0 y0 x1 y1 in pixels, confidence, and the class's name where classes have names."""
        return [
            to_lists(rows[:, :5], rows[:, 5:].astype(int).ravel().tolist(), data.class_names)
            for rows in predict_boxes(net, data)
        ]

    def predict_pictures(
        self, net: nn.Module, settings: DetectionSettings, pictures: Sequence[Rgb]
    ) -> list[Boxes]:
        """The same of pictures of any size."""
        images = DetectionImages(
            tuple(np.ascontiguousarray(shrink(p, settings.side_px)[..., ::-1]) for p in pictures),
            tuple((p.shape[1], p.shape[0]) for p in pictures),
            tuple(np.empty((0, 4)) for _ in pictures),
            tuple(str(i) for i in range(len(pictures))),
            class_names=settings.classes,
        )
        return self.predict(net, images)

    def truth(self, data: DetectionImages) -> list[Boxes]:
        """Boxes x0 y0 x1 y1 in pixels, and the class's name where classes have names."""
        return _list_truth(data, data.boxes_xyxy_px)

    def names(self, data: DetectionImages) -> tuple[str, ...]:
        """The samples'."""
        return data.names

    def draw_scores(
        self, said: Sequence[Said], seed: int = 0, clusters: Sequence[str] | None = None
    ) -> dict[str, Draws]:
        """Each of detection.METRICS under both protocols (``paper_map50``)."""
        weights, drawn = _resample(said, seed, clusters), {}
        for protocol in detection.PROTOCOLS.values():
            matches = [match_lists(one.predicted, one.true, protocol) for one in said]
            for metric in detection.METRICS:
                by_seed, draws = detection.measure(matches, metric, weights)
                drawn[f"{protocol.name}_{metric}"] = Draws(
                    by_seed, draws, weights.shape[1], SHARE, count_units(clusters)
                )
        return drawn

    def break_down(
        self, said: Sequence[Said], seed: int = 0, clusters: Sequence[str] | None = None
    ) -> Mapping[str, Sequence[Part]]:
        """Average precision class by class, and at each IoU, where classes have names."""
        matches = [match_lists(one.predicted, one.true, detection.STANDARD) for one in said]
        named = [one for one in matches if isinstance(one, by_class.ClassMatches)]
        if not named:
            return {}
        return measure_parts(named, _resample(said, seed, clusters), count_units(clusters))

    def measure_losses(self, net: nn.Module, data: DetectionImages) -> dict[str, float]:
        """Those of the detector's family (annex A of the paper measures losses outside training)."""
        return measure_losses(net, data)

    def measure_use(self, predicted: Sequence[list[Any]], true: list[Any]) -> OperatingPoint:
        """Hits and false boxes at one confidence."""
        names = list_names(true, *predicted)
        return measure_operating_point(
            [to_arrays(seed, names, 5) for seed in predicted], to_arrays(true, names, 4)
        )

    def badness(self, predicted: Boxes, true: Boxes) -> float:
        """Less the least overlap (IoU) of a true box with the best sure one of its class; 0 for a miss."""
        sure = self.only_sure(predicted, _SURE)
        if not sure or not true:
            return 0.0 if len(sure) != len(true) else -1.0
        return -least_overlap(sure, true)

    def show(self, dataset: DatasetReader, settings: DetectionSettings, name: str) -> Rgb:
        """The whole picture."""
        return dataset.load_rgb(dataset[name])

    def draw(self, picture: Rgb, caption: str, predicted: Boxes, true: Boxes | None = None) -> Rgb:
        """The picture with boxes, a colour a class; beside the truth a small one, with sure boxes alone."""
        if true is None:
            return draw_boxes(
                picture, caption, [], predicted, colours=choose_colours(list_names([predicted]))
            )
        return draw_boxes(picture, caption, true, self.only_sure(predicted, _SURE), _WIDE_PX)

    def only_sure(self, predicted: Boxes, confidence: float) -> Boxes:
        """Boxes of that confidence and more."""
        return [box for box in predicted if box[4] >= confidence]

    def find_threshold(self, net: nn.Module, val: DetectionImages) -> float:
        """The confidence from which detections have the highest F1 at IoU 0.5, mean over classes; 0.5 without
        any detection.
        """
        matches = match_lists(self.predict(net, val), self.truth(val), detection.STANDARD)
        every = list(matches.of.values()) if isinstance(matches, by_class.ClassMatches) else [matches]
        best = by_class.find_best_confidence(every, np.ones((1, len(val))))
        return float(best[0]) or 0.5

    def describe_export(self, settings: DetectionSettings) -> Export:
        """As its family writes it."""
        return find_detector(settings.net).describe_export(settings.net, settings.classes)

    def describe_start(self, settings: DetectionSettings) -> str:
        """Whose network it is, and from which weights it began."""
        start = find_detector(settings.net).describe_start(settings.net, settings.pretrained)
        return f"{start} at {settings.side_px} px."

    def target(self, net: nn.Module, settings: DetectionSettings) -> Target:
        """A trained detector as one that can be trained against."""
        return find_detector(settings.net).target(net, settings.classes)

    def target_size(self, settings: DetectionSettings, size_wh: tuple[int, int]) -> tuple[int, int]:
        """The longer side at side_px."""
        return shrink_size(size_wh, settings.side_px)

    def composite_truth(self, settings: DetectionSettings, seen: Sequence[SeenPart]) -> list[Box]:
        """Boxes of the kind that it learns, and their classes' names where classes have names."""
        boxes = [np.array(part.box_xyxy_px) for part in seen]
        if settings.box_kind == "square":
            boxes = [square_box(box) for box in boxes]
        names = [part.class_name for part in seen] if settings.classes else [None] * len(seen)
        return [[*box.tolist(), *([] if n is None else [n])] for box, n in zip(boxes, names, strict=True)]

    def target_truth(self, data: DetectionImages) -> list[Boxes]:
        """As `truth`, in pixels of the pictures as they are loaded."""
        scaled = [
            boxes * np.tile(np.divide(picture.shape[1::-1], size), 2)
            for boxes, picture, size in zip(data.boxes_xyxy_px, data.bgr_u8, data.sizes_wh, strict=True)
        ]
        return _list_truth(data, scaled)


def _list_truth(data: DetectionImages, boxes: Sequence[Floats]) -> list[Boxes]:
    return [to_lists(b, c.tolist(), data.class_names) for b, c in zip(boxes, data.classes, strict=True)]


def _resample(said: Sequence[Said], seed: int, clusters: Sequence[str] | None) -> Floats:
    """How often each image stands in each resample; raises InputError for too few images."""
    n_images = len(said[0].true)
    demand_units(n_images, MIN_IMAGES)
    return resample_counts(n_images, N_RESAMPLES, np.random.default_rng(seed), clusters)


DETECTION = DetectionTask()
