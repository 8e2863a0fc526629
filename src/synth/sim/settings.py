"""What a rendering is asked for, and the dataset description that follows from it."""

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from pydantic import JsonValue

from synth.cell.load import cell_fingerprint
from synth.cell.mesh import cad_sha256
from synth.cell.model import Cell
from synth.compute.versions import list_versions
from synth.dataset.difference import list_differences
from synth.dataset.folder import INFO_FILE, read_info, refuse_other_kind
from synth.dataset.info import CameraRecord, DatasetInfo, MadeBy, PartRecord
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.errors import DatasetError, InputError
from synth.sim.blender import QUALITIES, Layer
from synth.sim.furnish import camera_of_cell
from synth.sim.installed import find_installed
from synth.sim.plan import Shares
from synth.sim.scene import SceneCamera

LookKind = Literal["matched", "plain"]
QualityName = Literal["draft", "normal", "reference"]

LAYERS: tuple[Layer, ...] = ("normals", "depth", "ids")
DEPTH_SCALE_M = 0.00025
"""Metres a count where no captured dataset says otherwise; an L515's."""

PACKAGES = ("synth-robotics", "numpy", "opencv-python", "open3d", "bpy", "blenderproc")


@dataclass(frozen=True)
class RenderSettings:
    """One rendering.

    real: the captured dataset to match and to twin; None for none, which takes look ``plain``. randomize:
    strength of the spread around the cell's values, 0 for none. layers: normals, depth and ids beside each
    picture. blender: the folder of an installed Blender; None for the pip wheels. n_workers: Blender
    processes; None to go by the machine.
    """

    cell: Cell
    out: Path
    real: DatasetReader | None
    shares: Shares
    seed: int = 0
    look: LookKind = "matched"
    quality: QualityName = "normal"
    randomize: float = 0.0
    layers: bool = False
    test_twins: bool = False
    blender: Path | None = None
    n_workers: int | None = None

    def __post_init__(self) -> None:
        if self.randomize < 0:
            raise InputError(f"the strength of --randomize must be 0 or more, got {self.randomize:g}")
        if self.n_workers is not None and self.n_workers < 1:
            raise InputError(f"--workers must be 1 or more, got {self.n_workers}")
        if self.real is None and self.look == "matched":
            raise InputError("a matched look needs a captured dataset: give --real, or say --look plain")
        if self.real is None or self.real.info.part is None:
            return
        if self.real.info.part.cad_sha256 != cad_sha256(self.cell):
            raise InputError(
                f"{self.real.root} shows another part ({self.real.info.part.name}) than the cell's "
                f"({self.cell.part.class_name}): give the cell it was captured in with --cell"
            )

    @property
    def camera(self) -> SceneCamera:
        """The captured dataset's camera, or the cell's."""
        return camera_of_cell(self.cell, self.real.info.camera if self.real else None)

    @property
    def depth_scale_m(self) -> float:
        """Metres a count of depth/, as in the captured dataset."""
        camera = None if self.real is None else self.real.info.camera
        return DEPTH_SCALE_M if camera is None or camera.depth_scale_m is None else camera.depth_scale_m


def describe(settings: RenderSettings) -> DatasetInfo:
    """dataset.json of this rendering; ``made_by.config`` holds everything that a resumed run must share."""
    cell, real, camera = settings.cell, settings.real, settings.camera
    config: dict[str, JsonValue] = {
        "cell": cell_fingerprint(cell),
        "shares": asdict(settings.shares),
        "test_twins": settings.test_twins,
        "look": settings.look,
        "quality": {"name": settings.quality, **asdict(QUALITIES[settings.quality])},
        "randomize": settings.randomize,
        "layers": settings.layers,
        "blender": None if settings.blender is None else find_installed(settings.blender).version,
        "real": None if real is None else _digest(real, with_test=settings.test_twins),
    }
    captured = None if real is None else real.info.camera
    return DatasetInfo(
        kind="rendered",
        classes=(cell.part.class_name,),
        camera=CameraRecord(
            name="rendered" if captured is None else captured.name,
            serial="none" if captured is None else captured.serial,
            size_wh=camera.size_wh,
            K=camera.K,
            dist=camera.dist,
            T_base_cam=camera.T_base_cam,
            depth_scale_m=settings.depth_scale_m,
        ),
        part=PartRecord(name=cell.part.class_name, cad_sha256=cad_sha256(cell)),
        box_kind="square" if real is None else real.info.box_kind,
        made_by=MadeBy(
            verb="render",
            config=config,
            seed=settings.seed,
            versions=list_versions(PACKAGES),
            parents=() if real is None else (real.root.resolve().name,),
            simulated=cell.is_simulated if real is None else real.info.made_by.simulated,
        ),
    )


def find_earlier_run(out: Path, info: DatasetInfo) -> DatasetReader | None:
    """What an earlier run that would describe itself by ``info`` left in the folder, or None.

    Raises DatasetError with every difference when the folder was made otherwise.
    """
    if not (out / INFO_FILE).exists():
        return None
    refuse_other_kind(out, "rendered")
    if differences := list_differences(read_info(out), info):
        lines = "".join(f"\n  {d}" for d in differences)
        raise DatasetError(
            f"{out} was made with other settings: go back to them, or choose another folder with --out{lines}"
        )
    return DatasetReader(out)


def _digest(real: DatasetReader, *, with_test: bool) -> dict[str, JsonValue]:
    """Which pictures are matched and twinned: a run is gone on with only while they stay the same."""
    samples = [s for s in real.samples if with_test or s.split != "test"]
    return {
        "samples": len(samples),
        "plates": len(real.plates),
        "sha256": _hash([*_lines(samples), *(p.pixels_sha256 for p in real.plates)]),
    }


def _lines(samples: Iterable[Sample]) -> list[str]:
    return [f"{s.name} {s.split} {s.pixels_sha256}" for s in samples]


def _hash(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
