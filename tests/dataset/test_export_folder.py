"""What every export does with the folder that it writes."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from dataset_scene import make_info

from synth.dataset.exports import bop, coco, webdataset, yolo
from synth.dataset.exports.folder import link_from, new_folder
from synth.dataset.reader import DatasetReader
from synth.dataset.store import DatasetWriter
from synth.errors import DatasetError, InputError
from synth.storage.lock import acquire

Export = Callable[[DatasetReader, Path], object]
EXPORTS = [coco.export_coco, yolo.export_yolo, bop.export_bop, webdataset.export_webdataset]


@pytest.mark.parametrize("export", EXPORTS)
def test_nothing_is_overwritten(export: Export, filled: Path, tmp_path: Path) -> None:
    """A folder that holds anything is refused and stays as it was."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine.txt").write_text("x")
    with pytest.raises(InputError, match="is not an empty folder"):
        export(DatasetReader(filled), tmp_path / "out")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("export", EXPORTS)
def test_an_empty_folder_is_filled(export: Export, filled: Path, tmp_path: Path) -> None:
    """An empty folder may stand there, also behind a link; nothing is left beside it."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to("disk")
    export(DatasetReader(filled), tmp_path / "out")
    assert any((tmp_path / "disk").iterdir())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["disk", "out", "real"]


@pytest.mark.parametrize("export", EXPORTS)
def test_what_fails_half_way_leaves_nothing(export: Export, filled: Path, tmp_path: Path) -> None:
    """An image that is gone stops the export with its name, and there is no folder."""
    (filled / "images/000007.png").unlink()
    with pytest.raises(DatasetError, match=r"000007\.png is missing"):
        export(DatasetReader(filled), tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["real"]


@pytest.mark.parametrize("export", EXPORTS)
def test_an_export_without_samples_is_refused(export: Export, tmp_path: Path) -> None:
    """No samples, no folder."""
    DatasetWriter.create_or_resume(tmp_path / "real", make_info()).close()
    with pytest.raises(InputError, match="has no samples"):
        export(DatasetReader(tmp_path / "real"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_interruption_leaves_nothing(filled: Path, tmp_path: Path) -> None:
    """Ctrl-C in the middle: no folder, no rest beside it."""

    def interrupted() -> None:
        with new_folder(DatasetReader(filled), tmp_path / "out") as folder:
            (folder / "half").write_text("x")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [p.name for p in tmp_path.iterdir()] == ["real"]


def test_the_rest_of_a_killed_export_is_swept(filled: Path, tmp_path: Path) -> None:
    """What a killed process left beside the folder does not come into the next export."""
    partial = tmp_path / ".out.synth-partial"
    (partial / "images").mkdir(parents=True)
    (partial / "images/old.png").write_text("x")
    with new_folder(DatasetReader(filled), tmp_path / "out") as folder:
        (folder / "new").write_text("x")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["new"]


def test_two_exports_to_one_folder_are_refused(filled: Path, tmp_path: Path) -> None:
    """The second says who is writing, and harms nothing of the first."""
    partial = tmp_path / ".out.synth-partial"
    lock = acquire(partial, create=True)
    (partial / "first").write_text("x")
    second = new_folder(DatasetReader(filled), tmp_path / "out")
    with pytest.raises(InputError, match=f"by process {os.getpid()}"), second:
        pass
    os.close(lock)
    assert (partial / "first").exists()


def test_files_are_linked_and_never_from_outside(filled: Path, tmp_path: Path) -> None:
    """A linked file is the dataset's own; a path or link that leaves the dataset is refused."""
    dataset = DatasetReader(filled)
    link_from(dataset, "images/000001.png", tmp_path / "linked.png")
    assert (tmp_path / "linked.png").samefile(filled / "images/000001.png")
    (tmp_path / "secret").write_text("x")
    (filled / "images/000002.png").unlink()
    (filled / "images/000002.png").symlink_to(tmp_path / "secret")
    with pytest.raises(DatasetError, match="leads out of the dataset"):
        link_from(dataset, "images/000002.png", tmp_path / "stolen.png")
    (filled / "images/000003.png").unlink()
    (filled / "images/000003.png").symlink_to("000003.png")
    with pytest.raises(DatasetError, match="is missing"):
        link_from(dataset, "images/000003.png", tmp_path / "stolen.png")
    assert not (tmp_path / "stolen.png").exists()


def test_the_folder_one_stands_in_is_not_replaced(
    filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--out . is refused, since the shell would stand in a folder that is gone."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with (
        pytest.raises(InputError, match="name a folder inside it"),
        new_folder(DatasetReader(filled), Path()),
    ):
        pass
