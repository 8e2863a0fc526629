"""The parts of an imported dataset: their meshes, what is labelled on them, and where they were seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from synth.cell.mesh import file_sha256, read_mesh
from synth.dataset.info import ModelRecord
from synth.dataset.origin import REAL_KINDS
from synth.dataset.posed import PartLabel
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.errors import DatasetError, InputError
from synth.geometry.mesh import Mesh
from synth.geometry.se3 import Array
from synth.sim.scene import SceneCamera


@dataclass(frozen=True, eq=False)
class Objects:
    """Everything by class name. meshes: in metres, with their own colours where they have some.

    records: what dataset.json says of them. files: what stands in ``models/``, a file each or its bytes.
    notes: sentences on the files that they came from.
    """

    meshes: dict[str, Mesh]
    labels: dict[str, PartLabel]
    records: tuple[ModelRecord, ...]
    files: Mapping[str, Path | bytes]
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, dataset: DatasetReader) -> "Objects":
        """Those that a dataset brings along.

        Raises InputError for a dataset of made pictures or without models, DatasetError for a model that is
        not the one it names.
        """
        if dataset.info.kind not in REAL_KINDS:
            raise InputError(
                f"{dataset.root} is {dataset.info.kind}, and renderings are made after photographs: give "
                "--over an imported dataset"
            )
        if not dataset.info.models:
            raise InputError(
                f"{dataset.root} brings no models along, so nothing can be rendered over it: name the CAD "
                "file of its part with --mesh, or import it with synth import bop; of what synth capture "
                "made, leave --over out"
            )
        meshes, labels = {}, {}
        for record in dataset.info.models:
            meshes[record.class_name] = read_mesh(_file(dataset, record), record.units).mesh
            labels[record.class_name] = PartLabel(
                record.class_name,
                None if record.normal_part is None else np.asarray(record.normal_part),
                np.asarray(record.point_part_m),
            )
        return cls(meshes, labels, dataset.info.models, dataset.meshes)


@dataclass(frozen=True, eq=False)
class Seen:
    """The labelled parts of one sample: class and T_cam_part [4,4] of each, and its camera."""

    sample: Sample
    camera: SceneCamera
    poses: tuple[tuple[str, Array], ...]


def list_seen(dataset: DatasetReader, objects: Objects) -> list[Seen]:
    """What train and val samples say of cameras and poses, in their order; test samples are never asked."""
    found = []
    for sample in (*dataset.of_split("train"), *dataset.of_split("val")):
        poses = tuple(
            (i.class_name, np.asarray(i.T_cam_part))
            for i in sample.instances
            if i.T_cam_part is not None and i.class_name in objects.meshes
        )
        if poses and sample.K is not None:
            found.append(Seen(sample, _camera(sample), poses))
    return sorted(found, key=lambda seen: seen.sample.name)


def refuse_without_poses(dataset: DatasetReader, seen: Sequence[Seen]) -> None:
    """Raises InputError where no train sample tells a pose."""
    if not any(s.sample.split == "train" for s in seen):
        if any(i.T_cam_part is not None for s in dataset.of_split("test") for i in s.instances):
            raise InputError(
                f"only test samples of {dataset.root} tell poses, and nothing is rendered after those: "
                "import it again, into another --out, and name fewer pictures with --test"
            )
        raise InputError(
            f"{dataset.root} has no train sample with K and the pose of a model: import poses with "
            "synth import bop"
        )


def _camera(sample: Sample) -> SceneCamera:
    """The sample's camera; the camera's frame stands for the base, since nobody knows where it stood."""
    assert sample.K is not None
    return SceneCamera(
        size_wh=sample.size_wh,
        K=sample.K,
        dist=sample.dist or (0.0, 0.0, 0.0, 0.0, 0.0),
        T_base_cam=np.eye(4).tolist(),
    )


def _file(dataset: DatasetReader, record: ModelRecord) -> Path:
    path = dataset.root / record.mesh
    if not path.resolve().is_relative_to(dataset.root.resolve()) or not path.is_file():
        raise DatasetError(f"{path} is missing: import the dataset again")
    if file_sha256(path) != record.sha256:
        raise DatasetError(f"{path} is not the model that dataset.json names: import the dataset again")
    return path
