"""Scenes in the format of the BOP challenge: poses of known models → masks, boxes, visible shares, normals.

::

    FOLDER/scene_gt.json       picture number → [{cam_R_m2c, cam_t_m2c in mm, obj_id}]: model → camera
    FOLDER/scene_camera.json   picture number → {cam_K, depth_scale: counts × depth_scale = mm}
    FOLDER/rgb/000000.png      or .jpg; also gray/, and 000000-color.png as in YCB-Video
    FOLDER/depth/000000.png    where there is depth; or .tif
    FOLDER/mask/000000_000000.png, mask_visib/, scene_gt_info.json, models/models_info.json
                               where there are any, models and poses are held against them
    models/obj_000001.ply      in mm; in FOLDER or up to two folders above it

Files of one sensor of several end with its name: scene_gt_cam1.json, rgb_cam1/. A folder of such scenes
(``train/000000``, ``test/000001`` …) is taken as a whole.
Source: the format's description, bop_toolkit/docs/bop_datasets_format.md.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import JsonValue

from synth.dataset.choices import BoxKind
from synth.dataset.classes import ALL_CLASSES, ClassChoice
from synth.dataset.dealing import Card, deal
from synth.dataset.imports.bop_check import SAMPLE, check_scene, other_resolution
from synth.dataset.imports.bop_depth import choose_depth_scale, read_depth
from synth.dataset.imports.bop_label import Posed, label
from synth.dataset.imports.bop_masks import read_said
from synth.dataset.imports.bop_models import BopModel, find_models, list_model_folders
from synth.dataset.imports.bop_records import (
    Shot,
    entries,
    find_picture,
    list_shots,
    object_number,
    read_camera,
    read_pose,
    read_world,
)
from synth.dataset.imports.bop_scenes import GT_FILE, Scene
from synth.dataset.imports.intake import (
    Intake,
    Misfit,
    OnPicture,
    Summary,
    describe_import,
    open_import,
)
from synth.dataset.imports.labelled import Found, say_dealt
from synth.dataset.imports.pictures import SUFFIXES, open_picture
from synth.dataset.info import CameraRecord, DatasetInfo
from synth.dataset.record import SPLITS, Split
from synth.dataset.table import call_by_path, read_groups
from synth.errors import DatasetError, InputError
from synth.geometry.pinhole import Pinhole

_FAR_OFF = 1.4
"""How much larger or smaller another picture must be for its K to be refused though no mask tells."""


@dataclass(frozen=True)
class BopSettings:
    """One import.

    models: folder of meshes; None to look for it. names: class by object number. normal: an axis of the
    models, face: a point on the labelled face in the models' units; one of them or neither, for no normals.
    splits: numbers or groups of pictures. group: a table of pictures and groups. choice: of classes. sensor:
    which, where a scene has several.
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
    sensor: str | None = None


def import_bop(settings: BopSettings, on_picture: OnPicture = lambda done, total: None) -> Summary:
    """Take scenes over; what does not fit is named, picture by picture.

    Raises InputError for a folder that holds no scene, models that cannot be used or contradict what the
    scene says of its objects, or where nothing fits, DatasetError for an ``out`` that was made otherwise,
    StorageError. KeyboardInterrupt leaves whole samples.
    """
    shots = list(list_shots(settings.folder, settings.sensor))
    object_ids = {i: entry.get("name") for shot in shots for i, entry in entries(shot.truth)}
    models = find_models(
        settings.folder,
        settings.models,
        object_ids,
        settings.names,
        normal=settings.normal,
        face=settings.face,
    )
    if not models:
        raise InputError(_say_no_models(settings, object_ids))
    groups = _read_groups(settings, shots)
    splits = _choose_splits(settings, shots, groups, models)
    first = _first_camera(shots)
    info = _describe(settings, models, first)
    check_scene(_sample(settings, shots, models))
    with open_import(settings.out, info, settings.folder) as writer:
        writer.add_models({model.record.mesh: model.content for model in models.values()})
        intake = Intake(writer, settings.choice)
        intake.notes += [note for model in models.values() for note in model.notes]
        found = [Found(shot.where, _split_of_folder(shot, settings.folder)) for shot in shots]
        is_one = len({shot.scene.folder for shot in shots}) == 1
        ways = "--test and --val, or --group, deal" if is_one else "--group deals"
        if text := say_dealt(found, settings.splits, settings.group, ways):
            intake.note(str(settings.folder), text)
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
    scenes = {shot.scene.folder for shot in shots}
    if len(scenes) > 1 and settings.splits and not groups:
        raise InputError("ranges of pictures are for a single scene: import one scene, or leave them out")
    by_folder = {int(shot.name): _split_of_folder(shot, settings.folder) for shot in shots}
    named = {n: split for n, split in by_folder.items() if split is not None}
    if not settings.splits and len(named) == len(shots) and len(set(named.values())) > 1:
        return named
    cards = []
    for shot in shots:
        ids = {i for i, _ in entries(shot.truth)} & models.keys()
        names = (settings.choice.name_of(models[i].record.class_name) for i in ids)
        shown = frozenset(name for name in names if name is not None)
        cards.append(Card(int(shot.name), shot.where, groups.get(shot.name), classes=shown))
    return deal(cards, settings.splits)


def _split_of_folder(shot: Shot, folder: Path) -> Split | None:
    path = shot.scene.folder.relative_to(folder)
    top = path.parts[0] if path.parts else ""
    return next((split for split in SPLITS if top.startswith(split)), None)


def _say_no_models(settings: BopSettings, object_ids: Mapping[int, object]) -> str:
    known = ", ".join(str(i) for i in sorted(object_ids)) or "it names none by a whole number obj_id"
    text = f"no model was found for any object of {settings.folder} ({known}): give --models"
    others = [] if settings.models else list_model_folders(settings.folder)
    return text + "".join(f" {path}" for path in others[:1]) + "".join(f" or {path}" for path in others[1:])


