"""What a translation must beat joins a comparison, is recorded, and stays away where it cannot be."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from crop_sets import write_crop_set
from planted import make_result
from rich.console import Console

from synth.compare.baseline import FOLDER, add_baseline, expect_baseline
from synth.compare.collect import collect_figures
from synth.compare.plan import Plan
from synth.compare.questions import Question
from synth.compare.report.curves import draw_overview
from synth.compare.request import make_plan
from synth.compare.verdict import rank
from synth.compute.progress import make_progress
from synth.compute.run_dir import RunDir
from synth.errors import InputError
from synth.gan.baseline import check_baseline, make_baseline

DISTANCE = {"value": 2.0, "low": 1.0, "high": 3.0, "n": 8}


def quietly(*words: str) -> Any:
    return make_progress(Console(quiet=True), *words)


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with real, synthetic and translated."""
    folder = tmp_path_factory.mktemp("sets")
    for seed, (name, kind) in enumerate(
        (
            ("real", "real"),
            ("synthetic", "rendered"),
            ("translated", "translated"),
            ("more", "imported"),
            ("laid", "composited"),
        )
    ):
        write_crop_set(folder / name, kind, seed=seed, n=20)
    return folder


def plan_of(sets: Path, out: Path, *names: str, mixes: list[str] | None = None) -> Plan:
    asked: dict[str, Any] = {"ask": (), "curve": False, "tasks": ["normals"], "composed": False}
    asked |= {
        "preset": "quick",
        "seeds": 2,
        "images": 8,
        "plain_crops": False,
        "pretrained": None,
        "photometric": None,
    }
    asked |= {"choose": "own-val", "device": "cpu", "workers": 1}
    asked |= {"engine": "local", "address": None}
    return make_plan({name: [sets / name] for name in names}, mixes=mixes, out=out, **asked)


class Maker:
    """Makes nothing: a choice and a translated dataset that was there before."""

    def __init__(self, made: Path) -> None:
        self.made, self.calls = made, []

    def __call__(self, sim: Path, real: Path, out: Path) -> Path:
        self.calls.append((sim.name, real.name))
        out.mkdir(parents=True, exist_ok=True)
        if not (out / "gains").exists():
            (out / "gains").symlink_to(self.made)
        choice = {
            "method": "gains",
            "why": "it is nearest",
            "distances": {"gains": DISTANCE, "fda": DISTANCE},
        }
        (out / "choice.json").write_text(json.dumps(choice))
        return out / "choice.json"


def test_it_joins_under_its_name(sets: Path, tmp_path: Path) -> None:
    """As a mix of every task, translated from the rendered images, and what is translated is asked about
    against it; config.json has choice and distances, and the report says where it came from.
    """
    plan = plan_of(sets, tmp_path / "run", "real", "synthetic", "translated")
    make = Maker(sets / "translated")
    joined = add_baseline(plan, make, pytest.fail)
    assert make.calls == [("synthetic", "real")]
    assert [mix.name for mix in joined.mixes] == ["real", "synthetic", "translated", "gains"]
    assert Question("translated", "gains") in joined.questions
    assert Question("gains", "real") in joined.questions
    assert len(joined.trials) == len(plan.trials) + 2
    distances = {"gains": DISTANCE, "fda": DISTANCE}
    config = joined.to_config()
    assert config["baseline"] == {"chosen": "gains", "source": "synthetic", "distances": distances}
    assert "baseline" not in plan.to_config()
    assert joined.baseline is not None
    said = joined.baseline.describe()
    for part in ("gains joined the mixes by itself", "made of synthetic", "it is nearest", "fda 2 (1 to 3)"):
        assert part in said


def test_it_stands_on_the_first_screen(sets: Path, tmp_path: Path) -> None:
    """As a dot among those of the other mixes."""
    plan = plan_of(sets, tmp_path / "run", "real", "synthetic", "translated")
    joined = add_baseline(plan, Maker(sets / "translated"), pytest.fail)
    names = tuple(sample.name for sample in joined.reader("normals", "real").of_split("test"))
    said = [[0.0, 0.6, 0.8]] * len(names), [[0.0, 0.0, 1.0]] * len(names)
    results = [(trial, make_result(trial.contest, trial.seed, *said, names)) for trial in joined.trials]
    figures = collect_figures(joined, results)
    (contest,) = figures.contests
    svg = draw_overview(contest, rank(figures, contest)).svg
    assert svg is not None
    for mix in ("real", "synthetic", "translated", "gains"):
        assert f"<!-- {mix} -->" in svg


