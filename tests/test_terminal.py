"""What commands print is what they mean to say, square brackets and colons too."""

import re
from pathlib import Path

import pytest
from rich.table import Table

import synth
from synth import doctor
from synth.run_log import run_log
from synth.terminal import SIMULATED, make_console

ODD = 'data/[bench]/:smile: pip install "synth-robotics[train]"'


def test_text_comes_out_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """Lines and cells of tables keep what rich would take for markup or for the name of a picture."""
    console = make_console()
    table = Table(box=None)
    table.add_column()
    table.add_row(ODD)
    console.print(ODD)
    console.print(table)
    console.print(SIMULATED, ODD)
    lines = capsys.readouterr().out.splitlines()
    assert [line.strip() for line in lines if line.strip()] == [ODD, ODD, f"SIMULATED  {ODD}"]


def test_a_log_keeps_square_brackets(tmp_path: Path) -> None:
    """What a run says stands in its log as it stood on the terminal, in tables too."""
    console = make_console(quiet=True)
    table = Table(box=None)
    table.add_column()
    table.add_row(ODD)
    with run_log(tmp_path / "out", {}, console) as log:
        console.print(ODD)
        console.print(table)
    assert log.read_text().count(ODD) == 2


def test_doctor_names_the_extra(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The command that installs a part is shown whole, the extra in its square brackets too."""
    rows = [doctor.Row("torch", "absent", "note", 'pip install "synth-robotics[train]"')]
    monkeypatch.setattr(doctor, "collect", lambda *_: rows)
    doctor.print_report(None, None, as_json=False)
    assert rows[0].advice in capsys.readouterr().out


def test_all_print_on_such_a_console() -> None:
    """No other file makes a console, and none writes markup, which would come out as it is."""
    folder = Path(synth.__file__).parent
    sources = {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*.py")}
    makers = {name for name, text in sources.items() if re.search(r"\bConsole\(", text)}
    assert makers == {"terminal.py", "run_log.py"}
    assert [name for name, text in sources.items() if re.search(r"\[/\]|rich\.markup", text)] == []
