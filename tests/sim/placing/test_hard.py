"""Placers that go by a target: what they refuse, what the target learns from, and that pictures agree."""

import io
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import get_args

import cv2
import numpy as np
import pytest
import torch
from rich.console import Console

TESTS = Path(__file__).parents[2]
sys.path[:0] = map(str, (TESTS / "sim", TESTS / "sim" / "placing", TESTS / "contracts" / "toys"))

from cutting_set import SIZE_WH, write_cutting_set  # noqa: E402
from tiny_target import TINY, write_target  # noqa: E402

from synth.compute.checkpoint import load_weights, save_weights  # noqa: E402
from synth.compute.progress import make_progress  # noqa: E402
from synth.compute.run_dir import RunDir  # noqa: E402
from synth.dataset.reader import DatasetReader  # noqa: E402
from synth.dataset.verify import verify  # noqa: E402
from synth.errors import InputError  # noqa: E402
from synth.sim.choices import HardPreset  # noqa: E402
from synth.sim.compose import make_options, make_settings  # noqa: E402
from synth.sim.composite import Compositor  # noqa: E402
from synth.sim.cutting_table import open_cutting_table  # noqa: E402
from synth.sim.ingredients import Ingredients  # noqa: E402
from synth.sim.placing import PLACERS  # noqa: E402
from synth.sim.placing.cache import Cache  # noqa: E402
from synth.sim.placing.cycle_settings import CycleFigures  # noqa: E402
from synth.sim.placing.hard import _tell  # noqa: E402
from synth.sim.placing.material import lay  # noqa: E402
from synth.sim.placing.options import HardOptions  # noqa: E402
from synth.sim.placing.pictures import Pictures  # noqa: E402
from synth.sim.placing.players import Chance  # noqa: E402
from synth.sim.placing.presets import PRESETS  # noqa: E402
from synth.sim.placing.pupil import Portioned, TaskPupil  # noqa: E402
from synth.sim.placing.ranges import Ranges  # noqa: E402
from synth.sim.placing.schooling import Schooling  # noqa: E402
from synth.sim.run import make_plan, render  # noqa: E402
from synth.train.tasks import TASKS  # noqa: E402
from synth.train.tasks.detection.settings import DetectionSettings  # noqa: E402
from synth.train.trained import load_trained  # noqa: E402

QUIET = make_progress(Console(quiet=True))
HARDER = 0.12
"""From here on it finds some candidates hard, and few."""


@pytest.fixture(autouse=True, scope="module")
def toys():
    """They are there for these tests alone."""
    import toy_task

    TASKS["place"], PRESETS["tiny"] = toy_task.PlaceTask(), TINY
    yield
    del TASKS["place"], PRESETS["tiny"]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> DatasetReader:
    return write_cutting_set(tmp_path_factory.mktemp("hard") / "real")


@pytest.fixture(scope="module")
def made(dataset, tmp_path_factory):
    """A dataset that random-hard made, with the target's file as it was before."""
    folder = tmp_path_factory.mktemp("made")
    own = write_target(folder / "weights.safetensors")
    before = own.weights.read_bytes()
    ingredients = Ingredients((dataset,), place="random-hard", ranges=Ranges(turn_deg=90), own=own)
    with pytest.MonkeyPatch.context() as patch:
        from in_this_process import stay_in_this_process

        stay_in_this_process(patch)
        render(make_plan(make_settings(ingredients, folder / "hard", 8)), QUIET)
    return folder, before


def open_hard(dataset, own, out, **more):
    ingredients = Ingredients((dataset,), place="random-hard", own=own, **more)
    return PLACERS["random-hard"].open(open_cutting_table(ingredients, 4, 0), out / "hard", QUIET)


def test_the_dataset_holds_what_was_kept(made):
    """The same placements, in the order of keeping, split by split; only hard ones."""
    folder, _ = made
    dataset, cache = DatasetReader(folder / "hard"), Cache(folder / "hard.cycles")
    assert len(dataset) == len(cache.kept) == 8
    assert all(candidate.hardness >= TINY.hard_at for candidate in cache.kept)
    for split in ("train", "val", "test"):
        kept = [c for c in cache.kept if c.split == split]
        assert [len(c.placements) for c in kept] == [len(s.instances) for s in dataset.of_split(split)]


