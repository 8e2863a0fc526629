"""Datasets whose crops show the normal: shading that falls along (u, v)."""

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from synth.dataset.info import DatasetInfo, MadeBy
from synth.dataset.reader import DatasetReader
from synth.dataset.record import Kind, Split
from synth.dataset.sample import Draft, Instance
from synth.dataset.split import assign_splits
from synth.dataset.store import DatasetWriter
from synth.geometry.frames import cam_from_uvw, uvw_from_cam

SIDE_PX = 224


def write_crop_set(
    root: Path,
    kind: Kind,
    *,
    seed: int,
    n: int = 40,
    simulated: bool = True,
    shuffled: bool = False,
    label_noise_deg: float = 0.0,
    train_alone: bool = False,
) -> DatasetReader:
    """``n`` samples of one part each. shuffled: train and val crops show other normals than they say.
    train_alone: all are train samples.

    label_noise_deg: by how much what they show is turned about a random axis, one sigma.
    """
    rng = np.random.default_rng(seed)
    info = DatasetInfo(kind=kind, classes=("cover",), made_by=MadeBy(verb="test", simulated=simulated))
    with DatasetWriter.create_or_resume(root, info) as writer:
        for i, dealt in enumerate(assign_splits(n, rng=rng)):
            split: Split = "train" if train_alone else dealt
            tilt, around = rng.uniform(0.1, 0.8), rng.uniform(0, 2 * np.pi)
            uvw = np.array([np.sin(tilt) * np.cos(around), np.sin(tilt) * np.sin(around), np.cos(tilt)])
            turn = Rotation.from_rotvec([0.02, 0.01, 0]).as_matrix()
            shown = uvw
            if shuffled and split != "test":
                other = rng.uniform(0, 2 * np.pi)
                shown = np.array([0.6 * np.cos(other), 0.6 * np.sin(other), 0.8])
            if label_noise_deg and split != "test":
                shown = Rotation.from_rotvec(np.radians(rng.normal(0, label_noise_deg, 3))).apply(uvw)
            instance = Instance(
                class_name="cover",
                box_xyxy_px=(10, 10, 60, 60),
                square_xyxy_px=(10, 10, 60, 60),
                normal_uvw=tuple(uvw_from_cam(turn.T @ cam_from_uvw(uvw))),
                point_xy=(0.3, 0.4),
                visib_fract=1.0,
                R_crop_cam=tuple(map(tuple, turn)),
                normal_crop_uvw=tuple(uvw),
                point_crop_xy=(0.5, 0.5),
            )
            draft = Draft(name=f"{i:06d}", split=split, size_wh=(96, 80), instances=(instance,))
            picture = rng.integers(0, 256, (10, 12, 3)).astype(np.uint8).repeat(8, 0).repeat(8, 1)
            writer.append(draft, layers={"image": picture}, crops=[draw_crop(shown, rng)])
    return DatasetReader(root)


def draw_crop(uvw: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """[224,224,3]: brighter to the side that the normal leans to, with noise."""
    y, x = np.mgrid[-1 : 1 : SIDE_PX * 1j, -1 : 1 : SIDE_PX * 1j]
    grey = 128 + 110 * (uvw[0] * x - uvw[1] * y)
    return (grey[..., None] + rng.normal(0, 4, (SIDE_PX, SIDE_PX, 3))).clip(0, 255).astype(np.uint8)
