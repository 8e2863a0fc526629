"""Where templates may be laid: what is free of labels, and nothing that tests."""

from pathlib import Path

import numpy as np
import pytest
from template_set import write_frames

from synth.dataset.store import DatasetWriter
from synth.sim.templates.scenes import free_rectangle, list_scenes


def test_frames_of_another_dataset_that_test_here_are_no_scenes(tmp_path: Path) -> None:
    """By their pixels: what trains in the one and tests in the other, and a plate that is a test frame."""
    real, other = write_frames(tmp_path / "real"), write_frames(tmp_path / "other", ("train",) * 4)
    found = list_scenes(other.root, real, seed=0)
    assert [s.name for s in found.areas] == [f"images/{i:06d}.png" for i in range(3)]
    assert found.left_out == {"of test frames or their recordings": 1}
    with DatasetWriter.create_or_resume(other.root, other.info) as writer:
        for sample in real.samples:
            writer.add_plate(real.load_rgb(sample))
    found = list_scenes(other.root, real, seed=0)
    assert len(found.areas) == 3
    assert found.left_out == {"of test frames or their recordings": 1}


@pytest.mark.parametrize("seed", range(20))
def test_the_free_rectangle_is_the_largest(seed: int) -> None:
    """Held against every rectangle of a small picture."""
    rng = np.random.default_rng(seed)
    corner = rng.integers(0, 60, (3, 2))
    boxes = np.concatenate([corner, corner + rng.integers(4, 30, (3, 2))], axis=1)
    found = free_rectangle((0, 0, 80, 70), boxes.tolist())
    taken = np.zeros((70, 80), int)
    for x0, y0, x1, y1 in boxes:
        taken[max(y0 - 4, 0) : y1 + 4, max(x0 - 4, 0) : x1 + 4] = 1
    sums = np.pad(taken.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    best = max(
        (x1 - x0) * (y1 - y0)
        for y0 in range(70)
        for y1 in range(y0 + 1, 71)
        for x0, x1 in [_widest(sums[y1] - sums[y0])]
    )
    assert found is not None
    assert (found[2] - found[0]) * (found[3] - found[1]) == best
    assert not taken[found[1] : found[3], found[0] : found[2]].any()


def _widest(counts: np.ndarray) -> tuple[int, int]:
    """The longest stretch of columns of which none is taken."""
    edges = np.flatnonzero(np.diff(counts)) + 1
    starts, ends = np.concatenate([[0], edges]), np.concatenate([edges - 1, [len(counts) - 1]])
    k = int(np.argmax(ends - starts))
    return int(starts[k]), int(max(ends[k], starts[k]))
