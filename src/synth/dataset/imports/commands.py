"""``synth import``: somebody else's images and labels as one of synth's datasets."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from synth.dataset.imports.intake import Summary
    from synth.dataset.sample import Split

S = TypeVar("S")

app = typer.Typer(
    help="Make a dataset of somebody else's images and labels.", no_args_is_help=True, rich_markup_mode=None
)

_MOST_SHOWN = 20

Out = Annotated[Path, typer.Option(help="Dataset folder; an unfinished one is gone on with.")]
Train = Annotated[str | None, typer.Option(help="Numbers of the pictures that train, such as 0-5,9.")]
Val = Annotated[str | None, typer.Option(help="Numbers of those that validate.")]
Test = Annotated[str | None, typer.Option(help="Numbers of those that test; what none names is left out.")]
Square = Annotated[bool, typer.Option("--square", help="The 1:1 boxes go to labels/, not the tight ones.")]


@app.command()
def bop(
    folder: Annotated[Path, typer.Argument(help="A BOP scene, or a folder of such scenes.")],
    out: Out = Path("data/real"),
    models: Annotated[
        Path | None, typer.Option(help="Folder of meshes in mm; found beside the scene if not given.")
    ] = None,
    name: Annotated[
        list[str] | None, typer.Option(help="Class of an object: 1=cat; may be given again.")
    ] = None,
    normal: Annotated[
        str | None, typer.Option(help="Axis of the models whose direction is labelled: 0,0,1.")
    ] = None,
    face: Annotated[
        str | None, typer.Option(help="Or a point, in the models' mm, on the face whose normal is labelled.")
    ] = None,
    square: Square = False,
    train: Train = None,
    val: Val = None,
    test: Test = None,
) -> None:
    """Poses of known models become masks, boxes, visible shares and normals, by ray casting.

    Example: synth import bop lmo/test/000002 --normal 0,0,1 --out data/real
    """
    from synth.dataset.imports.bop import BopSettings, import_bop
    from synth.errors import InputError

    if normal is not None and face is not None:
        raise InputError("--normal and --face are two ways to choose one normal: give one")
    settings = BopSettings(
        folder=folder,
        out=out,
        models=models,
        names=_parse_names(name or []),
        normal=None if normal is None else _parse_triple("--normal", normal),
        face=None if face is None else _parse_triple("--face", face),
        box_kind="square" if square else "tight",
        splits=_splits(train, val, test),
    )
    _take(import_bop, settings, out)


@app.command()
def yolo(
    folder: Annotated[
        Path, typer.Argument(help="A folder with a data.yaml, or with images and labels; or the data.yaml.")
    ],
    out: Out = Path("data/real"),
    classes: Annotated[
        str | None, typer.Option(help="Classes from number 0 on, such as cup,lid, instead of the folder's.")
    ] = None,
    root: Annotated[
        Path | None, typer.Option(help="Where the paths in data.yaml begin; its own folder if not given.")
    ] = None,
    square: Square = False,
    train: Train = None,
    val: Val = None,
    test: Test = None,
) -> None:
    """Boxes and polygons in Ultralytics' layout.

    Example: synth import yolo downloads/cups --out data/real
    """
    from synth.dataset.imports.yolo import YoloSettings, import_yolo

    settings = YoloSettings(
        folder=folder,
        out=out,
        classes=tuple(name.strip() for name in classes.split(",")) if classes else (),
        root=root,
        box_kind="square" if square else "tight",
        splits=_splits(train, val, test),
    )
    _take(import_yolo, settings, out)


@app.command()
def coco(
    folder: Annotated[Path, typer.Argument(help="A folder with annotations/instances_*.json; or one JSON.")],
    out: Out = Path("data/real"),
    images: Annotated[
        Path | None, typer.Option(help="Where the JSON's file names begin; found beside it if not given.")
    ] = None,
    square: Square = False,
    train: Train = None,
    val: Val = None,
    test: Test = None,
) -> None:
    """Boxes and masks in COCO's JSON.

    Example: synth import coco downloads/cups --out data/real
    """
    from synth.dataset.imports.coco import CocoSettings, import_coco

    settings = CocoSettings(
        folder=folder,
        out=out,
        images=images,
        box_kind="square" if square else "tight",
        splits=_splits(train, val, test),
    )
    _take(import_coco, settings, out)


@app.command()
def images(
    folder: Annotated[Path, typer.Argument(help="A folder of photographs, each of one part.")],
    out: Out = Path("data/real"),
    hsv: Annotated[
        str | None,
        typer.Option(
            help="The part's colour: h_min,h_max,s_min,s_max,v_min,v_max; h to 179, the rest to 255."
        ),
    ] = None,
    cell: Annotated[Path | None, typer.Option(help="Or a cell file that tells it, and the class.")] = None,
    name: Annotated[str | None, typer.Option(help="Class of the part; the cell's, or 'part'.")] = None,
    square: Square = False,
    train: Train = None,
    val: Val = None,
    test: Test = None,
) -> None:
    """Photographs, labelled by the colour of the part.

    Example: synth import images photos --hsv 5,25,120,255,60,255 --name lid --out data/real
    """
    from synth.cell.load import load_cell
    from synth.dataset.imports.images import ImagesSettings, import_images, parse_hsv
    from synth.errors import InputError

    if (hsv is None) == (cell is None):
        raise InputError("give the part's colour by --hsv, or a --cell file that tells it")
    described = load_cell(cell) if cell else None
    settings = ImagesSettings(
        folder=folder,
        out=out,
        colour=described.label if described else parse_hsv(hsv or ""),
        class_name=name or (described.part.class_name if described else "part"),
        box_kind="square" if square else "tight",
        splits=_splits(train, val, test),
    )
    _take(import_images, settings, out)


def _splits(train: str | None, val: str | None, test: str | None) -> "Mapping[Split, str]":
    given: dict[Split, str | None] = {"train": train, "val": val, "test": test}
    return {split: text for split, text in given.items() if text is not None}


def _parse_names(words: list[str]) -> dict[int, str]:
    from synth.errors import InputError

    names = {}
    for word in words:
        number, equals, name = word.partition("=")
        if not (equals and number.isdecimal() and name):
            raise InputError(f"--name must be a number and a class such as 1=cat, got {word!r}")
        names[int(number)] = name
    return names


def _parse_triple(option: str, text: str) -> tuple[float, float, float]:
    from math import isfinite

    from synth.errors import InputError

    try:
        x, y, z = (float(word) for word in text.split(","))
    except ValueError:
        raise InputError(f"{option} must be three numbers such as 0,0,1, got {text!r}") from None
    if not all(map(isfinite, (x, y, z))):
        raise InputError(f"{option} must be three finite numbers, got {text!r}")
    return x, y, z


def _take(take: "Callable[[S, Callable[[int, int], None]], Summary]", settings: "S", out: Path) -> None:
    """Import as the settings say, with a bar and a log, and say what came of it."""
    from rich.console import Console

    from synth.run_log import run_log

    console = Console(highlight=False)
    with run_log(out, settings, console):
        with _progress() as on_picture:
            summary = take(settings, on_picture)
        _report(summary, out, console)


@contextmanager
def _progress() -> "Iterator[Callable[[int, int], None]]":
    """A bar on a terminal, nothing in a pipe; what it yields is told of every picture."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("importing", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _report(summary: "Summary", out: Path, console: "Console") -> None:
    splits = ", ".join(f"{n} {split}" for split, n in summary.splits.items())
    for note in summary.notes[:_MOST_SHOWN]:
        console.print(note, soft_wrap=True, markup=False)
    _print_misfits(summary, out, console)
    console.print(
        f"{out}: {summary.n_samples} images ({splits}) with {summary.n_instances} labelled objects, "
        f"{summary.n_new} of them new. Next: synth dataset sheet {out}",
        soft_wrap=True,
    )


def _print_misfits(summary: "Summary", out: Path, console: "Console") -> None:
    if not summary.misfits:
        return
    reasons = ", ".join(f"{reason} {n}" for reason, n in summary.reasons.items())
    console.print(
        f"{len(summary.misfits)} things did not fit and are not in {out} ({reasons}):", markup=False
    )
    for misfit in summary.misfits[:_MOST_SHOWN]:
        console.print(f"  {misfit}", soft_wrap=True, markup=False)
    if len(summary.misfits) > _MOST_SHOWN:
        console.print(f"  ... and {len(summary.misfits) - _MOST_SHOWN} more: {out}/rejected/rejected.jsonl")
