"""A comparison as a whole, tiny: train, measure, report; stop, go on; refuse what would cheat."""

import hashlib
import html
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from coarse_maps import look_coarsely
from in_this_process import stay_in_this_process
from synth.compare.collect import collect_figures
from synth.compare.figures import UsedData
from synth.compare.mixes import parse_mix
from synth.compare.plan import Contest, Plan
from synth.compare.report.write import write_report
from synth.compare.run import run_plan
from synth.compute.progress import make_progress
from synth.dataset.info import DatasetInfo, MadeBy, SemanticInfo
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Draft
from synth.dataset.store import DatasetWriter
from synth.errors import DatasetError, InputError
from synth.train.tasks.detection.learning import DetectionSettings
from synth.train.tasks.normals.learning import NormalSettings

pytestmark = pytest.mark.slow

TINY = NormalSettings(side_px=32, n_images=320, batch_size=16, learning_rate=3e-3, n_checks=2)
MIXES = ("real", "synthetic")
TINY_BOXES = DetectionSettings(side_px=64, n_images=16, batch_size=4, n_checks=2)


def quietly(verb="compare", unit="images"):
    return make_progress(Console(quiet=True), verb, unit)


def make_plan(sets, out: Path, *, mixes=None, seeds=(0, 1), normals=TINY, boxes=None, **changes) -> Plan:
    roots = {name: (dataset.root,) for name, dataset in sets.items()}
    contests = [Contest("normals", normals, seeds)]
    if boxes is not None:
        contests.append(Contest("detection", boxes, (0,)))
    return Plan(
        mixes=tuple(parse_mix(name, roots) for name in mixes or roots),
        contests=tuple(contests),
        roots={contest.task: roots for contest in contests},
        out=out,
        device="cpu",
        **{"n_workers": 1} | changes,
    )


@pytest.fixture(scope="module")
def finished(crop_sets, tmp_path_factory):
    plan = make_plan(crop_sets, tmp_path_factory.mktemp("compare") / "run", mixes=MIXES, boxes=TINY_BOXES)
    with pytest.MonkeyPatch.context() as patch:
        stay_in_this_process(patch)
        look_coarsely(patch)
        results = run_plan(plan, quietly)
        return plan, results, write_report(plan, results)


def test_every_mix_is_measured_on_the_same_test_images(finished, crop_sets):
    """Two seeds of two mixes, each with a prediction for every real test crop, and weights of each."""
    plan, results, _ = finished
    wanted = tuple(s.name for s in crop_sets["real"].of_split("test"))
    assert [trial for trial, _ in results] == list(plan.trials)
    for trial, result in results:
        suffix = "_0" if trial.contest.task == "normals" else ""
        assert result.names == tuple(f"{name}{suffix}" for name in wanted)
        assert len(result.predicted) == len(result.true) == len(wanted)
    assert len(list((plan.out / "trials").glob("*/weights.safetensors"))) == 6


def test_the_report_says_what_report_json_says(finished):
    """Every sentence of the page stands in report.json with its keys, and every key has a figure."""
    plan, _, (path, verdict) = finished
    content = json.loads((plan.out / "report.json").read_text())
    page = html.unescape(path.read_text())
    assert "SIMULATED CELL" in page
    assert "http" not in page.replace("http://www.w3.org", "")
    assert [s["text"] for s in content["verdict"]] == [s.text for s in verdict]
    for sentence in content["verdict"]:
        assert sentence["text"] in page
        assert sentence["keys"]
        assert set(sentence["keys"]) <= set(content["figures"])
    assert all(line in page for line in content["next"])


def test_every_figure_of_a_table_stands_in_report_json(finished):
    """The tables of mixes hold values that report.json has, to the digits shown."""
    plan, _, (path, _) = finished
    figures = json.loads((plan.out / "report.json").read_text())["figures"]
    page = html.unescape(path.read_text())
    for mix in MIXES:
        assert f"{figures[f'normals.paper.{mix}.mean_deg']['value']:.1f}°" in page
        assert f"{figures[f'detection.yolov5n.{mix}.paper_recall']['value']:.3f}" in page
        assert f"{figures[f'detection.yolov5n.{mix}.test_cls_loss']['value']:.3f}" in page


