"""Sentences say what the figures say, no more, and only with the figures that they name."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from planted import GAPS, collect_planted

from synth.compare.advice import write_advice
from synth.compare.figures import Difference, Figures, GapClosed, Measured, MixWorth, Row, TestImages
from synth.compare.verdict import write_verdict
from synth.metrics.comparison import Effect

MIXES = ("real", "synthetic", "translated")


def make_errors(medians: tuple[float, ...], seed: int = 0, n_seeds: int = 3, n: int = 60) -> dict:
    rng = np.random.default_rng(seed)
    images = rng.gamma(4, 0.25, n)
    return {
        mix: median * images * rng.normal(1, 0.03, (n_seeds, 1)) * rng.normal(1, 0.1, (n_seeds, n))
        for mix, median in zip(MIXES, medians, strict=True)
    }


def say(errors: dict, change: Callable[[Row], Row] = lambda row: row) -> list[str]:
    figures = Figures(change(row) for row in collect_planted(errors).rows)
    return [sentence.text for sentence in write_verdict(figures, GAPS)]


def is_headline(row: Row) -> bool:
    return isinstance(row, Measured) and row.metric == "median_deg"


def disturb(row: Row) -> Row:
    """Another value of a figure, with an interval that tells nothing."""
    if isinstance(row, TestImages):
        return replace(row, is_simulated=not row.is_simulated)
    assert isinstance(row, Measured | Difference | GapClosed)
    return replace(row, effect=replace(row.effect, value=1.5 * row.effect.value, low=-99.0, high=99.0))


def test_a_planted_order_is_found() -> None:
    """Real best, synthetic worst, translated between: said so, with the share of the gap that is closed."""
    texts = say(make_errors((5.0, 15.0, 10.0)))
    assert texts[0].startswith(
        "Normals (paper), median angle error on 60 held-out captured crops of the SIMULATED cell"
    )
    assert texts[0].index("real") < texts[0].index("translated") < texts[0].index("synthetic")
    assert "real images train better than synthetic ones" in texts[1]
    assert "translated images train better than synthetic ones" in texts[2]
    assert "real images train better than translated ones" in texts[3]
    assert "closes the gap" in texts[4]
    assert 30 < int(texts[4].split("images by ")[1].split("%")[0]) < 70


def test_identical_mixes_are_not_told_apart() -> None:
    """In 20 repeats of three equal mixes at most two headlines claim a difference (60 are asked)."""
    claims = sum(
        "train better than" in text and "cannot be told" not in text
        for seed in range(20)
        for text in say(make_errors((8.0, 8.0, 8.0), seed=seed, n_seeds=5))
    )
    assert claims <= 2


def test_one_seed_is_called_an_indication() -> None:
    """No sentence about a difference or a gap is firm with one seed."""
    texts = say(make_errors((5.0, 15.0, 10.0), n_seeds=1))
    assert len(texts) == 5
    assert all(text.startswith("An indication from one seed. ") for text in texts[1:])
    assert "1 seed" in texts[0]


def test_the_gap_is_closed_only_where_there_is_one() -> None:
    """Without a gap between synthetic and real nothing is said of its closing."""
    assert not any("gap" in text for text in say(make_errors((8.0, 8.0, 4.0))))


def test_an_unclear_share_of_the_gap_is_not_said() -> None:
    """An interval that holds 0 leaves the sentence out, whatever the differences are."""
    share = Effect(value=0.5, low=-0.2, high=1.2, p=0.2, n_images=60, n_seeds=3)

    def blur(row: Row) -> Row:
        return replace(row, effect=share) if isinstance(row, GapClosed) else row

    texts = say(make_errors((5.0, 15.0, 10.0)), blur)
    assert not any("gap" in text for text in texts)


@pytest.mark.parametrize("simulated", [True, False])
def test_simulated_data_is_called_so(simulated: bool) -> None:
    """The headline says which."""
    texts = say(
        make_errors((5.0, 15.0, 10.0)),
        lambda row: TestImages(simulated) if isinstance(row, TestImages) else row,
    )
    assert ("SIMULATED" in texts[0]) == simulated


def test_every_figure_decides_its_sentences() -> None:
    """Changing or removing a figure changes or removes exactly the sentences that name it."""
    figures = collect_planted(make_errors((5.0, 15.0, 10.0)))
    before = write_verdict(figures, GAPS)
    named = list(dict.fromkeys(row for sentence in before for row in sentence.rows))
    assert {row.mix for row in named if is_headline(row)} == set(MIXES)
    for row in named:
        changed = Figures(disturb(one) if one == row else one for one in figures.rows)
        after = [s.text for s in write_verdict(changed, GAPS)]
        for sentence in before:
            assert (sentence.text in after) == (row not in sentence.rows), (row, sentence.text)
        removed = Figures(one for one in figures.rows if one != row)
        texts = [s.text for s in write_verdict(removed, GAPS)]
        assert not any(s.text in texts for s in before if row in s.rows)


def test_better_is_higher_for_boxes() -> None:
    """A mix whose boxes fit is ranked first and called better than one whose boxes are shifted."""
    from planted import collect_boxes

    figures = collect_boxes({"real": 0.0, "synthetic": 12.0, "translated": 4.0})
    texts = [s.text for s in write_verdict(figures, GAPS)]
    assert texts[0].startswith("Detection (yolov5n), mAP50-95 on 30 held-out captured images")
    assert texts[0].index("real") < texts[0].index("translated") < texts[0].index("synthetic")
    assert "real images train better than synthetic ones" in texts[1]
    assert "translated images train better than synthetic ones" in texts[2]
    assert "closes the gap" in texts[4]


def test_worth_is_read_off_the_curve_and_never_beyond_it() -> None:
    """Between the errors of 20 and 40 real images: a number between; worse than 10: fewer than 10."""
    rng = np.random.default_rng(0)
    levels = {
        "real@10": 20.0,
        "real@20": 14.0,
        "real@40": 10.0,
        "real": 6.0,
        "synthetic": 12.0,
        "translated": 40.0,
    }
    images = rng.gamma(4, 0.25, 60)
    errors = {
        a: m * images * rng.normal(1, 0.02, (3, 1)) * rng.normal(1, 0.05, (3, 60)) for a, m in levels.items()
    }
    figures = collect_planted(errors)
    worth = figures.the(MixWorth, mix="synthetic").worth
    assert worth.value is not None
    assert 20 < worth.value < 40
    assert worth.low < worth.value < worth.high
    texts = [s.text for s in write_verdict(figures, GAPS)]
    assert any(
        "the synthetic images are worth 2" in t or "the synthetic images are worth 3" in t for t in texts
    )
    assert any("the translated images are as good as fewer than 10 real images" in t for t in texts)


def test_a_curve_that_gets_worse_is_worth_nothing() -> None:
    """Where more real images are clearly worse, no number of them is read off."""
    rng = np.random.default_rng(0)
    levels = {"real@10": 6.0, "real@20": 10.0, "real": 20.0, "synthetic": 12.0}
    images = rng.gamma(4, 0.25, 60)
    errors = {
        a: m * images * rng.normal(1, 0.02, (3, 1)) * rng.normal(1, 0.05, (3, 60)) for a, m in levels.items()
    }
    figures = collect_planted(errors)
    assert not figures.of(MixWorth)


def test_advice_says_how_many_images_are_missing() -> None:
    """What cannot be told gets a number of test images; one seed and simulation are spoken of."""
    close = make_errors((8.0, 8.4, 8.2), n_seeds=3)
    advice = " ".join(write_advice(collect_planted(close)))
    assert "test images are needed (60 now)" in advice or "too alike" in advice
    assert "--curve" in advice
    assert "simulated" in advice
    alone = " ".join(write_advice(collect_planted(make_errors((5.0, 15.0, 10.0), n_seeds=1))))
    assert "--seeds 3" in alone
