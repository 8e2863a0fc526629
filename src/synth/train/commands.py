"""``synth train``, ``evaluate``, ``predict`` and ``export-model``: one network by itself."""

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from synth.train.tasks import TASKS

if TYPE_CHECKING:
    from rich.table import Table as RichTable

    from synth.dataset.codecs import Rgb
    from synth.train.tasks.report import Breakdown
    from synth.train.trained import MeasuredPart, Trained


def train(
    task: Annotated[str, typer.Argument(help=f"What is learnt: {', '.join(TASKS)}.")],
    data: Annotated[
        list[Path] | None, typer.Option(help="Dataset to learn from; several are mixed; data/real.")
    ] = None,
    then: Annotated[Path | None, typer.Option(help="Dataset to be tuned on afterwards.")] = None,
    test: Annotated[Path, typer.Option(help="Dataset whose test images are predicted.")] = Path("data/real"),
    out: Annotated[Path | None, typer.Option(help="Folder; gone on with. runs/train/TASK.")] = None,
    preset: Annotated[
        str | None, typer.Option(help="quick, default or paper: the first network that compare would train.")
    ] = None,
    net: Annotated[str | None, typer.Option(help="Architecture; a wrong name is answered with all.")] = None,
    side: Annotated[int | None, typer.Option(help="Side of images in pixels; the task's.")] = None,
    images: Annotated[int | None, typer.Option(min=1, help="Images seen in all, repeats counted.")] = None,
    photometric: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Random hue, saturation and brightness in training; the task's."),
    ] = None,
    pretrained: Annotated[
        Path | None,
        typer.Option(help="Local checkpoint of that network; of a detector the backbone is frozen."),
    ] = None,
    plain_crops: Annotated[bool, typer.Option("--plain-crops", help="Plain crops, never turned.")] = False,
    max_minutes: Annotated[
        float | None, typer.Option(min=0, help="Stop after that; the same command goes on.")
    ] = None,
    change: Annotated[
        list[str] | None,
        typer.Option("--set", help="Another value for one of the settings: learning_rate=0.001; repeatable."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of weights and order.")] = 0,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, mps; the best there is.")] = None,
) -> None:
    """Train one network. The same command goes on where it stopped.

    Example: synth train normals --data data/synthetic --test data/real
    """
    from synth.compute.progress import make_progress
    from synth.dataset.leak.acceptance import list_accepted
    from synth.run_log import run_log
    from synth.terminal import SIMULATED, make_console
    from synth.train.request import make_spec
    from synth.train.run import open_once, run_training, say_unlearned

    spec = make_spec(
        task,
        data or [Path("data/real")],
        then=then,
        test=test,
        preset=preset,
        net=net,
        side_px=side,
        n_images=images,
        photometric=photometric,
        pretrained=pretrained,
        plain_crops=plain_crops,
        seed=seed,
        changes=change or (),
    )
    settings = spec.settings
    console = make_console()
    if open_once(test).info.made_by.simulated:
        console.print(SIMULATED, "the test images are those of the simulated cell")
    roots = dict.fromkeys((test, *(portion.root for stage in spec.stages for portion in stage)))
    for sentence in list_accepted(open_once(root) for root in roots):
        console.print(sentence, soft_wrap=True)
    if classes := TASKS[task].classes_of(settings):
        console.print(f"Learns {len(classes)} class{'es' if len(classes) > 1 else ''}: {', '.join(classes)}")
    at = f" at {settings.side_px} px" if settings.side_px else ""
    shorter = "" if preset or images else "; --preset quick sees fewer and smaller ones"
    console.print(f"{settings.model}{at} sees {settings.n_images:,} images in all{shorter}.", soft_wrap=True)
    folder = out or Path("runs/train") / task
    progress = make_progress(console, "train", "steps")
    progress.begin(total=settings.n_steps, done=0)
    told = 0

    def tell(step: int) -> None:
        nonlocal told
        progress.advanced(step - told)
        told = step

    with run_log(folder, spec, console):
        try:
            result = run_training(spec, folder, device=device, max_minutes=max_minutes, on_step=tell)
        except KeyboardInterrupt:
            console.print("Stopped; the same command goes on from the last look at val images.")
            raise typer.Exit(130) from None
        finally:
            progress.end()
        if result is None:
            console.print(
                f"Stopped after {max_minutes:g} min at step {told} of {settings.n_steps}, without a network "
                "yet; the same command goes on from there.",
                soft_wrap=True,
            )
            return
        console.print(f"Step {result.best.step} of {settings.n_steps} is kept, the best on val images.")
        if not result.has_learned:
            console.print(say_unlearned(spec))
        console.print(f"Next: synth evaluate --run {folder} --data {test}", soft_wrap=True)


