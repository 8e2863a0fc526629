"""Chance in a long run: what is drawn depends on where the run stands, never on how it got there."""

import numpy as np

from synth.errors import InputError


def step_seed(seed: int, rank: int, n_images_seen: int) -> int:
    """A seed of 63 bits for what one process draws at one moment of a run.

    seed: the run's, 0 or more. rank: the process, from 0. n_images_seen: progress of the run. A run that is
    gone on with draws what it would have drawn undisturbed, since nothing before the step enters. Raises
    InputError for a negative seed.
    """
    if seed < 0:
        raise InputError(f"--seed must be 0 or more, got {seed}")
    state = np.random.SeedSequence((seed, rank, n_images_seen)).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))
