"""A training in a folder: what it leaves there, how it goes on, and what it refuses."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy_sets import write_detection_set, write_normal_set

from synth.compute.checkpoint import load_weights, save_state
from synth.compute.run_dir import read_stats
from synth.dataset.reader import DatasetReader
from synth.errors import InputError
from synth.train.run import (
    EARLY_FILE,
    RESULT_FILE,
    STATE_FILE,
    WEIGHTS_FILE,
    Portion,
    TrainResult,
    TrainSpec,
    load_result,
    run_training,
)
from synth.train.settings import TaskSettings
from synth.train.tasks import TASKS
from synth.train.tasks.detection.learning import DetectionSettings
from synth.train.tasks.normals.learning import NormalSettings

SETTINGS: dict[str, TaskSettings] = {
    "normals": NormalSettings(side_px=32, n_images=48, batch_size=8, learning_rate=3e-3, n_checks=3),
    "detection": DetectionSettings(side_px=32, n_images=24, batch_size=4, n_checks=3),
}
WRITE = {"normals": write_normal_set, "detection": write_detection_set}
BOTH = pytest.mark.parametrize("task", list(SETTINGS))
Sets = dict[str, dict[str, DatasetReader]]


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Sets:
    """Captured and rendered samples of both tasks: 12, 3 and 5 to train, choose and test with, of 20."""
    folder = tmp_path_factory.mktemp("sets")
    return {
        task: {
            "real": write(folder / task / "real", seed=0, kind="real"),
            "rendered": write(folder / task / "rendered", seed=1, kind="rendered"),
        }
        for task, write in WRITE.items()
    }


def make_spec(sets: Sets, task: str, **changes: Any) -> TrainSpec:
    """Rendered images, tested on captured ones."""
    stages = ((Portion(sets[task]["rendered"].root),),)
    spec = TrainSpec(task, SETTINGS[task], stages, sets[task]["real"].root, seed=3)
    return replace(spec, **changes)


def train(spec: TrainSpec, out: Path, **options: Any) -> TrainResult:
    result = run_training(spec, out, device="cpu", **options)
    assert result is not None
    return result


@pytest.fixture(scope="module")
def finished(sets: Sets, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, TrainResult]]:
    out = tmp_path_factory.mktemp("runs")
    return {task: (out / task, train(make_spec(sets, task), out / task)) for task in SETTINGS}


@BOTH
def test_a_finished_folder_holds_what_it_says(task: str, sets: Sets, finished: Any) -> None:
    """The files of the module's docstring and no state; figures of every check; the result as returned."""
    out, result = finished[task]
    files = {path.name for path in out.iterdir() if not path.name.startswith(".")}
    assert files == {"config.json", "stats.jsonl", WEIGHTS_FILE, RESULT_FILE, EARLY_FILE}
    assert load_result(out) == result
    rows = read_stats(out)
    assert [row["step"] for row in rows] == [check.step for check in result.checks] == [2, 4, 6]
    for row, check in zip(rows, result.checks, strict=True):
        assert check.figures.items() <= row.items()
        assert row["of"] == 6
    test = sets[task]["real"].of_split("test")
    suffix = "_0" if task == "normals" else ""
    assert result.names == tuple(f"{s.name}{suffix}" for s in test)
    assert len(result.predicted) == len(result.true) == len(result.early) == len(test)
    assert (result.task, result.seed, result.device) == (task, 3, "cpu")
    assert result.model == SETTINGS[task].net
    assert (result.n_train, result.n_val) == (12, 3)
    assert result.best in result.checks
    assert result.best.figures["score"] == min(check.figures["score"] for check in result.checks)
    assert 0 < result.latency_ms < 60_000
    assert result.seconds > 0


@BOTH
def test_the_weights_give_the_predictions(task: str, sets: Sets, finished: Any) -> None:
    """A fresh network with weights.safetensors says of the test images what the result says; the words beside
    them say what it is.
    """
    out, result = finished[task]
    tensors, words = load_weights(out / WEIGHTS_FILE)
    settings, real = SETTINGS[task], sets[task]["real"]
    net = TASKS[task].make_net(settings)
    net.load_state_dict(tensors)
    test = TASKS[task].load(real, real.of_split("test"), settings)
    assert TASKS[task].predict(net.eval(), test) == result.predicted
    assert TASKS[task].truth(test) == result.true
    assert words["task"] == task
    assert json.loads(words["settings"])["n_images"] == settings.n_images


@BOTH
def test_a_finished_training_is_only_read(task: str, sets: Sets, finished: Any) -> None:
    """The same call again returns the same and touches no file."""
    out, result = finished[task]
    stamps = {path.name: path.stat().st_mtime_ns for path in out.glob("[!.]*")}
    steps: list[int] = []
    assert train(make_spec(sets, task), out, on_step=steps.append) == result
    assert not steps
    assert {path.name: path.stat().st_mtime_ns for path in out.glob("[!.]*")} == stamps
    assert len(stamps) == 5


