"""Small datasets of a square plate under known poses: everything about them follows from geometry."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from synth.dataset.info import CameraRecord, DatasetInfo, MadeBy, PartRecord
from synth.dataset.sample import Draft, Instance, RobotReading, RobotShot
from synth.dataset.split import assign_splits
from synth.dataset.store import DatasetWriter
from synth.geometry import frames, se3
from synth.geometry.pinhole import Pinhole

HALF_SIDE_M = 0.03


def make_info(size_wh: tuple[int, int] = (160, 120), **changes: Any) -> DatasetInfo:
    fields: dict[str, Any] = {
        "kind": "real",
        "classes": ("cover",),
        "camera": CameraRecord(
            name="test camera",
            serial="1",
            size_wh=size_wh,
            K=make_camera(size_wh).K,
            dist=np.zeros(5),
            depth_scale_m=0.00025,
        ),
        "part": PartRecord(name="cover", cad_sha256="0" * 64),
        "made_by": MadeBy(verb="capture", config={"poses": 3, "gate": None}, seed=0, simulated=True),
    }
    return DatasetInfo(**fields | changes)


def make_camera(size_wh: tuple[int, int]) -> Pinhole:
    width, height = size_wh
    K = np.array([[0.75 * width, 0, (width - 1) / 2], [0, 0.75 * width, (height - 1) / 2], [0, 0, 1.0]])
    return Pinhole(size_wh, K)


def make_shot(
    index: int, rng: np.random.Generator, size_wh: tuple[int, int] = (160, 120), split: str = "train"
) -> tuple[Draft, dict[str, Any]]:
    """A draft and the arrays that DatasetWriter.append takes, of a plate tilted by up to 45° before a grey
    bench.
    """
    width, height = size_wh
    camera = make_camera(size_wh)
    tilt = Rotation.from_euler("xyz", rng.uniform([-0.8, -0.8, -3], [0.8, 0.8, 3]))
    R_cam_part = tilt.as_matrix() @ np.diag([1.0, -1.0, -1.0])
    T_cam_part = se3.make(R_cam_part, [rng.uniform(-0.15, 0.15), rng.uniform(-0.08, 0.08), 0.55])
    corners = HALF_SIDE_M * np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]])
    pixels = camera.project(se3.transform(T_cam_part, corners))
    mask = np.zeros((height, width), np.uint16)
    cv2.fillConvexPoly(mask, pixels.round().astype(np.int32), 1)
    bench = 175 + np.linspace(-25, 15, width)[:, None]
    rgb_u8 = (bench + rng.normal(0, 3, (height, width, 3))).astype(np.uint8)
    rgb_u8[mask > 0] = (rgb_u8[mask > 0] * (0.35, 0.55, 0.95)).astype(np.uint8)
    depth_counts = rng.integers(2590, 2610, (height, width)).astype(np.uint16)
    normal_cam = R_cam_part[:, 2]
    plate_m = normal_cam @ T_cam_part[:3, 3] / (camera.rays @ normal_cam)
    depth_counts[mask > 0] = np.rint(plate_m[mask > 0] / 0.00025)
    ys, xs = np.nonzero(mask)
    box = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1], dtype=float)
    side = max(box[2] - box[0], box[3] - box[1])
    left = np.clip((box[0] + box[2] - side) / 2, 0, width - side)
    top = np.clip((box[1] + box[3] - side) / 2, 0, height - side)
    normal_uvw = frames.uvw_from_cam(R_cam_part[:, 2])
    point = (camera.project(T_cam_part[:3, 3])[0] + 0.5) / size_wh
    instance = Instance(
        class_name="cover",
        box_xyxy_px=box,
        square_xyxy_px=(left, top, left + side, top + side),
        normal_uvw=normal_uvw,
        normal_sigma_deg=0.1,
        point_xy=point,
        T_cam_part=T_cam_part,
        visib_fract=1.0,
        R_crop_cam=np.eye(3),
        normal_crop_uvw=normal_uvw,
        point_crop_xy=(0.5, 0.5),
    )
    reading = RobotReading(q_rad=rng.normal(size=6), T_base_tool=np.eye(4), t_ns=index, controller_time_s=0.1)
    draft = Draft(
        name=f"{index:06d}",
        split=split,
        size_wh=size_wh,
        K=camera.K,
        dist=np.zeros(5),
        T_base_cam=se3.make(np.diag([1.0, -1.0, -1.0]), [0, 0, 1.0]),
        robot=RobotShot(before=reading, after=reading, t_color_ns=index, t_depth_ns=index),
        instances=(instance,),
        quality={"blur": 0.7, "border": False},
        timing={"motion_s": 2.0, "machine_s": 0.4},
    )
    crop = cv2.resize(rgb_u8[int(top) : int(top + side), int(left) : int(left + side)], (224, 224))
    layers = {"image": rgb_u8, "depth": depth_counts, "mask": mask}
    return draft, {"layers": layers, "crops": [crop]}


def fill(
    root: Path, n: int, seed: int = 0, size_wh: tuple[int, int] = (160, 120), **changes: Any
) -> DatasetInfo:
    """A finished dataset of ``n`` samples, a plate and a refused shot.

    With ``semantic`` among the changes: label maps too, the plate of its first class, the rest of its second.
    """
    info = make_info(size_wh, **changes)
    rng = np.random.default_rng(seed)
    splits = assign_splits(n, rng=rng)
    with DatasetWriter.create_or_resume(root, info) as writer:
        for i in range(n):
            draft, arrays = make_shot(i, rng, size_wh, splits[i])
            if info.semantic is not None:
                arrays["layers"]["semantic"] = (arrays["layers"]["mask"] == 0).astype(np.uint8)
            writer.append(draft, **arrays)
        rgb_u8, depth_counts = arrays["layers"]["image"], arrays["layers"]["depth"]
        writer.add_plate(rgb_u8, depth_counts)
        writer.add_rejected(
            reason="blur", detail="sharpness 0.1 < 0.35", pose_index=7, attempt=0, rgb_u8=rgb_u8
        )
    return info
