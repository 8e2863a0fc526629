"""How many samples of each source a rendering makes, their names and splits, before anything is rendered."""

from dataclasses import replace
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.cell.load import default_cell
from synth.dataset.reader import DatasetReader
from synth.errors import InputError
from synth.sim.bench import list_twinnable
from synth.sim.ingredients import Ingredients
from synth.sim.run import make_plan
from synth.sim.settings import RenderSettings
from synth.sim.shares import choose_shares, parse_shares, say_shares
from synth.sim.sources import SOURCES
from synth.sim.sources.twin import Twin

maybe = st.none() | st.integers(0, 60)


class Limited(Twin):
    """Twins of so many samples, wherever those are."""

    n: ClassVar[int] = 0

    def most(self, settings):
        return self.n, "samples that can have a twin"


@pytest.fixture(autouse=True, scope="module")
def limited():
    """Numbers alone matter here."""
    twin = SOURCES["twin"]
    SOURCES["twin"] = Limited()
    yield
    SOURCES["twin"] = twin


def _choose(count, twin, fresh, bins, n_to_twin, tmp_path=None):
    Limited.n = n_to_twin
    asked = {"twin": twin, "fresh": fresh, "bin": bins}
    shares = choose_shares(
        count, {name: n for name, n in asked.items() if n is not None}, RenderSettings(out=tmp_path)
    )
    return tuple(shares.get(name, 0) for name in asked)


@given(st.none() | st.integers(1, 200), maybe, maybe, maybe, st.integers(0, 80))
def test_shares_keep_what_was_asked(count, twins, fresh, bins, n_to_twin):
    """Whatever is asked: a sentence, or shares that keep every number given and add up to the count."""
    try:
        shares = _choose(count, twins, fresh, bins, n_to_twin)
    except InputError:
        return
    assert count is None or sum(shares) == count
    assert shares[0] == twins or (twins is None and shares[0] <= n_to_twin)
    assert fresh in (None, shares[1])
    assert bins in (None, shares[2])
    assert sum(shares) > 0


def test_a_count_alone_is_twins_first():
    """633 with 400 captured: every twin, and a quarter of the rest in bins."""
    assert _choose(633, None, None, None, 340) == (340, 220, 73)
    assert _choose(10, None, None, None, 340) == (10, 0, 0)
    assert _choose(None, None, 5, None, 340) == (0, 5, 0)
    assert _choose(10, None, 5, None, 2) == (2, 5, 3)
    assert _choose(10, None, None, 5, 2) == (2, 3, 5)


def test_shares_are_told_in_words():
    """What there is none of is left out, one is one."""
    assert say_shares({"twin": 340, "fresh": 1, "bin": 0}) == "340 twins, 1 fresh pose"


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ((0, None, None, None), "--count must be 1 or more, got 0"),
        ((-3, None, None, None), "--count must be 1 or more, got -3"),
        ((None, 0, 100_001, None), "fresh=100001 is more than the 100000 that have names"),
        ((None, 0, 0, 0), "nothing is to be rendered"),
        ((10, 4, 4, 4), "add up to 12, --count says 10"),
        ((10, 1, 1, 1), "add up to 3, --count says 10"),
        ((None, 9, None, None), "--share twin=9 is more than the 5 samples"),
        ((20, None, 2, 3), "with --share fresh=2 and bin=3: there are 5 samples that can have a twin"),
    ],
)
def test_numbers_that_do_not_fit_are_refused(asked, words):
    """One sentence that names the option."""
    with pytest.raises(InputError, match=words):
        _choose(*asked, 5)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (["twin"], "a source and a number, .*=6 for one, got 'twin'"),
        (["twin=many"], "got 'twin=many'"),
        (["twin=-1"], "--share twin must be 0 or more, got -1"),
        (["twin=1", "twin=2"], "--share twin is given twice"),
        (["twins=1"], "there is no source 'twins': choose among twin, fresh"),
    ],
)
def test_words_that_are_no_share_are_refused(said, words):
    """One sentence each; a name that is none is answered with all there are."""
    with pytest.raises(InputError, match=words):
        parse_shares(said)
    assert parse_shares(["twin=3", "fresh=0"]) == {"twin": 3, "fresh": 0}


def _plan(captured, twin=0, fresh=0, bins=0, **changes):
    settings = RenderSettings(
        out=captured.parent / "none",
        cell=default_cell(),
        real=DatasetReader(captured),
        shares={"twin": twin, "fresh": fresh, "bin": bins},
    )
    return make_plan(replace(settings, **changes))


def test_twins_keep_name_and_split_and_no_other_scene_is_test(captured):
    """Twins are named after their parents and share their split; fresh poses and bins never are test."""
    real = DatasetReader(captured)
    plan = _plan(captured, 4, 10, 3)
    twins, fresh, bins = plan.orders[:4], plan.orders[4:14], plan.orders[14:]
    assert [o.name for o in twins] == [s.name for s in real.samples if s.split != "test"]
    assert all(o.job.split == real[o.name].split for o in twins)
    assert [o.name for o in fresh] == [f"{100_000 + i}" for i in range(10)]
    assert {o.job.split for o in fresh} == {"train", "val"}
    assert [o.name for o in bins] == ["200000", "200001", "200002"]


def test_twins_of_test_samples_come_only_when_asked_for(captured):
    """By default they cannot be had; on request they are there, and are test."""
    real = DatasetReader(captured)
    assert len(list_twinnable(real, with_test=False)) == 4
    with_test = list_twinnable(real, with_test=True)
    assert len(with_test) == 6
    plan = _plan(captured, 6, test_twins=True)
    assert sum(o.job.split == "test" for o in plan.orders) == 2


def test_equal_seeds_give_equal_scenes(captured):
    """The same settings plan the same scenes byte for byte, another seed others."""
    plans = [_plan(captured, 2, 3, seed=seed) for seed in (1, 1, 2)]
    texts = [[o.job.model_dump_json() for o in plan.orders] for plan in plans]
    assert texts[0] == texts[1]
    assert texts[0] != texts[2]


def test_what_a_cell_alone_has_is_refused_over_photographs(captured):
    """Sources and options that need a cell are one sentence each with --over, before anything is opened."""
    over = DatasetReader(captured)
    for share in ("fresh", "bin"):
        with pytest.raises(InputError, match=f"--share {share} needs a cell, and --over knows none"):
            make_plan(RenderSettings(out=captured, over=over, shares={share: 1}))
    for change in ({"layers": True}, {"randomize": 1.0}, {"look": "plain"}, {"test_twins": True}):
        with pytest.raises(InputError, match="is for renderings of a cell, and --over knows none"):
            make_plan(RenderSettings(out=captured, over=over, shares={"photographs": 1}, **change))
    with pytest.raises(InputError, match="say which dataset with --over"):
        make_plan(RenderSettings(out=captured, shares={"photographs": 1}))


def test_sources_of_two_kinds_are_not_mixed(captured):
    """What shares no studio shares no dataset."""
    real = DatasetReader(captured)
    settings = RenderSettings(
        out=captured, real=real, shares={"twin": 1, "composites": 1}, own={"composites": Ingredients((real,))}
    )
    with pytest.raises(InputError, match="twin and composites cannot be in one dataset"):
        make_plan(settings)
