"""``synth render``: labelled images from sources."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from synth.cell.units import MeshUnits
from synth.compute.engines import ADDRESS_HELP, DEFAULT_ENGINE, ENGINES
from synth.sim.choices import LookKind, QualityName
from synth.sim.sources import SOURCES

if TYPE_CHECKING:
    from synth.dataset.reader import DatasetReader
    from synth.sim.run import Summary

DEFAULT_COUNT = 633
REAL, OUT, MAPS_OUT = Path("data/real"), Path("data/synthetic"), Path("data/maps")


def render(
    count: Annotated[
        int | None,
        typer.Option(help=f"Samples in all, shared out among sources; {DEFAULT_COUNT} by default."),
    ] = None,
    share: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SOURCE=N", help=f"So many of one source, any number of times: {', '.join(SOURCES)}."
        ),
    ] = None,
    test_twins: Annotated[
        bool, typer.Option("--test-twins", help="Twins of test samples too, to look at, not to train on.")
    ] = False,
    look: Annotated[
        LookKind, typer.Option(help="Like the captured pictures, or without any of them.")
    ] = "matched",
    randomize: Annotated[
        bool, typer.Option("--randomize", help="Spread light, surfaces, camera and clutter.")
    ] = False,
    strength: Annotated[
        float | None, typer.Option(help="How far --randomize goes: 1, its ranges as they stand, by default.")
    ] = None,
    quality: Annotated[QualityName, typer.Option(help="Samples a pixel: few, enough, or 1024.")] = "normal",
    layers: Annotated[
        bool, typer.Option("--layers", help="Normals of every pixel too, in normals/NAME.png.")
    ] = False,
    maps_only: Annotated[
        bool,
        typer.Option(
            "--maps-only",
            help="Label maps with depth and normals, no pictures, without Blender: of twins and fresh poses.",
        ),
    ] = False,
    preview: Annotated[
        int | None, typer.Option(help="Only render this many quickly, into runs/render_preview.png.")
    ] = None,
    real: Annotated[Path, typer.Option(help="Captured dataset to match and to twin.")] = REAL,
    over: Annotated[
        Path | None,
        typer.Option(
            help="Imported dataset: its own models, cameras and poses over its own photographs. With --mesh "
            "any imported dataset, or a folder of pictures."
        ),
    ] = None,
    mesh: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[CLASS=]FILE",
            help="CAD file of a part, for photographs without poses: turned any way, laid anywhere.",
        ),
    ] = None,
    units: Annotated[MeshUnits, typer.Option(help="Of those files; a glTF is always in m.")] = "mm",
    distance: Annotated[
        str | None,
        typer.Option(
            metavar="NEAR-FAR", help="Metres from camera to those parts; by the sizes of boxes if not given."
        ),
    ] = None,
    fov: Annotated[
        float | None,
        typer.Option(help="Degrees that photographs see across their longer side; by EXIF if not given."),
    ] = None,
    backgrounds: Annotated[
        Path | None,
        typer.Option(help="Folder of pictures to stand behind those parts, instead of its own photographs."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help=f"Dataset folder; an unfinished one is gone on with. {OUT} by default, {MAPS_OUT} for maps."
        ),
    ] = None,
    cell: Annotated[
        Path | None, typer.Option(help="Cell file; ./cell.yaml if present, else the simulated cell.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of scenes, splits and noise.")] = 0,
    workers: Annotated[
        int | None, typer.Option(help="Child processes; by cores and memory if not given.")
    ] = None,
    engine: Annotated[
        str, typer.Option(help=f"What runs the child processes: {', '.join(ENGINES)}.")
    ] = DEFAULT_ENGINE,
    address: Annotated[str | None, typer.Option(metavar="HOST:PORT", help=ADDRESS_HELP)] = None,
    blender: Annotated[
        Path | None, typer.Option(help="An installed Blender, 3.4 to 4.5; the bpy wheel if not given.")
    ] = None,
) -> None:
    """Render a synthetic dataset with exact labels. The same command goes on where it stopped.

    Example: synth render --count 633

    Example: synth render --over data/real --count 120

    Example: synth render --mesh part.stl --over photos --distance 0.3-0.8 --count 120

    Example: synth render --maps-only --count 2000
    """
    from dataclasses import replace

    from synth.cell.load import load_cell
    from synth.compute.progress import make_progress
    from synth.errors import InputError, RendererError, StorageError, WorkerLost
    from synth.run_log import run_log
    from synth.sim.photographs.asked import make_unposed, parse_distance
    from synth.sim.preview import preview as write_preview
    from synth.sim.run import begun_shares, count_done, describe, make_plan
    from synth.sim.run import render as run_render
    from synth.sim.settings import RenderSettings
    from synth.sim.shares import choose_shares, parse_shares, say_shares
    from synth.terminal import SIMULATED, make_console

    console = make_console()
    if over is not None and (option := "--preview" if preview else "--cell" if cell else None):
        raise InputError(f"{option} is for renderings of a cell, and --over knows none: leave it out")
    unposed = None
    if mesh:
        if over is None:
            raise InputError("--mesh is rendered over photographs: name them with --over")
        unposed, labelled = make_unposed(mesh, over, units, parse_distance(distance), fov)
    elif (option := "--distance" if distance else "--fov" if fov else None) is not None:
        raise InputError(f"{option} is for parts of a CAD file: name that with --mesh")
    else:
        labelled = None if over is None else _open_photographs(over)
    if preview is not None and maps_only:
        raise InputError("--preview is about pictures, and --maps-only makes none: leave one of them out")
    if preview is not None and preview < 1:
        raise InputError(f"--preview must be 1 or more, got {preview}")
    shares = parse_shares(share or [])
    if count is None and not shares:
        shares = {} if preview is not None else begun_shares(out or (MAPS_OUT if maps_only else OUT))
        count = None if shares else DEFAULT_COUNT if preview is None else preview
    if cell is None and Path("cell.yaml").is_file():
        cell = Path("cell.yaml")
    out = out or (MAPS_OUT if maps_only else OUT)
    settings = RenderSettings(
        out=out,
        seed=seed,
        cell=None if over is not None else load_cell(cell),
        real=None if over is not None else _open_captured(real),
        over=labelled,
        backgrounds=backgrounds,
        look=look,
        quality=quality,
        randomize=_strength(strength, randomize=randomize),
        layers=layers,
        maps_only=maps_only,
        test_twins=test_twins,
        blender=blender,
        n_workers=workers,
        engine=engine,
        address=address,
        own={} if unposed is None else {"photographs": unposed},
    )
    settings = replace(settings, shares=choose_shares(count, shares, settings))
    if describe(settings).made_by.simulated:
        console.print(SIMULATED, "what is rendered after is simulated, not photographed")
    if preview is not None:
        sheet = Path("runs/render_preview.png")
        try:
            write_preview(settings, preview, sheet, make_progress(console, "preview"))
        except KeyboardInterrupt:
            console.print("Stopped; nothing was written.")
            raise typer.Exit(130) from None
        console.print(f"Look at {sheet}")
        return
    behind = f"plates made of the train images of {over}"
    if (pictures := over if labelled is None else backgrounds) is not None:
        behind = f"pictures of {pictures}"
    after = f", on {behind}" if over is not None else ""
    n_done = count_done(settings)
    console.print(f"{out} will hold {say_shares(settings.shares)}{after}", soft_wrap=True)
    if n_done == settings.count:
        console.print(f"{out} has all {n_done} samples already. Next: synth dataset sheet {out}")
        return
    if n_done:
        console.print(f"Going on with {out}: {n_done} of {settings.count} samples are there.")
    with run_log(out, settings, console):
        try:
            summary = run_render(make_plan(settings), make_progress(console, "render"))
        except KeyboardInterrupt:
            console.print(f"Stopped. {how_to_go_on(out, settings.count)}")
            raise typer.Exit(130) from None
        except (RendererError, WorkerLost, StorageError):
            console.print(how_to_go_on(out, settings.count))
            raise
        console.print(
            f"{summary.n_new} samples in {summary.seconds:.0f} s ({say_pace(summary)}); {out} has "
            f"{summary.n_samples}. Next: synth dataset sheet {out}",
            soft_wrap=True,
        )


def say_pace(summary: "Summary") -> str:
    """How long each took, or how many a second."""
    per_s = summary.n_new / summary.seconds
    return f"{per_s:.0f} a second" if per_s >= 2 else f"{1 / per_s:.1f} s each"


def _open_captured(real: Path) -> "DatasetReader | None":
    """The captured dataset; None where there is none in the usual place, and a source needs none perhaps."""
    from synth.dataset.reader import DatasetReader

    if real == REAL and not real.exists():
        return None
    return DatasetReader(real, "synth capture")


def _open_photographs(over: Path) -> "DatasetReader":
    """The imported dataset; DatasetError, for a mere folder of pictures too, which say nothing of a part."""
    from synth.dataset.imports.pictures import SUFFIXES
    from synth.dataset.reader import DatasetReader
    from synth.errors import DatasetError

    try:
        return DatasetReader(over, "synth import bop FOLDER")
    except DatasetError as error:
        if over.is_dir() and any(path.suffix.lower() in SUFFIXES for path in over.iterdir()):
            raise DatasetError(f"{error}; with --mesh FILE a part is rendered over its pictures") from error
        raise


def _strength(asked: float | None, *, randomize: bool) -> float:
    """How far values are spread; 0 for not at all."""
    from synth.errors import InputError
    from synth.sim.settings import MAX_STRENGTH

    if asked is None:
        return float(randomize)
    if not randomize:
        raise InputError("--strength says how far --randomize goes: give both")
    if not 0 < asked <= MAX_STRENGTH:
        raise InputError(f"--strength must be above 0 and at most {MAX_STRENGTH:g}, got {asked:g}")
    return asked


def how_to_go_on(out: Path, count: int) -> str:
    """What a stopped run says."""
    from synth.dataset.reader import DatasetReader
    from synth.errors import DatasetError

    try:
        n_done = len(DatasetReader(out).samples)
    except DatasetError:
        return "Nothing was made."
    return f"{n_done} of {count} samples are in {out}; the same command goes on from there."
