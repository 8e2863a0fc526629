"""From test errors to sentences, none of which says more than its interval allows.

report.json is the ground: every sentence names the keys that it is made from, and is made from nothing else.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synth.metrics.comparison import Effect, holm, measure_arm, measure_difference, measure_share_closed

Floats = NDArray[np.float64]
Figures = Mapping[str, Any]
"""report.json's ``figures``: keys to numbers, or to Effects as dictionaries."""

MAX_P = 0.05
GAP_CLOSED = "normals.gap_closed"

QUESTIONS = (("synthetic", "real"), ("translated", "synthetic"), ("translated", "real"))
"""Differences that headlines are made of: the first arm's median error less the second's."""


@dataclass(frozen=True)
class Sentence:
    """What is said, and the keys of ``figures`` that it rests on."""

    text: str
    keys: tuple[str, ...]


def collect_figures(errors: Mapping[str, Floats], *, is_simulated: bool, seed: int = 0) -> dict[str, Any]:
    """Every figure of the normals task from each arm's angle errors [seeds, images], degrees."""

    def rng() -> np.random.Generator:
        return np.random.default_rng(seed)

    figures: dict[str, Any] = {"test.is_simulated": is_simulated}
    for arm, table in errors.items():
        figures[f"normals.{arm}.median_deg"] = asdict(measure_arm(table, rng()))
        figures[f"normals.{arm}.mean_deg"] = asdict(measure_arm(table, rng(), lambda e: e.mean(axis=-1)))
        p90 = measure_arm(table, rng(), lambda e: np.asarray(np.quantile(e, 0.9, axis=-1)))
        figures[f"normals.{arm}.p90_deg"] = asdict(p90)
        for limit in (5, 10):
            share = measure_arm(table, rng(), _share_under(limit))
            figures[f"normals.{arm}.under_{limit}_deg"] = asdict(share)
    differences = {
        f"normals.{a}-{b}.median_deg": measure_difference(errors[a], errors[b], rng())
        for a, b in QUESTIONS
        if a in errors and b in errors
    }
    adjusted = holm({key: effect.p for key, effect in differences.items() if effect.p is not None})
    for key, effect in differences.items():
        figures[key] = asdict(effect) | {"p_holm": adjusted[key]}
    if all(arm in errors for arm in ("synthetic", "translated", "real")):
        share = measure_share_closed(errors["synthetic"], errors["translated"], errors["real"], rng())
        figures[GAP_CLOSED] = asdict(share)
    return figures


def write_verdict(figures: Figures) -> list[Sentence]:
    """The verdict in words, most important first; a sentence whose keys are absent is left out."""
    sentences = [
        write(figures, keys)
        for write, keys in _SENTENCES
        if all(key in figures for key in keys)
    ]  # fmt: skip
    return [sentence for sentence in sentences if sentence is not None]


def _share_under(limit: float) -> Callable[[Floats], Floats]:
    return lambda errors: np.asarray((errors < limit).mean(axis=-1))


def _effect(figures: Figures, key: str) -> tuple[Effect, float]:
    values = dict(figures[key])
    p_holm = float(values.pop("p_holm", np.nan))
    return Effect(**values), p_holm


def _say_ranking(figures: Figures, keys: Sequence[str]) -> Sentence:
    arms = sorted(
        (key for key in figures if key.endswith(".median_deg") and "-" not in key),
        key=lambda key: figures[key]["value"],
    )
    parts = [f"{key.split('.')[1]} {_interval(_effect(figures, key)[0])}" for key in arms]
    e, _ = _effect(figures, arms[0])
    where = "of the SIMULATED cell" if figures["test.is_simulated"] else "of real parts"
    text = (
        f"Median angle error on {e.n_images} held-out captured crops {where}, {_seeds(e)}: "
        f"{'; '.join(parts)}."
    )
    return Sentence(text, ("test.is_simulated", *arms))


def _say_difference(figures: Figures, keys: Sequence[str]) -> Sentence:
    (key,) = keys
    effect, p_holm = _effect(figures, key)
    a, b = key.split(".")[1].split("-")
    size = _interval(Effect(**{**asdict(effect), "value": abs(effect.value)} | _mirrored(effect)))
    if not effect.excludes_zero or p_holm > MAX_P:
        text = (
            f"Whether {a} or {b} images train better cannot be told from this: the difference is "
            f"{_interval(effect)}, p = {p_holm:.2g} after Holm's correction."
        )
    else:
        better, worse = (a, b) if effect.value < 0 else (b, a)
        verb = "look better than" if effect.is_indication else "train better than"
        text = (
            f"{better.capitalize()} images {verb} {worse} ones, by {size} in the median (p = {p_holm:.2g} "
            "after Holm's correction)."
        )
    if effect.is_indication:
        text = _hedged(text)
    return Sentence(text, (key,))


def _say_gap_closed(figures: Figures, keys: Sequence[str]) -> Sentence | None:
    gap, p_gap = _effect(figures, keys[0])
    gain, p_gain = _effect(figures, keys[1])
    share, _ = _effect(figures, keys[2])
    is_clear = gap.low > 0 and gain.excludes_zero and share.excludes_zero
    if not is_clear or max(p_gap, p_gain) > MAX_P:
        return None
    verb = "closes" if share.value > 0 else "widens"
    sizes = [f"{abs(v):.0%}" for v in (share.value, *sorted((share.low, share.high), key=abs))]
    text = (
        f"Translation {verb} the gap between synthetic and real images by {sizes[0]} of it "
        f"({sizes[1]} to {sizes[2]})."
    )
    if share.is_indication:
        text = _hedged(text)
    return Sentence(text, tuple(keys))


def _hedged(text: str) -> str:
    return f"An indication from one seed: {text[0].lower()}{text[1:]}"


def _mirrored(effect: Effect) -> dict[str, float]:
    return {} if effect.value >= 0 else {"low": -effect.high, "high": -effect.low}


def _interval(effect: Effect) -> str:
    return f"{effect.value:.1f}° ({effect.low:.1f} to {effect.high:.1f})"


def _seeds(effect: Effect) -> str:
    return f"{effect.n_seeds} seed" + (
        "s, 95 % intervals over images and seeds" if effect.n_seeds > 1 else ""
    )


_Write = Callable[[Figures, Sequence[str]], Sentence | None]
_DIFFERENCES = tuple(f"normals.{a}-{b}.median_deg" for a, b in QUESTIONS)
_SENTENCES: tuple[tuple[_Write, tuple[str, ...]], ...] = (
    (_say_ranking, ("test.is_simulated", "normals.real.median_deg")),
    *((_say_difference, (key,)) for key in _DIFFERENCES),
    (_say_gap_closed, (*_DIFFERENCES[:2], GAP_CLOSED)),
)
