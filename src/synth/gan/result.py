"""What a translation left behind, as result.json keeps it."""

from dataclasses import dataclass

from synth.gan.choice import Choice
from synth.gan.distance import Distances
from synth.gan.judge import Score
from synth.metrics.intervals import Estimate
from synth.witness.observation import Sway, WitnessScore


@dataclass(frozen=True)
class Result:
    """Scores and the choice between them.

    before, after: scores of the untranslated source and of the checkpoint that is kept. floor: what real
    images give against one another. kernel_drop: how much the kernel distance fell.
    """

    before: Score
    after: Score
    floor: Distances
    kernel_drop: Estimate
    choice: Choice
    witness_error: WitnessScore
    witness_sway: Sway
