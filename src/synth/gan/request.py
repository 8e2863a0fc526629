"""A translation as it is asked for, by the command or from Python."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Any

from synth.compute.device import choose_device, refuse_devices
from synth.dataset.choices import Criterion
from synth.dataset.reader import DatasetReader
from synth.errors import InputError
from synth.gan.checkpoint import read_method
from synth.gan.class_witness import ClassWitnessSettings
from synth.gan.judge import DOWNSTREAM, JudgeSettings
from synth.gan.methods import METHODS, choose_default
from synth.gan.run import FitSettings
from synth.gan.schedule import LearnedSettings
from synth.gan.stage import STAGE
from synth.gan.translate import TranslateSettings
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
    changes: Sequence[str] = (),
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
        _refuse_learning({"--images": images is not None, "--preset": preset is not None, "--set": changes})
    refuse_devices(device, devices)
    if method is None:
        method = choose_default() if checkpoint is None else read_method(checkpoint)
    recipe = _choose_preset(method, preset, device, say if checkpoint is None else lambda _sentence: None)
    recipe = change(recipe, changes)
    witness, judging = WitnessSettings(), JudgeSettings(inception=inception_weights)
    class_witness = ClassWitnessSettings()
    if images is not None:
        recipe = _shorten(method, recipe, images)
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
    )


def _refuse_learning(given: Mapping[str, object]) -> None:
    """With a checkpoint; given: options that say how something is learnt, and whether each is there."""
    if option := next((name for name, is_given in given.items() if is_given), None):
        raise InputError(
            f"{option} says how something is learnt, and --checkpoint learns nothing: give one of the two"
        )


def _choose_preset(method: str, preset: str | None, device: str | None, say: Callable[[str], None]) -> Any:
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


def _shorten(method: str, recipe: Any, n_images: int) -> Any:
    """Settings that learn from so many images; raises InputError for a method that has no schedule."""
    if not isinstance(recipe, LearnedSettings):
        raise InputError(
            f"--images is for methods that learn step by step, and {method} is fitted at once: leave it out"
        )
    return replace(recipe, schedule=replace(recipe.schedule, n_images=n_images, n_epochs=None))


def change(settings: Any, changes: Sequence[str]) -> Any:
    """Settings with other values for some of them, each ``NAME=VALUE``, as ``heads=adversarial,class``.

    Of settings within settings the name has a dot: ``schedule.side_px=64``. A value is read as what stood
    there is: a number, true or false, a word, or words between commas. Raises InputError, in one sentence,
    for a name that is not there, a value of another kind, and what the settings themselves refuse.
    """
    for word in changes:
        name, found, value = word.partition("=")
        if not found:
            raise InputError(f"--set takes NAME=VALUE, such as w_cycle=1, got {word!r}")
        settings = _changed(settings, name, name, value)
    return settings


def _changed(settings: Any, name: str, whole_name: str, value: str) -> Any:
    first, _, rest = name.partition(".")
    known = {f.name: getattr(settings, f.name) for f in fields(settings) if f.name != "classes"}
    if first not in known or is_dataclass(known[first]) != bool(rest):
        names = [f"{key}.…" if is_dataclass(old) else key for key, old in known.items()]
        raise InputError(f"--set knows no {whole_name!r} here: choose among {', '.join(names)}")
    if rest:
        return replace(settings, **{first: _changed(known[first], rest, whole_name, value)})
    return replace(settings, **{first: _read_as(known[first], whole_name, value)})


def _read_as(old: Any, name: str, value: str) -> Any:
    """A word as a value of the kind that stood there."""
    if isinstance(old, tuple):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(old, bool):
        if value not in ("true", "false"):
            raise InputError(f"{name} must be true or false, got {value!r}")
        return value == "true"
    kind = {int: int, float: float, type(None): int}.get(type(old), str)
    try:
        read = kind(value)
        if isinstance(read, float) and not isfinite(read):
            raise ValueError
        return read
    except ValueError:
        what = "a number" if kind is float else "a whole number"
        raise InputError(f"{name} must be {what}, got {value!r}") from None
