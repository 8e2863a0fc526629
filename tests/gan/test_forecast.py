"""What is told of a translator before it learns."""

from test_choice import make_score

from synth.gan.forecast import make_forecast
from synth.metrics.intervals import Estimate

FLOOR = Estimate(0.1, -0.1, 0.4, 8)


def forecast(**kernels):
    scores = {name: make_score(0, kernel) for name, kernel in kernels.items()}
    return make_forecast(make_score(0, 100.1), scores, FLOOR, normal_sway_deg=0.5)


def test_what_the_best_baseline_leaves_is_what_can_be_closed():
    """Its share of the gap, and an interval from its lower end and the floor's upper one."""
    told = forecast(untouched=100.1, gains=10.1, fda=50.0)
    assert told.can_help
    assert told.best == "gains"
    assert told.left == Estimate(10.0, 5.05 - 0.4, 20.2 + 0.1, 16)
    assert str(told).startswith("a translator can still close 10.0% of the gap: of the source's kernel")


def test_a_baseline_as_near_as_real_ones_leaves_nothing():
    """Where its interval meets the floor's; the sentence holds both."""
    told = forecast(untouched=100.1, gains=0.4)
    assert told.is_closed
    assert str(told).startswith("translation will not help: gains comes as near to real val images (0.40")
    assert "(0.10 (-0.10 to 0.40))" in str(told)


def test_what_val_patches_cannot_tell_is_not_told_as_no_help():
    """The intervals meet, but the baseline lies farther out than real pictures from one another."""
    told = forecast(untouched=100.1, gains=0.75)
    assert not told.can_help
    assert not told.is_closed
    assert str(told).startswith("whether a translator can close anything cannot be told from 16 val patches")


def test_a_source_as_near_as_its_baseline_leaves_the_gap():
    """No share of nothing is taken."""
    scores = {"untouched": make_score(0, 9.0)}
    assert "close the gap: of" in str(make_forecast(scores["untouched"], scores, FLOOR, normal_sway_deg=0.5))


def test_the_source_itself_may_be_as_near():
    """It is called so, not by the control's name."""
    told = forecast(untouched=0.3, gains=0.7)
    assert told.best == "untouched"
    assert str(told).startswith("translation will not help: the source as it is comes as near")


def test_a_share_that_rounds_to_nothing_is_not_told_as_nothing():
    """Less than a thousandth of the gap may still be left."""
    scores = {"gains": make_score(0, 2.0)}
    told = make_forecast(make_score(0, 40_000.0), scores, FLOOR, normal_sway_deg=0.5)
    assert told.can_help
    assert "close less than 0.1 % of the gap" in str(told)


def test_baselines_that_harm_labels_say_nothing():
    """A nearer one that moves boxes is passed over; with none left there is no forecast."""
    harmful = make_score(0, 0.5, box=0.2)
    scores = {"fda": harmful, "gains": make_score(0, 8.0)}
    assert make_forecast(make_score(0, 100.0), scores, FLOOR, normal_sway_deg=0.5).best == "gains"
    assert make_forecast(make_score(0, 100.0), {"fda": harmful}, FLOOR, normal_sway_deg=0.5) is None
