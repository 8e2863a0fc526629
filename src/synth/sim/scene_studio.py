"""What studios share that make samples of scenes before a backdrop, whoever draws the pictures."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from synth.dataset.info import DatasetInfo
from synth.dataset.origin import Origin, Parent, Step, Used
from synth.dataset.record import Figure
from synth.dataset.sample import Draft, Instance
from synth.sim.backdrop import Backdrop
from synth.sim.scene import Scene
from synth.sim.settings import RenderSettings
from synth.sim.sources.source import Studio

DEPTH_SCALE_M = 0.00025
"""Metres a count where no dataset says otherwise; an L515's."""


@dataclass(frozen=True, eq=False)
class SceneStudio(Studio):
    """Makes samples of scenes; subclass it and say how, and what of the settings it takes besides.

    backdrop: before `measured`, as it is known without a look at pictures. parents: what records say of
    samples that others are made of, by name.
    """

    backdrop: Backdrop
    info: DatasetInfo
    parents: dict[str, Parent]
    depth_scale_m: float

    @classmethod
    def of(cls, backdrop: Backdrop, info: DatasetInfo, settings: RenderSettings) -> Self:
        """The studio that settings ask for, before a backdrop."""
        camera, twinned = info.camera, backdrop.twinned
        return cls(
            backdrop=backdrop,
            info=info,
            parents={} if twinned is None else {s.name: twinned.as_parent(s) for s in twinned},
            depth_scale_m=DEPTH_SCALE_M
            if camera is None or camera.depth_scale_m is None
            else camera.depth_scale_m,
            **cls._choose(settings),
        )

    @classmethod
    def _choose(cls, settings: RenderSettings) -> dict[str, Any]:
        """The fields that a subclass adds."""
        return {}

    @property
    def models(self) -> Mapping[str, Path | bytes]:
        """The backdrop's."""
        return self.backdrop.models

    def describe(
        self,
        scene: Scene,
        instances: tuple[Instance, ...],
        used: Mapping[str, tuple[Used, ...]],
        quality: Mapping[str, Figure],
        timing: dict[str, float],
    ) -> Draft:
        """The record of a scene's sample. used: by the names of parents, what was taken of each."""
        is_test = {"analysis_only": True} if scene.split == "test" else {}
        parents = [self.parents[name].model_copy(update={"used": uses}) for name, uses in used.items()]
        return Draft(
            name=scene.name,
            split=scene.split,
            size_wh=scene.camera.size_wh,
            K=scene.camera.K,
            dist=scene.camera.dist,
            T_base_cam=scene.camera.T_base_cam if self.backdrop.knows_behind else None,
            instances=instances,
            origin=Origin(
                parents=(*parents, *self.backdrop.list_behind(scene)),
                steps=(Step(verb="render", method=scene.scenario, seed=scene.seed),),
            ),
            quality={"scenario": scene.scenario, **quality, **is_test},
            timing=timing,
        )
