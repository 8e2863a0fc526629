"""The pixels where bodies or surfaces meet, and whose light the rays through them borrow."""

import numpy as np
from numpy.typing import NDArray

from synth.hardware.simulated.body import Float32, Int32


def edges(body: Int32, normals: Float32) -> NDArray[np.bool_]:
    """Pixels [H,W] next to another body or to a surface turned by more than about 25°."""
    edge = np.zeros(body.shape, bool)
    for a, b in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
        differs = (body[a] != body[b]) | (
            (body[a] >= 0) & (np.einsum("ijk,ijk->ij", normals[a], normals[b]) < 0.9)
        )
        edge[a] |= differs
        edge[b] |= differs
    return edge


def _neighbours(owner: NDArray[np.intp], shape: tuple[int, ...]) -> NDArray[np.intp]:
    rows, columns = np.divmod(owner, shape[1])
    steps = [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, -1), (1, -1), (-1, 1)]
    return np.stack(
        [
            np.clip(rows + dy, 0, shape[0] - 1) * shape[1] + np.clip(columns + dx, 0, shape[1] - 1)
            for dy, dx in steps
        ]
    )


def nearest_bench(body: Int32, owner: NDArray[np.intp]) -> NDArray[np.intp]:
    """For each pixel the neighbour (or itself) that shows the bench."""
    around = _neighbours(owner, body.shape)
    bench = body.reshape(-1)[around] < 0
    return np.asarray(around[bench.argmax(axis=0), np.arange(len(owner))])


def best_neighbour(
    body: Int32, normals: Float32, owner: NDArray[np.intp], sub_body: Int32, sub_normals: Float32
) -> NDArray[np.intp]:
    """The neighbour (or the pixel itself) whose surface is most like each sample's."""
    around = _neighbours(owner, body.shape)
    alike = np.einsum("kni,ni->kn", normals.reshape(-1, 3)[around], sub_normals)
    score = np.where(body.reshape(-1)[around] == sub_body, alike, -2)
    return np.asarray(around[score.argmax(axis=0), np.arange(len(owner))])
