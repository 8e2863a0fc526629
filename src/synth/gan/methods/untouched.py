"""Pictures left as they are: what anything that is done to them must beat."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from synth.dataset.origin import Used
from synth.dataset.reader import DatasetReader
from synth.gan.checkpoint import load_checkpoint
from synth.gan.methods.baseline_settings import UNTOUCHED_PRESETS, UntouchedSettings
from synth.gan.methods.method import Direction
from synth.gan.tables import N_COUNTS, TableTranslator


class UntouchedMethod:
    """Every count becomes itself."""

    name = "untouched"
    title = "Untouched"
    reads: tuple[Used, ...] = ()
    presets: Mapping[str, UntouchedSettings] = UNTOUCHED_PRESETS

    def default_preset(self, device: torch.device) -> str:
        """The only one."""
        return "nothing"

    def fit(
        self,
        sim: DatasetReader,
        real: DatasetReader,
        settings: UntouchedSettings,
        seed: int,
        device: torch.device,
    ) -> TableTranslator:
        """No image is read."""
        return self._make("sim2real", {})

    def load(self, path: Path, direction: Direction, device: torch.device) -> TableTranslator:
        """Of a checkpoint, in either direction."""
        return self._make(direction, load_checkpoint(path, self.name)[1])

    def _make(self, direction: Direction, words: Mapping[str, str]) -> TableTranslator:
        table = np.tile(np.arange(N_COUNTS, dtype=np.float64), (3, 1))
        return TableTranslator(self.name, direction, np.zeros(1), table, words)
