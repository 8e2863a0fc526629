"""From figures to sentences, none of which says more than its interval allows.

report.json is the ground: every sentence names the keys that it is made from, and is made from nothing else.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from synth.compare.arms import REAL
from synth.compare.collect import HEADLINE, IN_USE, NOW, QUESTIONS, START, VS, Metric
from synth.metrics.comparison import Effect
from synth.metrics.data_size import Worth
from synth.metrics.operating_point import MIN_CONFIDENCE, OperatingPoint

Figures = Mapping[str, Any]
"""report.json's ``figures``: keys to numbers, or to Effects as dictionaries."""

MAX_P = 0.05


@dataclass(frozen=True)
class Sentence:
    """What is said, and the keys of ``figures`` that it rests on."""

    text: str
    keys: tuple[str, ...]


def write_verdict(figures: Figures) -> list[Sentence]:
    """The verdict in words, most important first; a sentence whose keys are absent is left out."""
    sentences: list[Sentence | None] = []
    for contest in dict.fromkeys(".".join(key.split(".")[:2]) for key in figures if key.count(".") > 1):
        metric = HEADLINE[contest.split(".")[0]]  # type: ignore[index]
        sentences.append(_say_ranking(figures, contest, metric))
        sentences += [
            _say_difference(figures, key, metric)
            for key in figures
            if key.startswith(f"{contest}.") and VS in key and key.endswith(metric.name)
        ]
        sentences.append(_say_gap_closed(figures, contest, metric))
        sentences.append(_say_use(figures, contest))
        sentences += [
            _say_worth(figures, key, metric)
            for key in figures
            if key.startswith(f"{contest}.") and key.endswith(".worth")
        ]
    return [sentence for sentence in sentences if sentence is not None]


def format_effect(effect: Effect, metric: Metric, *, is_difference: bool = True) -> str:
    """The value and its interval, in the metric's unit; only a difference can be below 0."""
    digits = 1 if metric.unit else 3
    ends = (effect.low, effect.high) if is_difference else (max(0.0, effect.low), effect.high)
    value, low, high = (f"{round(x, digits) + 0.0:.{digits}f}" for x in (effect.value, *ends))
    return f"{value}{metric.unit} ({low} to {high})"


def read_effect(figures: Figures, key: str) -> tuple[Effect, float]:
    """An Effect and its p after Holm's correction, nan where it has none."""
    values = dict(figures[key])
    p_holm = float(values.pop("p_holm", np.nan))
    return Effect(**values), p_holm


def arms_of(figures: Figures, contest: str, metric: Metric) -> list[str]:
    """Arms with a figure, the best first."""
    keys = [
        key
        for key in figures
        if key.startswith(f"{contest}.") and key.endswith(f".{metric.name}") and VS not in key
    ]
    keys.sort(key=lambda key: figures[key]["value"], reverse=not metric.lower_is_better)
    return [key[len(contest) + 1 : -len(metric.name) - 1] for key in keys]


def title_of(contest: str) -> str:
    """How a task and its network are called in sentences."""
    task, model = contest.split(".")
    return {"normals": "Normals", "detection": "Detection"}[task] + f" ({model})"


def _say_ranking(figures: Figures, contest: str, metric: Metric) -> Sentence | None:
    arms = arms_of(figures, contest, metric)
    if not arms or "test.is_simulated" not in figures:
        return None
    keys = [f"{contest}.{arm}.{metric.name}" for arm in arms]
    effects = [read_effect(figures, key)[0] for key in keys]
    what = {"normals": "crops", "detection": "images"}[contest.split(".")[0]]
    where = "of the SIMULATED cell" if figures["test.is_simulated"] else "of real parts"
    parts = [
        f"{arm} {format_effect(e, metric, is_difference=False)}" for arm, e in zip(arms, effects, strict=True)
    ]
    text = (
        f"{title_of(contest)}, {metric.title} on {effects[0].n_images} held-out captured {what} {where}, "
        f"{_seeds(effects[0])}: {'; '.join(parts)}."
    )
    return Sentence(text, ("test.is_simulated", *keys))


