"""A narrow painter of two classes: its settings, and the command that paints by it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from synth.dataset.reader import DatasetReader
from synth.gan.fit import FitSettings
from synth.gan.methods import METHODS
from synth.gan.schedule import MapSettings
from typed import synth


def small(photos: DatasetReader, **changes: Any) -> MapSettings:
    """SPADE's quick preset, narrow and of 64 pixels, for these photographs."""
    preset = METHODS["spade"]().presets["quick"]
    settings = replace(
        preset,
        generator=replace(preset.generator, n_filters=4),
        schedule=replace(preset.schedule, side_px=64),
        height_px=64,
        perceptual="none",
        **changes,
    )
    return FitSettings(photos, photos, Path("unused"), settings, "spade").settings


def paint(desk: Path, *words: object, out: str = "painted", maps: str = "data/maps") -> Any:
    checkpoint = "painter/checkpoints/step_000001.safetensors"
    return synth("paint", maps, "--checkpoint", checkpoint, "--out", out, *words, cwd=desk)
