"""``synth dataset``: look at a dataset, check it, merge, split, take samples out, hand it to others."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from synth.dataset.choices import BoxKind, MapCoding

if TYPE_CHECKING:
    from rich.console import Console

app = typer.Typer(
    help="Look at a dataset, check, mend, merge, split and export it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
export_app = typer.Typer(
    help="Write a dataset in somebody else's format.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(export_app, name="export")

_DEFAULT = Path("data/real")
Folder = Annotated[Path, typer.Argument(metavar="[FOLDER]", help="Dataset folder.")]
Classes = Annotated[str | None, typer.Option(help="Only these classes, such as cup,lid; all if not given.")]
SingleClass = Annotated[
    str | None, typer.Option(metavar="NAME", help="All that is kept becomes one class of this name.")
]
FlipPairs = Annotated[
    str | None, typer.Option(help="Classes that a mirror swaps: turn_left=turn_right, comma between pairs.")
]
NewFolder = Annotated[Path, typer.Option(help="New dataset folder; an unfinished one is gone on with.")]


@app.command()
def stats(
    folder: Folder = _DEFAULT,
    beside: Annotated[
        list[Path] | None,
        typer.Option(
            help="Another dataset; train instances by class and size side by side. May be repeated."
        ),
    ] = None,
    figure: Annotated[
        Path | None, typer.Option(help="Draw train instances by class and size: a PNG, SVG or PDF.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print figures and histograms.

    Example: synth dataset stats data/real

    Example: synth dataset stats data/real --beside data/composited --figure sizes.png
    """
    import json

    from synth.dataset.class_sizes import SIZES_IN_WORDS, count_sizes, draw_sizes, make_size_table
    from synth.dataset.reader import DatasetReader
    from synth.dataset.statistics import compute_figures, print_figures
    from synth.terminal import make_console

    datasets = [DatasetReader(root) for root in (folder, *(beside or []))]
    if figure is not None:
        draw_sizes(datasets, figure)
    if as_json:
        figures = compute_figures(datasets[0])
        if beside:
            figures["train_by_class_and_size"] = {str(d.root): count_sizes(d) for d in datasets}
        typer.echo(json.dumps(figures, indent=2, ensure_ascii=False))
        return
    console = make_console()
    if beside:
        console.print("train instances of each class, and of them small / medium / large", style="bold")
        console.print(make_size_table(datasets))
        console.print(SIZES_IN_WORDS)
    else:
        print_figures(datasets[0], console)
    if figure is not None:
        console.print(f"wrote {figure}")


@app.command()
def verify(
    folder: Folder = _DEFAULT, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
) -> None:
    """Check every file against its hash, schema and views. Example: synth dataset verify data/real"""
    import json
    from dataclasses import asdict

    from synth.dataset.bar import show_bar
    from synth.dataset.verify import verify as list_findings
    from synth.errors import VerifyFailed

    with show_bar("verifying") as on_progress:
        findings = list_findings(folder, on_progress=lambda *counts: on_progress("verifying", *counts))
    if as_json:
        said = {"folder": str(folder), "ok": not findings, "findings": [asdict(f) for f in findings]}
        typer.echo(json.dumps(said, indent=2, ensure_ascii=False))
    else:
        for finding in findings:
            typer.echo(str(finding), err=True)
    if findings:
        raise VerifyFailed(
            f"{folder} has {len(findings)} findings: `synth dataset mend {folder}` rewrites views and "
            "removes unfinished writes, `synth dataset reject` takes a damaged sample out"
        )
    if not as_json:
        typer.echo(f"{folder}: OK")


@app.command()
def mend(folder: Folder = _DEFAULT) -> None:
    """Finish what a killed writer began and rewrite the views. Example: synth dataset mend data/real"""
    from synth.dataset.store import DatasetWriter

    with DatasetWriter.open(folder) as writer:
        for note in writer.notes:
            typer.echo(note)
        typer.echo(f"{folder}: {len(writer.samples)} samples, views rewritten")


@app.command()
def migrate(folder: Folder = _DEFAULT) -> None:
    """Bring records of an older schema to this one. Example: synth dataset migrate data/real"""
    from synth.dataset.info import SCHEMA_VERSION
    from synth.dataset.migrate import migrate as bring_to_this_schema

    done = bring_to_this_schema(folder)
    typer.echo(f"{folder}: {'is now' if done else 'was already'} of schema {SCHEMA_VERSION}")


