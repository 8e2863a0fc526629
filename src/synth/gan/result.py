"""What a translation left behind, as result.json keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from synth.gan.choice import Choice
from synth.gan.class_witness import ClassError
from synth.gan.distance import Distances
from synth.gan.forecast import Forecast
from synth.gan.judge import Score
from synth.metrics.intervals import Estimate
from synth.witness.observation import Sway, WitnessScore


@dataclass(frozen=True)
class Result:
    """Scores and the choice between them.

    before, after: scores of the untranslated source and of the checkpoint that is kept. floor: what real
    images give against one another. kernel_drop: how much the kernel distance fell. class_error: of the
    network that tells classes, where one was asked. classes_without_real: of a method that learns from crops,
    those that no real train crop shows. rivals: kernel distances of the baselines by name. Where one of them
    is applied (``choice.rival``), ``after`` and ``kernel_drop`` are its. forecast: what was told before the
    translator learnt; None where no baseline was asked.
    """

    before: Score
    after: Score
    floor: Distances
    kernel_drop: Estimate
    choice: Choice
    witness_error: WitnessScore
    witness_sway: Sway
    class_error: ClassError | None = None
    classes_without_real: tuple[str, ...] = ()
    rivals: Mapping[str, Estimate] = field(default_factory=dict)
    forecast: Forecast | None = None
