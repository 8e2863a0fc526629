"""A run leaves a log beside what it makes: what was asked for, what was said, how it ended."""

import json
import logging
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import pytest
import typer
from rich.console import Console
from rich.table import Table

from synth.cell.load import default_cell
from synth.cell.model import Cell
from synth.compute.progress import BarProgress
from synth.dataset.info import DatasetInfo, MadeBy
from synth.dataset.store import DatasetWriter
from synth.dataset.verify import verify
from synth.errors import InputError, WorkerLost
from synth.run_log import run_log


class Kind(StrEnum):
    plain = "plain"


@dataclass(frozen=True)
class Settings:
    """What a stage's settings are made of."""

    cell: Cell
    out: Path
    kind: Kind = Kind.plain
    shares: tuple[int, ...] = (3, 4)
    _cache: dict[Path, object] = field(default_factory=dict)


@pytest.fixture
def terminal(tmp_path: Path) -> Console:
    """A console that believes in its colours."""
    return Console(
        file=(tmp_path / "terminal").open("w"), force_terminal=True, color_system="truecolor", width=60
    )


def test_the_log_holds_configuration_versions_lines_and_the_end(
    tmp_path: Path, terminal: Console, caplog: pytest.LogCaptureFixture
) -> None:
    """All of a run can be read in one file, without colour codes and without the bar."""
    caplog.set_level(logging.DEBUG, "synth")
    with run_log(tmp_path / "data" / "real", Settings(default_cell(), tmp_path), terminal):
        terminal.print("[bold red]a warning[/] in red")
        terminal.print("a path that is not cut: " + "x" * 200, soft_wrap=True)
        table = Table("stage", "samples")
        table.add_row("capture", "60")
        terminal.print(table)
        logging.getLogger("synth.hardware").debug("the arm moves")
        bar = BarProgress(terminal, "capture", "samples")
        bar.begin(total=2, done=0)
        bar.accepted("000000")
        bar.refused("000001", "blur")
        bar.accepted("000001")
        bar.end()
    text = (tmp_path / "data" / "real.log").read_text()
    lines = dict(line.split(" ", 1) for line in text.splitlines() if line.startswith(("config", "vers")))
    config = json.loads(lines["configuration"])
    assert config["cell"]["name"] == "simulated bench"
    assert config["kind"] == "plain"
    assert config["shares"] == [3, 4]
    assert "_cache" not in config
    assert "numpy" in json.loads(lines["versions"])
    for said in ("a warning in red", "x" * 200, "capture", "the arm moves", "000001 refused: blur", "2 of 2"):
        assert said in text
    assert "\x1b" not in text
    assert " done after " in text.splitlines()[-1]


@pytest.mark.parametrize(
    ("error", "end"),
    [
        (KeyboardInterrupt(), "interrupted after"),
        (typer.Exit(130), "interrupted after"),
        (WorkerLost("Blender crashed twice"), "failed, WorkerLost: Blender crashed twice after"),
        (ZeroDivisionError("a bug"), "ZeroDivisionError: a bug after"),
    ],
)
def test_the_log_says_how_a_run_ended(
    error: BaseException, end: str, tmp_path: Path, terminal: Console
) -> None:
    """Interrupted, a sentence, or the traceback of a bug; the error itself goes on to the caller."""
    with pytest.raises(type(error)), run_log(tmp_path / "real", {}, terminal):
        raise error
    last = (tmp_path / "real.log").read_text()
    assert end in last
    assert ("Traceback" in last) == isinstance(error, ZeroDivisionError)


def test_a_run_that_is_refused_leaves_nothing(tmp_path: Path, terminal: Console) -> None:
    """Neither a log nor a folder for it; what stood there before stays, and so does a log that is gone on
    with, and one beside what was made.
    """
    out = tmp_path / "data" / "sets" / "real"

    def refuse() -> None:
        with pytest.raises(InputError), run_log(out, {}, terminal):
            raise InputError("no such class")

    refuse()
    assert not (tmp_path / "data").exists()
    out.mkdir(parents=True)
    refuse()
    log = out.with_name("real.log")
    assert "no such class" in log.read_text()
    out.rmdir()
    refuse()
    assert log.read_text().count("no such class") == 2


def test_runs_follow_one_another_in_one_log(tmp_path: Path, terminal: Console) -> None:
    """A resumed run appends, and what is said between runs is in neither."""
    for said in ("first", "second"):
        with run_log(tmp_path / "real", {"said": said}, terminal):
            terminal.print(said)
        terminal.print("between")
    text = (tmp_path / "real.log").read_text()
    assert text.index("first") < text.index("second")
    assert text.count("versions ") == 2
    assert "between" not in text


def test_a_dataset_stays_whole_beside_its_log(tmp_path: Path, terminal: Console) -> None:
    """The log is no part of the dataset: a folder that does not exist yet stays empty, verify is content."""
    with run_log(tmp_path / "real", {}, terminal):
        assert not (tmp_path / "real").exists()
        info = DatasetInfo(kind="real", classes=("part",), made_by=MadeBy(verb="capture", simulated=True))
        DatasetWriter.create_or_resume(tmp_path / "real", info).close()
    assert verify(tmp_path / "real") == []


def test_a_log_that_cannot_be_written_stops_nothing(
    tmp_path: Path, terminal: Console, caplog: pytest.LogCaptureFixture
) -> None:
    """The run begins without one and says so; what it cannot write itself is its own sentence."""
    (tmp_path / "data").write_text("a file where a folder should be")
    began = False
    with run_log(tmp_path / "data" / "real", {}, terminal):
        began = True
    assert began
    assert "no log is kept" in caplog.text
    assert "real.log" in caplog.text
