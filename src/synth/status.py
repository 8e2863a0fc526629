"""What stands in this folder and which command comes next."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rich.table import Table
from rich.text import Text

from synth.errors import DatasetError
from synth.registry import Registry
from synth.terminal import make_console

if TYPE_CHECKING:
    from synth.dataset.info import MadeBy
    from synth.dataset.reader import DatasetReader


class Stage(Protocol):
    """What a stage says of the datasets that it makes. folder: where it writes unless told otherwise."""

    folder: Path

    def begin(self, folders: Mapping[str, Path]) -> str:
        """The command that begins one here, with the folders of all stages by their verbs.

        Raises DatasetError where what it needs is damaged.
        """
        ...

    def go_on(self, made_by: "MadeBy") -> str:
        """The command that goes on with a dataset which was begun."""
        ...

    def count_planned(self, made_by: "MadeBy") -> int | None:
        """How many samples a dataset will have; None where it does not say."""
        ...

    def count_done(self, dataset: "DatasetReader") -> int:
        """How many of them need no more work."""
        ...


STAGES: Registry[Stage] = Registry(
    "stage",
    {
        "capture": "synth.capture.stage:STAGE",
        "render": "synth.sim.stage:STAGE",
        "translate": "synth.gan.stage:STAGE",
    },
)
"""By the verb that a dataset names in ``made_by``."""

COMPARISON = Path("runs/compare/report.html")


@dataclass(frozen=True)
class Standing:
    """One stage's folder.

    planned: None where the stage does not say how many samples it will have. go_on: the command that goes on
    with it.
    """

    stage: str
    folder: str
    samples: int
    planned: int | None
    simulated: bool
    state: str
    go_on: str = ""


def _standing(verb: str, folder: Path) -> Standing:
    from synth.dataset.reader import DatasetReader

    if not (folder / "dataset.json").is_file():
        return Standing(verb, str(folder), 0, None, False, "absent")
    try:
        dataset = DatasetReader(folder)
    except DatasetError as error:
        return Standing(verb, str(folder), 0, None, False, f"damaged: {error}")
    made_by = dataset.info.made_by
    planned, is_done, go_on = None, True, ""
    if made_by.verb in STAGES:
        stage = STAGES[made_by.verb]
        planned, go_on = stage.count_planned(made_by), stage.go_on(made_by)
        is_done = planned is None or stage.count_done(dataset) >= planned
    state = "complete" if is_done else "unfinished"
    return Standing(verb, str(folder), len(dataset), planned, made_by.simulated, state, go_on)


def _folders() -> dict[str, Path]:
    return {verb: stage.folder for verb, stage in STAGES.items()}


def _next_command(standings: list[Standing]) -> str:
    for standing in standings:
        if standing.state == "unfinished":
            return f"{standing.go_on}   (goes on where it stopped)"
        if standing.state.startswith("damaged"):
            return f"synth dataset verify {standing.folder}"
        if standing.state == "absent":
            return STAGES[standing.stage].begin(_folders())
    return (
        f"synth dataset sheet {standings[-1].folder}"
        if COMPARISON.is_file()
        else "synth compare --preset quick"
    )


def print_status(*, as_json: bool) -> None:
    """Print each stage's folder, the report where there is one, and the next command."""
    standings = [_standing(verb, folder) for verb, folder in _folders().items()]
    command = _next_command(standings)
    report = str(COMPARISON) if COMPARISON.is_file() else None
    if as_json:
        said = {"stages": [asdict(s) for s in standings], "report": report, "next": command}
        print(json.dumps(said, indent=2))  # noqa: T201
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("Stage", "Folder", "Samples", "State"):
        table.add_column(column)
    for s in standings:
        of_planned = f"{s.samples} of {s.planned}" if s.planned is not None else str(s.samples or "")
        table.add_row(s.stage, s.folder, of_planned, s.state + (" (simulated cell)" if s.simulated else ""))
    console = make_console()
    console.print(table)
    if report is not None:
        console.print(f"\nReport: {report}")
    console.print("\nNext:", Text(command, "bold"), soft_wrap=True)
