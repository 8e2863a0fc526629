"""How bright objects come out beside the bench, measured on twins of train samples before any is written."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synth.compute.engines import DEFAULT_ENGINE, ENGINES
from synth.dataset.reader import DatasetReader
from synth.errors import InputError
from synth.sim.blender import QUALITIES, Blender
from synth.sim.look import LOOK_FILE, Look, load_look
from synth.sim.meshes import write_meshes
from synth.sim.plan import list_twinnable, spread
from synth.sim.scenarios.twin import make_twin
from synth.sim.scene import Scene
from synth.sim.studio import Photographer, Studio

N_TWINS = 3

Pair = tuple[Scene, NDArray[np.uint8]]


@dataclass(frozen=True, eq=False)
class Comparer:
    """Holds twins against captured pictures; a worker for an engine."""

    studio: Studio

    @contextmanager
    def __call__(self) -> Iterator[Callable[[Pair], float | None]]:
        """Open a Blender; what comes out compares one pair after the other."""
        studio = self.studio
        with Blender(studio.folder / "meshes", studio.blender, None) as blender:
            photographer = Photographer(replace(studio, quality=QUALITIES["draft"]), blender)
            yield lambda pair: photographer.compare(*pair)


def match_objects(studio: Studio, real: DatasetReader | None, earlier: Path) -> Look:
    """The studio's look with its object_gain.

    A cell file gives colours as they are seen, so lamps and bench together fix the exposure, but not what
    objects above the bench reflect. The twins of `N_TWINS` train samples are drafted and held against the
    captured pictures; the median ratio counts. earlier: folder of a look that an earlier run of the same
    settings saved, whose figure is taken over. A plain look, and one without samples to twin, stays as it is.
    """
    look = studio.look
    if look.kind == "plain" or real is None:
        return look
    known = _load_earlier(earlier)
    if known and known.model_dump(exclude={"object_gain"}) == look.model_dump(exclude={"object_gain"}):
        return look.model_copy(update={"object_gain": known.object_gain})
    twinnable = [s for s in list_twinnable(real, with_test=False) if s.split == "train"]
    write_meshes(studio.meshes, studio.folder / "meshes")
    pairs = [
        (make_twin(sample, studio.cell, seed=studio.seed), real.load_rgb(sample))
        for sample in spread(twinnable, min(N_TWINS, len(twinnable)))
    ]
    ratios: list[float | None] = []
    ENGINES[DEFAULT_ENGINE].run_shards(pairs, Comparer(studio), 1, lambda _, ratio: ratios.append(ratio))
    found = [ratio for ratio in ratios if ratio is not None]
    return look.model_copy(update={"object_gain": round(float(np.median(found)), 4)}) if found else look


def _load_earlier(folder: Path) -> Look | None:
    if not (folder / LOOK_FILE).is_file():
        return None
    try:
        return load_look(folder)
    except InputError:
        return None
