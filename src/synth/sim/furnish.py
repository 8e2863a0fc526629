"""A cell's things as scene bodies: arm, mount, part, table, lamps, camera, each with its finish."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from synth.cell.arm_surfaces import ARM_SURFACES
from synth.cell.model import Cell, Surface
from synth.cell.places import T_base_cam_at_home
from synth.cell.places import T_base_part as place_of_part
from synth.dataset.info import CameraRecord
from synth.dataset.record import Distortion, Matrix3, Split
from synth.dataset.sample import Sample
from synth.errors import InputError
from synth.geometry import se3
from synth.geometry.arm import joint_frames
from synth.geometry.pinhole import Pinhole
from synth.geometry.se3 import Array
from synth.sim.meshes import arm_mesh_name, arm_pieces
from synth.sim.scene import Finish, Scene, SceneBody, SceneCamera, SceneLamp

FIRST_WRIST = 4


def to_finish(surface: Surface) -> Finish:
    """A surface of the cell for a principled shader."""
    return Finish(colour_rgb=surface.colour_rgb, roughness=surface.roughness, metallic=surface.metallic)


def held_bodies(cell: Cell, q_rad: Array, T_base_tool: Array) -> tuple[SceneBody, ...]:
    """Arm, mount and part (instance 1), which it holds or which stands, at joints [6] and the tool pose [4,4]
    that was measured there.

    Links stand where the nominal kinematics put them; a real arm's own differ by a millimetre or two. Mount,
    part and the wrists move by that difference to where the tool was measured, so that the part is exact and
    nothing gapes at the flange.
    """
    frames = joint_frames(q_rad, cell.robot.arm.dh)
    T_base_flange = T_base_tool @ se3.inverse(cell.robot.T_flange_tool)
    frames[FIRST_WRIST:] = T_base_flange @ se3.inverse(frames[6]) @ frames[FIRST_WRIST:]
    arm = tuple(
        SceneBody(
            name=(name := arm_mesh_name(link, finish)),
            mesh=name,
            T_base_body=frames[link].tolist(),
            finish=to_finish(ARM_SURFACES[finish]),
        )
        for link, finish in arm_pieces(cell.robot.arm)
    )
    T_base_mount = T_base_tool @ np.asarray(cell.mount.T_tool_mount)
    mount = SceneBody(
        name="mount", mesh="mount", T_base_body=T_base_mount.tolist(), finish=to_finish(cell.mount)
    )
    return (*arm, mount, part_body(cell, place_of_part(cell, T_base_tool), 1))


def part_body(cell: Cell, T_base_part: Array, instance: int) -> SceneBody:
    """One part in its place."""
    return SceneBody(
        name=f"part_{instance}",
        mesh="part",
        T_base_body=T_base_part.tolist(),
        finish=to_finish(cell.part),
        instance=instance,
    )


def on_bench(
    cell: Cell,
    *,
    name: str,
    scenario: str,
    split: Split,
    seed: int,
    camera: SceneCamera,
    bodies: Sequence[SceneBody],
    **more: Any,
) -> Scene:
    """A scene of these bodies on the cell's table under its lamps."""
    table = cell.bench.table
    return Scene(
        name=name,
        scenario=scenario,
        split=split,
        seed=seed,
        camera=camera,
        table_point_m=table.point_m,
        table_normal=table.normal,
        table_finish=to_finish(table),
        bodies=tuple(bodies),
        lamps=tuple(SceneLamp(**lamp.model_dump()) for lamp in cell.bench.lamps),
        **more,
    )


def camera_of_sample(sample: Sample) -> SceneCamera:
    """The camera that took a sample. Raises InputError when the sample does not say which."""
    if sample.K is None or sample.T_base_cam is None:
        raise InputError(
            f"Sample {sample.name} does not say where its camera stood (K, T_base_cam), so it has no twin: "
            "use a dataset that synth capture made."
        )
    return SceneCamera(
        size_wh=sample.size_wh,
        K=sample.K,
        dist=sample.dist or (0.0, 0.0, 0.0, 0.0, 0.0),
        T_base_cam=sample.T_base_cam,
    )


def camera_of_cell(cell: Cell, record: CameraRecord | None = None) -> SceneCamera:
    """A dataset's camera, or, without one, the cell's: calibrated if it is, else the nominal one.

    One on the arm is where the arm's home puts it.
    """
    T_base_cam = T_base_cam_at_home(cell)
    if record is not None:
        if record.T_base_cam is not None:
            T_base_cam = np.asarray(record.T_base_cam)
        return SceneCamera(
            size_wh=record.size_wh, K=record.K, dist=record.dist, T_base_cam=np.asarray(T_base_cam).tolist()
        )
    pinhole = cell.camera.pinhole
    return SceneCamera(
        size_wh=pinhole.size_wh,
        K=pinhole.K.tolist(),
        dist=np.asarray(pinhole.dist).tolist(),
        T_base_cam=np.asarray(T_base_cam).tolist(),
    )


def pinhole_of(camera: SceneCamera) -> Pinhole:
    """The scene camera's intrinsics; equal ones share an object, whose rays are then found once."""
    return _pinhole(camera.size_wh, camera.K, camera.dist)


@lru_cache(maxsize=64)
def _pinhole(size_wh: tuple[int, int], K: Matrix3, dist: Distortion) -> Pinhole:
    return Pinhole(size_wh, np.asarray(K), np.asarray(dist))


def scene_seed(seed: int, stream: int, number: int) -> int:
    """The seed of one scene out of the run's, the same whatever else is rendered. stream: of its source."""
    return int(np.random.SeedSequence([seed, stream, number]).generate_state(1)[0])


def training_split(seed: int, stream: int, number: int) -> Split:
    """train or val, never test: of every five in a row one is val, drawn at random. stream: of the source."""
    rng = np.random.default_rng([seed, stream, 5, number // 5])
    return "val" if number % 5 == rng.integers(5) else "train"
