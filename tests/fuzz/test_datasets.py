"""Whatever stands in a dataset folder: each command ends soon, in success or a sentence."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from damage import damage_bytes, damage_entry, damage_json, damage_lines, damage_picture
from guard import attempt, bounded, snapshot
from hypothesis import given, settings
from hypothesis import strategies as st

from synth.cli import app
from synth.dataset.codecs import file_sha256
from synth.dataset.exports.coco import export_coco
from synth.dataset.exports.semantic import export_semantic
from synth.dataset.exports.webdataset import export_webdataset
from synth.dataset.exports.yolo import export_yolo
from synth.dataset.folder import PLATES_FILE, REJECTED_FILE, SAMPLES_FILE
from synth.dataset.reader import DatasetReader
from synth.dataset.sheet import write_sheet
from synth.dataset.statistics import compute_figures
from synth.dataset.store import DatasetWriter
from synth.dataset.verify import verify
from synth.errors import SynthError

pytestmark = [pytest.mark.fuzz, pytest.mark.timeout(3600)]

DATA = Path("data/real")
LOGS = (SAMPLES_FILE, PLATES_FILE, REJECTED_FILE)
WORDS = (
    *(["status"], ["status", "--json"], ["dataset", "stats"], ["dataset", "stats", "--json"]),
    *(["dataset", "verify"], ["dataset", "verify", "--json"], ["dataset", "sheet"]),
    *(["dataset", "reject", "000000"], ["dataset", "mend"]),
)


@pytest.fixture(scope="module")
def template(templates: Path) -> Path:
    return templates / "dataset"


def load_all(root: Path) -> None:
    """Every picture of every sample."""
    dataset = DatasetReader(root)
    loads: list[Callable[..., Any]] = [
        dataset.load_rgb,
        dataset.load_depth_counts,
        dataset.load_depth_m,
        dataset.load_mask,
        dataset.load_semantic,
    ]
    for sample in dataset:
        for load in loads:
            attempt(lambda load=load, sample=sample: load(sample))
        for i in range(len(sample.instances)):
            attempt(lambda sample=sample, i=i: dataset.load_crop(sample, i))


def readers(root: Path, out: Path) -> Iterator[Callable[[], Any]]:
    """What reads a dataset and leaves it as it is."""
    yield lambda: load_all(root)
    yield lambda: verify(root)
    yield lambda: compute_figures(DatasetReader(root))
    yield lambda: write_sheet(DatasetReader(root), out / "sheet.png", n_samples=4, n_columns=2)
    yield lambda: export_coco(DatasetReader(root), out / "coco")
    yield lambda: export_semantic(DatasetReader(root), out / "semantic")
    yield lambda: export_semantic(DatasetReader(root), out / "colours", coding="colours")
    yield lambda: export_yolo(DatasetReader(root), out / "yolo")
    yield lambda: export_webdataset(DatasetReader(root), out / "webdataset")


def say(words: list[str]) -> None:
    """A command as the command line runs it, but for the traceback that must not be."""
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        app(words, standalone_mode=False)


def exercise(template: Path, damage: Callable[[Path, Path, Random], None], rng: Random) -> None:
    """Damage a copy of a dataset among bystanders, then do everything with it."""
    with TemporaryDirectory() as name:
        outer = Path(name).resolve()
        root, out = outer / DATA, outer / "out"
        shutil.copytree(template, root)
        shutil.copytree(template / "labels", outer / "bystanders")
        for file in ("000009.png", ".000000.txt.synth-partial", "samples.jsonl"):
            (outer / "bystanders" / file).write_bytes(b"torn")
        (outer / "bystander.txt").write_bytes(b"torn")
        damage(root, outer, rng)
        everything = snapshot(outer, without=(out,))
        with bounded(), chdir(outer):
            for action in readers(root, out):
                attempt(action)
                assert snapshot(outer, without=(out,)) == everything
            others = snapshot(outer, without=(out, root))
            for words in WORDS:
                attempt(lambda words=words: say(words))
                assert snapshot(outer, without=(out, root)) == others
            if attempt(lambda: DatasetWriter.open(root).close()):
                attempt(lambda: DatasetReader(root))


def _rewrite(path: Path, change: Callable[[bytes, Random], bytes], rng: Random, root: Path) -> None:
    """Change a file; half of the time the records are given its new hash."""
    before = path.read_bytes()
    after = change(before, rng)
    path.write_bytes(after)
    if rng.random() < 0.7:
        for log in LOGS:
            lines = (root / log).read_bytes()
            (root / log).write_bytes(lines.replace(file_sha256(before).encode(), file_sha256(after).encode()))


def change_text(root: Path, outside: Path, rng: Random) -> None:
    name = rng.choice(("dataset.json", *LOGS))
    change = damage_json if name == "dataset.json" else rng.choice((damage_lines, damage_lines, damage_bytes))
    _rewrite(root / name, change, rng, root)


def change_picture(root: Path, outside: Path, rng: Random) -> None:
    pictures = sorted(root.rglob("*.png"))
    for _ in range(rng.randint(1, 3)):
        _rewrite(rng.choice(pictures), damage_picture, rng, root)


def change_entry(root: Path, outside: Path, rng: Random) -> None:
    names = sorted(str(p.relative_to(root)) for p in root.rglob("*"))
    partial = (
        ".samples.jsonl.synth-partial",
        ".normals.txt.synth-partial",
        "labels/.000000.txt.synth-partial",
    )
    damage_entry(root / rng.choice((*names, *partial, "sheet.png", ".sheet.png.synth-partial")), outside, rng)


@pytest.mark.parametrize("damage", [change_text, change_picture, change_entry])
def test_any_dataset_is_used_or_refused_in_a_sentence(
    template: Path, damage: Callable[[Path, Path, Random], None]
) -> None:
    """Damaged records, pictures, links and pipes: no other exception, no hang, nothing outside is touched."""

    @settings(settings.get_profile("fuzz"))
    @given(seed=st.integers(0, 2**62))
    def holds(seed: int) -> None:
        exercise(template, damage, Random(seed))

    holds()


def test_a_sound_dataset_passes_everything(template: Path) -> None:
    """Without damage no reader refuses: what the others find is no fault of the template."""
    with TemporaryDirectory() as name:
        shutil.copytree(template, Path(name) / "real")
        for action in readers(Path(name) / "real", Path(name) / "out"):
            try:
                assert action() in (None, []) or True
            except SynthError as error:
                pytest.fail(str(error))
