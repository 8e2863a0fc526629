"""Training a translator in one folder: patches or crops in, checkpoints and curves out; a kill costs little.

Any method that learns step by step is trained here.

::

    runs/translate/
      config.json      what was asked for; the same is demanded to go on
      command.json     the command that began it, if one did; the same goes on with it
      stats.jsonl      one line a tick: losses, progress, learning rate, seconds a step
      state.pt         where the run stands, to the last bit
      checkpoints/     step_000400.safetensors: averaged generators, both directions
      figures/         losses.png and grid_000400.png (as it was, translated, cycled)
      tensorboard/     the same for TensorBoard
"""

import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Any

from torch import nn
from torch.multiprocessing.spawn import ProcessException

from synth.compute.checkpoint import load_state, save_state
from synth.compute.device import choose_device, choose_precision
from synth.compute.progress import Progress, make_progress
from synth.compute.run_dir import RunDir
from synth.errors import InputError, SynthError
from synth.gan.earlier_run import STATE_FILE
from synth.gan.fabric import Fabric
from synth.gan.fit import FitSettings
from synth.gan.logbook import Logbook, Window
from synth.gan.looks import Looks, make_looks
from synth.gan.methods import METHODS
from synth.gan.methods.method import WITNESS, LearnedMethod
from synth.gan.schedule import Lengths, MapSettings
from synth.gan.training import Training
from synth.terminal import make_console

_N_GRID = 4
_N_FIT_INPUTS = 64
"""Train patches of each look that networks may look at before the first step and before checkpoints."""

OnCheckpoint = Callable[[int, nn.Module], None]
"""Takes the step and the averaged sim2real generator, in eval mode on the run's device. It is called once a
checkpoint, and for the latest one again when the run was stopped before the next."""


def train(
    fit: FitSettings,
    progress: Progress,
    *,
    on_checkpoint: OnCheckpoint | None = None,
    witness: nn.Module | None = None,
) -> Path:
    """Train, or go on with, the translator of ``fit.out``; returns that folder.

    on_checkpoint: called in the first process. witness: a frozen network that watches labels, for methods
    that need one.

    Ctrl-C ends the step in hand, saves where the run stands and raises KeyboardInterrupt; the same call goes
    on from there, and ends as if nothing had happened. Raises InputError for a method that does not learn
    step by step, and for datasets or a folder that do not fit, TrainingDiverged when a loss is not finite,
    StorageError when the disk refuses.
    """
    method = METHODS[fit.method]()
    if not isinstance(method, LearnedMethod):
        raise InputError(f"the method {fit.method} is not trained step by step: call its fit")
    if (who := method.needs(fit.settings).get(WITNESS)) and witness is None:
        raise InputError(
            f"the method {fit.method} needs a witness for {who}: train one first, or set it to 0"
        )
    make_looks(fit, method)  # Refuses what cannot be learnt from, before there is a folder.
    device = choose_device(fit.device)
    if fit.n_devices > 1 and is_learnt(fit):
        return fit.out
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    fabric = Fabric(
        accelerator=device.type,
        devices=[device.index] if device.index is not None else fit.n_devices,
        strategy="ddp_spawn" if fit.n_devices > 1 else "auto",
        precision=fit.precision or choose_precision(device),
    )
    told = progress if fit.n_devices == 1 else None
    learn = partial(
        _train, fit=fit, method=method, progress=told, on_checkpoint=on_checkpoint, witness=witness
    )
    if fit.n_devices == 1:
        fabric.launch(learn)
    else:
        _launch(fabric, learn)
    return fit.out


def is_learnt(fit: FitSettings) -> bool:
    """Whether `train` would find nothing left to learn or judge; raises what it would raise."""
    if not (fit.out / STATE_FILE).exists():
        return False
    with RunDir.create_or_resume(fit.out, fit.to_config()):
        state = load_state(fit.out / STATE_FILE)
    return bool(state.get("is_judged")) and state.get("step") == measure(fit).n_steps


def measure(fit: FitSettings) -> Lengths:
    """How long `train` learns, of a method that learns step by step."""
    method = METHODS[fit.method]()
    assert isinstance(method, LearnedMethod)
    return make_looks(fit, method).measure(fit.n_devices)


def _launch(fabric: Fabric, learn: Callable[[Fabric], None]) -> None:
    """Learn in several processes; the first SynthError of one is raised here as it is."""
    errors: SimpleQueue[SynthError] = get_context("spawn").SimpleQueue()
    try:
        fabric.launch(partial(_tell, learn=learn, errors=errors))
    except ProcessException:
        if errors.empty():
            raise
        raise errors.get() from None


