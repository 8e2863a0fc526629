"""What stands in this folder and which command comes next."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from synth.errors import DatasetError

if TYPE_CHECKING:
    from synth.dataset.info import MadeBy

STAGES = (
    ("capture", Path("data/real"), "synth capture --poses 400"),
    ("render", Path("data/synthetic"), "synth render --count 633"),
    ("translate", Path("data/translated"), "synth translate"),
)
COMPARISON = Path("runs/compare/report.html")


@dataclass(frozen=True)
class Standing:
    """One stage's folder.

    planned: None where the stage does not say how many samples it will have. go_on: the command that began
    it.
    """

    stage: str
    folder: str
    samples: int
    planned: int | None
    simulated: bool
    state: str
    go_on: str = ""


def _standing(stage: str, folder: Path) -> Standing:
    from synth.dataset.reader import DatasetReader

    if not (folder / "dataset.json").is_file():
        return Standing(stage, str(folder), 0, None, False, "absent")
    try:
        reader = DatasetReader(folder)
        count = len(reader.samples)
        made_by = reader.info.made_by
    except DatasetError as error:
        return Standing(stage, str(folder), 0, None, False, f"damaged: {error}")
    wanted = _planned(made_by)
    done = count + (len(reader.rejections) if stage == "translate" else 0)
    state = "unfinished" if wanted is not None and done < wanted else "complete"
    return Standing(stage, str(folder), count, wanted, made_by.simulated, state, _command(stage, made_by))


def _planned(made_by: "MadeBy") -> int | None:
    """How many samples a stage was asked for; a translation, what its source has."""
    config = made_by.config
    if isinstance(source := config.get("source"), dict):
        planned = [source.get("samples")]
    elif isinstance(shares := config.get("shares"), dict):
        planned = list(shares.values())
    else:
        planned = [config.get("poses")]
    return sum(n for n in planned if isinstance(n, int)) or None


def _command(stage: str, made_by: "MadeBy") -> str:
    """What a stage was started with, as far as it is no default."""
    config, seed = made_by.config, f" --seed {made_by.seed}" if made_by.seed else ""
    if stage == "capture":
        return f"synth capture --poses {config.get('poses')}{seed}"
    if stage == "translate":
        return "synth translate"
    shares, quality = config.get("shares"), config.get("quality")
    words = [f"--{name} {n}" for name, n in shares.items() if n] if isinstance(shares, dict) else []
    if isinstance(quality, dict) and quality.get("name") != "normal":
        words.append(f"--quality {quality.get('name')}")
    if config.get("like"):
        words.insert(0, f"--like data/{made_by.parents[0]}")
    if config.get("look") == "plain":
        words.append("--look plain")
    if strength := config.get("randomize"):
        words.append("--randomize" if strength == 1 else f"--randomize --strength {strength}")
    words += [f"--{name.replace('_', '-')}" for name in ("layers", "test_twins") if config.get(name)]
    return f"synth {stage} {' '.join(words)}{seed}"


def _next_command(standings: list[Standing]) -> str:
    for standing, (_, _, command) in zip(standings, STAGES, strict=True):
        if standing.state == "unfinished":
            return f"{standing.go_on}   (goes on where it stopped)"
        if standing.state.startswith("damaged"):
            return f"synth dataset verify {standing.folder}"
        if standing.state == "absent":
            return _render_imported() or command if standing.stage == "render" else command
    return (
        f"synth dataset sheet {standings[-1].folder}"
        if COMPARISON.is_file()
        else "synth compare --preset quick"
    )


def _render_imported() -> str | None:
    """How rendering goes on from somebody else's images; None from captured ones."""
    from synth.dataset.folder import read_info

    real = STAGES[0][1]
    info = read_info(real)
    if info.kind != "imported":
        return None
    if not info.models:
        return f"synth dataset sheet {real}   (without poses and models nothing can be rendered after it)"
    return f"synth render --like {real} --count 120"


def print_status(*, as_json: bool) -> None:
    """Print each stage's folder, the report where there is one, and the next command."""
    standings = [_standing(stage, folder) for stage, folder, _ in STAGES]
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
    console = Console(highlight=False)
    console.print(table)
    if report is not None:
        console.print(f"\nReport: {report}")
    console.print(f"\nNext: [bold]{command}[/]", soft_wrap=True)
