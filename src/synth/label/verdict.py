"""Which of several networks labels, and on what that rests, after the GauGAN work that synth follows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from synth.dataset.info import SemanticInfo
from synth.label.labeller import Labeller
from synth.label.scores import Agreement, Figure, Frame, Score, hold_together, score

_STEPS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)


@dataclass(frozen=True)
class Precise:
    """Of the pixels that people labelled, the share of which a network is at least so sure, and the share of
    these that is right.
    """

    confidence: float
    kept: float
    right: float


@dataclass(frozen=True)
class RunFigures:
    """One network. confidence: mean over pixels. miou, mf1, pixel_accuracy: beside what people labelled."""

    run: str
    sha256: str
    confidence: float | None = None
    miou: Figure | None = None
    mf1: Figure | None = None
    pixel_accuracy: Figure | None = None
    precision: tuple[Precise, ...] = ()


@dataclass(frozen=True)
class PairFigures:
    """How alike two networks label. pixels: the share of pixels in which they agree."""

    runs: tuple[str, str]
    miou: Figure
    pixels: Figure


@dataclass(frozen=True)
class Verdict:
    """chosen: the place among ``runs`` of the one that labels. why: a sentence. is_guess: whether no label of
    people's has a say. n_compared: pictures without labels on which networks were held against each other.
    n_labelled: pictures by whose labels they were scored. n_learnt: further ones, which taught one of them.
    """

    chosen: int
    why: str
    is_guess: bool
    n_compared: int
    n_labelled: int
    n_learnt: int
    runs: tuple[RunFigures, ...]
    pairs: tuple[PairFigures, ...] = ()

    @property
    def sha256(self) -> str:
        """Of the network that labels."""
        return self.runs[self.chosen].sha256

    def to_figures(self) -> dict[str, Any]:
        """For dataset.json."""
        return {_KEY: _VERDICT.dump_python(self, mode="json", exclude_none=True)}


_KEY = "networks"
_VERDICT: TypeAdapter[Verdict] = TypeAdapter(Verdict)


def read_verdict(figures: Mapping[str, Any]) -> Verdict:
    """What `Verdict.to_figures` gave; raises ValueError for anything else."""
    return _VERDICT.validate_python(figures.get(_KEY))


def reach_verdict(
    labellers: Sequence[Labeller],
    wanted: SemanticInfo,
    labelled: Iterable[Frame],
    unlabelled: Iterable[Frame],
    n_learnt: int,
) -> Verdict:
    """Score the networks on labelled pictures, hold several against each other on unlabelled ones, choose.

    By mIoU where any picture is labelled; else by agreement with the others and, where two agree alike, by
    mean confidence.
    """
    scores = score(labellers, labelled, wanted)
    several = len(labellers) > 1
    agreement = hold_together(labellers, unlabelled, wanted) if several else None
    n_labelled = len(scores[0].counted.groups) if scores else 0
    place, why = _choose(labellers, scores, agreement)
    names = [labeller.run for labeller in labellers]
    return Verdict(
        chosen=place,
        why=why,
        is_guess=several and not scores,
        n_compared=0 if agreement is None else agreement.n,
        n_labelled=n_labelled,
        n_learnt=n_learnt,
        runs=tuple(
            _describe(one, scores[i] if scores else None, None if agreement is None else agreement.sure[i])
            for i, one in enumerate(labellers)
        ),
        pairs=()
        if agreement is None
        else tuple(
            PairFigures((names[a], names[b]), each.measure("miou"), each.measure("pixel_accuracy"))
            for (a, b), each in agreement.pairs.items()
        ),
    )


def _describe(labeller: Labeller, scored: Score | None, confidence: float | None) -> RunFigures:
    run, sha256 = labeller.run, labeller.trained.sha256
    if scored is None:
        return RunFigures(run, sha256, confidence)
    return RunFigures(
        run,
        sha256,
        confidence,
        miou=scored.counted.measure("miou"),
        mf1=scored.counted.measure("mf1"),
        pixel_accuracy=scored.counted.measure("pixel_accuracy"),
        precision=tuple(Precise(step, *scored.precision.above(step)) for step in _STEPS),
    )


def _choose(
    labellers: Sequence[Labeller], scores: Sequence[Score], agreement: Agreement | None
) -> tuple[int, str]:
    """The place of the one that labels, and why."""
    names = [labeller.run for labeller in labellers]
    if agreement is None:
        return 0, f"{names[0]} labels: it is the only network"
    if scores:
        return _choose_by_truth(names, scores)
    return _guess(names, agreement)


def _choose_by_truth(names: Sequence[str], scores: Sequence[Score]) -> tuple[int, str]:
    mious, f1s = ([one.counted.measure(name).value for one in scores] for name in ("miou", "mf1"))
    first, second = np.argsort(mious, kind="stable")[::-1][:2].tolist()
    lead = scores[first].counted.lead(scores[second].counted, "miou")
    why = (
        f"{names[first]} labels: its mIoU, {mious[first]:.3f}, is the highest, {lead} above that of "
        f"{names[second]}"
    )
    if lead.low is None:
        why += "; so few labelled pictures cannot tell by how much that would change with others"
    elif lead.low <= 0:
        why += "; with other pictures it might be the other way round"
    if (best := int(np.argmax(f1s))) != first:
        why += f". By mean F1 it would be {names[best]}"
    return first, why


def _guess(names: Sequence[str], agreement: Agreement) -> tuple[int, str]:
    alike = [agreement.with_others(i) for i in range(len(names))]
    most = [i for i in range(len(names)) if alike[i] == max(alike)]
    place = max(most, key=agreement.sure.__getitem__)
    if len(most) == 1:
        reason = f"its labels are most like those of the others (mIoU {alike[place]:.3f})"
    else:
        others = ", ".join(f"{agreement.sure[i]:.3f} {names[i]}" for i in most if i != place)
        reason = f"it is surer of its labels (mean confidence {agreement.sure[place]:.3f}, {others})"
    return place, (
        f"{names[place]} labels, and that is a guess: no picture has a label of people's, and {reason}. The "
        "surer network is not always the better one: label some pictures by hand and give them as --truth"
    )
