"""The report's diagrams say no more than the figures do."""

import pytest

from synth.compare.figures import Measured
from synth.compare.plan import Contest
from synth.compare.report.curves import draw_overview
from synth.metrics.comparison import Effect
from synth.train.tasks.detection.settings import DetectionSettings


@pytest.mark.parametrize(("best", "most"), [(2e-6, 0.05), (0.4, 0.5)])
def test_an_axis_of_next_to_nothing_does_not_look_like_something(
    best: float, most: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where all mixes found nothing the axis of shares still goes to 0.05; where they did, as far as they."""
    contest = Contest("detection", DetectionSettings(), (0, 1))
    rows = [
        Measured(contest, mix, "map50_95", Effect(value, 0.0, value, None, 9, 2))
        for mix, value in (("real", best), ("synthetic", best / 2))
    ]
    monkeypatch.setattr("synth.compare.report.curves._finish", lambda figure, *_: figure)
    low, high = draw_overview(contest, rows).axes[0].get_xlim()
    assert low == 0
    assert max(best, 0.05) <= high <= most
