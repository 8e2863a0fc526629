"""``synth calibrate``: where the camera stands, where the part is held, and how well that is known."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from synth.capture.choices import Paper
from synth.cell.choices import BoardKind

if TYPE_CHECKING:
    from rich.console import Console

    from synth.capture.calibrate.view import Eye
    from synth.cell.board import Board
    from synth.cell.model import Cell

app = typer.Typer(no_args_is_help=True, help="Measure where camera and part really are, and how well.")

OutPath = Annotated[Path, typer.Option(help="Folder; an unfinished one is gone on with.")]
CellPath = Annotated[
    Path | None,
    typer.Option(help="Cell file; ./cell.yaml if present, else the simulated cell that comes with synth."),
]
BoardPath = Annotated[
    Path | None,
    typer.Option(help="Board file; board/board.yaml if present, else 7 × 5 squares of 30 mm."),
]
Pace = Annotated[
    float | None,
    typer.Option(min=0.1, max=1000, help="Simulated seconds per second; a real cell ignores it."),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask before a real robot moves.")]


@app.command()
def board(
    out: Annotated[Path, typer.Option(help="Folder for board.pdf, board.png and board.yaml.")] = Path(
        "board"
    ),
    squares: Annotated[str, typer.Option(help="Along a row and down a column, such as 7x5.")] = "7x5",
    square_mm: Annotated[float, typer.Option(min=2, max=400, help="Side of a square.")] = 30.0,
    marker_mm: Annotated[
        float | None, typer.Option(min=1, max=400, help="Side of a marker; 0.73 of a square if not given.")
    ] = None,
    dictionary: Annotated[
        str, typer.Option(help="OpenCV's name of the markers' dictionary.")
    ] = "DICT_4X4_50",
    kind: Annotated[
        BoardKind, typer.Option(help="ChArUco may be seen in part, a chessboard only whole.")
    ] = "charuco",
    paper: Annotated[Paper, typer.Option(help="The sheet; lying or standing as it fits.")] = "A4",
    legacy: Annotated[bool, typer.Option("--legacy", help="ChArUco as OpenCV drew it before 4.6.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that are there.")] = False,
) -> None:
    """Write a board to print, with a ruler to measure the print by.

    Example: synth calibrate board --squares 7x5 --square-mm 30
    """
    from synth.capture.calibrate.board_file import make_board
    from synth.capture.calibrate.printout import write_printout

    made = make_board(kind, squares, square_mm, marker_mm, dictionary, legacy=legacy)
    files = write_printout(made, out, paper, force=force)
    typer.echo(f"Wrote {', '.join(str(file) for file in files)}.")
    typer.echo(
        f"Print {files[0].name} at 100 %, glue it on something flat and stiff, measure it, and correct "
        f"{files[2].name}. Next: synth calibrate run --board {files[2]}"
    )


@app.command()
def run(
    board: BoardPath = None,
    eye_in_hand: Annotated[
        bool, typer.Option("--eye-in-hand", help="The camera is on the arm, the board stands.")
    ] = False,
    views: Annotated[int, typer.Option(min=6, max=200, help="Pictures that show the board.")] = 30,
    out: OutPath = Path("runs/calibrate"),
    cell: CellPath = None,
    solve_lens: Annotated[
        bool, typer.Option("--solve-lens", help="Solve K and distortion too, instead of the device's.")
    ] = False,
    payload_kg: Annotated[
        float | None,
        typer.Option(min=0.01, help="With board or camera; as with the part if not given."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the plan and the simulator's noise.")] = 0,
    pace: Pace = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Plan, and move nothing.")] = False,
    yes: Yes = False,
) -> None:
    """Carry a board before the camera, find T_base_cam, write it into the cell if it is good enough.

    Screw the board to the flange in place of mount and part first. With --eye-in-hand the camera is on the
    arm and T_tool_cam is found. The same command goes on where it stopped.

    Example: synth calibrate run --views 30
    """
    from synth.capture.calibrate.run import CalibrationSettings, make_run, shoot
    from synth.capture.confirm import ask_before_motion
    from synth.compute.progress import make_progress
    from synth.run_log import run_log
    from synth.terminal import make_console

    console = make_console()
    path, loaded = _load(cell, console)
    if _is_done(out, console):
        return
    eye: Eye = "in-hand" if eye_in_hand or loaded.camera.is_on_arm else "to-hand"
    settings = CalibrationSettings(loaded, _board(board), out, eye, views, seed, payload_kg, pace)
    planned = make_run(settings)
    if dry_run:
        spare = len(planned.plan.spare_q_rad)
        console.print(
            f"{len(planned.plan.q_rad)} poses are planned, and {spare} to spare. Nothing was moved."
        )
        return
    if not loaded.robot.is_simulated:
        if payload_kg is None:
            console.print(
                f"The arm is told that it carries {loaded.robot.payload_kg:g} kg, as with mount and part. If "
                "what it carries now weighs something else, say no and give --payload-kg."
            )
        ask_before_motion(loaded.robot.address, views, loaded.robot.speed_deg_s, yes=yes)
    with run_log(out, settings, console):
        try:
            n_good = shoot(planned, make_progress(console, "calibrate", "views"))
        except KeyboardInterrupt:
            console.print("Stopped; the arm is at rest. The same command goes on from there.")
            raise typer.Exit(130) from None
        console.print(f"{n_good} views show the board.")
        _finish(loaded, path, out, console, solve_lens=solve_lens)


@app.command()
def solve(
    folder: Annotated[Path, typer.Argument(help="Images and poses, with a calibration.yaml.")],
    description: Annotated[
        Path | None, typer.Option(help="The description, if it is not FOLDER/calibration.yaml.")
    ] = None,
    solve_lens: Annotated[
        bool, typer.Option("--solve-lens", help="Solve K and distortion too; done where none are given.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The result as JSON, and nothing else.")] = False,
) -> None:
    """Calibrate from images and poses that somebody else took. No cell is touched.

    What is less exact than a new cell's gates (2 mm, 0.3°) begins with "not good enough to label"; exit code
    2 and "this is no calibration" where K is impossible or the camera's place is open by 100 mm or 10°.

    Example: synth calibrate solve runs/calibrate
    """
    import json

    from synth.capture.calibrate.folder import read_description
    from synth.capture.calibrate.say import not_good_enough, print_result
    from synth.capture.calibrate.stage import calibrate_folder
    from synth.compute.progress import make_progress
    from synth.terminal import make_console

    console = make_console(stderr=as_json)
    result, _ = calibrate_folder(
        folder,
        read_description(folder, description),
        make_progress(console, "corners", "images"),
        solve_lens=solve_lens,
    )
    if as_json:
        if result["refusals"]:
            console.print(not_good_enough(result), soft_wrap=True)
        typer.echo(json.dumps(result))
    else:
        print_result(result, console)


@app.command()
def part(
    poses: Annotated[int, typer.Option(min=20, max=400, help="Pictures of the part.")] = 30,
    out: OutPath = Path("runs/calibrate_part"),
    cell: CellPath = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the plan and the simulator's noise.")] = 0,
    pace: Pace = None,
    yes: Yes = False,
) -> None:
    """Find the part's place from its outline and the depth of its face; write it into the cell.

    After synth calibrate run, with mount and part on the flange again, or, for a camera on the arm, with the
    part where it stands. The same command goes on.

    Example: synth calibrate part --poses 30
    """
    from synth.capture.calibrate.part_run import PartRun, measure_part, take_pictures
    from synth.capture.confirm import ask_before_motion
    from synth.cell.edit import edit_cell
    from synth.compute.progress import make_progress
    from synth.errors import InputError
    from synth.run_log import run_log
    from synth.terminal import make_console

    console = make_console()
    path, loaded = _load(cell, console)
    if _is_done(out, console):
        return
    run = PartRun(loaded, out, poses, seed, pace)
    if not loaded.robot.is_simulated:
        ask_before_motion(loaded.robot.address, poses, loaded.robot.speed_deg_s, yes=yes)
    with run_log(out, run, console):
        try:
            take_pictures(run, make_progress(console, "calibrate", "pictures"))
        except KeyboardInterrupt:
            console.print("Stopped; the arm is at rest. The same command goes on from there.")
            raise typer.Exit(130) from None
        measured = measure_part(run, make_progress(console, "fit", "rounds"))
        for line in measured.sentences:
            console.print(line, soft_wrap=True)
        if measured.refusals:
            raise InputError(
                f"this calibration is kept in {out} and not written into the cell: "
                + "; ".join(measured.refusals)
            )
        if path is None:
            console.print("The cell that comes with synth is not changed. For your own: synth cell init")
            return
        edit_cell(path, measured.values)
        console.print(f"Written into {path}. Next: synth capture")


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(help="Of the calibration.")] = Path("runs/calibrate"),
    cell: CellPath = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the simulator's noise.")] = 1,
    pace: Pace = None,
    yes: Yes = False,
) -> None:
    """Look at the board once, with it where it was in the calibration: has the camera moved?

    Exit code 6 if it has.

    Example: synth calibrate check
    """
    from synth.capture.calibrate.check import check_camera
    from synth.capture.calibrate.result import load_board_place
    from synth.capture.confirm import ask_before_motion
    from synth.errors import VerifyFailed
    from synth.terminal import make_console

    console = make_console()
    place = load_board_place(folder)
    _, loaded = _load(cell, console)
    if not loaded.robot.is_simulated:
        ask_before_motion(loaded.robot.address, 1, loaded.robot.speed_deg_s, yes=yes)
    found = check_camera(loaded, place, seed=seed, pace=pace)
    console.print(found.sentence)
    if found.has_moved:
        raise VerifyFailed(
            "camera or board moved since the calibration: put the board where it was and look again, or run "
            "synth calibrate run into another --out"
        )


def _finish(cell: "Cell", cell_file: Path | None, out: Path, console: "Console", *, solve_lens: bool) -> None:
    """Solve what was shot; write it into the cell's file if it passes the gates."""
    from synth.capture.calibrate.folder import read_description
    from synth.capture.calibrate.report import write_camera_page
    from synth.capture.calibrate.result import save_result
    from synth.capture.calibrate.say import print_result
    from synth.capture.calibrate.stage import calibrate_folder
    from synth.cell.edit import edit_cell
    from synth.compute.progress import make_progress
    from synth.errors import InputError

    progress = make_progress(console, "corners", "images")
    result, outcome = calibrate_folder(out, read_description(out), progress, solve_lens=solve_lens, cell=cell)
    assert outcome is not None
    save_result(out, result)
    page = write_camera_page(out, result)
    print_result(result, console)
    console.print(f"Report: {page}", soft_wrap=True)
    if outcome.refusals:
        raise InputError(
            f"this calibration is kept in {out} and not written into the cell: {'; '.join(outcome.refusals)}"
        )
    if cell_file is None:
        console.print(
            "The cell that comes with synth is not changed. For one of your own: synth cell init, then "
            "calibrate in its folder."
        )
        return
    edit_cell(cell_file, outcome.values)
    if result["eye"] == "in-hand" and not cell.camera.is_on_arm:
        console.print(
            f"Written into {cell_file}, for your own programs: by camera.mounted the cell's camera stands, "
            "and synth capture goes by that."
        )
    elif not cell.camera.known.has_depth:
        console.print(
            f"Written into {cell_file}. This camera has no depth: measure T_tool_part by hand. "
            "Next: synth capture"
        )
    else:
        console.print(f"Written into {cell_file}. Next: synth calibrate part")


def _board(path: Path | None) -> "Board":
    from synth.capture.calibrate.board_file import load_board
    from synth.cell.board import DEFAULT_BOARD

    beside = Path("board/board.yaml")
    if path is None and not beside.is_file():
        return DEFAULT_BOARD
    return load_board(path or beside)


def _load(path: Path | None, console: "Console") -> tuple[Path | None, "Cell"]:
    """The cell to calibrate and its file, None for the one that comes with synth; says which it is."""
    from synth.cell.load import load_cell

    path = Path("cell.yaml") if path is None and Path("cell.yaml").is_file() else path
    cell = load_cell(path)
    if cell.is_simulated:
        from rich.panel import Panel

        text = f"SIMULATED CELL “{cell.name}”: no real device takes part."
        console.print(Panel(text, style="bold black on yellow"))
    else:
        console.print(f"Cell “{cell.name}”, robot at {cell.robot.address}.")
    return path, cell


def _is_done(out: Path, console: "Console") -> bool:
    """Whether a folder holds a calibration that passed; its pictures are never stamped with a later date."""
    from synth.capture.calibrate.result import has_passed

    if has_passed(out):
        console.print(f"{out} holds a finished calibration. For a new one give another --out.")
        return True
    return False
