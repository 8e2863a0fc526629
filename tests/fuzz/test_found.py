"""What the fuzz has found, one promise each; quick, and part of every test run."""

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from damage import BOMB
from guard import bounded
from sound import SIZE_WH

from synth.cell.load import load_cell
from synth.cell.mesh import load_mesh
from synth.dataset.codecs import decode_rgb, encode_rgb
from synth.dataset.reader import DatasetReader
from synth.dataset.sheet import make_sheet, write_sheet
from synth.dataset.store import DatasetWriter
from synth.dataset.verify import verify
from synth.errors import CellError, DatasetError, InputError


@pytest.fixture
def root(templates: Path, tmp_path: Path) -> Path:
    """A sound dataset, to be damaged."""
    return shutil.copytree(templates / "dataset", tmp_path / "real")


def use(root: Path) -> None:
    """Reader, check and writer each refuse a folder, or the first of them raises what it should not."""
    for action in (DatasetReader, verify, DatasetWriter.open):
        with bounded(), pytest.raises(DatasetError, match=r"leads out|is no f(ile|older)"):
            action(root)


@pytest.mark.parametrize("name", ["samples.jsonl", ".lock", "labels", "rejected", "plates/plates.jsonl"])
def test_links_out_of_a_dataset_are_not_written_through(root: Path, name: str, tmp_path: Path) -> None:
    """A log, lock or folder that is a link to elsewhere is refused before anything there changes."""
    path, outside = root / name, tmp_path / "elsewhere"
    if path.is_dir():
        shutil.move(path, outside)
        (outside / "000009.png").write_bytes(b"somebody's own")
        before = sorted(outside.iterdir())
    else:
        outside.write_bytes(b"torn")
        path.unlink(missing_ok=True)
    path.symlink_to(outside)
    use(root)
    if outside.is_dir():
        assert sorted(outside.iterdir()) == before
    else:
        assert outside.read_bytes() == b"torn"


@pytest.mark.parametrize("name", ["dataset.json", "samples.jsonl", "masks", "rejected/rejected.jsonl"])
@pytest.mark.parametrize("make", [os.mkfifo, lambda path: Path(path).symlink_to(Path(path).name)])
def test_pipes_and_links_to_themselves_are_refused(root: Path, name: str, make: Any) -> None:
    """They neither hang nor end in an OSError."""
    shutil.move(root / name, root.parent / "away")
    make(root / name)
    use(root)


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: Path(path).symlink_to(Path(path).name)])
def test_a_picture_that_is_no_file_is_one_finding(root: Path, make: Any) -> None:
    """A pipe or a link to itself in the place of a picture."""
    path = root / DatasetReader(root).samples[0].image
    path.unlink()
    make(path)
    with bounded():
        assert [f.where for f in verify(root)] == [str(path.relative_to(root))]
        with pytest.raises(DatasetError):
            DatasetReader(root).load_rgb(DatasetReader(root).samples[0])


def test_a_picture_that_unpacks_to_gigabytes_is_not_unpacked() -> None:
    """Its header is enough to refuse it, whatever it costs in the file."""
    assert len(BOMB) < 500_000
    with bounded(), pytest.raises(DatasetError, match="more than 100 million pixels"):
        decode_rgb(BOMB, "bomb.png")


def test_a_picture_of_another_size_than_recorded_is_refused(root: Path) -> None:
    """Boxes would lie elsewhere in it."""
    sample = DatasetReader(root).samples[0]
    (root / sample.image).write_bytes(encode_rgb(np.zeros((10, 20, 3), np.uint8)))
    with pytest.raises(DatasetError, match=f"is 20×10, recorded as {SIZE_WH[0]}×{SIZE_WH[1]}"):
        DatasetReader(root).load_rgb(sample)


