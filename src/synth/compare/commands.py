"""``synth compare``: what each kind of training data is worth on real held-out images."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from synth.compute.engines import ADDRESS_HELP, DEFAULT_ENGINE, ENGINES
from synth.gan.methods import BASELINES
from synth.train.tasks import TASKS, list_usual

if TYPE_CHECKING:
    from rich.console import Console

    from synth.compare.plan import Plan


def compare(
    data: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=PATH",
            help="Any number of times; NAME=PATH,PATH for one a seed. data/real, whose test "
            "images decide, data/synthetic and data/translated.",
        ),
    ] = None,
    mixes: Annotated[
        str | None,
        typer.Option(
            help="Every dataset; also real+translated (mixed), synthetic-then-real (tuned), real@40."
        ),
    ] = None,
    ask: Annotated[
        list[str] | None,
        typer.Option(metavar="MIX:MIX", help="A question beside those of each dataset against real."),
    ] = None,
    curve: Annotated[
        bool, typer.Option("--curve", help="Add real@10, @20, @40 ...: how many real images is a set worth?")
    ] = False,
    tasks: Annotated[str, typer.Option(help=f"Which, comma separated, of {', '.join(TASKS)}.")] = ",".join(
        list_usual()
    ),
    nets: Annotated[
        str | None,
        typer.Option(help="Networks of one task side by side, comma separated; the preset's."),
    ] = None,
    plain_crops: Annotated[
        bool, typer.Option("--plain-crops", help="Normals from plain crops too; the preset paper has both.")
    ] = False,
    composed: Annotated[
        bool, typer.Option("--composed", help="Boxes on data/real_composed ..., made by synth compose.")
    ] = False,
    preset: Annotated[
        str, typer.Option(help="quick: small images, short trainings. default. paper: as the paper.")
    ] = "default",
    seeds: Annotated[int | None, typer.Option(min=1, help="Trainings of each mix; the preset's.")] = None,
    images: Annotated[
        int | None, typer.Option(min=1, help="Images each training sees in all; the preset's.")
    ] = None,
    choose: Annotated[
        str,
        typer.Option(help="Val images that choose weights: own-val, each mix's; real-val, captured ones."),
    ] = "own-val",
    photometric: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Random hue, saturation and brightness in training; each task's."),
    ] = None,
    pretrained: Annotated[
        Path | None,
        typer.Option(help="Local checkpoint of that detector; its backbone or start is frozen."),
    ] = None,
    baseline: Annotated[
        bool,
        typer.Option(
            "--baseline/--no-baseline",
            help=f"Add what a translation must beat: of {', '.join(BASELINES)} the nearest to real.",
        ),
    ] = True,
    out: Annotated[Path, typer.Option(help="Folder of the comparison; gone on with.")] = Path("runs/compare"),
    plan_only: Annotated[
        bool, typer.Option("--plan-only", help="Print trainings and expected time.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON.")] = False,
    workers: Annotated[int | None, typer.Option(min=1, help="Trainings at a time.")] = None,
    engine: Annotated[
        str, typer.Option(help=f"What runs the trainings: {', '.join(ENGINES)}.")
    ] = DEFAULT_ENGINE,
    address: Annotated[str | None, typer.Option(metavar="HOST:PORT", help=ADDRESS_HELP)] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, mps; the best there is.")] = None,
) -> None:
    """Train on each kind of images and say what each is worth.

    Worth is measured on real, held-out images.

    The same command goes on where it stopped.

    Example: synth compare --preset quick
    """
    import json

    from synth.compare.baseline import add_baseline, expect_baseline
    from synth.compare.mixes import parse_data
    from synth.compare.report.keys import list_sentences
    from synth.compare.report.write import write_report
    from synth.compare.request import make_plan
    from synth.compare.run import run_plan
    from synth.compute.device import choose_device
    from synth.compute.progress import make_progress
    from synth.gan.baseline import check_baseline, make_baseline
    from synth.run_log import run_log
    from synth.terminal import SIMULATED, make_console

    plan = make_plan(
        parse_data(data or []),
        mixes=None if mixes is None else _split(mixes),
        ask=ask or [],
        curve=curve,
        tasks=_split(tasks),
        nets=None if nets is None else _split(nets),
        composed=composed,
        preset=preset,
        seeds=seeds,
        images=images,
        photometric=photometric,
        plain_crops=plain_crops,
        pretrained=pretrained,
        choose=choose,
        out=out,
        device=device,
        workers=workers,
        engine=engine,
        address=address,
    )
    console = make_console(stderr=as_json)
    if plan.is_simulated:
        console.print(SIMULATED, "the test images are those of the simulated cell")
    if plan_only:
        plan.refuse_unfit()
        _print_plan(expect_baseline(plan, check_baseline, console.print) if baseline else plan, console)
        return
    if baseline:
        make = partial(make_baseline, make_progress=lambda *a: make_progress(console, *a), device=device)
        plan = add_baseline(plan, make, console.print)
    if preset != "quick" and choose_device(device).type == "cpu":
        console.print(
            "This plan takes hours on a CPU: --preset quick answers in minutes, --plan-only says how long."
        )
    with run_log(out, plan, console):
        try:
            results = run_plan(plan, lambda *a: make_progress(console, *a))
            console.print("All are trained; measuring and writing the report ...")
            path, verdict = write_report(plan, results)
        except KeyboardInterrupt:
            console.print("Stopped; the same command goes on from there.")
            raise typer.Exit(130) from None
        if as_json:
            said = {"report": str(path), "verdict": list_sentences(verdict)}
            typer.echo(json.dumps(said, indent=2))
            return
        for sentence in verdict:
            console.print(sentence.text, soft_wrap=True)
        console.print(f"Report: {path}")


def _split(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _print_plan(plan: "Plan", console: "Console") -> None:
    from rich.table import Table

    from synth.compare.cost import expect_seconds

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("Task", "Network", "Mixes", "Seeds", "Trainings", "Images each", "Expected"):
        table.add_column(column)
    total = 0.0
    seconds, where = expect_seconds(plan)
    for contest, each in zip(plan.contests, seconds, strict=True):
        n = len(contest.seeds) * len(plan.mixes)
        total += n * each
        table.add_row(
            contest.task,
            contest.settings.model,
            ", ".join(mix.name for mix in plan.mixes),
            str(len(contest.seeds)),
            str(n),
            str(contest.settings.n_images),
            f"{n * each / 60:.0f} min",
        )
    console.print(table)
    asked = "; ".join(f"{q.mix} against {q.against}" for q in plan.questions)
    console.print(
        f"{len(plan.trials)} trainings, about {total / 60:.0f} min on {where}, from a few steps of each "
        f"timed now. Asked: {asked}."
    )
