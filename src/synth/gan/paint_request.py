"""A painting as it is asked for, by the command or from Python."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from synth.compute.device import choose_device
from synth.compute.spread import HERE, Spread
from synth.dataset.reader import DatasetReader
from synth.errors import InputError
from synth.gan.earlier_run import open_earlier
from synth.gan.fit import FitSettings
from synth.gan.map_reader import LEAST_AGREEMENT
from synth.gan.methods import METHODS, list_painters
from synth.gan.paint import PaintSettings
from synth.gan.request import choose_preset, refuse_learning, shorten
from synth.train.change import change


def make_paint_settings(
    maps: Path,
    data: Path,
    out: Path,
    *,
    run: Path,
    method: str | None,
    preset: str | None,
    images: int | None,
    checkpoint: Path | None,
    device: str | None,
    seed: int,
    reader: Path | None = None,
    least_agreement: float | None = None,
    void_unread: bool = False,
    continue_from: Path | None = None,
    changes: Sequence[str] = (),
    spread: Spread = HERE,
    say: Callable[[str], None] = lambda _sentence: None,
) -> PaintSettings:
    """Settings from what was asked for; None for what is left to the method or the machine.

    images: to learn from in all. reader: a segmenter that reads each painting; least_agreement: share of a
    map that it must read as it is; void_unread: what it reads badly becomes void, held to the photographs of
    ``data``. continue_from: folder of an earlier run, whose networks the training begins with. checkpoint:
    the one that paints, so that nothing is learnt. changes: of the preset's settings, ``NAME=VALUE`` each
    (`change`). say: told which preset is the default. Raises InputError, DatasetError.
    """
    if images is not None and images < 1:
        raise InputError(f"--images must be 1 or more, got {images}")
    if least_agreement is not None and reader is None:
        raise InputError("--least-agreement says what a reader must read: name one with --reader")
    if void_unread and reader is None:
        raise InputError(
            "--void-unread says what becomes of what a reader cannot read: name one with --reader"
        )
    least = LEAST_AGREEMENT if least_agreement is None else least_agreement
    if not 0 <= least <= 1:
        raise InputError(f"--least-agreement must be 0 to 1, got {least:g}")
    choose_device(device)
    made = DatasetReader(maps, "synth render --maps-only").refuse_empty()
    if checkpoint is not None:
        given = {
            "--images": images is not None,
            "--preset": preset is not None,
            "--set": changes,
            "--method": method is not None,
            "--continue-from": continue_from is not None,
        }
        refuse_learning(given)
        photos = DatasetReader(data, "synth import semantic").refuse_empty() if void_unread else None
        return PaintSettings(made, out, checkpoint, seed, device, reader, least, photos, spread)
    name = method or list_painters()[0]
    METHODS[name]  # That there is one.
    if name not in list_painters():
        raise InputError(
            f"the method {name} translates pictures and paints no label maps: choose among "
            f"{', '.join(list_painters())}"
        )
    recipe = change(choose_preset(name, preset, device, say), changes, example="w_perceptual=1")
    if images is not None:
        recipe = shorten(name, recipe, images)
    photos = DatasetReader(data, "synth import semantic").refuse_empty()
    fit = FitSettings(photos, photos, run, recipe, name, seed=seed, device=device)
    if continue_from is not None:
        fit = replace(fit, earlier=open_earlier(continue_from, name, fit.settings, run))
    held_to = photos if void_unread else None
    return PaintSettings(made, out, fit, seed, device, reader, least, held_to, spread)
