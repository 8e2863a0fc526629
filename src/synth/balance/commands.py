"""``synth balance``: label maps in which rare classes are less rare."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from synth.balance.choices import Measure
from synth.balance.ways import DEFAULT_WAY, WAYS

if TYPE_CHECKING:
    from rich.console import Console

    from synth.balance.run import Balanced


def balance(
    data: Annotated[Path, typer.Argument(help="Dataset with label maps; only its train maps are used.")],
    way: Annotated[str, typer.Option(help=f"How maps are made: {', '.join(WAYS)}.")] = DEFAULT_WAY,
    classes: Annotated[
        str | None,
        typer.Option(help="What is added to maps, comma between; those with a share if not given."),
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(help="CLASS=2%: so much of the train maps and made maps together; repeatable."),
    ] = None,
    at_least: Annotated[list[str] | None, typer.Option(help="CLASS=2%: so much or more; repeatable.")] = None,
    measure: Annotated[Measure, typer.Option(help="What those are shares of.")] = "pixels",
    things: Annotated[
        str | None,
        typer.Option(
            help="Classes that stand one before another, comma between; if not given, those with known "
            "instances and those of whose components four in five touch no border."
        ),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(help="Maps to make; as many as shares need, at most one a train map, if not given."),
    ] = None,
    each: Annotated[
        int | None,
        typer.Option(help="Things of each class added to a map, at most; 1, or 6 with shares, if not given."),
    ] = None,
    paste: Annotated[
        bool,
        typer.Option(
            "--paste", help="Pictures too: the train picture, into which what is added is pasted as it looks."
        ),
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is drawn by chance.")] = 0,
    out: Annotated[Path, typer.Option(help="Dataset of the made maps.")] = Path("data/balanced"),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Make the maps, print the shares, write nothing.")
    ] = False,
) -> None:
    """Make label maps in which rare classes are less rare. The same command goes on where it stopped.

    They are made of train maps alone; synth paint makes pictures of them, or --paste does.

    Example: synth balance data/real --way add-single --classes Pole
    """
    from synth.balance.findings import SHARES, SHEET_FILE, write_findings
    from synth.balance.run import balance as run_balance
    from synth.balance.settings import BalanceSettings
    from synth.compute.progress import make_progress
    from synth.dataset.reader import DatasetReader
    from synth.run_log import run_log
    from synth.terminal import SIMULATED, make_console

    settings = BalanceSettings(
        data=DatasetReader(data).refuse_empty(),
        out=out,
        way=way,
        classes=_split(classes),
        exact=tuple(target or ()),
        at_least=tuple(at_least or ()),
        measure=measure,
        things=None if things is None else _split(things),
        count=count,
        each=each,
        seed=seed,
        paste=paste,
    )
    console = make_console()
    if settings.data.info.made_by.simulated:
        console.print(SIMULATED, "the maps are of the simulated cell")
    if dry_run:
        print_balanced(console, run_balance(settings, lambda *a: make_progress(console, *a), is_dry=True))
        console.print("Nothing was written.")
        return
    with run_log(out, settings, console):
        try:
            balanced = run_balance(settings, lambda *a: make_progress(console, *a))
        except KeyboardInterrupt:
            console.print("Stopped; the same command goes on from there.")
            raise typer.Exit(130) from None
        print_balanced(console, balanced)
        if not balanced.made.n_maps:
            console.print("No map was made.")
            return
        write_findings(balanced)
        following = f"Next: synth dataset sheet {out}" if paste else f"Next: synth paint {out} --data {data}"
        console.print(
            f"{out}: {balanced.made.n_maps} maps, {balanced.n_new} new. Look at {out / SHEET_FILE} and "
            f"{out / SHARES}.png. {following}",
            soft_wrap=True,
        )


def _split(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def print_balanced(console: "Console", balanced: "Balanced") -> None:
    """What is a thing, shares as a table, what was laid and refused, and which shares were reached."""
    from rich.table import Table

    from synth.balance.verdict import MEASURES, list_rows, list_sentences

    study, rows = balanced.study, list_rows(balanced)
    why = "as --things says" if balanced.settings.things is not None else "by the data; --things names others"
    told = ", ".join(study.names[c] for c in study.things) or "none"
    console.print(f"Taken for things ({why}): {told}.", soft_wrap=True)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("class")
    for measure in MEASURES:
        asked = ("target",) if measure == balanced.settings.measure else ()
        for column in (f"{measure} before", "after", *asked):
            table.add_column(column, justify="right")
    for name in study.names:
        cells = []
        for row in (row for row in rows if row.class_name == name):
            cells += [f"{row.before:.2%}", f"{row.after:.2%}"]
            if row.measure == balanced.settings.measure:
                cells.append("–" if row.target is None else f"{row.target:.2%}")
        table.add_row(name, *cells)
    console.print(table)
    laid = ", ".join(f"{n} {name}" for name, n in sorted(balanced.laid.items())) or "nothing"
    console.print(f"{balanced.made.n_maps} maps made; laid: {laid}.", soft_wrap=True)
    if balanced.refused:
        refused = ", ".join(f"{n} {reason}" for reason, n in balanced.refused.most_common())
        console.print(f"Places refused on the way, by reason: {refused}.", soft_wrap=True)
    if balanced.n_mixes:
        console.print(f"{balanced.n_mixes} mixes of maps were refused, for neighbours no train map has.")
    if balanced.n_empty:
        console.print(f"In {balanced.n_empty} further maps nothing found a place; they are left out.")
    for sentence in list_sentences(balanced):
        console.print(sentence, soft_wrap=True)
