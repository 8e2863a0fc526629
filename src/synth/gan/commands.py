"""``synth translate`` and ``synth paint``: pictures in the look of the real ones."""

from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from synth.compute.options import Address, EngineName, Workers
from synth.dataset.choices import Criterion
from synth.gan.methods import (
    BASELINES,
    METHODS,
    choose_default,
    describe_presets,
    list_crop_methods,
    list_painters,
    list_translators,
)

if TYPE_CHECKING:
    from rich.console import Console

    from synth.gan.apply import Applied
    from synth.gan.judge import Change
    from synth.gan.result import Result
    from synth.gan.translate import TranslateSettings

_MANY = 0.1
"""Share of refused frames from which on the translator is to blame, and not the frames."""

_WRONG = {
    "artefacts": "it draws specks or blobs that the source does not show",
    "part lost": "parts are no longer found where they are",
    "edge lost": "outlines of parts are wiped out",
    "edge drift": "outlines of parts move",
    "box drift": "outlines of parts move",
    "normal drift": "it changes the shading by which a part's direction is read",
    "class lost": "classes can no longer be read",
    "seam": "what it changes does not fade out round instances",
}
"""What each cause of a refusal says of a translator."""

_LEAST_CHANGE_COUNTS = 0.25
"""Half of what rounding to 8 bits can do."""


def translate(
    sim: Annotated[
        Path, typer.Option(help="Rendered or composed dataset, the one that is translated.")
    ] = Path("data/synthetic"),
    real: Annotated[Path, typer.Option(help="Captured dataset whose look is learnt.")] = Path("data/real"),
    out: Annotated[
        Path | None, typer.Option(help="Translated dataset; data/translated, or data/translated_reverse.")
    ] = None,
    run: Annotated[Path, typer.Option(help="Folder of the training; gone on with.")] = Path("runs/translate"),
    method: Annotated[
        str | None,
        typer.Option(
            help=f"How it is learnt: {', '.join(list_translators())}; {choose_default()} if not given. "
            f"From crops of labelled parts or signs: {', '.join(list_crop_methods())}; the others from "
            "whole pictures."
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(help=f"{describe_presets(list_translators())}. The one for this machine if not given."),
    ] = None,
    images: Annotated[
        int | None, typer.Option(help="Images of each look to learn from in all; the preset's number.")
    ] = None,
    choose: Annotated[
        Criterion, typer.Option(help="What decides which checkpoint is kept; real-val reads real labels.")
    ] = "own-val",
    anyway: Annotated[
        bool,
        typer.Option(
            "--anyway", help="Keep the best checkpoint even where a baseline, or nothing, comes as near."
        ),
    ] = False,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Train nothing: translate with this checkpoint.")
    ] = None,
    reverse: Annotated[
        bool, typer.Option("--reverse", help="Translate the captured images into the rendered look.")
    ] = False,
    inception_weights: Annotated[
        Path | None, typer.Option(help="A local Inception v3 state_dict: report FID and KID too.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, mps; the best there is.")] = None,
    devices: Annotated[
        int, typer.Option(min=1, help="GPUs that learn side by side, each its own batch.")
    ] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Of weights, patches and order.")] = 0,
    change: Annotated[
        list[str] | None,
        typer.Option("--set", help="Another value for one of the preset's settings: w_cycle=1; repeatable."),
    ] = None,
    workers: Workers = None,
    engine: EngineName = None,
    address: Address = None,
) -> None:
    """Give synthetic images the look of the real ones. The same command goes on where it stopped.

    Example: synth translate --preset quick
    """
    from synth.compute.progress import make_progress
    from synth.compute.spread import Spread
    from synth.gan.request import make_settings
    from synth.gan.translate import translate as run_translate
    from synth.gan.translate import translate_with
    from synth.run_log import run_log
    from synth.terminal import SIMULATED, make_console

    console = make_console()
    settings = make_settings(
        sim,
        real,
        out,
        run=run,
        method=method,
        preset=preset,
        images=images,
        choose=choose,
        checkpoint=checkpoint,
        reverse=reverse,
        inception_weights=inception_weights,
        device=device,
        devices=devices,
        anyway=anyway,
        seed=seed,
        changes=change or (),
        spread=Spread(engine, address, workers),
        say=console.print,
    )
    if any(d.info.made_by.simulated for d in (settings.fit.sim, settings.fit.real)):
        console.print(SIMULATED, "the captured pictures are those of the simulated cell")
    with run_log(settings.out, {"checkpoint": checkpoint, "settings": settings}, console):
        try:
            if checkpoint is not None:
                applied = translate_with(checkpoint, settings, lambda *a: make_progress(console, *a))
            else:
                result, applied = run_translate(settings, lambda *a: make_progress(console, *a))
                print_result(console, result, settings)
        except KeyboardInterrupt:
            console.print("Stopped; the same command goes on from there.")
            raise typer.Exit(130) from None
        _print_applied(console, applied, settings)


