"""``synth label``: label maps of pictures, made by trained networks."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from synth.compute.options import Address, EngineName, Workers

if TYPE_CHECKING:
    from rich.console import Console

    from synth.label.run import Labelled
    from synth.label.settings import LabelSettings
    from synth.label.twins import TwinLabelled, TwinSettings
    from synth.label.verdict import Verdict


def label(
    data: Annotated[Path, typer.Argument(help="Dataset whose pictures get label maps.")],
    run: Annotated[
        list[Path] | None,
        typer.Option(
            help="Folder of a training of segmentation, or its weights.safetensors; several are held against "
            "each other, and the best of them labels."
        ),
    ] = None,
    twins: Annotated[
        Path | None,
        typer.Option(
            help="In place of networks: label maps of the twins of captured pictures, which synth render "
            "--maps-only makes."
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Labelled dataset.")] = Path("data/labelled"),
    min_confidence: Annotated[
        float | None,
        typer.Option(help="0 to 1; pixels of which the network is less sure are void; 0.5 if not given."),
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option("--map", metavar="TABLE", help="CSV of classes and the labels they become, or void."),
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option(
            help="Dataset with label maps of people's, which score the networks; those of DATA if not given."
        ),
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, mps; the best there is.")] = None,
    workers: Workers = None,
    engine: EngineName = None,
    address: Address = None,
) -> None:
    """Label the pixels of pictures, by networks or by twins. The same command goes on where it stopped.

    Example: synth label data/footage --run runs/train/segmentation
    """
    from synth.compute.progress import make_progress
    from synth.compute.spread import Spread
    from synth.label.request import make_label_settings
    from synth.label.run import label as run_label
    from synth.label.twins import TwinSettings, label_by_twins
    from synth.run_log import run_log
    from synth.terminal import SIMULATED, make_console

    settings = make_label_settings(
        data,
        out,
        runs=run or (),
        twins=twins,
        min_confidence=min_confidence,
        table=table,
        truth=truth,
        device=device,
        spread=Spread(engine, address, workers),
    )
    console = make_console()
    if settings.data.info.made_by.simulated:
        console.print(SIMULATED, "the pictures are those of the simulated cell")
    with run_log(out, settings, console):
        try:
            if isinstance(settings, TwinSettings):
                by_twins = label_by_twins(settings, lambda *words: make_progress(console, *words))
                _print_by_twins(console, by_twins, settings)
                return
            labelled = run_label(settings, lambda *words: make_progress(console, *words))
        except KeyboardInterrupt:
            console.print("Stopped; the same command goes on from there.")
            raise typer.Exit(130) from None
        print_verdict(console, labelled.verdict)
        _print_labelled(console, labelled, settings)


def print_verdict(console: "Console", verdict: "Verdict") -> None:
    """Figures of each network, how alike they are, and which one labels."""
    from rich.table import Table

    if verdict.n_learnt:
        console.print(
            f"{verdict.n_learnt} labelled pictures taught or chose one of the networks and score none."
        )
    if verdict.n_labelled:
        console.print(f"Beside the labels of people, on {verdict.n_labelled} pictures:")
        for one in verdict.runs:
            console.print(
                f"  {one.run}: mIoU {one.miou}, mean F1 {one.mf1}, pixel accuracy {one.pixel_accuracy}",
                soft_wrap=True,
            )
        console.print(
            "  95 % intervals are over pictures, or films where there are five, of one training each.",
            soft_wrap=True,
        )
    for pair in verdict.pairs:
        console.print(
            f"{pair.runs[0]} and {pair.runs[1]} agree in {pair.pixels} of the pixels, mIoU {pair.miou}, on "
            f"{verdict.n_compared} pictures without labels.",
            soft_wrap=True,
        )
    if len(verdict.runs) > 1:
        console.print(f"{verdict.why}.", soft_wrap=True)
    if precision := verdict.runs[verdict.chosen].precision:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in ("--min-confidence", "pixels that keep a label", "right of these"):
            table.add_column(column, justify="right")
        for step in precision:
            table.add_row(f"{step.confidence:g}", f"{step.kept:.1%}", f"{step.right:.1%}")
        console.print(table)


def _print_by_twins(console: "Console", labelled: "TwinLabelled", settings: "TwinSettings") -> None:
    bare = labelled.n_samples - labelled.n_labelled
    without = f"; {bare} have no twin and no label map" if bare else ""
    console.print(
        f"{settings.out}: {labelled.n_labelled} pictures have the label maps of their twins in "
        f"{settings.maps.root}, {labelled.n_new} new{without}. They are as true as the cell's calibration. "
        f"Next: synth dataset sheet {settings.out}",
        soft_wrap=True,
    )


def _print_labelled(console: "Console", labelled: "Labelled", settings: "LabelSettings") -> None:
    from synth.label.run import SHEET

    out, n_made = settings.out, labelled.n_samples - labelled.n_kept
    kept = f", {labelled.n_kept} keep the label map that people made" if labelled.n_kept else ""
    console.print(
        f"{out}: {n_made} pictures are labelled{kept}, {labelled.n_new} new; {labelled.void_share:.1%} of "
        f"the pixels are void, by a confidence below {settings.min_confidence:g} or as no part of the scene. "
        f"Look at {out / SHEET}. Next: synth dataset stats {out}",
        soft_wrap=True,
    )
