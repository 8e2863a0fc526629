"""Which checkpoint is kept, by what, and how many real images that choice has cost."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from synth.dataset.choices import Criterion
from synth.errors import InputError
from synth.gan.judge import Score

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
    """The step that was chosen and why, in one sentence; labels_kept: whether it kept to every limit."""

    step: int
    criterion: Criterion
    why: str
    labels_kept: bool
    real_images: RealImages


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


def _downstream_iou(score: Score) -> float:
    if score.downstream is None:
        raise InputError("choosing by real-val needs scores of a task network: judge with it")
    return score.downstream.mask_iou
