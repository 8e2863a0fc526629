"""``synth compose``: labelled images of parts that are cut out, or of templates."""

from pathlib import Path
from typing import Annotated, Any

import typer

from synth.compute.engines import ADDRESS_HELP, DEFAULT_ENGINE, ENGINES
from synth.sim.choices import ROLL_DEG, TILT_DEG, BlendName, HardPreset, Where
from synth.sim.commands import how_to_go_on
from synth.sim.placing import DEFAULT_PLACER, PLACERS
from synth.sim.sources import SOURCES

_CUT_OUT = "Parts that are cut out"
_HARD = "Only with a --place that goes by a trained network"
_TEMPLATES = "Templates laid into photographs"

MANY = 100
"""Of so many templates' pictures it is said beforehand how long they take."""


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
        typer.Option(
            help="Dataset whose empty bench they are laid on; the first of these with one.",
            rich_help_panel=_CUT_OUT,
        ),
    ] = None,
    place: Annotated[
        str, typer.Option(help=f"Who says where parts go: {', '.join(PLACERS)}.", rich_help_panel=_CUT_OUT)
    ] = DEFAULT_PLACER,
    where: Annotated[
        Where,
        typer.Option(
            help="Anywhere, or where and as large as train boxes of the class are.", rich_help_panel=_CUT_OUT
        ),
    ] = "free",
    turn: Annotated[
        float | None,
        typer.Option(
            help="Degrees to either side; by quarters if no range is given, else 180.",
            rich_help_panel=_CUT_OUT,
        ),
    ] = None,
    shear: Annotated[
        float | None,
        typer.Option(help="Slant at most: 0.1 moves by a tenth of the width.", rich_help_panel=_CUT_OUT),
    ] = None,
    scale: Annotated[
        str | None,
        typer.Option(
            metavar="FROM-TO",
            help="As 0.7-1.4; with any range, as far as train boxes of a class differ.",
            rich_help_panel=_CUT_OUT,
        ),
    ] = None,
    truncation: Annotated[
        float | None,
        typer.Option(
            help="Share of a part's box that may leave the picture, 0 to 0.5.", rich_help_panel=_CUT_OUT
        ),
    ] = None,
    gain: Annotated[
        float | None, typer.Option(help="Light times 1/this to this; 1.3, say.", rich_help_panel=_CUT_OUT)
    ] = None,
    gamma: Annotated[
        float | None, typer.Option(help="Light to the power of 1/this to this.", rich_help_panel=_CUT_OUT)
    ] = None,
    extra_blur: Annotated[
        float | None,
        typer.Option(help="Further blur of half the parts, sigma in px at most.", rich_help_panel=_CUT_OUT),
    ] = None,
    blend: Annotated[
        BlendName,
        typer.Option(
            help="How edges are mixed: soft as in the dataset, or as Cut-Paste-Learn.",
            rich_help_panel=_CUT_OUT,
        ),
    ] = "soft",
    patches: Annotated[
        bool,
        typer.Option(
            help="Lay patches of bench as parts are, so that an edge tells nothing.", rich_help_panel=_CUT_OUT
        ),
    ] = True,
    keep_doubtful: Annotated[
        bool,
        typer.Option(
            "--keep-doubtful",
            help="Cut out parts whose mask and box disagree, too.",
            rich_help_panel=_CUT_OUT,
        ),
    ] = False,
    run: Annotated[
        Path | None,
        typer.Option(
            help="Training of the target that --place random-hard and learned go by.", rich_help_panel=_HARD
        ),
    ] = None,
    preset: Annotated[
        HardPreset | None,
        typer.Option(help="How their cycles go; quick by default, for two cores.", rich_help_panel=_HARD),
    ] = None,
    cycles: Annotated[
        int | None,
        typer.Option(
            help="How often they harvest and train the target; 5 by default.", rich_help_panel=_HARD
        ),
    ] = None,
    hard_at: Annotated[
        float | None,
        typer.Option(
            help="Hardness, 0 to 1, from which a composite is kept; 0.5 mostly.", rich_help_panel=_HARD
        ),
    ] = None,
    hard_to: Annotated[
        float | None,
        typer.Option(
            help="Hardness up to which it is kept: to see what hardness teaches.", rich_help_panel=_HARD
        ),
    ] = None,
    ratio: Annotated[
        float | None,
        typer.Option(
            help="Real images to each made one that train the target; 1 by default.", rich_help_panel=_HARD
        ),
    ] = None,
    diversity: Annotated[
        float | None,
        typer.Option(
            help="How much learned places must spread; 0.1 by default, 0 to let be.", rich_help_panel=_HARD
        ),
    ] = None,
    dropout: Annotated[
        float | None,
        typer.Option(
            help="Of the synthesizer, 0 to below 1; the preset's if not given.", rich_help_panel=_HARD
        ),
    ] = None,
    discriminator: Annotated[
        bool,
        typer.Option(
            "--discriminator",
            help="Hold learned places to what real pictures look like.",
            rich_help_panel=_HARD,
        ),
    ] = False,
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda, cuda:1, mps; the best there is.", rich_help_panel=_HARD)
    ] = None,
    templates: Annotated[
        Path | None,
        typer.Option(
            help="Folder of one PNG with alpha, or SVG, a class: laid into photographs as flat signs.",
            rich_help_panel=_TEMPLATES,
        ),
    ] = None,
    on: Annotated[
        Path | None,
        typer.Option(
            help="Photographs without them: a folder, a CSV of regions image,x,y,w,h, or a dataset.",
            rich_help_panel=_TEMPLATES,
        ),
    ] = None,
    like: Annotated[
        Path | None,
        typer.Option(
            help="Dataset whose train boxes give sizes, light, blur; its test frames are no scenes.",
            rich_help_panel=_TEMPLATES,
        ),
    ] = None,
    per_class: Annotated[
        int | None,
        typer.Option(
            help="Train instances of each class, instead of --count; 200 if neither is given.",
            rich_help_panel=_TEMPLATES,
        ),
    ] = None,
    fill_up: Annotated[
        bool,
        typer.Option(
            "--fill-up", help="Less those that the --like dataset has of each.", rich_help_panel=_TEMPLATES
        ),
    ] = False,
    size: Annotated[
        str | None,
        typer.Option(
            metavar="FROM-TO",
            help="Longer sides of boxes, px; those of --like by default.",
            rich_help_panel=_TEMPLATES,
        ),
    ] = None,
    blur: Annotated[
        float | None,
        typer.Option(
            help="Spread of an edge (sigma), px; measured in --like by default.", rich_help_panel=_TEMPLATES
        ),
    ] = None,
    noise: Annotated[
        float | None,
        typer.Option(
            help="Noise, 8-bit counts; measured in each photograph by default.", rich_help_panel=_TEMPLATES
        ),
    ] = None,
    tilt: Annotated[
        float, typer.Option(help="Signs turn away by up to this, degrees.", rich_help_panel=_TEMPLATES)
    ] = TILT_DEG,
    roll: Annotated[
        float,
        typer.Option(help="Signs turn in the image by up to this, degrees.", rich_help_panel=_TEMPLATES),
    ] = ROLL_DEG,
    distractors: Annotated[
        Path | None,
        typer.Option(
            help="Folder of pictures with alpha that are no class; plain shapes by default.",
            rich_help_panel=_TEMPLATES,
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Dataset folder; an unfinished one is gone on with.")] = Path(
        "data/composited"
    ),
    seed: Annotated[int, typer.Option(min=0, help="Of choice, place and order.")] = 0,
    engine: Annotated[
        str, typer.Option(help=f"What runs the child processes: {', '.join(ENGINES)}.")
    ] = DEFAULT_ENGINE,
    address: Annotated[str | None, typer.Option(metavar="HOST:PORT", help=ADDRESS_HELP)] = None,
) -> None:
    """Lay parts, or templates, on the bench or into photographs. The same command goes on where it stopped.

    Plates are pictures of the empty bench; of photographs without any, the train images with their parts
    painted out. Templates are drawings, one a class.

    Example: synth compose data/real --count 400

    Example: synth compose data/real --place random-hard --run runs/train/detection --count 400

    Example: synth compose --templates signs --on regions.csv --like data/real --per-class 200
    """
    from synth.compute.progress import make_progress
    from synth.dataset.reader import DatasetReader
    from synth.errors import InputError
    from synth.run_log import run_log
    from synth.sim.compose import (
        TEMPLATES_SOURCE,
        TemplateRequest,
        make_options,
        make_settings,
        make_template_settings,
    )
    from synth.sim.ingredients import Ingredients
    from synth.sim.placing.ranges import Ranges, parse_scale
    from synth.sim.run import expect_seconds, make_plan
    from synth.sim.run import render as run_render
    from synth.terminal import make_console

    console = make_console()
    hard: dict[str, Any] = {
        "run": run,
        "preset": preset,
        "cycles": cycles,
        "hard_at": hard_at,
        "hard_to": hard_to,
        "ratio": ratio,
    }
    hard |= {"diversity": diversity, "dropout": dropout, "discriminator": discriminator or None}
    hard |= {"device": device}
    own = make_options(place, hard)
    if templates is None:
        given = {"--on": on, "--like": like, "--per-class": per_class, "--size": size, "--blur": blur}
        given |= {"--noise": noise, "--distractors": distractors, "--fill-up": fill_up or None}
        if alone := next((option for option, value in given.items() if value is not None), None):
            raise InputError(f"{alone} is for templates laid into photographs: give --templates FOLDER too")
        readers = tuple(DatasetReader(path).refuse_empty() for path in datasets or [Path("data/real")])
        bench = None if plates is None else DatasetReader(plates)
        ingredients = Ingredients(
            readers,
            bench,
            max_parts,
            min_visible,
            place=place,
            ranges=Ranges(turn, shear, parse_scale(scale), truncation, gain, gamma, extra_blur),
            where=where,
            blend=blend,
            patches=patches,
            keep_doubtful=keep_doubtful,
            own=own,
        )
        settings = make_settings(ingredients, out, count, seed=seed, engine=engine, address=address)
    else:
        if datasets or plates is not None:
            raise InputError(
                "with --templates nothing is cut out of datasets or laid on a bench: say where with --on, "
                "and leave datasets and --plates out"
            )
        given = {"--turn": turn, "--shear": shear, "--scale": scale, "--truncation": truncation}
        given |= {"--gain": gain, "--gamma": gamma, "--extra-blur": extra_blur}
        given |= {"--place": None if place == DEFAULT_PLACER else place}
        given |= {
            "--where": None if where == "free" else where,
            "--blend": None if blend == "soft" else blend,
        }
        given |= {"--no-patches": None if patches else True, "--keep-doubtful": keep_doubtful or None}
        if alone := next((option for option, value in given.items() if value is not None), None):
            raise InputError(f"{alone} is for parts that are cut out: leave it or --templates out")
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
        settings = make_template_settings(request, out, seed=seed, engine=engine, address=address)
        console.print(settings.own[TEMPLATES_SOURCE].summary, soft_wrap=True)
    with run_log(out, settings, console):
        try:
            plan = make_plan(settings)
            if templates is not None and settings.count >= MANY and not out.exists():
                minutes = max(expect_seconds(plan) / 60, 1)
                console.print(f"{settings.count} pictures, which take about {minutes:.0f} min.")
            summary = run_render(plan, make_progress(console, "compose"))
        except KeyboardInterrupt:
            console.print(f"Stopped. {how_to_go_on(out, settings.count)}")
            raise typer.Exit(130) from None
        made = SOURCES[next(iter(settings.shares))].words
        console.print(
            f"{summary.n_new} {made[summary.n_new != 1]} made; {out} has {summary.n_samples}. "
            f"Next: synth dataset sheet {out}"
        )
