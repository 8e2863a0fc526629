"""The stage as a whole, tiny: train, judge, choose, translate, and go on."""

import json
import pickle
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import get_args
from unittest.mock import Mock

import numpy as np
import pytest
from look_pair import MESH, MODEL, write_look
from rich.console import Console
from torch.multiprocessing import ProcessRaisedException

from synth.compute.progress import LineProgress, make_progress
from synth.dataset.codecs import file_sha256
from synth.dataset.reader import DatasetReader
from synth.dataset.statistics import compute_figures
from synth.dataset.verify import verify
from synth.errors import DatasetError, InputError, StorageError
from synth.gan.checkpoint import path_of_step, read_readings, save_generators
from synth.gan.fit import FitSettings
from synth.gan.judge import JudgeSettings
from synth.gan.methods import METHODS
from synth.gan.methods.cyclegan import CycleGANSettings
from synth.gan.methods.method import Direction
from synth.gan.run import train
from synth.gan.schedule import Schedule
from synth.gan.translate import TranslateSettings, translate, translate_with
from synth.gan.witnesses import digest_learnt
from synth.networks.discriminators import DiscriminatorShape
from synth.networks.generators import GeneratorShape, make_generator
from synth.witness.drift import DriftLimits
from synth.witness.witness import WitnessSettings
from typed import synth

TINY = CycleGANSettings(
    GeneratorShape("demodulated", n_filters=4, n_blocks=1),
    DiscriminatorShape(n_filters=4),
    schedule=Schedule(side_px=32, n_images=6, n_checkpoints=2, tick_images=2),
)
ANYTHING_GOES = DriftLimits(
    edge_box=9.0, witness_box=9.0, edge_px=99.0, lost=1.0, normal_deg=180.0, artefacts=10_000
)


def quietly(verb="translate", unit="images"):
    return make_progress(Console(quiet=True), verb, unit)


def make_settings(looks, folder: Path, **changes) -> TranslateSettings:
    sim, real = looks
    settings = {
        "fit": FitSettings(
            sim=sim, real=real, out=folder / "run", settings=TINY, method="cyclegan", device="cpu"
        ),
        "out": folder / "translated",
        "witness": WitnessSettings(n_filters=4, n_steps=4, batch_size=4, n_error_patches=8),
        "judging": JudgeSettings(n_patches=12),
        "limits": ANYTHING_GOES,
        "anyway": True,
    }
    return TranslateSettings(**settings | changes)


class Telling(LineProgress):
    """Keeps what is said."""

    def __init__(self, said, unit):
        super().__init__(Console(quiet=True), unit)
        self.said = said

    def say(self, sentence):
        self.said.append(sentence)


@pytest.fixture
def any_labels(monkeypatch):
    """Translations that spoil labels are kept too."""
    monkeypatch.setattr("synth.gan.choice.MIN_KEPT", 0.0)
    monkeypatch.setattr("synth.gan.choice.MAX_BOX_DRIFT", 99.0)
    monkeypatch.setattr("synth.gan.choice.MAX_NORMAL_DRIFT_DEG", 180.0)


