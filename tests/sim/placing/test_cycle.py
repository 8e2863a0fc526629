"""Cycles of proposer, harvest and target: what is kept and logged, and that a kill leaves no trace."""

import copy
import itertools
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console

sys.path.insert(0, str(Path(__file__).parent))

from dots import Dots, Watcher

from synth.compute.checkpoint import load_state
from synth.compute.progress import make_progress
from synth.errors import InputError
from synth.networks.architecture import DiscriminatorShape, SynthesizerShape
from synth.sim.placing.cache import UNFAIR, Cache
from synth.sim.placing.cost import expect_seconds
from synth.sim.placing.cycle import CycleSettings, run_cycles
from synth.sim.placing.learned.objective import Aim
from synth.sim.placing.learned.synthesis import Synthesis, SynthesisSettings
from synth.sim.placing.material import measure_sides, try_out
from synth.sim.placing.placement import PARAMETERS
from synth.sim.placing.players import Chance
from synth.sim.placing.schooling import Schooling

SETTINGS = CycleSettings(
    {"train": 8, "val": 4}, n_cycles=2, n_learn=3, n_harvest=6, batch_size=4, hard_at=0.35, n_discern=1
)
SYNTHESIS = SynthesisSettings(
    SynthesizerShape(),
    Aim(hard_at=0.35, w_real=1.0, min_visible=0.4),
    discriminator=DiscriminatorShape(n_filters=2, n_layers=1, n_scales=1),
)
PHASES = {"learn": 2, "harvest": 2, "compose": 0, "train": 2, "discern": 1, "score": 4}
"""The step of each from which on a run is killed."""


def quiet(_verb, _unit):
    return make_progress(Console(quiet=True))


def run(folder, proposer="chance", settings=SETTINGS, **more):
    player = Chance()
    if proposer == "synthesis":
        player = Synthesis(SYNTHESIS, seed=0, device=torch.device("cpu"))
    return run_cycles(Dots(), player, Watcher(folder), settings, folder, quiet, **more)


def lines(folder):
    """Every line of both logs but for seconds."""
    logs = [folder / "cache.jsonl", folder / "rejected" / "rejected.jsonl"]
    found = [json.loads(line) for log in logs if log.is_file() for line in log.read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in found]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The folder and the figures of each proposer's run."""
    folders = {name: tmp_path_factory.mktemp(name) for name in ("chance", "synthesis")}
    return {name: (folder, run(folder, name)) for name, folder in folders.items()}


@pytest.mark.parametrize("proposer", ["chance", "synthesis"])
def test_what_is_hard_enough_is_kept_up_to_its_quota(proposer, undisturbed):
    """By cycle and split; easy, unfair and superfluous ones say why not, and all say where they were laid."""
    folder, figures = undisturbed[proposer]
    cache = Cache(folder)
    assert [len([c for c in cache.kept if c.split == split]) for split in ("train", "val")] == [8, 4]
    assert [one.n_kept for one in figures] == [6, 6]
    assert sum(one.n_tried for one in figures) == len(cache)
    assert sum(one.n_unfair for one in figures) == len(cache.unfair)
    learnt = SETTINGS.n_learn * SETTINGS.batch_size if proposer == "synthesis" else 0
    assert [one.n_shown for one in figures] == [learnt, learnt]
    assert sorted(c.number for c in [*cache.fair, *cache.unfair]) == list(range(len(cache)))
    for candidate in cache.fair:
        is_hard = candidate.hardness >= SETTINGS.hard_at
        assert candidate.verdict in (("hard", "enough") if is_hard else ("easy",))
    for candidate in cache.unfair:
        assert candidate.verdict in UNFAIR
        assert candidate.detail
        assert (min(candidate.visible) < 0.4) == (candidate.verdict == "hidden")
    for candidate in [*cache.fair, *cache.unfair]:
        assert len(candidate.unit) == len(candidate.visible) == candidate.key[1] // 2 - 1
        assert candidate.placements == Dots().place(candidate.key, candidate.unit)


def test_what_cycles_take_is_told_without_a_step(tmp_path):
    """More cycles take longer by as much, and the proposer is as it was: what follows is the same."""
    player, pupil = Synthesis(SYNTHESIS, seed=0, device=torch.device("cpu")), Watcher(tmp_path)
    before = copy.deepcopy(player.state_dict())
    ticks = itertools.count()
    with pytest.MonkeyPatch.context() as patch:  # Everything that is timed takes a second.
        patch.setattr("synth.sim.placing.cost.time.perf_counter", lambda: float(next(ticks)))
        one, five = (
            expect_seconds(
                Dots(),
                player,
                pupil,
                replace(SETTINGS, quotas={"train": 8 * n}, n_cycles=n),
                Schooling(),
                lambda *_: None,
            )
            for n in (1, 5)
        )
    assert 4 * one < five < 10 * one  # What was kept before is learnt and scored again.
    torch.testing.assert_close(player.state_dict(), before, rtol=0, atol=0)


def test_what_was_kept_is_scored_again_by_the_target_of_each_cycle(undisturbed):
    """As it is laid again from the log alone; the target has learnt, so it is easier."""
    folder, _ = undisturbed["chance"]
    pupil = Watcher(folder)
    for cycle in (1, 2):
        pupil.load(cycle)
        for candidate in Cache(folder).kept:
            if candidate.cycle > cycle:
                assert str(cycle) not in candidate.after
                continue
            batch = Dots().load([candidate.key])
            unit = torch.zeros(1, 2, len(PARAMETERS))
            unit[0, : len(candidate.unit)] = torch.tensor(candidate.unit)
            again = float(try_out(Dots(), pupil.target, batch, unit).hardness)
            assert candidate.after[str(cycle)] == pytest.approx(again, abs=1e-4)
            assert again < candidate.hardness


