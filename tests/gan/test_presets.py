"""Every setting of a method has a preset that a user can name, and it trains."""

import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from small_training import QUIET, SETTINGS
from torch import Tensor, nn

from synth.compute.run_dir import read_stats
from synth.dataset.reader import DatasetReader
from synth.gan.methods import METHODS, PRESETS, list_painters
from synth.gan.methods.cyclegan_settings import CycleGANSettings
from synth.gan.request import make_settings
from synth.gan.run import train
from typed import synth

LOSSES = {
    "keep-labels": {"loss/mask_edge", "loss/witness"},
    "keep-background": {"loss/background"},
    "log": {"loss/D/r1/real", "loss/D/r1/sim"},
    "wasserstein": {"loss/D/gradient_penalty/real", "loss/D/gradient_penalty/sim"},
    "two-scales": set(),
    "published": {"loss/identity/real", "loss/identity/sim"},
    "published-batch": {"loss/identity/real", "loss/identity/sim"},
}
"""What a preset has in its stats that quick has not."""


class Witness(nn.Module):
    """Sees a part where it is bright, and normals in the colours."""

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return images.mean(dim=1, keepdim=True), nn.functional.normalize(images + 2, dim=1)


def train_two_steps(preset: str, looks: tuple[DatasetReader, DatasetReader], out: Path) -> dict[str, Any]:
    """What the command trains by a preset, with smaller networks and patches: the last line of its stats."""
    asked: dict[str, Any] = {"choose": "own-val", "checkpoint": None, "inception_weights": None}
    asked |= {"method": None, "images": 2, "reverse": False, "device": "cpu", "seed": 0}
    fit = make_settings(looks[0].root, looks[1].root, None, run=out, preset=preset, **asked).fit
    s = fit.settings
    small = replace(
        s,
        generator=replace(s.generator, n_filters=4, n_blocks=1),
        discriminator=replace(s.discriminator, n_filters=4),
        schedule=replace(s.schedule, side_px=SETTINGS.schedule.side_px * s.discriminator.n_scales),
    )
    train(replace(fit, settings=small), QUIET, witness=Witness() if s.w_witness else None)
    return read_stats(out)[-1]


@pytest.mark.parametrize("preset", LOSSES)
def test_every_preset_trains(preset: str, looks: tuple[DatasetReader, DatasetReader], tmp_path: Path) -> None:
    """Two steps, asked for as the command does it; the losses that the preset is for are among the stats."""
    row = train_two_steps(preset, looks, tmp_path / "run")
    assert row["step"] == 2
    terms = {name for name in row if name.startswith("loss/")}
    common = {"loss/G/adv", "loss/D/adv", "loss/cycle", "loss/G/total", "loss/D/total"}
    assert {name for name in terms if not name.startswith(tuple(common))} == LOSSES[preset]


def test_no_setting_is_out_of_reach() -> None:
    """Each weight and each kind of network or loss is that of some preset."""
    presets = PRESETS["cyclegan"].values()
    for field in fields(CycleGANSettings):
        if field.name.startswith("w_"):
            assert any(getattr(p, field.name) > 0 for p in presets), field.name
    assert {p.adversarial for p in presets} == {"least-squares", "log", "wasserstein"}
    assert {p.generator.kind for p in presets} == {"batch", "instance", "demodulated"}
    assert {p.discriminator.n_scales for p in presets} == {1, 2}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Each verb's help, its lines joined."""
    folder = tmp_path_factory.mktemp("help")
    return {
        verb: re.sub(r"[\s│]+", " ", synth(verb, "--help", cwd=folder).stdout)
        for verb in ("translate", "paint")
    }


@pytest.mark.parametrize("name", METHODS)
def test_help_names_the_presets(name: str, said: dict[str, str]) -> None:
    """Those that the method has, in its order; of each verb those of its own methods alone."""
    own, other = ("paint", "translate") if name in list_painters() else ("translate", "paint")
    presets = re.compile(f"{name}: {', '.join(METHODS[name]().presets)}[;.]")
    assert presets.search(said[own])
    assert not presets.search(said[other])
