"""How alike networks label, and how well where people labelled: figures with their intervals.

Pixels of all pictures are counted together (`synth.metrics.segmentation`), void left out. What a network says
is counted as it says it, before anything becomes void for low confidence.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synth.dataset.codecs import Rgb
from synth.dataset.info import SemanticInfo
from synth.label.labeller import Ids, Labeller, Sure
from synth.metrics.comparison import MIN_IMAGES, SHARE, Draws, Effect, measure_difference, measure_mix
from synth.metrics.intervals import N_RESAMPLES, resample_counts
from synth.metrics.segmentation import ImageCounts, PixelCounts, count_image, gather, measure

_N_BINS = 100


@dataclass(frozen=True, eq=False)
class Frame:
    """A picture [H,W,3] that networks are asked about.

    ignored: [H,W], what is no part of the scene; None where all is. truth: the label map [H,W] that people
    made of it, in the classes of the labels; None where nobody did. group: the film that it is of.
    """

    rgb_u8: Rgb
    ignored: NDArray[np.bool_] | None
    truth: Ids | None
    group: str | None

    @property
    def seen(self) -> NDArray[np.bool_]:
        """[H,W], what is part of the scene."""
        return np.ones(self.rgb_u8.shape[:2], np.bool_) if self.ignored is None else ~self.ignored


@dataclass(frozen=True)
class Figure:
    """low, high: of its 95 % interval over pictures, or films; None for fewer than MIN_IMAGES pictures."""

    value: float
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        return f"{self.value:.3f}" + ("" if self.low is None else f" ({self.low:.3f} to {self.high:.3f})")


@dataclass(frozen=True, eq=False)
class Counted:
    """Pixel counts of N pictures, and the film of each. What is drawn again for intervals are pictures, or
    films where there are MIN_IMAGES of them.
    """

    counts: PixelCounts
    groups: tuple[str | None, ...]

    def measure(self, metric: str) -> Figure:
        """One of `synth.metrics.segmentation.METRICS`."""
        draws = self._draw(metric)
        return self._to_figure(draws.value, lambda: measure_mix(draws))

    def lead(self, other: "Counted", metric: str) -> Figure:
        """How far a metric is above another network's on the same pictures."""
        own, others = self._draw(metric), other._draw(metric)
        return self._to_figure(own.value - others.value, lambda: measure_difference(own, others))

    def _draw(self, metric: str) -> Draws:
        n, films = len(self.groups), set(self.groups)
        clusters = [str(group) for group in self.groups] if len(films) >= MIN_IMAGES else None
        weights = resample_counts(n, N_RESAMPLES, np.random.default_rng(0), clusters)
        by_seed, draws = measure([self.counts], metric, weights)
        n_units = None if clusters is None else len(films)
        return Draws(np.nan_to_num(by_seed), draws, n, SHARE, n_units)

    def _to_figure(self, value: float, estimate: Callable[[], Effect]) -> Figure:
        if len(self.groups) < MIN_IMAGES:
            return Figure(value)
        effect = estimate()
        return Figure(effect.value, effect.low, effect.high)


@dataclass(frozen=True, eq=False)
class Agreement:
    """What networks say of the same n pictures, held against each other.

    sure: of each, the mean confidence over pixels. pairs: of each two, by their places.
    """

    n: int
    sure: tuple[float, ...]
    pairs: Mapping[tuple[int, int], Counted]

    def with_others(self, i: int) -> float:
        """The mean over all pairs that network ``i`` is of, of their mIoU."""
        return float(np.mean([each.measure("miou").value for pair, each in self.pairs.items() if i in pair]))


@dataclass(frozen=True, eq=False)
class Precision:
    """How often a network is right, by how sure it is. bins: [_N_BINS,2], pixels with a true class, and those
    of them whose label is right, by confidence.
    """

    bins: NDArray[np.int64]

    def above(self, confidence: float) -> tuple[float, float]:
        """The share of pixels that it is at least so sure of, and the share of these that is right, 0 where
        there are none. The confidence counts in hundredths.
        """
        n, right = self.bins[round(confidence * _N_BINS) :].sum(axis=0).tolist()
        return n / max(1, int(self.bins[:, 0].sum())), right / max(1, n)


@dataclass(frozen=True, eq=False)
class Score:
    """What a network says, beside what people say."""

    counted: Counted
    precision: Precision


def hold_together(labellers: Sequence[Labeller], frames: Iterable[Frame], wanted: SemanticInfo) -> Agreement:
    """Ask all networks about the same pictures; one picture is held at a time. wanted: classes of labels."""
    alike: dict[tuple[int, int], list[ImageCounts]] = {
        pair: [] for pair in combinations(range(len(labellers)), 2)
    }
    sums, n_pixels = np.zeros(len(labellers)), 0
    groups: list[str | None] = []
    for frame in frames:
        told, seen = [labeller.tell(frame.rgb_u8) for labeller in labellers], frame.seen
        sums += [float(sure[seen].sum(dtype=np.float64)) for _, sure in told]
        n_pixels += int(seen.sum())
        groups.append(frame.group)
        for (a, b), found in alike.items():
            found.append(_count(np.where(seen, told[a][0], wanted.void), told[b][0], wanted))
    pairs = {
        pair: Counted(gather(found, wanted.names), tuple(groups)) for pair, found in alike.items() if found
    }
    return Agreement(len(groups), tuple((sums / max(1, n_pixels)).tolist()), pairs)


def score(labellers: Sequence[Labeller], frames: Iterable[Frame], wanted: SemanticInfo) -> tuple[Score, ...]:
    """Each network's on pictures with ``truth``, likewise; empty where there are none."""
    found: list[list[ImageCounts]] = [[] for _ in labellers]
    bins = [np.zeros((_N_BINS, 2), np.int64) for _ in labellers]
    groups: list[str | None] = []
    for frame in frames:
        assert frame.truth is not None
        truth = np.where(frame.seen, frame.truth, wanted.void)
        groups.append(frame.group)
        for i, labeller in enumerate(labellers):
            ids, sure = labeller.tell(frame.rgb_u8)
            found[i].append(_count(truth, ids, wanted))
            bins[i] += _count_by_confidence(truth, ids, sure, wanted.void)
    if not groups:
        return ()
    return tuple(
        Score(Counted(gather(own, wanted.names), tuple(groups)), Precision(counts))
        for own, counts in zip(found, bins, strict=True)
    )


def _count(truth: NDArray[Any], told: NDArray[Any], wanted: SemanticInfo) -> ImageCounts:
    return count_image(truth, told, len(wanted.names), void=wanted.void)


def _count_by_confidence(truth: NDArray[Any], ids: Ids, sure: Sure, void: int) -> NDArray[np.int64]:
    known = (truth != void) & (ids != void)
    bins = np.minimum((sure[known] * _N_BINS).astype(np.int64), _N_BINS - 1)
    right = bins[truth[known] == ids[known]]
    return np.stack([np.bincount(each, minlength=_N_BINS) for each in (bins, right)], axis=1)
