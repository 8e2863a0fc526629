"""A training that another one goes on from: its networks, averages and optimisers, and who taught them."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from synth.compute.run_dir import CONFIG_FILE, load_config
from synth.dataset.codecs import file_sha256
from synth.dataset.origin import Reading
from synth.dataset.reader import DatasetReader
from synth.errors import DatasetError, InputError
from synth.gan.checkpoint import CHECKPOINTS, last_checkpoint, read_readings, read_simulated
from synth.gan.schedule import MapSettings

STATE_FILE = "state.pt"
"""Where a run stands, in its folder."""

_SHAPES = ("generator", "discriminator", "n_filters_D")
"""Of a method's settings, where it has them: what its networks are built by."""


@dataclass(frozen=True)
class EarlierRun:
    """state: the file. sha256: its. readings: what taught it. is_simulated: whether devices were that took
    that.
    """

    state: Path
    sha256: str
    readings: tuple[Reading, ...]
    is_simulated: bool

    def refuse_leaks(self, datasets: Sequence[DatasetReader]) -> None:
        """Raises DatasetError for a test image that it has learnt from: of a dataset of that name, by its own
        name, as what it saw may be gone.
        """
        for dataset in datasets:
            learnt = {n for r in self.readings if r.dataset == dataset.name for n in r.names}
            if seen := [sample.name for sample in dataset.of_split("test") if sample.name in learnt]:
                raise DatasetError(
                    f"{self.state.parent} has learnt from {seen[0]} of a dataset named {dataset.name}, and "
                    f"{len(seen)} such images are test images of {dataset.root}: train anew, without "
                    "--continue-from"
                )


def open_earlier(run: Path, method: str, settings: MapSettings, out: Path) -> EarlierRun:
    """The run of a folder. Raises InputError for one without a checkpoint and a state, one of another method
    or of other classes, planes or networks, and for ``out`` itself.
    """
    state = run / STATE_FILE
    if run.resolve() == out.resolve():
        raise InputError(
            f"{run} goes on by the same command as it is: --continue-from begins another run, name its "
            "own folder with --run"
        )
    if not (state.is_file() and (run / CONFIG_FILE).is_file() and any((run / CHECKPOINTS).glob("step_*"))):
        raise InputError(
            f"{run} is no folder of a training with a checkpoint and a {STATE_FILE}: --continue-from needs "
            "all networks, so name the folder of a run of synth paint"
        )
    config = load_config(run)
    if config.get("method") != method:
        raise InputError(
            f"{run} was trained by the method {config.get('method')}, not by {method}: say --method "
            f"{config.get('method')}"
        )
    found: dict[str, Any] = config.get("settings", {})
    for what, own in (("classes", settings.classes), ("planes", settings.planes)):
        if (theirs := tuple(found.get(what, ()))) != own:
            raise InputError(
                f"{run} learnt from maps of the {what} {', '.join(theirs) or 'none'}, and these have "
                f"{', '.join(own) or 'none'}: both must be the same, in this order; train anew, without "
                "--continue-from"
            )
    own_shapes = json.loads(json.dumps(asdict(settings)))
    for key in _SHAPES:
        if found.get(key) != own_shapes.get(key):
            raise InputError(
                f"{run} has networks of another size: its {key} is {found.get(key)}, and here it is "
                f"{own_shapes.get(key)}; choose the same --preset and --set, or train anew"
            )
    last = last_checkpoint(run)
    return EarlierRun(
        state, file_sha256(state.read_bytes()), read_readings(last), is_simulated=read_simulated(last)
    )
