import gc
import weakref

import numpy as np
import pytest
import trimesh

from synth.geometry import posed_bodies, se3
from synth.geometry.mesh import Mesh
from synth.geometry.pinhole import Pinhole
from synth.geometry.posed_bodies import PosedBodies, PosedBody
from synth.geometry.raycast import render_ids

CAMERA = Pinhole(
    (160, 120),
    np.array([[130.0, 0, 80.2], [0, 128.0, 58.7], [0, 0, 1]]),
    np.array([-0.2, 0.05, 0.002, -0.001, 0.0]),
)
T_BASE_CAM = se3.from_rotvec([2.2, 0.3, -0.4], [0.3, -0.2, 0.9])
BALL = Mesh(*(np.asarray(a) for a in (lambda b: (b.vertices, b.faces))(trimesh.creation.icosphere(2, 0.12))))
PLATE = Mesh.box([-0.2, -0.02, -0.05], [0.2, 0.02, 0.05])


def scatter(rng, n=9):
    """Bodies around the camera: in view, half in view, beside it and behind it; some share a frame."""
    bodies = []
    for _ in range(n):
        place = rng.uniform([-0.7, -0.6, -0.4], [0.7, 0.6, 1.6])
        T = T_BASE_CAM @ se3.from_rotvec(rng.uniform(-3, 3, 3), place)
        bodies += [PosedBody(mesh, T) for mesh in (BALL, PLATE)[: rng.integers(1, 3)]]
    return bodies


@pytest.mark.parametrize("seed", range(6))
def test_bodies_in_their_own_frames_are_seen_as_in_one(seed):
    """Against one search tree over all bodies in base: which body, how deep, and which way it faces, but for
    rays that graze an edge.
    """
    bodies = scatter(np.random.default_rng(seed))
    seen = PosedBodies(CAMERA, T_BASE_CAM, bodies)
    expected = render_ids([mesh.transformed(T) for mesh, T in bodies], CAMERA, T_BASE_CAM)
    assert expected.valid.mean() > 0.05
    same = (seen.hits.body == expected.body) & (seen.hits.triangle == expected.triangle)
    assert same.mean() > 0.998
    alike = same & expected.valid
    np.testing.assert_allclose(seen.hits.t[alike], expected.t[alike], rtol=1e-4)
    np.testing.assert_allclose(seen.hits.normals[alike], expected.normals[alike], atol=1e-3)
    assert (seen.hits.normals[~seen.hits.valid] == 0).all()


def test_rays_of_some_pixels_meet_what_the_picture_shows():
    """`find` at pixel centres is `hits`; before a camera among bodies, behind which some stand."""
    seen = PosedBodies(CAMERA, T_BASE_CAM, scatter(np.random.default_rng(1)))
    rows, columns = np.nonzero(np.ones(CAMERA.size_wh[::-1], bool))
    found = seen.find(rows, columns, CAMERA.rays[rows, columns][:, None])
    np.testing.assert_array_equal(found[:, 0], seen.hits.body[rows, columns])


def test_a_body_out_of_view_is_met_by_no_ray():
    """Beside the picture and behind the camera."""
    bodies = [PosedBody(BALL, T_BASE_CAM @ se3.make(np.eye(3), p)) for p in ([2.0, 0, 0.5], [0, 0, -1.0])]
    seen = PosedBodies(CAMERA, T_BASE_CAM, bodies)
    assert seen.window is None
    assert not seen.hits.valid.any()


def test_a_search_tree_is_built_once_and_goes_with_its_mesh():
    """However often bodies move; the next mesh has another."""
    plate = Mesh.box([0, 0, 0], [0.1, 0.1, 0.1])
    for x in (0.0, 0.05):
        bodies = [PosedBody(m, T_BASE_CAM @ se3.make(np.eye(3), [x, 0, 0.5])) for m in (plate, PLATE)]
        assert PosedBodies(CAMERA, T_BASE_CAM, bodies).hits.valid.any()
    assert len(posed_bodies._TREES[plate]) == 1
    there = weakref.ref(plate)
    del plate, bodies
    gc.collect()
    assert there() is None


def test_a_window_holds_every_ray_between_its_limits():
    """Also where the lens bends rows and columns; none where no ray is."""
    low, high = np.array([-0.31, 0.05]), np.array([-0.2, 0.3])
    x0, y0, x1, y1 = CAMERA.window(low, high)
    between = ((CAMERA.rays[..., :2] >= low) & (CAMERA.rays[..., :2] <= high)).all(axis=-1)
    rows, columns = np.nonzero(between)
    assert x0 <= columns.min()
    assert columns.max() < x1
    assert y0 <= rows.min()
    assert rows.max() < y1
    assert between[y0:y1, x0:x1].mean() > 0.7
    assert CAMERA.window([5, 0], [6, 1]) is None
