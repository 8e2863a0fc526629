"""`synth cell`: write, check and draw the description of a work cell."""

import typer

app = typer.Typer(no_args_is_help=True, help="Write, check and draw the description of a work cell.")