def evaluate(
    run: Annotated[Path, typer.Option(help="Folder of a training, or its weights.safetensors.")],
    data: Annotated[Path, typer.Option(help="Dataset to measure on.")] = Path("data/real"),
    split: Annotated[str, typer.Option(help="train, val or test.")] = "test",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, mps; the best there is.")] = None,
) -> None:
    """Measure a trained network on a dataset, with 95 % intervals.

    Example: synth evaluate --run runs/train/normals --data data/real
    """
    import json
    from dataclasses import asdict

    from rich.table import Table

    from synth.dataset.reader import DatasetReader
    from synth.dataset.record import SPLITS
    from synth.errors import InputError
    from synth.metrics.operating_point import MIN_CONFIDENCE
    from synth.terminal import SIMULATED, make_console
    from synth.train.trained import ask, load_trained, losses_of, measure, measure_parts

    if split not in SPLITS:
        raise InputError(f"--split must be one of {', '.join(SPLITS)}, got {split!r}")
    trained, dataset = load_trained(run, device), DatasetReader(data).refuse_empty()
    part = next(s for s in SPLITS if s == split)
    answers = ask(trained, dataset, part)
    effects, losses = measure(trained, answers), losses_of(trained, dataset, part)
    parts = measure_parts(trained, answers)
    if as_json:
        figures = {name: asdict(effect) for name, effect in effects.items()} | losses
        typer.echo(json.dumps(figures | {name: _to_json(lines) for name, lines in parts.items()}, indent=2))
        return
    console = make_console()
    if dataset.info.made_by.simulated:
        console.print(SIMULATED, "the images are those of the simulated cell")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("Metric", "Value", "95 % interval"):
        table.add_column(column)
    for name, effect in effects.items():
        table.add_row(name, f"{effect.value:.3f}", f"{effect.low:.3f} to {effect.high:.3f}")
    for name, loss in losses.items():
        table.add_row(f"{name}, per image", f"{loss:.3f}", "")
    console.print(table)
    for breakdown in TASKS[trained.task].report.breakdowns:
        if lines := parts.get(breakdown.name):
            console.print()
            console.print(_make_table(breakdown, lines))
            if any(_is_few(breakdown, line) for line in lines):
                console.print(f"* An indication: fewer than {breakdown.few} truths.")
            console.print(breakdown.note)
    if (use := TASKS[trained.task].measure_use([answers.predicted], answers.true)) is not None:
        overlap = "" if use.median_iou is None else f", median overlap (IoU) {use.median_iou:.2f}"
        console.print(
            f"At confidence {MIN_CONFIDENCE:g}: {use.hits[0]} of {use.n_true} found{overlap}; "
            f"{use.false_boxes[0]} false boxes."
        )
        if use.n_true and not use.hits[0]:
            console.print(
                "It is sure of nothing yet: let it see more images (--images), larger ones (--side), or "
                "begin with a detector's weights (--pretrained).",
                soft_wrap=True,
            )
    n = next(iter(effects.values())).n_images
    console.print(
        f"{trained.settings.model} on {n} {split} images of {data}, 1 network: intervals over images alone."
    )
    if TASKS[trained.task].words.unit != "crops":
        console.print(f"Next: synth predict {data} --run {run}", soft_wrap=True)


