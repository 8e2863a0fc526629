"""Splits: exact counts, the same for the same seed, spread over the plan or apart from it."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.dataset.split import assign_splits, nearest_distance, split_counts
from synth.errors import InputError


@pytest.mark.parametrize(
    ("n", "counts"),
    [
        (400, (240, 60, 100)),
        (40, (24, 6, 10)),
        (4, (2, 1, 1)),
        (3, (1, 1, 1)),
        (2, (1, 0, 1)),
        (1, (1, 0, 0)),
        (0, (0, 0, 0)),
    ],
)
def test_counts_are_the_papers(n: int, counts: tuple[int, int, int]) -> None:
    """Of 400: 240 train, 60 val, 100 test; small plans still train on something."""
    assert split_counts(n) == counts


@given(st.integers(0, 500), st.integers(0, 2**32 - 1), st.sampled_from(["spread", "block"]))
def test_counts_are_exact_and_the_seed_decides(n: int, seed: int, mode: str) -> None:
    """Any plan has exactly its counts, and the same seed gives the same splits."""
    features = np.random.default_rng(1).normal(size=(n, 3))
    splits = assign_splits(n, rng=np.random.default_rng(seed), mode=mode, features=features)
    again = assign_splits(n, rng=np.random.default_rng(seed), mode=mode, features=features)
    assert splits == again
    found = Counter(splits)
    assert (found["train"], found["val"], found["test"]) == split_counts(n)


@given(st.integers(8, 500), st.integers(0, 2**32 - 1), st.data())
def test_spread_serves_every_stretch_of_the_plan(n: int, seed: int, data: st.DataObject) -> None:
    """However far the plan has been followed, the test share is due to within one stratum."""
    splits = assign_splits(n, rng=np.random.default_rng(seed))
    m = data.draw(st.integers(1, n))
    due = m * split_counts(n)[2] / n
    assert abs(splits[:m].count("test") - due) <= 1.5


@pytest.mark.parametrize("seed", range(5))
def test_a_block_lies_apart(seed: int) -> None:
    """Test poses of a block are farther from training poses than spread ones are, in the median by half or
    more.
    """
    rng = np.random.default_rng(seed)
    features = rng.uniform(size=(400, 3)) * (1.0, 20.0, 0.1)
    scaled = features / features.std(axis=0)
    distance = {}
    for mode in ("spread", "block"):
        splits = np.array(assign_splits(400, rng=rng, mode=mode, features=features))
        distance[mode] = np.median(nearest_distance(scaled[splits == "test"], scaled[splits != "test"]))
    assert distance["block"] > 1.5 * distance["spread"]


def test_block_needs_features() -> None:
    """A block split without one row a sample is refused in a sentence."""
    with pytest.raises(InputError, match="one row of finite pose features for each of the 8"):
        assign_splits(8, rng=np.random.default_rng(0), mode="block", features=np.zeros((7, 2)))


def test_nearest_distance_is_euclidean() -> None:
    """Known points, and infinity where there is nothing to be near to."""
    assert nearest_distance([[0, 0], [3, 0]], [[0, 4], [3, 1]]).tolist() == pytest.approx([np.sqrt(10), 1.0])
    assert nearest_distance([[0.0, 0.0]], np.empty((0, 2))).tolist() == [np.inf]
