"""Options that several imports have."""

from pathlib import Path
from typing import Annotated

import typer

Group = Annotated[
    Path | None,
    typer.Option(help="A CSV with a header: a column of pictures, one of the recording that each is of."),
]
Out = Annotated[Path, typer.Option(help="Dataset folder; an unfinished one is gone on with.")]
Train = Annotated[
    str | None, typer.Option(help="What trains: pictures by number (0-5,9) or, with --group, groups by name.")
]
Val = Annotated[str | None, typer.Option(help="What validates, likewise.")]
Test = Annotated[
    str | None,
    typer.Option(help="What tests. A number that none names is left out; a group that none names trains."),
]
Square = Annotated[bool, typer.Option("--square", help="The 1:1 boxes go to labels/, not the tight ones.")]
