"""Shares, names and splits of a rendering, before anything is rendered."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.cell.load import default_cell
from synth.dataset.reader import DatasetReader
from synth.errors import InputError
from synth.sim.plan import Shares, choose_shares, list_twinnable
from synth.sim.run import make_plan
from synth.sim.settings import RenderSettings

maybe = st.none() | st.integers(0, 60)


@given(st.none() | st.integers(1, 200), maybe, maybe, maybe, st.integers(0, 80))
def test_shares_keep_what_was_asked(count, twins, fresh, bins, n_to_twin):
    """Whatever is asked: a sentence, or shares that keep every number given and add up to the count."""
    try:
        shares = choose_shares(count, twins, fresh, bins, n_to_twin)
    except InputError:
        return
    assert count is None or shares.count == count
    assert shares.twins == twins or (twins is None and shares.twins <= n_to_twin)
    assert fresh in (None, shares.fresh)
    assert bins in (None, shares.bins)
    assert shares.count > 0


def test_a_count_alone_is_twins_first():
    """633 with 400 captured: every twin, and a quarter of the rest in bins."""
    assert choose_shares(633, None, None, None, 340) == Shares(340, 220, 73)
    assert choose_shares(10, None, None, None, 340) == Shares(10, 0, 0)
    assert choose_shares(None, None, 5, None, 340) == Shares(0, 5, 0)


def test_shares_are_told_in_words():
    """What there is none of is left out, one is one."""
    assert str(Shares(340, 1, 0)) == "340 twins, 1 fresh pose"


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ((0, None, None, None), "--count must be 1 or more, got 0"),
        ((-3, None, None, None), "--count must be 1 or more, got -3"),
        ((None, 0, 100_001, None), "more than the 100000 that have names"),
        ((None, 0, 0, 0), "nothing is to be rendered"),
        ((None, -1, None, None), "--twins must be 0 or more, got -1"),
        ((10, 4, 4, 4), "add up to 12, --count says 10"),
        ((10, 1, 1, 1), "add up to 3, --count says 10"),
        ((None, 9, None, None), "--twins 9 is more than the 5 samples"),
        ((20, None, 2, 3), "there are 5 samples to twin"),
    ],
)
def test_numbers_that_do_not_fit_are_refused(asked, words):
    """One sentence that names the option."""
    with pytest.raises(InputError, match=words):
        choose_shares(*asked, 5)


def _plan(captured, shares, **changes):
    settings = RenderSettings(default_cell(), captured.parent / "none", DatasetReader(captured), shares)
    return make_plan(replace(settings, **changes))


def test_twins_keep_name_and_split_and_no_other_scene_is_test(captured):
    """Twins are named after their parents and share their split; fresh poses and bins never are test."""
    real = DatasetReader(captured)
    plan = _plan(captured, Shares(4, 10, 3))
    twins = [o for o in plan.orders if o.scenario == "twin"]
    assert [o.name for o in twins] == [s.name for s in real.samples if s.split != "test"]
    assert all(o.scene.split == real[o.name].split for o in twins)
    fresh = [o for o in plan.orders if o.scenario == "fresh"]
    assert {o.scene.split for o in fresh} == {"train", "val"}
    assert len({o.name for o in plan.orders}) == 17


def test_twins_of_test_samples_come_only_when_asked_for(captured):
    """By default they cannot be had; on request they are there, and are test."""
    real = DatasetReader(captured)
    assert len(list_twinnable(real, with_test=False)) == 4
    with_test = list_twinnable(real, with_test=True)
    assert len(with_test) == 6
    plan = _plan(captured, Shares(6, 0, 0), test_twins=True)
    assert sum(o.scene.split == "test" for o in plan.orders) == 2


def test_equal_seeds_give_equal_scenes(captured):
    """The same settings plan the same scenes byte for byte, another seed others."""
    plans = [_plan(captured, Shares(2, 3, 1), seed=seed) for seed in (1, 1, 2)]
    texts = [[o.scene and o.scene.model_dump_json() for o in plan.orders] for plan in plans]
    assert texts[0] == texts[1]
    assert texts[0] != texts[2]
