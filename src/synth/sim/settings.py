"""What a rendering is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from synth.cell.model import Cell
from synth.compute.engines import DEFAULT_ENGINE, open_engine
from synth.compute.engines.engine import Engine, Resources
from synth.dataset.reader import DatasetReader
from synth.errors import InputError
from synth.sim.choices import LookKind, QualityName

MAX_PROCESSES = 16
MAX_STRENGTH = 5.0
"""How far scenes are randomized at most."""


@dataclass(frozen=True, kw_only=True)
class RenderSettings:
    """One rendering.

    shares: how many samples of each source. cell: None for the simulated one. real: the captured dataset to
    match and to twin; None for none, which takes look ``plain``. over: the imported dataset whose models and
    poses are rendered over its own photographs, without any cell, or over which ``own`` has CAD files; None
    to render on the cell's bench.
    backgrounds: a folder of pictures that stand behind those parts instead; None for its own train images.
    randomize: strength of the spread around the cell's values, 0 for none. layers: normals beside each
    picture. maps_only: label maps with depth and normals, and no pictures. test_twins: of test samples too,
    to look at. blender: the folder of an installed Blender; None for the pip wheels. n_workers: child
    processes; None to go by the machine. engine: what runs them, by name. address: of the cluster it runs
    them on; None for the usual one. own: what single sources take besides, by their names.
    """

    out: Path
    shares: Mapping[str, int] = field(default_factory=dict)
    seed: int = 0
    cell: Cell | None = None
    real: DatasetReader | None = None
    over: DatasetReader | None = None
    backgrounds: Path | None = None
    look: LookKind = "matched"
    quality: QualityName = "normal"
    randomize: float = 0.0
    layers: bool = False
    maps_only: bool = False
    test_twins: bool = False
    blender: Path | None = None
    n_workers: int | None = None
    engine: str = DEFAULT_ENGINE
    address: str | None = None
    own: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 <= self.randomize <= MAX_STRENGTH:
            raise InputError(
                f"the strength of randomizing must be from 0 to {MAX_STRENGTH:g}, got {self.randomize:g}"
            )
        if self.n_workers is not None and self.n_workers < 1:
            raise InputError(f"--workers must be 1 or more, got {self.n_workers}")
        if self.backgrounds is not None and not self.is_over_photographs:
            raise InputError("--backgrounds are for parts of an imported dataset: name it with --over")
        self.open_engine()  # That there is one.

    @property
    def is_over_photographs(self) -> bool:
        """Whether there is no cell, but photographs."""
        return self.over is not None or "photographs" in self.own

    @property
    def count(self) -> int:
        """All samples."""
        return sum(self.shares.values())

    def open_engine(self) -> Engine:
        """What runs the child processes."""
        return open_engine(self.engine, self.address)

    def choose_processes(self, resources: Resources) -> int:
        """How many child processes of such needs: as asked, or what the engine has room for."""
        return self.open_engine().count_workers(resources, MAX_PROCESSES, self.n_workers)
