"""The `synth` command: mounts one commands.py a part and turns every deliberate error into one sentence."""

import logging
import sys
from typing import Annotated, NoReturn

import typer

from synth import __version__
from synth.capture.commands import capture
from synth.cell.commands import app as cell_app
from synth.compare.commands import compare
from synth.dataset.commands import app as dataset_app
from synth.errors import SynthError
from synth.gan.commands import export_model, translate
from synth.sim.commands import compose, render
from synth.train.commands import evaluate, predict, train

_TRAIN_PACKAGES = (
    "captum",
    "jinja2",
    "lightning_fabric",
    "pycocotools",
    "safetensors",
    "sklearn",
    "tensorboard",
    "torch",
    "torchmetrics",
    "torchvision",
    "ultralytics",
)
"""What the extra ``train`` brings."""

app = typer.Typer(
    name="synth",
    help="Labelled images from one robot arm, one depth camera and one CAD file.",
    epilog="Start with: synth capture --poses 40, then synth dataset sheet. "
    "Exit codes: 0 done, 2 input, 3 device, 4 unsafe motion, 5 disk, 6 damaged data, 130 interrupted.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(name="capture")(capture)
app.command(name="render")(render)
app.command(name="compose")(compose)
app.command(name="translate")(translate)
app.command(name="compare")(compare)
app.command(name="train")(train)
app.command(name="evaluate")(evaluate)
app.command(name="predict")(predict)
app.command(name="export-model")(export_model)
app.add_typer(dataset_app, name="dataset")
app.add_typer(cell_app, name="cell")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"synth {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit."),
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Say what the drivers do.")] = False,
) -> None:
    level = logging.DEBUG if verbose else logging.WARNING
    logging.basicConfig(level=logging.WARNING, format="synth: %(message)s")
    logging.getLogger("synth").setLevel(level)


@app.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Say what stands in this folder and which command comes next. Example: synth status"""
    from synth.status import print_status

    print_status(as_json=as_json)


@app.command()
def doctor(
    cell: Annotated[
        str | None, typer.Option(help="Cell file whose robot is asked; ./cell.yaml if present.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what this machine has, what is missing and what to do. Example: synth doctor"""
    from synth.doctor import print_report

    print_report(cell, as_json=as_json)


def main() -> NoReturn:
    """Entry point of the console script."""
    try:
        app()
    except SynthError as error:
        typer.echo(f"synth: {error}", err=True)
        sys.exit(error.exit_code)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _TRAIN_PACKAGES:
            raise
        install = 'pip install "synth-robotics[train]"'
        typer.echo(f"synth: this command needs {package}, which is not installed: {install}", err=True)
        sys.exit(2)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        typer.echo(f"synth: {where}{error.strerror or error}", err=True)
        sys.exit(5)
    sys.exit(0)
