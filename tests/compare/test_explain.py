"""Why mixes differ, what to believe and what it cost, on data and networks whose answers were planted."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from crop_sets import draw_crop, write_crop_set
from scipy.stats import wasserstein_distance

from synth.compare.cost import measure_image_cost
from synth.compare.explain.attention import N_MEASURED, measure_attention
from synth.compare.explain.colours import measure_colours
from synth.compare.explain.regions import REGIONS
from synth.compare.explain.saliency import MAP_KINDS
from synth.compare.explain.twins import find_twins
from synth.compare.figures import ColourDistance, ColourFloor, Figures
from synth.compare.mixes import parse_mix
from synth.compare.plan import Contest, Plan
from synth.compute.checkpoint import save_weights
from synth.dataset.info import DatasetInfo, MadeBy
from synth.dataset.origin import Origin, Parent
from synth.dataset.reader import DatasetReader
from synth.dataset.record import Split
from synth.dataset.sample import Draft, Instance, Sample
from synth.dataset.store import DatasetWriter
from synth.train.models.normal_nets import make_normal_net
from synth.train.run import WEIGHTS_FILE
from synth.train.tasks import TASKS
from synth.train.tasks.detection.learning import DetectionSettings
from synth.train.tasks.normals.learning import NormalSettings

NORMALS = Contest("normals", NormalSettings(side_px=32), (0,))
BOXES = Contest("detection", DetectionSettings(side_px=64), (0,))
SIZE_WH = (96, 80)


def make_plan(
    contest: Contest, sets: dict[str, DatasetReader], out: Path, *, net_seeds: dict[str, int] | None = None
) -> Plan:
    """A plan whose networks were never trained: fresh ones, one seed each."""
    roots = {name: (dataset.root,) for name, dataset in sets.items()}
    mixes = tuple(parse_mix(name, roots) for name in roots)
    plan = Plan(mixes=mixes, contests=(contest,), roots={contest.task: roots}, out=out, device="cpu")
    for i, trial in enumerate(plan.trials):
        seed = (net_seeds or {}).get(trial.mix.name, i)
        net = (
            make_normal_net("paper", 32, seed)
            if contest.task == "normals"
            else TASKS["detection"].make_net(contest.settings)
        )
        save_weights(plan.folder(trial) / WEIGHTS_FILE, net.state_dict(), {})
    return plan


def write_samples(
    root: Path, pictures: Sequence[np.ndarray], drafts: Sequence[dict[str, Any]], kind: Any = "rendered"
) -> DatasetReader:
    """Samples of given pictures; those with a normal have a crop."""
    info = DatasetInfo(kind=kind, classes=("cover",), made_by=MadeBy(verb="test", simulated=True))
    rng = np.random.default_rng(0)
    with DatasetWriter.create_or_resume(root, info) as writer:
        for i, (picture, words) in enumerate(zip(pictures, drafts, strict=True)):
            size = picture.shape[1], picture.shape[0]
            draft = Draft(**({"name": f"{i:06d}", "split": "train", "size_wh": size} | words))
            crops = [draw_crop(np.array(x.normal_uvw), rng) for x in draft.instances]
            writer.append(draft, layers={"image": picture}, crops=crops)
    return DatasetReader(root)


def make_instance() -> Instance:
    """A part that leans to the right, straight in front of the camera."""
    return Instance(
        class_name="cover",
        box_xyxy_px=(10, 10, 60, 60),
        square_xyxy_px=(10, 10, 60, 60),
        normal_uvw=(0.6, 0.0, 0.8),
        point_xy=(0.3, 0.4),
        visib_fract=1.0,
        R_crop_cam=((1, 0, 0), (0, 1, 0), (0, 0, 1)),
        normal_crop_uvw=(0.6, 0.0, 0.8),
        point_crop_xy=(0.5, 0.5),
    )


def make_pictures(rng: np.random.Generator, n: int, darker: int = 0) -> list[np.ndarray]:
    """Noise of one look, each picture a little brighter or darker than the look."""
    base = np.array([120, 140, 90]) - darker
    return [
        (base + rng.normal(0, 3) + rng.normal(0, 15, (SIZE_WH[1], SIZE_WH[0], 3)))
        .round()
        .clip(0, 255)
        .astype(np.uint8)
        for _ in range(n)
    ]


# --- Twins --------------------------------------------------------------------------------------------------


def find_threshold(plan: Plan) -> float:
    """Of a detector whose `predict` stands in, on captured val images."""
    task, real = TASKS["detection"], plan.reader("detection", "real")
    val = task.load(real, real.of_split("val"), BOXES.settings)
    threshold = task.find_threshold(torch.nn.Identity(), val)
    assert threshold is not None
    return threshold


def parent_of(sample: Sample) -> Origin:
    split: Split = sample.split
    return Origin(
        parents=(Parent(dataset="real", name=sample.name, pixels_sha256=sample.pixels_sha256, split=split),)
    )


def test_twins_are_found_by_their_parents_pixels(tmp_path: Path) -> None:
    """Rendered train samples stand beside the captured ones that they name by pixels, in their order. Left
    out are a twin of a test sample, a test twin, one of unknown pixels, one without parents, one of two.
    """
    rng = np.random.default_rng(0)
    splits: list[Split] = ["train", "train", "val", "test", "train"]
    parts = [(make_instance(),)] * 4 + [(make_instance(), make_instance())]
    real = write_samples(
        tmp_path / "real",
        make_pictures(rng, 5),
        [{"split": s, "instances": p} for s, p in zip(splits, parts, strict=True)],
        kind="real",
    )
    captured = {sample.name: sample for sample in real}
    stranger = Origin(parents=(Parent(dataset="real", name="000001", pixels_sha256="0" * 64, split="train"),))
    one = (make_instance(),)
    drafts: list[dict[str, Any]] = [
        {"origin": parent_of(captured["000002"]), "instances": one},
        {"origin": parent_of(captured["000000"]), "instances": one, "split": "val"},
        {"origin": parent_of(captured["000003"]), "instances": one},
        {"origin": parent_of(captured["000001"]), "instances": one, "split": "test"},
        {"origin": stranger, "instances": one},
        {"instances": one},
        {"origin": parent_of(captured["000004"]), "instances": one},
        {"origin": parent_of(captured["000001"]), "instances": (make_instance(), make_instance())},
    ]
    for i, draft in enumerate(drafts):
        draft["name"] = f"{100 + i:06d}"
    made = write_samples(tmp_path / "synthetic", make_pictures(rng, len(drafts)), drafts)
    plan = make_plan(NORMALS, {"real": real, "synthetic": made}, tmp_path / "run")
    twins = find_twins(plan, NORMALS, "synthetic")
    assert twins is not None
    assert twins.captured.names == ("000002_0", "000000_0")
    assert twins.made.names == ("000100_0", "000101_0")
    assert [len(read) for read in twins.read_uvw] == [2, 2]
    a, b = (read / np.linalg.norm(read, axis=1, keepdims=True) for read in twins.read_uvw)
    half = np.arctan2(np.linalg.norm(a - b, axis=1), np.linalg.norm(a + b, axis=1))
    assert twins.turned_deg == pytest.approx(2 * np.degrees(half))


def test_without_twins_there_are_none(crop_sets: dict[str, DatasetReader], tmp_path: Path) -> None:
    """A dataset that names no parents."""
    sets = {name: crop_sets[name] for name in ("real", "synthetic")}
    assert find_twins(make_plan(NORMALS, sets, tmp_path), NORMALS, "synthetic") is None


# --- Colours ------------------------------------------------------------------------------------------------


def test_colours_of_one_look_and_of_another(tmp_path: Path) -> None:
    """Fresh pictures of the captured look lie at the floor; pictures 30 counts darker lie 30 above it, with
    an interval that excludes 0; both distances are SciPy's on the mean histograms.
    """
    rng = np.random.default_rng(0)
    looks = {
        "real": make_pictures(rng, 24),
        "synthetic": make_pictures(rng, 24, darker=30),
        "translated": make_pictures(rng, 24),
    }
    sets = {name: write_samples(tmp_path / name, made, [{}] * 24) for name, made in looks.items()}
    roots = {name: (dataset.root,) for name, dataset in sets.items()}
    mixes = tuple(parse_mix(name, roots) for name in roots)
    plan = Plan(mixes=mixes, contests=(BOXES,), roots={"detection": roots}, out=tmp_path / "run")
    rows, means = measure_colours(plan)
    figures = Figures(rows)
    assert len(figures.of(ColourFloor)) == 1
    assert [row.dataset for row in figures.of(ColourDistance)] == ["synthetic", "translated"]
    same, other = (
        figures.the(ColourDistance, dataset=name).above_floor for name in ("translated", "synthetic")
    )
    assert abs(same.value) < 1
    assert same.low < 0 < same.high
    assert other.value == pytest.approx(30, abs=2)
    assert other.low > 20
    values = np.arange(256)
    for kind in ("synthetic", "translated"):
        assert means[kind].shape == (3, 256)
        assert means[kind].sum(axis=1) == pytest.approx(1)
        by_scipy = np.mean(
            [wasserstein_distance(values, values, means[kind][c], means["real"][c]) for c in range(3)]
        )
        distance = figures.the(ColourDistance, dataset=kind).distance
        assert distance.value == pytest.approx(by_scipy, abs=1e-6)


def test_too_few_pictures_have_no_colours(tmp_path: Path) -> None:
    """Of three captured pictures there are no halves: histograms alone."""
    rng = np.random.default_rng(0)
    sets = {
        name: write_samples(tmp_path / name, make_pictures(rng, 3), [{}] * 3)
        for name in ("real", "synthetic")
    }
    roots = {name: (dataset.root,) for name, dataset in sets.items()}
    mixes = tuple(parse_mix(name, roots) for name in roots)
    plan = Plan(mixes=mixes, contests=(BOXES,), roots={"detection": roots}, out=tmp_path / "run")
    rows, means = measure_colours(plan)
    assert rows == []
    assert set(means) == {"real", "synthetic"}


# --- Attention ----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_every_mix_has_figures_of_attention(tmp_path: Path) -> None:
    """Each mix and kind of map: how many test crops, a share for each region, and likeness to the
    real-trained network: 1 for itself and for a copy of it, less for another network.
    """
    kinds = {"real": "real", "synthetic": "rendered", "translated": "translated"}
    sets = {
        name: write_crop_set(tmp_path / name, kind, seed=seed, n=20)  # type: ignore[arg-type]
        for seed, (name, kind) in enumerate(kinds.items())
    }
    plan = make_plan(NORMALS, sets, tmp_path / "run", net_seeds={"real": 0, "synthetic": 0, "translated": 1})
    looks = measure_attention(plan, NORMALS)
    n_test = len(sets["real"].of_split("test"))
    assert len(looks.test.names) == n_test
    assert {(row.mix, row.kind) for row in looks.figures} == {
        (mix, kind) for mix in kinds for kind in MAP_KINDS
    }
    for row in looks.figures:
        assert row.n_images == min(n_test, N_MEASURED[row.kind])
        assert set(row.share) == set(REGIONS)
        low, high = row.like_quartiles
        if row.mix == "translated":
            assert -1 <= row.like_median < 0.99
            assert low <= row.like_median <= high
        else:
            assert [row.like_median, low, high] == pytest.approx([1, 1, 1])
    for mix in kinds:
        for kind in MAP_KINDS:
            maps = looks.maps[mix][kind]
            assert len(maps) == min(n_test, N_MEASURED[kind]) + len(looks.train.names)
            assert maps.sum(axis=(1, 2)) == pytest.approx(1)


# --- What to believe ----------------------------------------------------------------------------------------


def test_the_threshold_parts_sure_hits_from_unsure_misses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hits with confidences from 0.6, misses up to 0.3, on val images: it keeps every hit and no miss.
    Without any detection it is 0.5.
    """
    rng = np.random.default_rng(0)
    splits = ["train"] * 4 + ["val"] * 8 + ["test"] * 5
    part = Instance(
        class_name="cover", box_xyxy_px=(10, 10, 40, 40), square_xyxy_px=(10, 10, 40, 40), visib_fract=1.0
    )
    info = DatasetInfo(kind="real", classes=("cover",), made_by=MadeBy(verb="test", simulated=True))
    with DatasetWriter.create_or_resume(tmp_path / "real", info) as writer:
        for i, (split, picture) in enumerate(zip(splits, make_pictures(rng, len(splits)), strict=True)):
            draft = Draft(name=f"{i:06d}", split=split, size_wh=SIZE_WH, instances=(part,))
            writer.append(draft, layers={"image": picture})
    real = DatasetReader(tmp_path / "real")
    plan = make_plan(BOXES, {"real": real, "synthetic": real}, tmp_path / "run")
    asked = []

    def say(_net: Any, images: Any) -> list[list[list[float]]]:
        asked.append(images.names)
        return [
            [
                [10, 10, 40, 40, 0.6 + 0.05 * k],
                [50, 40, 80, 70, 0.3 - 0.02 * k],
                [5, 40, 30, 65, 0.2 - 0.02 * k],
            ]
            for k in range(len(images))
        ]

    monkeypatch.setattr(TASKS["detection"], "predict", say)
    assert 0.3 < find_threshold(plan) <= 0.6
    assert asked == [tuple(s.name for s in real.of_split("val"))]
    monkeypatch.setattr(TASKS["detection"], "predict", lambda _net, images: [[] for _ in images.names])
    assert find_threshold(plan) == 0.5


