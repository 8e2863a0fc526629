"""Frames that an engine's workers translate."""

from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from synth.compute.progress import make_progress
from synth.compute.spread import HERE, Spread
from synth.dataset.reader import DatasetReader
from synth.gan.apply import apply
from synth.gan.fit import FitSettings
from synth.gan.methods import METHODS
from synth.gan.witnesses import learn_witness
from synth.witness.drift import DriftLimits
from synth.witness.witness import WitnessSettings

CPU = torch.device("cpu")


def quietly(verb: str = "translate", unit: str = "images") -> Any:
    return make_progress(Console(quiet=True), verb, unit)


def say_all_but_times(root: Path) -> list[Any]:
    """Every record of a dataset, how long it took left out; the digests in it stand for the files."""
    dataset = DatasetReader(root)
    return [record.model_copy(update={"timing": {}}) for record in (*dataset.samples, *dataset.rejections)]


def test_an_engine_s_workers_translate_to_the_same_pixels(
    looks: tuple[DatasetReader, DatasetReader], tmp_path: Path
) -> None:
    """Child processes load translator and witness anew; samples, refusals and drift do not show it."""
    gains = METHODS["gains"]()
    fit = FitSettings(*looks, tmp_path / "run", next(iter(gains.presets.values())), "gains")
    translator = gains.fit(*looks, fit.settings, 0, CPU)
    learning = WitnessSettings(n_filters=4, n_steps=4, batch_size=4, n_error_patches=8)
    witness = learn_witness(fit, learning, CPU, quietly)
    for name, spread in (("here", HERE), ("there", Spread("local", n_workers=2))):
        applied = apply(
            translator,
            looks[0],
            tmp_path / name,
            witness,
            DriftLimits(artefacts=None, witness_box=9.0, normal_deg=60.0),
            quietly(),
            parents=looks,
            readings=(),
            spread=spread,
            device=CPU,
        )
    assert 0 < applied.n_refused < len(looks[0])
    assert say_all_but_times(tmp_path / "here") == say_all_but_times(tmp_path / "there")
    logs = [(tmp_path / name / "drift.jsonl").read_bytes() for name in ("here", "there")]
    assert logs[0] == logs[1]
