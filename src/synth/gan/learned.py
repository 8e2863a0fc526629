"""A method that learns step by step, fitted in one call."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from synth.compute.progress import LineProgress
from synth.dataset.reader import DatasetReader
from synth.gan.checkpoint import last_checkpoint
from synth.gan.fit import FitSettings
from synth.gan.methods.method import LearnedMethod, Translator
from synth.gan.run import train
from synth.terminal import make_console


def fit_by_training(
    method: LearnedMethod,
    sim: DatasetReader,
    real: DatasetReader,
    settings: Any,
    seed: int,
    device: torch.device,
) -> Translator:
    """`Method.fit` of a learned method: a whole training in a folder that is gone afterwards, unjudged."""
    with TemporaryDirectory() as folder:
        fit = FitSettings(
            sim, real, Path(folder) / "run", settings, method.name, seed=seed, device=str(device)
        )
        run = train(fit, LineProgress(make_console(quiet=True), "steps"))
        return method.load(last_checkpoint(run), "sim2real", device)
