"""Plates of the empty bench: where the arm is thought to be, and what is behind it."""

import numpy as np

from synth.capture.plates import arm_mask, masked_median, park_is_out_of_view


def test_the_arm_mask_covers_part_and_mount(cell, bodies, camera, draw):
    """Every drawn pixel of the part lies inside the generous mask, which leaves most of the image free."""
    for offset_deg in [(0, 0, 0, 0, 0, 0), (20, 0, 0, 20, -20, 60), (-15, 0, 0, -10, 20, -90)]:
        shot = draw(offset_deg)
        mask = arm_mask(cell, bodies, camera, shot.q_rad)
        assert mask[shot.part].all()
        assert mask.mean() < 0.6


def test_the_default_park_leaves_the_view_and_home_does_not(cell, bodies, camera):
    """The simulated cell can photograph its bench; a cell parked at home, or without a park, cannot."""
    assert park_is_out_of_view(cell, bodies, camera)
    for park_deg in (None, cell.robot.home_deg):
        robot = cell.robot.model_copy(update={"park_deg": park_deg})
        assert not park_is_out_of_view(cell.model_copy(update={"robot": robot}), bodies, camera)


def test_the_median_looks_only_at_what_was_seen():
    """A pixel hidden in most shots gets the median of the others; one always hidden is unseen."""
    rng = np.random.default_rng(0)
    stack = rng.integers(0, 256, (5, 4, 6, 3)).astype(np.uint8)
    hidden = rng.random((5, 4, 6)) < 0.5
    hidden[:, 0, 0] = True
    plate, seen = masked_median(stack, hidden)
    assert not seen[0, 0]
    for y, x in np.argwhere(seen):
        visible = np.sort(stack[~hidden[:, y, x], y, x], axis=0)
        assert np.array_equal(plate[y, x], visible[(len(visible) - 1) // 2])