@pytest.fixture(scope="module")
def finished(looks, tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    settings = make_settings(looks, folder)
    result, applied = translate(settings, quietly)
    return settings, result, applied


def test_every_image_comes_out_with_its_labels(finished, looks):
    """Names, splits, instances, masks and models are the source's; pixels are not."""
    settings, _, applied = finished
    source, translated = looks[0], DatasetReader(settings.out)
    assert verify(settings.out) == []
    assert applied.n_samples + applied.n_refused == len(source)
    assert translated.info.kind == "translated"
    assert translated.info.made_by.simulated
    assert translated.info.models == (MODEL,)
    assert (settings.out / MODEL.mesh).read_bytes() == MESH
    for sample in translated:
        parent = source[sample.name]
        assert (sample.split, sample.instances) == (parent.split, parent.instances)
        assert np.array_equal(translated.load_mask(sample), source.load_mask(parent))
        assert sample.pixels_sha256 != parent.pixels_sha256
        assert sample.origin.parents[0].pixels_sha256 == parent.pixels_sha256
        assert sample.origin.parents[0].used == ("pixels", "labels", "mask")
        step = sample.origin.steps[-1]
        assert (step.verb, step.method) == ("translate", "cyclegan")
        assert step.checkpoint_sha256 == translated.info.made_by.config["checkpoint_sha256"]
        assert "drift_droplets" in sample.quality


def test_a_checkpoint_lists_what_trained_and_chose_it(finished, looks):
    """The translated set says the same of its checkpoint, and counts the real labels that were read."""
    settings, result, _ = finished
    sim, real = looks
    listed = read_readings(path_of_step(settings.fit.out, result.choice.step))
    translated = DatasetReader(settings.out)
    sha256 = translated.info.made_by.config["checkpoint_sha256"]
    assert translated.info.made_by.readings == tuple(
        r.model_copy(update={"checkpoint_sha256": sha256}) for r in listed
    )
    told = {(r.digest, r.role): r for r in listed}
    assert set(told[sim.digest(), "made"].names) == {s.name for s in sim.of_split("train")}
    assert told[real.digest(), "made"].used == ("pixels", "labels", "mask")
    assert set(told[real.digest(), "chosen"].names) == {s.name for s in real.of_split("val")}
    n_read = len(real.of_split("train")) + len(real.of_split("val"))
    read = compute_figures(translated)["real_labels_read"]
    assert read == {"labels": n_read, "mask": n_read, "pose": 0}


def test_the_choice_says_what_it_cost(finished):
    """result.json holds the chosen step, the reason and how many real images of which kind went in."""
    settings, result, _ = finished
    written = json.loads((settings.fit.out / "result.json").read_text())
    assert written["choice"]["step"] == result.choice.step
    assert result.choice.step in (3, 6)
    real = settings.fit.real
    assert written["choice"]["real_images"] == {
        "for_training": len(real.of_split("train")),
        "for_choosing": len(real.of_split("val")),
        "labels_for_choosing": 0,
    }
    assert (settings.fit.out / "figures" / "criteria.png").stat().st_size > 10_000
    assert (settings.out / "drift.png").stat().st_size > 10_000
    assert not (settings.fit.out / "witness_state.pt").exists()


def test_the_same_call_again_does_nothing_new(finished):
    """A finished run trains, judges and translates nothing a second time, and answers the same."""
    settings, result, applied = finished
    before = (settings.fit.out / "scores.jsonl").read_bytes()
    again, applied_again = translate(settings, quietly)
    assert (settings.fit.out / "scores.jsonl").read_bytes() == before
    assert applied_again.n_new == 0
    assert applied_again.n_samples == applied.n_samples
    assert again.choice == result.choice


@pytest.mark.usefixtures("any_labels")
def test_a_checkpoint_that_beats_no_baseline_is_not_applied(looks, tmp_path, monkeypatch):
    """The best baseline is, by its own file; that is said, printed and kept in result.json, again too."""
    monkeypatch.setattr("synth.gan.forecast.Forecast.is_closed", False)
    settings = make_settings(looks, tmp_path, anyway=False)
    said = []
    for _ in range(2):
        result, _ = translate(settings, lambda _verb, unit: Telling(said, unit))
        rival = result.choice.rival
        assert rival is not None
        assert any(f"No checkpoint is kept and {rival} is applied" in sentence for sentence in said)
        assert any("Kernel distance to real val images: untouched" in sentence for sentence in said)
        written = json.loads((settings.fit.out / "result.json").read_text())
        assert written["choice"]["rival"] == rival
        assert written["rivals"].keys() == {"untouched", "gains", "colour-map", "fda"}
        nearest = min(result.rivals, key=lambda name: result.rivals[name].value)
        assert rival == nearest
        assert result.after.distances["kernel_distance"] == result.rivals[rival]
    translated = DatasetReader(settings.out)
    assert translated.info.made_by.config["method"] == rival
    assert verify(settings.out) == []
    path = settings.fit.out / "baselines" / f"{rival}.safetensors"
    sha256 = translated.info.made_by.config["checkpoint_sha256"]
    assert sha256 == file_sha256(path.read_bytes())
    listed = {r.model_copy(update={"checkpoint_sha256": sha256}) for r in read_readings(path)}
    assert listed <= set(translated.info.made_by.readings)


@pytest.mark.usefixtures("any_labels")
def test_a_forecast_of_no_help_spares_the_training(looks, tmp_path, monkeypatch):
    """The best baseline is applied at once, which is said, printed and kept; again it is the same."""
    monkeypatch.setattr("synth.gan.forecast.Forecast.is_closed", True)
    settings = make_settings(looks, tmp_path, anyway=False)
    said = []
    for _ in range(2):
        result, applied = translate(settings, lambda _verb, unit: Telling(said, unit))
        best = result.forecast.best
        assert result.choice.rival == best
        assert result.choice.why.startswith("translation will not help: ")
        assert any(f"Nothing more is learnt and {best} is applied (--anyway" in sentence for sentence in said)
        assert applied.n_samples + applied.n_refused == len(looks[0])
    assert not (settings.fit.out / "checkpoints").exists()
    assert json.loads((settings.fit.out / "result.json").read_text())["forecast"]["best"] == best
    assert not (settings.fit.out / "figures").exists()
    made_by = DatasetReader(settings.out).info.made_by
    assert made_by.figures["forecast"] == str(result.forecast)
    assert made_by.config["method"] == best
    assert verify(settings.out) == []
    with pytest.raises(InputError, match=f"was made by {best}, not by cyclegan: give another --out"):
        translate(replace(settings, anyway=True), quietly)
    assert not (settings.fit.out / "checkpoints").exists()


def test_a_way_back_that_is_not_learnt_is_refused_before_anything_is(looks, tmp_path):
    """In one sentence, and no folder is left."""
    settings = make_settings(looks, tmp_path, direction="real2sim")
    refiner = METHODS["refiner"]().presets["quick"]
    settings = replace(settings, fit=replace(settings.fit, method="refiner", settings=refiner))
    with pytest.raises(InputError, match="refiner learns no way back: leave --reverse out"):
        translate(settings, quietly)
    assert not list(tmp_path.iterdir())


def test_the_witness_goes_on_where_it_was_stopped(looks, tmp_path, monkeypatch):
    """A translation that is stopped while its witness learns begins at the last state that was kept."""
    monkeypatch.setattr("synth.witness.witness._KEPT_EVERY", 2)
    settings = make_settings(looks, tmp_path)
    reports = []

    class Stopping(LineProgress):
        def advanced(self, n):
            reports.append(n)
            if sum(reports) == 3 or len(reports) > 3:
                raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            translate(settings, lambda _verb, unit: Stopping(Console(quiet=True), unit))
        assert (settings.fit.out / "witness_state.pt").is_file()
    assert reports == [1, 1, 1, 3]


def test_a_witness_of_the_same_images_is_taken_over(finished, looks, tmp_path, monkeypatch):
    """A run beside one whose witness learnt the same trains none; other settings, other images and a torn
    file train their own.
    """
    settings, _, _ = finished
    theirs = settings.fit.out / "witness.safetensors"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / theirs.name).write_bytes(theirs.read_bytes())
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / theirs.name).write_bytes(theirs.read_bytes()[:100])
    trained = []

    def begin(draw, settings, **_):
        trained.append(settings)
        raise KeyboardInterrupt

    monkeypatch.setattr("synth.gan.witnesses.train_witness", begin)
    monkeypatch.setattr("synth.gan.learner.train", begin_training := Mock(side_effect=KeyboardInterrupt))
    own = make_settings(looks, tmp_path)
    others = (replace(own, witness=replace(own.witness, seed=1)), make_settings(looks[::-1], tmp_path))
    for asked in (*others, own):
        with pytest.raises(KeyboardInterrupt):
            translate(replace(asked, fit=replace(asked.fit, out=tmp_path / f"run{len(trained)}")), quietly)
    assert trained == [asked.witness for asked in others]
    assert begin_training.call_count == 1
    assert (tmp_path / "run2" / theirs.name).read_bytes() == theirs.read_bytes()


