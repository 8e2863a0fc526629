"""A training leaves what it promises, ends as if nothing had happened, and says what is wrong."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from look_pair import write_look
from small_training import QUIET, SETTINGS, make_settings
from torch import nn

from synth.compute.checkpoint import load_state
from synth.compute.run_dir import read_stats
from synth.dataset.reader import DatasetReader
from synth.errors import InputError, TrainingDiverged
from synth.gan.checkpoint import last_checkpoint, load_generator_of, path_of_step
from synth.gan.fabric import Fabric
from synth.gan.methods.cyclegan import CycleGANMethod
from synth.gan.methods.cyclegan_settings import CycleGANSettings
from synth.gan.methods.method import Batch
from synth.gan.run import train
from synth.gan.training import Training

pytestmark = pytest.mark.slow

Looks = tuple[DatasetReader, DatasetReader]
SCRIPT = Path(__file__).with_name("small_training.py")


def on_schedule(**changes: Any) -> CycleGANSettings:
    return replace(SETTINGS, schedule=replace(SETTINGS.schedule, **changes))


@pytest.fixture(scope="module")
def finished(looks: Looks, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[int]]:
    """A run that nothing disturbed, and the steps that were judged."""
    judged: list[int] = []
    out = tmp_path_factory.mktemp("finished") / "translate"
    train(make_settings(*looks, out), QUIET, on_checkpoint=lambda step, _: judged.append(step))
    return out, judged


def without_timing(root: Path) -> list[dict[str, Any]]:
    return [{key: v for key, v in row.items() if key != "timing"} for row in read_stats(root)]


def assert_same_run(a: Path, b: Path) -> None:
    """Every weight, average, moment and pooled image, every tick and every checkpoint, to the last bit."""
    state_a, state_b = load_state(a / "state.pt"), load_state(b / "state.pt")
    for key in ("networks", "ema", "optimisers", "memories"):
        torch.testing.assert_close(state_a[key], state_b[key], rtol=0, atol=0)
    assert without_timing(a) == without_timing(b)
    names = sorted(p.name for p in (a / "checkpoints").iterdir())
    assert names == sorted(p.name for p in (b / "checkpoints").iterdir())
    for name in names:
        assert (a / "checkpoints" / name).read_bytes() == (b / "checkpoints" / name).read_bytes()


def test_a_run_leaves_what_it_promises(finished: tuple[Path, list[int]], looks: Looks) -> None:
    """One line a tick with every loss, three checkpoints and grids, curves, TensorBoard, the state."""
    out, judged = finished
    rows = read_stats(out)
    assert [row["step"] for row in rows] == [row["n_images_seen"] for row in rows] == list(range(3, 25, 3))
    assert {"loss/G/total", "loss/cycle/sim", "loss/identity/real", "loss/D/adv/real"} < set(rows[0])
    assert all(row["timing"]["s_per_step"] > 0 for row in rows)
    assert judged == [8, 16, 24]
    for step in judged:
        generator, words = load_generator_of(out / "checkpoints" / f"step_{step:06d}.safetensors", "cyclegan")
        assert words["step"] == str(step)
        assert generator(torch.zeros(1, 3, 32, 32)).shape == (1, 3, 32, 32)
        grid = cv2.imread(str(out / "figures" / f"grid_{step:06d}.png"))
        assert grid.shape[0] > 6 * 32
        assert grid.shape[1] > 3 * 32
    assert cv2.imread(str(out / "figures" / "losses.png")) is not None
    assert list((out / "tensorboard").glob("events*"))
    assert json.loads((out / "config.json").read_text())["settings"]["schedule"]["side_px"] == 32
    assert load_state(out / "state.pt")["step"] == 24


def test_the_checkpoint_holds_the_averages(finished: tuple[Path, list[int]]) -> None:
    """Both directions, bit by bit the averaged generators of the state."""
    out, _ = finished
    ema = load_state(out / "state.pt")["ema"]
    for direction in ("sim2real", "real2sim"):
        generator, _ = load_generator_of(
            out / "checkpoints" / "step_000024.safetensors", "cyclegan", direction
        )
        torch.testing.assert_close(dict(generator.state_dict()), ema[direction], rtol=0, atol=0)


def test_a_finished_run_is_left_as_it_is(finished: tuple[Path, list[int]], looks: Looks) -> None:
    """The same call again trains nothing and judges nothing."""
    out, _ = finished
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file() and "events" not in p.name}
    judged: list[int] = []
    train(make_settings(*looks, out), QUIET, on_checkpoint=lambda step, _: judged.append(step))
    assert judged == []
    assert {p: p.read_bytes() for p in before if p.name != ".lock"} == {
        p: content for p, content in before.items() if p.name != ".lock"
    }


def start(looks: Looks, out: Path) -> subprocess.Popen[str]:
    command = [sys.executable, str(SCRIPT), *(str(look.root) for look in looks), str(out)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_ticks(process: subprocess.Popen[str], out: Path, n: int) -> None:
    while process.poll() is None and not ((out / "stats.jsonl").exists() and len(read_stats(out)) >= n):
        time.sleep(0.005)


@pytest.mark.usefixtures("undrawn")
def test_killed_in_the_middle_and_gone_on_with(
    finished: tuple[Path, list[int]], looks: Looks, tmp_path: Path
) -> None:
    """SIGKILL at two moments, also between a tick and its checkpoint: the end is bit-equal to undisturbed."""
    out = tmp_path / "translate"
    for n_ticks in (2, 5):
        process = start(looks, out)
        wait_for_ticks(process, out, n_ticks)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert len(read_stats(out)) < 8
    judged: list[int] = []
    train(make_settings(*looks, out), QUIET, on_checkpoint=lambda step, _: judged.append(step))
    assert judged[-1] == 24
    assert_same_run(finished[0], out)


@pytest.mark.usefixtures("undrawn")
def test_interrupted_and_gone_on_with(finished: tuple[Path, list[int]], looks: Looks, tmp_path: Path) -> None:
    """Ctrl-C saves the very step, says that the same command goes on, and it does, bit for bit."""
    out = tmp_path / "translate"
    process = start(looks, out)
    wait_for_ticks(process, out, 3)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    assert "of 24; the same command goes on" in output
    step = load_state(out / "state.pt")["step"]
    assert 9 <= step < 24
    assert f"Stopped at step {step} of 24" in output
    train(make_settings(*looks, out), QUIET, on_checkpoint=lambda _step, _net: None)
    assert_same_run(finished[0], out)


@pytest.mark.usefixtures("undrawn")
def test_a_scripts_background_job_does_not_hear_ctrl_c(
    finished: tuple[Path, list[int]], looks: Looks, tmp_path: Path
) -> None:
    """Where SIGINT is ignored, as shells begin a script's background jobs, training goes on to its end."""
    out = tmp_path / "translate"
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        train(
            make_settings(*looks, out),
            QUIET,
            on_checkpoint=lambda _step, _net: os.kill(os.getpid(), signal.SIGINT),
        )
    finally:
        signal.signal(signal.SIGINT, before)
    assert_same_run(finished[0], out)


