"""``synth draw`` and ``synth explore``: pages that a browser on this machine shows."""

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
    from synth.app.draw_routes import make_app
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
        drawings = "1 new drawing" if n_new == 1 else f"{n_new} new drawings"
        console.print(f"{drawings}: {out} has {before + n_new}. Next: synth dataset sheet {out}")
    else:
        console.print("Nothing was kept.")


def explore(
    datasets: Annotated[
        list[Path] | None, typer.Argument(help="Datasets to look at; all below data/ if none is named.")
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(help="A training: samples are sorted by its errors, and what it says is drawn."),
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Let samples be taken out, as synth dataset reject does.")
    ] = False,
    blind: Annotated[
        bool, typer.Option("--blind", help="Ask of one picture after the other: real or made?")
    ] = False,
    kept: Annotated[
        Path, typer.Option(help="With --write: the file of samples that were looked at and kept.")
    ] = Path("runs/kept.jsonl"),
    answers: Annotated[
        Path, typer.Option(help="With --blind: the file that answers are added to, a line each.")
    ] = Path("runs/blind.jsonl"),
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any that is free.")] = 0,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address and open nothing.")
    ] = False,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, mps; the best there is.")] = None,
) -> None:
    """Look through datasets in a browser: sorted, filtered, twins beside each other.

    Example: synth explore data/real data/synthetic data/translated
    """
    from synth.app.blind import Blind
    from synth.app.exploring import ExploreSettings, Exploring
    from synth.app.request import list_datasets
    from synth.dataset.reader import DatasetReader
    from synth.extras import demand
    from synth.terminal import SIMULATED, make_console

    demand("app")
    from synth.app.explore_routes import make_app
    from synth.app.server import serve

    console = make_console()
    chosen = tuple(DatasetReader(path) for path in datasets or list_datasets())
    exploring = Exploring(ExploreSettings(chosen, run, write, device, kept))
    asking = Blind(chosen, answers) if blind else None
    if exploring.is_simulated:
        console.print(SIMULATED, "among these are data of the simulated cell")
    serve(
        make_app(exploring, asking),
        port=port,
        open_browser=not no_browser,
        say=lambda text: console.print(text, soft_wrap=True),
    )
    if asking is not None and (score := asking.score())["n"]:
        console.print(
            f"{score['right']:.0%} of {score['n']} answers are right, 95 % interval {score['low']:.0%} to "
            f"{score['high']:.0%}; 50 % is chance. They stand in {answers}."
        )
