"""What every method of translation promises, learnt step by step or fitted at once; a toy of the latter."""

import importlib
import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from safetensors import safe_open

from synth.cli import app
from synth.compute.progress import LineProgress
from synth.dataset.codecs import file_sha256
from synth.dataset.origin import Reading
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.dataset.verify import verify
from synth.errors import InputError
from synth.gan.checkpoint import load_checkpoint, note_readings, path_of_step, read_method, read_readings
from synth.gan.fit import FitSettings
from synth.gan.judge import JudgeSettings
from synth.gan.methods import METHODS
from synth.gan.methods.method import LearnedMethod, Method
from synth.gan.run import train
from synth.gan.sample_layers import SampleLayers
from synth.gan.schedule import LearnedSettings, MapSettings
from synth.status import print_status
from synth.witness.witness import WitnessSettings

from ..gan.look_pair import write_look
from .part_set import write_part_set

pytestmark = pytest.mark.usefixtures("undrawn")

TOYS = Path(__file__).with_name("toys")
CPU = torch.device("cpu")


@pytest.fixture(scope="module", autouse=True)
def brighter() -> Iterator[None]:
    """The toy's one line of registration, for this file alone."""
    sys.path.insert(0, str(TOYS))
    importlib.import_module("toy_method")
    yield
    sys.path.remove(str(TOYS))
    del sys.modules["toy_method"], METHODS["brighter"]


@pytest.fixture(scope="module")
def looks(tmp_path_factory: pytest.TempPathFactory) -> tuple[DatasetReader, DatasetReader]:
    folder = tmp_path_factory.mktemp("looks")
    return tuple(
        write_look(folder / k, k, 12, seed=i, with_maps=True) for i, k in enumerate(("rendered", "real"))
    )


def small(method: Method) -> Any:
    """The first preset, as short as it goes, its networks as narrow."""
    settings = next(iter(method.presets.values()))
    changes: dict[str, Any] = {}
    if hasattr(settings, "generator"):
        narrow = {"n_filters": 4, "n_blocks": 1, "n_hidden": 4}
        known = {field.name for field in fields(settings.generator)}
        changes["generator"] = replace(settings.generator, **{n: v for n, v in narrow.items() if n in known})
    if hasattr(settings, "discriminator"):
        changes["discriminator"] = replace(settings.discriminator, n_filters=4)
    if isinstance(settings, LearnedSettings):
        side = {"side_px": 64 if isinstance(settings, MapSettings) else 32}
        short = {"batch_size": 1, "n_images": 2, "n_epochs": None, "n_checkpoints": 1}
        changes["schedule"] = replace(settings.schedule, **side, **short)
    if isinstance(settings, MapSettings):
        changes |= {"height_px": 64} | ({"perceptual": "none"} if hasattr(settings, "perceptual") else {})
    return replace(settings, **changes)


class Untested(DatasetReader):
    """Refuses to show a test image."""

    def load_rgb(self, sample: Sample) -> np.ndarray:
        assert sample.split != "test"
        return super().load_rgb(sample)


