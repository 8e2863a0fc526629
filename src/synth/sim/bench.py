"""The cell's bench as a backdrop: arm, table and lamps of cell.yaml, in the look of captured pictures."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
from pydantic import JsonValue

from synth.cell.load import cell_fingerprint, default_cell
from synth.cell.mesh import cad_sha256, label_normal_part, load_body, to_ply
from synth.cell.model import Cell
from synth.compute.progress import Progress
from synth.compute.versions import list_versions
from synth.dataset.info import CameraRecord, DatasetInfo, MadeBy, ModelRecord, PartRecord
from synth.dataset.origin import Parent, Reading
from synth.dataset.posed import PartLabel
from synth.dataset.reader import DatasetReader
from synth.dataset.record import SPLITS, Split
from synth.dataset.sample import Sample
from synth.errors import InputError
from synth.geometry import se3
from synth.geometry.mesh import Mesh
from synth.sim.backdrop import Compare, Pair, Placement, evenly
from synth.sim.bench_pictures import BenchPictures
from synth.sim.blender import QUALITIES, Blender, Quality
from synth.sim.choices import LookKind
from synth.sim.furnish import camera_of_cell, camera_of_sample, held_bodies, on_bench
from synth.sim.installed import find_installed
from synth.sim.labels import cell_labels
from synth.sim.look import LOOK_FILE, Look, choose_measured, load_look, measure_look, plain_look, save_look
from synth.sim.maps import PACKAGES as MAP_PACKAGES
from synth.sim.maps import MapStudio, refuse_pictures
from synth.sim.meshes import cell_meshes
from synth.sim.pixel_classes import PixelClasses, bench_classes
from synth.sim.randomize import randomize
from synth.sim.scene import Scene, SceneCamera
from synth.sim.scene_studio import DEPTH_SCALE_M, SceneStudio
from synth.sim.settings import RenderSettings
from synth.sim.studio import PACKAGES, BlenderStudio
from synth.sim.twins import make_twin

N_MATCHED = 3
_SPREAD_STREAM = 1


def open_on_bench(settings: RenderSettings) -> SceneStudio:
    """A studio with a cell's bench.

    Raises InputError for a captured dataset of another part, where there is none to match, and for what is
    about pictures where only maps are made.
    """
    if settings.maps_only:
        refuse_pictures(settings)
    demand_look(settings)
    cell, real = settings.cell or default_cell(), settings.real
    if real is not None and real.info.part is not None and real.info.part.cad_sha256 != cad_sha256(cell):
        raise InputError(
            f"{real.root} shows another part ({real.info.part.name}) than the cell's "
            f"({cell.part.class_name}): give the cell it was captured in with --cell"
        )
    backdrop = Bench(
        cell=cell,
        camera=camera_of_cell(cell, None if real is None else real.info.camera),
        real=real,
        look_kind="plain" if settings.maps_only else settings.look,
        strength=settings.randomize,
        with_test=settings.test_twins,
        seed=settings.seed,
    )
    studio = MapStudio if settings.maps_only else BlenderStudio
    return studio.of(backdrop, _describe(settings, backdrop), settings)


def demand_look(settings: RenderSettings) -> None:
    """Raises InputError where pictures are to be matched and there are none."""
    if settings.real is None and settings.look == "matched" and not settings.maps_only:
        raise InputError(
            "there is no captured dataset to match: run synth capture first, name one with --real, or say "
            "--look plain"
        )


def refuse_photographs(settings: RenderSettings, source: str) -> None:
    """Raises InputError for a source that needs a cell where there is none."""
    if settings.is_over_photographs:
        raise InputError(f"--share {source} needs a cell, and --over knows none: leave one of them out")


def part_model(cell: Cell) -> tuple[ModelRecord, bytes]:
    """The part as a dataset brings it along, and its file: PLY in millimetres, axes of the CAD file."""
    mesh = load_body(cell.folder, cell.part)
    ply = to_ply(mesh, "mm")
    return ModelRecord(
        class_name=cell.part.class_name,
        mesh="models/obj_000001.ply",
        units="mm",
        sha256=hashlib.sha256(ply).hexdigest(),
        normal_part=label_normal_part(cell, mesh).tolist(),
        point_part_m=cell.part.point_of_interest_m,
    ), ply


def list_twinnable(real: DatasetReader, *, with_test: bool) -> tuple[Sample, ...]:
    """The samples of a dataset that say where arm and camera stood, without test ones unless asked for."""
    return tuple(
        s
        for s in real.samples
        if s.robot is not None
        and s.K is not None
        and s.T_base_cam is not None
        and (with_test or s.split != "test")
    )


@dataclass(frozen=True, eq=False)
class Bench:
    """A `Backdrop`.

    camera: of scenes that have no sample's own. real: the captured dataset, where there is one. strength:
    of the spread around the cell's values, 0 for none. with_test: twins of test samples too. look: measured,
    or plain.
    """

    knows_behind = True

    cell: Cell
    camera: SceneCamera
    real: DatasetReader | None = None
    look_kind: LookKind = "plain"
    strength: float = 0.0
    with_test: bool = False
    seed: int = 0
    look: Look | None = None

    @cached_property
    def meshes(self) -> dict[str, Mesh]:
        """Every mesh that a scene may name; raises InputError for CAD files that are absent or broken."""
        return cell_meshes(self.cell)

    @property
    def models(self) -> Mapping[str, Path | bytes]:
        """The part's mesh, as `part_model` has it."""
        record, ply = part_model(self.cell)
        return {record.mesh: ply}

    @cached_property
    def labels(self) -> dict[str, PartLabel]:
        """What cell.yaml says is labelled on the part."""
        return cell_labels(self.cell, self.meshes)

    @cached_property
    def pixel_classes(self) -> PixelClasses:
        """Part, arm, mount, box, clutter and bench."""
        return bench_classes(self.cell.part.class_name, self.meshes)

    @property
    def twinned(self) -> DatasetReader | None:
        """The captured dataset."""
        return self.real

    def list_behind(self, scene: Scene) -> tuple[Parent, ...]:
        """The captured plates, of which a matched look's bench is made; the same for every scene."""
        if self.real is None or self.look_kind == "plain":
            return ()
        return tuple(self.real.as_parent(plate, "plate") for plate in self.real.plates)

    @property
    def readings(self) -> tuple[Reading, ...]:
        """Pictures and masks of which a matched look is made, and twins that set how bright objects are."""
        if self.real is None or self.look_kind == "plain":
            return ()
        readings = [self.real.as_reading(choose_measured(self.real), "mask", "look")]
        if twins := self._list_matched():
            readings.append(self.real.as_reading(twins, "pose", "look"))
        return tuple(readings)

    def list_twinnable(self) -> Sequence[Sample]:
        """The samples that say where arm and camera stood."""
        return () if self.real is None else list_twinnable(self.real, with_test=self.with_test)

    def place(self, sample: Sample) -> Placement:
        """The tool stands where the robot measured it, half way between the readings before and after."""
        if sample.robot is None:
            raise InputError(
                f"Sample {sample.name} does not say where the arm stood, so it has no twin: "
                "use a dataset that synth capture made."
            )
        before, after = sample.robot.before, sample.robot.after
        return Placement(
            camera_of_sample(sample),
            q_rad=(np.asarray(before.q_rad) + np.asarray(after.q_rad)) / 2,
            T_base_tool=se3.mean_pose(np.asarray(before.T_base_tool), np.asarray(after.T_base_tool)),
        )

    def furnish(
        self,
        placement: Placement,
        *,
        name: str,
        scenario: str,
        split: Split,
        seed: int,
        parents: tuple[str, ...] = (),
    ) -> Scene:
        """The cell's table under its lamps, with the arm that holds the part."""
        q_rad, T_base_tool = placement.q_rad, placement.T_base_tool
        assert q_rad is not None
        assert T_base_tool is not None
        return on_bench(
            self.cell,
            name=name,
            scenario=scenario,
            split=split,
            seed=seed,
            camera=placement.camera,
            bodies=held_bodies(self.cell, q_rad, T_base_tool),
            q_rad=tuple(q_rad.tolist()),
            T_base_tool=T_base_tool.tolist(),
            parents=parents,
        )

    def randomized(self, scene: Scene) -> Scene:
        """With light, surfaces, camera and clutter drawn around their values."""
        if not self.strength:
            return scene
        rng = np.random.default_rng([scene.seed, _SPREAD_STREAM])
        return randomize(scene, rng, self.strength, self.meshes)

    def measured(self) -> Self:
        """With the look of the captured dataset, or a plain one."""
        if self.look_kind == "plain" or self.real is None:
            return replace(self, look=plain_look(self.cell, self.camera.size_wh))
        return replace(self, look=measure_look(self.real))

    def matched(self, compare: Compare, look_folder: Path, progress: Progress) -> Self:
        """With the look's object_gain, saved.

        A cell file gives colours as they are seen, so lamps and bench together fix the exposure, but not what
        objects above the bench reflect. The twins of `N_MATCHED` train samples are drafted and held against
        the captured pictures; the median ratio counts. A plain look, and one without samples to twin, stays
        as it is.
        """
        assert self.look is not None
        look, real = self.look, self.real
        known = _load_earlier(look_folder)
        if look.kind == "matched" and real is not None:
            if known and known.model_dump(exclude={"object_gain"}) == look.model_dump(
                exclude={"object_gain"}
            ):
                look = look.model_copy(update={"object_gain": known.object_gain})
            else:
                progress.say("A few train twins first show how bright objects come out beside the bench.")
                pairs: list[Pair] = [
                    (make_twin(sample, self, seed=self.seed), real.load_rgb(sample))
                    for sample in self._list_matched()
                ]
                found = [ratio for ratio in compare(pairs, "draft") if ratio is not None]
                if found:
                    look = look.model_copy(update={"object_gain": round(float(np.median(found)), 4)})
        save_look(look, look_folder)
        return replace(self, look=look)

    def _list_matched(self) -> list[Sample]:
        assert self.real is not None
        train = [s for s in list_twinnable(self.real, with_test=False) if s.split == "train"]
        return evenly(train, min(N_MATCHED, len(train)))

    def open(self, blender: Blender, folder: Path, quality: Quality) -> BenchPictures:
        """For one process. folder: of the empty bench's light, which whichever process is first renders."""
        assert self.look is not None
        moves = self.cell.camera.is_on_arm
        return BenchPictures(self.meshes, self.look, blender, folder, quality, moves=moves)


