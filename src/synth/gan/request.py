"""A translation as it is asked for, by the command or from Python."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from synth.compute.device import choose_device, refuse_devices
from synth.compute.spread import HERE, Spread
from synth.dataset.choices import Criterion
from synth.dataset.reader import DatasetReader
from synth.errors import InputError
from synth.gan.checkpoint import read_method
from synth.gan.class_witness import ClassWitnessSettings
from synth.gan.fit import FitSettings
from synth.gan.judge import DOWNSTREAM, JudgeSettings
from synth.gan.methods import METHODS, choose_default, list_painters
from synth.gan.schedule import LearnedSettings
from synth.gan.stage import STAGE
from synth.gan.translate import TranslateSettings
from synth.train.change import change
from synth.witness.witness import WitnessSettings


def make_settings(
    sim: Path,
    real: Path,
    out: Path | None,
    *,
    run: Path,
    method: str | None,
    preset: str | None,
    images: int | None,
    choose: Criterion,
    checkpoint: Path | None,
    reverse: bool,
    inception_weights: Path | None,
    device: str | None,
    seed: int,
    devices: int = 1,
    anyway: bool = False,
    changes: Sequence[str] = (),
    spread: Spread = HERE,
    say: Callable[[str], None] = lambda _sentence: None,
) -> TranslateSettings:
    """Settings from what was asked for; None for what is left to the method, the machine or the usual folder.

    images: of each look, to learn from in all. checkpoint: the one that will translate, whose method counts
    where none is named. devices: how many of ``device`` learn side by side. changes: of the preset's
    settings, ``NAME=VALUE`` each (`change`). say: told which preset is the default. Raises InputError,
    DatasetError.
    """
    if images is not None and images < 1:
        raise InputError(f"--images must be 1 or more, got {images}")
    if checkpoint is not None:
        refuse_learning({"--images": images is not None, "--preset": preset is not None, "--set": changes})
    if not spread.lends_gpus:
        refuse_devices(device, devices)
    if method is None:
        if checkpoint is None:
            method = choose_default(preset, reverse=reverse)
            say(f"Method {method}; --method chooses another.")
        else:
            method = read_method(checkpoint)
    if method in list_painters():
        raise InputError(
            f"the method {method} paints label maps: synth paint MAPS --data PHOTOS --method {method}"
        )
    recipe = choose_preset(method, preset, device, say if checkpoint is None else lambda _sentence: None)
    recipe = change(recipe, changes, example="w_cycle=1")
    witness, judging = WitnessSettings(), JudgeSettings(inception=inception_weights)
    class_witness = ClassWitnessSettings()
    if images is not None:
        recipe = shorten(method, recipe, images)
        witness = replace(witness, n_steps=min(witness.n_steps, images))
        class_witness = replace(class_witness, n_steps=min(class_witness.n_steps, images))
        judging = replace(judging, downstream=replace(DOWNSTREAM, n_steps=min(DOWNSTREAM.n_steps, images)))
    rendered, captured = DatasetReader(sim, "synth render"), DatasetReader(real, "synth capture")
    return TranslateSettings(
        fit=FitSettings(
            sim=rendered.refuse_empty(),
            real=captured.refuse_empty(),
            out=run,
            settings=recipe,
            method=method,
            seed=seed,
            device=device,
            n_devices=devices,
        ),
        out=out or (STAGE.folder.with_name(f"{STAGE.folder.name}_reverse") if reverse else STAGE.folder),
        criterion=choose,
        direction="real2sim" if reverse else "sim2real",
        witness=witness,
        class_witness=class_witness,
        judging=judging,
        anyway=anyway,
        spread=spread,
    )


def refuse_learning(given: Mapping[str, object]) -> None:
    """With a checkpoint; given: options that say how something is learnt, and whether each is there."""
    if option := next((name for name, is_given in given.items() if is_given), None):
        raise InputError(
            f"{option} says how something is learnt, and --checkpoint learns nothing: give one of the two"
        )


def choose_preset(method: str, preset: str | None, device: str | None, say: Callable[[str], None]) -> Any:
    """A method's settings by their name."""
    chosen = METHODS[method]()
    if preset is None:
        where = choose_device(device)
        preset = chosen.default_preset(where)
        why = "without a GPU" if where.type == "cpu" else "with a GPU"
        say(f"Preset {preset}, the default {why}; --preset chooses another.")
    if preset not in chosen.presets:
        raise InputError(
            f"the method {method} has no preset {preset!r}: choose among {', '.join(chosen.presets)}"
        )
    return chosen.presets[preset]


def shorten(method: str, recipe: Any, n_images: int) -> Any:
    """Settings that learn from so many images; raises InputError for a method that has no schedule."""
    if not isinstance(recipe, LearnedSettings):
        raise InputError(
            f"--images is for methods that learn step by step, and {method} is fitted at once: leave it out"
        )
    return replace(recipe, schedule=replace(recipe.schedule, n_images=n_images, n_epochs=None))