def _say_difference(figures: Figures, key: str, metric: Metric) -> Sentence:
    effect, p_holm = read_effect(figures, key)
    a, b = key.split(".", 2)[2][: -len(metric.name) - 1].split(VS)
    size = format_effect(Effect(**asdict(effect) | _mirrored(effect)), metric)
    task = title_of(".".join(key.split(".")[:2]))
    if not effect.excludes_zero or p_holm > MAX_P:
        text = (
            f"{task}: whether {a} or {b} images train better cannot be told from this; the difference is "
            f"{format_effect(effect, metric)}, p = {p_holm:.2g} after Holm's correction."
        )
    else:
        better, worse = (a, b) if (effect.value < 0) == metric.lower_is_better else (b, a)
        verb = "look better than" if effect.is_indication else "train better than"
        text = (
            f"{task}: {better} images {verb} {worse} ones, by {size} in the {metric.title} "
            f"(p = {p_holm:.2g} after Holm's correction)."
        )
    return Sentence(_hedged(text) if effect.is_indication else text, (key,))


def _say_gap_closed(figures: Figures, contest: str, metric: Metric) -> Sentence | None:
    keys = (
        *(f"{contest}.{a}{VS}{b}.{metric.name}" for a, b in QUESTIONS[:2]),
        f"{contest}.{NOW}.gap_closed",
    )
    if not all(key in figures for key in keys):
        return None
    gap, p_gap = read_effect(figures, keys[0])
    gain, p_gain = read_effect(figures, keys[1])
    share, _ = read_effect(figures, keys[2])
    worse = gap.low > 0 if metric.lower_is_better else gap.high < 0
    is_clear = worse and gain.excludes_zero and share.excludes_zero
    if not is_clear or max(p_gap, p_gain) > MAX_P:
        return None
    verb = "closes" if share.value > 0 else "widens"
    sizes = [f"{abs(v):.0%}" for v in (share.value, *sorted((share.low, share.high), key=abs))]
    text = (
        f"{title_of(contest)}: translation {verb} the gap between {START} and {REAL} images by {sizes[0]} of "
        "it "
        f"({sizes[1]} to {sizes[2]})."
    )
    return Sentence(_hedged(text) if share.is_indication else text, keys)


def _say_worth(figures: Figures, key: str, metric: Metric) -> Sentence:
    worth = Worth(**figures[key])
    arm = key.split(".", 2)[2].removesuffix(".worth")
    if worth.value is None:
        end = f"more than {worth.largest}" if worth.is_more else f"fewer than {worth.smallest}"
        text = f"as good as {end} real images, the end of the curve"
    else:
        low = f"fewer than {worth.smallest}" if worth.low is None else f"{worth.low:.0f}"
        high = f"more than {worth.largest}" if worth.high is None else f"{worth.high:.0f}"
        text = f"worth {worth.value:.0f} real images ({low} to {high})"
    text = (
        f"{title_of('.'.join(key.split('.')[:2]))}: the {arm} images are {text}, by {metric.title} on "
        f"{worth.n_images} test images, {worth.n_seeds} seed{'s' if worth.n_seeds > 1 else ''}."
    )
    return Sentence(_hedged(text) if worth.n_seeds == 1 else text, (key,))


def _say_use(figures: Figures, contest: str) -> Sentence | None:
    keys = [key for key in figures if key.startswith(f"{contest}.") and key.endswith(f".{IN_USE}")]
    if not keys:
        return None
    first = read_point(figures, keys[0])
    parts = []
    for key in keys:
        point = read_point(figures, key)
        name = key[len(contest) + 1 : -len(IN_USE) - 1]
        hits = ", ".join(map(str, point.hits))
        parts.append(f"{name} {hits} with {point.false_per_image:.2g} false boxes an image")
    text = (
        f"{title_of(contest)}, in use at confidence {MIN_CONFIDENCE:g}: of {first.n_true} parts in "
        f"{first.n_images} test images these are found, seed by seed: {'; '.join(parts)}."
    )
    return Sentence(text, tuple(keys))


def read_point(figures: Figures, key: str) -> OperatingPoint:
    """An OperatingPoint of report.json."""
    values = dict(figures[key])
    hits, false_boxes = tuple(values.pop("hits")), tuple(values.pop("false_boxes"))
    return OperatingPoint(hits=hits, false_boxes=false_boxes, **values)


def _hedged(text: str) -> str:
    return f"An indication from one seed. {text}"


def _mirrored(effect: Effect) -> dict[str, float]:
    return {} if effect.value >= 0 else {"value": -effect.value, "low": -effect.high, "high": -effect.low}


def _seeds(effect: Effect) -> str:
    if effect.n_seeds == 1:
        return "1 seed, 95 % intervals over images"
    return f"{effect.n_seeds} seeds, 95 % intervals over images and seeds"
