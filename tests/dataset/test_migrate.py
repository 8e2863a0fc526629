"""Datasets of schema 1: read for ever, never written to, brought to schema 2 on request.

schema_1/ holds a captured and a translated dataset as the version of that time wrote them.
"""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from synth.cli import app
from synth.dataset import migrate as migration
from synth.dataset.exports.coco import export_coco
from synth.dataset.folder import INFO_FILE
from synth.dataset.migrate import migrate
from synth.dataset.reader import DatasetReader
from synth.dataset.statistics import compute_figures
from synth.dataset.store import DatasetWriter
from synth.dataset.verify import verify
from synth.errors import DatasetError

DIGESTS = {  # As the version that wrote the folders computed them.
    "real": "9d0bcc74b651218fa31f92624060bce53febf63242bff493a61fe2934037f3e2",
    "translated": "54bdf1f159e6d057361b99518164b35492036d747f73cc6cd189bffd36ff1091",
}


def invoke(*words: str) -> str:
    return CliRunner().invoke(app, ["dataset", *words], catch_exceptions=False, standalone_mode=False).output


@pytest.fixture
def old(tmp_path: Path) -> Path:
    shutil.copytree(Path(__file__).parent / "schema_1", tmp_path / "old")
    return tmp_path / "old"


@pytest.mark.parametrize("name", DIGESTS)
def test_an_old_dataset_opens_verifies_sheets_and_exports(old: Path, tmp_path: Path, name: str) -> None:
    """Nothing is written for that, and it is the same dataset: its digest is the one of its time."""
    root = old / name
    before = {p: p.read_bytes() for p in root.rglob("*") if p.is_file()}
    dataset = DatasetReader(root)
    assert dataset.digest() == DIGESTS[name]
    assert verify(root) == []
    invoke("sheet", str(root), "--out", str(tmp_path / "sheet.png"))
    export_coco(dataset, tmp_path / "coco")
    assert dataset.load_mask(dataset[0]) is not None
    assert {p: p.read_bytes() for p in root.rglob("*") if p.is_file() and p.name != ".lock"} == before


def test_an_old_record_keeps_what_it_said_of_its_making(old: Path) -> None:
    """Seed and checkpoint are those of a step by the dataset's verb; what was taken is not known."""
    sample = DatasetReader(old / "translated")[0]
    (step,) = sample.origin.steps
    (parent,) = sample.origin.parents
    assert (step.verb, step.seed, step.checkpoint_sha256) == ("translate", 7, "a" * 64)
    assert (parent.dataset, parent.used, parent.kind) == ("real", None, None)


@pytest.mark.parametrize("name", DIGESTS)
def test_a_migrated_dataset_is_the_same_one(old: Path, name: str) -> None:
    """It verifies, its figures and its digest are equal, and migrating once more changes nothing."""
    root = old / name
    samples, figures = DatasetReader(root).samples, compute_figures(DatasetReader(root))
    assert "schema 2" in invoke("migrate", str(root))
    dataset = DatasetReader(root)
    assert verify(root) == []
    assert dataset.info.schema_version == 2
    assert dataset.samples == samples
    assert compute_figures(dataset) == figures
    assert dataset.digest() == DIGESTS[name]
    assert "already" in invoke("migrate", str(root))


def test_an_old_dataset_is_not_written_to(old: Path) -> None:
    """Every writer names the verb that makes it one of this schema; afterwards it writes."""
    root = old / "real"
    with pytest.raises(DatasetError, match=f"synth dataset migrate {root}"):
        invoke("mend", str(root))
    with pytest.raises(DatasetError, match="synth dataset migrate"):
        DatasetWriter.create_or_resume(root, DatasetReader(root).info)
    migrate(root)
    with DatasetWriter.open(root) as writer:
        writer.reject("000000", "glare")
    assert verify(root) == []


def test_a_migration_that_was_cut_off_is_gone_on_with(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed before dataset.json is written, the folder reads as before."""
    root = old / "real"
    figures = compute_figures(DatasetReader(root))

    def die(path: Path, content: bytes) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(migration, "write_bytes", die)
        with pytest.raises(KeyboardInterrupt):
            migrate(root)
    assert compute_figures(DatasetReader(root)) == figures
    assert verify(root) == []
    assert migrate(root)
    assert verify(root) == []


def test_a_newer_schema_is_refused_in_one_sentence(old: Path) -> None:
    """Whatever its records look like: what is missing is a newer synth."""
    path = old / "real" / INFO_FILE
    path.write_text(json.dumps({"schema_version": 3, "kind": "hologram"}))
    sentence = "is of schema 3, and this synth reads schemas up to 2: install a newer synth-robotics$"
    with pytest.raises(DatasetError, match=sentence):
        invoke("stats", str(old / "real"))