def test_the_papers_figures_and_tables_are_there(finished):
    """Figures 5, 16 to 24 and Tables 1 and 2 are on the page as the paper's, which it names, in files, and
    none is empty.
    """
    plan, _, (path, _) = finished
    page = path.read_text()
    told = " ".join(re.findall(r"Figures? ((?:\d+(?: and )?)+) of the paper", page))
    assert set(map(int, re.findall(r"\d+", told))) == {5, *range(16, 25)}
    assert "Table 1 of the paper" in page
    assert "Table 2 of the paper" in page
    assert "The paper is L. Güitta López" in page
    names = {p.stem for p in (plan.out / "figures").iterdir()}
    assert {"samples_normals", "basis", "normals_paper_vertical", "detection_yolov5n_stages"} <= names
    assert all(p.stat().st_size > 1000 for p in (plan.out / "figures").iterdir())
    for name in names:
        assert f'<figure id="{name}">' in page


def test_no_heading_calls_simulated_images_real(finished):
    """Titles, columns and captions say captured; real is nothing but the name of a mix."""
    _, _, (path, _) = finished
    page = path.read_text()
    found = re.findall(r"<(h[1-3]|th|summary|figcaption)[^>]*>(.*?)</\1>", page, re.DOTALL)
    headings = [re.sub(r"mix real\b", "mix", text) for _, text in found if text != "real"]
    assert any("captured" in text for text in headings)
    assert [text for text in headings if re.search(r"\breal\b", text)] == []


def test_the_best_networks_run_without_torch(finished):
    """ONNX gives the same normals as the network, and the detector's threshold is a confidence."""
    import onnxruntime

    plan, _, _ = finished
    session = onnxruntime.InferenceSession(plan.out / "best_normals_paper.onnx")
    rng = np.random.default_rng(0)
    normal = session.run(None, {"images": rng.uniform(-1, 1, (1, 3, 32, 32)).astype(np.float32)})[0]
    assert np.linalg.norm(normal) == pytest.approx(1, abs=1e-4)
    about = json.loads((plan.out / "best_detection_yolov5n.json").read_text())
    assert 0 <= about["threshold"] <= 1
    assert about["simulated"] is True
    boxes = onnxruntime.InferenceSession(plan.out / "best_detection_yolov5n.onnx").run(
        None, {"images": np.zeros((1, 3, 64, 64), np.float32)}
    )[0]
    assert boxes.shape[:2] == (1, 5)


@pytest.mark.usefixtures("coarse_maps", "in_this_process")
def test_again_nothing_is_trained_and_the_same_comes_out(finished, monkeypatch):
    """The same plan goes on from what is there; a lost trial is trained again to the same figures."""
    plan, _, _ = finished
    report = (plan.out / "report.json").read_bytes()
    trials = sorted((plan.out / "trials").glob("*/result.json"))
    stamps = [trial.stat().st_mtime_ns for trial in trials]
    shutil.rmtree(plan.out / "trials" / "normals_paper_real_seed1")
    shutil.rmtree(plan.out / "trials" / "detection_yolov5n_synthetic_seed0")
    monkeypatch.setattr("synth.compare.report.write.export_best", lambda *_: [])  # It has a test of its own.
    write_report(plan, run_plan(plan, quietly))
    assert (plan.out / "report.json").read_bytes() == report
    again = [trial.stat().st_mtime_ns for trial in trials]
    assert sum(a != b for a, b in zip(stamps, again, strict=True)) == 2


@pytest.mark.usefixtures("in_this_process")
def test_interrupted_and_gone_on_with(crop_sets, finished, tmp_path):
    """Ctrl-C in the middle: finished trials stay, and the end is the same as without it."""
    plan = make_plan(crop_sets, tmp_path / "run", mixes=MIXES)
    progress = quietly()
    said = []

    def stop_after_three(text: str) -> None:
        said.extend([text] * ("best after" in text))
        if len(said) == 3:
            raise KeyboardInterrupt

    progress.say = stop_after_three
    with pytest.raises(KeyboardInterrupt):
        run_plan(plan, lambda *_: progress)
    assert len(list((plan.out / "trials").glob("*/result.json"))) == 3
    again = [r.predicted for _, r in run_plan(plan, quietly)]
    assert again == [r.predicted for trial, r in finished[1] if trial.contest.task == "normals"]


