"""``synth render`` and ``synth compose``: labelled images from sources."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from synth.compute.engines import DEFAULT_ENGINE, ENGINES
from synth.sim.choices import ROLL_DEG, TILT_DEG, LookKind, QualityName
from synth.sim.sources import SOURCES

if TYPE_CHECKING:
    from synth.dataset.reader import DatasetReader

DEFAULT_COUNT = 633
MANY = 100
"""Of so many pictures it is said beforehand how long they take."""
REAL = Path("data/real")


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
    preview: Annotated[
        int | None, typer.Option(help="Only render this many quickly, into runs/render_preview.png.")
    ] = None,
    real: Annotated[Path, typer.Option(help="Captured dataset to match and to twin.")] = REAL,
    over: Annotated[
        Path | None,
        typer.Option(help="Imported dataset: its own models, cameras and poses over its own photographs."),
    ] = None,
    backgrounds: Annotated[
        Path | None,
        typer.Option(help="Folder of pictures to stand behind those parts, instead of its own photographs."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Dataset folder; an unfinished one is gone on with.")] = Path(
        "data/synthetic"
    ),
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
    blender: Annotated[
        Path | None, typer.Option(help="An installed Blender, 3.4 to 4.5; the bpy wheel if not given.")
    ] = None,
) -> None:
    """Render a synthetic dataset with exact labels. The same command goes on where it stopped.

    Example: synth render --count 633

    Example: synth render --over data/real --count 120
    """
    from dataclasses import replace

    from synth.cell.load import load_cell
    from synth.compute.progress import make_progress
    from synth.dataset.reader import DatasetReader
    from synth.errors import InputError, RendererError, StorageError, WorkerLost
    from synth.run_log import run_log
    from synth.sim.preview import preview as write_preview
    from synth.sim.run import count_done, describe, make_plan
    from synth.sim.run import render as run_render
    from synth.sim.settings import RenderSettings
    from synth.sim.shares import choose_shares, parse_shares, say_shares
    from synth.terminal import SIMULATED, make_console

    console = make_console()
    if over is not None and (option := "--preview" if preview else "--cell" if cell else None):
        raise InputError(f"{option} is for renderings of a cell, and --over knows none: leave it out")
    if preview is not None and preview < 1:
        raise InputError(f"--preview must be 1 or more, got {preview}")
    shares = parse_shares(share or [])
    if count is None and not shares:
        count = DEFAULT_COUNT if preview is None else preview
    if cell is None and Path("cell.yaml").is_file():
        cell = Path("cell.yaml")
    settings = RenderSettings(
        out=out,
        seed=seed,
        cell=None if over is not None else load_cell(cell),
        real=None if over is not None else _open_captured(real),
        over=None if over is None else DatasetReader(over, "synth import bop FOLDER"),
        backgrounds=backgrounds,
        look=look,
        quality=quality,
        randomize=_strength(strength, randomize=randomize),
        layers=layers,
        test_twins=test_twins,
        blender=blender,
        n_workers=workers,
        engine=engine,
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
    behind = (
        f"plates made of the train images of {over}" if backgrounds is None else f"pictures of {backgrounds}"
    )
    after = f", over {behind}" if over is not None else ""
    console.print(f"{out} will hold {say_shares(settings.shares)}{after}")
    n_done = count_done(settings)
    if n_done == settings.count:
        console.print(f"{out} has all {n_done} samples already. Next: synth dataset sheet {out}")
        return
    if n_done:
        console.print(f"Going on with {out}: {n_done} of {settings.count} samples are there.")
    with run_log(out, settings, console):
        try:
            summary = run_render(make_plan(settings), make_progress(console, "render"))
        except KeyboardInterrupt:
            console.print(f"Stopped. {_how_to_go_on(out, settings.count)}")
            raise typer.Exit(130) from None
        except (RendererError, WorkerLost, StorageError):
            console.print(_how_to_go_on(out, settings.count))
            raise
        per_sample_s = summary.seconds / max(summary.n_new, 1)
        console.print(
            f"{summary.n_new} samples in {summary.seconds:.0f} s ({per_sample_s:.1f} s each); {out} has "
            f"{summary.n_samples}. Next: synth dataset sheet {out}"
        )


def compose(
    datasets: Annotated[
        list[Path] | None,
        typer.Argument(help="Datasets whose parts are cut out: captured, rendered or translated; data/real."),
    ] = None,
    count: Annotated[
        int | None, typer.Option(help="Pictures in all; as many as the datasets have samples by default.")
    ] = None,
    max_parts: Annotated[int, typer.Option(help="1 to this many parts or signs a picture.")] = 4,
    min_visible: Annotated[float, typer.Option(help="Share of each part or sign that nothing hides.")] = 0.5,
    plates: Annotated[
        Path | None,
        typer.Option(help="Dataset whose empty bench they are laid on; the first of these with one."),
    ] = None,
    templates: Annotated[
        Path | None,
        typer.Option(
            help="Folder of one PNG with alpha, or SVG, a class: laid into photographs as flat signs."
        ),
    ] = None,
    on: Annotated[
        Path | None,
        typer.Option(
            help="Photographs without them: a folder, a CSV of regions image,x,y,w,h, or a dataset."
        ),
    ] = None,
    like: Annotated[
        Path | None,
        typer.Option(
            help="Dataset whose train boxes give sizes, light, blur; its test frames are no scenes."
        ),
    ] = None,
    per_class: Annotated[
        int | None,
        typer.Option(help="Train instances of each class, instead of --count; 200 if neither is given."),
    ] = None,
    fill_up: Annotated[
        bool, typer.Option("--fill-up", help="Less those that the --like dataset has of each.")
    ] = False,
    size: Annotated[
        str | None,
        typer.Option(metavar="FROM-TO", help="Longer sides of boxes, px; those of --like by default."),
    ] = None,
    blur: Annotated[
        float | None, typer.Option(help="Spread of an edge (sigma), px; measured in --like by default.")
    ] = None,
    noise: Annotated[
        float | None, typer.Option(help="Noise, 8-bit counts; measured in each photograph by default.")
    ] = None,
    tilt: Annotated[float, typer.Option(help="Signs turn away by up to this, degrees.")] = TILT_DEG,
    roll: Annotated[float, typer.Option(help="Signs turn in the image by up to this, degrees.")] = ROLL_DEG,
    distractors: Annotated[
        Path | None,
        typer.Option(help="Folder of pictures with alpha that are no class; plain shapes by default."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Dataset folder; an unfinished one is gone on with.")] = Path(
        "data/composited"
    ),
    seed: Annotated[int, typer.Option(min=0, help="Of choice, place and order.")] = 0,
    engine: Annotated[
        str, typer.Option(help=f"What runs the child processes: {', '.join(ENGINES)}.")
    ] = DEFAULT_ENGINE,
) -> None:
    """Lay parts, or templates, on the bench or into photographs. The same command goes on where it stopped.

    Plates are pictures of the empty bench; of photographs without any, the train images with their parts
    painted out. Templates are drawings, one a class.

    Example: synth compose data/real --count 400

    Example: synth compose --templates signs --on regions.csv --like data/real --per-class 200
    """
    from synth.compute.progress import make_progress
    from synth.dataset.reader import DatasetReader
    from synth.errors import InputError
    from synth.run_log import run_log
    from synth.sim.compose import (
        TEMPLATES_SOURCE,
        TemplateRequest,
        make_settings,
        make_template_settings,
    )
    from synth.sim.composite import Ingredients
    from synth.sim.run import expect_seconds, make_plan
    from synth.sim.run import render as run_render
    from synth.terminal import make_console

    console = make_console()
    if templates is None:
        given = {"--on": on, "--like": like, "--per-class": per_class, "--size": size, "--blur": blur}
        given |= {"--noise": noise, "--distractors": distractors, "--fill-up": fill_up or None}
        if alone := next((option for option, value in given.items() if value is not None), None):
            raise InputError(f"{alone} is for templates laid into photographs: give --templates FOLDER too")
        readers = tuple(DatasetReader(path).refuse_empty() for path in datasets or [Path("data/real")])
        bench = None if plates is None else DatasetReader(plates)
        ingredients = Ingredients(readers, bench, max_parts, min_visible)
        settings = make_settings(ingredients, out, count, seed=seed, engine=engine)
    else:
        if datasets or plates is not None:
            raise InputError(
                "with --templates nothing is cut out of datasets or laid on a bench: say where with --on, "
                "and leave datasets and --plates out"
            )
        request = TemplateRequest(
            templates=templates,
            on=on,
            like=like,
            count=count,
            per_class=per_class,
            fill_up=fill_up,
            size=size,
            blur=blur,
            noise=noise,
            tilt=tilt,
            roll=roll,
            distractors=distractors,
            max_parts=max_parts,
            min_visible=min_visible,
        )
        settings = make_template_settings(request, out, seed=seed, engine=engine)
        console.print(settings.own[TEMPLATES_SOURCE].summary, soft_wrap=True)
    with run_log(out, settings, console):
        try:
            plan = make_plan(settings)
            if templates is not None and settings.count >= MANY and not out.exists():
                minutes = max(expect_seconds(plan) / 60, 1)
                console.print(f"{settings.count} pictures, which take about {minutes:.0f} min.")
            n_new = run_render(plan, make_progress(console, "compose")).n_new
        except KeyboardInterrupt:
            console.print(f"Stopped. {_how_to_go_on(out, settings.count)}")
            raise typer.Exit(130) from None
        made = SOURCES[next(iter(settings.shares))].words
        console.print(
            f"{n_new} {made[n_new != 1]} made; {out} has {settings.count}. Next: synth dataset sheet {out}"
        )


def _open_captured(real: Path) -> "DatasetReader | None":
    """The captured dataset; None where there is none in the usual place, and a source needs none perhaps."""
    from synth.dataset.reader import DatasetReader

    if real == REAL and not real.exists():
        return None
    return DatasetReader(real, "synth capture")


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


def _how_to_go_on(out: Path, count: int) -> str:
    from synth.dataset.reader import DatasetReader
    from synth.errors import DatasetError

    try:
        n_done = len(DatasetReader(out).samples)
    except DatasetError:
        return "Nothing was made."
    return f"{n_done} of {count} samples are in {out}; the same command goes on from there."
