"""Which checkpoint is kept, by what, and how many real images that choice has cost."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from synth.dataset.choices import Criterion
from synth.errors import InputError
from synth.gan.judge import Score
from synth.metrics.intervals import Estimate

MAX_BOX_DRIFT = 0.02
MAX_NORMAL_DRIFT_DEG = 2.0
MIN_KEPT = 0.95


@dataclass(frozen=True)
class RealImages:
    """Real images that went into a result.

    for_training: seen by the translator. for_choosing: seen by the measures of distance. Of both, boxes and
    masks tell where half of the patches are cut, and nothing else (patches.TAKEN). labels_for_choosing: whose
    labels decided between checkpoints.
    """

    for_training: int
    for_choosing: int
    labels_for_choosing: int


@dataclass(frozen=True)
class Choice:
    """The step that was chosen and why, in one sentence; labels_kept: whether it kept to every limit.

    rival: the baseline that is applied in its place, as it was no better.
    """

    step: int
    criterion: Criterion
    why: str
    labels_kept: bool
    real_images: RealImages
    rival: str | None = None


def keeps_labels(score: Score, normal_sway_deg: float) -> bool:
    """Whether boxes, normals and masks survive: within the limits beyond the witness's own unrest."""
    return (
        score.box_drift <= MAX_BOX_DRIFT
        and score.normal_drift_deg <= MAX_NORMAL_DRIFT_DEG + normal_sway_deg
        and score.kept >= MIN_KEPT
    )


def choose(
    scores: Sequence[Score], criterion: Criterion, *, normal_sway_deg: float, real_images: RealImages
) -> Choice:
    """One of the checkpoints' scores.

    own-val: the smallest kernel distance to real val images among those that keep labels; no label of a real
    image decides. real-val: the best mask IoU on labelled real val images of a network trained
    on translated ones, among the same. Where none keeps labels, the one that moves boxes least. Raises
    InputError without scores.
    """
    if not scores:
        raise InputError("no checkpoint was judged, so none can be chosen: train longer")
    keeping = [s for s in scores if keeps_labels(s, normal_sway_deg)]
    if not keeping:
        best = min(scores, key=lambda s: s.box_drift if math.isfinite(s.box_drift) else math.inf)
        moved = f"moved boxes least ({best.box_drift:.1%} of their side)"
        why = f"no checkpoint kept labels; this one {moved if math.isfinite(best.box_drift) else 'lost all'}"
    elif criterion == "own-val":
        best = min(keeping, key=lambda s: s.distances["kernel_distance"].value)
        distance = best.distances["kernel_distance"]
        why = f"smallest kernel distance to real val images, {distance}, of {len(keeping)} that kept labels"
    else:
        best = max(keeping, key=_downstream_iou)
        why = (
            f"best mask IoU on labelled real val images, {_downstream_iou(best):.3f}, "
            f"of {len(keeping)} that kept labels"
        )
    return Choice(best.step, criterion, why, bool(keeping), real_images)


def face_rivals(
    choice: Choice,
    score: Score,
    rivals: Mapping[str, Score],
    measure_lead: Callable[[str], Estimate],
    *,
    normal_sway_deg: float,
) -> Choice:
    """The same choice where it beats the best of the rivals, else that one in its place.

    score: of the checkpoint that was chosen. measure_lead: how much smaller its kernel distance to real val
    images is than a rival's. By own-val it must keep labels, and its lead over the rival of the smallest
    distance must exclude 0; by real-val its mask IoU must be the highest. Rivals that harm labels count for
    nothing.
    """
    able = {name: rival for name, rival in rivals.items() if keeps_labels(rival, normal_sway_deg)}
    if not able:
        return choice
    if choice.criterion == "real-val":
        best = max(able, key=lambda name: _downstream_iou(able[name]))
        lead = _downstream_iou(score) - _downstream_iou(able[best])
        is_better, by = lead > 0, f"mask IoU on labelled real val images higher by {lead:.3f}"
    else:
        best = min(able, key=lambda name: able[name].distances["kernel_distance"].value)
        measured = measure_lead(best)
        is_better, by = measured.low > 0, f"kernel distance to real val images smaller by {measured}"
    if is_better and choice.labels_kept:
        return replace(choice, why=f"{choice.why}; against {best}, the best baseline: {by}")
    reason = f"{by}, which is no clear lead" if choice.labels_kept else choice.why
    return replace(
        choice, why=f"step {choice.step}, the best checkpoint, against {best}: {reason}", rival=best
    )


def _downstream_iou(score: Score) -> float:
    if score.downstream is None:
        raise InputError("choosing by real-val needs scores of a task network: judge with it")
    return score.downstream.mask_iou
