"""What a method is fitted to, where and how."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from synth.compute.device import Precision
from synth.dataset.origin import Reading
from synth.dataset.reader import DatasetReader
from synth.gan.earlier_run import EarlierRun
from synth.gan.methods import choose_default
from synth.gan.schedule import CropSettings, MapSettings


@dataclass(frozen=True)
class FitSettings:
    """A method fitted to two datasets in one folder.

    sim: whose images will be translated. real: whose look is learnt; of methods that paint label maps, whose
    maps are learnt from besides, and ``sim`` is the same. out: the run's folder. method: its name.
    settings: the method's own, one of its presets or made like them. device: None for the best there is. For
    methods that learn step by step alone: precision, None for the best there is; n_devices, processes, one a
    device; with more than one, what `train` is given is pickled. besides: what else a run that is gone on
    with must share, by name, of who judges what is learnt. readings: what trains and chooses, as checkpoints
    list it. earlier: the run whose networks, averages and optimisers this one begins with.
    """

    sim: DatasetReader
    real: DatasetReader
    out: Path
    settings: Any
    method: str = field(default_factory=choose_default)
    seed: int = 0
    device: str | None = None
    precision: Precision | None = None
    n_devices: int = 1
    besides: Mapping[str, JsonValue] = field(default_factory=dict)
    readings: tuple[Reading, ...] = ()
    earlier: EarlierRun | None = None

    def __post_init__(self) -> None:
        if isinstance(self.settings, CropSettings):
            names = dict.fromkeys((*self.sim.info.classes, *self.real.info.classes))
            object.__setattr__(self, "settings", self.settings.with_classes(tuple(names)))
        if isinstance(self.settings, MapSettings) and (semantic := self.real.info.semantic) is not None:
            has_masks = all(sample.mask is not None for sample in self.real.of_split("train"))
            made = self.settings.of_maps(semantic.names, semantic.colours, has_masks=has_masks)
            object.__setattr__(self, "settings", made)

    @property
    def is_simulated(self) -> bool:
        """Whether any device was, of those that took the pictures."""
        began = self.earlier is not None and self.earlier.is_simulated
        return began or any(dataset.info.made_by.simulated for dataset in (self.sim, self.real))

    def to_config(self) -> dict[str, JsonValue]:
        """What a run that is gone on with must share."""
        return {
            "method": self.method,
            "settings": asdict(self.settings),
            "seed": self.seed,
            "precision": self.precision,
            "n_devices": self.n_devices,
            "sim": _digest(self.sim),
            "real": _digest(self.real),
            **({} if self.earlier is None else {"earlier_state_sha256": self.earlier.sha256}),
            **self.besides,
        }


def _digest(dataset: DatasetReader) -> dict[str, JsonValue]:
    """Which images train: a run is gone on with only while they stay the same."""
    return {"n_train": len(dataset.of_split("train")), "sha256": dataset.digest(["train"])}
