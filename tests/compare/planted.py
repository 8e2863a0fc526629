"""Figures of comparisons whose outcome was planted: predictions made up, everything after them real."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from synth.compare.arms import parse_arm
from synth.compare.collect import collect_figures
from synth.compare.plan import Cell, Contest
from synth.train.loop import Check
from synth.train.run import TrainResult
from synth.train.tasks.detection import DetectionSettings
from synth.train.tasks.normals import NormalSettings

KINDS = dict.fromkeys(("real", "synthetic", "translated"), Path("data"))
N_REAL = 80


def collect_planted(errors: dict[str, np.ndarray]) -> dict[str, Any]:
    """Figures of normals whose angle errors [seeds, crops] are given, by arm."""
    n_seeds, n = next(iter(errors.values())).shape
    contest = Contest("normals", NormalSettings(net="paper", side_px=112), tuple(range(n_seeds)))
    true = [[0.0, 0.0, 1.0]] * n
    return _collect(
        contest,
        {
            (arm, seed): ([[float(np.sin(a)), 0.0, float(np.cos(a))] for a in np.radians(table[seed])], true)
            for arm, table in errors.items()
            for seed in range(n_seeds)
        },
    )


def collect_boxes(shifts_px: dict[str, float], n: int = 30) -> dict[str, Any]:
    """Figures of detection whose boxes of 60 px are shifted by about so many pixels, by arm, with 3 seeds."""
    contest = Contest("detection", DetectionSettings(net="yolov5n", side_px=192), (0, 1, 2))
    rng = np.random.default_rng(0)
    true = [[[20.0, 20.0, 80.0, 80.0]] for _ in range(n)]
    noise = {(arm, seed): rng.normal(1, 0.2, n) for arm in shifts_px for seed in contest.seeds}
    return _collect(
        contest,
        {
            (arm, seed): ([[[20 + s * k, 20.0, 80 + s * k, 80.0, 0.9]] for k in noise[arm, seed]], true)
            for arm, s in shifts_px.items()
            for seed in contest.seeds
        },
    )


def _collect(contest: Contest, said: dict[tuple[str, int], tuple[list[Any], list[Any]]]) -> dict[str, Any]:
    arms = tuple(parse_arm(name, KINDS) for name in dict.fromkeys(arm for arm, _ in said))
    cells = [Cell(contest, arm, seed) for seed in contest.seeds for arm in arms]
    results = [(cell, _result(contest, cell.seed, *said[cell.arm.name, cell.seed])) for cell in cells]
    plan = SimpleNamespace(
        arms=arms,
        contests=(contest,),
        cells=cells,
        is_simulated=True,
        choose="own-val",
        reader=lambda task, kind: SimpleNamespace(info=SimpleNamespace(classes=("a", "b"))),
        n_real_labels=lambda cell: cell.arm.curve_size or N_REAL * ("real" in cell.arm.kinds),
    )
    return collect_figures(plan, results)  # type: ignore[arg-type]


def _result(contest: Contest, seed: int, predicted: list[Any], true: list[Any]) -> TrainResult:
    check = Check(10, {"score": 1.0, "test_loss": 0.5}, {"normal": 0.5})
    return TrainResult(
        task=contest.task,
        model=contest.settings.model,
        seed=seed,
        n_train=40,
        n_val=10,
        checks=(check,),
        best=check,
        names=tuple(f"{i:06d}" for i in range(len(true))),
        predicted=predicted,
        true=true,
        early=predicted,
        seconds=1.0,
        latency_ms=1.0,
        device="cpu",
    )