def _to_json(lines: "list[MeasuredPart]") -> dict[str, dict[str, object]]:
    """By name of the part: how much is true of it, and its metrics with their intervals."""
    from dataclasses import asdict

    return {
        line.name: ({} if line.n_true is None else {"n_true": line.n_true})
        | {name: asdict(effect) for name, effect in line.effects.items()}
        for line in lines
    }


def _make_table(breakdown: "Breakdown", lines: "list[MeasuredPart]") -> "RichTable":
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    counted = any(line.n_true is not None for line in lines)
    columns = [x for metric in breakdown.columns for x in (metric.title, "95 % interval")]
    longest = max(len(line.name) for line in lines)
    for column in (breakdown.title, *(("truths",) if counted else ()), *columns):
        table.add_column(
            column, overflow="fold", min_width=min(longest, 24) if column == breakdown.title else 0
        )
    for line in lines:
        effects = [line.effects[metric.name] for metric in breakdown.columns]
        figures = [x for e in effects for x in (f"{e.value:.3f}", f"{e.low:.3f} to {e.high:.3f}")]
        count = (f"{line.n_true}{' *' if _is_few(breakdown, line) else ''}",) if counted else ()
        table.add_row(line.name, *count, *figures)
    return table


def _is_few(breakdown: "Breakdown", line: "MeasuredPart") -> bool:
    return line.n_true is not None and line.n_true < breakdown.few


def predict(
    run: Annotated[Path, typer.Option(help="Folder of a training, or its weights.safetensors.")],
    images: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Pictures, folders of them, a dataset, or films; crops where the task reads crops."
        ),
    ] = None,
    live: Annotated[
        int, typer.Option(min=0, help="So many pictures of the cell's camera too; the arm is left alone.")
    ] = 0,
    cell: Annotated[
        Path | None,
        typer.Option(help="Cell file of --live; ./cell.yaml if present, else the simulated cell."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for drawn pictures and predictions.json.")] = Path(
        "runs/predict"
    ),
    confidence: Annotated[float, typer.Option(min=0, max=1, help="Boxes under it are left out.")] = 0.5,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, mps; the best there is.")] = None,
) -> None:
    """Draw what a trained network says of some pictures.

    Example: synth predict photo.png --run runs/train/detection

    Example: synth predict --live 10 --cell cell.yaml --run runs/train/detection
    """
    import json

    from synth.compute.progress import make_progress
    from synth.errors import InputError
    from synth.storage.atomic import write_bytes
    from synth.terminal import make_console
    from synth.train.drawing import encode_png, list_places
    from synth.train.film import is_film, predict_film
    from synth.train.trained import list_pictures, load_trained, predict_files

    given = images or []
    if not given and not live:
        raise InputError("nothing is to be looked at: give pictures, a folder, a film, or --live 10")
    console, trained = make_console(), load_trained(run, device)
    task, said, all_found = TASKS[trained.task], {}, []
    files = list_pictures(trained, [path for path in given if not is_film(path)])
    films = [path for path in given if is_film(path)]
    shots = [Path(f"live_{i:06d}") for i in range(live)]
    places, drawn = list_places([*files, *shots], out), list_places(films, out, ".mp4")
    looked = chain(predict_files(trained, files), _look(trained, shots, cell))
    for place, (path, picture, found) in zip(places, looked, strict=True):
        said[str(path)] = task.only_sure(found, confidence)
        all_found.append(found)
        write_bytes(place, encode_png(task.draw(picture, "", said[str(path)])))
    for place, path in zip(drawn, films, strict=True):
        progress = make_progress(console, "predict", "% of the film")
        said[str(path)] = predict_film(trained, path, place, confidence, progress)
    write_bytes(out / "predictions.json", (json.dumps(said, indent=2) + "\n").encode())
    counts = {"picture": len(places), "film": len(films)}
    told = " and ".join(f"{n} {what}{'s' * (n != 1)}" for what, n in counts.items() if n)
    console.print(
        f"{told} drawn in {out}, with predictions.json. Look at {[*places, *drawn][0]}",
        soft_wrap=True,
    )
    if trained.task == "detection" and all_found and not any(said.values()):
        surest = max((box[4] for found in all_found for box in found), default=None)
        console.print(
            f"Nothing was found at confidence {confidence:g}"
            + (
                "." if surest is None else f"; the surest box has {surest:.2f}: --confidence draws such ones."
            ),
            soft_wrap=True,
        )


