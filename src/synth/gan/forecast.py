"""Whether a translator can bring anything, told before it learns, by kernel distances to real val patches."""

from collections.abc import Mapping
from dataclasses import dataclass

from synth.gan.choice import keeps_labels
from synth.gan.judge import Score
from synth.gan.methods import UNTOUCHED
from synth.metrics.domain_distance import above_floor
from synth.metrics.intervals import Estimate

_MEASURE = "kernel_distance"


@dataclass(frozen=True)
class Forecast:
    """What the best of the baselines leaves, pictures as they are among them.

    best: the nearest of those that keep labels. source, nearest: distances of pictures as they are and of the
    best. floor: real pictures' among one another.
    """

    best: str
    source: Estimate
    nearest: Estimate
    floor: Estimate

    @property
    def left(self) -> Estimate:
        """What a translator can still close; its interval allows for both of what it is the difference of."""
        return above_floor(self.nearest, self.floor)

    @property
    def can_help(self) -> bool:
        """Whether anything is clearly left."""
        return self.left.low > 0

    @property
    def is_closed(self) -> bool:
        """Whether the best is no farther from real pictures than these may be from one another."""
        return not self.can_help and self.nearest.value <= self.floor.high

    def __str__(self) -> str:
        """One sentence."""
        source, nearest, floor, left = map(_tell, (self.source, self.nearest, self.floor, self.left))
        best = "the source as it is" if self.best == UNTOUCHED else self.best
        if self.is_closed:
            return (
                f"translation will not help: {best} comes as near to real val images ({nearest}) as "
                f"these are to one another ({floor})"
            )
        if not self.can_help:
            return (
                f"whether a translator can close anything cannot be told from {self.nearest.n} val patches: "
                f"{best} is at {nearest} from real ones, these at {floor} from one another"
            )
        return (
            f"a translator can still close {self._share()}: of the source's kernel distance, {source}, "
            f"{best} leaves {left} above what real images have among one another"
        )

    def _share(self) -> str:
        gap, left = self.source.value - self.floor.value, self.left.value
        if gap <= left:
            return "the gap"
        return f"{left / gap:.1%} of the gap" if left >= 0.001 * gap else "less than 0.1 % of the gap"


def make_forecast(
    source: Score, baselines: Mapping[str, Score], floor: Estimate, *, normal_sway_deg: float
) -> Forecast | None:
    """None where every baseline harms labels. normal_sway_deg: the witness's own unrest."""
    able = {
        name: score.distances[_MEASURE]
        for name, score in baselines.items()
        if keeps_labels(score, normal_sway_deg)
    }
    if not able:
        return None
    best = min(able, key=lambda name: able[name].value)
    return Forecast(best, source.distances[_MEASURE], able[best], floor)


def _tell(estimate: Estimate) -> str:
    return f"{estimate.value:,.2f} ({estimate.low:,.2f} to {estimate.high:,.2f})"