def _tell(fabric: Fabric, learn: Callable[[Fabric], None], errors: "SimpleQueue[SynthError]") -> None:
    try:
        learn(fabric)
    except SynthError as error:
        errors.put(error)
        raise


def _train(
    fabric: Fabric,
    fit: FitSettings,
    method: LearnedMethod,
    progress: Progress | None,
    on_checkpoint: OnCheckpoint | None,
    witness: nn.Module | None,
) -> None:
    """The loop, in each process."""
    progress = progress or make_progress(make_console(quiet=not fabric.is_global_zero), "train", "steps")
    run = RunDir.create_or_resume(fit.out, fit.to_config()) if fabric.is_global_zero else None
    fabric.barrier()
    looks = make_looks(fit, method)
    lengths = looks.measure(fabric.world_size)
    training, window, is_judged = _begin(fabric, fit, method, looks, lengths)
    logbook = None if run is None else Logbook(run, training.step, *looks.draw_fixed(_N_GRID))
    witness = None if witness is None else witness.to(fabric.device).eval().requires_grad_(False)

    def save(*, is_judged: bool) -> None:
        state = training.state() | {"window": window.state(), "is_judged": is_judged}
        if fabric.is_global_zero:
            save_state(fit.out / STATE_FILE, state)

    def judge() -> None:
        if on_checkpoint is not None:
            if fabric.is_global_zero:
                on_checkpoint(training.step, training.ema["sim2real"])
            if training.step == lengths.n_steps:
                save(is_judged=True)

    progress.say(f"The {'painter' if isinstance(fit.settings, MapSettings) else 'translator'} learns.")
    progress.begin(total=lengths.n_steps, done=training.step)
    try:
        if not is_judged:
            judge()
        with _deferred_interrupt() as is_interrupted:
            while training.step < lengths.n_steps:
                # Gradients, step, averages.
                learning_rate = training.learning_rate
                batch = looks.draw(fabric.global_rank, training.n_images_seen)
                window.add(training.learn(batch, witness))
                progress.accepted(f"step {training.step}")

                # Status.
                if lengths.is_tick(training.step):
                    if logbook is not None:
                        logbook.tick(training.step, training.n_images_seen, learning_rate, window)
                    window = Window()

                # Checkpoint.
                if lengths.is_checkpoint(training.step):
                    training.settle(looks.draw_train(_N_FIT_INPUTS)[0])
                    if logbook is not None:
                        logbook.checkpoint(training)
                    save(is_judged=on_checkpoint is None)
                    judge()
                    window.restart_clock()

                # Stop?
                if training.any_process(is_interrupted()):
                    save(is_judged=True)
                    progress.say(
                        f"Stopped at step {training.step} of {lengths.n_steps}; the same command goes on."
                    )
                    raise KeyboardInterrupt
    finally:
        progress.end()
        if logbook is not None:
            logbook.close()


def _begin(
    fabric: Fabric, fit: FitSettings, method: LearnedMethod, looks: Looks, lengths: Lengths
) -> tuple[Training, Window, bool]:
    """A fresh training, or the one that the folder holds; whether its latest checkpoint was judged."""
    training = Training(
        method,
        fit.settings,
        fabric,
        seed=fit.seed,
        n_images_total=lengths.n_images,
        ema_half_life_images=fit.settings.schedule.ema_half_life_images,
        readings=fit.readings,
        is_simulated=fit.is_simulated,
    )
    path = fit.out / STATE_FILE
    if not path.exists() and fit.earlier is not None:
        training.begin_with(load_state(fit.earlier.state), str(fit.earlier.state))
        return training, Window(), True
    if not path.exists():
        training.fit_inputs(*looks.draw_train(_N_FIT_INPUTS))
        return training, Window(), True
    state = load_state(path)
    training.load_state(state, str(path))
    return training, Window.from_state(state["window"]), bool(state["is_judged"])


@contextmanager
def _deferred_interrupt() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C was pressed inside the block; pressed twice, it interrupts at once.

    Never where it is ignored: shells start a script's background jobs so that Ctrl-C is not for them.
    """
    asked = False
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        yield lambda: False
        return

    def note(_signal: int, _frame: Any) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    try:
        before = signal.signal(signal.SIGINT, note)
    except ValueError:  # Only the main thread is interrupted.
        yield lambda: False
        return
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, before)