class Killed(Exception):
    """As a kill would."""


@pytest.mark.parametrize(
    ("proposer", "every_s"),
    [("chance", 1e9), ("synthesis", 0.0)],
    ids=["a state a phase", "a state a step"],
)
def test_a_kill_in_any_phase_leaves_no_trace(proposer, every_s, undisturbed, tmp_path):
    """Killed in the middle of each phase of both cycles, a run ends bit for bit as an undisturbed one."""
    (whole, figures), killed = undisturbed[proposer], set()

    def kill(phase, cycle, step):
        if step >= PHASES[phase] and (phase, cycle) not in killed:
            killed.add((phase, cycle))
            raise Killed

    found = None
    while found is None:
        try:
            found = run(tmp_path, proposer, on_step=kill, saved_every_s=every_s)
        except Killed:
            continue
    n_phases = {"chance": 3, "synthesis": 5}[proposer]
    assert len(killed) == 2 * n_phases
    assert lines(tmp_path) == lines(whole)
    assert [replace(one, seconds={}) for one in found] == [replace(one, seconds={}) for one in figures]
    pairs = [(load_state(f / "state.pt")["proposer"] for f in (tmp_path, whole))]
    pairs += [(load_state(f / f"target_{cycle}.pt") for f in (tmp_path, whole)) for cycle in (1, 2)]
    for ours, theirs in pairs:
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


def test_a_finished_run_is_only_read(undisturbed):
    """No step is taken again, and the figures are the same."""
    folder, figures = undisturbed["chance"]

    def refuse(*_):
        raise AssertionError

    assert run(folder, on_step=refuse) == figures


def test_what_is_too_small_has_a_slope():
    """Whole boxes grow with the cut-out's scale, and shift and light change nothing of them."""
    dots, unit = Dots(), torch.zeros(2, 2, 9, requires_grad=True)
    sides_px = measure_sides(dots, dots.load([("train", 4), ("train", 6)]), unit)
    assert sides_px.tolist() == [[4, 4], [6, 6]]
    sides_px.sum().backward()
    scales = [PARAMETERS.index(name) for name in ("scale_x", "scale_y")]
    assert (unit.grad[..., scales].sum(dim=-1) > 0).all()
    others = [
        i for i in range(9) if i not in scales and PARAMETERS[i] != "angle" and PARAMETERS[i] != "shear"
    ]
    assert not unit.grad[..., others].any()


def test_quotas_of_each_kind(tmp_path):
    """Each kind has its own; a proposer whose candidates are kept learns until there are enough."""
    quotas = {"train": 2}
    settings = replace(SETTINGS, quotas=quotas, kinds=("4", "6"), keep_learnt=True, n_learn=20, n_cycles=1)
    figures = run(tmp_path, "synthesis", settings)
    assert sorted(Dots().kind_of(c.key) for c in Cache(tmp_path).kept) == ["4", "4", "6", "6"]
    assert figures[0].n_steps["hardness"] < 20


def test_a_range_of_hardness_keeps_nothing_harder(tmp_path):
    """So that composites of one hardness alone can train; the log says which were harder."""
    run(tmp_path, settings=replace(SETTINGS, hard_to=0.4, n_cycles=1))
    cache = Cache(tmp_path)
    assert {0.35 <= c.hardness <= 0.4 for c in cache.kept} == {True}
    assert min(c.hardness for c in cache.fair if c.verdict == "harder") > 0.4


def test_nothing_hard_is_said(tmp_path):
    """How many were tried, how hard they had to be, and what can be done."""
    with pytest.raises(InputError, match=r"none of 24 train candidates .* \(0\.99;.*--hard-at"):
        run(tmp_path, settings=replace(SETTINGS, hard_at=0.99))


def test_what_hardly_fits_is_counted_and_the_next_drawn(tmp_path, monkeypatch):
    """A run ends well as long as anything fits; where nothing does, it says what gives parts room."""
    monkeypatch.setattr(Dots, "find_unfair", lambda _self, key, *_: "hidden" if key[1] == 4 else None)
    (figures,) = run(tmp_path / "some", settings=replace(SETTINGS, n_cycles=1))
    assert figures.n_unfair > 0 < figures.n_kept
    assert "hidden" in {c.verdict for c in Cache(tmp_path / "some").unfair}
    monkeypatch.setattr(Dots, "find_unfair", lambda *_: "hidden")
    with pytest.raises(
        InputError, match=r"none of 24 train candidates .*; 24 were unfair\): lay fewer --max"
    ):
        run(tmp_path / "none")


def test_a_log_that_is_shorter_than_its_state_is_refused(undisturbed, tmp_path):
    """So is a line that is none."""
    folder, _ = undisturbed["chance"]
    (tmp_path / "state.pt").write_bytes((folder / "state.pt").read_bytes())
    with pytest.raises(InputError, match=r"cache\.jsonl has 0 lines, and the run .* wrote"):
        run(tmp_path)
    (tmp_path / "cache.jsonl").write_text("{}\n")
    with pytest.raises(InputError, match=r"cache\.jsonl:1 is no candidate"):
        run(tmp_path)


@pytest.mark.parametrize(
    ("field", "value"),
    [("n_cycles", 0), ("n_harvest", 0), ("batch_size", 0), ("hard_at", 1.0), ("hard_to", 0.3)],
)
def test_numbers_out_of_range_are_refused(field, value):
    """With the number that was given."""
    with pytest.raises(InputError, match=f"got {value:g}"):
        replace(SETTINGS, **{field: value})
