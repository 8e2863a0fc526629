"""What is no calibration is refused in its first words; what is too poor to label says so in its own."""

import re
from dataclasses import replace

import numpy as np
import pytest

from synth.capture.calibrate.mistakes import refuse_unknown_place
from synth.capture.calibrate.noise import Noise
from synth.capture.calibrate.solve import solve
from synth.capture.calibrate.uncertainty import Uncertainty
from synth.errors import InputError
from synth.geometry.pinhole import Pinhole
from typed import synth


def _K(fx: float, fy: float, cx: float, cy: float) -> np.ndarray:
    return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]])


@pytest.mark.parametrize(
    ("K", "says", "likely"),
    [
        (_K(1810, 1809, 1292, 718), "middle lies outside", "K of pictures about 2.0 times as large"),
        (_K(1357, 1357, 968.8, 538.6), "middle lies outside", "K of pictures about 1.5 times as large"),
        (
            _K(452.3, 452.1, 322.6, 179.2),
            "times what the board shows",
            "K of pictures about 0.5 times as large",
        ),
        (_K(1086, 1086, 645.7, 358.9), "times what the board shows", "focal length alone is wrong"),
        (_K(905.1, 452, 645.7, 358.9), "times what the board shows", "focal length alone is wrong"),
        (_K(3.6, 3.6, 645.7, 358.9), "would span 179°", "focal length alone is wrong"),
    ],
)
def test_a_K_that_cannot_be_is_named_with_both_figures(make_bench, K, says, likely) -> None:
    """Of pictures of another size (twice, one and a half, half), a focal length off by 20 %, one of the two
    halved, or in millimetres: K's own focal length, the board's, and with which K the views agree.
    """
    bench = make_bench(10)
    with pytest.raises(InputError) as caught:
        solve(bench.views, bench.board, replace(bench.camera, K=K), eye="to-hand")
    said = str(caught.value)
    assert said.startswith(f"this is no calibration: K has fx {K[0, 0]:.4g}, ")
    shown = re.search(r"the board itself shows a focal length of (\d+) px", said)
    assert shown is not None
    assert float(shown[1]) == pytest.approx(905, rel=0.03)
    assert says in said
    assert likely in said.partition("Likely ")[2]


@pytest.mark.parametrize("corner", [(400, 200), (-100, 0)])
def test_a_K_of_pictures_cut_out_of_larger_ones_is_taken(make_bench, corner) -> None:
    """Its middle is far off the image's, or outside it, and the board shows it there."""
    K = _K(905.1, 904.6, 645.7 - corner[0], 358.9 - corner[1])
    bench = make_bench(10, camera=Pinhole((880, 520), K))
    solution = solve(bench.views, bench.board, bench.camera, eye="to-hand")
    mm, deg = bench.error_of(solution.guess.X)
    assert (mm < 3, deg < 0.3) == (True, True)


def test_a_wrong_middle_alone_is_not_told_as_a_wrong_focal_length(make_bench) -> None:
    """The board shows K's focal length, and not its middle."""
    bench = make_bench(10)
    with pytest.raises(InputError, match="the middle lies outside the middle half") as caught:
        solve(bench.views, bench.board, replace(bench.camera, K=_K(905, 905, 200, 100)), eye="to-hand")
    assert "focal length alone" not in str(caught.value)


@pytest.mark.parametrize("seed", range(2))
def test_a_right_K_is_taken_without_its_distortion_too(make_bench, seed) -> None:
    """What the board shows is not exact; a few per cent are no alarm."""
    bench = make_bench(8, seed)
    solve(bench.views, bench.board, Pinhole(bench.camera.size_wh, bench.camera.K), eye="to-hand")


@pytest.mark.parametrize(
    ("mm", "deg", "is_one"), [(99, 1, True), (101, 1, False), (5, 9.9, True), (5, 10.1, False)]
)
def test_a_place_open_by_100_mm_or_10_degrees_is_none(mm, deg, is_one) -> None:
    """One standard deviation, all three axes together."""
    sigma = np.repeat([np.radians(deg), mm / 1000], 3) / np.sqrt(3)
    uncertainty = Uncertainty(np.diag(sigma**2), Noise(1, 1, 1), 10)
    if is_one:
        refuse_unknown_place(uncertainty)
        return
    with pytest.raises(InputError, match=rf"^this is no calibration: .* {mm} mm and {deg:.1f}°"):
        refuse_unknown_place(uncertainty)


def test_no_calibration_leaves_nothing_to_be_read_as_one(drawn) -> None:
    """Exit code 2, no matrix, no JSON, no file; without K in the description it is solved."""
    before = sorted(drawn.root.rglob("*"))
    drawn.describe(camera={"K": _K(180, 180, 128, 71).tolist()})
    for words in ((), ("--json",)):
        ran = synth("calibrate", "solve", ".", *words, cwd=drawn.root)
        assert ran.returncode == 2
        assert ran.stderr.splitlines()[-1].startswith("synth: this is no calibration: K has fx 180")
        assert "T_base_cam" not in ran.stdout
        assert "{" not in ran.stdout
    assert sorted(drawn.root.rglob("*")) == before
    drawn.describe(camera=None)
    ran = synth("calibrate", "solve", ".", cwd=drawn.root)
    assert ran.returncode == 0, ran.stderr


def test_what_is_too_poor_to_label_says_so_first(drawn) -> None:
    """One of an arm that strays by millimetres; it is solved with exit code 0."""
    rng = np.random.default_rng(0)
    strayed = [
        [name, *(np.array(xyz_rotvec) + rng.normal(0, [0.003] * 3 + [0.01] * 3)).tolist()]
        for name, *xyz_rotvec in drawn.rows()
    ]
    drawn.write_csv(strayed)
    ran = synth("calibrate", "solve", ".", cwd=drawn.root)
    assert ran.returncode == 0, ran.stderr
    first = ran.stdout.splitlines()[1]
    assert ran.stdout.startswith("12 of 12 images")
    assert first.startswith("not good enough to label: the camera's place is known to ")
    assert "T_base_cam from 12 views" in ran.stdout
