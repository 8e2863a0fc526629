"""The writer: whole samples or none, one writer at a time, nothing lost and nothing silently deleted."""

import errno
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dataset_scene import fill, make_info, make_shot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from synth.dataset.info import MadeBy
from synth.dataset.reader import DatasetReader
from synth.dataset.store import DatasetWriter
from synth.dataset.verify import verify
from synth.errors import DatasetError, StorageError


def listing(root: Path) -> set[str]:
    return {str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()}


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """Image, depth in metres, mask and crop come back as they were given."""
    draft, arrays = make_shot(0, np.random.default_rng(0))
    with DatasetWriter.create_or_resume(tmp_path, make_info()) as writer:
        written = writer.append(draft, **arrays)
    reader = DatasetReader(tmp_path)
    sample = reader["000000"]
    assert sample == written
    assert np.array_equal(reader.load_rgb(sample), arrays["layers"]["image"])
    assert np.array_equal(reader.load_mask(sample), arrays["layers"]["mask"])
    assert np.array_equal(reader.load_crop(sample, 0), arrays["crops"][0])
    assert np.allclose(reader.load_depth_m(sample), arrays["layers"]["depth"] * 0.00025)
    assert {k: getattr(sample, k) for k in ("robot", "K", "quality", "timing")} == {
        k: getattr(draft, k) for k in ("robot", "K", "quality", "timing")
    }


def test_the_same_shots_give_the_same_bytes(tmp_path: Path) -> None:
    """Two runs of one seed leave identical folders."""
    for name in ("a", "b"):
        fill(tmp_path / name, 3)
    for path in sorted(listing(tmp_path / "a") - {".lock"}):
        assert (tmp_path / "a" / path).read_bytes() == (tmp_path / "b" / path).read_bytes(), path


def test_resuming_goes_on(filled: Path) -> None:
    """A second writer sees what is done, refused and numbered, and adds to it."""
    with DatasetWriter.create_or_resume(filled, make_info()) as writer:
        assert writer.done_names() == {f"{i:06d}" for i in range(12)}
        assert writer.notes == []
        assert [r.pose_index for r in writer.rejections] == [7]
        draft, arrays = make_shot(12, np.random.default_rng(5))
        writer.append(draft, **arrays)
        assert writer.add_rejected(reason="blur", pose_index=7, attempt=1).number == 1
        assert [r.pose_index for r in writer.rejections] == [7, 7]
        assert writer.add_plate(arrays["layers"]["image"], inpainted=True).image == "plates/000001.png"
    assert verify(filled) == []


def test_resuming_with_other_settings_is_refused_with_a_diff(filled: Path) -> None:
    """Every changed key is named with both values, and nothing is touched."""
    before = listing(filled)
    made_by = MadeBy(verb="capture", config={"poses": 400, "gate": None}, seed=1, simulated=True)
    with pytest.raises(DatasetError) as caught:
        DatasetWriter.create_or_resume(filled, make_info(made_by=made_by))
    assert "made_by.config.poses: 3 became 400" in str(caught.value)
    assert "made_by.seed: 0 became 1" in str(caught.value)
    assert listing(filled) == before


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    """Files that are no dataset are never mixed with one."""
    (tmp_path / "thesis.tex").write_text("\\end")
    with pytest.raises(DatasetError, match=r"not empty and has no dataset\.json \(found thesis\.tex\)"):
        DatasetWriter.create_or_resume(tmp_path, make_info())
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match="cannot write in"):
        DatasetWriter.create_or_resume(tmp_path / "file", make_info())


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    """A second writer is refused with the first one's process id, in this process or another."""
    with DatasetWriter.create_or_resume(tmp_path, make_info()):
        with pytest.raises(DatasetError, match=f"is being written by process {os.getpid()}"):
            DatasetWriter.create_or_resume(tmp_path, make_info())
        with pytest.raises(DatasetError, match="is being written"):
            verify(tmp_path)
        script = (
            "import sys, pathlib, synth.dataset.store as s; s.DatasetWriter.open(pathlib.Path(sys.argv[1]))"
        )
        other = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False
        )
        assert f"is being written by process {os.getpid()}" in other.stderr
    DatasetWriter.open(tmp_path).close()


