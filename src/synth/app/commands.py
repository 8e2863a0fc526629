"""``synth draw``: a label map drawn in a browser, and the photograph that a painter makes of it."""

from pathlib import Path
from typing import Annotated

import typer


def draw(
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="A painter's, which synth paint trained; that of runs/paint if not given."),
    ] = None,
    maps: Annotated[
        list[Path] | None,
        typer.Option(help="Dataset whose label maps can be begun with; repeatable."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Dataset to which drawings and paintings are added.")] = Path(
        "data/drawn"
    ),
    size: Annotated[
        str | None,
        typer.Option(metavar="WxH", help="Of the map, in pixels; as the painter learnt if not given."),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any that is free.")] = 0,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address and open nothing.")
    ] = False,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, mps; the best there is.")] = None,
) -> None:
    """Draw label maps in a browser and see them painted. It answers this machine alone.

    Example: synth draw --maps data/maps
    """
    from synth.app.drawing import Drawing, DrawSettings
    from synth.app.request import find_checkpoint, parse_size
    from synth.dataset.reader import DatasetReader
    from synth.extras import demand
    from synth.terminal import SIMULATED, make_console

    demand("app", "train")
    from synth.app.routes import make_app
    from synth.app.server import serve

    console = make_console()
    settings = DrawSettings(
        checkpoint=find_checkpoint(checkpoint),
        maps=tuple(DatasetReader(path) for path in maps or ()),
        out=out,
        size_wh=parse_size(size),
        device=device,
    )
    with Drawing(settings) as drawing:
        if drawing.is_simulated:
            console.print(SIMULATED, "the painter learnt from pictures of the simulated cell")
        before = drawing.n_kept
        serve(
            make_app(drawing),
            port=port,
            open_browser=not no_browser,
            say=lambda text: console.print(text, soft_wrap=True),
        )
        n_new = drawing.n_kept - before
    if n_new:
        console.print(f"{n_new} new drawings: {out} has {before + n_new}. Next: synth dataset sheet {out}")
    else:
        console.print("Nothing was kept.")