@pytest.mark.parametrize("mix", ["real", "synthetic"])
def test_a_test_image_in_any_mix_stops_the_run_by_name(crop_sets, tmp_path, mix):
    """A train image overwritten with a real test image: refused with both names before anything trains."""
    sets = dict(crop_sets)
    shutil.copytree(sets[mix].root, tmp_path / mix)
    victim, place = crop_sets["real"].of_split("test")[0], sets[mix].of_split("train")[0]
    shutil.copy(crop_sets["real"].root / victim.image, tmp_path / mix / place.image)
    sets[mix] = DatasetReader(tmp_path / mix)
    with pytest.raises(DatasetError, match=rf"{place.image}.*{victim.name}"):
        run_plan(make_plan(sets, tmp_path / "run"), quietly)
    assert not (tmp_path / "run" / "trials").exists()


def test_each_dataset_is_opened_and_digested_once(finished, crop_sets, tmp_path, monkeypatch):
    """A comparison that is gone on with and reported asks the disk once for what each dataset holds."""
    plan, _, _ = finished
    opened, digested = [], []
    real_init, real_sha256 = DatasetReader.__init__, hashlib.sha256

    def init(self, root) -> None:
        opened.append(Path(root).name)
        real_init(self, root)

    def sha256(content=b"", **options):
        digested.append(content[:6] if isinstance(content, bytes) else content)
        return real_sha256(content, **options)

    for name in crop_sets:
        shutil.copytree(crop_sets[name].root, tmp_path / name)
    monkeypatch.setattr(DatasetReader, "__init__", init)
    monkeypatch.setattr("synth.dataset.reader.hashlib.sha256", sha256)
    roots = {name: (tmp_path / name,) for name in MIXES}
    again = replace(plan, roots=dict.fromkeys(plan.roots, roots), out=tmp_path / "run", _readers={})
    for _ in range(3):
        again.to_config()
        again.refuse_unfit()
        assert again.questions
        assert again.spec(again.trials[0]).to_config()["data"]
    assert sorted(opened) == sorted(MIXES)
    assert len(digested) == len(MIXES)


def test_other_data_do_not_go_on(finished, crop_sets):
    """A plan with another training or other mixes does not mix into a folder."""
    plan, _, _ = finished
    longer = replace(TINY, n_images=640)
    with pytest.raises(InputError, match="n_images"):
        run_plan(make_plan(crop_sets, plan.out, mixes=MIXES, boxes=TINY_BOXES, normals=longer), quietly)
    with pytest.raises(InputError, match="translated"):
        run_plan(make_plan(crop_sets, plan.out, boxes=TINY_BOXES), quietly)


def test_too_few_test_crops_are_said_before_anything_trains(crop_sets, tmp_path):
    """A captured set of eight samples has two test crops: refused, and no trial is left."""
    from crop_sets import write_crop_set

    sets = crop_sets | {"real": write_crop_set(tmp_path / "few", "real", seed=8, n=8)}
    with pytest.raises(InputError, match="has 2 test images for normals, and 5 are the least"):
        run_plan(make_plan(sets, tmp_path / "run"), quietly)
    assert not (tmp_path / "run" / "trials").exists()


def test_label_maps_alone_are_told_their_task(tmp_path):
    """Asked for normals, a dataset without instances is told which task its labels are for."""
    semantic = SemanticInfo(names=("sky", "road"), colours=((0, 0, 255), (90, 90, 90)))
    info = DatasetInfo(
        kind="imported", classes=(), semantic=semantic, made_by=MadeBy(verb="test", simulated=False)
    )
    with DatasetWriter.create_or_resume(tmp_path / "street", info) as writer:
        draft = Draft(name="000000", split="train", size_wh=(8, 6))
        layers = {"image": np.zeros((6, 8, 3), np.uint8), "semantic": np.zeros((6, 8), np.uint8)}
        writer.append(draft, layers=layers)
    street = DatasetReader(tmp_path / "street")
    plan = make_plan({"real": street, "synthetic": street}, tmp_path / "run")
    with pytest.raises(
        InputError, match=r"0 train images for normals, .*: its labels are for --tasks segmentation"
    ):
        plan.refuse_unfit()


def test_plans_that_compare_nothing_are_one_sentence(crop_sets, tmp_path):
    """No real mix, one mix, no seed."""
    with pytest.raises(InputError, match="give the mix real"):
        make_plan({"synthetic": crop_sets["synthetic"]}, tmp_path)
    with pytest.raises(InputError, match="give two"):
        make_plan({"real": crop_sets["real"]}, tmp_path)
    with pytest.raises(InputError, match="seeds must differ"):
        make_plan(crop_sets, tmp_path, seeds=())


