"""What a translator that is learnt must beat: pictures left as they are, and every baseline.

::

    runs/translate/baselines/
      gains.safetensors and the others
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from synth.compute.device import choose_device
from synth.errors import InputError
from synth.gan.checkpoint import note_readings
from synth.gan.fit import FitSettings
from synth.gan.judge import Judge, Score, Translate, by_translator
from synth.gan.methods import BASELINES, METHODS, UNTOUCHED
from synth.gan.readings import list_readings

FOLDER = "baselines"


@dataclass(frozen=True, eq=False)
class Rival:
    """A baseline of a run. path: its checkpoint. translate: what it makes of patches."""

    path: Path
    score: Score
    translate: Translate


def have_rivals(fit: FitSettings, judge: Judge) -> Mapping[str, Rival]:
    """All that are registered and can be fitted to these datasets, by name; raises StorageError."""
    device, found = choose_device(fit.device), {}
    for name in (UNTOUCHED, *BASELINES):
        if name not in METHODS or name == fit.method:
            continue
        try:
            found[name] = _have_rival(name, fit, judge, device)
        except InputError:  # Such as gains where a channel is black: a rival that cannot be is none.
            continue
    return found


def _have_rival(name: str, fit: FitSettings, judge: Judge, device: torch.device) -> Rival:
    method, path = METHODS[name](), fit.out / FOLDER / f"{name}.safetensors"
    if path.is_file():
        translator = method.load(path, "sim2real", device)
    else:
        preset = method.presets[method.default_preset(device)]
        translator = method.fit(fit.sim, fit.real, preset, fit.seed, device)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        translator.save(partial)
        note_readings(partial, list_readings(name, fit.sim, fit.real, is_chosen=True))
        partial.replace(path)
        translator = method.load(path, "sim2real", device)  # Its identity is that of the file.
    translate = by_translator(translator, fit.sim)
    return Rival(path, judge.score(0, translate), translate)
