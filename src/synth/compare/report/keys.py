"""report.json's ``figures``: the one place where rows have key strings.

========================================================  ================================================
``test.is_simulated``                                     whether the test images are the simulated cell's
``normals.paper.drawn``                                   what its intervals are drawn over
``normals.paper.real.median_deg``                         task, network, mix, metric: an Effect
``detection.yolov5n.real.by_class.bolt.ap50``             of a part, with ``n_true``; also ``by_iou.0.50.ap``
``normals.paper.translated_vs_synthetic.log_deg``         the first mix less the second, with ``p_holm``
``normals.paper.translated.gap_closed``                   share of the way from synthetic to real
``normals.paper.synthetic.worth``                         a number of real images: a Worth
``normals.paper.real.data``                               train, val and real images that it used
``detection.yolov5n.real.unlearned``                      seeds whose network learned nothing, where any did
``normals.paper.real.test_loss``                          a loss on test images
``normals.paper.real.attention.gradients``                where its networks look
``detection.yolov5n.real.in_use``                         an OperatingPoint; also of baselines
``classification.small.most-frequent.accuracy``           a baseline's metric: an Effect
``colours.floor``, ``colours.synthetic``                  distances of colours
========================================================  ================================================
"""

from collections.abc import Sequence
from dataclasses import asdict
from math import isfinite
from typing import Any

from synth.compare.figures import (
    Attention,
    BaselineScore,
    ColourDistance,
    ColourFloor,
    Difference,
    Drawn,
    Figures,
    GapClosed,
    InUse,
    Measured,
    MeasuredPart,
    MixWorth,
    Row,
    TestImages,
    TestLoss,
    Unlearned,
    UsedData,
)
from synth.compare.plan import Contest
from synth.compare.verdict import Sentence
from synth.metrics.data_size import Worth


def to_json(figures: Figures) -> dict[str, Any]:
    """Every row under its key, as JSON can hold it."""
    return {key_of(row): value_of(row) for row in figures.rows}


def list_sentences(verdict: Sequence[Sentence]) -> list[dict[str, Any]]:
    """Sentences with the keys of what they rest on."""
    return [{"text": s.text, "keys": [key_of(row) for row in s.rows]} for s in verdict]


def key_of(row: Row) -> str:
    """What a row is called in report.json."""
    match row:
        case TestImages():
            return "test.is_simulated"
        case Drawn():
            return f"{_key(row.contest)}.drawn"
        case ColourFloor():
            return "colours.floor"
        case ColourDistance():
            return f"colours.{row.dataset}"
        case Difference():
            return f"{_key(row.contest)}.{row.question.mix}_vs_{row.question.against}.{row.metric}"
        case InUse():
            return f"{_key(row.contest)}.{row.name}.in_use"
        case BaselineScore():
            return f"{_key(row.contest)}.{row.name}.{row.metric}"
        case UsedData():
            return f"{_key(row.contest)}.{row.mix}.data"
        case TestLoss():
            return f"{_key(row.contest)}.{row.mix}.{row.name}"
        case Measured():
            return f"{_key(row.contest)}.{row.mix}.{row.metric}"
        case Unlearned():
            return f"{_key(row.contest)}.{row.mix}.unlearned"
        case MeasuredPart():
            return f"{_key(row.contest)}.{row.mix}.{row.breakdown}.{row.part}.{row.metric}"
        case GapClosed():
            return f"{_key(row.contest)}.{row.mix}.gap_closed"
        case MixWorth():
            return f"{_key(row.contest)}.{row.mix}.worth"
        case Attention():
            return f"{_key(row.contest)}.{row.mix}.attention.{row.kind}"


def value_of(row: Row) -> Any:
    """What a row holds in report.json."""
    match row:
        case TestImages():
            return row.is_simulated
        case Drawn():
            return {"n": row.n, "what": row.what, "films": list(row.films)}
        case ColourFloor():
            return asdict(row.distance)
        case ColourDistance():
            return asdict(row.distance) | {"above_floor": asdict(row.above_floor)}
        case Difference():
            agree = {} if row.films_agree is None else {"films_agree": row.films_agree}
            return asdict(row.effect) | {"p_holm": row.p_holm} | agree
        case InUse():
            return asdict(row.point)
        case UsedData():
            return {
                "n_train": _plain(row.n_train),
                "n_val": _plain(row.n_val),
                "n_captured": row.n_captured,
                "real": None if row.real is None else asdict(row.real),
                "choose": row.choose,
                "n_translators": row.n_translators,
            }
        case TestLoss():
            return {"value": row.value, "by_seed": list(row.by_seed), "n_images": row.n_images}
        case Measured() | GapClosed() | BaselineScore():
            return asdict(row.effect)
        case Unlearned():
            return {"seeds": list(row.seeds)}
        case MeasuredPart():
            return asdict(row.effect) | ({} if row.n_true is None else {"n_true": row.n_true})
        case MixWorth():
            return asdict(row.worth) | {
                name: _place(getattr(row.worth, name), row.worth) for name in ("value", "low", "high")
            }
        case Attention():
            return {
                "n_images": row.n_images,
                "seed": row.seed,
                "share": dict(row.share),
                "per_area": dict(row.per_area),
                "like_real": {"median": row.like_median, "quartiles": list(row.like_quartiles)},
            }


def _place(x: float, worth: Worth) -> float | str:
    """A number of real images; beyond the curve a string such as ">300"."""
    return x if isfinite(x) else f">{worth.largest}" if x > 0 else f"<{worth.smallest}"


def _plain(counts: tuple[int, ...]) -> int | list[int]:
    return counts[0] if len(counts) == 1 else list(counts)


def _key(contest: Contest) -> str:
    return f"{contest.task}.{contest.settings.model}"
