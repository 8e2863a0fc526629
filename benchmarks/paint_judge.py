"""A segmenter that no painter saw, and what it reads in pictures of a drive that nobody trained on."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from result_lines import Line
from streets_labels import Answers, measure_answers

from synth.dataset.codecs import Rgb
from synth.dataset.label_maps import Ids, scale_rgb
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.gan.patches import from_u8
from synth.metrics.domain_distance import classifier_auc, kernel_distance, standardise
from synth.metrics.fixed_net import FixedNet
from synth.train.tasks import TASKS
from synth.train.trained import load_trained

REALISM_WH = 256, 192
"""Pictures are held against photographs at the size that painters paint."""

_FIXED = FixedNet()

Look = Callable[[Sample], Rgb]
"""The picture [H,W,3] of a sample that is judged."""


class Judge:
    """Reads pictures of the test samples of ``data``. folder: of the segmenter's training."""

    def __init__(self, folder: Path, data: Path) -> None:
        self._trained, self.dataset = load_trained(folder, "cpu"), DatasetReader(data)
        self._task = TASKS[self._trained.task]
        self._settings: Any = self._trained.settings
        self.samples = self.dataset.of_split("test")
        self._images = self._load(self.samples)
        self._true = self._task.truth(self._images)

    def measure(self, look: Look) -> Line:
        """Scores of what it reads, against the samples' own label maps."""
        said = [
            self._task.predict_pictures(self._trained.net, self._settings, [look(sample)])[0]
            for sample in self.samples
        ]
        return measure_answers(Answers(said, self._true))

    def measure_realism(self, look: Look) -> Line:
        """How well pictures are told from the photographs of the same drive, by features of a network that
        never learnt: area under a classifier's ROC curve and kernel distance, each value and interval.
        """
        rng = np.random.default_rng(0)
        made, real = (self._describe(of) for of in (look, self.own_picture))
        found = {
            "auc": classifier_auc(made, real, rng),
            "kernel": kernel_distance(standardise(made, real), standardise(real, real), rng),
        }
        return {name: [round(x, 4) for x in (e.value, e.low, e.high)] for name, e in found.items()}

    def _describe(self, look: Look) -> NDArray[np.float64]:
        """Features [N,D] of all test pictures."""
        pictures = (scale_rgb(look(sample), REALISM_WH) for sample in self.samples)
        found = [_FIXED.features(from_u8(rgb_u8[None])).numpy()[0] for rgb_u8 in pictures]
        return np.stack(found).astype(np.float64)

    def own_picture(self, sample: Sample) -> Rgb:
        """The photograph."""
        return self.dataset.load_rgb(sample)

    def small_picture(self, size_wh: tuple[int, int]) -> Look:
        """The photograph at the size that a painter paints, and back."""

        def look(sample: Sample) -> Rgb:
            rgb_u8 = self.own_picture(sample)
            height, width = rgb_u8.shape[:2]
            return scale_rgb(scale_rgb(rgb_u8, size_wh), (width, height))

        return look

    def mean_colours(self) -> Look:
        """Each class in the mean colour that it has in train photographs; the mean of all where none has it,
        and in void.
        """
        colours = _find_mean_colours(self._load(self.dataset.of_split("train")))
        maps = {name: self._images.read_ids(i) for i, name in enumerate(self._images.names)}

        def look(sample: Sample) -> Rgb:
            return colours[np.minimum(maps[sample.name], len(colours) - 1)]

        return look

    def _load(self, samples: Sequence[Sample]) -> Any:
        return self._task.load(self.dataset, samples, self._settings)


def _find_mean_colours(images: Any) -> Rgb:
    """Of each class, and last of all together, [C+1,3]."""
    n = len(images.classes)
    sums, counts = np.zeros((n + 1, 3)), np.zeros(n + 1)
    for i in range(len(images)):
        ids: Ids = np.minimum(images.read_ids(i), n).ravel()
        rgb = images.read_rgb(i).reshape(-1, 3)
        counts += np.bincount(ids, minlength=n + 1)
        for channel in range(3):
            sums[:, channel] += np.bincount(ids, weights=rgb[:, channel], minlength=n + 1)
    everything = sums.sum(axis=0) / counts.sum()
    known = counts[:n, None] > 0
    means = np.where(known, sums[:n] / np.maximum(counts[:n, None], 1), everything)
    return np.rint(np.vstack([means, everything])).astype(np.uint8)


def painted_in(folder: Path) -> Look:
    """The pictures of a painted dataset, by the names of the maps."""
    painted = DatasetReader(folder)
    by_name = {sample.name: sample for sample in painted.samples}
    return lambda sample: painted.load_rgb(by_name[sample.name])


def measure_diversity(one: Look, other: Look, samples: Sequence[Sample]) -> float:
    """Mean absolute difference of two paintings of each map, as a share of the range of counts."""
    changes = [np.abs(one(s).astype(np.float32) - other(s)).mean() / 255 for s in samples]
    return round(float(np.mean(changes)), 4)
