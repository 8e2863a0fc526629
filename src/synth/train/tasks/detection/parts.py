"""A detector's average precision class by class, and overlap by overlap."""

from collections.abc import Callable, Mapping, Sequence

from synth.metrics.by_class import ClassMatches
from synth.metrics.comparison import SHARE, Draws
from synth.metrics.detection import IOU_THRESHOLDS, M, Matches, measure_seeds
from synth.metrics.intervals import Floats
from synth.train.tasks.report import Part


def measure_parts(
    matches: Sequence[ClassMatches], weights: Floats, n_units: int | None = None
) -> Mapping[str, Sequence[Part]]:
    """The parts of ``by_class`` and of ``by_iou``; matches: one entry a seed, weights: [R,N], by n_units."""
    return {
        "by_class": [_measure_class(matches, name, weights, n_units) for name in matches[0].of],
        "by_iou": [_measure_iou(matches, i, weights, n_units) for i in range(len(IOU_THRESHOLDS))],
    }


def _measure_class(matches: Sequence[ClassMatches], name: str, weights: Floats, n_units: int | None) -> Part:
    own = [one.of[name] for one in matches]
    draws = {
        "ap50": _draw(own, Matches.map50, weights, n_units),
        "ap50_95": _draw(own, Matches.map50_95, weights, n_units),
        "voc_ap50": _draw(own, Matches.voc_map50, weights, n_units),
    }
    return Part(name, int(own[0].n_true.sum()), draws)


def _measure_iou(matches: Sequence[ClassMatches], i: int, weights: Floats, n_units: int | None) -> Part:
    def figure(one: ClassMatches, each: Floats) -> Floats:
        return one.at_iou(each, i)

    return Part(f"{IOU_THRESHOLDS[i]:.2f}", None, {"ap": _draw(matches, figure, weights, n_units)})


def _draw(
    matches: Sequence[M], figure: Callable[[M, Floats], Floats], weights: Floats, n_units: int | None
) -> Draws:
    return Draws(*measure_seeds(matches, figure, weights), weights.shape[1], SHARE, n_units)
