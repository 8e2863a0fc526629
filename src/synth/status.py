"""What stands under this folder and which command comes next."""

import json
import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rich.table import Table
from rich.text import Text

from synth.compute.run_dir import COMMAND_FILE, CONFIG_FILE, load_config, read_command
from synth.dataset.folder import INFO_FILE, SAMPLES_FILE, read_info
from synth.errors import DatasetError
from synth.registry import Registry
from synth.storage.command import Command
from synth.storage.lock import LOCK_FILE
from synth.terminal import make_console

if TYPE_CHECKING:
    from synth.dataset.info import MadeBy
    from synth.dataset.reader import DatasetReader


class Stage(Protocol):
    """What a stage says of the datasets that it makes. folder: where it writes unless told otherwise."""

    folder: Path

    def begin(self, folders: Mapping[str, Path]) -> str | None:
        """The command that begins one here, with the folders of all stages by their verbs; None where what
        stands in them can have none.

        Raises DatasetError where what it needs is damaged.
        """
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
        "compose": "synth.sim.stage:COMPOSE",
        "label": "synth.label.stage:STAGE",
        "balance": "synth.balance.stage:STAGE",
        "paint": "synth.gan.stage:PAINT",
    },
)
"""By the verb that a dataset names in ``made_by``."""

WAY = ("capture", "render", "translate")
"""The stages that lead to a comparison, in their order."""

REPORT_FILE = "report.html"
FINISHED = ("result.json", REPORT_FILE)
"""What a run leaves last, one of them."""

MAX_ENTRIES = 100_000
"""How many files and folders are looked at; those that lie deeper, later."""


@dataclass
class Found:
    """Folders of datasets and of runs, the nearer first. is_all: whether everything was looked at."""

    datasets: list[Path] = field(default_factory=list)
    runs: list[Path] = field(default_factory=list)
    is_all: bool = True


def find(top: Path) -> Found:
    """What stands in a folder and below it. Hidden folders, Python environments and the inside of datasets
    and runs are not entered, nor are links, though a link to a dataset or a run counts.
    """
    found, level, n_left = Found(), [top], MAX_ENTRIES
    while level and n_left:
        below: list[Path] = []
        for folder in level:
            names, inner = _list_entries(folder, n_left)
            n_left -= len(names)
            if INFO_FILE in names and names & {SAMPLES_FILE, LOCK_FILE}:
                found.datasets.append(folder)
            elif CONFIG_FILE in names and names & {COMMAND_FILE, LOCK_FILE}:
                found.runs.append(folder)
            elif not folder.is_symlink() and "pyvenv.cfg" not in names:
                below += inner
        level = below
    found.is_all = n_left > 0
    return found


def _list_entries(folder: Path, at_most: int) -> tuple[set[str], list[Path]]:
    """Names in a folder, and the folders among them in order; nothing where it cannot be read."""
    try:
        with os.scandir(folder) as all_entries:
            entries = list(islice(all_entries, at_most))
    except OSError:
        return set(), []
    inner = sorted(entry.name for entry in entries if entry.name[0] != "." and _is_folder(entry))
    return {entry.name for entry in entries}, [folder / name for name in inner]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # A link to itself.
        return False


@dataclass(frozen=True)
class Standing:
    """A dataset, or the folder of a stage that has none.

    planned: None where nobody says how many samples it will have. go_on: the command that goes on with it,
    empty where it needs none or recorded none.
    """

    made_by: str
    folder: str
    samples: int
    planned: int | None
    simulated: bool
    state: str
    go_on: str = ""


@dataclass(frozen=True)
class RunStanding:
    """A training, a comparison or a calibration. go_on: as of a dataset. touched_s: when it was written last,
    as time.time() has it.
    """

    made_by: str
    folder: str
    state: str
    go_on: str = ""
    touched_s: float = 0.0


def _look_at(folder: Path) -> Standing:
    from synth.dataset.reader import DatasetReader

    try:
        dataset = DatasetReader(folder)
    except DatasetError as error:
        return Standing("", str(folder), 0, None, False, f"damaged: {error}")
    made_by = dataset.info.made_by
    planned, is_done, go_on = None, True, ""
    if made_by.verb in STAGES:
        stage = STAGES[made_by.verb]
        planned = stage.count_planned(made_by)
        is_done = planned is None or stage.count_done(dataset) >= planned
    if not is_done and made_by.command is not None:
        go_on = Command(words=made_by.command, typed_in=made_by.typed_in).to_line(folder)
    state = "complete" if is_done else "unfinished"
    return Standing(made_by.verb, str(folder), len(dataset), planned, made_by.simulated, state, go_on)


def _look_at_run(folder: Path) -> RunStanding:
    command = read_command(folder)
    verb = "" if command is None else next((w for w in command.words if not w.startswith("-")), "")
    touched_s = max((path.stat().st_mtime for path in folder.iterdir() if path.is_file()), default=0.0)
    if any((folder / name).is_file() for name in FINISHED):
        return RunStanding(verb, str(folder), "complete", touched_s=touched_s)
    go_on = "" if command is None else command.to_line(folder)
    return RunStanding(verb, str(folder), "unfinished", go_on, touched_s)


def _list_datasets(found: Iterable[Path]) -> list[Standing]:
    """Those on the way to a comparison first, absent ones too, as long as one stands or nothing else does,
    and unless they have no place here.
    """
    usual = {verb: STAGES[verb].folder for verb in WAY}
    others = [_look_at(folder) for folder in found if folder not in usual.values()]
    there = {verb: _look_at(folder) for verb, folder in usual.items() if (folder / INFO_FILE).is_file()}
    standings = [
        there.get(verb) or Standing(verb, str(folder), 0, None, False, "absent")
        for verb, folder in usual.items()
    ]
    if not (there or not others) or _is_of_photographs([*there.values(), *others], usual):
        standings = list(there.values())
    return standings + others


