"""What all cycles will take, from one batch of each kind: told before they begin."""

import copy
import time
from collections.abc import Callable
from math import ceil

import numpy as np
from torch import Tensor

from synth.sim.placing.cycle_settings import CycleSettings
from synth.sim.placing.material import Batch, Material, lay, try_out
from synth.sim.placing.players import Proposer, Pupil
from synth.sim.placing.schooling import Schooling


def expect_seconds(
    material: Material,
    proposer: Proposer,
    pupil: Pupil,
    settings: CycleSettings,
    schooling: Schooling,
    make_one: Callable[[Batch, Tensor], None],
) -> float:
    """About how long all cycles take here; proposer and pupil are as before.

    As many of the batch are taken to be hard as of all later ones, and a step of the target to cost what its
    loss and the gradient of its pictures do. make_one: composes one of a batch, placed so, at full size.
    """
    split, size = next(iter(settings.quotas)), settings.batch_size
    rng = np.random.default_rng([settings.seed, settings.n_cycles])
    keys = material.draw(split, size, rng)
    first = material.load(keys)  # So that what is kept of cut-outs and plates is not timed.
    begun = copy.deepcopy(proposer.state_dict())

    def ask() -> None:
        batch = material.load(keys)
        try_out(material, pupil.target, batch, proposer.propose(batch, 0))

    def step() -> None:
        pasted, truth = lay(material, first, unit)
        images = pasted.images.detach().requires_grad_()
        pupil.target.loss(images, truth).sum().backward()  # type: ignore[no-untyped-call]

    ask()
    unit = proposer.propose(first, 0)
    hard = try_out(material, pupil.target, first, unit).hardness >= settings.hard_at
    share = max(float(hard.float().mean()), 1 / (2 * size))
    ask_s, step_s, make_s = _time(ask), _time(step) / size, _time(lambda: make_one(first, unit))
    learn_s = discern_s = 0.0
    if proposer.learns:
        learn_s = _time(lambda: proposer.learn(first, material, pupil.target, 0))
    if proposer.discerns:
        images = first.backgrounds
        discern_s = _time(lambda: proposer.discern(images, images)) * settings.n_discern / size
    proposer.load_state_dict(begun)
    total = make_s * settings.quotas.get("train", 0)
    for cycle in range(1, settings.n_cycles + 1):
        kept = {name: settings.quota(name, cycle) for name in settings.quotas}
        new = [n - settings.quota(name, cycle - 1) for name, n in kept.items()]
        total += learn_s * settings.n_learn
        total += ask_s * sum(min(settings.n_harvest, ceil(n / (share * size))) for n in new)
        total += step_s * schooling.batch_size * pupil.count_steps(kept.get("train", 0))
        total += discern_s * kept.get("train", 0) + ask_s * sum(kept.values()) / size
    return total


def _time(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