def test_a_target_learns_on_and_its_own_run_stays(made):
    """After a cycle its weights are others and load as any network; the file that was given is as it was."""
    folder, before = made
    assert (folder / "weights.safetensors").read_bytes() == before
    learnt = load_trained(folder / "hard.cycles" / "target_1.safetensors", "cpu")
    begun = load_weights(folder / "weights.safetensors")[0]
    moved = learnt.net.state_dict()
    assert any(not torch.equal(moved[name], begun[name]) for name in begun)
    kept = DatasetReader(folder / "hard.cycles" / "kept")
    assert {sample.split for sample in kept} == {"train"}


def test_what_a_person_looks_at_stands_beside(made):
    """Pictures of every kind, and figures of each cycle."""
    folder, _ = made
    for name in ("hard.cycles.png", "hard.hardness.png", "hard.parameters.png", "hard.cycles/result.json"):
        assert (folder / name).stat().st_size > 1000 or name.endswith(".json")


def test_what_a_target_sees_is_what_is_written(dataset, tmp_path):
    """As small as the target looks, the written picture differs from what was laid there by a few counts."""
    own = write_target(tmp_path / "weights.safetensors", side_px=80)
    ranges = Ranges(turn_deg=180, scale=(0.7, 1.3), gain=1.2)
    ingredients = Ingredients(
        (dataset,), place="random-hard", ranges=ranges, own=own, patches=False, max_parts=2
    )
    compositor = Compositor(open_cutting_table(ingredients, 4, 0))
    pictures = Pictures(compositor, load_trained(own.run, "cpu"), torch.device("cpu"))
    batch = pictures.load(pictures.draw("train", 24, np.random.default_rng(0)))
    unit = Chance().propose(batch, 0)
    pasted, _ = lay(pictures, batch, unit)
    whole, inside, n_boxes = [], [], 0
    for i, key in enumerate(batch.keys):
        placements = pictures.place(key, unit[i][batch.there[i]].tolist())
        if pictures.find_fault(key, placements):
            continue
        composite = compositor.compose(pictures.recipe_of(key, placements))
        small = cv2.resize(composite.rgb_u8, (80, 60), interpolation=cv2.INTER_AREA)
        seen = 255 * pasted.images[i].permute(1, 2, 0).numpy()
        off, covered = np.abs(small - seen), pasted.alphas[i].sum(dim=0).numpy() > 0.9
        whole.append(off.mean())
        inside.append(off[covered].mean())
        boxes = pasted.boxes_xyxy_px[i][batch.there[i]].numpy() * (SIZE_WH[0] / 80)
        for box, instance in zip(boxes, composite.labels.instances, strict=True):
            assert np.abs(box - instance.box_xyxy_px).max() <= 3
            n_boxes += 1
    assert n_boxes > 10
    assert max(whole) < 1.5  # 0.5 on average and 0.8 at most where this was written.
    assert max(inside) < 2.5  # 1.2 and 1.5.


class Killed(Exception):
    """As a kill would."""


def test_a_kill_while_the_target_learns_leaves_no_trace(made, dataset, tmp_path):
    """Whether a state is written after every step or never: weights and figures are bit for bit the same."""
    kept = DatasetReader(made[0] / "hard.cycles" / "kept")
    own, ends = write_target(tmp_path / "weights.safetensors"), []

    class Gallery:
        def open(self):
            return kept

    for folder, block_s in (("whole", 1e9), ("in blocks", 0.0)):
        (tmp_path / folder).mkdir()
        plan = Schooling(epochs=4, ratio=2, learning_rate=1e-2, batch_size=4)
        for kill_at in (0,) if folder == "whole" else (2, 5, 0):
            trained = load_trained(own.run, "cpu")
            options = {"seed": 3, "block_s": block_s}
            pupil = TaskPupil(trained, own.weights, [dataset], Gallery(), plan, tmp_path / folder, **options)

            def kill(step, at=kill_at):
                if step == at:
                    raise Killed

            try:
                figures = pupil.learn([], 1, kill)
            except Killed:
                continue
        pupil.save(1)
        assert sorted(path.name for path in (tmp_path / folder).iterdir()) == ["target_1.safetensors"]
        ends.append((figures, (tmp_path / folder / "target_1.safetensors").read_bytes()))
    assert ends[0] == ends[1]