def _look(trained: "Trained", names: Sequence[Path], cell: Path | None) -> "Iterator[tuple[Path, Rgb, Any]]":
    """A picture of the cell's camera for each name, and what the network says of it."""
    from synth.capture.live import grab_pictures
    from synth.cell.load import load_cell
    from synth.errors import InputError
    from synth.terminal import SIMULATED, make_console
    from synth.train.trained import predict_pictures

    if not names:
        return
    if TASKS[trained.task].words.unit == "crops":
        raise InputError("--live shows whole pictures, and this network reads crops: give pictures of parts")
    if cell is None and Path("cell.yaml").is_file():
        cell = Path("cell.yaml")
    loaded = load_cell(cell)
    if loaded.camera.is_simulated:
        make_console().print(SIMULATED, "what is looked at is simulated, not photographed")
    for name, picture in zip(names, grab_pictures(loaded, len(names)), strict=True):
        yield name, picture, predict_pictures(trained, [picture])[0]


def export_model(
    checkpoint: Annotated[
        Path, typer.Option(help="Folder of a training, or its weights; or a checkpoint of synth translate.")
    ],
    out: Annotated[
        Path, typer.Option(help="File to write: .onnx, or .pt of an Ultralytics detector.")
    ] = Path("model.onnx"),
    reverse: Annotated[
        bool, typer.Option("--reverse", help="Of a translator: that of the other direction.")
    ] = False,
) -> None:
    """Write a network or a translator for other programs.

    Example: synth export-model --checkpoint runs/train/detection --out detector.onnx
    """
    from synth.errors import InputError
    from synth.train.export import demand_onnx, export_trained
    from synth.train.trained import is_trained, load_trained

    if out.suffix != ".pt":
        demand_onnx()
    if not checkpoint.exists():
        raise InputError(
            f"there is nothing at {checkpoint}: give the folder of a training, such as "
            "runs/train/detection, or a checkpoint of a translator, such as "
            "runs/translate/checkpoints/step_000700.safetensors"
        )
    if is_trained(checkpoint):
        if reverse:
            raise InputError(f"--reverse is of translators, and {checkpoint} is a training: leave it out")
        files = export_trained(load_trained(checkpoint, "cpu"), out)
        typer.echo(f"wrote {' and '.join(map(str, files))}.{_how_to_run(files[-1])}")
        return
    if out.suffix != ".onnx":
        raise InputError(f"a translator is written as ONNX: give an --out that ends with .onnx, got {out}")
    from synth.compute.device import choose_device
    from synth.gan.checkpoint import read_method
    from synth.gan.methods import METHODS

    method, device = METHODS[read_method(checkpoint)](), choose_device("cpu")
    said = method.load(checkpoint, "real2sim" if reverse else "sim2real", device).export(out)
    typer.echo(f"wrote {out}: {said}")


def _how_to_run(file: Path) -> str:
    """The command that runs an exported network; nothing where the file does not say."""
    if file.suffix == ".pt":
        return f" Next: yolo predict model={file} source=photo.png conf=0.5"
    return f" Next: python {file} photo.png" if file.suffix == ".py" else ""
