"""A cell file to start from."""

import os
from pathlib import Path

from synth.cell.load import DEFAULT_CELL, default_cell
from synth.errors import InputError


def write_template(path: Path, *, force: bool = False) -> list[Path]:
    """Write the simulated cell, commented, and its meshes beside it; returns the files, the cell file last.

    ``path`` is a .yaml file, or a folder, which gets a cell.yaml. Every file appears whole, the cell
    file after its meshes. Raises InputError when a file is there already and ``force`` is not given.
    """
    cell_file = path if path.suffix in (".yaml", ".yml") else path / "cell.yaml"
    cell = default_cell()
    sources = {cell_file.parent / name: cell.folder / name for name in (cell.part.mesh, cell.mount.mesh)}
    sources[cell_file] = DEFAULT_CELL
    present = [file.name for file in sources if file.exists()]
    if present and not force:
        raise InputError(
            f"{', '.join(present)} in {cell_file.parent.resolve()} would be overwritten: "
            "give another path, or --force."
        )
    cell_file.parent.mkdir(parents=True, exist_ok=True)
    for file, source in sources.items():
        partial = file.with_name(f".{file.name}.partial")
        try:
            with partial.open("wb") as stream:
                stream.write(source.read_bytes())
                stream.flush()
                os.fsync(stream.fileno())
            partial.replace(file)
        finally:
            partial.unlink(missing_ok=True)
    return list(sources)
