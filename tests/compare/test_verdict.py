"""Sentences say what the figures say, no more, and only with the figures that they name."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from planted import GAPS, collect_boxes, collect_planted

from synth.compare.advice import find_seeds, write_advice
from synth.compare.conclusion import write_conclusions
from synth.compare.figures import (
    Difference,
    Drawn,
    Figures,
    GapClosed,
    Measured,
    MeasuredPart,
    MixWorth,
    Row,
    TestImages,
    Unlearned,
    UsedData,
)
from synth.compare.plan import Contest
from synth.compare.questions import Question
from synth.compare.report.curves import draw_overview
from synth.compare.report.keys import to_json
from synth.compare.report.tables import format_figure, list_breakdowns
from synth.compare.verdict import rank, write_verdict
from synth.metrics.comparison import Effect
from synth.metrics.data_size import Worth
from synth.train.tasks.normals.learning import NormalSettings

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
    if isinstance(row, Drawn):
        return replace(row, what="films")
    if isinstance(row, UsedData):
        return replace(row, n_translators=2)
    assert isinstance(row, Measured | Difference | GapClosed)
    return replace(row, effect=replace(row.effect, value=1.5 * row.effect.value, low=-9.0, high=9.0))


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
    assert 25 < int(texts[4].split("images by ")[1].split("%")[0]) < 60


def test_identical_mixes_are_not_told_apart() -> None:
    """In 20 repeats of three equal mixes at most two headlines claim a difference (60 are asked)."""
    claims = sum(
        "train better than" in text and "cannot be told" not in text
        for seed in range(20)
        for text in say(make_errors((8.0, 8.0, 8.0), seed=seed, n_seeds=5))
    )
    assert claims <= 2


def test_one_training_of_each_is_never_called_better() -> None:
    """However far apart they are: no p, no claim, no place among the questions, and the words say why."""
    figures = collect_planted(make_errors((5.0, 15.0, 10.0), n_seeds=1))
    texts = [sentence.text for sentence in write_verdict(figures, GAPS)]
    assert "1 seed, 95 % intervals over images, of this training only" in texts[0]
    assert all("nothing is said of" in text and "this training only" in text for text in texts[1:4])
    assert not any(word in text for text in texts for word in ("better", "p =", "gap"))
    assert all(row.p_holm is None and row.effect.p is None for row in figures.of(Difference))
    (contest,) = figures.contests
    caption = draw_overview(contest, rank(figures, contest)).caption
    assert "of one training each, which tells nothing of another one" in caption
    assert "best" not in caption


def conclude(errors: dict) -> str:
    (sentence,) = write_conclusions(collect_planted(errors))
    return sentence.text


def test_the_conclusion_says_what_is_clear_in_the_headlines_unit() -> None:
    """What synthetic images cost and what translated ones win back, as the ranking has it."""
    figures = collect_planted(make_errors((5.0, 15.0, 10.0)))
    values = {row.mix: row.effect.value for row in figures.of(Measured) if is_headline(row)}
    text = write_conclusions(figures)[0].text
    cost, back = values["synthetic"] - values["real"], values["synthetic"] - values["translated"]
    assert f"synthetic images cost {cost:.1f}° against captured ones" in text
    assert f"translated images win back {back:.1f}°" in text


def test_the_conclusion_says_how_much_more_would_do() -> None:
    """Nothing clear: how many images or seeds would do. One training: that it tells nothing."""
    close = conclude(make_errors((8.0, 8.1, 8.05), n=15))
    assert "on 15 test crops and 3 seeds nothing can be told apart yet" in close
    assert "yet; 249 test images and 7 seeds would do, if the difference is as large as it looks" in close
    assert "tells nothing of the kind. --seeds 3 would do" in conclude(
        make_errors((5.0, 15.0, 10.0), n_seeds=1)
    )


def test_a_ratio_is_told_beside_medians() -> None:
    """Errors three times as large, told from the better one's side, with its interval and the medians."""
    text = say(make_errors((5.0, 15.0, 10.0)))[1]
    assert text.startswith("Normals (paper): real images train better than synthetic ones: angle errors with")
    assert "with real are 0.33 times (0.3" in text
    assert "those with synthetic" in text
    assert "median angle errors differ by" in text


def test_one_translator_is_one_draw() -> None:
    """The verdict says whose images these are; not of several translators."""
    figures = collect_planted(make_errors((5.0, 15.0, 10.0)))
    (said,) = [s.text for s in write_verdict(figures, GAPS) if "this translator" in s.text]
    assert "translated stands for this translator" in said
    several = Figures(
        replace(row, n_translators=3) if isinstance(row, UsedData) else row for row in figures.rows
    )
    assert not any("this translator" in s.text for s in write_verdict(several, GAPS))


