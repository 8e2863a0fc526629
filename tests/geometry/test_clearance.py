import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth.geometry.arm import Capsules, forward
from synth.geometry.arms import ARM_MODELS
from synth.geometry.clearance import (
    CAMERA,
    TABLE,
    WALL,
    ClearanceModel,
    HeldBody,
    Surroundings,
    cover_with_capsules,
    segment_distance_m,
)
from synth.geometry.mesh import Mesh

UR3E = ARM_MODELS["ur3e"]
FREE = np.radians([15, -150, -50, -70, -90, 0])
coordinates = st.floats(-1, 1)
points = st.tuples(coordinates, coordinates, coordinates)


def model(*, arm=UR3E, table_z=0.0, camera=(0.5, 0.0, 1.0), box=((-0.65, -0.65, 0.02), (0.75, 0.65, 0.65))):
    return ClearanceModel(
        arm,
        [
            HeldBody("mount", Mesh.box([-0.03, -0.03, 0], [0.03, 0.03, 0.045])),
            HeldBody("part", Mesh.box([-0.04, -0.03, 0.045], [0.04, 0.03, 0.067])),
        ],
        Surroundings(
            np.array([0, 0, table_z]),
            np.array([0, 0, 2.0]),
            np.array(box[0]),
            np.array(box[1]),
            Capsules(np.array([camera]), np.array([camera]), np.array([0.05]), np.zeros(1, dtype=int)),
            CAMERA,
        ),
    )


def nearest(m, q):
    """The smallest gap and its pair."""
    gaps = m.gaps_m(q)[0]
    return gaps.min(), m.pairs[int(gaps.argmin())]


@given(points, points, points, points)
def test_segment_distance_is_the_smallest_of_all_points(a, b, c, d):
    """No pair of sampled points is nearer than the distance, and some pair is nearly as near."""
    a, b, c, d = map(np.asarray, (a, b, c, d))
    s = np.linspace(0, 1, 60)[:, None]
    brute = np.linalg.norm((a + s * (b - a))[:, None] - (c + s * (d - c))[None], axis=-1).min()
    exact = float(segment_distance_m(a, b, c, d))
    assert exact <= brute + 1e-6
    assert brute - exact < 0.06


def test_segment_distance_of_points_and_parallels():
    """Degenerate segments: two points, a point over a line, parallel lines side by side and end to end."""
    o, x, y = np.zeros(3), np.array([1.0, 0, 0]), np.array([0, 1.0, 0])
    assert segment_distance_m(o, o, y, y) == pytest.approx(1)
    assert segment_distance_m(x / 2 + y, x / 2 + y, o, x) == pytest.approx(1)
    assert segment_distance_m(o, x, y, x + y) == pytest.approx(1)
    assert segment_distance_m(o, x, 3 * x, 4 * x) == pytest.approx(2)


def test_a_known_free_pose_is_free():
    """The default home keeps 2 cm from everything."""
    assert nearest(model(), FREE)[0] > 0.02


@pytest.mark.parametrize(
    ("q_deg", "body", "other"),
    [
        ([15, -190, -50, -70, -90, 0], None, TABLE),  # the upper arm dips: the wrist goes through the bench
        ([15, -150, -163, -70, -90, 0], None, None),  # folded elbow: the wrist runs into the upper arm
        ([0, -90, 0, -90, 90, 0], "mount", WALL),  # stretched upwards, out of the box
    ],
)
def test_known_collisions_are_found(q_deg, body, other):
    """Poses that would break something are seen, with the right partner."""
    gap, pair = nearest(model(), np.radians(q_deg))
    assert gap < 0
    assert body in (None, pair[0])
    assert other in (None, pair[1])


def test_a_folded_elbow_is_a_collision_with_itself():
    """With table, walls and camera far away, folding the elbow shut still collides: link against link."""
    far = model(table_z=-9, camera=(0, 0, 9), box=((-9, -9, -9), (9, 9, 9)))
    gap, pair = nearest(far, np.radians([15, -150, -163, -70, -90, 0]))
    assert gap < 0
    assert pair[1] in UR3E.link_names


def test_the_camera_is_kept_clear_of():
    """A camera where the part is, is hit; by its name."""
    place = forward(FREE, UR3E.dh)[:3, 3] + [0, 0, 0.1]
    gap, pair = nearest(model(camera=place), FREE)
    assert gap < 0
    assert pair[1] == CAMERA


@pytest.mark.parametrize("name", ARM_MODELS)
def test_neighbours_are_never_flagged_in_the_default_ranges(name):
    """Over the default joint ranges nothing of the arm comes within 2 cm of itself: no false alarm."""
    bounds = np.radians([[-20, 50], [-150, -150], [-50, -50], [-110, -30], [-130, -50], [-170, 170]])
    q = bounds[:, 0] + np.random.default_rng(0).random((5000, 6)) * (bounds[:, 1] - bounds[:, 0])
    m = model(arm=ARM_MODELS[name])
    gaps = m.gaps_m(q).min(axis=0)
    own = [i for i, (_, other) in enumerate(m.pairs) if other in ARM_MODELS[name].link_names]
    assert gaps[own].min() > 0.02
    ordered = {name: i for i, name in enumerate((*ARM_MODELS[name].link_names, "mount", "part"))}
    for i in own:
        low, high = sorted(min(ordered[name], 6) for name in m.pairs[i])
        assert high - low > 1


@settings(max_examples=30)
@given(st.lists(st.floats(-3.1, 3.1), min_size=6, max_size=6), st.floats(0.001, 0.3))
def test_clearance_is_monotone(q, lower):
    """Lowering the table widens every gap to it by as much and no other; a larger box only adds room."""
    high, low = model(), model(table_z=-lower)
    before, after = high.gaps_m(q)[0], low.gaps_m(q)[0]
    to_table = np.array([other == TABLE for _, other in high.pairs])
    np.testing.assert_allclose(after[to_table] - before[to_table], lower, atol=1e-9)
    np.testing.assert_allclose(after[~to_table], before[~to_table])
    wide = model(box=((-1, -1, -1), (1, 1, 1))).gaps_m(q)[0]
    assert (wide >= before - 1e-12).all()


@given(
    st.tuples(st.floats(0.005, 0.2), st.floats(0.005, 0.2), st.floats(0.005, 0.2)),
    st.tuples(coordinates, coordinates, coordinates),
)
def test_capsules_hold_the_whole_box(size, corner):
    """Every point of a body's bounding box is inside some capsule that stands for it."""
    low = np.asarray(corner)
    high = low + size
    capsules = cover_with_capsules(Mesh.box(low, high), body=7)
    inside = low + np.random.default_rng(0).random((300, 3)) * size
    inside = np.concatenate([inside, Mesh.box(low, high).vertices_m])
    distance = segment_distance_m(inside[:, None], inside[:, None], capsules.a_m, capsules.b_m)
    assert (distance <= capsules.radius_m + 1e-9).any(axis=1).all()
    assert set(capsules.body) == {7}


def test_sixty_samples_take_under_three_milliseconds():
    """A path of 60 samples is checked fast enough to plan with (best of many runs)."""
    m, path = model(), np.linspace(FREE, FREE + 0.5, 60)
    times = []
    for _ in range(40):
        start = time.perf_counter()
        m.gaps_m(path)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.003
