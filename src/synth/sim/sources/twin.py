"""Samples once more, rendered: captured ones on the cell's bench, imported ones over their photographs."""

from collections.abc import Callable, Sequence

from synth.dataset.reader import DatasetReader
from synth.errors import InputError
from synth.sim.bench import demand_look, list_twinnable, open_on_bench
from synth.sim.photographs.posed import find_twinnable
from synth.sim.scene_studio import SceneStudio
from synth.sim.settings import RenderSettings
from synth.sim.sources.photographs import PHOTOGRAPHS
from synth.sim.sources.source import ALL_THERE_ARE, Order
from synth.sim.twins import make_twin


class Twin:
    """Each twin has its sample's name and split; a few of many samples are spread evenly over them."""

    words = ("twin", "twins")
    grows = True

    def studio_of(self, settings: RenderSettings) -> Callable[[RenderSettings], SceneStudio]:
        """Where the samples were taken."""
        if not settings.is_over_photographs:
            return open_on_bench
        return PHOTOGRAPHS.studio_of(settings)

    def most(self, settings: RenderSettings) -> tuple[int, str]:
        """The samples that say where things stood."""
        if "photographs" in settings.own:
            n = 0
        elif settings.over is not None:
            n = len(find_twinnable(settings.over))
        elif settings.real is not None:
            n = len(list_twinnable(settings.real, with_test=settings.test_twins))
            if n == 0:
                _refuse_without_poses(settings.real, with_test=settings.test_twins)
        else:
            demand_look(settings)
            n = 0
        return n, "samples that can have a twin"

    def portion(self, settings: RenderSettings) -> float:
        """Twins come first."""
        return ALL_THERE_ARE

    def plan(self, studio: SceneStudio, n: int, *, seed: int) -> Sequence[Order]:
        """In the order of the samples."""
        samples = studio.backdrop.list_twinnable()
        return [
            Order(samples[i].name, make_twin(samples[i], studio.backdrop, seed=seed, for_analysis=True))
            for i in sorted(_halving(len(samples))[:n])
        ]


def _halving(n: int) -> list[int]:
    """The numbers below ``n``, so that any first few lie evenly among all: by their bits, read backwards."""
    n_bits = max(n - 1, 1).bit_length()
    return sorted(range(n), key=lambda i: f"{i:0{n_bits}b}"[::-1])


def _refuse_without_poses(captured: DatasetReader, *, with_test: bool) -> None:
    n_test = len(captured.of_split("test"))
    if n_test and n_test == len(captured) and not with_test:
        raise InputError(
            f"{captured.root} has test samples alone, and those get no twins: say --share twin=0"
        )
    raise InputError(
        f"{captured.root} has no samples with poses to twin (robot, K, T_base_cam): give a dataset that "
        "synth capture made, or say --share twin=0"
    )


TWIN = Twin()