@app.command()
def merge(
    folders: Annotated[list[Path], typer.Argument(metavar="A B ...", help="Datasets, two or more.")],
    out: NewFolder,
    classes: Classes = None,
    single_class: SingleClass = None,
    flip_pairs: FlipPairs = None,
    boxes: Annotated[
        BoxKind | None, typer.Option(help="Which boxes labels/ holds; needed where the datasets differ.")
    ] = None,
) -> None:
    """Make one dataset of several; files are linked, not copied. The same command goes on where it stopped.

    Example: synth dataset merge data/monday data/tuesday --out data/both
    """
    from synth.dataset.bar import show_bar
    from synth.dataset.classes import parse_choice
    from synth.dataset.merge import MergeSettings
    from synth.dataset.merge import merge as run_merge
    from synth.terminal import make_console

    choice = parse_choice(classes, single_class, flip_pairs)
    settings = MergeSettings(tuple(folders), out, choice, boxes)
    console = make_console()
    with _logged(out, settings, console):
        with show_bar("merging") as on_progress:
            merged = run_merge(settings, on_progress)
        for note in merged.notes:
            console.print(note, soft_wrap=True)
        _report(out, merged.n_new, console)


@app.command()
def split(
    folder: Annotated[Path, typer.Argument(help="Dataset folder.")],
    out: NewFolder,
    by: Annotated[
        Path | None, typer.Option(help="A CSV with a header: a column of pictures, a column of splits.")
    ] = None,
    test: Annotated[
        str | None,
        typer.Option(help="What tests: groups by name (film1,film 2) or samples by number (0-5,9)."),
    ] = None,
    val: Annotated[str | None, typer.Option(help="What validates, likewise; the rest trains.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Deal at random, groups as a whole.")] = None,
    group: Annotated[
        Path | None,
        typer.Option(help="A CSV with a header: a column of pictures, one of the recording that each is of."),
    ] = None,
    classes: Classes = None,
    single_class: SingleClass = None,
    flip_pairs: FlipPairs = None,
) -> None:
    """Deal train, val and test anew, in a new folder. A group, and a shot, always stays together.

    Example: synth dataset split data/signs --test film3 --val film2 --out data/signs_by_film
    """
    from synth.dataset.bar import show_bar
    from synth.dataset.classes import parse_choice
    from synth.dataset.record import SPLITS
    from synth.dataset.resplit import SplitSettings, resplit
    from synth.terminal import make_console

    given = {"val": val, "test": test}
    settings = SplitSettings(
        dataset=folder,
        out=out,
        by=by,
        asked={s: text for s in SPLITS if (text := given.get(s)) is not None},
        seed=seed,
        group=group,
        choice=parse_choice(classes, single_class, flip_pairs),
    )
    console = make_console()
    with _logged(out, settings, console):
        with show_bar("splitting") as on_progress:
            n_new = resplit(settings, on_progress)
        _report(out, n_new, console)


@contextmanager
def _logged(out: Path, settings: object, console: "Console") -> Iterator[None]:
    """A log of what the block does; stopped, it says how to go on."""
    from synth.run_log import run_log

    with run_log(out, settings, console):
        try:
            yield
        except KeyboardInterrupt:
            console.print("Stopped; the same command goes on from there.")
            raise typer.Exit(130) from None


def _report(out: Path, n_new: int, console: "Console") -> None:
    from synth.dataset.reader import DatasetReader
    from synth.dataset.statistics import print_result

    print_result(DatasetReader(out), n_new, console)


@app.command()
def sheet(
    folder: Folder = _DEFAULT,
    out: Annotated[Path | None, typer.Option(help="PNG to write; FOLDER/sheet.png if not given.")] = None,
    count: Annotated[int, typer.Option(min=1, max=400, help="Samples shown, spread over the dataset.")] = 24,
    columns: Annotated[int, typer.Option(min=1, max=20, help="Images side by side.")] = 4,
    beside: Annotated[
        list[Path] | None,
        typer.Option(help="Other datasets with samples of the same names, beside this one; may be repeated."),
    ] = None,
    only: Annotated[str | None, typer.Option(help="With --beside: this sample alone.")] = None,
) -> None:
    """Draw boxes, masks, normals and label maps on a contact sheet.

    Example: synth dataset sheet data/real --count 40

    Example: synth dataset sheet data/real --beside data/synthetic --beside data/translated --count 3
    """
    from synth.dataset.reader import DatasetReader
    from synth.dataset.sheet import write_looks, write_sheet

    target = out or folder / ("looks.png" if beside else "sheet.png")
    if beside:
        write_looks([DatasetReader(root) for root in (folder, *beside)], target, n_samples=count, only=only)
    else:
        write_sheet(DatasetReader(folder), target, n_samples=count, n_columns=columns)
    typer.echo(f"wrote {target}")


@app.command()
def view(
    folder: Folder = _DEFAULT,
    out: Annotated[Path | None, typer.Option(help="Recording; FOLDER/view.rrd if not given.")] = None,
    spawn: Annotated[bool, typer.Option("--spawn", help="Open the Rerun viewer instead of a file.")] = False,
) -> None:
    """Record images, boxes, arm path and normals for Rerun. Example: synth dataset view data/real --spawn"""
    from synth.dataset.reader import DatasetReader
    from synth.dataset.view import record

    target = None if spawn else out or folder / "view.rrd"
    record(DatasetReader(folder), target)
    typer.echo(f"wrote {target}: open it with `rerun {target}`" if target else "sent to the Rerun viewer")