def _is_of_photographs(datasets: Sequence[Standing], folders: Mapping[str, Path]) -> bool:
    """Whether all begins with photographs: nothing is captured, and what is rendered lies over them."""
    if _find_under(datasets, folders) is not None:
        return True
    verbs = {dataset.made_by for dataset in datasets}
    if verbs & {"capture", "render"} or not any(verb.startswith("import") for verb in verbs):
        return False
    return not (folders["capture"] / INFO_FILE).is_file() or STAGES["render"].begin(folders) is None


def _find_under(datasets: Sequence[Standing], folders: Mapping[str, Path]) -> str | None:
    """The imported photographs over which the usual rendering was made; None where there are captures."""
    usual = str(folders["render"]), "render"
    is_there = any((d.folder, d.made_by) == usual and d.state != "absent" for d in datasets)
    if (folders["capture"] / INFO_FILE).is_file() or not is_there:
        return None
    parents = read_info(folders["render"]).made_by.parents
    imported = (d.folder for d in datasets if d.made_by.startswith("import"))
    return next((folder for folder in imported if Path(folder).name in parents), None)


def _next_command(datasets: Sequence[Standing], runs: Sequence[RunStanding], reports: Sequence[str]) -> str:
    for dataset in datasets:
        if dataset.state.startswith("damaged"):
            return f"synth dataset verify {shlex.quote(dataset.folder)}"
        if dataset.go_on:
            return f"{dataset.go_on}   (goes on where it stopped)"
        if dataset.state == "unfinished":
            stats = f"synth dataset stats {shlex.quote(dataset.folder)}"
            return f"{stats}   (it recorded no command: the call that began it goes on with it)"
    for run in runs:
        if run.go_on and not _is_given_up(run, runs):
            return f"{run.go_on}   (goes on where it stopped)"
    folders = {verb: STAGES[verb].folder for verb in WAY}
    for dataset in datasets:
        if dataset.state == "absent" and (command := STAGES[dataset.made_by].begin(folders)):
            return command
    is_usual = {dataset.folder for dataset in datasets} >= {str(folder) for folder in folders.values()}
    if not is_usual:
        first = next((d for d in datasets if d.made_by.startswith("import")), datasets[0])
        made = {dataset.made_by: Path(dataset.folder) for dataset in datasets}
        if "import video" in made and "label" not in made:
            made |= {run.made_by: Path(run.folder) for run in runs if _can_label(run)}
            if command := STAGES["label"].begin(made):
                return command
        if (photographs := _find_under(datasets, folders)) is not None:
            return _after_renderings(folders["render"], photographs, runs)
        return f"synth dataset stats {shlex.quote(first.folder)}   (says what can come next)"
    return f"synth dataset sheet {folders[WAY[-1]]}" if reports else "synth compare --preset quick"


def _is_given_up(run: RunStanding, runs: Iterable[RunStanding]) -> bool:
    """Whether another run of the same verb has ended since it was last written to."""
    ended = (other for other in runs if (other.made_by, other.state) == (run.made_by, "complete"))
    return any(other.touched_s > run.touched_s for other in ended)


def _after_renderings(made: Path, photographs: str, runs: Sequence[RunStanding]) -> str:
    """Of a CAD file over photographs: a detector, then how good it is."""
    test = shlex.quote(photographs)
    if trained := next(
        (run.folder for run in runs if (run.made_by, run.state) == ("train", "complete")), None
    ):
        return f"synth evaluate --run {shlex.quote(trained)} --data {test}"
    return f"synth train detection --preset quick --data {shlex.quote(str(made))} --test {test}"


def _can_label(run: RunStanding) -> bool:
    """Whether it is a finished training of a network that tells the class of every pixel."""
    if run.made_by != "train" or run.state != "complete":
        return False
    from synth.train.tasks import TASKS

    task = load_config(Path(run.folder)).get("task")
    return isinstance(task, str) and task in TASKS and TASKS[task].tells_pixels


def print_status(*, as_json: bool) -> None:
    """Print every dataset and run under this folder, reports, and the next command."""
    found = find(Path())
    datasets = _list_datasets(found.datasets)
    runs = [_look_at_run(folder) for folder in found.runs]
    reports = [str(folder / REPORT_FILE) for folder in found.runs if (folder / REPORT_FILE).is_file()]
    command = _next_command(datasets, runs, reports)
    if as_json:
        said = {"datasets": [asdict(d) for d in datasets], "runs": [asdict(r) for r in runs]}
        more = {"reports": reports, "next": command, "looked_everywhere": found.is_all}
        print(json.dumps(said | more, indent=2))  # noqa: T201
        return
    console = make_console()
    table = _make_table("Dataset", "Made by", "Samples", "State")
    for d in datasets:
        of_planned = f"{d.samples} of {d.planned}" if d.planned is not None else str(d.samples or "")
        state = d.state + (" (simulated cell)" if d.simulated else "")
        table.add_row(d.folder, d.made_by, of_planned, state)
    console.print(table)
    if runs:
        table = _make_table("Run", "Made by", "State")
        for r in runs:
            table.add_row(r.folder, r.made_by, r.state)
        console.print()
        console.print(table)
    for report in reports:
        console.print(f"\nReport: {report}", soft_wrap=True)
    if not found.is_all:
        console.print(f"\nMore may stand deeper: only the {MAX_ENTRIES} nearest files were looked at.")
    console.print("\nNext:", Text(command, "bold"), soft_wrap=True)


def _make_table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