def test_a_long_thin_picture_has_a_small_tile(root: Path) -> None:
    """A contact sheet stays of a size that can be looked at."""
    lines = (root / "samples.jsonl").read_text().splitlines()
    sample = json.loads(lines[0]) | {"size_wh": [1, 20_000], "instances": [], "sha256": {}}
    image = sample["layers"]["image"]
    sample |= {"layers": {"image": image}, "sha256": {image: "0" * 64}}
    (root / "samples.jsonl").write_text(json.dumps(sample) + "\n")
    (root / image).write_bytes(encode_rgb(np.zeros((20_000, 1, 3), np.uint8)))
    with bounded():
        assert make_sheet(DatasetReader(root), n_samples=1, n_columns=1).height < 2000


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("v 0 0 0\nv 1e30 0 0\nv 0 1 0\nf 1 2 3\n", "beyond"),
        ("v 0 0 0\nv nan 0 0\nv 0 1 0\nf 1 2 3\n", "not finite"),
        ("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 900\n", "that it lacks|cannot be read"),
    ],
)
def test_a_mesh_of_odd_numbers_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    """Vertices without end and triangles without vertices."""
    path = tmp_path / "part.obj"
    path.write_text(text)
    with pytest.raises(InputError, match=problem):
        load_mesh(path, "mm")


def test_triangles_of_vertices_that_a_gltf_lacks_are_refused(templates: Path, tmp_path: Path) -> None:
    """Its counts are not believed."""
    folder = shutil.copytree(templates / "cell" / "gltf", tmp_path / "cell")
    path = folder / "part.gltf"
    path.write_text(path.read_text().replace('"VEC3"', '"SCALAR"'))
    with pytest.raises(InputError, match=r"three numbers|cannot be read"):
        load_mesh(path, "m")


def test_a_mesh_that_is_a_link_to_itself_is_a_problem_of_the_cell(templates: Path, tmp_path: Path) -> None:
    """The cell file names it, and the line that does is told."""
    folder = shutil.copytree(templates / "cell" / "stl", tmp_path / "cell")
    (folder / "part.stl").unlink()
    (folder / "part.stl").symlink_to("part.stl")
    with pytest.raises(CellError) as error:
        load_cell(folder / "cell.yaml")
    assert {p.where for p in error.value.problems} == {"part.mesh", "mount.mesh"}


@pytest.mark.parametrize("name", [".sheet.png.synth-partial", ".samples.jsonl.synth-partial"])
def test_an_unfinished_write_that_is_a_link_is_not_written_through(
    root: Path, name: str, tmp_path: Path
) -> None:
    """The link goes, what it leads to stays."""
    (tmp_path / "elsewhere").write_bytes(b"somebody's own")
    (root / name).symlink_to(tmp_path / "elsewhere")
    write_sheet(DatasetReader(root), root / "sheet.png", n_samples=1, n_columns=1)
    with DatasetWriter.open(root) as writer:
        writer.reject("000000", "glare")
    assert (tmp_path / "elsewhere").read_bytes() == b"somebody's own"


def test_a_lock_that_is_a_link_is_not_written_through(root: Path, tmp_path: Path) -> None:
    """Nor where a stage goes on with a dataset."""
    info = DatasetReader(root).info
    (tmp_path / "elsewhere").write_bytes(b"somebody's own")
    (root / ".lock").unlink()
    (root / ".lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DatasetError):
        DatasetWriter.create_or_resume(root, info)
    assert (tmp_path / "elsewhere").read_bytes() == b"somebody's own"


@pytest.mark.parametrize(
    ("key", "number", "problem"),
    [
        ("T_base_cam", 10**400, "is not a 4×4"),
        ("normal_uvw", 10**400, "is not a vector"),
        ("gate", "NaN", "finite"),
    ],
)
def test_numbers_that_are_none_are_named(root: Path, key: str, number: int, problem: str) -> None:
    """Whole numbers too large for a float, and what JSON has no number for, in free values too."""
    file = "dataset.json" if key == "gate" else "samples.jsonl"
    text = (root / file).read_text()
    where = re.compile(rf'("{key}":\s*\[*)[-\w.]+')
    assert where.search(text)
    (root / file).write_text(where.sub(rf"\g<1>{number}", text))
    with pytest.raises(DatasetError, match=problem):
        DatasetReader(root)
