"""``synth capture``: from a work cell to a labelled dataset."""

from pathlib import Path
from typing import Annotated

import typer

from synth.capture.choices import LabelSource
from synth.dataset.choices import CropKind, SplitMode


def capture(
    poses: Annotated[
        int | None,
        typer.Option(
            help="How many samples the dataset shall have: 400 if not given, or as many as it was begun for."
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Dataset folder; an unfinished one is gone on with.")] = Path(
        "data/real"
    ),
    cell: Annotated[
        Path | None,
        typer.Option(
            help="Cell file; ./cell.yaml if present, else the simulated cell that comes with synth."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the plan, the splits and the simulator's noise.")] = 0,
    split: Annotated[
        SplitMode, typer.Option(help="Test poses spread over the plan, or a block apart from the others.")
    ] = "spread",
    label: Annotated[
        LabelSource,
        typer.Option(help="Masks by colour, by the CAD outline, or by colour checked against CAD."),
    ] = "colour",
    crop: Annotated[
        CropKind,
        typer.Option(help="Crops as if the camera were turned to the part, or plain as in the paper."),
    ] = "rectified",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and move nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before a real robot moves.")] = False,
    uncalibrated: Annotated[
        bool, typer.Option("--uncalibrated", help="Capture in a real cell without a calibration that holds.")
    ] = False,
    pace: Annotated[
        float | None,
        typer.Option(min=0.1, max=1000, help="Simulated seconds per second; a real cell ignores it."),
    ] = None,
    human_minutes: Annotated[
        float,
        typer.Option(min=0, help="Minutes a person spent on setting up, kept as the samples' human time."),
    ] = 0.0,
    plates: Annotated[int, typer.Option(min=0, max=50, help="Images of the empty bench.")] = 3,
) -> None:
    """Fill a labelled dataset. The same command goes on where it stopped.

    Example: synth capture --poses 400
    """
    from synth.capture.confirm import ask_before_motion
    from synth.capture.report import announce, print_plan, print_summary
    from synth.capture.run import capture as run_capture
    from synth.capture.run import make_plan
    from synth.capture.settings import CaptureSettings, find_earlier_run, planned_poses, refuse_uncalibrated
    from synth.cell.load import load_cell
    from synth.cell.mesh import load_bodies
    from synth.compute.progress import make_progress
    from synth.errors import DeviceError, StorageError
    from synth.run_log import run_log
    from synth.terminal import make_console

    console = make_console()
    if cell is None and Path("cell.yaml").is_file():
        cell = Path("cell.yaml")
    loaded = load_cell(cell)
    poses = planned_poses(out) if poses is None else poses
    settings = CaptureSettings(
        cell=loaded,
        out=out,
        n_poses=poses,
        seed=seed,
        split=split,
        label=label,
        crop=crop,
        n_plates=plates,
        pace=pace,
        human_minutes=human_minutes,
    )
    announce(settings, cell, console)
    bodies = load_bodies(loaded)
    plan = make_plan(settings, bodies)
    if dry_run:
        print_plan(settings, plan, console)
        return
    earlier = find_earlier_run(settings, plan)
    n_done = 0 if earlier is None else len(earlier.samples)
    if n_done == poses:
        console.print(f"{out} has all {poses} samples already. Next: synth dataset sheet {out}")
        return
    if n_done:
        console.print(f"Going on with {out}: {n_done} of {poses} samples are there.")
    if not uncalibrated:
        refuse_uncalibrated(loaded)
    if not loaded.robot.is_simulated:
        ask_before_motion(loaded.robot.address, poses - n_done, loaded.robot.speed_deg_s, yes=yes)
    with run_log(out, settings, console):
        try:
            summary = run_capture(settings, plan, bodies, make_progress(console))
        except KeyboardInterrupt:
            console.print(f"Stopped; the arm is at rest. {_how_to_go_on(out, poses)}")
            raise typer.Exit(130) from None
        except (DeviceError, StorageError):
            console.print(_how_to_go_on(out, poses))
            raise
        print_summary(settings, summary, console)


def _how_to_go_on(out: Path, poses: int) -> str:
    from synth.dataset.reader import DatasetReader
    from synth.errors import DatasetError

    try:
        n_done = len(DatasetReader(out).samples)
    except DatasetError:
        return "Nothing was captured."
    return f"{n_done} of {poses} samples are in {out}; the same command goes on from there."