@pytest.mark.usefixtures("undrawn")
def test_a_checkpoint_whose_judging_was_stopped_is_judged_again(looks: Looks, tmp_path: Path) -> None:
    """The state is saved before the judge is called; an interrupted judge gets the same network once more."""
    out = tmp_path / "translate"
    seen: list[tuple[int, float]] = []

    def judge(step: int, generator: nn.Module) -> None:
        assert not generator.training
        seen.append((step, float(next(generator.parameters()).sum())))
        if len(seen) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(make_settings(*looks, out), QUIET, on_checkpoint=judge)
    train(make_settings(*looks, out), QUIET, on_checkpoint=judge)
    assert [step for step, _ in seen] == [8, 16, 16, 24]
    assert seen[1] == seen[2]


@pytest.mark.usefixtures("undrawn")
def test_a_loss_that_is_not_finite_stops_the_run(looks: Looks, tmp_path: Path) -> None:
    """The error has the step, every loss and exit code 3; what was saved before stands."""
    out = tmp_path / "translate"
    reckless = replace(SETTINGS, learning_rate=1e30)
    with pytest.raises(
        TrainingDiverged, match=r"training diverged at step [0-9]+ .*not a finite number"
    ) as raised:
        train(make_settings(*looks, out, settings=reckless), QUIET)
    assert raised.value.exit_code == 3
    lines = str(raised.value).splitlines()[1:]
    assert any("loss/G/total" in line for line in lines)
    assert len(lines) == len(raised.value.losses)


def test_other_settings_do_not_go_on(finished: tuple[Path, list[int]], looks: Looks) -> None:
    """Every difference is listed; other images count as one."""
    out, _ = finished
    other = replace(SETTINGS, w_cycle=3.0)
    with pytest.raises(InputError, match=r"settings.w_cycle: 10.0 became 3.0\n  seed: 3 became 4"):
        train(make_settings(*looks, out, settings=other, seed=4), QUIET)
    with pytest.raises(InputError, match=r"sim\.sha256"):
        train(make_settings(looks[1], looks[1], out), QUIET)


