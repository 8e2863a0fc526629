"""Take pictures of the part, measure where it is held, say it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from synth.capture.calibrate.part_fit import PartFit, fit_part, part_outcome, with_part
from synth.capture.calibrate.part_report import choose_pictures, write_part_page
from synth.capture.calibrate.part_views import load_shots
from synth.capture.run import capture, make_plan
from synth.capture.settings import CaptureSettings, find_earlier_run
from synth.cell.calibration_validity import part_place, why_uncalibrated
from synth.cell.mesh import load_bodies
from synth.cell.model import Cell
from synth.cell.source import Place
from synth.compute.progress import Progress
from synth.dataset.reader import DatasetReader
from synth.errors import InputError
from synth.geometry.pinhole import Pinhole
from synth.storage.atomic import write_bytes

_LOOSE = {"max_normal_depth_deg": 90.0, "min_box_iou": 0.3}
"""Gates that would refuse what is to be measured."""


@dataclass(frozen=True)
class PartRun:
    """One measurement. pace: of a simulated arm."""

    cell: Cell
    out: Path
    n_poses: int
    seed: int
    pace: float | None

    @property
    def pictures(self) -> CaptureSettings:
        """The capture behind it, with gates that let a wrongly held part pass."""
        gates = self.cell.gates.model_copy(update=_LOOSE)
        return CaptureSettings(
            cell=self.cell.model_copy(update={"gates": gates}),
            out=self.out / "pictures",
            n_poses=self.n_poses,
            seed=self.seed,
            n_plates=0,
            pace=self.pace,
        )


@dataclass(frozen=True, eq=False)
class MeasuredPart:
    """sentences: what a person is told. values: for the cell file. refusals: why they should not go there."""

    found: PartFit
    sentences: tuple[str, ...]
    values: dict[Place, Any]
    refusals: tuple[str, ...]


def take_pictures(run: PartRun, progress: Progress) -> None:
    """Capture what is not there yet. Raises InputError for a camera without depth, for a real cell whose
    camera is not calibrated, and as `capture` does.
    """
    if not run.cell.camera.known.has_depth:
        raise InputError(
            f"The part's place is measured by depth too, and a {run.cell.camera.known.title} has none: "
            "measure T_tool_part by hand, or borrow a camera with depth for it"
        )
    if not run.cell.is_simulated:
        alone = run.cell.calibration.model_copy(update={"part": None})
        if reason := why_uncalibrated(run.cell.model_copy(update={"calibration": alone})):
            raise InputError(f"the part is measured with a calibrated camera, and {reason}")
    bodies = load_bodies(run.cell)
    plan = make_plan(run.pictures, bodies)
    earlier = find_earlier_run(run.pictures, plan)
    if earlier is None or len(earlier.samples) < run.n_poses:
        capture(run.pictures, plan, bodies, progress)


def measure_part(run: PartRun, progress: Progress) -> MeasuredPart:
    """Fit the part's place to the pictures, write result.json and report.html. Raises InputError,
    StorageError.
    """
    dataset = DatasetReader(run.pictures.out)
    lens = dataset.info.camera
    assert lens is not None
    camera = Pinhole(lens.size_wh, np.asarray(lens.K), np.asarray(lens.dist))
    rounds = 0

    def on_round(i: int, n: int) -> None:
        nonlocal rounds
        if rounds == 0:
            progress.begin(total=n, done=0)
        progress.advanced(i - rounds)
        rounds = i

    bodies = load_bodies(run.cell)
    try:
        found = fit_part(run.cell, bodies, camera, load_shots(dataset, run.cell.label), on_round)
    finally:
        progress.end()
    values, record, refusals = part_outcome(run.cell, found)
    place = part_place(run.cell)
    figures = {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in asdict(found).items()}
    content = {
        "simulated": run.cell.is_simulated,
        "place": place,
        place: figures.pop("T"),
        **figures,
        "sigma_mm": found.sigma_mm,
        "sigma_deg": found.sigma_deg,
        "record": record.model_dump(mode="json"),
        "refusals": refusals,
    }
    write_bytes(run.out / "result.json", (json.dumps(content, indent=1) + "\n").encode())
    after = with_part(run.cell, found.T)
    shown = choose_pictures(dataset, run.cell, after, bodies, camera)
    listed = _list_figures(found)
    page = write_part_page(run.out, content, listed, shown)
    simulated = "SIMULATED: " if run.cell.is_simulated else ""
    rows = ["  [" + ", ".join(f"{value: .8f}" for value in row) + "]" for row in found.T.tolist()]
    sentences = (
        f"{simulated}{place} from {found.n_shots} pictures",
        *rows,
        *(f"{name:<16}{value}" for name, value in listed),
        f"Report: {page}",
    )
    return MeasuredPart(found, sentences, values, tuple(refusals))


def _list_figures(found: PartFit) -> list[tuple[str, str]]:
    """Names and values, as a person reads them."""
    return [
        ("known to", f"{found.sigma_mm:.2f} mm and {found.sigma_deg:.3f}° (one standard deviation)"),
        (
            "changed by",
            f"{found.moved_mm:.2f} mm and {found.turned_deg:.2f}° from what the cell file said",
        ),
        ("outline", f"typically {found.outline_px:.2f} px from the CAD's"),
        ("face", f"typically {found.depth_mm:.2f} mm from the depth"),
    ]
