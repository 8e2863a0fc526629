"""``synth compare``: what each kind of training data is worth on real held-out images."""

from pathlib import Path
from typing import Annotated

import typer


def compare(
    real: Annotated[Path, typer.Option(help="Captured dataset; its test images decide.")] = Path("data/real"),
    synthetic: Annotated[Path, typer.Option(help="Rendered dataset.")] = Path("data/synthetic"),
    translated: Annotated[Path, typer.Option(help="Translated dataset.")] = Path("data/translated"),
    arms: Annotated[str, typer.Option(help="Which of them, comma separated.")] = "real,synthetic,translated",
    out: Annotated[Path, typer.Option(help="Folder of the comparison; gone on with.")] = Path("runs/compare"),
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each arm.")] = 3,
    quick: Annotated[bool, typer.Option("--quick", help="Small crops and a short training.")] = False,
    images: Annotated[
        int | None, typer.Option(min=1, help="Crops each training sees in all; the default's number.")
    ] = None,
    plan_only: Annotated[bool, typer.Option("--plan-only", help="Print the trainings and stop.")] = False,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, mps; the best there is.")] = None,
) -> None:
    """Train on each kind of images and say, on real held-out ones, what each is worth.

    The same command goes on where it stopped. Surface normals only, so far.

    Example: synth compare --quick
    """
    from dataclasses import replace

    from rich.console import Console

    from synth.compare.plan import DEFAULT_NORMALS, QUICK_NORMALS, Arm, Plan
    from synth.compare.report.write import write_report
    from synth.compare.run import run_plan
    from synth.compute.progress import make_progress
    from synth.dataset.reader import DatasetReader
    from synth.errors import InputError

    roots = {"real": real, "synthetic": synthetic, "translated": translated}
    asked = [name.strip() for name in arms.split(",") if name.strip()]
    if unknown := [name for name in asked if name not in roots]:
        raise InputError(f"there is no arm {unknown[0]!r}: choose among {', '.join(roots)}")
    settings = QUICK_NORMALS if quick else DEFAULT_NORMALS
    plan = Plan(
        arms={name: Arm(name, DatasetReader(roots[name])) for name in roots if name in asked},
        seeds=tuple(range(seeds)),
        out=out,
        normals=settings if images is None else replace(settings, n_images=images),
        device=device,
    )
    console = Console(highlight=False)
    if plan.is_simulated:
        console.print("[black on yellow] SIMULATED [/] the test images are those of the simulated cell")
    if plan_only:
        for cell in plan.cells:
            console.print(f"{cell.name}: {plan.normals.n_steps} steps, network {plan.normals.net}")
        return
    try:
        results = run_plan(plan, lambda *a: make_progress(console, *a))
    except KeyboardInterrupt:
        console.print("Stopped; the same command goes on from there.")
        raise typer.Exit(130) from None
    path, verdict = write_report(plan, results)
    for sentence in verdict:
        console.print(sentence.text)
    console.print(f"Report: {path}")