@pytest.fixture(scope="module", params=[*METHODS, "brighter"])
def fitted(request: pytest.FixtureRequest, looks: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Name, method, translator and the file that it was saved to."""
    method = METHODS[request.param]()
    source, target = (Untested(look.root) for look in looks)
    translator = method.fit(source, target, small(method), 3, CPU)
    path = tmp_path_factory.mktemp("fitted") / "it.safetensors"
    translator.save(path)
    return request.param, method, translator, path


def test_it_says_who_it_is(fitted: Any) -> None:
    """Its name is the registry's, its default preset one of its own; learned ones have a schedule."""
    name, method, translator, _ = fitted
    assert isinstance(method, Method)
    assert method.name == name
    assert method.title
    assert {method.default_preset(torch.device(d)) for d in ("cpu", "cuda")} <= set(method.presets)
    if isinstance(method, LearnedMethod):
        assert all(isinstance(s, LearnedSettings) for s in method.presets.values())
    assert (translator.identity.method, translator.identity.direction) == (name, "sim2real")


def test_frames_keep_their_size_and_kind(fitted: Any) -> None:
    """Any size, uint8, and the same again for the same frame; the frame itself is left alone."""
    _, _, translator, _ = fitted
    rng = np.random.default_rng(0)
    for shape in ((80, 96, 3), (51, 34, 3)):
        frame = rng.integers(0, 256, shape).astype(np.uint8)
        before = frame.copy()
        layers = {"mask": np.zeros(shape[:2], np.uint16), "semantic": np.zeros(shape[:2], np.uint8)}
        first, again = translator.apply(frame, layers), translator.apply(frame, layers)
        assert first.shape == shape
        assert first.dtype == np.uint8
        np.testing.assert_array_equal(first, again)
        np.testing.assert_array_equal(frame, before)


def test_saved_and_loaded_it_is_the_same(fitted: Any, looks: Any, tmp_path: Path) -> None:
    """Same pixels, same identity, same bytes when saved again; the identity is the file's own hash."""
    name, method, translator, path = fitted
    loaded = method.load(path, "sim2real", CPU)
    frame = looks[0].load_rgb(looks[0].samples[0])
    layers = SampleLayers(looks[0], looks[0].samples[0])
    np.testing.assert_array_equal(loaded.apply(frame, layers), translator.apply(frame, layers))
    assert loaded.identity == translator.identity
    assert loaded.identity.sha256 == file_sha256(path.read_bytes())
    loaded.save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()
    assert read_method(path) == name


def test_what_a_header_lists_is_kept(fitted: Any, tmp_path: Path) -> None:
    """Samples that made it, noted in its file, are still there when that is loaded and saved again."""
    _, method, _, path = fitted
    noted, again = tmp_path / "noted.safetensors", tmp_path / "again.safetensors"
    noted.write_bytes(path.read_bytes())
    note_readings(noted, (Reading(dataset="real", used=method.reads, names=("000001",)),))
    loaded = method.load(noted, "sim2real", CPU)
    loaded.save(again)
    assert again.read_bytes() == noted.read_bytes()
    assert loaded.identity.sha256 == file_sha256(noted.read_bytes())
    assert [reading.names for reading in read_readings(again)] == [("000001",)]


def test_one_seed_gives_one_translator(fitted: Any, looks: Any) -> None:
    """Fitted again to the same images it has the same bytes."""
    _, method, translator, _ = fitted
    assert method.fit(*looks, small(method), 3, CPU).identity == translator.identity


def test_a_learned_one_goes_on_where_it_stopped(fitted: Any, looks: Any, tmp_path: Path) -> None:
    """Stopped at a checkpoint and gone on with, a training ends as an undisturbed one, bit for bit."""
    name, method, _, _ = fitted
    if not isinstance(method, LearnedMethod):
        pytest.skip("it is fitted at once")
    settings = small(method)
    settings = replace(settings, schedule=replace(settings.schedule, n_images=4, n_checkpoints=2))

    def stop(_step: int, _generator: object) -> None:
        raise KeyboardInterrupt

    def fit(out: Path, on_checkpoint: Any = None) -> None:
        quiet = LineProgress(Console(quiet=True), "steps")
        train(FitSettings(*looks, out, settings, name, device="cpu"), quiet, on_checkpoint=on_checkpoint)

    fit(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "stopped", stop)
    fit(tmp_path / "stopped")
    whole, stopped = (path_of_step(tmp_path / run, 4).read_bytes() for run in ("whole", "stopped"))
    assert whole == stopped


def test_the_file_of_another_method_is_refused(fitted: Any, tmp_path: Path) -> None:
    """One sentence says whose it is; so it does for a file that is none."""
    name, method, _, path = fitted
    with pytest.raises(InputError, match=f"written by the method {name}, not by another"):
        load_checkpoint(path, "another")
    (tmp_path / "bad").write_bytes(b"\x80\x04")
    with pytest.raises(InputError, match="not opened"):
        method.load(tmp_path / "bad", "sim2real", CPU)


def test_it_exports_or_says_why_not(fitted: Any, tmp_path: Path) -> None:
    """An ONNX file and a sentence, or a sentence and no file."""
    _, _, translator, _ = fitted
    path = tmp_path / "it.onnx"
    try:
        said = translator.export(path)
    except InputError as error:
        said = str(error)
        assert not path.exists()
    else:
        assert path.stat().st_size > 0
    assert said
    assert "\n" not in said


def test_a_checkpoint_that_names_no_method_is_still_read(looks: Any, tmp_path: Path) -> None:
    """Those from before there were several."""
    from synth.compute.checkpoint import load_weights, save_weights

    method = METHODS["cyclegan"]()
    method.fit(*looks, small(method), 3, CPU).save(tmp_path / "new")
    tensors, words = load_weights(tmp_path / "new")
    del words["method"]
    save_weights(tmp_path / "old", tensors, words)
    with safe_open(tmp_path / "old", framework="pt") as file:
        assert '"method"' not in file.metadata()["synth"]
    assert read_method(tmp_path / "old") == "cyclegan"


def synth(*words: str) -> int:
    """The exit code of a command in this process, where the toy is registered."""
    try:
        return app(list(words), standalone_mode=False) or 0
    except SystemExit as end:
        return int(end.code or 0)


SHORT_SIGHTED = partial(WitnessSettings, n_steps=4, n_error_patches=12)
HASTY = partial(JudgeSettings, n_patches=12, downstream=SHORT_SIGHTED(look_strength=0.3))


@pytest.fixture
def lenient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an empty folder; a witness learns and judges by little, and no frame is refused."""
    from synth.witness.drift import DriftLimits

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("synth.gan.request.WitnessSettings", SHORT_SIGHTED)
    monkeypatch.setattr("synth.gan.request.JudgeSettings", HASTY)
    lenient = DriftLimits(9.0, 9.0, 99.0, 1.0, 180.0, 10_000)
    monkeypatch.setattr("synth.gan.translate.DriftLimits", lambda: lenient)


@pytest.fixture
def desk(looks: Any, tmp_path: Path, lenient: None) -> Path:
    """That folder, with both datasets where commands look for them."""
    (tmp_path / "data").mkdir()
    for name, look in zip(("synthetic", "real"), looks, strict=True):
        (tmp_path / "data" / name).symlink_to(look.root)
    return tmp_path


BRIGHTER = ("translate", "--method", "brighter", "--device", "cpu")


@pytest.mark.slow
def test_the_toy_goes_from_dataset_to_dataset(
    desk: Path, looks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the command line, with every other method taken out: fitted once, judged, applied, whole; again, and
    with its checkpoint alone.
    """
    # As `del`, but for the order when they come back.
    monkeypatch.setattr(METHODS, "_members", {"brighter": METHODS["brighter"]})
    assert synth("translate", "--help") == 0
    assert synth("translate", "--device", "cpu") == 0
    out = desk / "data" / "translated"
    assert verify(out) == []
    translated = DatasetReader(out)
    assert len(translated) + len(translated.rejections) == len(looks[0])
    assert len(translated) > 0
    assert translated.info.made_by.config["method"] == "brighter"
    (checkpoint,) = (desk / "runs/translate/checkpoints").iterdir()
    assert translated.samples[0].origin.steps[-1].checkpoint_sha256 == file_sha256(checkpoint.read_bytes())
    before = checkpoint.stat().st_mtime_ns
    assert synth(*BRIGHTER) == 0
    assert checkpoint.stat().st_mtime_ns == before
    assert synth("translate", "--checkpoint", str(checkpoint), "--out", "data/again", "--device", "cpu") == 0
    again = DatasetReader(desk / "data" / "again")
    assert [s.pixels_sha256 for s in again] == [s.pixels_sha256 for s in translated]
    reverse = ("--reverse", "--out", "data/back")
    assert synth(*BRIGHTER, *reverse) == 0
    assert DatasetReader(desk / "data" / "back").info.made_by.config["direction"] == "real2sim"


def test_wrong_names_list_the_right_ones(desk: Path) -> None:
    """A method, a preset and a checkpoint that do not go together are one sentence each."""
    with pytest.raises(InputError, match=r"there is no method 'x': choose among .*brighter"):
        synth("translate", "--method", "x")
    with pytest.raises(
        InputError, match="the method brighter has no preset 'quick': choose among plain, half"
    ):
        synth(*BRIGHTER, "--preset", "quick")


def test_the_first_method_is_the_default_where_that_one_is_taken_out() -> None:
    """The help says so too."""
    program = (
        "from synth.gan.methods import DEFAULT, METHODS; del METHODS[DEFAULT]; "
        "METHODS['brighter'] = 'toy_method:BrighterMethod'; "
        "from synth.cli import app; print(next(iter(METHODS))); app(['translate', '--help'])"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], cwd=TOYS, capture_output=True, text=True, check=True
    ).stdout
    first, *help_words = said.split()
    assert f"brighter; {first} if not given" in " ".join(help_words)