@pytest.mark.parametrize(
    ("n_films", "n", "what"), [(1, 8, "blocks of neighbouring frames"), (12, 12, "films")]
)
def test_frames_of_films_are_drawn_together(n_films: int, n: int, what: str) -> None:
    """Many films are drawn as films, one in blocks of its frames; the headline says so."""
    films = [f"film{i * n_films // 60}" for i in range(60)]
    figures = collect_planted(make_errors((5.0, 15.0, 10.0)), films)
    drawn = figures.the(Drawn)
    assert (drawn.n, drawn.what.startswith(what)) == (n, True)
    assert f"over {n} {what}" in write_verdict(figures, GAPS)[0].text


def test_a_claim_over_few_films_needs_one_sign_in_all() -> None:
    """Better in two films of three and worse in the third: not told, and each film has its row."""
    errors = make_errors((5.0, 15.0, 10.0))
    films = [f"film{i // 20}" for i in range(60)]
    sure = collect_planted(errors, films)
    assert all(row.films_agree for row in sure.of(Difference, metric="log_deg"))
    errors["synthetic"][:, 40:] = errors["real"][:, 40:] * 0.9
    figures = collect_planted(errors, films)
    (row,) = figures.of(Difference, question=Question("synthetic", "real"), metric="log_deg")
    assert row.films_agree is False
    assert not row.is_clear
    assert row.p_holm is not None
    clear = replace(row, p_holm=0.01, effect=replace(row.effect, low=0.1, high=0.9, value=0.5))
    told = write_verdict(Figures(clear if one == row else one for one in figures.rows), GAPS)
    assert any("cannot be told" in s.text and "but not in every film" in s.text for s in told)
    rows = figures.of(MeasuredPart, breakdown="by_film", metric="median_deg", mix="real")
    assert [part.part for part in rows] == ["film0", "film1", "film2"]
    (table,) = list_breakdowns(row.contest, figures)
    assert table.header == ("film", "real", "synthetic", "translated")
    assert [line[0] for line in table.rows] == ["film0", "film1", "film2"]


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
    figures = collect_boxes({"real": 0.0, "synthetic": 12.0, "translated": 4.0})
    texts = [s.text for s in write_verdict(figures, GAPS)]
    assert texts[0].startswith("Detection (yolov5n), mAP50-95 on 30 held-out captured images")
    assert texts[0].index("real") < texts[0].index("translated") < texts[0].index("synthetic")
    assert "real images train better than synthetic ones" in texts[1]
    assert "translated images train better than synthetic ones" in texts[2]
    assert "closes the gap" in texts[4]


def test_no_average_precision_is_above_one_or_below_none() -> None:
    """Two trainings, one perfect and one not: the interval would reach beyond 1 if trainings alone drew it,
    and ends within, in the figures, the verdict and the table.
    """
    figures = collect_boxes({"real": 20.0, "synthetic": 60.0}, by_seed=(0, 1))
    measured = [*figures.of(Measured, metric="standard_map50_95"), *figures.of(MeasuredPart)]
    assert all(0 <= row.effect.low <= row.effect.value <= row.effect.high <= 1 for row in measured)
    for row in figures.of(Measured, metric="standard_map50_95"):
        assert row.effect.value + row.effect.half_seeds > 1.3
        assert format_figure(row.effect, "").endswith(f" to {row.effect.high:.3f})")
    (difference,) = figures.of(Difference)
    assert -1 <= difference.effect.low < difference.effect.high <= 1


@pytest.mark.parametrize(
    ("value", "low", "high", "words"),
    [
        (40.0, 20.0, 80.0, "are worth 40 real images (20 to 80)"),
        (np.inf, 250.0, np.inf, "are worth between 250 and more than 300 real images: the curve ends there"),
        (np.inf, np.inf, np.inf, "are worth more than 300 real images, the end of the curve"),
        (-np.inf, -np.inf, 12.0, "are worth between fewer than 10 and 12 real images: the curve ends there"),
    ],
)
def test_the_end_of_the_curve_is_no_number(value: float, low: float, high: float, words: str) -> None:
    """What may lie inside the curve is not said to lie beyond it."""
    contest = Contest("normals", NormalSettings(), (0, 1, 2))
    measured = Measured(contest, "synthetic", "median_deg", Effect(9.0, 8.0, 10.0, None, 60, 3))
    worth = MixWorth(contest, "synthetic", Worth(value, low, high, 10, 300, 60, 3))
    (sentence,) = write_verdict(Figures([measured, worth]), ())
    assert words in sentence.text


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
    assert 20 < worth.value < 40
    assert worth.low < worth.value < worth.high
    texts = [s.text for s in write_verdict(figures, GAPS)]
    assert any(
        "the synthetic images are worth 2" in t or "the synthetic images are worth 3" in t for t in texts
    )
    assert any("the translated images are worth fewer than 10 real images" in t for t in texts)


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
    assert "about 60 test images and 5 seeds are needed (60 test images and 3 seeds now)" in advice
    assert "translated and synthetic are too alike here" in advice
    assert "--curve" in advice
    assert "simulated" in advice
    alone = " ".join(write_advice(collect_planted(make_errors((5.0, 15.0, 10.0), n_seeds=1))))
    assert "--seeds 3" in alone


