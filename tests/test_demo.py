"""`synth demo`: it tells, it goes on where it stopped, its last line is the report."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.console import Console

from synth import demo
from synth.cell.load import load_cell
from synth.cell.template import write_template
from synth.hardware.simulated.truth import load_truth
from understood import refuse_misunderstood

VERDICT = "On [5] images captured ones look better."


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Every command of the demo, which leaves only its stage's last file."""
    ran: list[tuple[str, ...]] = []

    def leave_product(words: tuple[str, ...], out: Path) -> None:
        ran.append(words)
        product = out / next(stage.product for stage in demo.STEPS if words in stage.commands)
        if words == next(s.commands[-1] for s in demo.STEPS if words in s.commands):
            product.parent.mkdir(parents=True, exist_ok=True)
            product.touch()
            product.with_name("report.json").write_text(json.dumps({"verdict": [{"text": VERDICT}]}))

    monkeypatch.setattr(demo, "_run", leave_product)
    return ran


def test_the_demo_explains_every_stage_and_ends_with_the_report(
    commands: list[tuple[str, ...]], tmp_path: Path, capsys: Any
) -> None:
    """All four stages run in order; it says loudly what is simulated, the verdict, and last the path."""
    demo.run_demo(tmp_path / "demo", Console(highlight=False, width=80))
    assert [words[0] for words in commands if words[0] != "dataset"] == [s.name for s in demo.STEPS]
    said = capsys.readouterr().out
    text = " ".join(said.split())
    assert "SIMULATED CELL" in text
    assert demo.PURPOSE in text
    assert VERDICT in text
    for stage in demo.STEPS:
        assert stage.why in text
        assert "bout" in stage.why
    assert said.splitlines()[-1] == str(tmp_path / "demo/runs/compare/report.html")


def test_a_demo_that_stopped_goes_on_where_it_was(
    commands: list[tuple[str, ...]], tmp_path: Path, capsys: Any
) -> None:
    """A stage whose last file stands is not run again, the one that was cut off is."""
    demo.run_demo(tmp_path, Console())
    (tmp_path / demo.STEPS[2].product).unlink()
    commands.clear()
    demo.run_demo(tmp_path, Console())
    assert commands == list(demo.STEPS[2].commands)


@pytest.mark.parametrize(("code", "error"), [(130, KeyboardInterrupt), (3, typer.Exit)])
def test_a_stage_that_fails_or_is_interrupted_stops_the_demo(
    code: int, error: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    """No later stage begins; the exit code of the stage is handed on, with the command that failed."""
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\nexit {code}\n")
    program.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(program))
    with pytest.raises(error) as stopped:
        demo.run_demo(tmp_path / "demo", Console())
    said, told = capfd.readouterr()
    assert "2 of 4" not in said
    if isinstance(stopped.value, typer.Exit):
        assert stopped.value.exit_code == code
        assert "synth capture" in told


def test_every_page_promises_the_demo_s_time() -> None:
    """In the same words as the demo itself, and so does its help."""
    pages = Path(__file__).parents[1]
    for page in ("README.md", "docs/README.md", "docs/choosing-a-preset.md", "src/synth/cli.py"):
        assert demo.TIME in (pages / page).read_text().replace("About", "about"), page


def test_the_demo_has_a_small_camera_and_decoys_and_no_other_change(tmp_path: Path) -> None:
    """Its cell is the simulated one with a quarter of the pixels and decoys; a person's own edits stay."""
    demo.write_cell(tmp_path)
    cell = load_cell(tmp_path / "cell.yaml")
    assert cell.is_simulated
    assert cell.camera.color_size_wh == (640, 360)
    assert load_truth(cell).decoys
    path = tmp_path / "cell.yaml"
    path.write_text(path.read_text().replace("simulated bench", "my bench"))
    demo.write_cell(tmp_path)
    assert load_cell(path).name == "my bench"


def test_the_camera_is_small_however_the_cell_is_laid_out(tmp_path: Path) -> None:
    """The value is found by its key, not by how it is written; comments and all else stay."""
    path = tmp_path / "cell.yaml"
    write_template(path)
    laid_out = path.read_text().replace("color_size_wh: [1280, 720]", "color_size_wh:   [ 1280,720 ]")
    assert "[ 1280,720 ]" in laid_out
    path.write_text(laid_out)
    demo.write_cell(tmp_path)
    small = laid_out.replace("[ 1280,720 ]", "[640, 360]")
    assert path.read_text() == small.replace("truth: null ", 'truth: "truth.yaml" ')


def test_the_command_line_understands_the_demo() -> None:
    """Every command of it, as it is shown."""
    for step in demo.STEPS:
        for words in step.commands:
            refuse_misunderstood(f"synth {' '.join(words)}")