def test_what_cannot_be_trained_is_refused_before_it_begins(looks: Looks, tmp_path: Path) -> None:
    """Masks or witness missing, patches larger than images, no such device: no folder is made."""
    bare = write_look(tmp_path / "bare", "rendered", 4, seed=0, with_masks=False)
    needy = replace(SETTINGS, w_mask_edge=1.0)
    watched = replace(SETTINGS, w_witness=1.0)
    out = tmp_path / "translate"
    for settings, sentence in (
        (make_settings(bare, looks[1], out, settings=needy), "has images without the layer mask"),
        (make_settings(*looks, out, settings=watched), "needs a witness"),
        (make_settings(*looks, out, settings=on_schedule(side_px=96)), "smaller than a patch of 96×96"),
        (make_settings(*looks, out, device="cuda:99"), "--device must be one of"),
    ):
        with pytest.raises(InputError, match=sentence) as raised:
            train(settings, QUIET)
        assert "\n" not in str(raised.value)
    assert not out.exists()


@pytest.mark.usefixtures("undrawn")
def test_a_run_learns_to_change_the_look(looks: Looks, tmp_path: Path) -> None:
    """200 steps bring the mean colour of rendered images at least a fifth nearer to the captured ones'."""
    settings = on_schedule(n_images=200, n_checkpoints=1, tick_images=100)
    out = train(make_settings(*looks, tmp_path / "translate", settings=settings), QUIET)
    generator, _ = load_generator_of(out / "checkpoints" / "step_000200.safetensors", "cyclegan")
    sim, real = (
        np.stack([look.load_rgb(s) for s in look.of_split("val")]).mean(axis=(0, 1, 2)) for look in looks
    )
    images = np.stack([looks[0].load_rgb(s) for s in looks[0].of_split("val")])
    with torch.inference_mode():
        translated = generator(torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1)
    after = (translated.mean(dim=(0, 2, 3)).numpy() + 1) * 127.5
    assert np.linalg.norm(after - real) < 0.8 * np.linalg.norm(sim - real)


def test_two_processes_learn_one_network(
    looks: Looks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gradients are averaged, pools are kept a process each, and either process goes on where it stopped; a
    finished run of two starts none.
    """
    out = tmp_path / "translate"
    settings = make_settings(*looks, out, n_devices=2)
    os.environ.pop("MASTER_PORT", None)
    train(settings, QUIET)
    rows = read_stats(out)
    assert rows[-1]["step"] == 12
    assert rows[-1]["n_images_seen"] == 24
    state = load_state(out / "state.pt")
    assert len(state["memories"]) == 2
    assert not torch.equal(state["memories"][0]["real"]["images"], state["memories"][1]["real"]["images"])
    for rank, pools in enumerate(state["memories"]):
        process: Any = SimpleNamespace(device=torch.device("cpu"), global_rank=rank, world_size=2)
        training = Training(
            CycleGANMethod(), SETTINGS, process, seed=3, n_images_total=24, ema_half_life_images=8
        )
        training.load_state(state, str(out))
        assert (training.step, training.n_images_seen) == (12, 24)
        torch.testing.assert_close(training.networks.state_dict(), state["networks"], rtol=0, atol=0)
        kept = {name: memory.state_dict() for name, memory in training.networks.memories.items()}
        torch.testing.assert_close(kept, pools, rtol=0, atol=0)
    monkeypatch.setattr(Fabric, "launch", lambda *_: pytest.fail("a process was started"))
    train(settings, QUIET)
    assert read_stats(out) == rows
    with pytest.raises(InputError, match="seed: 3 became 4"):
        train(replace(settings, seed=4), QUIET)


def test_the_last_checkpoint_is_the_one_of_the_highest_step(tmp_path: Path) -> None:
    """Also where its number has a digit more than the name pads."""
    for step in (999_999, 1_000_000):
        path_of_step(tmp_path, step).parent.mkdir(exist_ok=True)
        path_of_step(tmp_path, step).touch()
    assert last_checkpoint(tmp_path) == path_of_step(tmp_path, 1_000_000)


@pytest.mark.usefixtures("undrawn")
def test_a_method_gets_the_layers_that_it_needs(
    looks: Looks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any that samples have, cut as the image; one that they lack is named, and no other is brought."""
    monkeypatch.setattr(CycleGANMethod, "needs", lambda _self, _settings: {"depth": "w_far"})
    deep = write_look(tmp_path / "deep", "rendered", 4, seed=0, with_depth=True)
    batches: list[Batch] = []
    learn = Training.learn
    monkeypatch.setattr(
        Training, "learn", lambda self, batch, *rest: batches.append(batch) or learn(self, batch, *rest)
    )
    train(make_settings(deep, looks[1], tmp_path / "run", settings=on_schedule(n_images=2)), QUIET)
    assert all(set(batch.layers) == {"depth"} for batch in batches)
    assert {tuple(batch.layers["depth"].shape) for batch in batches} == {(1, 1, 32, 32)}
    with pytest.raises(InputError, match=r"without the layer depth, and the method .* needs it for w_far"):
        train(make_settings(*looks, tmp_path / "other"), QUIET)
