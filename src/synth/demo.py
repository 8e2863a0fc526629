"""``synth demo``: every stage on the simulated cell, small, told to somebody who sees it for the first time.

A stage is a `synth` command in the demo's folder, followed by a contact sheet of what it made; its last file
says that it is done, so the demo goes on where it stopped.
"""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from synth.capture.stage import STAGE as CAPTURE
from synth.cell.edit import edit_cell
from synth.cell.load import default_cell, load_cell
from synth.cell.template import write_template
from synth.extras import demand
from synth.gan.stage import STAGE as TRANSLATE
from synth.sim.stage import STAGE as RENDER
from synth.storage.atomic import write_bytes

EXTRAS = ("hardware", "render", "train", "onnx")
"""What the stages need, to the networks that stand beside the report."""

_REPORT = Path("runs/compare/report.html")
_SIZE_WH = (640, 360)
"""A quarter of the camera's pixels, so that all stages fit into minutes."""

_TRUTH_FILE = "truth.yaml"
_TRUTH = """# What the simulator knows and the cell does not.
decoys: 3    # Lids of the part's own colour lie on the bench: a colour filter takes one for the part.
"""

TIME = "about 15 minutes on 2 quiet cores"
"""What is promised everywhere."""

PURPOSE = (
    "You will see what rendered pictures, whose labels cost nothing, are worth beside captured ones; what "
    "giving them the captured look wins back; and whether mapped colours, which need no network, win as "
    "much. Three lids of the part's own colour lie on the bench: a colour filter, which anybody would try "
    "first, takes one for the part."
)
"""What is said before all stages."""


@dataclass(frozen=True)
class Step:
    """One stage of the demo.

    why: said before, with how long it takes. commands: what is run. product: the file that the last command
    leaves. came_out: said after.
    """

    name: str
    why: str
    commands: tuple[tuple[str, ...], ...]
    product: Path
    came_out: str


def _make_dataset(folder: Path, command: tuple[str, ...], *, why: str, came_out: str) -> Step:
    """One that makes a dataset and its contact sheet."""
    look_at = ("dataset", "sheet", str(folder))
    return Step(command[0], why, (command, look_at), folder / "sheet.png", came_out)


STEPS = (
    _make_dataset(
        CAPTURE.folder,
        ("capture", "--poses", "100"),
        why="A simulated arm carries a part past a simulated depth camera. Every picture gets its labels "
        "without a person: the box from the part's colour near where the arm holds it, the direction of its "
        "face from where the arm stood. A quarter of the pictures is put aside as test images and never "
        "trained on. About a minute.",
        came_out="100 labelled pictures are in {folder}; sheet.png there shows boxes, masks and normals.",
    ),
    _make_dataset(
        RENDER.folder,
        ("render", "--count", "80", "--look", "plain"),
        why="Blender draws the same part from its CAD file: the captured poses once more, then new ones, "
        "then boxes of dropped parts. These labels are exact and cost no robot time. Light and bench do not "
        "look like the captured ones, on purpose: that gap is what the next stage works on. About 2 minutes.",
        came_out="80 rendered pictures are in {folder}; hold their sheet.png against the captured one.",
    ),
    _make_dataset(
        TRANSLATE.folder,
        ("translate", "--method", "refiner"),
        why="A network learns the look of the captured pictures and gives it to the rendered ones; where it "
        "has no clear lead over simple baselines, the best of these does. A frozen network watches that "
        "boxes and normals stay where they were; pictures whose labels moved are refused. About 3 minutes.",
        came_out="The rendered pictures in the captured look are in {folder}; drift.png there shows how far "
        "labels moved.",
    ),
    Step(
        "compare",
        "Small networks learn from captured, from rendered and from translated pictures, and from rendered "
        "ones in mapped colours, the simplest of translations: five times each, equally long. All are "
        "measured on the test images. About 8 minutes.",
        (("compare", "--preset", "quick", "--seeds", "5", "--images", "1600", "--json"),),
        _REPORT,
        "Figures, tables and the best networks are in {folder}.",
    ),
)


def run_demo(out: Path, console: Console) -> None:
    """Run what is left of every stage in ``out``, then print the verdict and, last, the report's path.

    Raises InputError when packages are missing, typer.Exit with the code of a stage that failed and has said
    why. KeyboardInterrupt loses nothing that a stage has saved.
    """
    demand(*EXTRAS)
    console.print(
        Panel(
            "SIMULATED CELL: no real arm, camera or part takes part in this demo, and what its report says "
            "is true of the simulation alone.",
            style="bold black on yellow",
        )
    )
    console.print(
        f"Four stages, {TIME}; Ctrl-C at any time, the same command goes on.\n"
        f"{PURPOSE}\nAt the end the report is in {out / _REPORT}"
    )
    write_cell(out)
    for number, step in enumerate(STEPS, start=1):
        console.print(f"\n{number} of {len(STEPS)}: {step.name}", style="bold")
        if (out / step.product).is_file():
            console.print("Done before.")
        else:
            console.print(step.why)
            began = time.monotonic()
            for words in step.commands:
                console.print(f"$ synth {' '.join(words)}", style="bold")
                _run(words, out)
            said = step.came_out.format(folder=out / step.product.parent)
            console.print(Text(f"{(time.monotonic() - began) / 60:.1f} minutes.", "bold"), said)
    verdict = json.loads((out / _REPORT).with_name("report.json").read_bytes())["verdict"]
    console.print("\nWhat came of it, on the SIMULATED cell:", style="bold")
    for sentence in verdict:
        console.print(f"- {sentence['text']}")
    console.print("\nOpen the report in a browser:")
    console.print(str(out / _REPORT), soft_wrap=True)


def write_cell(out: Path) -> None:
    """The simulated cell with a small camera and a decoy on its bench, or what was made of it.

    Raises CellError for a damaged one.
    """
    path = out / "cell.yaml"
    if not path.exists():
        write_template(path, force=True)
    if load_cell(path).camera.color_size_wh == default_cell().camera.color_size_wh:
        write_bytes(out / _TRUTH_FILE, _TRUTH.encode())
        edit_cell(
            path,
            {("camera", "color_size_wh"): list(_SIZE_WH), ("simulation", "truth"): _TRUTH_FILE},
        )


def _run(words: tuple[str, ...], out: Path) -> None:
    """One command in the demo's folder; Ctrl-C reaches it too, and it is waited for. JSON is not shown."""
    shown = subprocess.DEVNULL if "--json" in words else None
    with subprocess.Popen([sys.executable, "-m", "synth", *words], cwd=out, stdout=shown) as child:
        try:
            code = child.wait()
        except KeyboardInterrupt:
            child.wait()
            raise
    if code == 130:
        raise KeyboardInterrupt
    if code:
        typer.echo(
            f"synth: the demo stopped at `synth {' '.join(words)}`: once its cause is gone the same command "
            f"goes on; to begin anew, remove {out}",
            err=True,
        )
        raise typer.Exit(code)
