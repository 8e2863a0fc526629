"""`synth capture` from outside: dry run, resume, and one sentence for every wrong argument."""

import pytest

from small_cell import write_small_cell
from synth.dataset.reader import DatasetReader
from typed import synth


def run(*arguments, cwd):
    return synth("capture", *arguments, cwd=cwd)


def own_cell(folder, *changes):
    """The default cell beside its meshes, with lines replaced."""
    synth("cell", "init", cwd=folder)
    path = folder / "cell.yaml"
    text = path.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    return path


def test_a_dry_run_prints_the_plan_and_leaves_no_trace(tmp_path):
    """Counts per split, coverage, tilts, duration; nothing is written."""
    answer = run("--poses", 8, "--dry-run", cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    for word in ("SIMULATED", "train", "val", "test", "coverage", "tilt", "min at life's pace"):
        assert word in answer.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_cell_in_the_folder_is_taken(tmp_path):
    """./cell.yaml is the default when it is there, and its name is said."""
    own_cell(tmp_path, ("name: simulated bench", "name: my own bench"))
    answer = run("--poses", 2, "--dry-run", cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert "my own bench" in answer.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--poses", 0), "--poses"),
        (("--cell", "missing.yaml"), "missing.yaml"),
        (("--split", "random"), "--split"),
        (("--poses", 2, "--out", "/proc/synth"), "/proc/synth"),
        (("--poses", 2, "--out", "taken"), "taken"),
    ],
)
def test_wrong_arguments_end_with_one_sentence_and_code_2(tmp_path, arguments, says):
    """No traceback, exit code 2, and the argument is named."""
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.txt").write_text("precious")
    answer = run(*arguments, cwd=tmp_path)
    assert answer.returncode == 2, answer.stderr
    assert says in answer.stderr
    assert "Traceback" not in answer.stderr
    assert (tmp_path / "taken" / "thesis.txt").read_text() == "precious"


def test_an_address_that_does_not_answer_is_named(tmp_path):
    """A real address where nothing listens: exit code 2; without --yes it is not even tried."""
    own_cell(tmp_path, ("address: simulated", "address: 127.9.9.9"), ("serial: simulated", "serial: any"))
    without_yes = run("--poses", 2, "--uncalibrated", cwd=tmp_path)
    assert without_yes.returncode == 2
    assert "--yes" in without_yes.stderr
    answer = run("--poses", 2, "--yes", "--uncalibrated", cwd=tmp_path)
    assert answer.returncode == 2, answer.stderr
    assert "127.9.9.9" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_real_cell_that_was_never_calibrated_is_refused(tmp_path):
    """Exit code 2 before anything is asked for or moved; what to run is named, and so is the way round it."""
    own_cell(tmp_path, ("address: simulated", "address: 127.9.9.9"), ("serial: simulated", "serial: any"))
    answer = run("--poses", 2, "--yes", cwd=tmp_path)
    assert answer.returncode == 2
    assert "synth calibrate run" in answer.stderr
    assert "--uncalibrated" in answer.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.slow
def test_a_colour_range_that_finds_nothing_stops_early(tmp_path):
    """Five shots without a pixel of just the part's nominal colour: exit code 2, the colours that were seen,
    nothing accepted.
    """
    write_small_cell(tmp_path)
    text = (tmp_path / "cell.yaml").read_text()
    head, _, tail = text.partition("\nlabel:")
    rest = tail[tail.index("\ngates:") :]
    label = "\nlabel: {h_min: 12, h_max: 12, s_min: 228, s_max: 228, v_min: 226, v_max: 226}\n"
    (tmp_path / "cell.yaml").write_text(head + label + rest)
    answer = run("--poses", 8, "--plates", 0, "--pace", 40, cwd=tmp_path)
    assert answer.returncode == 2, answer.stderr
    assert "Traceback" not in answer.stderr
    assert "5 shots in a row show no part: no pixel has the label's colour" in answer.stderr
    assert "where the CAD puts the part the image has H 11" in answer.stderr
    assert "Correct label in the cell" in answer.stderr
    assert not DatasetReader(tmp_path / "data/real").samples


@pytest.mark.slow
def test_other_settings_are_refused_with_what_changed(tmp_path):
    """The same folder with another seed or fewer poses: exit code 2 and what differs; unchanged: complete."""
    write_small_cell(tmp_path)
    assert run("--poses", 2, "--plates", 0, "--pace", 40, cwd=tmp_path).returncode == 0
    fewer = "was begun for 2 poses, and --poses says 1: a capture may grow and never shrinks; say --poses 2"
    for change, says in ((("--seed", 1), "seed: 0 became 1"), (("--poses", 1), fewer)):
        answer = run(*("--poses", 2, "--plates", 0, *change), cwd=tmp_path)
        assert answer.returncode == 2
        assert says in answer.stderr
    for words in (("--poses", 2), ()):  # Without a number: as many as it was begun for.
        again = run(*words, "--plates", 0, cwd=tmp_path)
        assert again.returncode == 0
        assert "has all 2 samples already" in again.stdout