def test_a_witness_is_known_by_its_masks_too(tmp_path):
    """Two datasets whose pictures and labels are one and whose masks differ teach two witnesses."""
    masked, bare = (write_look(tmp_path / str(k), "rendered", 3, seed=0, with_masks=k == 0) for k in range(2))
    assert masked.digest() == bare.digest()
    assert digest_learnt(masked) != digest_learnt(bare)
    assert digest_learnt(masked) == digest_learnt(DatasetReader(masked.root))


def test_a_checkpoint_alone_translates(finished, tmp_path):
    """With a checkpoint nothing is trained, and the pixels are those of the run it came from."""
    settings, result, _ = finished
    checkpoint = settings.fit.out / "checkpoints" / f"step_{result.choice.step:06d}.safetensors"
    elsewhere = make_settings(
        (settings.fit.sim, settings.fit.real), tmp_path, witness=WitnessSettings(n_steps=10**9)
    )
    translate_with(checkpoint, elsewhere, quietly)
    assert not (tmp_path / "run").exists()
    first, second = (DatasetReader(s.out).samples[0] for s in (settings, elsewhere))
    assert first.pixels_sha256 == second.pixels_sha256


def test_backwards_the_captured_images_are_translated(finished, looks, tmp_path):
    """real2sim takes the other generator and the other dataset."""
    settings, result, _ = finished
    checkpoint = settings.fit.out / "checkpoints" / f"step_{result.choice.step:06d}.safetensors"
    applied = translate_with(checkpoint, make_settings(looks, tmp_path, direction="real2sim"), quietly)
    assert applied.n_samples + applied.n_refused == len(looks[1])
    assert DatasetReader(tmp_path / "translated").samples[0].origin.parents[0].dataset == "real"