@dataclass(frozen=True)
class _FirstCamera:
    pinhole: Pinhole
    depth_scale_m: float | None


def _first_camera(shots: Sequence[Shot]) -> _FirstCamera:
    """The camera of the first picture that has one and can be opened, for dataset.json."""
    for shot in shots:
        try:
            K, _ = read_camera(shot)
            picture = open_picture(find_picture(shot))
        except (Misfit, DatasetError):
            continue
        return _FirstCamera(Pinhole(picture.size_wh, K), choose_depth_scale(shots))
    raise InputError("no picture has both a file and a cam_K: nothing can be imported")


def _sample(
    settings: BopSettings, shots: Sequence[Shot], models: Mapping[int, BopModel]
) -> Iterator[tuple[list[Posed], Pinhole]]:
    """Some pictures, from the first to the last; what does not fit is named when it is taken."""
    n = min(SAMPLE, len(shots))
    for shot in [shots[i * len(shots) // n] for i in range(n)]:
        with suppress(Misfit, DatasetError):
            K, _ = read_camera(shot)
            camera = Pinhole(open_picture(find_picture(shot)).size_wh, K)
            posed, _ = _pose(shot, camera, models)
            if any(p.said.expected() is not None for p in posed):
                yield posed, camera


def _describe(settings: BopSettings, models: Mapping[int, BopModel], first: _FirstCamera) -> DatasetInfo:
    config: dict[str, JsonValue] = {
        "normal": None if settings.normal is None else list(settings.normal),
        "face": None if settings.face is None else list(settings.face),
        "splits": {split: settings.splits.get(split) for split in SPLITS},
        "objects": {str(i): model.record.class_name for i, model in models.items()},
        **({} if settings.sensor is None else {"sensor": settings.sensor}),
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
    posed, unlabelled = _pose(shot, camera, models)
    if all(p.said.expected() is None for p in posed):
        _doubt_resolution(shot, camera)
    for where, called in unlabelled:
        intake.refuse(Misfit(where, "no model", _say_no_model(called, posed)), shot.name, split)
    labels = label(posed, camera, shot.where)
    instances, mask, _ = intake.choice.choose_instances(labels.instances, labels.mask)
    depth = read_depth(shot, labels.depth_m, own_scale_m, depth_scale_m)
    for where, text in (*labels.notes, *((shot.where, text) for text in depth.notes)):
        intake.note(where, text)
    intake.take(
        name=shot.name,
        split=split,
        group=group,
        picture=picture,
        source=str(picture.path.relative_to(shot.scene.folder.resolve())),
        instances=instances,
        mask=mask,
        camera=camera,
        T_base_cam=read_world(shot),
        depth_counts=depth.counts,
        depth_file=depth.file,
    )


def _pose(
    shot: Shot, camera: Pinhole, models: Mapping[int, BopModel]
) -> tuple[list[Posed], list[tuple[str, str]]]:
    """The objects of a picture that have a model, and place and number or name of those that have none."""
    if not isinstance(shot.truth, list):
        raise Misfit(
            shot.where, "malformed", f"must be a list of objects, it is a {type(shot.truth).__name__}"
        )
    posed: list[Posed] = []
    unlabelled: list[tuple[str, str]] = []
    others = np.zeros(camera.size_wh[::-1], dtype=bool)
    for i, entry in enumerate(shot.truth):
        where = f"{shot.where}, object {i}"
        if (number := object_number(entry)) is None:
            raise Misfit(where, "malformed", "has no whole number obj_id")
        said = read_said(shot, i, camera.size_wh)
        if (model := models.get(number)) is not None:
            posed.append(Posed(where, model, read_pose(entry, model.mesh, where), said, others))
        else:
            name = entry.get("name")
            unlabelled.append((where, f"{number} ({name:.60})" if isinstance(name, str) else str(number)))
            if said.visible is not None:
                others |= said.visible
    return posed, unlabelled


def _say_no_model(called: str, posed: Sequence[Posed]) -> str:
    text = f"obj_id {called} has no mesh, so it is not labelled"
    if any(p.said.visible is None for p in posed):
        text += ", and whatever it hides of others is labelled as if it were seen"
    return text


def _doubt_resolution(shot: Shot, camera: Pinhole) -> None:
    """Raises Misfit for a K that is likely of another resolution where no mask can tell."""
    factor = other_resolution(camera)
    if 1 / _FAR_OFF < factor < _FAR_OFF:
        return
    point = " ".join(f"{v:.4g}" for v in camera.K[:2, 2])
    size = "×".join(str(n) for n in camera.size_wh)
    raise Misfit(
        shot.where,
        "other resolution",
        f"its cam_K has the principal point {point}, far from the middle of a {size} picture: either cam_K "
        f"is that of a picture {1 / factor:.2g} times as large, and multiplied by {factor:.2g} it would fit, "
        "or the picture is a crop; mask/ or scene_gt_info.json would tell which",
    )


def _unlabelled_pictures(folder: Path, shots: Sequence[Shot]) -> Iterator[Misfit]:
    """Pictures that no ground truth speaks of."""
    known: dict[Scene, set[int]] = {}
    for shot in shots:
        known.setdefault(shot.scene, set()).add(shot.number)
    for scene, numbers in known.items():
        for path in sorted((scene.folder / scene.kind("rgb")).glob("*")):
            if path.suffix.lower() in SUFFIXES and not (path.stem.isdecimal() and int(path.stem) in numbers):
                yield Misfit(
                    str(path.relative_to(folder)),
                    "no label",
                    f"{scene.json_file(GT_FILE).name} does not speak of it",
                )
