"""A cell file is changed in place: what was not meant stays to the last blank."""

import difflib
from pathlib import Path

import pytest

from synth.cell.calibration import now
from synth.cell.calibration_validity import camera_hash, part_hash, why_uncalibrated
from synth.cell.edit import edit_cell
from synth.cell.load import load_cell
from synth.cell.template import write_template
from synth.errors import CellError

T = [
    [0.0, 0.9945219, -0.10452846, 0.57],
    [1.0, 0, 0, 0.01],
    [0.0, -0.10452846, -0.9945219, 0.95],
    [0, 0, 0, 1],
]
RECORD = {
    "date": now(),
    "sigma_mm": 0.1,
    "sigma_deg": 0.01,
    "rotation_covariance_deg2": [[1e-4, 0, 0], [0, 1e-4, 0], [0, 0, 1e-4]],
    "sha256": "a" * 64,
}
CAMERA = {
    **RECORD,
    "n_views": 30,
    "rms_px": 0.2,
    "held_out_mm": 0.3,
    "tool_mm": 0.1,
    "tool_deg": 0.01,
    "depth_bias_mm": None,
}
PART = {**RECORD, "n_poses": 20, "outline_px": 0.4}


@pytest.fixture
def cell_file(tmp_path: Path) -> Path:
    return write_template(tmp_path / "cell.yaml")[-1]


def test_only_what_was_meant_changes(cell_file: Path) -> None:
    """Comments, order and other values stay; a null, a matrix and a new section are set."""
    before = cell_file.read_text().splitlines()
    K = [[900.0, 0, 640], [0, 900.0, 360], [0, 0, 1]]
    cell = edit_cell(
        cell_file,
        {("camera", "T_base_cam"): T, ("camera", "K"): K, ("calibration", "camera"): CAMERA},
    )
    after = cell_file.read_text().splitlines()
    removed = [line for line in difflib.ndiff(before, after) if line.startswith("- ")]
    assert len(removed) == 6  # K, four rows of T_base_cam, and the calibration's null.
    assert cell.camera.T_base_cam.tolist() == T
    assert load_cell(cell_file).model_dump_json() == cell.model_dump_json()
    assert "# Your calibration at color_size_wh" in cell_file.read_text()


def test_a_second_change_replaces_the_first(cell_file: Path) -> None:
    """A section that is there is replaced; a new key of it is added."""
    edit_cell(cell_file, {("calibration", "camera"): CAMERA})
    cell = edit_cell(
        cell_file, {("calibration", "camera"): {**CAMERA, "n_views": 31}, ("calibration", "part"): PART}
    )
    assert cell.calibration.camera is not None
    assert cell.calibration.camera.n_views == 31
    assert cell.calibration.part is not None
    assert cell_file.read_text().count("calibration:") == 1


def test_keys_are_added_to_sections_in_a_line_and_in_lines(cell_file: Path) -> None:
    """gates in lines, label within braces."""
    text = "".join(
        line
        for line in cell_file.read_text().splitlines(keepends=True)
        if not line.strip().startswith("max_calibration_days")
    )
    cell_file.write_text(text)
    cell = edit_cell(cell_file, {("gates", "max_calibration_days"): 5, ("label", "s_max"): 250})
    assert cell.gates.max_calibration_days == 5
    assert cell.label.s_max == 250
    assert len(cell_file.read_text().splitlines()) == len(text.splitlines()) + 1


def test_a_change_that_breaks_the_cell_is_not_written(cell_file: Path) -> None:
    """The file stays as it was."""
    text = cell_file.read_text()
    with pytest.raises(CellError, match="no rigid transform"):
        edit_cell(
            cell_file, {("camera", "T_base_cam"): [[2, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]}
        )
    assert cell_file.read_text() == text


def test_a_calibration_holds_until_something_of_it_changes(cell_file: Path) -> None:
    """Its hash is of the values; a changed one, age, and a tighter gate are told."""
    cell = load_cell(cell_file)
    assert "was never calibrated" in str(why_uncalibrated(cell))
    cell = edit_cell(cell_file, {("calibration", "camera"): {**CAMERA, "sha256": camera_hash(cell)}})
    assert why_uncalibrated(cell) is None
    cell = edit_cell(cell_file, {("calibration", "part"): {**PART, "sha256": part_hash(cell)}})
    assert why_uncalibrated(cell) is None
    tight = cell.model_copy(update={"gates": cell.gates.model_copy(update={"max_calibration_mm": 0.1})})
    assert "less exact than the gates" in str(why_uncalibrated(tight))
    old = {**CAMERA, "sha256": camera_hash(cell), "date": "2020-01-01T00:00:00Z"}
    assert "days ago" in str(why_uncalibrated(edit_cell(cell_file, {("calibration", "camera"): old})))
    new_part = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0.001], [0, 0, 0, 1]]
    moved_part = edit_cell(
        cell_file,
        {
            ("calibration", "camera"): {**CAMERA, "sha256": camera_hash(cell)},
            ("part", "T_tool_part"): new_part,
        },
    )
    assert "after the part was calibrated" in str(why_uncalibrated(moved_part))
    assert "changed after it was calibrated" in str(
        why_uncalibrated(edit_cell(cell_file, {("camera", "T_base_cam"): T}))
    )


@pytest.mark.parametrize("date", ["yesterday", "2026-13-41T99:00:00Z", "2026-01-01"])
def test_a_date_that_is_none_is_told(cell_file: Path, date: str) -> None:
    """With its line, like everything in a cell file."""
    with pytest.raises(CellError, match="no date such as"):
        edit_cell(cell_file, {("calibration", "camera"): {**CAMERA, "date": date}})


def test_an_unknown_key_of_a_calibration_is_told(cell_file: Path) -> None:
    """With the keys that are known there, although the section may be null."""
    with pytest.raises(CellError, match="not a known key; did you mean `rms_px`"):
        edit_cell(cell_file, {("calibration", "camera"): {**CAMERA, "rms_pix": 1.0}})
