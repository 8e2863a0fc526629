"""What people look at: the sheet, the figures, the recording, and the verbs that make them."""

import json
import re
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from dataset_scene import fill, make_info, make_shot
from PIL import Image
from typer.testing import CliRunner

from synth.dataset.bar import show_bar
from synth.dataset.commands import app
from synth.dataset.reader import DatasetReader
from synth.dataset.sheet import NORMAL, SQUARE, TIGHT, list_drawn, make_sheet, normal_arrow, place_tiles
from synth.dataset.statistics import compute_figures
from synth.dataset.store import DatasetWriter
from synth.errors import DatasetError, InputError, VerifyFailed

runner = CliRunner()


def invoke(*arguments: str) -> str:
    """Output of a verb that must succeed; its deliberate errors are raised as they are."""
    result = runner.invoke(app, list(arguments), catch_exceptions=False, standalone_mode=False)
    return result.output


def count_colour(image: Image.Image, colour: tuple[int, int, int]) -> int:
    distance = np.abs(np.asarray(image, dtype=int) - colour).max(axis=-1)
    return int((distance < 40).sum())


def test_the_sheet_shows_boxes_and_normals(filled: Path) -> None:
    """Each colour of the legend appears in the pictures, many times over."""
    sheet = make_sheet(DatasetReader(filled), n_samples=6, n_columns=3)
    pictures = sheet.crop((0, 92, sheet.width, sheet.height))
    for colour in (TIGHT, SQUARE, NORMAL):
        assert count_colour(pictures, colour) > 200


def test_the_legend_names_what_is_drawn_and_nothing_else(filled: Path) -> None:
    """All there is of a capture; of bare boxes those alone; of pictures without instances nothing."""
    sample = next(s for s in DatasetReader(filled) if s.instances)
    masked = sample.model_copy(update={"layers": sample.layers | {"mask": "masks/000000.png"}})
    assert list(list_drawn([masked])) == ["normal", "mask", "tight box", "1:1 box"]
    bare = sample.instances[0].model_copy(update={"normal_uvw": None, "square_xyxy_px": None})
    layers = {"image": sample.image}
    samples = [sample.model_copy(update={"instances": those, "layers": layers}) for those in ((bare,), ())]
    assert list(list_drawn(samples)) == ["tight box"]
    assert list_drawn(samples[1:]) == {}


def test_pictures_of_several_heights_leave_no_holes() -> None:
    """Equal ones stand in rows; the next one goes where a column ends first."""
    rows, height = place_tiles([100] * 4, 2)
    assert [y for _, y in rows] == [92, 92, 206, 206]
    assert height == 320
    columns, height = place_tiles([400, 100, 100, 100], 2)
    assert [x for x, _ in columns] == [14, 508, 508, 508]
    assert height == 506


def test_the_sheet_says_simulated_only_when_it_is(tmp_path: Path) -> None:
    """The amber banner stands over simulated data and over no other."""
    real = make_info().made_by.model_copy(update={"simulated": False})
    fill(tmp_path / "simulated", 2)
    fill(tmp_path / "real", 2, made_by=real)
    banner = {}
    for name in ("simulated", "real"):
        title = make_sheet(DatasetReader(tmp_path / name), n_samples=2, n_columns=2).crop((0, 0, 900, 50))
        banner[name] = count_colour(title, (255, 179, 0))
    assert banner["simulated"] > 2000
    assert banner["real"] == 0


def test_captures_of_a_simulated_cell_are_never_called_real(tmp_path: Path) -> None:
    """The figures' title, and what exports say of themselves, call them captured."""
    fill(tmp_path / "set", 2)
    said = [invoke("stats", str(tmp_path / "set"))]
    for name, file in (("yolo", "data.yaml"), ("coco", "annotations/instances_train.json")):
        invoke("export", name, str(tmp_path / "set"), "--out", str(tmp_path / name))
        said.append((tmp_path / name / file).read_text())
    for text in said:
        assert re.search(r"\bcaptured\b", text)
        assert not re.search(r"\breal,|\breal images|\breal labels", text)


def test_the_arrow_is_the_projected_normal() -> None:
    """Up on paper for a normal that points up; in perspective it starts where the part's origin projects."""
    draft, _ = make_shot(0, np.random.default_rng(0))
    upward = {"normal_uvw": (0.0, 0.6, 0.8), "T_cam_part": None}
    (x0, y0), (x1, y1) = normal_arrow(draft, draft.instances[0].model_copy(update=upward))
    assert x1 == pytest.approx(x0)
    assert y1 < y0
    tail, _ = normal_arrow(draft, draft.instances[0])
    t = np.asarray(draft.instances[0].T_cam_part)[:3, 3]
    assert tail == pytest.approx(tuple((np.asarray(draft.K) @ t / t[2])[:2] + 0.5))


def test_instances_without_pose_or_normal_are_drawn_all_the_same(tmp_path: Path) -> None:
    """A bare box, as an imported dataset has, and an image without instances make a sheet and a recording."""
    draft, arrays = make_shot(0, np.random.default_rng(0))
    bare = dict.fromkeys(
        ("normal_uvw", "point_xy", "T_cam_part", "R_crop_cam", "normal_crop_uvw", "point_crop_xy"), None
    )
    plain = draft.model_copy(
        update={"instances": (draft.instances[0].model_copy(update=bare),), "K": None, "robot": None}
    )
    with DatasetWriter.create_or_resume(tmp_path, make_info()) as writer:
        writer.append(plain, layers={"image": arrays["layers"]["image"]})
        draft, arrays = make_shot(1, np.random.default_rng(1))
        writer.append(draft.model_copy(update={"instances": ()}), layers={"image": arrays["layers"]["image"]})
    invoke("sheet", str(tmp_path))
    invoke("view", str(tmp_path))
    assert Image.open(tmp_path / "sheet.png").size[0] > 900
    assert (tmp_path / "view.rrd").stat().st_size > 10_000


