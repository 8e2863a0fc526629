"""The arm's shape: closed solids of the right size."""

from typing import get_args

import numpy as np
import pytest

from synth.cell.arm_surfaces import ARM_SURFACES
from synth.cell.mesh import is_closed
from synth.geometry.arm import FinishName, joint_frames
from synth.geometry.arms import ARM_MODELS
from synth.geometry.lathe import lathe
from synth.geometry.mesh import Mesh
from synth.hardware.simulated.arm_body import arm_bodies
from synth.hardware.simulated.truth import SurfaceDeviation


def volume_m3(mesh):
    a, b, c = np.moveaxis(mesh.vertices_m[mesh.triangles], 1, 0)
    return np.einsum("ti,ti->", a, np.cross(b, c)) / 6


def test_a_lathe_turns_a_solid_of_revolution():
    """A cylinder has its volume but for the facets, whichever way its axis points, and faces outwards."""
    for axis in ([0, 0, 1], [1, 0, 0], [-1, 2, 0.5]):
        mesh = lathe([[0.0, 0.03], [0.1, 0.03]], axis, [0.2, 0.1, 0.0])
        assert volume_m3(mesh) == pytest.approx(np.pi * 0.03**2 * 0.1, rel=0.005)
        middle = mesh.vertices_m.mean(axis=0)
        expected = np.array([0.2, 0.1, 0.0]) + 0.05 * np.array(axis) / np.linalg.norm(axis)
        np.testing.assert_allclose(middle, expected, atol=1e-9)


@pytest.mark.parametrize("name", ARM_MODELS)
def test_every_piece_is_a_closed_solid(name):
    """Seven links, each of watertight pieces facing outwards; vertices in one place are one."""
    links = ARM_MODELS[name].links()
    assert len(links) == len(ARM_MODELS[name].link_names) == 7
    for piece in (piece for link in links for piece in link):
        places, index = np.unique(np.round(piece.mesh.vertices_m, 9), axis=0, return_inverse=True)
        assert is_closed(Mesh(places, index.reshape(-1)[piece.mesh.triangles]))
        assert volume_m3(piece.mesh) > 0


@pytest.mark.parametrize("name", ARM_MODELS)
def test_the_arm_has_the_size_of_its_kinematics(name):
    """Stretched out, the arm is as long as its kinematics say, plus the housings around base and wrist."""
    frames = joint_frames(np.zeros(6), ARM_MODELS[name].dh)
    points = np.concatenate(
        [
            piece.mesh.transformed(T).vertices_m
            for T, link in zip(frames, ARM_MODELS[name].links(), strict=True)
            for piece in link
        ]
    )
    reach, capsules = np.abs(frames[:, :3, 3]).max(axis=0), ARM_MODELS[name].link_capsules
    at_the_end_m = capsules.radius_m[capsules.body >= 3].max()
    assert reach[0] < np.abs(points[:, 0]).max() < reach[0] + at_the_end_m
    assert points[:, 2].min() == pytest.approx(0.0, abs=0.002)


@pytest.mark.parametrize("name", ARM_MODELS)
def test_every_finish_is_known_to_both_pictures(name):
    """A finish has a surface in the cell, from which rendered and simulated pictures take it."""
    assert set(ARM_SURFACES) == set(get_args(FinishName))
    assert len(arm_bodies(ARM_MODELS[name], SurfaceDeviation())) == 7
