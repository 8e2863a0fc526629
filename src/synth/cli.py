"""The `synth` command: mounts one commands.py a part and turns every deliberate error into one sentence."""

import gc
import logging
import os
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from synth import __version__
from synth.app.commands import draw, explore
from synth.balance.commands import balance
from synth.capture.calibrate.commands import app as calibrate_app
from synth.capture.commands import capture
from synth.cell.commands import app as cell_app
from synth.compare.commands import compare
from synth.compute.cores import thread_defaults
from synth.dataset.commands import app as dataset_app
from synth.dataset.imports.commands import app as import_app
from synth.errors import SynthError
from synth.extras import find_extra, how_to_install
from synth.gan.commands import paint, translate
from synth.label.commands import label
from synth.renamed import refuse_old_words
from synth.sim.commands import render
from synth.sim.placing.commands import compose
from synth.storage.command import at_work
from synth.train.commands import evaluate, export_model, predict, train

_FIRST, _STAGES, _DATA, _NETWORK = "Begin", "Stages, in this order", "Data and cell", "One network by itself"


class _Group(TyperGroup):
    """Verbs under the headings that they were given, each with its whole first sentence."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        verbs: dict[str, Any] = dict(self.commands)
        width = max(map(len, verbs))
        rows: dict[str, list[tuple[str, str]]] = {}
        for name, verb in verbs.items():
            row = (name.ljust(width), verb.get_short_help_str(200))
            rows.setdefault(verb.rich_help_panel or "Commands", []).append(row)
        for title, below in rows.items():
            with formatter.section(title):
                formatter.write_dl(below)


class _Verb(TyperCommand):
    """Options under the headings that they were given; those without one come first."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        rows: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            kind = "Arguments" if parameter.param_type_name == "argument" else "Options"
            if (row := parameter.get_help_record(ctx)) is not None:
                rows.setdefault(getattr(parameter, "rich_help_panel", None) or kind, []).append(row)
        for title, below in rows.items():
            with formatter.section(title):
                formatter.write_dl(below)


class _Root(_Group):
    """--verbose counts before and after a verb; old words are answered; Ctrl-C at any verb is one line. The
    help leaves out Typer's options for completion, which README names.
    """

    def get_params(self, ctx: Any) -> list[Any]:
        params: list[Any] = super().get_params(ctx)
        for parameter in params:
            if parameter.name in ("install_completion", "show_completion"):
                parameter.hidden = True
        return params

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not ctx.resilient_parsing:  # Nor while the shell completes a line.
            refuse_old_words(args, self)
            ctx.with_resource(at_work(args))
        return super().parse_args(ctx, sorted(args, key=lambda word: word != "--verbose"))

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, typer.Abort):
            typer.echo("synth: stopped", err=True)
            raise typer.Exit(130) from None
        finally:
            sys.stdout.flush()  # Here, where a closed pipe still ends quietly.


class _Terminal(logging.Handler):
    """Writes to what stands for stderr at that moment, so that a line does not tear a bar."""

    def emit(self, record: logging.LogRecord) -> None:
        typer.echo(self.format(record), file=sys.stderr)


app = typer.Typer(
    name="synth",
    cls=_Root,
    help="Labelled images from one robot arm, one depth camera and one CAD file.",
    epilog="Exit 0 done, 2 input, 3 device, 4 unsafe, 5 disk, 6 damaged, 130 interrupted",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Say on stderr what else only a run's log holds.")
    ] = False,
) -> None:
    terminal = _Terminal(logging.DEBUG if verbose else logging.WARNING)
    terminal.setFormatter(logging.Formatter("synth: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[terminal])
    logging.getLogger("synth").setLevel(logging.DEBUG)


@app.command(rich_help_panel=_FIRST)
def demo(
    out: Annotated[Path, typer.Option(help="Folder; an unfinished demo is gone on with.")] = Path("demo"),
) -> None:
    """Run every stage, small and explained, on the simulated cell.

    About 15 minutes on 2 quiet cores. The same command goes on where it stopped.

    Example: synth demo
    """
    from synth.demo import run_demo
    from synth.terminal import make_console

    try:
        run_demo(out, make_console())
    except KeyboardInterrupt:
        typer.echo("The demo stopped; the same command goes on from there.")
        raise typer.Exit(130) from None


@app.command(rich_help_panel=_FIRST)
def status(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Say what stands here and below and which command comes next. Example: synth status"""
    from synth.status import print_status

    print_status(as_json=as_json)


@app.command(rich_help_panel=_FIRST)
def doctor(
    cell: Annotated[
        str | None, typer.Option(help="Cell file whose robot is asked; ./cell.yaml if present.")
    ] = None,
    address: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Ray cluster that is asked; RAY_ADDRESS if set.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what this machine has, what is missing and what to do. Example: synth doctor"""
    from synth.doctor import print_report

    print_report(cell, address, as_json=as_json)


app.command(rich_help_panel=_STAGES)(capture)
app.command(rich_help_panel=_STAGES)(render)
app.command(rich_help_panel=_STAGES)(translate)
app.command(rich_help_panel=_STAGES)(compare)
app.command(rich_help_panel=_DATA, cls=_Verb)(compose)
app.command(rich_help_panel=_DATA)(label)
app.command(rich_help_panel=_DATA)(balance)
app.command(rich_help_panel=_DATA)(paint)
app.command(rich_help_panel=_DATA)(draw)
app.command(rich_help_panel=_DATA)(explore)
app.add_typer(calibrate_app, name="calibrate", cls=_Group, rich_help_panel=_DATA)
app.add_typer(import_app, name="import", cls=_Group, rich_help_panel=_DATA)
app.add_typer(dataset_app, name="dataset", cls=_Group, rich_help_panel=_DATA)
app.add_typer(cell_app, name="cell", cls=_Group, rich_help_panel=_DATA)
app.command(rich_help_panel=_NETWORK)(train)
app.command(rich_help_panel=_NETWORK)(evaluate)
app.command(rich_help_panel=_NETWORK)(predict)
app.command(rich_help_panel=_NETWORK)(export_model)


def main() -> NoReturn:
    """Entry point of the console script."""
    os.environ.update(thread_defaults(os.environ))
    gc.set_threshold(10_000, 10, 10)  # Modules stay: looking through them after every 700 objects takes long.
    try:
        app()
    except SynthError as error:
        typer.echo(f"synth: {error}", err=True)
        sys.exit(error.exit_code)
    except ModuleNotFoundError as error:
        extra = find_extra(error.name or "")
        if extra is None:
            raise
        typer.echo(
            f"synth: this command needs {error.name}, which is not installed: {how_to_install(extra)}",
            err=True,
        )
        sys.exit(2)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        typer.echo(f"synth: {where}{error.strerror or error}", err=True)
        sys.exit(5)
    sys.exit(0)
