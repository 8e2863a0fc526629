"""Who trains and who tests, decided once, before the first picture is taken.

A quarter is test (of 400: 100), a fifth of the rest validation (60), the others train (240), as in the paper.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from synth.dataset.choices import SplitMode
from synth.dataset.record import Split
from synth.errors import InputError


def split_counts(n: int) -> tuple[int, int, int]:
    """How many of ``n`` samples train, validate and test; from three on, each split has one at least."""
    if n < 0:
        raise InputError(f"the number of samples must be 0 or more, got {n}")
    if n < 3:
        return min(n, 1), 0, max(n - 1, 0)
    n_test = int(n / 4 + 0.5)
    n_val = max(1, int((n - n_test) / 5 + 0.5))
    return n - n_test - n_val, n_val, n_test


STAGE = 20
"""Samples in which a sequence gives each split its whole share: 12 train, 3 validate, 5 test."""


def spread_splits(n: int, *, rng: np.random.Generator) -> list[Split]:
    """The splits of the first ``n`` samples of a sequence that goes on: a larger ``n`` has the same first.

    The first three samples train, test and validate. After them every stretch gives its share to each split,
    one at random out of each stratum, as `assign_splits` does of `STAGE` samples.
    """
    splits: list[Split] = []
    while len(splits) < n:
        splits += assign_splits(STAGE, rng=rng)
    first: list[Split] = ["train", "test", "val"]
    for i, wanted in enumerate(first):
        j = splits.index(wanted, i)
        splits[i], splits[j] = splits[j], splits[i]
    return splits[:n]


def assign_splits(
    n: int, *, rng: np.random.Generator, mode: SplitMode = "spread", features: ArrayLike | None = None
) -> list[Split]:
    """The split of each of ``n`` planned samples.

    spread: every stretch of the plan gives its share to each split, one at random out of each stratum; over a
    low-discrepancy plan that covers the poses evenly. block: the test samples are those at one end of the
    pose space ``features`` [n,D], along a random direction after scaling every feature to unit spread, so
    that testing means extrapolating; validation is spread over the rest. Raises InputError when block lacks
    features.
    """
    _, n_val, n_test = split_counts(n)
    splits: list[Split] = ["train"] * n
    if mode == "spread":
        test = _one_of_each_stratum(np.arange(n), n_test, rng)
    else:
        test = _end_block(n, n_test, features, rng)
    for i in test:
        splits[i] = "test"
    for i in _one_of_each_stratum(np.setdiff1d(np.arange(n), test), n_val, rng):
        splits[i] = "val"
    return splits


def nearest_distance(features_a: ArrayLike, features_b: ArrayLike) -> NDArray[np.float64]:
    """The Euclidean distance [N] of each row of ``features_a`` [N,D] to its nearest row of ``features_b``
    [M,D].

    Infinite where there is no row in b. The leak figure is its minimum over test rows against train rows.
    """
    a, b = np.atleast_2d(np.asarray(features_a, float)), np.atleast_2d(np.asarray(features_b, float))
    if a.size == 0 or b.size == 0:
        return np.full(len(a) if a.size else 0, np.inf)
    distance, _ = cKDTree(b).query(a)
    return np.asarray(distance, dtype=np.float64)


def _one_of_each_stratum(
    candidates: NDArray[np.int64], n_picks: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    edges = np.arange(n_picks + 1) * len(candidates) // max(n_picks, 1)
    return candidates[rng.integers(edges[:-1], edges[1:])] if n_picks else candidates[:0]


def _end_block(
    n: int, n_picks: int, features: ArrayLike | None, rng: np.random.Generator
) -> NDArray[np.int64]:
    poses = np.asarray([] if features is None else features, dtype=float)
    if poses.ndim != 2 or len(poses) != n or not np.isfinite(poses).all():
        raise InputError(f"a block split needs one row of finite pose features for each of the {n} samples")
    if n_picks == 0:
        return np.arange(0)
    spread = poses.std(axis=0)
    scaled = (poses - poses.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    direction = rng.normal(size=poses.shape[1])
    return np.argsort(scaled @ direction, kind="stable")[n - n_picks :]