def _load_earlier(folder: Path) -> Look | None:
    if not (folder / LOOK_FILE).is_file():
        return None
    try:
        return load_look(folder)
    except InputError:
        return None


def _describe(settings: RenderSettings, bench: Bench) -> DatasetInfo:
    cell, camera, real = bench.cell, bench.camera, settings.real
    splits = tuple(s for s in SPLITS if settings.test_twins or s != "test")
    config: dict[str, JsonValue] = {
        "cell": cell_fingerprint(cell),
        "test_twins": settings.test_twins,
        "randomize": settings.randomize,
        "real": None
        if real is None
        else {"digest": real.digest(splits), "plates": [p.pixels_sha256 for p in real.plates]},
    }
    if not settings.maps_only:
        config |= {
            "look": settings.look,
            "quality": {"name": settings.quality, **asdict(QUALITIES[settings.quality])},
            "layers": settings.layers,
            "blender": None if settings.blender is None else find_installed(settings.blender).version,
        }
    captured = None if real is None else real.info.camera
    scale_m = None if captured is None else captured.depth_scale_m
    return DatasetInfo(
        kind="maps" if settings.maps_only else "rendered",
        classes=(cell.part.class_name,),
        semantic=bench.pixel_classes.semantic,
        camera=CameraRecord(
            name="rendered" if captured is None else captured.name,
            serial="none" if captured is None else captured.serial,
            size_wh=camera.size_wh,
            K=camera.K,
            dist=camera.dist,
            T_base_cam=camera.T_base_cam,
            depth_scale_m=DEPTH_SCALE_M if scale_m is None else scale_m,
        ),
        part=PartRecord(name=cell.part.class_name, cad_sha256=cad_sha256(cell)),
        models=(part_model(cell)[0],),
        box_kind="square" if real is None else real.info.box_kind,
        made_by=MadeBy(
            verb="render",
            config=config,
            seed=settings.seed,
            versions=list_versions(MAP_PACKAGES if settings.maps_only else PACKAGES),
            parents=() if real is None else (real.name,),
            simulated=cell.is_simulated if real is None else real.info.made_by.simulated,
        ),
    )