@pytest.mark.usefixtures("coarse_maps", "unexported", "in_this_process")
def test_planted_labels_are_ranked(crop_sets, tmp_path):
    """Over five seeds: shuffled labels are found worst with significance, noisy ones stand between."""
    from crop_sets import write_crop_set

    sets = {
        "real": crop_sets["real"],
        "synthetic": write_crop_set(tmp_path / "shuffled", "rendered", seed=9, shuffled=True),
        "translated": write_crop_set(tmp_path / "noisy", "translated", seed=10, label_noise_deg=20.0),
    }
    plan = make_plan(sets, tmp_path / "run", seeds=tuple(range(5)), normals=replace(TINY, n_images=640))
    _, verdict = write_report(plan, run_plan(plan, quietly))
    texts = [s.text for s in verdict]
    assert any("real images train better than synthetic ones" in text for text in texts)
    assert any("translated images train better than synthetic ones" in text for text in texts)
    figures = json.loads((plan.out / "report.json").read_text())["figures"]
    real, noisy, shuffled = (
        figures[f"normals.paper.{mix}.median_deg"]["value"] for mix in ("real", "translated", "synthetic")
    )
    assert real < noisy < shuffled
    assert shuffled > 2 * real


@pytest.mark.usefixtures("in_this_process")
def test_mixes_and_fine_tuning_are_mixes(crop_sets, tmp_path):
    """A mix trains on both, fine-tuning on one after the other, a limit on so many with val counted in."""
    mixes = ("real", "real+synthetic", "synthetic-then-real", "real@10")
    plan = make_plan(crop_sets, tmp_path / "run", mixes=mixes, seeds=(0,))
    by_mix = {trial.mix.name: (trial, r) for trial, r in run_plan(plan, quietly)}
    n = {kind: len(crop_sets[kind].of_split("train")) for kind in ("real", "synthetic")}
    assert by_mix["real+synthetic"][1].n_train == n["real"] + n["synthetic"]
    assert by_mix["synthetic-then-real"][1].n_train == n["real"] + n["synthetic"]
    assert (by_mix["real@10"][1].n_train, by_mix["real@10"][1].n_val) == (8, 2)
    assert plan.n_captured(by_mix["real@10"][0]) == 10
    last = [
        c.step for c in by_mix["synthetic-then-real"][1].checks if c == by_mix["synthetic-then-real"][1].best
    ]
    assert last == [20]


@pytest.mark.usefixtures("in_this_process")
def test_each_seed_has_its_own_of_several_datasets(crop_sets, tmp_path):
    """Of two datasets under one name the first seed trains on the one, the second on the other; the table
    says both sizes, and a name with more datasets than seeds is refused.
    """
    from crop_sets import write_crop_set

    smaller = write_crop_set(tmp_path / "second", "rendered", seed=7, n=20)
    roots = {
        "real": (crop_sets["real"].root,),
        "made": (crop_sets["synthetic"].root, smaller.root),
    }
    mixes = tuple(parse_mix(name, roots) for name in roots)
    contest = Contest("normals", replace(TINY, n_images=32), (0, 1))
    plan = Plan(mixes, (contest,), {"normals": roots}, tmp_path / "run", device="cpu", n_workers=1)
    results = run_plan(plan, quietly)
    used = {t.seed: plan.spec(t).stages[0][0].root for t, _ in results if t.mix.name == "made"}
    assert used == dict(enumerate(roots["made"]))
    sizes = tuple(len(d.of_split("train")) for d in (crop_sets["synthetic"], smaller))
    assert collect_figures(plan, results).the(UsedData, mix="made").n_train == sizes
    with pytest.raises(InputError, match="made has 2 datasets, and normals is trained with 1 seed,"):
        replace(plan, contests=(replace(contest, seeds=(0,)),))


@pytest.mark.parametrize("name", ["rendered", "real@3", "real+", "real@many", "synthetic-then-", ""])
def test_unknown_mixes_are_one_sentence(crop_sets, tmp_path, name):
    """What a mix can be called is said."""
    with pytest.raises(InputError, match="there is no mix"):
        make_plan(crop_sets, tmp_path, mixes=("real", name))
