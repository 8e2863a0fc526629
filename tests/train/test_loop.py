"""The loop shows every image as often as any other, keeps the best network, and can be stopped anywhere."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from synth.compute.checkpoint import load_state, save_state
from synth.errors import InputError, TrainingDiverged
from synth.train.loop import LAST_STAGE, Check, Learned, Schedule, learn

SCHEDULE = Schedule(n_images=120, batch_size=4, learning_rate=0.05, weight_decay=0.01, n_checks=6)


class Line(nn.Module):
    """A linear network; its running means show the mode that it is in."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.norm, self.out = nn.BatchNorm1d(3), nn.Linear(3, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.norm(x))


class LineLearner:
    """Random points with a linear truth; remembers what it was asked for. scores: said by its checks."""

    def __init__(
        self, pools: tuple[int, ...] = (17,), seed: int = 0, scores: list[float] | None = None
    ) -> None:
        rng = np.random.default_rng(99)
        self.net, self.pools, self.scores = Line(seed), pools, scores
        self.points = [torch.from_numpy(rng.normal(size=(n, 3))).float() for n in pools]
        self.seen: list[tuple[int, list[int], int]] = []
        self.modes: list[bool] = []
        self.hole_at: int | None = None

    def load(self, stage: int, rows: np.ndarray, seed: int) -> tuple[Tensor, Tensor]:
        self.seen.append((stage, rows.tolist(), seed))
        x = self.points[stage][rows]
        noise = torch.randn(len(x), generator=torch.Generator().manual_seed(seed))
        return x, x.sum(1) + 0.1 * noise

    def compute_losses(self, batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        self.modes.append(self.net.training)
        x, wanted = batch
        square = (self.net(x)[:, 0] - wanted).square().mean()
        if len(self.seen) == self.hole_at:
            square = square * torch.nan
        return {"square": square, "small": 1e-3 * square}

    def check(self) -> dict[str, float]:
        assert not self.net.training
        x = self.points[-1]
        error = float((self.net(x)[:, 0] - x.sum(1)).detach().square().mean())
        return {"score": self.scores.pop(0) if self.scores else error, "error": error}


def weights(learner: LineLearner) -> dict[str, Tensor]:
    return learner.net.state_dict()


def equal(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def stop_after(step: int) -> tuple[Callable[[int], None], Callable[[], bool]]:
    """An ``on_step`` and an ``is_time_up`` that is true from a step on."""
    done: list[int] = []
    return done.append, lambda: done[-1] >= step


@settings(max_examples=25, deadline=None)
@given(n=st.integers(2, 40), batch=st.integers(2, 12), n_images=st.integers(2, 90), seed=st.integers(0, 5))
def test_every_image_once_before_any_again(n: int, batch: int, n_images: int, seed: int) -> None:
    """For any sizes: rows in epochs, each a whole permutation, no two alike; as many images as asked for."""
    learner = LineLearner((n,))
    schedule = Schedule(n_images=n_images, batch_size=batch, n_checks=1)
    learn(learner, schedule, seed=seed)
    rows = [row for _, batch_rows, _ in learner.seen for row in batch_rows]
    assert n_images <= len(rows) < n_images + batch
    epochs = [rows[i : i + n] for i in range(0, len(rows), n)]
    assert all(sorted(epoch) == list(range(n)) for epoch in epochs[:-1])
    assert len(set(epochs[-1])) == len(epochs[-1])
    counts = Counter(rows)
    assert max(counts.values()) - min(counts[row] for row in range(n)) <= 1
    if n > 8 and len(epochs) > 2:
        assert epochs[0] != epochs[1]


def test_order_and_chance_come_from_the_seed_alone() -> None:
    """The same seed shows the same rows with the same seeds of batches, another one others; no batch's seed
    comes twice.
    """
    first, again, other = LineLearner(), LineLearner(), LineLearner()
    for learner, seed in ((first, 3), (again, 3), (other, 4)):
        np.random.seed(seed + len(other.seen))
        learn(learner, SCHEDULE, seed=seed)
    assert first.seen == again.seen
    assert [rows for _, rows, _ in first.seen] != [rows for _, rows, _ in other.seen]
    seeds = [seed for learner in (first, other) for _, _, seed in learner.seen]
    assert len(set(seeds)) == len(seeds)


@pytest.mark.parametrize("pools", [(17, 5), (17, 9, 5)])
def test_the_last_stage_sees_its_share_at_the_end(pools: tuple[int, ...]) -> None:
    """Stages come in order; the last has LAST_STAGE of the steps, the others share the rest evenly, and each
    shows every image of its own before any again.
    """
    learner = LineLearner(pools)
    learn(learner, SCHEDULE, seed=0)
    stages = [stage for stage, _, _ in learner.seen]
    assert stages == sorted(stages)
    counts = Counter(stages)
    assert counts[len(pools) - 1] == np.ceil(LAST_STAGE * SCHEDULE.n_steps)
    others = [counts[stage] for stage in range(len(pools) - 1)]
    assert max(others) - min(others) <= len(pools) - 1
    for stage, n in enumerate(pools):
        rows = [row for s, batch, _ in learner.seen if s == stage for row in batch]
        assert sorted(rows[:n]) == list(range(n))


def test_only_checks_of_the_last_stage_can_be_the_best() -> None:
    """A better score before the last stage is not kept, the best within it is."""
    learner = LineLearner((17, 5), scores=[0.1, 0.2, 0.3, 0.9, 0.5, 0.6])
    learned = learn(learner, SCHEDULE, seed=0)
    assert [c.step for c in learned.checks] == [5, 10, 15, 20, 25, 30]
    assert learned.best is not None
    assert (learned.best.step, learned.best.figures["score"]) == (25, 0.5)


def test_the_best_weights_are_left_in_the_network() -> None:
    """Whichever check scores lowest, the weights and running means of its step are those in the end, in eval
    mode; the first of two equal scores wins.
    """
    kept = {}
    for best in (0, 2, 5):
        scores = [1.0] * 6
        scores[best:] = [0.5] * (6 - best)
        learner = LineLearner(scores=scores)
        at_check: dict[int, dict[str, Tensor]] = {}

        def remember(step: int, learner: LineLearner = learner, at: dict = at_check) -> None:
            at[step] = {name: tensor.clone() for name, tensor in weights(learner).items()}

        learned = learn(learner, SCHEDULE, seed=0, on_step=remember)
        assert learned.best is not None
        assert learned.best.step == 5 * (best + 1)
        assert equal(weights(learner), at_check[learned.best.step])
        assert not learner.net.training
        assert all(learner.modes)
        kept[best] = at_check[learned.best.step]
    assert not equal(kept[0], kept[5])


def test_checks_say_the_mean_of_the_losses_since_the_last() -> None:
    """Losses by name, averaged over the steps between checks and no others."""
    learner = LineLearner()
    said: list[float] = []
    compute = learner.compute_losses

    def listen(batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        losses = compute(batch)
        said.append(losses["square"].item())
        return losses

    learner.compute_losses = listen  # type: ignore[method-assign]
    told: list[Check] = []
    learned = learn(learner, SCHEDULE, seed=0, on_check=told.append)
    assert told == learned.checks
    for i, check in enumerate(learned.checks):
        assert check.losses["square"] == pytest.approx(np.mean(said[5 * i : 5 * i + 5]))
        assert check.losses["small"] == pytest.approx(1e-3 * check.losses["square"])


@pytest.mark.parametrize("n_steps", [1, 2, 7, 100, 1000])
def test_the_rate_rises_and_then_falls(n_steps: int) -> None:
    """It rises in a tenth of the steps to the highest, falls ever after, and ends next to nothing."""
    schedule = Schedule(n_images=n_steps * 4, batch_size=4, learning_rate=0.2)
    rates = [schedule.rate_at(step) for step in range(1, n_steps + 1)]
    top = int(np.argmax(rates))
    assert all(a < b for a, b in pairwise(rates[: top + 1]))
    assert all(a > b for a, b in pairwise(rates[top:]))
    assert min(rates) > 0
    assert max(rates) == pytest.approx(0.2)
    assert top + 1 <= max(1, 0.1 * n_steps)
    if n_steps >= 7:
        assert rates[-1] == pytest.approx(0.2e-3)


def test_the_network_learns_at_the_rate_of_the_schedule() -> None:
    """The first update of every weight is the first rate (AdamW's first step is the rate in size)."""
    learner = LineLearner()
    before = learner.net.out.weight.detach().clone()
    schedule = replace(SCHEDULE, weight_decay=0.0)
    on_step, is_time_up = stop_after(1)
    learn(learner, schedule, seed=0, on_step=on_step, is_time_up=is_time_up)
    moved = (learner.net.out.weight.detach() - before).abs()
    torch.testing.assert_close(moved, torch.full_like(moved, schedule.rate_at(1)), rtol=1e-3, atol=0)


@pytest.mark.parametrize("pools", [(17,), (17, 5)])
@pytest.mark.parametrize("step", [1, 4, 5, 13, 22, 29])
def test_stopped_and_gone_on_with_is_undisturbed(tmp_path: Path, pools: tuple[int, ...], step: int) -> None:
    """Out of time after any step, then the same call with a fresh network: the same weights and checks."""
    whole = LineLearner(pools)
    wanted = learn(whole, SCHEDULE, seed=2)
    state = tmp_path / "state.pt"
    on_step, is_time_up = stop_after(step)
    part = learn(
        LineLearner(pools), SCHEDULE, seed=2, on_step=on_step, is_time_up=is_time_up, state_file=state
    )
    assert part.step == step
    again = LineLearner(pools, seed=7)
    learned = learn(again, SCHEDULE, seed=2, state_file=state)
    assert [seen[1] for seen in again.seen] == [seen[1] for seen in whole.seen[step:]]
    assert_same(learned, wanted)
    assert equal(weights(again), weights(whole))


@pytest.mark.parametrize("step", [6, 9, 17, 30])
def test_killed_between_checks_goes_on_from_the_last(tmp_path: Path, step: int) -> None:
    """An interruption that writes nothing: what the last check wrote leads to the same end."""
    whole = LineLearner()
    wanted = learn(whole, SCHEDULE, seed=2)
    state = tmp_path / "state.pt"

    def die(done: int) -> None:
        if done == step:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learn(LineLearner(), SCHEDULE, seed=2, on_step=die, state_file=state)
    again = LineLearner(seed=7)
    learned = learn(again, SCHEDULE, seed=2, state_file=state)
    assert len(again.seen) == SCHEDULE.n_steps - step // 5 * 5
    assert_same(learned, wanted)
    assert equal(weights(again), weights(whole))


def test_many_stops_are_as_good_as_none(tmp_path: Path) -> None:
    """Out of time after every single step: the same end."""
    whole = LineLearner()
    wanted = learn(whole, SCHEDULE, seed=2)
    for i in range(SCHEDULE.n_steps):
        part = LineLearner(seed=7 if i else 0)
        learned = learn(part, SCHEDULE, seed=2, is_time_up=lambda: True, state_file=tmp_path / "state.pt")
        assert len(part.seen) == 1
    assert_same(learned, wanted)
    assert equal(weights(part), weights(whole))


def test_seconds_add_up_over_pauses(tmp_path: Path) -> None:
    """Time spent is counted on when a training is gone on with."""
    state = tmp_path / "state.pt"
    on_step, is_time_up = stop_after(20)
    first = learn(LineLearner(), SCHEDULE, seed=2, on_step=on_step, is_time_up=is_time_up, state_file=state)
    assert learn(LineLearner(), SCHEDULE, seed=2, state_file=state).seconds > first.seconds > 0


def test_a_state_of_something_else_is_one_sentence(tmp_path: Path) -> None:
    """Another seed, network or version, a torn file, a foreign one: InputError with its path."""
    state = tmp_path / "state.pt"
    learn(LineLearner(), SCHEDULE, seed=2, state_file=state)
    whole, content = state.read_bytes(), load_state(state)
    with pytest.raises(InputError, match=r"state\.pt is the state of another training"):
        learn(LineLearner(), SCHEDULE, seed=3, state_file=state)
    save_state(state, content | {"version": 99})
    with pytest.raises(InputError, match=r"state\.pt is the state of another training"):
        learn(LineLearner(), SCHEDULE, seed=2, state_file=state)
    broken = [
        {"weights": torch.zeros(3)},
        content | {"net": {"w": torch.zeros(2)}},
        content | {"best_weights": [torch.zeros(2)]},
        content | {"checks": [[1]]},
        content | {"checks": 5},
        content | {"optimiser": {}},
    ]
    for one in broken:
        save_state(state, one)
        with pytest.raises(InputError, match=r"state\.pt is not the state of such a training: delete it"):
            learn(LineLearner(), SCHEDULE, seed=2, state_file=state)
    for data in (whole[:-200], whole[: len(whole) // 2], b"", b"something else"):
        state.write_bytes(data)
        with pytest.raises(InputError, match=r"state\.pt"):
            learn(LineLearner(), SCHEDULE, seed=2, state_file=state)


def test_a_loss_that_is_no_number_stops(tmp_path: Path) -> None:
    """The step and the losses are named, and the state of the last check stays good."""
    learner = LineLearner()
    learner.hole_at = 8
    state = tmp_path / "state.pt"
    with pytest.raises(TrainingDiverged, match=r"step 8 .*loss/square") as caught:
        learn(learner, SCHEDULE, seed=2, state_file=state)
    assert caught.value.step == 8
    assert set(caught.value.losses) == {"loss/square", "loss/small"}
    assert load_state(state)["step"] == 5


@pytest.mark.parametrize("name", ["n_images", "batch_size", "n_checks"])
def test_schedules_without_images_are_one_sentence(name: str) -> None:
    """Nothing to see, batches of nothing, no check."""
    with pytest.raises(InputError, match=f"{name} must be 1 or more, got 0"):
        replace(SCHEDULE, **{name: 0})


@pytest.mark.parametrize(("n_checks", "steps"), [(1, [30]), (4, [8, 16, 24, 30]), (100, list(range(1, 31)))])
def test_checks_are_spread_and_the_last_step_is_one(n_checks: int, steps: list[int]) -> None:
    """At most as many as asked for, at equal distances, and one at the end."""
    learned = learn(LineLearner(), replace(SCHEDULE, n_checks=n_checks), seed=0)
    assert [check.step for check in learned.checks] == steps


def assert_same(found: Learned, wanted: Learned) -> None:
    assert found.checks == wanted.checks
    assert found.best == wanted.best
    assert found.step == wanted.step
