"""A dataset translated instance by instance: what is changed, what is told of it, what is refused."""

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from look_pair import write_look
from rich.console import Console
from test_translate import ANYTHING_GOES, quietly
from torch import nn

from synth.compute.progress import LineProgress
from synth.dataset.reader import DatasetReader
from synth.dataset.verify import verify
from synth.errors import InputError
from synth.gan.apply import apply
from synth.gan.checkpoint import path_of_step
from synth.gan.class_witness import ClassWitnessSettings, load_class_witness, train_class_witness
from synth.gan.commands import print_result
from synth.gan.crop_cutter import CropCutter
from synth.gan.fit import FitSettings
from synth.gan.judge import JudgeSettings
from synth.gan.judged_frame import judge_classes
from synth.gan.methods.method import InstanceTranslator, Translated
from synth.gan.methods.mtgan import MTGANMethod, MTGANSettings
from synth.gan.readings import list_readings
from synth.gan.schedule import Schedule
from synth.gan.translate import TranslateSettings, translate
from synth.gan.witnesses import CLASS_WITNESS_FILE, WITNESS_FILE
from synth.networks.discriminators import DiscriminatorShape
from synth.networks.generators import GeneratorShape, make_generator
from synth.train.change import change
from synth.witness.artefacts import Artefacts
from synth.witness.drift import DriftLimits
from synth.witness.witness import WitnessSettings, load_witness
from typed import synth

CPU = torch.device("cpu")
CLASSES = ("red", "blue")
TINY = MTGANSettings(
    GeneratorShape("demodulated", n_filters=4, n_blocks=1, skip=True),
    discriminator=DiscriminatorShape(n_filters=4, n_layers=4),
    schedule=Schedule(side_px=32, n_images=4, batch_size=2, n_checkpoints=1, tick_images=2),
)
QUIET = LineProgress(Console(quiet=True), "images")


@pytest.fixture(scope="module")
def signs(tmp_path_factory: pytest.TempPathFactory) -> tuple[DatasetReader, DatasetReader]:
    """Two plates a picture, of two classes in the rendered set, of which the real one has the first alone."""
    folder = tmp_path_factory.mktemp("signs")
    given = {"n_plates": 2, "classes": CLASSES}
    return (
        write_look(folder / "synthetic", "rendered", 8, seed=0, **given),
        write_look(folder / "real", "real", 8, seed=1, n_shown=1, with_masks=False, **given),
    )


