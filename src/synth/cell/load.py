"""Cell files: read with every problem said at once, written, and told apart."""

from pathlib import Path
from typing import Any

from synth.cell.cameras import DEFAULT_CAMERA
from synth.cell.checks import run_checks
from synth.cell.mesh import file_sha256, inside, load_body
from synth.cell.model import Cell
from synth.cell.schema import sections, validate
from synth.cell.source import Source, parse, read_text, write
from synth.errors import CellError, InputError

DEFAULT_CELL = Path(__file__).parent / "default" / "cell.yaml"


def load_cell(path: Path | None = None) -> Cell:
    """The cell of a file, checked; None is the simulated cell that comes with synth.

    Raises CellError with everything that is wrong: syntax, schema, units, geometry, colours and meshes.
    """
    path = DEFAULT_CELL if path is None else path
    text, problems = read_text(path)
    if problems:
        raise CellError(path, problems)
    return parse_cell(text, path)


def default_cell() -> Cell:
    """The simulated cell that comes with synth."""
    return load_cell(None)


def parse_cell(text: str, path: Path) -> Cell:
    """The cell of a text as if it stood in ``path``, beside which its meshes are found. Raises CellError."""
    source = parse(text)
    if source.data == {}:
        source.data = None
        source.report((), "is empty; `synth cell init` writes a commented template to start from.")
    cell = validate(source) if source.data is not None else None
    if source.data is not None:
        subjects: dict[str, Any] = sections(source)
        _add_files(subjects, path.parent, source)
        for place, message in run_checks(subjects):
            source.report(place, message)
    if cell is None or source.problems:
        raise CellError(path, sorted(source.problems, key=lambda p: p.line or 0))
    cell._path = path.resolve()
    return cell


def _add_files(subjects: dict[str, Any], folder: Path, source: Source) -> None:
    """Load the meshes of the sound sections among the subjects, and look for the truth file."""
    for name in ("part", "mount"):
        if name in subjects:
            try:
                subjects[f"{name}_mesh"] = load_body(folder, subjects[name])
            except InputError as error:
                source.report((name, "mesh"), f"cannot be used: {error}")
    truth = subjects["simulation"].truth if "simulation" in subjects else None
    if truth is not None:
        try:
            if not inside(folder, truth).is_file():
                source.report(
                    ("simulation", "truth"), f"names '{truth}', which is not in {folder}; null uses none."
                )
        except InputError as error:
            source.report(("simulation", "truth"), f"cannot be used: {error}")


def dump_cell(cell: Cell) -> str:
    """The cell as the YAML of a cell file; reading it gives an equal cell."""
    return write(cell.model_dump(mode="json", by_alias=True))


def cell_fingerprint(cell: Cell) -> dict[str, Any]:
    """All that a cell is, as plain JSON data: its keys, and the SHA-256 of each file that it names.

    Two cells with equal fingerprints make the same data; a difference between two names what changed.
    """
    files = {"part": cell.part.mesh, "mount": cell.mount.mesh, "truth": cell.simulation.truth}
    sha256 = {
        name: file_sha256(inside(cell.folder, file)) for name, file in files.items() if file is not None
    }
    data = cell.model_dump(mode="json", by_alias=True)
    if cell.camera.model == DEFAULT_CAMERA:  # Datasets from before cameras had names are gone on with.
        del data["camera"]["model"]
    if not cell.camera.is_on_arm:  # Likewise those from before cameras were on arms.
        for section, key in (
            ("camera", "mounted"),
            ("camera", "cable_m"),
            ("camera", "cable_turn_deg"),
            ("part", "T_base_part"),
        ):
            del data[section][key]
    return {**data, "sha256": sha256}
