"""What networks of other drives say of a drive as its labels: how sure they are, and how far they agree."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from result_lines import Line

from synth.dataset.label_maps import find_void
from synth.dataset.reader import DatasetReader
from synth.metrics.segmentation import METRICS, count_image, gather
from synth.train.run import load_result
from synth.train.tasks import TASKS
from synth.train.tasks.report import Said
from synth.train.tasks.segmentation.learning import say
from synth.train.tasks.segmentation.maps import load_images, read_answer
from synth.train.tasks.segmentation.scores import count_pixels
from synth.train.trained import Trained, load_trained

N_BINS = 100
"""Of confidence, from 0 to 1."""


def label(trained: Trained, rgb_u8: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The likeliest class [H,W] of each pixel of a picture [H,W,3], and the network's confidence in it."""
    settings: Any = trained.settings
    confidence, ids = say(trained.net, rgb_u8, settings.side_px).softmax(dim=0).max(dim=0)
    return ids.numpy(), confidence.numpy()


@dataclass(frozen=True)
class Answers:
    """Maps of the test pictures: what is said, and what is true."""

    predicted: list[Any]
    true: list[Any]


def measure_answers(answers: Said) -> Line:
    """The scores of answers to the test pictures, all pictures together; IoU and share of each class."""
    counts, once = count_pixels(answers), np.ones((1, len(answers.true)))
    ious = counts.iou_by_class(once)[0]
    return {
        "n_test": len(answers.true),
        **{name: _round(metric.figure(counts, once)[0]) for name, metric in METRICS.items()},
        "classes": {
            name: {"share": _round(share), "iou": None if np.isnan(iou) else _round(iou)}
            for name, share, iou in zip(counts.names, counts.pixel_shares, ious, strict=True)
        },
    }


def measure_training(folder: Path) -> Line:
    """What a finished training says of the test pictures, and what it took."""
    result = load_result(folder)
    return measure_answers(result) | {
        "n_train": result.n_train,
        "n_val": result.n_val,
        "best_step": result.best.step,
        "seconds": round(result.seconds),
    }


def measure_floor(data: Path) -> Line:
    """What is found without a network: at each place the class that train maps mostly have there."""
    task, dataset = TASKS["segmentation"], DatasetReader(data)
    predicted = task.baselines[0].predict(dataset)
    assert predicted is not None
    settings = task.adapt(task.settings(), [dataset.info], dataset.info)
    true = task.truth(task.load(dataset, dataset.of_split("test"), settings))
    return measure_answers(Answers(predicted, true))


def _round(value: Any) -> float:
    return round(float(value), 4)


def measure_confidence(folder: Path, data: Path) -> Line:
    """By confidence, how many pixels of the test pictures have it, and how many of those are right.

    n, right: [N_BINS] each, of pixels whose truth is known. mean: confidence of all pixels, void too, as
    somebody sees it who has no truth.
    """
    trained, dataset = load_trained(folder, "cpu"), DatasetReader(data)
    settings: Any = trained.settings
    images = load_images(
        dataset, dataset.of_split("test"), settings.side_px, settings.classes, settings.colours
    )
    n, right, sums = np.zeros(N_BINS, np.int64), np.zeros(N_BINS, np.int64), [0.0, 0]
    for i in range(len(images)):
        ids, confidence = label(trained, images.read_rgb(i))
        true = images.read_ids(i)
        known = true != find_void(settings.classes)
        bins = np.minimum((confidence * N_BINS).astype(np.int64), N_BINS - 1)
        n += np.bincount(bins[known], minlength=N_BINS)
        right += np.bincount(bins[known & (ids == true)], minlength=N_BINS)
        sums = [sums[0] + float(confidence.sum(dtype=np.float64)), sums[1] + confidence.size]
    return {"n": n.tolist(), "right": right.tolist(), "mean": _round(sums[0] / sums[1])}


def measure_agreement(folders: Mapping[str, Path]) -> dict[str, float]:
    """Of each network's maps of the same pictures, their mean mIoU with the others' maps."""
    said = {net: load_result(folder) for net, folder in folders.items()}
    shared: dict[str, list[float]] = {net: [] for net in said}
    for a, b in combinations(said, 2):
        found = _find_miou(said[a].predicted, said[b].predicted)
        shared[a].append(found)
        shared[b].append(found)
    return {net: _round(np.mean(values)) for net, values in shared.items()}


def _find_miou(one: Sequence[Mapping[str, Any]], other: Sequence[Mapping[str, Any]]) -> float:
    names = one[0]["classes"]
    counted = (
        count_image(read_answer(dict(a)), read_answer(dict(b)), len(names), void=find_void(names))
        for a, b in zip(one, other, strict=True)
    )
    counts = gather(counted, names)
    return float(counts.miou(np.ones((1, len(counts.n_true))))[0])
