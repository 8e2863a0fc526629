"""Options of verbs whose work an engine can share out."""

from typing import Annotated

import typer

from synth.compute.engines import ADDRESS_HELP, ENGINES

Workers = Annotated[int | None, typer.Option(help="Of the engine; as many as fit if not given.")]
EngineName = Annotated[
    str | None,
    typer.Option(
        "--engine",
        help=f"What does the work side by side: {', '.join(ENGINES)}; this process alone if not given.",
    ),
]
Address = Annotated[str | None, typer.Option(metavar="HOST:PORT", help=ADDRESS_HELP)]