def test_a_portion_is_some_rows_of_a_learner():
    """Each made one once and as many real ones as asked for, some of them several times."""

    class Whole:
        net, blind_score, pools = torch.nn.Linear(1, 1), 0.5, (5,)

        def load(self, stage, rows, seed):
            return stage, rows.tolist(), seed

    portion = Portioned(Whole(), np.array([3, 4, 0, 0]))
    assert portion.pools == (4,)
    assert portion.load(0, np.array([2, 1]), 7) == (0, [0, 4], 7)


def test_presets_are_those_that_can_be_asked_for():
    """Beside the one that these tests have; the articles' numbers are theirs."""
    assert {*PRESETS} - {"tiny"} == {*get_args(HardPreset)}
    digits, pictures = PRESETS["paper-digits"], PRESETS["paper-pictures"]
    assert (digits.batch_size, digits.learning_rate, digits.schooling.epochs) == (1024, 1e-3, 30)
    assert 2 * digits.hard_at - 1 == pytest.approx(0.05)  # p − p* of hardness (1 + p − p*)/2.
    assert all(preset.enough_at >= preset.hard_at for preset in PRESETS.values())
    assert (pictures.n_learn, pictures.batch_size, pictures.n_harvest) == (1000, 16, 100)
    assert (pictures.learning_rate, pictures.hard_at, pictures.schooling.epochs) == (1e-4, 0.5, 3)


def test_options_that_do_not_go_with_a_placer_are_refused(tmp_path):
    """One sentence each, with what to do."""
    for place, asked, said in (
        ("random", {"run": tmp_path}, r"--run has no use with --place random, .*\(random-hard, learned;"),
        ("random", {"hard_at": 0.5}, "--hard-at has no use with --place random"),
        ("learned", {"ratio": 1.0}, "name its training with --run"),
        (
            "learned",
            {"run": tmp_path},
            r"no trained network at .*: synth train TASK .*; TASK is detection or segmentation or place$",
        ),
    ):
        with pytest.raises(InputError, match=said):
            make_options(place, asked)
    own = write_target(tmp_path / "weights.safetensors")
    for change, said in (
        ({"cycles": 0}, "--cycles must be 1 to 100, got 0"),
        ({"hard_at": 1.0}, "--hard-at must lie between 0 and 1, got 1"),
        ({"hard_at": 0.5, "hard_to": 0.4}, "--hard-to must lie above --hard-at and be 1 at most, got 0.4"),
        ({"ratio": -1.0}, "--ratio is 0 to 100 .* got -1"),
        ({"diversity": -1.0}, "--diversity must be 0 to 1000, got -1"),
        ({"dropout": 1.0}, "--dropout must be 0 or more and below 1, got 1"),
    ):
        with pytest.raises(InputError, match=said):
            replace(own, **change)


def test_a_target_that_does_not_go_with_the_datasets_is_refused(dataset, tmp_path):
    """Of other classes, of a task without whole pictures, and options of a placer that learns."""
    own = write_target(tmp_path / "weights.safetensors")
    with pytest.raises(InputError, match="are for a placer that learns, and random-hard does not"):
        open_hard(dataset, replace(own, discriminator=True), tmp_path)
    for task, settings, said in (
        (
            "detection",
            DetectionSettings(classes=("kite", "cup"), side_px=64, box_kind="tight"),
            "show bar besides",
        ),
        ("normals", TASKS["normals"].settings(), "of the task normals takes no composites, which carry no"),
        (
            "classification",
            TASKS["classification"].settings(net="digits", side_px=20, classes=("bar", "cup")),
            "the target knows bar, cup, and the datasets show kite besides",
        ),
    ):
        words = {"task": task, "settings": json.dumps(settings.to_config())}
        net = TASKS[task].make_net(settings)
        save_weights(tmp_path / "weights.safetensors", net.state_dict(), words)
        with pytest.raises(InputError, match=said):
            open_hard(dataset, own, tmp_path)
    own = write_target(tmp_path / "weights.safetensors")
    tensors, words = load_weights(own.run)
    save_weights(own.run, {name: value * torch.nan for name, value in tensors.items()}, words)
    with pytest.raises(InputError, match="holds weights that are no numbers"):
        open_hard(dataset, own, tmp_path)
    assert not list(tmp_path.glob("hard*"))


