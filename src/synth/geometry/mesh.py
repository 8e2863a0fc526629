"""Triangle meshes in metres."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from synth.geometry import se3
from synth.geometry.se3 import Array


@dataclass(frozen=True, eq=False)
class Mesh:
    """vertices_m: [V,3]. triangles: [T,3] indices into the vertices, counter-clockwise seen from outside.

    corner_rgb: [T,3,3] uint8, sRGB at each corner of each triangle; None for a mesh without colours.
    """

    vertices_m: Array
    triangles: NDArray[np.int32]
    corner_rgb: NDArray[np.uint8] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "vertices_m", np.asarray(self.vertices_m, dtype=np.float64).reshape(-1, 3))
        object.__setattr__(self, "triangles", np.asarray(self.triangles, dtype=np.int32).reshape(-1, 3))

    def transformed(self, T_a_b: Array) -> Self:
        """This mesh, given in frame b, expressed in frame a."""
        return type(self)(se3.transform(T_a_b, self.vertices_m), self.triangles, self.corner_rgb)

    @classmethod
    def merge(cls, meshes: Sequence["Mesh"]) -> Self:
        """All meshes, given in one frame, as one."""
        starts = np.cumsum([0] + [len(m.vertices_m) for m in meshes])
        return cls(
            np.concatenate([m.vertices_m for m in meshes] or [np.empty((0, 3))]),
            np.concatenate(
                [m.triangles + start for m, start in zip(meshes, starts, strict=False)]
                or [np.empty((0, 3), dtype=np.int32)]
            ),
        )

    @classmethod
    def box(cls, min_m: Sequence[float], max_m: Sequence[float]) -> Self:
        """An axis-aligned box between two corners."""
        low, high = np.asarray(min_m, dtype=float), np.asarray(max_m, dtype=float)
        corners = np.array([[x, y, z] for z in (0, 1) for y in (0, 1) for x in (0, 1)])
        quads = [(0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5)]
        triangles = [t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))]
        return cls(low + corners * (high - low), np.array(triangles, dtype=np.int32))
