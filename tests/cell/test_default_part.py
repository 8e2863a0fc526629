"""The part and the mount that come with synth are what the default cell promises."""

import numpy as np
import pytest

from synth.cell.load import DEFAULT_CELL, default_cell
from synth.cell.mesh import face_of_interest, is_closed, label_normal_part, load_bodies
from synth.geometry import se3
from synth.geometry.mesh import Mesh
from synth.geometry.raycast import Raycaster

BODIES = load_bodies(default_cell())


def heights_m(mesh: Mesh) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Heights [64,64] of the top seen from above over a square of 110 mm, 0 beside the part."""
    x, y = np.meshgrid(np.linspace(-0.055, 0.055, 64), np.linspace(-0.055, 0.055, 64))
    origins = np.stack([x, y, np.full_like(x, 0.2)], axis=-1)
    t = Raycaster([mesh]).cast(origins, [0.0, 0.0, -1.0]).t
    return np.where(np.isfinite(t), 0.2 - t, 0.0)


@pytest.mark.parametrize("turn_deg", [90, 180, 270])
def test_no_turn_about_z_maps_the_part_to_itself(turn_deg: int) -> None:
    """The part looks different after each quarter turn: 3 % of what is seen differs by over 3 mm."""
    before = heights_m(BODIES.part)
    turned = BODIES.part.transformed(se3.from_rotvec([0, 0, np.radians(turn_deg)], [0, 0, 0]))
    differs = np.abs(heights_m(turned) - before) > 0.003
    assert differs.sum() > 0.03 * (before > 0).sum()


@pytest.mark.parametrize("axis", [0, 1])
def test_no_mirror_maps_the_part_to_itself(axis: int) -> None:
    """Left and right, front and back can be told apart."""
    before = heights_m(BODIES.part)
    assert (np.abs(np.flip(before, 1 - axis) - before) > 0.003).sum() > 0.03 * (before > 0).sum()


@pytest.mark.parametrize("name", ["part", "mount"])
def test_the_meshes_are_small_closed_solids(name: str) -> None:
    """Both bound a solid, and their files stay below 500 kB."""
    assert is_closed(getattr(BODIES, name))
    file = DEFAULT_CELL.parent / getattr(default_cell(), name).mesh
    assert file.stat().st_size < 500_000


def test_part_and_mount_meet_at_the_tcp() -> None:
    """The mount fills the 45 mm from the flange to the TCP, the part stands on it."""
    part, mount = BODIES.part.vertices_m[:, 2], BODIES.mount.vertices_m[:, 2]
    assert (mount.min(), mount.max()) == pytest.approx((-0.045, 0.0))
    assert part.min() == pytest.approx(0.0)
    assert default_cell().robot.tcp_pose[2] == pytest.approx(0.045)


def test_the_point_of_interest_lies_on_a_wide_flat_face() -> None:
    """Around the point 30 × 25 mm are flat, enough for a plane fit, and the label is their normal."""
    cell = default_cell()
    face, normal = face_of_interest(BODIES.part, cell.part.point_of_interest_m)
    assert normal == pytest.approx([0, 0, 1], abs=1e-9)
    assert label_normal_part(cell, BODIES.part) == pytest.approx(normal)
    x, y = np.meshgrid(np.linspace(-0.015, 0.015, 25), np.linspace(-0.0125, 0.0125, 25))
    hits = Raycaster([BODIES.part]).cast(np.stack([x, y, np.full_like(x, 0.2)], axis=-1), [0.0, 0.0, -1.0])
    assert 0.2 - hits.t == pytest.approx(np.full_like(x, 0.022), abs=1e-6)
    assert np.isin(hits.triangle, face).all()