@app.command()
def reject(
    name: Annotated[str, typer.Argument(help="Name of the sample, such as 000012.")],
    folder: Folder = _DEFAULT,
    reason: Annotated[str, typer.Option(help="Why; kept beside the files.")] = "taken out by hand",
) -> None:
    """Take a sample out; its files move to rejected/. Example: synth dataset reject 000012 --reason glare"""
    from synth.dataset.store import DatasetWriter

    with DatasetWriter.open(folder) as writer:
        number = writer.reject(name, reason).number
        typer.echo(f"{folder}: moved to rejected/{number:06d}_…, {len(writer.samples)} samples remain")


@app.command("accept-near-copies")
def accept_near_copies(
    because: Annotated[str, typer.Option(help="Why; it stands in dataset.json and is said again.")],
    folder: Folder = _DEFAULT,
) -> None:
    """Let near copies of test images train, such as neighbouring frames of the only film; copies never may.

    Example: synth dataset accept-near-copies data/film --because "there is no other film of this part"
    """
    from synth.dataset.leak.acceptance import accept_near_copies as accept

    accept(folder, because)
    typer.echo(f"{folder}: near copies of its test images may train; what learns from it says so, and why")


@export_app.command()
def coco(
    folder: Folder = _DEFAULT,
    out: Annotated[Path, typer.Option(help="Empty folder to write to.")] = Path("data/coco"),
) -> None:
    """Write COCO JSON and images. Example: synth dataset export coco data/real --out data/coco"""
    from synth.dataset.exports.coco import export_coco
    from synth.dataset.reader import DatasetReader

    for path in export_coco(DatasetReader(folder), out):
        typer.echo(f"wrote {path}")


@export_app.command()
def yolo(
    folder: Folder = _DEFAULT,
    out: Annotated[Path, typer.Option(help="Empty folder to write to.")] = Path("data/yolo"),
) -> None:
    """Write Ultralytics' folders. Example: synth dataset export yolo data/real --out data/yolo"""
    from synth.dataset.exports.yolo import export_yolo
    from synth.dataset.reader import DatasetReader

    typer.echo(f"wrote {export_yolo(DatasetReader(folder), out)}")


@export_app.command()
def semantic(
    folder: Folder = _DEFAULT,
    out: Annotated[Path, typer.Option(help="Empty folder to write to.")] = Path("data/semantic"),
    coding: Annotated[MapCoding, typer.Option(help="What the label maps hold.")] = "ids",
    palette: Annotated[
        str | None,
        typer.Option(
            help="Whose ids and colours: as synth import semantic has it; the dataset's own if not."
        ),
    ] = None,
    void: Annotated[str | None, typer.Option(help="With --palette: what is void besides, likewise.")] = None,
) -> None:
    """Write images and label maps. Example: synth dataset export semantic data/camvid --coding colours"""
    from synth.dataset.exports.semantic import export_semantic
    from synth.dataset.palettes.reading import load_palette
    from synth.dataset.reader import DatasetReader
    from synth.errors import InputError

    if void is not None and palette is None:
        raise InputError("--void says what is void in a --palette: give that too")
    table = None if palette is None else load_palette(palette, void)
    typer.echo(f"wrote {export_semantic(DatasetReader(folder), out, coding=coding, palette=table)}")


@export_app.command()
def bop(
    folder: Folder = _DEFAULT,
    out: Annotated[Path, typer.Option(help="Empty folder to write to.")] = Path("data/bop"),
    cell: Annotated[
        Path | None, typer.Option(help="Cell file with the part's mesh, where the dataset brings none.")
    ] = None,
    undistort: Annotated[
        bool, typer.Option("--undistort", help="Straighten distorted images, which BOP cannot describe.")
    ] = False,
) -> None:
    """Write BOP scenes. Example: synth dataset export bop data/real --cell cell.yaml --undistort"""
    from synth.cell.load import load_cell
    from synth.dataset.exports.bop import export_bop
    from synth.dataset.reader import DatasetReader

    dataset = DatasetReader(folder)
    for scene in export_bop(
        dataset, out, cell=load_cell(cell) if cell else None, undistort=undistort, on_note=typer.echo
    ):
        typer.echo(f"wrote {scene}")


@export_app.command()
def webdataset(
    folder: Folder = _DEFAULT,
    out: Annotated[Path, typer.Option(help="Empty folder to write to.")] = Path("data/webdataset"),
    shard_mb: Annotated[
        float, typer.Option("--shard-mb", min=1, help="About how large a shard gets, megabytes.")
    ] = 256,
) -> None:
    """Write tar shards. Example: synth dataset export webdataset data/real --out data/webdataset"""
    from synth.dataset.exports.webdataset import export_webdataset
    from synth.dataset.reader import DatasetReader

    for path in export_webdataset(DatasetReader(folder), out, shard_mb=shard_mb):
        typer.echo(f"wrote {path}")
