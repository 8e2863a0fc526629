"""A dataset as a Rerun recording: the bench in 3-D and the camera's picture, sample after sample."""

from pathlib import Path
from typing import Any

import numpy as np

from synth.dataset import codecs
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.dataset.sheet import NORMAL, OUTLINE, SQUARE, TIGHT, outlines_of, picture_of
from synth.errors import DatasetError, InputError
from synth.extras import how_to_install
from synth.geometry import frames
from synth.geometry.se3 import Array
from synth.storage.atomic import storage, temp_path

_NORMAL_LENGTH_M = 0.05


def record(dataset: DatasetReader, path: Path | None) -> None:
    """Write a recording, or open the viewer when ``path`` is None.

    Frames: everything 3-D stands in base; a camera without T_base_cam stands at its origin. Time is the
    sample index. Raises InputError when Rerun is not installed, DatasetError when the dataset is empty,
    StorageError.
    """
    try:
        import rerun as rr
    except ImportError as error:
        raise InputError(
            f"Rerun is not installed: {how_to_install('view')} adds what this command needs"
        ) from error
    if not dataset.samples:
        raise DatasetError(f"{dataset.root} holds no samples to show")
    name = dataset.name
    stream = rr.RecordingStream(f"synth {name}{' SIMULATED' if dataset.info.made_by.simulated else ''}")
    if path is None:
        stream.spawn()
        _log_all(rr, stream, dataset)
        stream.flush()
        return
    temp = temp_path(path)
    with storage(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            stream.save(temp)
            _log_all(rr, stream, dataset)
            stream.flush()
            stream.disconnect()
            temp.replace(path)
        finally:
            temp.unlink(missing_ok=True)


def _log_all(rr: Any, stream: Any, dataset: DatasetReader) -> None:
    stream.log("base", rr.ViewCoordinates.RIGHT_HAND_Z_UP, static=True)
    path_m: list[Array] = []
    for index, sample in enumerate(dataset.samples):
        stream.set_time("sample", sequence=index)
        _log_camera(rr, stream, dataset, sample)
        _log_labels(rr, stream, dataset, sample)
        if sample.robot is not None:
            T_base_tool = np.asarray(sample.robot.after.T_base_tool)
            path_m.append(T_base_tool[:3, 3])
            stream.log(
                "base/tool", rr.Transform3D(translation=T_base_tool[:3, 3], mat3x3=T_base_tool[:3, :3])
            )
            stream.log("base/tool/axes", rr.Arrows3D(vectors=np.eye(3) * 0.04, colors=np.eye(3) * 255))
            stream.log("base/tool_path", rr.LineStrips3D([np.asarray(path_m)], colors=[(150, 156, 166)]))


def _log_camera(rr: Any, stream: Any, dataset: DatasetReader, sample: Sample) -> None:
    T_base_cam = np.eye(4) if sample.T_base_cam is None else np.asarray(sample.T_base_cam)
    stream.log("base/camera", rr.Transform3D(translation=T_base_cam[:3, 3], mat3x3=T_base_cam[:3, :3]))
    if sample.K is not None:
        stream.log(
            "base/camera",
            rr.Pinhole(
                image_from_camera=np.asarray(sample.K),
                resolution=sample.size_wh,
                camera_xyz=rr.ViewCoordinates.RDF,
                image_plane_distance=0.2,
            ),
        )
    jpeg = codecs.encode_preview(picture_of(dataset, sample))
    stream.log("base/camera/image", rr.EncodedImage(contents=jpeg, media_type="image/jpeg"))


def _log_labels(rr: Any, stream: Any, dataset: DatasetReader, sample: Sample) -> None:
    stream.log("caption", rr.TextDocument(f"{sample.name}  {sample.split}"))
    names = [i.class_name for i in sample.instances]
    mask = dataset.load_mask(sample)
    outlines = [] if mask is None else [o for i in range(len(names)) for o in outlines_of(mask == i + 1)]
    strips = [[(x + 0.5, y + 0.5) for x, y in [*outline, outline[0]]] for outline in outlines]
    stream.log("base/camera/mask", rr.LineStrips2D(strips, colors=[OUTLINE] * len(strips)))
    for kind, colour, field in (("tight", TIGHT, "box_xyxy_px"), ("square", SQUARE, "square_xyxy_px")):
        boxed = [(i.class_name, box) for i in sample.instances if (box := dict(i.boxes()).get(field))]
        array = np.asarray([box for _, box in boxed], dtype=float).reshape(-1, 4)
        stream.log(
            f"base/camera/{kind}",
            rr.Boxes2D(
                array=array,
                array_format=rr.Box2DFormat.XYXY,
                labels=[name for name, _ in boxed],
                colors=[colour] * len(array),
            ),
        )
    T_base_cam = np.eye(4) if sample.T_base_cam is None else np.asarray(sample.T_base_cam)
    placed = [i for i in sample.instances if i.T_cam_part is not None and i.normal_uvw is not None]
    parts = [T_base_cam @ np.asarray(i.T_cam_part) for i in placed]
    normals = [T_base_cam[:3, :3] @ frames.cam_from_uvw(i.normal_uvw) for i in placed if i.normal_uvw]
    stream.log(
        "base/normals",
        rr.Arrows3D(
            origins=[T[:3, 3] for T in parts],
            vectors=[n * _NORMAL_LENGTH_M for n in normals],
            colors=[NORMAL] * len(parts),
        ),
    )
