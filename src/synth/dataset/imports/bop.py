"""Scenes in the format of the BOP challenge: poses of known models → masks, boxes, visible shares, normals.

::

    FOLDER/scene_gt.json       picture number → [{cam_R_m2c, cam_t_m2c in mm, obj_id}]: model → camera
    FOLDER/scene_camera.json   picture number → {cam_K, depth_scale: counts × depth_scale = mm}
    FOLDER/rgb/000000.png      or .jpg; also gray/, and 000000-color.png as in YCB-Video
    FOLDER/depth/000000.png    where there is depth
    models/obj_000001.ply      in mm; in FOLDER or up to two folders above it

A folder of such scenes (``train/000000``, ``test/000001`` …) is taken as a whole.
Source: the format's description, bop_toolkit/docs/bop_datasets_format.md.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import JsonValue

from synth.dataset.choices import BoxKind
from synth.dataset.classes import ALL_CLASSES, ClassChoice
from synth.dataset.dealing import Card, deal
from synth.dataset.imports.bop_models import BopModel, find_models
from synth.dataset.imports.bop_records import (
    GT_FILE,
    Shot,
    entries,
    find_picture,
    list_shots,
    read_camera,
    read_depth,
    read_pose,
    read_world,
)
from synth.dataset.imports.intake import (
    Intake,
    Misfit,
    OnPicture,
    Summary,
    boxes_of,
    describe_import,
    open_import,
)
from synth.dataset.imports.pictures import SUFFIXES, open_picture
from synth.dataset.info import CameraRecord, DatasetInfo
from synth.dataset.posed import describe_posed
from synth.dataset.record import SPLITS, Split
from synth.dataset.sample import Instance
from synth.dataset.table import call_by_path, read_groups
from synth.errors import DatasetError, InputError
from synth.geometry.boxes import tight_box
from synth.geometry.pinhole import Pinhole
from synth.geometry.se3 import Array
from synth.geometry.visible import InstanceCaster, without_specks
from synth.storage.atomic import link_file, write_bytes


@dataclass(frozen=True)
class BopSettings:
    """One import.

    models: folder of meshes; None to look for it. names: class by object number. normal: an axis of the
    models, face: a point on the labelled face in the models' units; one of them or neither, for no normals.
    splits: numbers or groups of pictures. group: a table of pictures and groups. choice: of classes.
    """

    folder: Path
    out: Path
    models: Path | None
    names: Mapping[int, str]
    normal: tuple[float, float, float] | None
    face: tuple[float, float, float] | None
    box_kind: BoxKind
    splits: Mapping[Split, str]
    group: Path | None = None
    choice: ClassChoice = ALL_CLASSES


def import_bop(settings: BopSettings, on_picture: OnPicture = lambda done, total: None) -> Summary:
    """Take scenes over; what does not fit is named, picture by picture.

    Raises InputError for a folder that holds no scene, models that cannot be used, or where nothing fits,
    DatasetError for an ``out`` that was made otherwise, StorageError. KeyboardInterrupt leaves whole samples.
    """
    shots = list(list_shots(settings.folder))
    object_ids = {entry["obj_id"]: entry.get("name") for shot in shots for entry in entries(shot.truth)}
    models = find_models(
        settings.folder,
        settings.models,
        object_ids,
        settings.names,
        normal=settings.normal,
        face=settings.face,
    )
    if not models:
        known = ", ".join(str(i) for i in sorted(object_ids)) or "none"
        raise InputError(f"no model was found for any object of {settings.folder} ({known}): give --models")
    groups = _read_groups(settings, shots)
    splits = _choose_splits(settings, shots, groups, models)
    first = _first_camera(shots)
    info = _describe(settings, models, first)
    kept = {record.mesh for record in info.models}
    with open_import(settings.out, info, settings.folder) as writer:
        for model in models.values():
            target = writer.root / model.record.mesh
            if target.is_file() or model.record.mesh not in kept:
                continue
            if isinstance(model.content, Path):
                link_file(target, model.content)
            else:
                write_bytes(target, model.content)
        intake = Intake(writer, settings.choice)
        intake.notes += [note for model in models.values() for note in model.notes]
        for i, shot in enumerate(shots):
            on_picture(i, len(shots))
            split = splits.get(int(shot.name))
            if split is None or shot.name in writer.done_names():
                continue
            try:
                _take(shot, split, groups.get(shot.name), models, intake, first.depth_scale_m)
            except (Misfit, DatasetError) as error:
                misfit = error if isinstance(error, Misfit) else Misfit(shot.where, "unreadable", str(error))
                intake.refuse(misfit, shot.name, split)
        for misfit in _unlabelled_pictures(settings.folder, shots):
            intake.refuse(misfit)
        return intake.sum_up()


def _read_groups(settings: BopSettings, shots: Sequence[Shot]) -> dict[str, str]:
    """The group of each picture by its name; none without a table."""
    if settings.group is None:
        return {}
    paths = {}
    for shot in shots:
        with suppress(Misfit, DatasetError):  # A picture that is not there is named when it is taken.
            path = str(find_picture(shot).relative_to(settings.folder.resolve()))
            paths[shot.name] = (path, *call_by_path(path))
    return read_groups(settings.group, paths)


def _choose_splits(
    settings: BopSettings,
    shots: Sequence[Shot],
    groups: Mapping[str, str],
    models: Mapping[int, BopModel],
) -> dict[int, Split]:
    """By words; else by folders named after two splits or more; else whole groups; else neighbours."""
    scenes = {shot.scene for shot in shots}
    if len(scenes) > 1 and settings.splits and not groups:
        raise InputError("ranges of pictures are for a single scene: import one scene, or leave them out")
    by_folder = {int(s.name): _split_of_folder(s.scene.relative_to(settings.folder)) for s in shots}
    named = {n: split for n, split in by_folder.items() if split is not None}
    if not settings.splits and len(named) == len(shots) and len(set(named.values())) > 1:
        return named
    cards = []
    for shot in shots:
        ids = {entry["obj_id"] for entry in entries(shot.truth)} & models.keys()
        names = (settings.choice.name_of(models[i].record.class_name) for i in ids)
        shown = frozenset(name for name in names if name is not None)
        cards.append(Card(int(shot.name), shot.where, groups.get(shot.name), classes=shown))
    return deal(cards, settings.splits)


def _split_of_folder(path: Path) -> Split | None:
    top = path.parts[0] if path.parts else ""
    return next((split for split in SPLITS if top.startswith(split)), None)


@dataclass(frozen=True)
class _FirstCamera:
    pinhole: Pinhole
    depth_scale_m: float | None


def _first_camera(shots: Sequence[Shot]) -> _FirstCamera:
    """The camera of the first picture that has one and can be opened, for dataset.json."""
    for shot in shots:
        try:
            K, depth_scale_m = read_camera(shot)
            picture = open_picture(find_picture(shot))
        except (Misfit, DatasetError):
            continue
        return _FirstCamera(Pinhole(picture.size_wh, K), depth_scale_m)
    raise InputError("no picture has both a file and a cam_K: nothing can be imported")


def _describe(settings: BopSettings, models: Mapping[int, BopModel], first: _FirstCamera) -> DatasetInfo:
    config: dict[str, JsonValue] = {
        "normal": None if settings.normal is None else list(settings.normal),
        "face": None if settings.face is None else list(settings.face),
        "splits": {split: settings.splits.get(split) for split in SPLITS},
        "objects": {str(i): model.record.class_name for i, model in models.items()},
    }
    choice = settings.choice
    classes = choice.choose(tuple(dict.fromkeys(model.record.class_name for model in models.values())))
    records = choice.choose_models([model.record for model in models.values()])
    single = records[0] if len(records) == 1 else None
    return DatasetInfo(
        kind="imported",
        classes=classes,
        flip_pairs=choice.choose_pairs((), classes),
        camera=CameraRecord(
            name="imported",
            serial="none",
            size_wh=first.pinhole.size_wh,
            K=first.pinhole.K.tolist(),
            dist=(0.0, 0.0, 0.0, 0.0, 0.0),
            depth_scale_m=first.depth_scale_m,
        ),
        part=None if single is None else {"name": single.class_name, "cad_sha256": single.sha256},
        models=records,
        box_kind=settings.box_kind,
        made_by=describe_import("bop", settings.folder, config, settings.group, choice),
    )


def _take(
    shot: Shot,
    split: Split,
    group: str | None,
    models: Mapping[int, BopModel],
    intake: Intake,
    depth_scale_m: float | None,
) -> None:
    K, own_scale_m = read_camera(shot)
    picture = open_picture(find_picture(shot))
    camera = Pinhole(picture.size_wh, K)
    if not isinstance(shot.truth, list):
        raise Misfit(
            shot.where, "malformed", f"must be a list of objects, it is a {type(shot.truth).__name__}"
        )
    poses: list[tuple[BopModel, Array]] = []
    for i, entry in enumerate(shot.truth):
        where = f"{shot.where}, object {i}"
        if not isinstance(entry, dict) or type(entry.get("obj_id")) is not int:
            raise Misfit(where, "malformed", "has no whole number obj_id")
        if (model := models.get(entry["obj_id"])) is None:
            intake.refuse(
                Misfit(where, "no model", f"obj_id {entry['obj_id']} has no mesh, so it is not labelled"),
                shot.name,
                split,
            )
        else:
            poses.append((model, read_pose(entry, model.mesh, where)))
    instances, mask, _ = intake.choice.choose_instances(*_label(poses, camera, shot.where))
    depth_counts, depth_file = read_depth(shot, picture, own_scale_m, depth_scale_m)
    intake.take(
        name=shot.name,
        split=split,
        group=group,
        picture=picture,
        source=str(picture.path.relative_to(shot.scene.resolve())),
        instances=instances,
        mask=mask,
        camera=camera,
        T_base_cam=read_world(shot),
        depth_counts=depth_counts,
        depth_file=depth_file,
    )


def _label(
    poses: Sequence[tuple[BopModel, Array]], camera: Pinhole, where: str
) -> tuple[list[Instance], Any]:
    """A record for every object that is seen, and the mask of all."""
    placed = [model.mesh.transformed(T_cam_part) for model, T_cam_part in poses]
    mask = np.zeros(camera.size_wh[::-1], np.uint16)
    if not placed:
        return [], mask
    caster = InstanceCaster(camera, np.eye(4), placed, range(1, len(placed) + 1))
    ids, _ = caster.see_all()
    instances: list[Instance] = []
    for i, (model, T_cam_part) in enumerate(poses):
        visible = without_specks(ids == i + 1)
        box = tight_box(visible)
        n_alone = caster.area_alone(placed[i])
        if box is None and n_alone == 0:
            raise Misfit(
                f"{where}, object {i}", "out of view", "its model lies outside the image: is the pose right?"
            )
        if box is None:
            continue  # Hidden by other objects.
        tight, square = boxes_of(box, camera.size_wh, f"{where}, object {i}")
        visib_fract = min(float((ids == i + 1).sum()) / n_alone, 1.0)
        instances.append(describe_posed(model.label, T_cam_part, camera, tight, square, visib_fract))
        mask[ids == i + 1] = len(instances)
    return instances, mask


def _unlabelled_pictures(folder: Path, shots: Sequence[Shot]) -> Iterator[Misfit]:
    """Pictures that no ground truth speaks of."""
    known: dict[Path, set[int]] = {}
    for shot in shots:
        known.setdefault(shot.scene, set()).add(shot.number)
    for scene, numbers in known.items():
        for path in sorted((scene / "rgb").glob("*")):
            if path.suffix.lower() in SUFFIXES and not (path.stem.isdecimal() and int(path.stem) in numbers):
                yield Misfit(str(path.relative_to(folder)), "no label", f"{GT_FILE} does not speak of it")