def test_a_classifier_of_crops_is_a_target(dataset, tmp_path):
    """It is asked about a crop of each part, and learns from the crops of what was kept."""
    settings = TASKS["classification"].settings(
        net="digits", side_px=20, batch_size=8, classes=tuple(dataset.info.classes)
    )
    words = {"task": "classification", "settings": json.dumps(settings.to_config())}
    file = tmp_path / "weights.safetensors"
    save_weights(file, TASKS["classification"].make_net(settings).state_dict(), words)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("synth.sim.placing.hard.look", lambda *_, **__: None)
        deal = open_hard(dataset, HardOptions(run=file, preset="tiny", hard_at=0.4), tmp_path)
    assert not deal.missing
    kept = Cache(tmp_path / "hard.cycles").kept
    assert all(0.4 <= c.hardness < 1 for c in kept)
    assert (tmp_path / "hard.cycles" / "target_1.safetensors").read_bytes() != file.read_bytes()


@pytest.mark.usefixtures("in_this_process")
def test_a_segmenter_is_a_target(tmp_path, monkeypatch):
    """It is asked about the pixels of each part, learns from the maps of what was kept, and what is written
    has maps of which the plate is void.
    """
    monkeypatch.setattr("synth.sim.placing.hard.look", lambda *_, **__: None)
    monkeypatch.setattr("synth.sim.composite._EDGES_PICTURES", 1)
    dataset = write_cutting_set(tmp_path / "real", with_maps=True)
    semantic = dataset.info.semantic
    settings = TASKS["segmentation"].settings(
        side_px=48, crop_px=32, batch_size=4, classes=semantic.names, colours=semantic.colours
    )
    words = {"task": "segmentation", "settings": json.dumps(settings.to_config())}
    file = tmp_path / "weights.safetensors"
    save_weights(file, TASKS["segmentation"].make_net(settings).state_dict(), words)
    own = HardOptions(run=file, preset="tiny")
    ingredients = Ingredients((dataset,), place="learned", ranges=Ranges(turn_deg=90), own=own)
    render(make_plan(make_settings(ingredients, tmp_path / "hard", 4)), QUIET)
    made, trained = DatasetReader(tmp_path / "hard"), load_trained(file, "cpu")
    assert verify(tmp_path / "hard") == []
    assert made.info.semantic == semantic
    for sample in made:
        mask, ids = made.load_mask(sample), made.load_semantic(sample)
        for i, instance in enumerate(sample.instances):
            assert set(np.unique(ids[mask == i + 1])) == {semantic.names.index(instance.class_name)}
        assert (ids[mask == 0] == semantic.void).all()
    learnt = load_trained(tmp_path / "hard.cycles" / "target_1.safetensors", "cpu")
    before = trained.net.state_dict()
    assert any(not torch.equal(t, before[name]) for name, t in learnt.net.state_dict().items())
    assert all(0 < c.hardness < 1 for c in Cache(tmp_path / "hard.cycles").kept)


def test_labels_of_whole_pictures_are_refused(tmp_path):
    """A composite says where its parts are, and such a target was never shown parts."""
    made = write_cutting_set(tmp_path / "set", grown_box=0)
    lines = (made.root / "samples.jsonl").read_text().splitlines()
    first = json.loads(lines[0])
    first["instances"][0]["box_xyxy_px"] = [0, 0, *SIZE_WH]
    (made.root / "samples.jsonl").write_text("\n".join([json.dumps(first), *lines[1:]]) + "\n")
    own = write_target(tmp_path / "weights.safetensors")
    with pytest.raises(InputError, match=r"says what whole pictures show \(000000\)"):
        open_hard(DatasetReader(made.root), own, tmp_path)


