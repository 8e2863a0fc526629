"""`synth cell`: write, check and draw the description of a work cell."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from synth.cell.model import Cell

app = typer.Typer(no_args_is_help=True, help="Write, check and draw the description of a work cell.")

CellPath = Annotated[
    Path | None,
    typer.Argument(
        metavar="[PATH]", help="Cell file; ./cell.yaml if present, else the simulated cell of synth."
    ),
]


@app.command()
def init(
    path: Annotated[
        Path, typer.Argument(metavar="[PATH]", help="A .yaml file to write, or a folder.")
    ] = Path("cell.yaml"),
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that are there.")] = False,
) -> None:
    """Write the simulated cell as a commented template with meshes. Example: synth cell init"""
    from synth.cell.template import write_template

    files = write_template(path, force=force)
    typer.echo(f"Wrote {', '.join(str(file) for file in files)}.")
    typer.echo(f"Edit {files[-1]}, then: synth cell check {files[-1]}")


@app.command()
def check(path: CellPath = None) -> None:
    """Say every error of a cell at once, each with its line. Example: synth cell check cell.yaml"""
    from synth.cell.load import load_cell
    from synth.cell.summary import print_summary

    path = _chosen(path)
    print_summary(load_cell(path), path)


@app.command()
def show(
    path: CellPath = None,
    out: Annotated[Path, typer.Option(help="PNG file to write.")] = Path("cell.png"),
    poses: Annotated[int, typer.Option(min=0, max=2000, help="Reachable poses to mark.")] = 200,
) -> None:
    """Draw the cell with its reachable poses. Example: synth cell show --out cell.png"""
    from synth.cell.drawing import draw_cell
    from synth.cell.load import load_cell
    from synth.cell.mesh import load_bodies
    from synth.errors import StorageError

    cell = load_cell(_chosen(path))
    bodies = load_bodies(cell)
    if not out.parent.is_dir():
        raise StorageError(f"The folder {out.parent} does not exist: make it, or choose another --out.")
    q_rad = []
    if poses:
        from synth.capture.poses import plan_poses

        q_rad = [pose.q_rad for pose in plan_poses(cell, bodies, cell.camera.pinhole, poses, seed=0).poses]
    draw_cell(cell, bodies, q_rad, out)
    typer.echo(f"{_kind(cell)} Drew {cell.name} with {len(q_rad)} reachable poses: {out}")


def _chosen(path: Path | None) -> Path | None:
    beside = Path("cell.yaml")
    return beside if path is None and beside.exists() else path


def _kind(cell: "Cell") -> str:
    return "SIMULATED:" if cell.is_simulated else "REAL:"
