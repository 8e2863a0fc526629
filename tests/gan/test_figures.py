"""The grid of fixed images says what each of its rows is."""

import numpy as np
import pytest
import torch

from synth.gan.figures import make_grid


@pytest.mark.parametrize("n_rows", [2, 3])
def test_each_row_of_a_grid_has_its_name_before_it(n_rows: int) -> None:
    """In black on white, in the middle of its own row, and the pictures stay as they are."""
    names = ("source", "translated", "and back")[:n_rows]
    grid = make_grid(dict.fromkeys(names, torch.zeros(2, 3, 32, 32)))
    margin, pictures = grid[:, :-68], grid[:, -68:]
    assert np.isin(pictures, (128, 255)).all()
    assert (pictures == 128).any(axis=(1, 2)).sum() == 32 * n_rows
    inked = (margin < 128).any(axis=(1, 2))
    for row in np.array_split(inked, n_rows):
        assert row[8:-8].any()
        assert not row[:4].any()
        assert not row[-4:].any()
