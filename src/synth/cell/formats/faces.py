"""The faces of a file as triangles."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synth.errors import InputError
from synth.geometry.triangulate import Triangulation, triangulate

MAX_COORDINATE = 1e8  # In the file's units; equal vertices are told with 64-bit integers.


@dataclass(frozen=True)
class Prepared:
    """A file of which every face is a triangle. notes: what its maker should know, a sentence each."""

    data: bytes
    notes: tuple[str, ...] = ()


def refuse_odd_numbers(vertices: NDArray[np.float64], corners: NDArray[np.int64], name: str) -> None:
    """Raises InputError for vertices [V,3] or indices of vertices, of any shape, that make no mesh."""
    if vertices.shape[1:] != (3,):
        raise InputError(f"{name} has vertices that are not of three numbers: export it again.")
    if not np.isfinite(vertices).all():
        raise InputError(f"{name} has vertices that are not finite numbers: export it again.")
    if len(vertices) and np.abs(vertices).max() > MAX_COORDINATE:
        raise InputError(f"{name} has vertices beyond {MAX_COORDINATE:g}: export it again.")
    if corners.size and (corners.min() < 0 or corners.max() >= len(vertices)):
        raise InputError(f"{name} has triangles of vertices that it lacks: export it again.")


def triangulate_faces(
    vertices: NDArray[np.float64], corners: NDArray[np.int64], sizes: NDArray[np.int64], name: str
) -> tuple[Triangulation, tuple[str, ...]]:
    """Faces of any number of corners as triangles, and what there is to say of them.

    vertices: [V,3]. corners: [C] indices of vertices, face by face. sizes: [F] corners of each face.

    Raises InputError for numbers that make no mesh.
    """
    refuse_odd_numbers(vertices, corners, name)
    found = triangulate(vertices[corners], sizes)
    if not (n := int(found.crosses.sum())):
        return found, ()
    faces = "1 face whose outline crosses itself" if n == 1 else f"{n} faces whose outlines cross themselves"
    return found, (f"it has {faces}: nobody can say what is inside. Triangulate the mesh on export.",)
