"""New poses of parts over plates made of photographs: around the observed range, or anywhere."""

from collections.abc import Callable, Sequence

import numpy as np

from synth.errors import InputError
from synth.sim.furnish import scene_seed, training_split
from synth.sim.photographs.backdrop import PhotographBackdrop
from synth.sim.photographs.posed import open_posed
from synth.sim.photographs.unposed import open_unposed
from synth.sim.scene import Scene
from synth.sim.settings import RenderSettings
from synth.sim.sources.source import N_NAMES, Order
from synth.sim.studio import BlenderStudio

FIRST = N_NAMES

_STREAM, _POSE_STREAM = 1, 0x11CE


class Photographs:
    """All scenes that twins leave over, with ``--over``."""

    words = ("pose over a photograph", "poses over photographs")
    grows = True

    def studio_of(self, settings: RenderSettings) -> Callable[[RenderSettings], BlenderStudio]:
        """Before photographs that say where parts are, or others. Raises InputError for what needs a cell."""
        if not settings.is_over_photographs:
            raise InputError("no photographs are named to render over: say which dataset with --over")
        for option, wanted in (
            ("--look plain", settings.look == "plain"),
            ("--randomize", settings.randomize),
            ("--layers", settings.layers),
            ("--test-twins", settings.test_twins),
            ("--maps-only", settings.maps_only),
        ):
            if wanted:
                raise InputError(f"{option} is for renderings of a cell, and --over knows none: leave it out")
        return open_unposed if "photographs" in settings.own else open_posed

    def most(self, settings: RenderSettings) -> tuple[int, str]:
        """As many as have names."""
        return N_NAMES, "that have names: render several datasets, each with its own --out and --seed"

    def portion(self, settings: RenderSettings) -> float:
        """None without photographs."""
        return 1.0 if settings.is_over_photographs else 0.0

    def plan(self, studio: BlenderStudio, n: int, *, seed: int) -> Sequence[Order]:
        """Poses drawn for each by its number alone."""
        backdrop = studio.backdrop
        assert isinstance(backdrop, PhotographBackdrop)
        scenes = [make_fresh(backdrop, i, f"{FIRST + i:06d}", seed=seed) for i in range(n)]
        return [Order(scene.name, scene) for scene in scenes]


def make_fresh(backdrop: PhotographBackdrop, i: int, name: str, *, seed: int) -> Scene:
    """The i-th scene of new poses. Equal seeds give equal scenes, whatever else is made.

    Raises InputError where a part fits nowhere.
    """
    return backdrop.furnish(
        backdrop.draw_placement(np.random.default_rng([seed, _POSE_STREAM, i])),
        name=name,
        scenario="fresh",
        split=training_split(seed, _STREAM, i),
        seed=scene_seed(seed, _STREAM, i),
    )


PHOTOGRAPHS = Photographs()