def test_frames_whose_labels_moved_are_refused_and_kept(finished, looks, tmp_path):
    """Under limits that nothing meets every frame goes to rejected/ with its reason, once and for all."""
    settings, result, _ = finished
    checkpoint = settings.fit.out / "checkpoints" / f"step_{result.choice.step:06d}.safetensors"
    strict = make_settings(looks, tmp_path, limits=DriftLimits(artefacts=-1))
    applied = translate_with(checkpoint, strict, quietly)
    refused = DatasetReader(strict.out).rejections
    assert applied.n_samples == 0
    assert len(refused) == applied.n_refused == len(looks[0])
    assert all(r.detail and r.sha256 for r in refused)
    assert translate_with(checkpoint, strict, quietly).n_new == 0
    assert len((strict.out / "drift.jsonl").read_text().splitlines()) == len(looks[0])


def test_refused_frames_are_counted_by_cause_and_named_in_the_log_alone(finished, looks, tmp_path):
    """The end says how many frames each cause refused; which ones and why say debug lines, --verbose's."""
    settings, result, _ = finished
    sim, real = looks
    checkpoint = path_of_step(settings.fit.out, result.choice.step)
    words = ("translate", "--checkpoint", checkpoint, "--sim", sim.root, "--real", real.root)
    answer = synth(*words, "--out", "quiet", cwd=tmp_path)
    assert answer.returncode == 0
    refused = Counter(r.reason for r in DatasetReader(tmp_path / "quiet").rejections)
    causes = ", ".join(f"{n} for {cause}" for cause, n in refused.most_common())
    said = f"{refused.total()} refused: {causes}. Histograms"
    assert said in " ".join(answer.stdout.split())
    assert "labels moved" not in answer.stdout
    assert " refused: part" not in answer.stdout + answer.stderr
    assert "12 of 12 images" in answer.stdout
    log = (tmp_path / "quiet.log").read_text()
    assert len(re.findall(r"DEBUG synth\S*: \d{6} refused: part", log)) == refused.total()


def test_another_checkpoint_does_not_mix_in(finished, looks):
    """A dataset of one checkpoint is not gone on with by another."""
    settings, result, _ = finished
    other = 3 if result.choice.step == 6 else 6
    checkpoint = settings.fit.out / "checkpoints" / f"step_{other:06d}.safetensors"
    with pytest.raises(DatasetError, match="checkpoint_sha256"):
        translate_with(checkpoint, settings, quietly)


def test_a_file_that_is_no_checkpoint_is_one_sentence(looks, tmp_path):
    """Nothing is trained or written for it."""
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(b"\x80\x04pickle")
    with pytest.raises(InputError, match="not opened"):
        translate_with(bad, make_settings(looks, tmp_path), quietly)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.safetensors"]


def test_real_labels_choose_when_asked(looks, tmp_path):
    """real-val trains a task network on translated patches and scores it on labelled real ones."""
    judging = JudgeSettings(n_patches=12, downstream=WitnessSettings(n_filters=4, n_steps=2, batch_size=4))
    settings = make_settings(looks, tmp_path, criterion="real-val", judging=judging)
    result, _ = translate(settings, quietly)
    assert result.after.downstream is not None
    assert result.choice.real_images.labels_for_choosing == len(looks[1].of_split("val"))


def test_who_judges_can_travel_to_another_process(looks, tmp_path, monkeypatch):
    """With several devices the first one's process judges, and what it wrote is what counts afterwards."""

    def train_elsewhere(fit, _progress, *, on_checkpoint, witness):
        for step in (3, 6):
            ways = {way: make_generator(TINY.generator) for way in get_args(Direction)}
            pickle.loads(pickle.dumps(on_checkpoint))(step, ways["sim2real"])
            save_generators(path_of_step(fit.out, step), "cyclegan", ways, TINY.generator, {})

    monkeypatch.setattr("synth.gan.learner.train", train_elsewhere)
    result, _ = translate(make_settings(looks, tmp_path), quietly)
    assert result.choice.step in (3, 6)


@pytest.mark.parametrize("told", [True, False])
def test_an_error_of_one_of_several_processes_is_raised_as_it_is(looks, tmp_path, monkeypatch, told):
    """A SynthError of a child is raised, not the traceback that torch tells of; other ends stay as told."""

    def launch(_fabric, function):
        try:
            function(None)
        except Exception:  # noqa: BLE001  As torch tells of any.
            raise ProcessRaisedException("Traceback ...", 0, 1) from None

    def fail(*_words, **_named):
        raise StorageError("the disk is full") if told else ZeroDivisionError

    monkeypatch.setattr("lightning_fabric.Fabric.launch", launch)
    monkeypatch.setattr("synth.gan.run._train", fail)
    fit = FitSettings(*looks, tmp_path / "run", TINY, "cyclegan", device="cpu", n_devices=2)
    with pytest.raises(
        StorageError if told else ProcessRaisedException, match="disk is full" if told else "Tr"
    ):
        train(fit, quietly())
