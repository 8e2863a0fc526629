"""Figures of comparisons whose outcome was planted: predictions made up, everything after them real."""

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from synth.compare.collect import collect_figures
from synth.compare.figures import Figures
from synth.compare.mixes import parse_mix
from synth.compare.plan import Contest, Trial
from synth.compare.questions import Gap, list_questions
from synth.train.loop import Check
from synth.train.run import TrainResult
from synth.train.tasks.detection.learning import DetectionSettings
from synth.train.tasks.normals.learning import NormalSettings

KINDS = dict.fromkeys(("real", "synthetic", "translated"), Path("data"))
N_REAL = 80
GAPS = (Gap("synthetic", "translated", "real"),)


def collect_planted(errors: dict[str, np.ndarray], films: Sequence[str] = ()) -> Figures:
    """Figures of normals whose angle errors [seeds, crops] are given, by mix; films: of each crop."""
    n_seeds, n = next(iter(errors.values())).shape
    contest = Contest("normals", NormalSettings(net="paper", side_px=112), tuple(range(n_seeds)))
    true = [[0.0, 0.0, 1.0]] * n
    return _collect(
        contest,
        {
            (mix, seed): ([[float(np.sin(a)), 0.0, float(np.cos(a))] for a in np.radians(table[seed])], true)
            for mix, table in errors.items()
            for seed in range(n_seeds)
        },
        films,
    )


def collect_boxes(shifts_px: dict[str, float], n: int = 30, by_seed: Sequence[float] = (1, 1, 1)) -> Figures:
    """Figures of detection: boxes of 60 px, shifted by about so many pixels, by mix, times one of a seed."""
    contest = Contest("detection", DetectionSettings(net="yolov5n", side_px=192), tuple(range(len(by_seed))))
    rng = np.random.default_rng(0)
    true = [[[20.0, 20.0, 80.0, 80.0]] for _ in range(n)]
    noise = {(mix, seed): rng.normal(1, 0.2, n) for mix in shifts_px for seed in contest.seeds}
    return _collect(
        contest,
        {
            (mix, seed): (
                [[[20 + s * k, 20.0, 80 + s * k, 80.0, 0.9]] for k in by_seed[seed] * noise[mix, seed]],
                true,
            )
            for mix, s in shifts_px.items()
            for seed in contest.seeds
        },
    )


def collect_classes(shifts_px: dict[str, float], n_true: dict[str, int]) -> Figures:
    """Figures of detection of several classes, a box of 60 px an image, shifted by so many pixels, by mix."""
    contest = Contest("detection", DetectionSettings(net="yolov5n", classes=tuple(n_true)), (0, 1))
    names = [name for name, n in n_true.items() for _ in range(n)]
    true = [[[20.0, 20.0, 80.0, 80.0, name]] for name in names]
    return _collect(
        contest,
        {
            (mix, seed): ([[[20 + s, 20.0, 80 + s, 80.0, 0.9, name]] for name in names], true)
            for mix, s in shifts_px.items()
            for seed in contest.seeds
        },
    )


def _collect(
    contest: Contest,
    said: dict[tuple[str, int], tuple[list[Any], list[Any]]],
    groups: Sequence[str] = (),
) -> Figures:
    mixes = tuple(parse_mix(name, KINDS) for name in dict.fromkeys(mix for mix, _ in said))
    trials = [Trial(contest, mix, seed) for seed in contest.seeds for mix in mixes]
    results = [
        (trial, make_result(contest, trial.seed, *said[trial.mix.name, trial.seed])) for trial in trials
    ]
    plan = SimpleNamespace(
        mixes=mixes,
        contests=(contest,),
        trials=trials,
        questions=list_questions(list(KINDS), [mix.name for mix in mixes], {"translated": "synthetic"}),
        gaps=GAPS if set(KINDS) <= {mix.name for mix in mixes} else (),
        is_simulated=True,
        choose="own-val",
        reader=lambda task, kind: SimpleNamespace(
            info=SimpleNamespace(classes=("a", "b")),
            of_split=lambda split: [
                SimpleNamespace(name=name, group=group, origin=SimpleNamespace(parents=()))
                for name, group in zip_longest(results[0][1].names, groups)
            ],
        ),
        roots={contest.task: {name: (Path("data"),) for name in KINDS}},
        n_translators=lambda trial: int("translated" in trial.mix.datasets),
        n_captured=lambda trial: trial.mix.curve_size or N_REAL * ("real" in trial.mix.datasets),
        spec=lambda trial: SimpleNamespace(stages=()),
    )
    return collect_figures(plan, results)  # type: ignore[arg-type]


def make_result(
    contest: Contest, seed: int, predicted: list[Any], true: list[Any], names: Sequence[str] = ()
) -> TrainResult:
    """What a training that predicted so leaves; names: of the test samples, numbers by themselves."""
    check = Check(10, {"score": 1.0, "test_loss": 0.5}, {"normal": 0.5})
    return TrainResult(
        task=contest.task,
        model=contest.settings.model,
        seed=seed,
        n_train=40,
        n_val=10,
        checks=(check,),
        best=check,
        names=tuple(names or (f"{i:06d}" for i in range(len(true)))),
        predicted=predicted,
        true=true,
        early=predicted,
        seconds=1.0,
        latency_ms=1.0,
        device="cpu",
    )
