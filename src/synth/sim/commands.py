"""``synth render`` and ``synth compose``: from captured samples to synthetic ones."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from synth.sim.like.commands import run_like

if TYPE_CHECKING:
    from synth.dataset.reader import DatasetReader

DEFAULT_COUNT = 633


class LookKind(StrEnum):
    """Where brightness, colour, noise and blur come from."""

    matched = "matched"
    plain = "plain"


class QualityName(StrEnum):
    """How many samples a pixel gets."""

    draft = "draft"
    normal = "normal"
    reference = "reference"


def render(
    count: Annotated[
        int | None,
        typer.Option(help=f"Samples in all: twins, then fresh poses and bins; {DEFAULT_COUNT} by default."),
    ] = None,
    twins: Annotated[int | None, typer.Option(help="Captured samples made once more.")] = None,
    fresh: Annotated[int | None, typer.Option(help="New poses from the same joint ranges.")] = None,
    bins: Annotated[int | None, typer.Option(help="Boxes of dropped parts.")] = None,
    test_twins: Annotated[
        bool, typer.Option("--test-twins", help="Twins of test samples too, to look at, not to train on.")
    ] = False,
    look: Annotated[
        LookKind, typer.Option(help="Like the captured pictures, or without any of them.")
    ] = LookKind.matched,
    randomize: Annotated[
        bool, typer.Option("--randomize", help="Spread light, surfaces, camera and clutter.")
    ] = False,
    strength: Annotated[
        float | None, typer.Option(help="How far --randomize goes: 1, its ranges as they stand, by default.")
    ] = None,
    quality: Annotated[
        QualityName, typer.Option(help="Samples a pixel: few, enough, or 1024.")
    ] = QualityName.normal,
    layers: Annotated[
        bool, typer.Option("--layers", help="Normals, depth and ids of each picture, in layers/NAME.npz.")
    ] = False,
    preview: Annotated[
        int | None, typer.Option(help="Only render this many quickly, into runs/render_preview.png.")
    ] = None,
    real: Annotated[Path, typer.Option(help="Captured dataset to match and to twin.")] = Path("data/real"),
    like: Annotated[
        Path | None,
        typer.Option(help="Imported dataset: its own models, cameras and poses over its own photographs."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Dataset folder; an unfinished one is gone on with.")] = Path(
        "data/synthetic"
    ),
    cell: Annotated[
        Path | None, typer.Option(help="Cell file; ./cell.yaml if present, else the simulated cell.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of poses, bins, splits and noise.")] = 0,
    workers: Annotated[
        int | None, typer.Option(help="Blender processes; by cores and memory if not given.")
    ] = None,
    blender: Annotated[
        Path | None, typer.Option(help="An installed Blender, 3.4 to 4.5; the bpy wheel if not given.")
    ] = None,
) -> None:
    """Render a synthetic dataset with exact labels. The same command goes on where it stopped.

    Example: synth render --count 633

    Example: synth render --like data/real --count 120
    """
    from rich.console import Console

    from synth.cell.load import load_cell
    from synth.compute.progress import make_progress
    from synth.errors import InputError, RendererError, StorageError, WorkerLost
    from synth.run_log import run_log
    from synth.sim.plan import choose_shares, list_twinnable
    from synth.sim.preview import preview as write_preview
    from synth.sim.run import count_done, make_plan
    from synth.sim.run import render as run_render
    from synth.sim.settings import RenderSettings

    console = Console(highlight=False)
    if like is not None:
        _refuse_with_like(
            {
                "--preview": preview,
                "--bins": bins,
                "--cell": cell,
                "--test-twins": test_twins,
                "--layers": layers,
                "--randomize": randomize,
                "--look plain": look is LookKind.plain,
            }
        )
        run_like(
            like,
            out,
            counts=(count, twins, fresh),
            default_count=DEFAULT_COUNT,
            seed=seed,
            quality=quality.value,
            blender=blender,
            workers=workers,
            console=console,
        )
        return
    if preview is not None and preview < 1:
        raise InputError(f"--preview must be 1 or more, got {preview}")
    if count is None and twins is None and fresh is None and bins is None:
        count = DEFAULT_COUNT if preview is None else preview
    if cell is None and Path("cell.yaml").is_file():
        cell = Path("cell.yaml")
    captured = _open_captured(real, look)
    twinnable = () if captured is None else list_twinnable(captured, with_test=test_twins)
    if captured is not None and not twinnable and twins != 0:
        _refuse_without_poses(captured, with_test=test_twins)
    settings = RenderSettings(
        cell=load_cell(cell),
        out=out,
        real=captured,
        shares=choose_shares(count, twins, fresh, bins, len(twinnable)),
        seed=seed,
        look=look.value,
        quality=quality.value,
        randomize=_strength(strength, randomize=randomize),
        layers=layers,
        test_twins=test_twins,
        blender=blender,
        n_workers=workers,
    )
    if settings.cell.is_simulated:
        console.print("[black on yellow] SIMULATED [/] the cell and its captured pictures are simulated")
    if preview is not None:
        sheet = Path("runs/render_preview.png")
        try:
            write_preview(make_plan(settings), preview, sheet, make_progress(console, "preview"))
        except KeyboardInterrupt:
            console.print("Stopped; nothing was written.")
            raise typer.Exit(130) from None
        console.print(f"Look at {sheet}")
        return
    console.print(f"{out} will hold {settings.shares}")
    n_done = count_done(settings)
    if n_done == settings.shares.count:
        console.print(f"{out} has all {n_done} samples already. Next: synth dataset sheet {out}")
        return
    if n_done:
        console.print(f"Going on with {out}: {n_done} of {settings.shares.count} samples are there.")
    with run_log(out, settings, console):
        try:
            summary = run_render(make_plan(settings), make_progress(console, "render"))
        except KeyboardInterrupt:
            console.print(f"Stopped. {_how_to_go_on(out, settings.shares.count)}")
            raise typer.Exit(130) from None
        except (RendererError, WorkerLost, StorageError):
            console.print(_how_to_go_on(out, settings.shares.count))
            raise
        per_sample_s = summary.seconds / max(summary.n_new, 1)
        console.print(
            f"{summary.n_new} samples in {summary.seconds:.0f} s ({per_sample_s:.1f} s each); {out} has "
            f"{summary.n_samples}. Next: synth dataset sheet {out}"
        )


def compose(
    sources: Annotated[
        list[Path] | None,
        typer.Argument(help="Datasets whose parts are cut out: captured, rendered or translated; data/real."),
    ] = None,
    count: Annotated[
        int | None, typer.Option(help="Composites in all; as many as the sources have samples by default.")
    ] = None,
    max_parts: Annotated[int, typer.Option(help="1 to this many parts a picture.")] = 4,
    min_visible: Annotated[float, typer.Option(help="Share of each part that no other hides.")] = 0.5,
    plates: Annotated[
        Path | None,
        typer.Option(help="Dataset whose empty bench they are laid on; the first source with one."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Dataset folder; an unfinished one is gone on with.")] = Path(
        "data/composited"
    ),
    seed: Annotated[int, typer.Option(min=0, help="Of choice, place and order.")] = 0,
) -> None:
    """Lay cut-out parts on the empty bench, one to four a picture. The same command goes on where it stopped.

    Example: synth compose data/real --count 400
    """
    from rich.console import Console

    from synth.compute.progress import make_progress
    from synth.dataset.reader import DatasetReader
    from synth.run_log import run_log
    from synth.sim.compose import ComposeSettings
    from synth.sim.compose import compose as run_compose

    console = Console(highlight=False)
    readers = [DatasetReader(path) for path in sources or [Path("data/real")]]
    if count is None:
        count = sum(len(reader) for reader in readers)
    settings = ComposeSettings(count, seed, max_parts, min_visible)
    bench = None if plates is None else DatasetReader(plates)
    progress = make_progress(console, "compose")
    with run_log(out, {"sources": readers, "plates": plates, "settings": settings}, console):
        try:
            n_new = run_compose(readers, out, settings, progress, plates=bench)
        except KeyboardInterrupt:
            console.print(f"Stopped. {_how_to_go_on(out, count)}")
            raise typer.Exit(130) from None
        console.print(f"{n_new} composites made; {out} has {count}. Next: synth dataset sheet {out}")


def _open_captured(real: Path, look: LookKind) -> "DatasetReader | None":
    """The captured dataset; None where there is none and none is needed."""
    from synth.dataset.folder import INFO_FILE
    from synth.dataset.reader import DatasetReader
    from synth.errors import InputError

    if (real / INFO_FILE).is_file():
        return DatasetReader(real)
    if look is LookKind.plain:
        return None
    raise InputError(
        f"there is no captured dataset at {real} to match: run synth capture first, name another with "
        "--real, or say --look plain"
    )


def _refuse_with_like(given: dict[str, object]) -> None:
    from synth.errors import InputError

    if wrong := [option for option, value in given.items() if value not in (None, False)]:
        raise InputError(f"{wrong[0]} is for renderings of a cell, and --like knows none: leave it out")


def _strength(asked: float | None, *, randomize: bool) -> float:
    """How far values are spread; 0 for not at all."""
    from synth.errors import InputError

    if asked is None:
        return float(randomize)
    if not randomize:
        raise InputError("--strength says how far --randomize goes: give both")
    if not 0 < asked <= 5:
        raise InputError(f"--strength must be above 0 and at most 5, got {asked:g}")
    return asked


def _refuse_without_poses(captured: "DatasetReader", *, with_test: bool) -> None:
    from synth.errors import InputError

    n_test = len(captured.of_split("test"))
    if n_test and n_test == len(captured) and not with_test:
        raise InputError(f"{captured.root} has test samples alone, and those get no twins: say --twins 0")
    raise InputError(
        f"{captured.root} has no samples with poses to twin (robot, K, T_base_cam): give a dataset that "
        "synth capture made, or say --twins 0"
    )


def _how_to_go_on(out: Path, count: int) -> str:
    from synth.dataset.reader import DatasetReader
    from synth.errors import DatasetError

    try:
        n_done = len(DatasetReader(out).samples)
    except DatasetError:
        return "Nothing was made."
    return f"{n_done} of {count} samples are in {out}; the same command goes on from there."