def test_images_are_counted_only_by_what_learns_step_by_step(desk: Path) -> None:
    """Else they would change nothing but how it is judged."""
    with pytest.raises(InputError, match="--images is for methods that learn step by step, and brighter is"):
        synth(*BRIGHTER, "--images", "4")
    assert not (desk / "runs").exists()


@pytest.mark.slow
def test_a_run_is_not_gone_on_with_by_another_judge(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its witness and its scores are those of the settings that it was begun with."""
    assert synth(*BRIGHTER) == 0
    monkeypatch.setattr("synth.gan.request.WitnessSettings", partial(SHORT_SIGHTED, n_steps=5))
    with pytest.raises(InputError, match=r"witness\.n_steps: 4 became 5"):
        synth(*BRIGHTER)
    monkeypatch.setattr("synth.gan.request.WitnessSettings", SHORT_SIGHTED)
    monkeypatch.setattr("synth.gan.request.JudgeSettings", partial(HASTY, n_patches=11))
    with pytest.raises(InputError, match=r"judging\.n_patches: 12 became 11"):
        synth(*BRIGHTER)


@pytest.mark.slow
def test_status_tells_the_command_that_goes_on(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Typed, it makes what is missing of a dataset that was begun with another method and preset."""
    assert synth(*BRIGHTER, "--preset", "half", "--run", "runs/another") == 0
    lines = (records := desk / "data/translated/samples.jsonl").read_text().splitlines(keepends=True)
    records.write_text("".join(lines[:-1]))
    capsys.readouterr()
    print_status(as_json=True)
    said = json.loads(capsys.readouterr().out)["next"].partition("   (")[0]
    assert synth(*shlex.split(said)[1:], "--device", "cpu") == 0
    assert len(records.read_text().splitlines()) == len(lines)
    assert verify(desk / "data/translated") == []


@pytest.mark.slow
@pytest.mark.usefixtures("coarse_maps", "in_this_process", "unexported")
def test_the_toy_goes_from_dataset_to_report(tmp_path: Path, lenient: None) -> None:
    """What it translated is compared like any other dataset."""
    for i, (name, kind) in enumerate((("real", "real"), ("synthetic", "rendered"))):
        write_part_set(tmp_path / "data" / name, kind, seed=i)
    assert synth(*BRIGHTER) == 0
    data = [f"--data={name}=data/{name}" for name in ("real", "synthetic", "translated")]
    few = ("--preset", "quick", "--tasks", "normals", "--mixes", "real,translated", "--seeds", "1")
    few = (*few, "--no-baseline")
    assert synth("compare", *few, "--images", "64", "--device", "cpu", *data) == 0
    assert "translated" in (tmp_path / "runs/compare/report.html").read_text()
