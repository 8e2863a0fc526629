"""A comparison as a whole, tiny: train, measure, report; stop, go on; refuse what would cheat."""

import html
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from synth.compare.plan import Arm, Plan
from synth.compare.report.write import write_report
from synth.compare.run import run_plan
from synth.compute.progress import make_progress
from synth.dataset.reader import DatasetReader
from synth.errors import DatasetError, InputError
from synth.train.tasks.normals import NormalSettings

TINY = NormalSettings(side_px=32, n_images=320, batch_size=16, learning_rate=3e-3, n_checks=2)


def quietly(verb="compare", unit="steps"):
    return make_progress(Console(quiet=True), verb, unit)


def make_plan(sets, out: Path, **changes) -> Plan:
    arms = {name: Arm(name, dataset) for name, dataset in sets.items()}
    return Plan(**{"arms": arms, "seeds": (0, 1), "out": out, "normals": TINY, "device": "cpu"} | changes)


@pytest.fixture(scope="module")
def finished(crop_sets, tmp_path_factory):
    plan = make_plan(crop_sets, tmp_path_factory.mktemp("compare") / "run")
    results = run_plan(plan, quietly)
    return plan, results, write_report(plan, results)


def test_every_arm_is_measured_on_the_same_test_crops(finished, crop_sets):
    """Two seeds of three arms, each with an error for every real test crop, and weights of each."""
    plan, results, _ = finished
    wanted = tuple(f"{s.name}_0" for s in crop_sets["real"].of_split("test"))
    assert [(r.arm, r.seed) for r in results] == [(c.arm, c.seed) for c in plan.cells]
    assert all(r.names == wanted and len(r.errors_deg) == len(wanted) for r in results)
    assert len(list((plan.out / "weights").glob("*.safetensors"))) == 6


def test_the_report_says_what_report_json_says(finished):
    """Every sentence of the page stands in report.json with its keys, and every key has a figure."""
    plan, _, (path, verdict) = finished
    content = json.loads((plan.out / "report.json").read_text())
    page = html.unescape(path.read_text())
    assert "SIMULATED CELL" in page
    assert "http" not in page.replace("http://www.w3.org", "")
    assert [s["text"] for s in content["verdict"]] == [s.text for s in verdict]
    for sentence in verdict:
        assert sentence.text in page
        assert set(sentence.keys) <= set(content["figures"])
    assert page.count("<svg") == 3
    assert page.count("data:image/png") == 3


def test_again_nothing_is_trained_and_the_same_comes_out(finished):
    """The same plan goes on from what is there; a lost cell is trained again to the same figures."""
    plan, _, _ = finished
    report = (plan.out / "report.json").read_bytes()
    cells = sorted((plan.out / "cells").iterdir())
    stamps = [cell.stat().st_mtime_ns for cell in cells]
    (plan.out / "cells" / "normals_real_seed1.json").unlink()
    write_report(plan, run_plan(plan, quietly))
    assert (plan.out / "report.json").read_bytes() == report
    again = [cell.stat().st_mtime_ns for cell in cells]
    assert sum(a != b for a, b in zip(stamps, again, strict=True)) == 1


def test_interrupted_and_gone_on_with(crop_sets, finished, tmp_path):
    """Ctrl-C in the middle of a cell: finished cells stay, and the end is the same as without it."""
    plan = make_plan(crop_sets, tmp_path / "run")
    progress = quietly()
    seen = []

    def stop_once(note: str) -> None:
        seen.append(note)
        if len(seen) == 50:
            raise KeyboardInterrupt

    progress.accepted = stop_once
    with pytest.raises(KeyboardInterrupt):
        run_plan(plan, lambda *_: progress)
    assert len(list((plan.out / "cells").iterdir())) == 2
    assert [r.errors_deg for r in run_plan(plan, quietly)] == [r.errors_deg for r in finished[1]]


@pytest.mark.parametrize("arm", ["real", "synthetic"])
def test_a_test_image_in_any_arm_stops_the_run_by_name(crop_sets, tmp_path, arm):
    """A train image overwritten with a real test image: refused with both names before anything trains."""
    sets = dict(crop_sets)
    shutil.copytree(sets[arm].root, tmp_path / arm)
    victim, place = crop_sets["real"].of_split("test")[0], sets[arm].of_split("train")[0]
    shutil.copy(crop_sets["real"].root / victim.image, tmp_path / arm / place.image)
    sets[arm] = DatasetReader(tmp_path / arm)
    with pytest.raises(DatasetError, match=rf"{place.image}.*{victim.name}"):
        run_plan(make_plan(sets, tmp_path / "run"), quietly)
    assert not (tmp_path / "run" / "cells").exists()


def test_other_data_do_not_go_on(finished, crop_sets):
    """A plan with another training or other arms does not mix into a folder."""
    plan, _, _ = finished
    with pytest.raises(InputError, match="n_images"):
        run_plan(replace(plan, normals=replace(TINY, n_images=640)), quietly)
    two = {name: crop_sets[name] for name in ("real", "synthetic")}
    with pytest.raises(InputError, match="translated"):
        run_plan(make_plan(two, plan.out), quietly)


def test_too_few_test_crops_are_said_before_anything_trains(crop_sets, tmp_path):
    """A captured set of eight samples has two test crops: refused, and no cell is left."""
    from crop_sets import write_crop_set

    sets = crop_sets | {"real": write_crop_set(tmp_path / "few", "real", seed=8, n=8)}
    with pytest.raises(InputError, match="has 2 test crops, and 5 are the least"):
        run_plan(make_plan(sets, tmp_path / "run"), quietly)
    assert not (tmp_path / "run" / "cells").exists()


def test_plans_that_compare_nothing_are_one_sentence(crop_sets, tmp_path):
    """No real arm, one arm, no seed."""
    with pytest.raises(InputError, match="give --real"):
        make_plan({"synthetic": crop_sets["synthetic"]}, tmp_path)
    with pytest.raises(InputError, match="give two"):
        make_plan({"real": crop_sets["real"]}, tmp_path)
    with pytest.raises(InputError, match="seeds must differ"):
        make_plan(crop_sets, tmp_path, seeds=())


@pytest.mark.slow
def test_an_arm_with_wrong_labels_is_found_worst(crop_sets, tmp_path):
    """Crops that show other normals than their labels: worst of all, with significance, over five seeds."""
    from crop_sets import write_crop_set

    sets = {
        "real": crop_sets["real"],
        "synthetic": write_crop_set(tmp_path / "shuffled", "rendered", seed=9, shuffled=True),
    }
    plan = make_plan(sets, tmp_path / "run", seeds=tuple(range(5)), normals=replace(TINY, n_images=960))
    _, verdict = write_report(plan, run_plan(plan, quietly))
    assert "Real images train better than synthetic ones" in verdict[1].text
    medians = json.loads((plan.out / "report.json").read_text())["figures"]
    worst, best = (medians[f"normals.{arm}.median_deg"]["value"] for arm in ("synthetic", "real"))
    assert worst > 2 * best
    assert np.isfinite(worst)
