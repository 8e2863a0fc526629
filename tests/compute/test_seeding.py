"""Chance follows from where a run stands."""

import numpy as np
import pytest
import torch

from synth.compute.seeding import step_seed
from synth.errors import InputError


def test_the_same_moment_draws_the_same_and_no_two_moments_alike() -> None:
    """Seed, process and progress each change what is drawn; nothing else does."""
    seeds = [step_seed(s, r, n) for s in range(5) for r in range(3) for n in range(50)]
    assert seeds == [step_seed(s, r, n) for s in range(5) for r in range(3) for n in range(50)]
    assert len(set(seeds)) == len(seeds)


def test_neighbouring_steps_are_unrelated() -> None:
    """First draws of following steps look uniform: no trend from counting up."""
    draws = np.array([np.random.default_rng(step_seed(0, 0, n)).random() for n in range(2000)])
    assert abs(draws.mean() - 0.5) < 0.03
    assert abs(np.corrcoef(draws[:-1], draws[1:])[0, 1]) < 0.07


def test_it_seeds_both_kinds_of_generator() -> None:
    """Torch and NumPy take it as it is."""
    seed = step_seed(3, 1, 10**12)
    assert torch.Generator().manual_seed(seed).initial_seed() == seed
    np.random.default_rng(seed)


def test_a_negative_seed_is_refused() -> None:
    """One sentence with what was got."""
    with pytest.raises(InputError, match="must be 0 or more, got -1"):
        step_seed(-1, 0, 0)