def test_a_target_learns_from_train_composites_alone(tmp_path):
    """Where there are none, that is said before anything is tried."""
    own, tests = write_target(tmp_path / "weights.safetensors"), ("test",) * 6
    with pytest.raises(InputError, match="none of the 4 composites is of train"):
        open_hard(write_cutting_set(tmp_path / "tests", splits=tests), own, tmp_path)
    assert not list(tmp_path.glob("hard*"))


def test_parts_that_are_larger_than_plates_are_refused(dataset, tmp_path, monkeypatch):
    """At their smallest, too."""
    own = write_target(tmp_path / "weights.safetensors")
    monkeypatch.setattr("synth.sim.placing.hard.extent_of", lambda _cutout: (400.0, 20.0))
    with pytest.raises(InputError, match=r"no train part fits on a plate of 160×120 px.*--scale"):
        open_hard(dataset, own, tmp_path)


@pytest.mark.usefixtures("in_this_process")
def test_too_few_hard_ones_are_dealt_as_far_as_they_go(dataset, tmp_path, monkeypatch):
    """What was found is made, and a sentence says how many; the same command says it again."""
    monkeypatch.setattr("synth.sim.placing.hard.look", lambda *_, **__: None)
    monkeypatch.setattr("synth.sim.composite._EDGES_PICTURES", 1)
    own, said = replace(write_target(tmp_path / "weights.safetensors"), hard_at=HARDER), io.StringIO()
    settings = make_settings(Ingredients((dataset,), place="random-hard", own=own), tmp_path / "hard", 12)
    telling = make_progress(Console(file=said, width=400), "compose")
    made = render(make_plan(settings), telling)
    kept = Cache(tmp_path / "hard.cycles").kept
    assert 0 < made.n_new == made.n_samples == len(kept) < 12
    assert f"Only {len(kept)} of 12 composites were hard enough, and these are made" in said.getvalue()
    assert verify(tmp_path / "hard") == []
    again = render(make_plan(settings), telling)
    assert said.getvalue().count("which takes about") == 1
    assert (again.n_new, again.n_samples) == (0, len(kept))


def test_learning_counts_in_what_a_kept_one_cost():
    """Pictures and seconds of the same two phases."""
    seconds = {"learn": 30.0, "harvest": 10.0, "train": 500.0}
    figures = [
        CycleFigures(1, n_tried=20, n_shown=60, n_kept=10, seconds=seconds),
        CycleFigures(2, n_tried=5),
    ]
    line, last, _ = _tell(figures, Path("hard"))
    assert "10 of 20 kept" in line
    assert "8.0 pictures and 4.0 s for each kept" in line
    assert last == "Cycle 2: 0 of 5 kept, 0 unfair; nothing was hard any more"


def test_a_dataset_may_be_made_where_one_stands(dataset, tmp_path, monkeypatch):
    """What stands beside it is called after the folder, however that was written."""
    (tmp_path / "hard").mkdir()
    monkeypatch.chdir(tmp_path / "hard")
    own = write_target(tmp_path / "weights.safetensors")
    RunDir.create_or_resume(tmp_path / "hard.cycles", {"another": "run"}).close()
    ingredients = Ingredients((dataset,), place="random-hard", own=own)
    with pytest.raises(InputError, match=r"hard\.cycles holds a run with other settings"):
        PLACERS["random-hard"].open(open_cutting_table(ingredients, 1, 0), Path(), QUIET)


def test_what_nobody_finds_hard_leaves_no_folder_in_the_way(dataset, tmp_path):
    """One sentence, and neither a dataset nor a run: the next try, with another hardness, begins anew."""
    own = replace(write_target(tmp_path / "weights.safetensors"), hard_at=0.9)
    settings = make_settings(Ingredients((dataset,), place="random-hard", own=own), tmp_path / "hard", 4)
    with pytest.raises(InputError, match=r"none of 48 train candidates was hard enough"):
        render(make_plan(settings), QUIET)
    assert not list(tmp_path.glob("hard*"))