def test_the_first_advice_is_the_cheapest_that_would_let_something_be_said() -> None:
    """Seeds before test images, fewer images before more, both before other films; then real test images and
    other questions; what cannot be told is no step and stands last. One training: more of them, first of all.
    """
    figures = collect_planted(make_errors((8.0, 8.4, 8.2)))
    asked = figures.of(Difference, metric="log_deg")
    effect = Effect(0.5, -0.1, 1.1, 0.1, 60, 3, half_images=0.6, half_seeds=0.1)
    changes = {
        asked[0]: ({"half_images": 0.9}, None),
        asked[1]: ({"half_images": 0.2, "half_seeds": 0.6}, None),
        asked[2]: ({}, None),
    }

    def plant(changes: dict[Difference, tuple[dict[str, float], bool | None]]) -> list[str]:
        rows = [
            replace(row, effect=replace(effect, **changes[row][0]), p_holm=0.5, films_agree=changes[row][1])
            if isinstance(row, Difference) and row in changes
            else row
            for row in figures.rows
        ]
        return write_advice(Figures(rows))

    pairs = [f"{row.question.mix} and {row.question.against}" for row in asked]
    advice = plant(changes)
    assert [next(i for i, line in enumerate(advice) if pair in line) for pair in pairs] == [2, 0, 1]
    assert "about 60 test images and" in advice[0]
    assert "simulated" in advice[3]
    assert "--curve" in advice[4]
    advice = plant(changes | {asked[0]: ({"half_seeds": 50.0}, None), asked[1]: ({}, False)})
    assert pairs[2] in advice[0]
    assert f"{pairs[1]} differ from film to film" in advice[1]
    assert f"{pairs[0]} are too alike" in advice[-1]
    single = write_advice(collect_planted(make_errors((5.0, 15.0, 10.0), n_seeds=1)))
    assert "--seeds 3" in single[0]


@pytest.mark.parametrize(("n_seeds", "real", "said"), [(3, 10.0, True), (3, 5.1, False), (1, 10.0, False)])
def test_only_a_clear_difference_is_called_better_than_real(n_seeds: int, real: float, said: bool) -> None:
    """A mix that is ahead of real by chance, or in one training, is not praised in the advice either."""
    advice = write_advice(collect_planted(make_errors((real, 15.0, 5.0), n_seeds=n_seeds)))
    assert any("translated did better than real alone" in line for line in advice) == said


def test_networks_that_learned_nothing_ask_for_images_and_not_for_seeds() -> None:
    """Where all learned nothing that is the conclusion; where some did, the others are told apart as ever."""
    figures = collect_planted(make_errors((5.0, 15.0, 10.0), n_seeds=1))
    (contest,) = figures.contests
    rows = [Unlearned(contest, mix, (0,)) for mix in ("real", "synthetic", "translated")]
    some, every = figures + rows[1:2], figures + rows
    assert "run again with more --images" in write_advice(some)[0]
    assert write_conclusions(some)[0].text == write_conclusions(figures)[0].text
    assert "no network learned anything" in write_conclusions(every)[0].text
    assert "--seeds" not in " ".join(write_advice(every))
    assert to_json(every)["normals.paper.real.unlearned"] == {"seeds": [0]}


def test_advice_tells_what_images_can_shrink_from_what_only_seeds_can() -> None:
    """Where trainings are what is uncertain no number of images alone is told."""
    effect = Effect(0.5, -0.1, 1.1, 0.1, 60, 3, half_images=0.1, half_seeds=0.6, n_units=60)
    room = (0.5 / 1.3) ** 2
    n_seeds = find_seeds(effect, room)
    assert n_seeds is not None
    assert n_seeds > 3
    assert find_seeds(replace(effect, half_images=0.6, half_seeds=0.1), room) == 3
    assert find_seeds(replace(effect, half_seeds=50.0), room) is None
