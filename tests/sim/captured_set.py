"""A dataset as a capture would write it, small and quick: flat pictures, exact labels, the default cell."""

from pathlib import Path

import numpy as np

from synth.cell.load import default_cell
from synth.cell.mesh import cad_sha256
from synth.dataset.info import CameraRecord, DatasetInfo, MadeBy, PartRecord
from synth.dataset.record import Split
from synth.dataset.sample import Draft, RobotReading, RobotShot
from synth.dataset.store import DatasetWriter
from synth.sim.furnish import camera_of_cell
from synth.sim.labels import cell_labels, label_scene
from synth.sim.meshes import cell_meshes
from synth.sim.sources.fresh import make_fresh

SIZE_WH = (320, 180)
K = ((226.3, 0.0, 161.2), (0.0, 226.1, 89.4), (0.0, 0.0, 1.0))
DIST = (0.166, -0.51, -0.0005, -0.0007, 0.468)
SPLITS: tuple[Split, ...] = ("train", "train", "val", "test", "train", "test")


def write_captured(root: Path, *, with_poses: bool = True) -> Path:
    """Six samples and two plates under ``root``; without poses there is nothing to twin."""
    cell = default_cell()
    meshes = cell_meshes(cell)
    rng = np.random.default_rng(0)
    camera = CameraRecord(
        name="test camera",
        serial="1",
        size_wh=SIZE_WH,
        K=K,
        dist=DIST,
        T_base_cam=np.asarray(cell.camera.T_base_cam),
        depth_scale_m=0.00025,
    )
    info = DatasetInfo(
        kind="real",
        classes=(cell.part.class_name,),
        camera=camera,
        part=PartRecord(name=cell.part.class_name, cad_sha256=cad_sha256(cell)),
        made_by=MadeBy(verb="capture", simulated=True),
    )
    scenes = make_fresh(len(SPLITS), cell, meshes, camera_of_cell(cell, camera), seed=5)
    bench = np.array([150.0, 150.0, 146.0])

    def shoot(light: np.ndarray) -> np.ndarray:
        return np.clip(light + rng.normal(0, 1.5, light.shape), 0, 255).astype(np.uint8)

    empty = np.broadcast_to(bench, (*SIZE_WH[::-1], 3))
    with DatasetWriter.create_or_resume(root, info) as writer:
        for _ in range(2):
            writer.add_plate(shoot(empty))
        for i, (scene, split) in enumerate(zip(scenes, SPLITS, strict=True)):
            labels = label_scene(scene, meshes, cell_labels(cell, meshes))
            light = np.where(labels.mask[..., None] > 0, cell.part.colour_rgb, empty)
            rgb_u8 = shoot(light)
            reading = RobotReading(
                q_rad=scene.q_rad, T_base_tool=scene.T_base_tool, t_ns=i, controller_time_s=float(i)
            )
            draft = Draft(
                name=f"{i:06d}",
                split=split,
                size_wh=SIZE_WH,
                K=K,
                dist=DIST,
                T_base_cam=camera.T_base_cam,
                robot=RobotShot(before=reading, after=reading) if with_poses else None,
                instances=labels.instances,
            )
            writer.append(
                draft,
                layers={
                    "image": rgb_u8,
                    "depth": labels.depth_counts(0.00025),
                    "mask": labels.mask,
                },
                crops=labels.crops(rgb_u8),
            )
    return root
