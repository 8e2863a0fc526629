"""Whether two pictures that lie upon each other have their details in common, block by block.

Colours agree by chance where both pictures are flat, or so noisy that nearly any colour is near enough.
Details do not: those of independent noise correlate by 0.16 to 0.28 at the best place of a block (medians of
100 blocks), whatever its strength, and by 0.43 at most.
"""

from typing import NamedTuple

import cv2
import numpy as np

from synth.dataset.leak.look import Cells, Mask

_BLOCK = 8
_SIGMA = 1.5
_FLAT_COUNTS = 1.0
_REACH = 3
_MIN_CORRELATION = 0.5
_LIMIT_COUNTS = 2.0
"""Cells on a side of a block; what is coarser than _SIGMA cells is no detail; a block is flat where its
details are weaker, root mean square; details may lie _REACH cells elsewhere, since things at other distances
move by other amounts between two frames; from _MIN_CORRELATION on they are the same. Details count in full up
to the block's median or _LIMIT_COUNTS, whichever is larger."""


class Texture(NamedTuple):
    """coverage: the share of blocks that have details in either picture; the others are no evidence.

    common: the share of these in which the details are the same; 1 where no block has any.
    """

    coverage: float
    common: float


def compare_texture(cells: Cells, test: Cells, seen: Mask) -> Texture:
    """Cells [S,S,3] against those of a test image upon which they lie, where [S,S] they have anything to
    show.
    """
    details = [x - cv2.GaussianBlur(x, (0, 0), _SIGMA) for x in (cells, test)]
    around = np.pad(details[0], ((_REACH, _REACH), (_REACH, _REACH), (0, 0)))
    corners = range(0, len(test) - _BLOCK + 1, _BLOCK)
    n_blocks, correlations = 0, []
    for y in corners:
        for x in corners:
            here = slice(y, y + _BLOCK), slice(x, x + _BLOCK)
            if seen[here].mean() < 0.5:
                continue
            n_blocks += 1
            if max(float((picture[here] ** 2).mean()) for picture in details) < _FLAT_COUNTS**2:
                continue
            window = around[y : y + _BLOCK + 2 * _REACH, x : x + _BLOCK + 2 * _REACH]
            one = _level(window, details[0][here])
            other = _level(details[1][here], details[1][here])
            correlations.append(cv2.matchTemplate(one, other, cv2.TM_CCORR_NORMED).max())
    if not correlations:
        return Texture(0.0, 1.0)
    return Texture(len(correlations) / n_blocks, float(np.mean(np.array(correlations) >= _MIN_CORRELATION)))


def _level(details: Cells, block: Cells) -> Cells:
    """Details [R,R,3] no stronger than a block's median, so that one edge does not outweigh the rest."""
    limit = max(float(np.median(np.abs(block))), _LIMIT_COUNTS)
    return np.clip(details, -limit, limit)
