"""The mesh folder: every mesh that a scene of a cell may name, written once, in metres.

A file NAME.npz holds ``vertices_m`` float32 [V,3], ``triangles`` int32 [T,3] and ``smooth``: whether shading
runs smoothly over edges that turn little; ``corner_rgb`` uint8 [T,3,3], sRGB, where a mesh
has colours of its own.
"""

import io
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from synth.cell.mesh import load_bodies
from synth.cell.model import Cell
from synth.errors import InputError
from synth.geometry.arm import ArmModel, FinishName
from synth.geometry.lathe import lathe, rounded
from synth.geometry.mesh import Mesh
from synth.sim.bin_box import bin_box
from synth.storage.atomic import write_bytes

Meshes = Mapping[str, Mesh]

CLUTTER = ("block", "plate", "puck", "rod")
"""Simple things that may lie on the table; each stands on z = 0 and is at most 30 mm high."""


def cell_meshes(cell: Cell) -> dict[str, Mesh]:
    """Every mesh by name, each in its own frame: part, mount, the arm's links by finish, the bin, clutter.

    Sources on the bench share its meshes, which are on disk before the first order: the bin's is among them.
    Raises InputError for CAD files that are absent or broken.
    """
    bodies = load_bodies(cell)
    meshes = {"part": bodies.part, "mount": bodies.mount}
    for (link, finish), pieces in _pieces(cell.robot.arm).items():
        meshes[arm_mesh_name(link, finish)] = Mesh.merge(pieces)
    with suppress(InputError):  # A cell whose camera sees no box has no bins, and nothing else is amiss.
        meshes["bin"] = bin_box(cell, bodies.part).mesh
    meshes["block"] = Mesh.box([-0.030, -0.020, 0.0], [0.030, 0.020, 0.025])
    meshes["plate"] = Mesh.box([-0.060, -0.040, 0.0], [0.060, 0.040, 0.004])
    meshes["puck"] = lathe(rounded(0.0, 0.020, 0.025, fillet_m=0.002), [0, 0, 1])
    meshes["rod"] = lathe(rounded(-0.08, 0.08, 0.006, fillet_m=0.001), [1, 0, 0], [0, 0, 0.006])
    return meshes


def arm_mesh_name(link: int, finish: FinishName) -> str:
    """The name of all that has one finish on one link (0 is the base, 6 wrist 3)."""
    return f"arm_{link}_{finish}"


@lru_cache(maxsize=8)
def arm_pieces(arm: ArmModel) -> tuple[tuple[int, FinishName], ...]:
    """Link and finish of every mesh of the arm, in a fixed order."""
    return tuple(_pieces(arm))


def _pieces(arm: ArmModel) -> dict[tuple[int, FinishName], list[Mesh]]:
    pieces: dict[tuple[int, FinishName], list[Mesh]] = {}
    for i_link, link in enumerate(arm.links()):
        for piece in link:
            pieces.setdefault((i_link, piece.finish), []).append(piece.mesh)
    return pieces


def write_meshes(meshes: Meshes, folder: Path) -> None:
    """Write each mesh that does not stand in ``folder`` as it should, each whole or not at all.

    Raises StorageError when the disk refuses.
    """
    for name, mesh in meshes.items():
        path = folder / f"{name}.npz"
        content = _npz(mesh)
        if not path.is_file() or path.read_bytes() != content:
            write_bytes(path, content)


def _npz(mesh: Mesh) -> bytes:
    arrays: dict[str, Any] = {
        "vertices_m": mesh.vertices_m.astype(np.float32),
        "triangles": mesh.triangles,
        "smooth": np.bool_(True),
    }
    if mesh.corner_rgb is not None:
        arrays["corner_rgb"] = mesh.corner_rgb
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **arrays)
    return file.getvalue()
