"""``synth import``: somebody else's images and labels as one of synth's datasets."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from synth.compute.options import Address, EngineName, Workers
from synth.dataset.choices import Overlay
from synth.dataset.commands import Classes, FlipPairs, SingleClass
from synth.dataset.imports.options import Group, Out, Square, Test, Train, Val

if TYPE_CHECKING:
    from synth.dataset.imports.intake import Summary
    from synth.dataset.record import Split

S = TypeVar("S")

app = typer.Typer(
    help="Make a dataset of somebody else's images and labels.", no_args_is_help=True, rich_markup_mode=None
)


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
    sensor: Annotated[
        str | None, typer.Option(help="Which, of a scene with several: cam1 takes scene_gt_cam1.json.")
    ] = None,
    square: Square = False,
    train: Train = None,
    val: Val = None,
    test: Test = None,
    group: Group = None,
    classes: Classes = None,
    single_class: SingleClass = None,
    flip_pairs: FlipPairs = None,
) -> None:
    """Poses of known models become masks, boxes, visible shares and normals, by ray casting.

    Example: synth import bop lmo/test/000002 --normal 0,0,1 --out data/real
    """
    from synth.dataset.classes import parse_choice
    from synth.dataset.imports.bop import BopSettings, import_bop
    from synth.dataset.imports.bop_words import parse_names, parse_triple
    from synth.errors import InputError

    if normal is not None and face is not None:
        raise InputError("--normal and --face are two ways to choose one normal: give one")
    settings = BopSettings(
        folder=folder,
        out=out,
        models=models,
        names=parse_names(name or []),
        normal=None if normal is None else parse_triple("--normal", normal),
        face=None if face is None else parse_triple("--face", face),
        box_kind="square" if square else "tight",
        splits=_splits(train, val, test),
        group=group,
        choice=parse_choice(classes, single_class, flip_pairs),
        sensor=sensor,
    )
    _take(import_bop, settings, out)


@app.command()
def yolo(
    folder: Annotated[
        Path,
        typer.Argument(
            help="A folder with a data.yaml or an obj.data, or with images and labels; or the YAML."
        ),
    ],
    out: Out = Path("data/real"),
    names: Annotated[
        str | None,
        typer.Option(
            help="Names of the classes from number 0 on, instead of the folder's: cup,lid, or a file with a "
            "name a line (.txt, .names)."
        ),
    ] = None,
    root: Annotated[
        Path | None, typer.Option(help="Where the paths in data.yaml begin; its own folder if not given.")
    ] = None,
    square: Square = False,
    train: Train = None,
    val: Val = None,
    test: Test = None,
    group: Group = None,
    classes: Classes = None,
    single_class: SingleClass = None,
    flip_pairs: FlipPairs = None,
) -> None:
    """Boxes and polygons in Ultralytics' layout.

    Example: synth import yolo downloads/cups --out data/real
    """
    from synth.dataset.classes import parse_choice
    from synth.dataset.imports.yolo import YoloSettings, import_yolo
    from synth.dataset.imports.yolo_description import parse_names

    settings = YoloSettings(
        folder=folder,
        out=out,
        names=parse_names(names) if names else (),
        root=root,
        box_kind="square" if square else "tight",
        splits=_splits(train, val, test),
        group=group,
        choice=parse_choice(classes, single_class, flip_pairs),
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
    group: Group = None,
    classes: Classes = None,
    single_class: SingleClass = None,
    flip_pairs: FlipPairs = None,
) -> None:
    """Boxes and masks in COCO's JSON.

    Example: synth import coco downloads/cups --out data/real
    """
    from synth.dataset.classes import parse_choice
    from synth.dataset.imports.coco import CocoSettings, import_coco

    settings = CocoSettings(
        folder=folder,
        out=out,
        images=images,
        box_kind="square" if square else "tight",
        splits=_splits(train, val, test),
        group=group,
        choice=parse_choice(classes, single_class, flip_pairs),
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
    group: Group = None,
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
        group=group,
    )
    _take(import_images, settings, out)


@app.command()
def folders(
    folder: Annotated[
        Path, typer.Argument(help="A folder with one folder a class; train, val and test may stand above.")
    ],
    out: Out = Path("data/real"),
    train: Train = None,
    val: Val = None,
    test: Test = None,
    group: Group = None,
) -> None:
    """Pictures that show one thing each, in one folder a class.

    Example: synth import folders downloads/flowers --out data/real
    """
    from synth.dataset.imports.folders import FoldersSettings, import_folders

    settings = FoldersSettings(folder, out, _splits(train, val, test), group)
    _take(import_folders, settings, out)


@app.command()
def semantic(
    images: Annotated[Path, typer.Argument(help="A folder of images; train, val and test may stand below.")],
    labels: Annotated[
        Path, typer.Argument(help="The folder of their label maps: PNGs of ids or colours, called alike.")
    ],
    palette: Annotated[
        str,
        typer.Option(
            help="What ids and colours mean: a JSON or text, or ade20k, camvid, camvid32, cityscapes, "
            "cityscapes34, coco-stuff, voc."
        ),
    ],
    out: Out = Path("data/real"),
    void: Annotated[
        str | None, typer.Option(help="What is void besides: an id, or a class of the palette by name.")
    ] = None,
    only_labelled: Annotated[
        bool, typer.Option("--only-labelled", help="Leave images without a label map out.")
    ] = False,
    by: Annotated[
        Path | None, typer.Option(help="A CSV with a header: a column of images, a column of splits.")
    ] = None,
    train: Train = None,
    val: Val = None,
    test: Test = None,
    group: Group = None,
    flip_pairs: FlipPairs = None,
) -> None:
    """Images with label maps: the class of every pixel.

    Example: synth import semantic camvid/images camvid/labels --palette camvid --out data/camvid
    """
    from synth.dataset.classes import parse_pairs
    from synth.dataset.imports.semantic import SemanticSettings, import_semantic
    from synth.errors import InputError

    splits = _splits(train, val, test)
    if by is not None and splits:
        raise InputError("--by and --train, --val, --test are two ways to deal splits: give one")
    settings = SemanticSettings(
        images=images,
        labels=labels,
        out=out,
        palette=palette,
        void=void,
        by=by,
        splits=splits,
        group=group,
        flip_pairs=None if flip_pairs is None else parse_pairs(flip_pairs),
        only_labelled=only_labelled,
    )
    _take(import_semantic, settings, out)


@app.command()
def mnist(
    folder: Annotated[Path, typer.Argument(help="A folder with MNIST's four files, .gz or not.")],
    out: Out = Path("data/real"),
    pad: Annotated[int, typer.Option(help="Black pixels around each digit; affNIST has 6.")] = 0,
    train: Annotated[int | None, typer.Option(help="So many that train; all that do not validate.")] = None,
    val: Annotated[int | None, typer.Option(help="So many that validate; a tenth of the train file.")] = None,
    test: Annotated[int | None, typer.Option(help="So many that test; the whole test file.")] = None,
) -> None:
    """MNIST's digits, or others in its format.

    Example: synth import mnist downloads/mnist --pad 6 --train 5000 --val 1000 --test 1000
    """
    from synth.dataset.imports.mnist import MnistSettings, import_mnist

    _take(import_mnist, MnistSettings(folder, out, pad, train, val, test), out)


@app.command()
def video(
    path: Annotated[Path, typer.Argument(help="A film, or a folder of films.")],
    out: Out = Path("data/footage"),
    every: Annotated[float, typer.Option(help="One frame, the sharpest, of each so many seconds.")] = 1.5,
    as_it_is: Annotated[
        bool, typer.Option("--as-it-is", help="Whole frames at their own size, not cut to 2:1 and 960×480.")
    ] = False,
    overlay: Annotated[
        Overlay,
        typer.Option(
            help="What stays while the scene moves, marks and the own bonnet: void in label maps, cut "
            "off, or the frames that show it dropped."
        ),
    ] = "void",
    train: Annotated[str | None, typer.Option(help="Whole films that train: monday,tuesday.")] = None,
    val: Annotated[str | None, typer.Option(help="Whole films that validate, likewise.")] = None,
    test: Annotated[
        str | None, typer.Option(help="Whole films that test; where some are named, all others train.")
    ] = None,
    gap: Annotated[
        float, typer.Option(help="Seconds left out between a film's blocks of train, val and test frames.")
    ] = 10.0,
    blur: Annotated[
        Path | None,
        typer.Option(help="A CSV of places to make unrecognisable: film,from_s,to_s,x0,y0,x1,y1."),
    ] = None,
    workers: Workers = None,
    engine: EngineName = None,
    address: Address = None,
) -> None:
    """Films, as their sharpest frames; blurred, standing, doubled, black and broken ones are refused.

    Example: synth import video drives --every 1.5 --out data/footage
    """
    from synth.compute.engines.engine import Resources
    from synth.compute.spread import Spread
    from synth.dataset.imports.video import import_video
    from synth.dataset.imports.video_job import VideoSettings, open_surveyor

    settings = VideoSettings(path, out, every, as_it_is, overlay, _splits(train, val, test), gap, blur)
    survey_all = Spread(engine, address, workers).sharer(open_surveyor, Resources(cores=1), typer.echo)
    _take(partial(import_video, survey_all=survey_all), settings, out)


@app.command()
def translated(
    folder: Annotated[
        Path, typer.Argument(help="Pictures, each called as the sample that it was made of: 000012.png.")
    ],
    of: Annotated[Path, typer.Option(help="Dataset of the samples that they were made of.")] = Path(
        "data/synthetic"
    ),
    out: Out = Path("data/translated"),
    real: Annotated[
        Path | None,
        typer.Option(
            help="Captured dataset, of whose test images none may come in; data/real if it is there."
        ),
    ] = None,
    by: Annotated[str | None, typer.Option(help="What made them, as the records shall call it.")] = None,
    witness: Annotated[
        Path | None,
        typer.Option(
            help="The witness.safetensors of a synth translate of that dataset: it looks at labels too."
        ),
    ] = None,
) -> None:
    """Pictures that another program made of one of synth's datasets: its labels are carried over.

    Example: synth import translated diffused --of data/synthetic --by diffusion --out data/diffused
    """
    from synth.gan.elsewhere import ElsewhereSettings, import_translated

    usual = Path("data/real")
    if real is None and (usual / "dataset.json").is_file() and usual.resolve() != of.resolve():
        real = usual
    settings = ElsewhereSettings(folder=folder, source=of, out=out, real=real, by=by, witness=witness)
    _take(import_translated, settings, out)


def _splits(train: str | None, val: str | None, test: str | None) -> "Mapping[Split, str]":
    given: dict[Split, str | None] = {"train": train, "val": val, "test": test}
    return {split: text for split, text in given.items() if text is not None}


def _take(take: "Callable[[S, Callable[[int, int], None]], Summary]", settings: "S", out: Path) -> None:
    """Import as the settings say, with a bar and a log, and say what came of it."""
    from synth.dataset.bar import show_bar
    from synth.dataset.imports.account import print_summary
    from synth.run_log import run_log
    from synth.terminal import make_console

    console = make_console()
    with run_log(out, settings, console):
        with show_bar("importing") as on_progress:
            summary = take(settings, lambda done, total: on_progress("importing", done, total))
        print_summary(summary, out, console)