@pytest.fixture(scope="module")
def finished(signs: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Settings and outcome of a whole stage, tiny."""
    folder = tmp_path_factory.mktemp("finished")
    settings = TranslateSettings(
        fit=FitSettings(*signs, folder / "run", TINY, "mtgan", device="cpu"),
        out=folder / "translated",
        witness=WitnessSettings(n_filters=4, n_steps=2, batch_size=4, n_error_patches=4),
        class_witness=ClassWitnessSettings(n_filters=4, n_steps=4, side_px=32, batch_size=8),
        judging=JudgeSettings(n_patches=8, downstream=None),
        limits=ANYTHING_GOES,
    )
    return settings, *translate(settings, quietly)


def test_only_instances_are_changed_and_it_is_told_where(finished: Any, signs: Any) -> None:
    """Outside the layer ``made`` pixels are the source's; one step an instance; the set is whole."""
    settings, _, applied = finished
    source, translated = signs[0], DatasetReader(settings.out)
    assert verify(settings.out) == []
    assert applied.n_samples > 0
    for sample in translated:
        parent = source[sample.name]
        before, after = source.load_rgb(parent), translated.load_rgb(sample)
        made = translated.load_layer(sample, "made")
        np.testing.assert_array_equal(after[made == 0], before[made == 0])
        assert (made[source.load_mask(parent) > 0] == 255).mean() > 0.9
        assert (made == 0).mean() > 0.3
        assert [step.region for step in sample.origin.steps] == [0, 1]
        assert {step.method for step in sample.origin.steps} == {"mtgan"}
        assert sample.quality["seam_counts"] >= 0
        assert sample.quality["class_lost"] == 0


def test_classes_without_real_crops_are_named(finished: Any) -> None:
    """In result.json, beside how often the frozen classifier is right."""
    settings, result, _ = finished
    written = json.loads((settings.fit.out / "result.json").read_text())
    assert written["classes_without_real"] == ["blue"]
    assert written["class_error"]["n_real"] > 0
    assert result.classes_without_real == ("blue",)
    kept = path_of_step(settings.fit.out, result.choice.step)
    assert MTGANMethod().load(kept, "sim2real", CPU).identity.method == "mtgan"
    assert (settings.fit.out / CLASS_WITNESS_FILE).is_file()
    config = json.loads((settings.fit.out / "config.json").read_text())
    assert config["settings"]["classes"] == ["red", "blue"]


def test_masks_that_are_not_there_were_not_read(finished: Any) -> None:
    """Real photographs with boxes alone gave no mask, neither to learn from nor to choose by."""
    settings, *_ = finished
    fit = settings.fit
    readings = list_readings(fit.method, fit.sim, fit.real, is_chosen=True)
    used = {(r.kind, r.role): r.used for r in readings}
    assert "mask" in used["rendered", "chosen"]
    assert "mask" not in used["real", "made"] + used["real", "chosen"]
    assert "labels" in used["real", "made"]


def test_it_is_told_how_well_the_classifier_tells_classes(finished: Any) -> None:
    """On the terminal, since what it cannot tell is not watched."""
    settings, result, _ = finished
    console = Console(file=StringIO(), width=1000)
    print_result(console, result, settings)
    assert isinstance(console.file, StringIO)
    said = console.file.getvalue()
    assert f"of {result.class_error.n_real} real" in said
    assert f"change by {result.after.change.counts:.1f} counts" in said
    assert "their boxes and masks tell where crops and half of the val patches are cut" in said


def identity(tmp_path: Path, side_px: int = 32) -> InstanceTranslator:
    """A translator whose generator changes nothing."""
    generator = make_generator(TINY.generator, rng=torch.Generator().manual_seed(0))
    nn.init.zeros_(generator.get_parameter("last.weight"))
    settings = replace(TINY, schedule=replace(TINY.schedule, side_px=side_px))
    path = tmp_path / "identity.safetensors"
    MTGANMethod().save_generators(path, {"sim2real": generator.eval()}, settings, {})
    translator = MTGANMethod().load(path, "sim2real", CPU)
    assert isinstance(translator, InstanceTranslator)
    return translator


@pytest.mark.parametrize("side_px", [32, 64])
def test_a_generator_that_changes_nothing_gives_the_frame(side_px: int, signs: Any, tmp_path: Path) -> None:
    """Bit for bit, with masks and with boxes alone; of a frame of which nothing is known too."""
    translator = identity(tmp_path, side_px)
    for dataset in signs:
        sample = dataset.samples[0]
        frame, mask = dataset.load_rgb(sample), dataset.load_mask(sample)
        boxes = [instance.box_xyxy_px for instance in sample.instances]
        translated = translator.translate_instances(frame, boxes, mask)
        np.testing.assert_array_equal(translated.rgb_u8, frame)
        assert translated.seams_counts == pytest.approx((0, 0), abs=1e-3)
        assert (translated.share_u8 == 255).any()
        np.testing.assert_array_equal(translator.apply(frame, {}), frame)


def test_another_colour_of_an_instance_is_no_artefact(signs: Any, tmp_path: Path) -> None:
    """A look that ends at the outline is asked for, while specks that a generator paints are counted."""
    translator = identity(tmp_path, 64)
    look_at = translator._look_at
    dataset, sample = signs[0], signs[0].samples[0]
    frame, mask = dataset.load_rgb(sample), dataset.load_mask(sample)
    boxes = [instance.box_xyxy_px for instance in sample.instances]

    def translate(change: Any) -> Artefacts:
        translator._look_at = lambda crops: [change(new) for new in look_at(crops)]
        return translator.translate_instances(frame, boxes, mask).artefacts

    def speckle(new: Any) -> Any:
        new[30:33, 30:33] = 255 - new[30:33, 30:33]
        return new

    assert translate(lambda new: 0.8 * new + [40, 0, 0]).total == 0
    assert translate(speckle).total >= len(boxes)


def test_a_frame_whose_seams_show_is_refused(
    finished: Any, signs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the instance, the size of its seam and the limit; nothing of it is kept as a sample."""
    settings, *_ = finished
    monkeypatch.setattr("synth.gan.apply.draw_drift", lambda *_: None)

    class Rough:
        identity = identity(tmp_path).identity

        def apply(self, frame: Any, layers: Any) -> Any:
            raise AssertionError

        save = export = apply

        def translate_instances(self, frame: Any, boxes: Any, mask: Any) -> Translated:
            return Translated(frame, np.zeros(frame.shape[:2], np.uint8), (3.0, 30.0))

    witness = load_witness(settings.fit.out / WITNESS_FILE, CPU)
    applied = apply(
        Rough(),
        signs[0],
        tmp_path / "out",
        witness,
        DriftLimits(),
        QUIET,
        parents=signs,
        readings=(),
        device=CPU,
    )
    assert (applied.n_samples, dict(applied.refused)) == (0, {"seam": 8})
    said = DatasetReader(tmp_path / "out").rejections[0].detail
    assert said == "part 1: where it fades into the frame, 30.0 counts of change are left, at most 12 may be"


def test_a_frozen_classifier_tells_what_cannot_be_read(signs: Any, tmp_path: Path) -> None:
    """It learns two colours, is saved and loaded, and names a plate that has turned into the other one."""
    cutters = [CropCutter(signs[0], split, 32, CLASSES) for split in ("train", "val")]
    settings = ClassWitnessSettings(n_filters=8, n_steps=40, side_px=32, batch_size=8, look_strength=0.1)
    witness = train_class_witness([cutters[0]], settings, CLASSES, val=(None, cutters[1]), device=CPU)
    assert witness.error.real is None
    assert witness.error.source == 1
    witness.save(tmp_path / "it")
    witness = load_class_witness(tmp_path / "it", CPU)
    sample = signs[0].samples[0]
    frame, mask = signs[0].load_rgb(sample), signs[0].load_mask(sample)
    reasons, figures = judge_classes(witness, sample, frame, frame)
    assert (reasons, figures["class_lost"]) == ([], 0)
    assert figures["class_sure"] > 0.5
    turned = frame.copy()
    turned[mask == 2] = np.roll(frame[mask == 2], 1, axis=1)
    (reason,), figures = judge_classes(witness, sample, frame, turned)
    assert figures["class_lost"] == 1
    assert figures["class_sure"] < 0.5
    assert reason.short == "class lost"
    assert reason.detail == "part 1: it was read as red, which it is, and is now as blue"
    others = tuple(part.model_copy(update={"class_name": "green"}) for part in sample.instances)
    unknown = sample.model_copy(update={"instances": others})
    assert judge_classes(witness, unknown, frame, turned) == ([], {"class_lost": 0})
    with pytest.raises(InputError, match="no class witness of this version"):
        load_class_witness(path_with_other_words(tmp_path), CPU)


def path_with_other_words(folder: Path) -> Path:
    """A file of weights that is something else."""
    MTGANMethod().save_generators(folder / "other", {}, TINY, {})
    return folder / "other"


def test_settings_are_changed_by_name() -> None:
    """Numbers, words, lists and settings within settings, each read as what stood there."""
    words = (
        "heads=class,localisation",
        "w_cycle=3",
        "alternate=true",
        "schedule.side_px=48",
        "class_loss=paper",
    )
    changed = change(TINY, words, example="w_cycle=1")
    assert changed.heads == ("class", "localisation")
    assert (changed.w_cycle, changed.alternate, changed.schedule.side_px) == (3.0, True, 48)
    assert changed.class_loss == "paper"
    assert change(TINY, (), example="w_cycle=1") is TINY


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("heads", "--set takes NAME=VALUE, such as w_cycle=1, got 'heads'"),
        ("weight=1", "--set knows no 'weight' here: choose among .*w_cycle"),
        ("schedule=1", r"--set knows no 'schedule' here: choose among .*schedule\.…"),
        ("schedule.side=1", r"--set knows no 'schedule.side' here: choose among side_px"),
        ("side_px=1", r"--set knows no 'side_px' here: it is schedule\.side_px"),
        ("classes=a", "--set knows no 'classes' here"),
        ("w_cycle=much", "w_cycle must be a number, got 'much'"),
        ("schedule.side_px=6.5", "schedule.side_px must be a whole number, got '6.5'"),
        ("alternate=maybe", "alternate must be true or false, got 'maybe'"),
        ("w_class=nan", "w_class must be a number, got 'nan'"),
        ("context=inf", "context must be a number, got 'inf'"),
        ("adversarial=l2", "adversarial must be one of least-squares, wasserstein, log, hinge, got 'l2'"),
        ("beta2=1", "beta1 and beta2 must be 0 or more and less than 1, got 0.5 and 1"),
        ("pool_size=-1", "pool_size must be 0 or more, got -1"),
        ("min_iou=85", "min_iou must be 0 to 1, got 85"),
        ("schedule.side_px=0", "side_px must be 1 or more, got 0"),
        (
            "generator.n_filters=100000",
            "n_filters must be 1 to 256, .* got 100000",
        ),
        ("discriminator.n_filters=100000", "n_filters must be 1 to 256, .* got 100000"),
        ("schedule.batch_size=100000", "a batch has at most .* pixels of each look"),
        ("schedule.ema_half_life_images=0", "ema_half_life_images must be above 0, got 0"),
        ("heads=nose", "heads must be one or more of"),
    ],
)
def test_a_wrong_change_is_one_sentence(word: str, sentence: str) -> None:
    """With what is allowed."""
    with pytest.raises(InputError, match=sentence) as raised:
        change(TINY, [word], example="w_cycle=1")
    assert "\n" not in str(raised.value)


def test_the_command_takes_changes(tmp_path: Path) -> None:
    """A wrong one is exit code 2 and one sentence, before anything is read or written."""
    said = synth("translate", "--method", "mtgan", "--preset", "quick", "--set", "heads=nose", cwd=tmp_path)
    assert said.returncode == 2
    assert "heads must be one or more of adversarial, class, localisation" in " ".join(said.stderr.split())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "words", [("--set", "w_cycle=1"), ("--images", "20"), ("--preset", "quick")], ids=lambda w: w[0]
)
def test_what_says_how_to_learn_is_refused_with_a_checkpoint(words: tuple[str, str], tmp_path: Path) -> None:
    """A checkpoint learns nothing: the option would be ignored. Exit code 2, and nothing is written."""
    said = synth("translate", "--checkpoint", "a.safetensors", *words, cwd=tmp_path)
    assert said.returncode == 2
    assert f"{words[0]} says how something is learnt, and --checkpoint learns nothing" in " ".join(
        said.stderr.split()
    )
    assert not list(tmp_path.iterdir())