def test_a_name_is_taken_once(filled: Path) -> None:
    """Appending a name that is there is refused and leaves the first as it was."""
    draft, arrays = make_shot(3, np.random.default_rng(99))
    with DatasetWriter.open(filled) as writer, pytest.raises(DatasetError, match="000003 is in"):
        writer.append(draft, **arrays)
    assert verify(filled) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image": np.zeros((10, 10, 3), np.uint8)}, "the image must be 160×120 as size_wh says, got 10×10"),
        ({"depth": np.zeros((120, 100), np.uint16)}, "the depth must be 160×120"),
        ({"depth": np.zeros((120, 160), np.float32)}, r"depth must be \[H,W\] uint16"),
        (
            {"mask": np.full((120, 160), 2, np.uint16)},
            "mask values go up to the number of instances, 1, got 2",
        ),
        ({"crops": []}, "give a crop for each instance that has R_crop_cam"),
        ({"crops": [None]}, "give a crop for each instance that has R_crop_cam"),
        ({"crops": [np.zeros((10, 10, 3), np.uint8)]}, "crops must be 224×224"),
    ],
)
def test_arrays_that_disagree_leave_nothing(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    """An image, depth, mask or crop that is not what the draft says is refused before anything is written."""
    draft, arrays = make_shot(0, np.random.default_rng(0))
    with DatasetWriter.create_or_resume(tmp_path, make_info()) as writer:
        before = listing(tmp_path)
        crops = changes.pop("crops", arrays["crops"])
        with pytest.raises(DatasetError, match=message):
            writer.append(draft, layers=arrays["layers"] | changes, crops=crops)
        assert listing(tmp_path) == before


def test_unknown_classes_and_unitless_depth_are_refused(tmp_path: Path) -> None:
    """A class that dataset.json does not name and depth without a scale cannot enter."""
    draft, arrays = make_shot(0, np.random.default_rng(0))
    with (
        DatasetWriter.create_or_resume(tmp_path / "a", make_info(classes=("lid",))) as writer,
        pytest.raises(DatasetError, match="'cover' is not among the dataset's classes: lid"),
    ):
        writer.append(draft, **arrays)
    with (
        DatasetWriter.create_or_resume(tmp_path / "b", make_info(camera=None)) as writer,
        pytest.raises(DatasetError, match=r"depth needs camera\.depth_scale_m"),
    ):
        writer.append(draft, **arrays)


def test_taking_a_sample_out_moves_everything(filled: Path) -> None:
    """Its files stand in rejected/ with the same hashes and the reason; its label and view rows are gone."""
    sample = DatasetReader(filled)["000004"]
    with DatasetWriter.open(filled) as writer:
        rejection = writer.reject("000004", "glare on the face")
        with pytest.raises(DatasetError, match="no sample '000004'"):
            writer.reject("000004", "again")
    assert rejection.detail == "glare on the face"
    assert rejection.sample == sample
    assert sorted(rejection.sha256.values()) == sorted(sample.sha256.values())
    assert not (filled / "labels/000004.txt").exists()
    assert "000004" not in (filled / "normals.txt").read_text()
    assert verify(filled) == []


def test_a_name_can_be_filled_again_after_a_rejection(filled: Path) -> None:
    """The replacement lives on through further openings; the one taken out stays in rejected/."""
    with DatasetWriter.open(filled) as writer:
        writer.reject("000004", "glare")
        draft, arrays = make_shot(4, np.random.default_rng(77))
        writer.append(draft, **arrays)
    with DatasetWriter.open(filled) as writer:
        assert writer.notes == []
        assert len(writer.samples) == 12
    assert verify(filled) == []


def test_the_very_same_shot_can_replace_itself(filled: Path) -> None:
    """A simulated cell may repeat a shot to the last bit: it stays, whatever was taken out under its name."""
    rng = np.random.default_rng(5)
    draft, arrays = make_shot(12, rng)
    with DatasetWriter.open(filled) as writer:
        writer.append(draft, **arrays)
        writer.reject("000012", "tried twice")
        writer.append(draft, **arrays)
    with DatasetWriter.open(filled) as writer:
        assert "000012" in writer.done_names()
    assert verify(filled) == []


def test_half_of_a_replacement_never_overwrites_what_was_taken_out(filled: Path) -> None:
    """A replacement that was cut off is swept; the files in rejected/ stay as they were."""
    with DatasetWriter.open(filled) as writer:
        writer.reject("000004", "glare")
    (filled / "images/000004.png").write_bytes(b"half a replacement")
    with DatasetWriter.open(filled) as writer:
        assert any("removed 1 files" in note for note in writer.notes)
    assert verify(filled) == []


@pytest.mark.parametrize("n_steps", range(8))
def test_an_interrupted_rejection_is_finished(
    filled: Path, monkeypatch: pytest.MonkeyPatch, n_steps: int
) -> None:
    """Stopped after any step of taking a sample out, the next writer leaves it wholly in or wholly out."""
    steps = iter(range(n_steps))
    replace = Path.replace

    def stop_after(self: Path, target: Path) -> Path:
        if next(steps, None) is None:
            raise KeyboardInterrupt
        return replace(self, target)

    writer = DatasetWriter.open(filled)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", stop_after)
        with suppress(KeyboardInterrupt):
            writer.reject("000004", "glare")
    os.close(writer._lock or 0)
    with DatasetWriter.open(filled) as writer:
        assert writer.done_names() == {f"{i:06d}" for i in range(12)} - {"000004"}
    assert verify(filled) == []


@pytest.mark.parametrize("cut", [1, 20, 400])
def test_a_torn_last_line_is_ignored_then_mended(filled: Path, cut: int) -> None:
    """Readers overlook half a line; the next writer cuts it off and sweeps that sample's files."""
    log = filled / "samples.jsonl"
    log.write_bytes(log.read_bytes()[:-cut])
    assert len(DatasetReader(filled)) == 11
    with DatasetWriter.open(filled) as writer:
        assert len(writer.samples) == 11
        assert any("torn last line" in note for note in writer.notes)
        assert any("removed 5 files" in note for note in writer.notes)
    assert not (filled / "images/000011.png").exists()
    assert verify(filled) == []


def test_a_lost_log_never_costs_the_images(filled: Path) -> None:
    """When samples.jsonl vanished, the images are not taken for rubbish: the writer refuses."""
    (filled / "samples.jsonl").unlink()
    with pytest.raises(DatasetError, match=r"files of 12 records that its \.jsonl files lack"):
        DatasetWriter.open(filled)
    assert len(list((filled / "images").iterdir())) == 12


def test_strangers_are_left_alone_and_named(filled: Path) -> None:
    """A file outside the numbering scheme stays where it is."""
    (filled / "images/holiday.png").write_bytes(b"x")
    with DatasetWriter.open(filled) as writer:
        assert any("left alone 1 files" in note and "holiday.png" in note for note in writer.notes)
    assert (filled / "images/holiday.png").exists()


@pytest.mark.parametrize("n_writes", range(7))
def test_a_full_disk_leaves_nothing_half_written(
    filled: Path, monkeypatch: pytest.MonkeyPatch, n_writes: int
) -> None:
    """Whichever write of a sample meets ENOSPC: one sentence, no trace of the sample, and room makes it go
    on.
    """
    draft, arrays = make_shot(12, np.random.default_rng(5))
    with DatasetWriter.open(filled) as writer:
        before, log = listing(filled), (filled / "samples.jsonl").read_bytes()
        calls = iter(range(n_writes))
        fsync = os.fsync

        def full(descriptor: int) -> None:
            if next(calls, None) is None:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            fsync(descriptor)

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            if n_writes < 6:
                with pytest.raises(StorageError, match=r"the disk that holds .* is full"):
                    writer.append(draft, **arrays)
                assert listing(filled) == before
                assert (filled / "samples.jsonl").read_bytes() == log
        writer.append(
            make_shot(13, np.random.default_rng(6))[0], **make_shot(13, np.random.default_rng(6))[1]
        )
    assert verify(filled) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_one_sentence(tmp_path: Path) -> None:
    """An unwritable folder is an input error that says what to do."""
    tmp_path.chmod(0o555)
    with pytest.raises(DatasetError, match="choose another folder"):
        DatasetWriter.create_or_resume(tmp_path / "real", make_info())


def test_missing_datasets_say_what_was_looked_for(tmp_path: Path) -> None:
    """No folder, and a folder that is no dataset, are told apart."""
    with pytest.raises(DatasetError, match="there is no dataset at"):
        DatasetReader(tmp_path / "none")
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(DatasetError, match=r"is not a dataset, it has no dataset\.json"):
        DatasetReader(tmp_path)


def test_a_line_that_leads_out_of_the_folder_is_refused(filled: Path) -> None:
    """A doctored samples.jsonl cannot make a reader open a file elsewhere; nor can a link."""
    log = filled / "samples.jsonl"
    text = log.read_text()
    log.write_text(text.replace("images/000002.png", "../../../etc/passwd"))
    with pytest.raises(DatasetError, match=r"samples\.jsonl:3: .*must be images/000002\.png"):
        DatasetReader(filled)
    log.write_text(text)
    (filled / "images/000002.png").unlink()
    (filled / "images/000002.png").symlink_to("/etc/passwd")
    reader = DatasetReader(filled)
    with pytest.raises(DatasetError, match="leads out of the dataset folder"):
        reader.load_rgb(reader["000002"])


@pytest.mark.slow
@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_lines_are_dataset_errors(filled: Path, data: st.DataObject) -> None:
    """Whatever bytes stand in samples.jsonl, reading succeeds or raises DatasetError, and verify lists it."""
    log = filled / "samples.jsonl"
    original = log.read_bytes()
    try:
        line = original.split(b"\n")[0]
        kind = data.draw(st.sampled_from(["bytes", "flip", "delete", "repeat"]))
        at = data.draw(st.integers(0, len(line) - 1))
        if kind == "bytes":
            damaged = data.draw(st.binary(max_size=40))
        elif kind == "flip":
            damaged = line[:at] + bytes([data.draw(st.integers(0, 255))]) + line[at + 1 :]
        elif kind == "delete":
            damaged = line[:at] + line[at + data.draw(st.integers(1, 30)) :]
        else:
            damaged = line + b"\n" + line
        log.write_bytes(original + damaged + b"\n")
        try:
            DatasetReader(filled)
            message = None
        except DatasetError as error:
            message = str(error)
        if message is not None:
            assert "samples.jsonl:" in message
            assert verify(filled) != []
    finally:
        log.write_bytes(original)