# --- Cost ---------------------------------------------------------------------------------------------------


def test_an_image_costs_its_median(tmp_path: Path) -> None:
    """Medians of every part, a person's seconds apart, labelling on top of the machine's; a part that only
    some images have counts as none in the others; one slow image does not decide.
    """
    rng = np.random.default_rng(0)
    timings = [
        {"machine_s": 4.0, "label_s": 1.0, "motion_s": 3.0},
        {"machine_s": 5.0, "label_s": 1.0, "motion_s": 3.5, "human_s": 30.0},
        {"machine_s": 900.0, "label_s": 2.0, "motion_s": 800.0, "human_s": 40.0},
        {},
    ]
    dataset = write_samples(tmp_path / "real", make_pictures(rng, 4), [{"timing": t} for t in timings])
    cost = measure_image_cost("real", dataset)
    assert cost is not None
    assert (cost.dataset, cost.n) == ("real", 3)
    assert cost.machine_s == pytest.approx(6.0)
    assert cost.human_s == pytest.approx(30.0)
    assert cost.parts == {"label_s": 1.0, "motion_s": 3.5}


def test_parts_alone_add_up(tmp_path: Path) -> None:
    """Where no total is said, it is the sum of what is."""
    rng = np.random.default_rng(0)
    timings = [{"render_s": 2.0, "label_s": 0.5}] * 3
    dataset = write_samples(tmp_path / "made", make_pictures(rng, 3), [{"timing": t} for t in timings])
    cost = measure_image_cost("synthetic", dataset)
    assert cost is not None
    assert (cost.machine_s, cost.human_s, cost.parts) == (2.5, 0.0, {"render_s": 2.0, "label_s": 0.5})


def test_without_timing_there_is_no_cost(crop_sets: dict[str, DatasetReader]) -> None:
    """A dataset that does not say."""
    assert measure_image_cost("real", crop_sets["real"]) is None