@BOTH
def test_out_of_time_and_gone_on_with(task: str, sets: Sets, finished: Any, tmp_path: Path) -> None:
    """Too few minutes give None and a state; the same call later ends with the same predictions and figures,
    also after a kill in between.
    """
    out, (_, wanted), spec = tmp_path / "run", finished[task], make_spec(sets, task)
    steps: list[int] = []
    for _ in range(2):
        assert run_training(spec, out, device="cpu", max_minutes=0, on_step=steps.append) is None
    assert steps == [1, 2]
    assert (out / STATE_FILE).is_file()
    assert not (out / RESULT_FILE).exists()
    with pytest.raises(InputError, match="holds no finished training"):
        load_result(out)

    def die(step: int) -> None:
        if step == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_training(spec, out, device="cpu", on_step=die)
    result = train(spec, out, max_minutes=60)
    assert result.predicted == wanted.predicted
    assert result.early == wanted.early
    assert (result.checks, result.best) == (wanted.checks, wanted.best)
    assert [row["step"] for row in read_stats(out)] == [2, 4, 6]
    assert (out / WEIGHTS_FILE).read_bytes() == (finished[task][0] / WEIGHTS_FILE).read_bytes()


def test_early_predictions_are_those_of_the_first_check(
    sets: Sets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not those of the end, and the same when the process dies as soon as that check's state is written."""
    settings = replace(SETTINGS["normals"], n_images=160, n_checks=4)
    spec = make_spec(sets, "normals", settings=settings)
    wanted = train(spec, tmp_path / "whole")
    assert wanted.best != wanted.checks[0]
    assert wanted.early != wanted.predicted

    def save_and_die(path: Path, state: Any) -> None:
        save_state(path, state)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("synth.train.loop.save_state", save_and_die)
        with pytest.raises(KeyboardInterrupt):
            run_training(spec, tmp_path / "run", device="cpu")
    result = train(spec, tmp_path / "run")
    assert result.early == wanted.early
    assert result.predicted == wanted.predicted
    assert [row["step"] for row in read_stats(tmp_path / "run")] == [5, 10, 15, 20]


def test_other_settings_do_not_go_on(sets: Sets, finished: Any) -> None:
    """Other settings, data, seed or choice in the same folder are refused by the name of what differs."""
    out, result = finished["normals"]
    spec = make_spec(sets, "normals")
    longer = replace(spec.settings, n_images=64)
    smaller = ((Portion(sets["normals"]["rendered"].root, 10),),)
    for key, other in (
        ("settings.n_images", replace(spec, settings=longer)),
        ("seed", replace(spec, seed=4)),
        ("choose", replace(spec, choose="real-val")),
        ("stages", replace(spec, stages=smaller)),
    ):
        with pytest.raises(InputError, match=rf"other settings(.|\n)*{key}"):
            run_training(other, out, device="cpu")
    assert load_result(out) == result


def test_other_images_do_not_go_on(tmp_path: Path) -> None:
    """Images that were added since are found out by their hashes."""
    rendered = write_normal_set(tmp_path / "rendered", seed=1)
    spec = TrainSpec("normals", SETTINGS["normals"], ((Portion(rendered.root),),), rendered.root, seed=0)
    train(spec, tmp_path / "run")
    lines = (rendered.root / "samples.jsonl").read_text().splitlines(keepends=True)
    (rendered.root / "samples.jsonl").write_text("".join(lines[:-1]))
    with pytest.raises(InputError, match=r"other settings(.|\n)*data"):
        run_training(spec, tmp_path / "run", device="cpu")


def test_a_damaged_result_is_one_sentence(tmp_path: Path) -> None:
    """Torn, or of another program."""
    for text in ("", '{"task": "normals"}', "[1, 2"):
        (tmp_path / RESULT_FILE).write_text(text)
        with pytest.raises(InputError, match=r"result\.json is not the result of a training"):
            load_result(tmp_path)


def test_a_larger_limit_holds_the_smaller_one(sets: Sets) -> None:
    """Counts are as asked for, a fifth of them val; more images are the same and some; another seed draws
    others.
    """
    real = sets["normals"]["real"]
    before: tuple[set[str], set[str]] = set(), set()
    for limit in range(2, 16):
        train, val = ({s.name for s in part} for part in Portion(real.root, limit).samples(real, seed=0))
        assert len(train) + len(val) == limit
        assert len(val) == max(1, round(0.2 * limit))
        assert before[0] <= train <= {s.name for s in real.of_split("train")}
        assert before[1] <= val <= {s.name for s in real.of_split("val")}
        before = train, val
    every = Portion(real.root).samples(real, seed=0)
    assert [len(part) for part in every] == [12, 3]
    assert before == tuple({s.name for s in part} for part in every)
    few, others = ([s.name for s in Portion(real.root, 6).samples(real, seed)[0]] for seed in (0, 1))
    assert sorted(few) != sorted(others)


def test_a_limit_is_met_where_one_split_is_small(tmp_path: Path) -> None:
    """Too few val or train images for a fifth: the other split fills up, and it stays nested."""
    real = write_normal_set(tmp_path / "real", seed=0)
    train, val = real.of_split("train"), real.of_split("val")

    class Uneven:
        def __init__(self, n_train: int, n_val: int) -> None:
            self.parts = {"train": (train + val)[:n_train], "val": (val + train)[:n_val]}

        def of_split(self, split: str) -> Any:
            return self.parts[split]

    for n_train, n_val in ((12, 1), (2, 12)):
        before: tuple[set[str], set[str]] = set(), set()
        for limit in range(2, n_train + n_val + 1):
            parts = Portion(real.root, limit).samples(Uneven(n_train, n_val), 0)  # type: ignore[arg-type]
            assert sum(len(part) for part in parts) == limit
            assert all(parts)
            names = tuple({s.name for s in part} for part in parts)
            assert before[0] <= names[0]
            assert before[1] <= names[1]
            before = names  # type: ignore[assignment]


@pytest.mark.parametrize("limit", [16, 1, 0, -3])
def test_limits_that_cannot_be_met_are_one_sentence(sets: Sets, tmp_path: Path, limit: int) -> None:
    """More than there are, or too few to train and choose: both numbers are named."""
    spec = make_spec(sets, "normals", stages=((Portion(sets["normals"]["rendered"].root, limit),),))
    wanted = (
        "has 15 train and val images, fewer than the 16 asked for" if limit > 2 else f"2 or more.*{limit}"
    )
    with pytest.raises(InputError, match=wanted):
        run_training(spec, tmp_path / "run", device="cpu")


@BOTH
def test_mixes_and_stages_count_their_images(task: str, sets: Sets, tmp_path: Path) -> None:
    """A mix has the images of its sources together; of two stages all train images count, and the last one's
    own val images choose.
    """
    rendered, real = (Portion(sets[task][name].root, 5) for name in ("rendered", "real"))
    whole = replace(rendered, limit=None)
    mix = train(make_spec(sets, task, stages=((whole, real),)), tmp_path / "mix")
    assert (mix.n_train, mix.n_val) == (12 + 4, 3 + 1)
    staged = train(make_spec(sets, task, stages=((whole,), (real,))), tmp_path / "staged")
    assert (staged.n_train, staged.n_val) == (12 + 4, 1)
    assert staged.best.step > 4
    assert [check.step for check in staged.checks] == [2, 4, 6]


@BOTH
def test_captured_val_images_choose_where_asked(task: str, sets: Sets, finished: Any, tmp_path: Path) -> None:
    """Figures on val images are then those of the tested dataset's; training itself is the same."""
    _, own = finished[task]
    chosen = train(make_spec(sets, task, choose="real-val"), tmp_path / "run")
    assert chosen.n_val == 3
    key = "val_loss" if task == "normals" else "val_cls_loss"
    assert all(a.figures[key] != b.figures[key] for a, b in zip(chosen.checks, own.checks, strict=True))
    assert [check.losses for check in chosen.checks] == [check.losses for check in own.checks]
    net = TASKS[task].make_net(SETTINGS[task])
    net.load_state_dict(load_weights(tmp_path / "run" / WEIGHTS_FILE)[0])
    real = sets[task]["real"]
    val = TASKS[task].load(real, real.of_split("val"), SETTINGS[task])
    learner = TASKS[task].make_learner(
        [val], val, SETTINGS[task], seed=0, device=next(net.parameters()).device
    )
    learner.net.load_state_dict(net.state_dict())
    learner.net.eval()
    assert learner.check()[key] == pytest.approx(chosen.best.figures[key])


def test_a_first_test_image_without_boxes_is_no_hindrance(tmp_path: Path) -> None:
    """Latency is measured on an image that has something to find."""
    real = write_detection_set(tmp_path / "real", seed=0, kind="real")
    lines = (real.root / "samples.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    first = next(record for record in records if record["split"] == "test")
    first["instances"] = []
    (real.root / "samples.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    spec = TrainSpec("detection", SETTINGS["detection"], ((Portion(real.root),),), real.root, seed=0)
    result = train(spec, tmp_path / "run")
    assert result.true[0] == []
    assert np.isfinite(result.latency_ms)
