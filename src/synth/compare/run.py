"""Training every cell of a plan, each once; a cell that is done is never done again.

::

    runs/compare/
      config.json                       what was asked for; the same is demanded to go on
      cells/normals_real_seed0.json     one training: its checks, its test errors, what it cost
      weights/normals_real_seed0.safetensors
      report.json  report.html          what follows from all of them
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from synth.compare.plan import TEST_ARM, Cell, Plan
from synth.compute.checkpoint import save_weights
from synth.compute.device import choose_device
from synth.compute.progress import Progress
from synth.compute.run_dir import RunDir
from synth.errors import InputError
from synth.geometry.normals import angle_deg
from synth.metrics.comparison import MIN_IMAGES
from synth.storage.atomic import write_bytes
from synth.train.tasks.normals import (
    Check,
    NormalCrops,
    load_normal_crops,
    predict_uvw,
    train_normals,
)

CELLS, WEIGHTS = "cells", "weights"


@dataclass(frozen=True)
class CellResult:
    """One training as it stands on disk.

    names: of the test crops. predicted_uvw, true_uvw: [N,3] in camera axes. errors_deg: [N].
    """

    arm: str
    seed: int
    n_train: int
    n_val: int
    checks: tuple[Check, ...]
    best: Check
    seconds: float
    names: tuple[str, ...]
    predicted_uvw: tuple[tuple[float, float, float], ...]
    true_uvw: tuple[tuple[float, float, float], ...]
    errors_deg: tuple[float, ...]


_RESULT: TypeAdapter[CellResult] = TypeAdapter(CellResult)
MakeProgress = Callable[[str, str], Progress]


def run_plan(plan: Plan, make_progress: MakeProgress) -> list[CellResult]:
    """The result of every cell, in the plan's order; only what is not done yet is trained.

    Raises DatasetError that names a test image which would train, InputError for a folder of other settings
    or data without crops, TrainingDiverged, StorageError. KeyboardInterrupt loses the cell in hand at most.
    """
    progress = make_progress("compare", "steps")
    with RunDir.create_or_resume(plan.out, plan.to_config()):
        todo = [cell for cell in plan.cells if not _path(plan, cell).is_file()]
        if todo:
            n = plan.refuse_leaks()
            progress.say(f"No test image among {n} train and val images of {len(plan.arms)} arms.")
            _train_all(plan, todo, progress)
        return [_load(_path(plan, cell)) for cell in plan.cells]


def errors_of(results: Sequence[CellResult], arm: str) -> NDArray[np.float64]:
    """Angle errors [seeds, images] of one arm, degrees."""
    return np.array([r.errors_deg for r in results if r.arm == arm])


def _train_all(plan: Plan, todo: list[Cell], progress: Progress) -> None:
    device, s = choose_device(plan.device), plan.normals
    captured = plan.arms[TEST_ARM].dataset
    test = load_normal_crops(captured, plan.test_samples, s.side_px)
    if len(test) < MIN_IMAGES:
        raise InputError(
            f"{captured.root} has {len(test)} test crops, and {MIN_IMAGES} are the least to measure on: "
            "capture more"
        )
    progress.begin(total=len(plan.cells) * s.n_steps, done=(len(plan.cells) - len(todo)) * s.n_steps)
    crops: dict[str, tuple[NormalCrops, NormalCrops]] = {}
    try:
        for cell in todo:
            arm = plan.arms[cell.arm]
            if cell.arm not in crops:
                crops[cell.arm] = (
                    load_normal_crops(arm.dataset, arm.samples("train"), s.side_px),
                    load_normal_crops(arm.dataset, arm.samples("val"), s.side_px),
                )
            result = _train_cell(plan, cell, *crops[cell.arm], test, device, progress)
            write_bytes(_path(plan, cell), (json.dumps(asdict(result)) + "\n").encode())
            progress.say(f"{cell.name}: {np.median(result.errors_deg):.1f}° on {len(test)} real test crops")
    finally:
        progress.end()


def _train_cell(
    plan: Plan,
    cell: Cell,
    train: NormalCrops,
    val: NormalCrops,
    test: NormalCrops,
    device: torch.device,
    progress: Progress,
) -> CellResult:
    began = time.perf_counter()
    trained = train_normals(
        train,
        val,
        plan.normals,
        seed=cell.seed,
        device=device,
        on_step=lambda step: progress.accepted(f"{cell.name} step {step}"),
    )
    predicted = predict_uvw(trained.net, test)
    about = {"kind": "normals", "arm": cell.arm, "seed": str(cell.seed), **_words(plan)}
    save_weights(plan.out / WEIGHTS / f"{cell.name}.safetensors", trained.net.state_dict(), about)
    return CellResult(
        arm=cell.arm,
        seed=cell.seed,
        n_train=len(train),
        n_val=len(val),
        checks=trained.checks,
        best=trained.best,
        seconds=time.perf_counter() - began,
        names=test.names,
        predicted_uvw=_rows(predicted),
        true_uvw=_rows(test.uvw),
        errors_deg=tuple(angle_deg(predicted, test.uvw).tolist()),
    )


def _words(plan: Plan) -> dict[str, str]:
    return {"net": plan.normals.net, "side_px": str(plan.normals.side_px)}


def _rows(vectors: NDArray[np.float64]) -> tuple[tuple[float, float, float], ...]:
    return tuple((float(u), float(v), float(w)) for u, v, w in vectors)


def _path(plan: Plan, cell: Cell) -> Path:
    return plan.out / CELLS / f"{cell.name}.json"


def _load(path: Path) -> CellResult:
    try:
        return _RESULT.validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise InputError(f"{path} is not the result of a training: delete it and run again") from error
