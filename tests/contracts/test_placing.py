"""The contract of every placer: recipes that chance, splits, bounds and labels can be held to.

`toys/toy_placer.py` is a placer of one file that only the tests have.
"""

import pickle
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

TESTS = Path(__file__).parents[1]
for folder in (TESTS, TESTS / "sim", TESTS / "sim" / "placing", TESTS / "contracts" / "toys"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from cutting_set import write_cutting_set  # noqa: E402
from tiny_target import TINY, write_target  # noqa: E402

from synth.cli import app  # noqa: E402
from synth.compute.progress import make_progress  # noqa: E402
from synth.dataset.reader import DatasetReader  # noqa: E402
from synth.dataset.verify import verify  # noqa: E402
from synth.errors import InputError  # noqa: E402
from synth.geometry.boxes import tight_box  # noqa: E402
from synth.sim.compose import make_settings  # noqa: E402
from synth.sim.composite import MIN_SIDE_PX, Compositor  # noqa: E402
from synth.sim.cutting_table import open_cutting_table  # noqa: E402
from synth.sim.ingredients import Ingredients  # noqa: E402
from synth.sim.placing import PLACERS  # noqa: E402
from synth.sim.placing.options import HardOptions  # noqa: E402
from synth.sim.placing.presets import PRESETS  # noqa: E402
from synth.sim.placing.ranges import Ranges  # noqa: E402
from synth.sim.placing.recipe import Recipe  # noqa: E402
from synth.sim.run import make_plan, render  # noqa: E402
from synth.sim.warp import extent_of  # noqa: E402
from synth.train.tasks import TASKS  # noqa: E402

QUIET = make_progress(Console(quiet=True))
COUNT = 10
WIDE = Ranges(turn_deg=60, scale=(0.7, 1.3), truncation=0.2, gain=1.2, extra_blur_px=0.5)

every_placer = pytest.mark.parametrize("name", [*PLACERS, "middle"])


@pytest.fixture(autouse=True, scope="module")
def toys():
    """They are there for these tests alone."""
    import toy_placer
    import toy_task

    PLACERS["middle"], PRESETS["tiny"], TASKS["place"] = toy_placer.Middle(), TINY, toy_task.PlaceTask()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("synth.sim.placing.hard.look", lambda *_, **__: None)  # tests/sim/placing looks.
        patch.setattr("synth.sim.composite._EDGES_PICTURES", 1)  # Four are what a real dataset needs.
        yield
    del PLACERS["middle"], PRESETS["tiny"], TASKS["place"]


@pytest.fixture(scope="module")
def target(tmp_path_factory) -> HardOptions:
    """A network of the toy task that was never trained."""
    return write_target(tmp_path_factory.mktemp("run") / "weights.safetensors")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> DatasetReader:
    return write_cutting_set(tmp_path_factory.mktemp("placing") / "real")


@pytest.fixture(scope="module")
def ingredients_of(dataset, target):
    """What a placer makes ten composites of."""

    def make(name):
        own = target if PLACERS[name].goes_by_target else None
        return Ingredients((dataset,), place=name, ranges=WIDE, max_parts=3, own=own)

    return make


@pytest.fixture(scope="module")
def dealt(ingredients_of, tmp_path_factory):
    """The compositor and the recipes of a placer, for a seed."""

    @cache
    def make(name, seed=0):
        table = open_cutting_table(ingredients_of(name), COUNT, seed)
        deal = PLACERS[name].open(table, tmp_path_factory.mktemp("out"), QUIET)
        compositor = Compositor(pickle.loads(pickle.dumps(table)))
        deal = pickle.loads(pickle.dumps(deal))
        return compositor, [deal(compositor, i) for i in range(COUNT)]

    return make


@every_placer
def test_equal_seeds_give_equal_recipes(name, dealt, ingredients_of, tmp_path):
    """In any order of composites; another seed gives others."""
    _, recipes = dealt(name)
    table = open_cutting_table(ingredients_of(name), COUNT, 0)
    deal = PLACERS[name].open(table, tmp_path, QUIET)
    compositor = Compositor(table)
    assert [deal(compositor, i) for i in reversed(range(COUNT))] == recipes[::-1]
    assert dealt(name, 1)[1] != recipes


@every_placer
def test_recipes_travel_as_json(name, dealt):
    """One line each, and the same again."""
    for recipe in dealt(name)[1]:
        line = recipe.to_json()
        assert "\n" not in line
        assert Recipe.from_json(line) == recipe


@pytest.mark.parametrize("name", [*PLACERS])
def test_without_it_help_and_the_others_go_on(name, ingredients_of, monkeypatch):
    """Its name alone is answered with those that there are."""
    monkeypatch.setattr(PLACERS, "_members", {other: PLACERS[other] for other in PLACERS if other != name})
    assert CliRunner().invoke(app, ["compose", "--help"]).exit_code == 0
    with pytest.raises(InputError, match=f"there is no placer '{name}': choose among .*middle"):
        ingredients_of(name)
    assert ingredients_of("middle").place == "middle"


@every_placer
def test_splits_never_mix(name, dealt, dataset):
    """Parts and plate are of the composite's split, and every split has some."""
    compositor, recipes = dealt(name)
    assert [recipe.split for recipe in recipes] == list(compositor.table.splits)
    assert {recipe.split for recipe in recipes} == {"train", "val", "test"}
    for recipe in recipes:
        assert recipe.plate in compositor.table.shares[recipe.split]
        assert {dataset[part.sample].split for part in recipe.parts} == {recipe.split}
        made = compositor.compose(recipe)
        assert {patch.plate for patch in made.patches} <= set(compositor.table.shares[recipe.split])


@every_placer
def test_placements_keep_their_bounds(name, dealt):
    """Turn, scale, gain, blur, and what may leave the picture."""
    compositor, recipes = dealt(name)
    bounds = compositor.table.bounds
    for recipe in recipes:
        for part, pick in zip(recipe.parts, compositor.picks_of(recipe), strict=True):
            placed = part.placement
            assert abs(placed.angle_deg) <= bounds.angle_deg
            low, high = np.add(bounds.log_scale, (-1e-9, 1e-9))
            assert all(low <= scale <= high for scale in placed.log_scale_xy)
            assert abs(np.log(placed.gain)) <= bounds.log_gain + 1e-9
            assert 0 <= placed.blur_px <= bounds.blur_px
            box = placed.extent(extent_of(compositor.cut(pick)))
            past = np.maximum(box / 2 - placed.centre_xy_px, 0) + np.maximum(
                np.add(placed.centre_xy_px, box / 2) - compositor.table.bench.size_wh, 0
            )
            assert (past <= bounds.truncation * box + 1e-6).all()


@every_placer
def test_enough_is_seen_of_every_part(name, dealt):
    """As much of each as was asked for, at least of the least side; boxes are those of the pixels."""
    compositor, recipes = dealt(name)
    for recipe in recipes:
        labels = compositor.compose(recipe).labels
        assert len(labels.instances) == len(recipe.parts)
        for value, instance in enumerate(labels.instances, start=1):
            box = tight_box(labels.ids == value)
            assert instance.box_xyxy_px == tuple(box)
            assert (box[2:] - box[:2]).min() >= MIN_SIDE_PX
            assert instance.visib_fract >= compositor.table.min_visible - 1e-6


@every_placer
@pytest.mark.usefixtures("in_this_process")
def test_it_makes_a_dataset_that_says_how(name, ingredients_of, tmp_path):
    """It verifies; dataset.json names placer and bounds, each record the placer; recipes lie beside."""
    settings = make_settings(ingredients_of(name), tmp_path / "made", 4)
    assert render(make_plan(settings), QUIET).n_new == 4
    assert verify(tmp_path / "made") == []
    made = DatasetReader(tmp_path / "made")
    assert made.info.made_by.config["place"] == name
    assert made.info.made_by.config["bounds"]["truncation"] == 0.2
    for sample in made:
        assert sample.origin.steps[-1].method == name
        recipe = Recipe.from_json((made.root / "recipes" / f"{sample.name}.json").read_text())
        assert len(recipe.parts) == len(sample.instances)
    again = replace(settings, out=tmp_path / "again")
    render(make_plan(again), QUIET)
    assert [s.to_line() for s in DatasetReader(tmp_path / "again")] == [s.to_line() for s in made]