def test_figures_add_up(filled: Path) -> None:
    """Counts of the histograms are the counts of the samples; JSON and data agree."""
    figures = compute_figures(DatasetReader(filled))
    assert figures["samples"] == 12
    assert sum(figures["splits"].values()) == 12
    assert sum(figures["tilt_deg"].values()) == 12
    assert sum(figures["box_side_px"].values()) == 12
    assert figures["rejections"] == {"blur": 1}
    assert figures["seconds"] == {"machine_s": pytest.approx(0.4), "motion_s": pytest.approx(2.0)}
    assert json.loads(invoke("stats", str(filled), "--json")) == json.loads(json.dumps(figures))


def test_info_of_an_empty_dataset(tmp_path: Path) -> None:
    """A dataset without samples has figures; a sheet of it is refused."""
    DatasetWriter.create_or_resume(tmp_path, make_info()).close()
    assert "SIMULATED" in invoke("stats", str(tmp_path))
    with pytest.raises(DatasetError, match="holds no samples"):
        invoke("sheet", str(tmp_path))


def test_verify_says_ok_or_fails(filled: Path) -> None:
    """One line when all is well; VerifyFailed, exit code 6, naming the next step when not."""
    assert invoke("verify", str(filled)).strip() == f"{filled}: OK"
    (filled / "labels/000001.txt").write_text("")
    with pytest.raises(VerifyFailed, match=f"synth dataset mend {filled}"):
        invoke("verify", str(filled))
    invoke("mend", str(filled))
    assert invoke("verify", str(filled)).strip() == f"{filled}: OK"


def test_reject_takes_a_sample_out(filled: Path) -> None:
    """The verb moves the sample, keeps the reason, and leaves a dataset that verifies."""
    assert "11 samples remain" in invoke("reject", "000003", str(filled), "--reason", "glare")
    assert DatasetReader(filled).rejections[-1].detail == "glare"
    invoke("verify", str(filled))


def test_sheet_and_recording_are_no_part_of_the_dataset(filled: Path) -> None:
    """Looking at a dataset does not make verify complain about it."""
    invoke("sheet", str(filled), "--count", "3")
    invoke("view", str(filled))
    invoke("verify", str(filled))


def test_the_bar_names_what_it_is_at_and_no_time_before_three_are_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A name in square brackets is shown; the time left stays open for the first two."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    for n_done, told in ((2, "-:--:--"), (3, "0:00:0")):
        with show_bar("importing") as on_progress:
            for i in range(n_done):
                time.sleep(0.002)
                on_progress("[a]/picture.png", i + 1, 5)
        last = capsys.readouterr().err.split("[a]/picture.png")[-1]
        assert told in last


def test_without_rerun_the_extra_is_named(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No viewer installed: one sentence with what to install."""
    monkeypatch.setitem(sys.modules, "rerun", None)
    with pytest.raises(InputError, match=r"install .*\[view\]"):
        invoke("view", str(filled))


@pytest.mark.parametrize("verb", ["stats", "verify", "mend", "sheet", "view"])
def test_a_missing_folder_is_one_sentence(tmp_path: Path, verb: str) -> None:
    """Every verb says where it looked and what makes a dataset there."""
    with pytest.raises(DatasetError, match=r"there is no dataset at .*none: synth capture --out"):
        invoke(verb, str(tmp_path / "none"))


@pytest.mark.parametrize("verb", ["stats", "verify", "mend", "sheet", "view", "reject", "export coco"])
def test_help_has_an_example(verb: str) -> None:
    """Every verb shows how it is called."""
    result = runner.invoke(app, [*verb.split(), "--help"])
    assert f"Example: synth dataset {verb}" in " ".join(result.output.split())


def test_looks_stand_side_by_side_under_their_names(filled: Path, tmp_path: Path) -> None:
    """A sample a row, a dataset a column, each with its labels; what is simulated says so."""
    target = tmp_path / "looks.png"
    invoke("sheet", str(filled), "--beside", str(filled), "--count", "2", "--out", str(target))
    two = Image.open(target)
    invoke("sheet", str(filled), "--beside", str(filled), "--only", "000003", "--out", str(target))
    one = Image.open(target)
    assert one.width == two.width
    assert one.height < two.height
    left, right = (one.crop((x, 92, x + one.width // 2, one.height)) for x in (0, one.width // 2))
    for half in (left, right):
        assert count_colour(half, SQUARE) > 100


def test_looks_of_nothing_in_common_are_refused(filled: Path, tmp_path: Path) -> None:
    """Another name, or no name that all have, is one sentence and no file."""
    target = tmp_path / "looks.png"
    with pytest.raises(DatasetError, match="999999"):
        invoke("sheet", str(filled), "--beside", str(filled), "--only", "999999", "--out", str(target))
    DatasetWriter.create_or_resume(tmp_path / "empty", make_info()).close()
    with pytest.raises(DatasetError, match="no sample of one name"):
        invoke("sheet", str(filled), "--beside", str(tmp_path / "empty"), "--out", str(target))
    assert not target.exists()
