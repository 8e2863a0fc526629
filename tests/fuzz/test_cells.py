"""Whatever stands in a cell file and its meshes: a cell, or a sentence that says why not."""

import shutil
from collections.abc import Callable
from contextlib import chdir, redirect_stdout
from io import StringIO
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from damage import ODD_VALUES, ODD_WORDS, damage_bytes, damage_entry, damage_json, damage_words
from guard import attempt, bounded, snapshot
from hypothesis import given, settings
from hypothesis import strategies as st
from sound import MESHES

from synth.cell.load import cell_fingerprint, dump_cell, load_cell, parse_cell
from synth.cell.mesh import cad_sha256, label_normal_part, load_bodies
from synth.cell.summary import print_summary
from synth.errors import InputError

pytestmark = [pytest.mark.fuzz, pytest.mark.timeout(3600)]


def use(path: Path) -> None:
    """Load a cell and all that it names; what loads can be written, read again, hashed and summed up."""
    cell = attempt(lambda: load_cell(path))
    if cell is None:
        return
    bodies = load_bodies(cell)
    for mesh in (bodies.part, bodies.mount):
        assert np.isfinite(mesh.vertices_m).all()
        assert mesh.triangles.min() >= 0
        assert mesh.triangles.max() < len(mesh.vertices_m)
    label_normal_part(cell, bodies.part)
    cad_sha256(cell)
    assert dump_cell(parse_cell(dump_cell(cell), path)) == dump_cell(cell)
    assert cell_fingerprint(cell) == cell_fingerprint(load_cell(path))
    with redirect_stdout(StringIO()):
        print_summary(cell, path)


def exercise(template: Path, damage: Callable[[Path, Path, Random], None], rng: Random) -> None:
    """Damage a copy of a cell among bystanders, then use it."""
    with TemporaryDirectory() as name:
        outer = Path(name).resolve()
        folder = outer / "cell"
        shutil.copytree(template, folder)
        (outer / "bystanders").mkdir()
        (outer / "bystander.txt").write_bytes((folder / "cell.yaml").read_bytes())
        damage(folder, outer, rng)
        everything = snapshot(outer)
        with bounded(), chdir(outer):
            attempt(lambda: use(folder / "cell.yaml"))
        assert snapshot(outer) == everything


def change_words(folder: Path, outside: Path, rng: Random) -> None:
    path = folder / "cell.yaml"
    path.write_bytes(rng.choice((damage_words, damage_words, damage_bytes))(path.read_bytes(), rng))


def change_value(folder: Path, outside: Path, rng: Random) -> None:
    """The value of one key, by its text."""
    path = folder / "cell.yaml"
    lines = path.read_text("utf-8").split("\n")
    i = rng.choice([i for i, line in enumerate(lines) if ":" in line])
    key = lines[i].partition(":")[0]
    odd = rng.choice((*map(repr, ODD_VALUES), *(word.decode("latin-1") for word in ODD_WORDS)))
    lines[i] = f"{key}: {odd}"
    path.write_text("\n".join(lines), "utf-8", errors="replace")


def change_mesh(folder: Path, outside: Path, rng: Random) -> None:
    path = rng.choice(sorted(p for p in folder.iterdir() if p.suffix != ".yaml"))
    content = path.read_bytes()
    if path.suffix == ".gltf":
        change = rng.choice((damage_json, damage_json, damage_bytes))
    elif path.suffix == ".stl":
        change = damage_bytes
        if rng.random() < 0.2:
            count = rng.choice((0, 1, 2**16, 2**31, 2**32 - 1)).to_bytes(4, "little")
            content = content[:80] + count + content[84:]
    else:
        change = rng.choice((damage_words, damage_bytes))
    path.write_bytes(change(content, rng))


def change_entry(folder: Path, outside: Path, rng: Random) -> None:
    path = rng.choice(sorted(folder.iterdir()))
    damage_entry(path, outside, rng, pipes=path.suffix != ".bin")


@pytest.mark.parametrize("damage", [change_words, change_value, change_mesh, change_entry])
def test_any_cell_is_used_or_refused_in_a_sentence(
    templates: Path, damage: Callable[[Path, Path, Random], None]
) -> None:
    """Damaged YAML, meshes, links and pipes: no other exception, no hang, no file changed anywhere."""

    @settings(settings.get_profile("fuzz"))
    @given(seed=st.integers(0, 2**62))
    def holds(seed: int) -> None:
        rng = Random(seed)
        exercise(templates / "cell" / rng.choice(MESHES).rpartition(".")[2], damage, rng)

    holds()


@pytest.mark.parametrize("name", MESHES)
def test_a_sound_cell_is_used(templates: Path, name: str) -> None:
    """Without damage nothing is refused: what the other finds is no fault of the template."""
    path = templates / "cell" / name.rpartition(".")[2] / "cell.yaml"
    try:
        assert load_cell(path).part.mesh == name
    except InputError as error:
        pytest.fail(str(error))
    use(path)