@pytest.mark.parametrize("names", [("real", "synthetic", "translated"), ("real", "synthetic")])
def test_a_plan_counts_it_before_it_is_made(sets: Path, tmp_path: Path, names: tuple[str, ...]) -> None:
    """As many trainings and questions as there will be, and nothing is written."""
    plan, said = plan_of(sets, tmp_path / "run", *names), []
    expected = expect_baseline(plan, lambda *_: None, said.append)
    assert not plan.out.exists()
    joined = add_baseline(plan, Maker(sets / "translated"), pytest.fail)
    assert len(expected.trials) == len(joined.trials) == len(plan.trials) + 2
    assert len(expected.questions) == len(joined.questions)
    assert expected.mixes[-1].name == "a baseline"
    assert "A baseline joins" in said[0]
    assert expect_baseline(plan, check_baseline, said.append) is plan
    assert "synthetic has images without masks" in said[1]


def test_a_comparison_goes_on_with_it_and_one_without_goes_on_without(sets: Path, tmp_path: Path) -> None:
    """The folder of a baseline stands before the comparison's; one that was begun without one is no other."""
    plan = plan_of(sets, tmp_path / "run", "real", "synthetic")
    make, said = Maker(sets / "translated"), []
    for _ in range(2):
        joined = add_baseline(plan, make, pytest.fail)
        RunDir.create_or_resume(plan.out, joined.to_config(), beside=[FOLDER]).close()
    older = plan_of(sets, tmp_path / "older", "real", "synthetic")
    RunDir.create_or_resume(older.out, older.to_config()).close()
    assert add_baseline(older, make, said.append) is older
    assert said == ["No baseline: this comparison was begun without one, and goes on without."]
    assert len(make.calls) == 2


def test_of_composites_there_is_none_and_it_is_said(sets: Path, tmp_path: Path) -> None:
    """In one sentence, with what makes one, by a plan and by a comparison."""
    plan = plan_of(sets, tmp_path / "run", "real", "laid")
    said: list[str] = []
    assert add_baseline(plan, pytest.fail, said.append) is plan
    assert expect_baseline(plan, pytest.fail, said.append) is plan
    assert said[0] == said[1]
    assert "No baseline joins by itself: laid is composited" in said[0]
    assert "--data" in said[0]


@pytest.mark.parametrize("names", [("real", "more"), ("real", "translated")])
def test_without_rendered_images_there_is_none(sets: Path, tmp_path: Path, names: tuple[str, ...]) -> None:
    """Nor where what a translation was made of is not beside it any more."""
    plan = plan_of(sets, tmp_path / "run", *names)
    assert add_baseline(plan, pytest.fail, pytest.fail) is plan


def test_what_cannot_be_fitted_is_said(sets: Path, tmp_path: Path) -> None:
    """Images without masks: one sentence, no folder, and the comparison goes on as it was asked for."""
    plan = plan_of(sets, tmp_path / "run", "real", "synthetic")
    said: list[str] = []
    make = partial(make_baseline, make_progress=quietly, device="cpu")
    assert add_baseline(plan, make, said.append) is plan
    assert len(said) == 1
    assert "synthetic has images without masks" in said[0]
    assert not plan.out.exists()


def test_one_without_frames_does_not_join(sets: Path, tmp_path: Path) -> None:
    """Where the drift limits have refused all that could be learnt from, the comparison goes on without."""
    write_crop_set(tmp_path / "few", "translated", seed=9, n=1)
    plan, said = plan_of(sets, tmp_path / "run", "real", "synthetic"), []
    assert add_baseline(plan, Maker(tmp_path / "few"), said.append) is plan
    assert "too many frames of gains were refused" in said[0]


def test_a_fault_half_way_is_not_passed_over(sets: Path, tmp_path: Path) -> None:
    """What was begun and cannot be gone on with stops the comparison."""
    plan = plan_of(sets, tmp_path / "run", "real", "synthetic")

    def fail(_sim: Path, _real: Path, out: Path) -> Path:
        out.mkdir(parents=True)
        raise InputError("other settings")

    with pytest.raises(InputError, match="other settings"):
        add_baseline(plan, fail, pytest.fail)


def test_one_that_is_there_already_does_not_join_twice(sets: Path, tmp_path: Path) -> None:
    """A dataset that has its name is the user's own."""
    plan = plan_of(sets, tmp_path / "run", "real", "synthetic")
    own = replace(plan, roots={"normals": {**plan.roots["normals"], "gains": (sets / "translated",)}})
    said: list[str] = []
    assert add_baseline(own, Maker(sets / "translated"), said.append) is own
    assert "among the datasets already" in said[0]
