"""Whatever stands in a folder of calibration images: descriptions and poses are read, or refused."""

import json
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from damage import damage_bytes, damage_entry, damage_json, damage_lines, damage_words
from guard import attempt, bounded, snapshot
from hypothesis import given, settings
from hypothesis import strategies as st

from synth.capture.calibrate.folder import list_images, read_description, read_rows, to_poses

pytestmark = [pytest.mark.fuzz, pytest.mark.timeout(3600)]

BOARD = (
    "board: {kind: charuco, squares_xy: [5, 7], square_m: 0.03, marker_m: 0.02, dictionary: DICT_4X4_50}\n"
)
N = 4


def write_table(folder: Path) -> None:
    """A CSV with a header, quaternions in millimetres."""
    rows = [f"{i:04d}.png;{100 * i};20;900;0;0;0;1" for i in range(N)]
    (folder / "poses.csv").write_text("\n".join(("name;x;y;z;qx;qy;qz;qw", *rows)) + "\n")
    turn = "rotation: {kind: quaternion, columns: [qx, qy, qz, qw]}\n"
    (folder / "calibration.yaml").write_text(BOARD + "position: {unit: mm}\n" + turn)


def write_nested(folder: Path) -> None:
    """One JSON of poses with nested keys for all views."""
    poses = {
        f"{i:04d}": {"position": {"x": 0.1 * i, "y": 0.2, "z": 0.9}, "turn": {"a": 0, "b": 0.1, "c": 0}}
        for i in range(N)
    }
    (folder / "poses.json").write_text(json.dumps(poses, indent=1))
    keys = "poses: poses.json\nposition: {columns: [position.x, position.y, position.z]}\n"
    (folder / "calibration.yaml").write_text(
        BOARD + keys + "rotation: {kind: euler, axes: xyz, columns: [turn.a, turn.b, turn.c]}\n"
    )


def write_matrices(folder: Path) -> None:
    """A text file of a matrix [4,4] a view."""
    (folder / "poses").mkdir()
    for i in range(N):
        np.savetxt(folder / f"poses/{i:04d}.txt", np.eye(4))
    columns = "rotation: {kind: matrix, columns: [0, 1, 2, 4, 5, 6, 8, 9, 10]}\n"
    (folder / "calibration.yaml").write_text(
        BOARD + "poses: poses/*.txt\nposition: {columns: [3, 7, 11]}\n" + columns
    )


def read(folder: Path) -> int:
    """How many poses a folder gives."""
    description = read_description(folder)
    list_images(folder, description)
    poses = to_poses(read_rows(folder, description), description)
    for T_base_tool in poses.values():
        assert np.isfinite(T_base_tool).all()
        assert T_base_tool[:3, :3] @ T_base_tool[:3, :3].T == pytest.approx(np.eye(3), abs=1e-6)
    return len(poses)


def damage(folder: Path, outside: Path, rng: Random) -> None:
    """One or two of its texts, or an entry as a whole."""
    texts = sorted(p for p in folder.rglob("*") if p.suffix in (".csv", ".json", ".txt", ".yaml"))
    if rng.random() < 0.1:
        damage_entry(rng.choice(texts), outside, rng, pipes=False)
        return
    for path in rng.choices(texts, k=rng.randint(1, 2)):
        kinds = (damage_json,) if path.suffix == ".json" else (damage_words, damage_lines)
        path.write_bytes(rng.choice((*kinds, damage_bytes))(path.read_bytes(), rng))


@pytest.mark.parametrize("write", [write_table, write_nested, write_matrices])
def test_any_poses_are_read_or_refused_in_a_sentence(write: Callable[[Path], None]) -> None:
    """No other exception, no hang, nothing written; what is read is a pose."""

    @settings(settings.get_profile("fuzz"))
    @given(seed=st.integers(0, 2**62))
    def holds(seed: int) -> None:
        with TemporaryDirectory() as name:
            outer = Path(name).resolve()
            write_images(outer / "views")
            write(outer / "views")
            damage(outer / "views", outer, Random(seed))
            before = snapshot(outer)
            with bounded(), chdir(outer):
                attempt(lambda: read(outer / "views"))
            assert snapshot(outer) == before

    holds()


def write_images(folder: Path) -> None:
    """Empty files of the views' names: nothing is looked at here."""
    (folder / "images").mkdir(parents=True)
    for i in range(N):
        (folder / f"images/{i:04d}.png").touch()


@pytest.mark.parametrize("write", [write_table, write_nested, write_matrices])
def test_sound_poses_are_read(write: Callable[[Path], None], tmp_path: Path) -> None:
    """Without damage every pose is read: what the other finds is no fault of the template."""
    write_images(tmp_path)
    write(tmp_path)
    assert read(tmp_path) == N