def paint(
    maps: Annotated[Path, typer.Argument(help="Dataset whose label maps are painted.")] = Path("data/maps"),
    data: Annotated[
        Path, typer.Option(help="Photographs with label maps of the same classes, to learn from.")
    ] = Path("data/real"),
    out: Annotated[Path, typer.Option(help="Painted dataset.")] = Path("data/painted"),
    run: Annotated[Path, typer.Option(help="Folder of the training; gone on with.")] = Path("runs/paint"),
    method: Annotated[
        str | None,
        typer.Option(help=f"How it is learnt: {', '.join(list_painters())}; the first if not given."),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(help=f"{describe_presets(list_painters())}. The one for this machine if not given."),
    ] = None,
    images: Annotated[
        int | None, typer.Option(help="Photographs to learn from in all; the preset's number.")
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Train nothing: paint with this checkpoint.")
    ] = None,
    reader: Annotated[
        Path | None,
        typer.Option(help="A segmenter trained on real pictures; what it cannot read goes to rejected/."),
    ] = None,
    least_agreement: Annotated[
        float | None,
        typer.Option(help="Share of a map's pixels that the reader must read as they are; 0.5 if not given."),
    ] = None,
    void_unread: Annotated[
        bool,
        typer.Option(
            "--void-unread",
            help="Make pixels void where the reader's loss is above 1.25 times that class's mean on the "
            "photographs of --data.",
        ),
    ] = False,
    continue_from: Annotated[
        Path | None,
        typer.Option(
            help="Folder of an earlier training; a new one, in --run, begins with all its networks."
        ),
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, mps; the best there is.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of weights, order and styles.")] = 0,
    change: Annotated[
        list[str] | None,
        typer.Option("--set", help="Another value for one of the preset's settings: w_style=1; repeatable."),
    ] = None,
    workers: Workers = None,
    engine: EngineName = None,
    address: Address = None,
) -> None:
    """Paint label maps as photographs. The same command goes on where it stopped.

    Example: synth paint data/maps --data data/real
    """
    from synth.compute.progress import make_progress
    from synth.compute.spread import Spread
    from synth.gan.paint import paint as run_paint
    from synth.gan.paint_page import write_paint_page
    from synth.gan.paint_request import make_paint_settings
    from synth.run_log import run_log
    from synth.terminal import SIMULATED, make_console

    console = make_console()
    settings = make_paint_settings(
        maps,
        data,
        out,
        run=run,
        method=method,
        preset=preset,
        images=images,
        checkpoint=checkpoint,
        device=device,
        seed=seed,
        reader=reader,
        least_agreement=least_agreement,
        void_unread=void_unread,
        continue_from=continue_from,
        changes=change or (),
        spread=Spread(engine, address, workers),
        say=console.print,
    )
    if settings.is_simulated:
        console.print(SIMULATED, "the captured pictures are those of the simulated cell")
    with run_log(settings.out, {"settings": settings}, console):
        try:
            painted = run_paint(settings, lambda *a: make_progress(console, *a))
        except KeyboardInterrupt:
            console.print("Stopped; the same command goes on from there.")
            raise typer.Exit(130) from None
        speed = f", {painted.seconds_per_image:.2f} s each" if painted.n_new else " now, as all were before"
        refused = f", and {painted.n_refused} are refused" if painted.n_refused else ""
        console.print(
            f"{painted.n_new} maps painted{speed}: {settings.out} has {painted.n_samples}{refused}."
        )
        if painted.agreement:
            shares = ", ".join(f"{name} {share:.0%}" for name, share in painted.agreement.items())
            n = painted.n_samples + painted.n_refused
            console.print(f"Pixels that the reader reads as they are, mean over {n} paintings: {shares}.")
        if painted.voided:
            shares = ", ".join(f"{name} {share:.0%}" for name, share in painted.voided.items())
            console.print(
                f"Pixels that became void as the reader reads them badly, mean over {painted.n_samples} "
                f"paintings: {shares}."
            )
        page = write_paint_page(settings, painted)
        console.print(f"Look at {page}. Next: synth dataset sheet {settings.out}", soft_wrap=True)


def print_result(console: "Console", result: "Result", settings: "TranslateSettings") -> None:
    """What a translation came to, before what it made."""
    from rich.table import Table

    from synth.gan.criteria_figure import TITLES
    from synth.gan.schedule import CropSettings

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("Distance to captured images", "before", "after", "captured to captured"):
        table.add_column(column)
    for name in result.after.distances.estimates:
        distances = (result.before.distances[name], result.after.distances[name], result.floor[name])
        table.add_row(
            TITLES[name], *(f"{_short(d.value)} ({_short(d.low)}–{_short(d.high)})" for d in distances)
        )
    console.print(table)
    if result.after.distances.fid is not None:
        console.print(f"FID {result.before.distances.fid:.1f} before, {result.after.distances.fid:.1f} after")
    after, sway = result.after, result.witness_sway
    if result.choice.rival is None:
        console.print(describe_change(after.change))
    has_normals = isfinite(result.witness_error.normal_deg)
    normals = (
        f", normals by {after.normal_drift_deg:.1f}° (its own unrest when only the look changes: "
        f"{sway.normal_deg:.1f}°; its error: {result.witness_error.normal_deg:.1f}°)"
    )
    console.print(
        f"Labels, as a frozen witness sees {after.n_parts} parts before and after: boxes moved by "
        f"{after.box_drift:.1%} of their side{normals if has_normals else ''}."
    )
    if (told := result.class_error) is not None:
        shares = (("real", told.real, told.n_real), ("source", told.source, told.n_source))
        said = " and ".join(f"{share:.0%} of {n} {what}" for what, share, n in shares if share is not None)
        console.print(
            f"Classes: a frozen classifier tells those of {said or 'no'} val crops; what it cannot tell "
            "before a translation, it does not watch."
        )
    cost, n_patches = result.choice.real_images, after.distances["colour_emd"].n
    is_cropped = isinstance(settings.fit.settings, CropSettings)
    places = "crops and half of the val patches are cut" if is_cropped else "half of the patches are cut"
    console.print(
        f"Real images used: {cost.for_training} to train and {cost.for_choosing} to choose; their boxes and "
        f"masks tell where {places}, and labels of {cost.labels_for_choosing} decided. "
        f"Distances: {n_patches} val patches a set, 95 % intervals over patches, one seed "
        f"({settings.fit.seed})."
    )
    if result.choice.step:
        console.print(f"Look at {settings.fit.out / 'figures'}: losses, grids, criteria.")


def describe_change(change: "Change") -> str:
    """How much a translation does, and whether it does anything that one number a channel would not do."""
    if change.beyond_shift_counts < _LEAST_CHANGE_COUNTS:
        does = "leaves images as they are" if change.counts < _LEAST_CHANGE_COUNTS else "only shifts colours"
        return (
            f"This translator {does}: val patches change by {change.counts:.1f} counts, and by "
            f"{change.beyond_shift_counts:.1f} beyond one number a channel. A baseline does as much in a "
            f"second (--method {', '.join(BASELINES)}); more --images may teach it more."
        )
    return (
        f"Val patches change by {change.counts:.1f} counts in the mean, by {change.beyond_shift_counts:.1f} "
        "beyond one number a channel."
    )


def describe_refusals(applied: "Applied", method: str, out: Path) -> str | None:
    """What is wrong with a translator of which many frames are refused, and what to do; else None."""
    n = applied.n_samples + applied.n_refused
    if applied.n_refused <= _MANY * n:
        return None
    cause = next(iter(applied.refused))
    others = [name for name in ("refiner", *BASELINES) if name in METHODS and name != method]
    return (
        f"{applied.n_refused} of {n} frames are refused, most for {cause}: {_WRONG.get(cause, 'look why')}. "
        f"What is kept is no fair choice of frames. Look at {out / 'rejected'}; then try another method "
        f"(--method {' or '.join(others)}) with another --run and --out."
    )


def _short(value: float) -> str:
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:.{digits}f}"


def _print_applied(console: "Console", applied: "Applied", settings: "TranslateSettings") -> None:
    speed = f", {applied.seconds_per_image:.2f} s each" if applied.n_new else " now, as all were before"
    causes = ", ".join(f"{n} for {cause}" for cause, n in applied.refused.items())
    console.print(
        f"{applied.n_new} images translated{speed}: in {settings.out} {applied.n_samples} are kept and "
        f"{applied.n_refused} refused{causes and f': {causes}'}. Histograms: {settings.out / 'drift.png'}."
    )
    if told := describe_refusals(applied, settings.fit.method, settings.out):
        console.print(told)
    console.print(f"Next: synth dataset sheet {settings.out}")
