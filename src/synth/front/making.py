"""Making labelled images: capture, render, compose."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from synth.capture.choices import LabelSource
from synth.cell.units import MeshUnits
from synth.compute.engines import DEFAULT_ENGINE
from synth.dataset.choices import CropKind, SplitMode
from synth.front.opening import (
    StrPath,
    as_cell,
    as_console,
    as_paths,
    open_dataset,
    refuse_below,
    refuse_unknown,
)
from synth.sim.choices import ROLL_DEG, TILT_DEG, BlendName, HardPreset, LookKind, QualityName, Where
from synth.sim.placing import DEFAULT_PLACER

if TYPE_CHECKING:
    from synth.cell.model import Cell
    from synth.dataset.reader import DatasetReader


def capture(
    poses: int | None = None,
    out: StrPath = "data/real",
    *,
    cell: "Cell | StrPath | None" = None,
    seed: int = 0,
    split: SplitMode = "spread",
    label: LabelSource = "colour",
    crop: CropKind = "rectified",
    plates: int = 3,
    pace: float | None = None,
    human_minutes: float = 0.0,
    uncalibrated: bool = False,
    yes: bool = False,
    progress: bool = True,
) -> "DatasetReader":
    """Fill a labelled dataset from a work cell, real or simulated.

    poses: of the dataset in all; 400, or as many as it was begun for, if not given.
    cell: from `load_cell`, or its file. split: test poses spread over the plan, or a block apart. label:
    masks by colour, by the CAD outline, or by colour checked against it. crop: as if the camera were turned
    to the part, or plain. plates: images of the empty bench. pace: simulated seconds per second.
    human_minutes: a person's time, shared out over the samples. uncalibrated: capture in a real cell
    without a calibration that holds. yes: do not ask before a real robot moves.

    Raises DeviceError when a device stops the run, UnsafeMotion for a motion that might collide.
    """
    from synth.capture.confirm import ask_before_motion
    from synth.capture.run import capture as run
    from synth.capture.run import make_plan
    from synth.capture.settings import CaptureSettings, find_earlier_run, planned_poses, refuse_uncalibrated
    from synth.cell.mesh import load_bodies
    from synth.compute.progress import make_progress
    from synth.run_log import run_log

    refuse_unknown(split=(split, SplitMode), label=(label, LabelSource), crop=(crop, CropKind))
    loaded = as_cell(cell)
    poses = planned_poses(Path(out)) if poses is None else poses
    settings = CaptureSettings(
        cell=loaded,
        out=Path(out),
        n_poses=poses,
        seed=seed,
        split=split,
        label=label,
        crop=crop,
        n_plates=plates,
        pace=pace,
        human_minutes=human_minutes,
    )
    bodies = load_bodies(loaded)
    plan = make_plan(settings, bodies)
    earlier = find_earlier_run(settings, plan)
    n_done = 0 if earlier is None else len(earlier)
    if earlier is not None and n_done == poses:
        return earlier
    if not uncalibrated:
        refuse_uncalibrated(loaded)
    if not loaded.robot.is_simulated:
        ask_before_motion(loaded.robot.address, poses - n_done, loaded.robot.speed_deg_s, yes=yes)
    console = as_console(progress=progress)
    with run_log(settings.out, settings, console):
        run(settings, plan, bodies, make_progress(console))
    return open_dataset(out)


def render(
    count: int | None = None,
    out: StrPath | None = None,
    *,
    shares: Mapping[str, int] | None = None,
    real: StrPath = "data/real",
    over: StrPath | None = None,
    backgrounds: StrPath | None = None,
    meshes: Mapping[str, StrPath] | None = None,
    units: MeshUnits = "mm",
    distance_m: tuple[float, float] | None = None,
    fov_deg: float | None = None,
    cell: "Cell | StrPath | None" = None,
    look: LookKind = "matched",
    quality: QualityName = "normal",
    randomize: float = 0.0,
    layers: bool = False,
    maps_only: bool = False,
    test_twins: bool = False,
    seed: int = 0,
    workers: int | None = None,
    engine: str = DEFAULT_ENGINE,
    address: str | None = None,
    blender: StrPath | None = None,
    progress: bool = True,
) -> "DatasetReader":
    """Render a dataset with exact labels: twins of captured samples, fresh poses, bins of dropped parts.

    count: samples in all; 633, or as many as it was begun for, where shares are not given either. shares: so
    many of some sources, ``{"twin": 6, "fresh": 0}``, a wrong name is answered with all; others share what is
    left of the count. real: the captured dataset to match and to twin. over: an imported dataset, whose own
    models, cameras and poses are rendered over its own photographs, or over the pictures of the folder
    backgrounds; no cell then. meshes: CAD files by class, in units, for photographs without poses, ``over``
    being any imported dataset or a folder of pictures: turned any way, laid anywhere, at distances from the
    camera, by the sizes of boxes if None. fov_deg: what photographs see across their longer side, by EXIF if
    None. look: like the captured pictures, or without any of them. quality: samples a pixel. randomize: how
    far light, surfaces, camera and clutter are spread, 0 to 5; 1 is their ranges as they stand. layers:
    normals of every pixel too, as a layer of each sample. maps_only: label maps with depth and normals in
    place of pictures, of twins and fresh poses, without Blender. out: data/synthetic if None, for maps
    data/maps. test_twins: of test samples too, to look at. workers: child processes. engine: what runs them,
    for ``"ray"`` on the cluster at an address. blender: an installed Blender, 3.4 to 4.5, for the bpy wheel.

    Raises RendererError or WorkerLost when a scene fails twice.
    """
    from dataclasses import replace

    from synth.compute.progress import make_progress
    from synth.errors import InputError
    from synth.run_log import run_log
    from synth.sim.commands import DEFAULT_COUNT, MAPS_OUT, OUT, REAL
    from synth.sim.photographs.asked import make_unposed
    from synth.sim.run import begun_shares, make_plan
    from synth.sim.run import render as run
    from synth.sim.settings import RenderSettings
    from synth.sim.shares import choose_shares
    from synth.sim.sources import SOURCES

    refuse_unknown(look=(look, LookKind), quality=(quality, QualityName), units=(units, MeshUnits))
    refuse_below(0, seed=seed, randomize=randomize)
    asked = dict(shares or {})
    for name, n in asked.items():
        SOURCES[name]  # Raises for a name that there is not.
        refuse_below(0, **{name: n})
    if over is not None and cell is not None:
        raise InputError("cell is for renderings of a cell, and over knows none: leave it out")
    unposed = None
    if not meshes and (distance_m is not None or fov_deg is not None):
        raise InputError("distance_m and fov_deg are for parts of CAD files: name those with meshes")
    if meshes:
        if over is None:
            raise InputError("meshes are rendered over photographs: name them with over")
        words = [f"{name}={path}" for name, path in meshes.items()]
        unposed, labelled = make_unposed(words, Path(over), units, distance_m, fov_deg)
    else:
        labelled = None if over is None else open_dataset(over)
    folder = Path(out or (MAPS_OUT if maps_only else OUT))
    if count is None and not asked:
        asked = begun_shares(folder)
        count = None if asked else DEFAULT_COUNT
    is_absent = Path(real) == REAL and not REAL.exists()  # A source needs none, perhaps.
    settings = RenderSettings(
        out=folder,
        seed=seed,
        cell=as_cell(cell) if over is None else None,
        real=None if over is not None or is_absent else open_dataset(real),
        over=labelled,
        backgrounds=None if backgrounds is None else Path(backgrounds),
        look=look,
        quality=quality,
        randomize=randomize,
        layers=layers,
        maps_only=maps_only,
        test_twins=test_twins,
        blender=None if blender is None else Path(blender),
        n_workers=workers,
        engine=engine,
        address=address,
        own={} if unposed is None else {"photographs": unposed},
    )
    settings = replace(settings, shares=choose_shares(count, asked, settings))
    console = as_console(progress=progress)
    with run_log(settings.out, settings, console):
        run(make_plan(settings), make_progress(console, "render"))
    return open_dataset(folder)


def compose(
    datasets: StrPath | Sequence[StrPath] = "data/real",
    out: StrPath = "data/composited",
    *,
    count: int | None = None,
    max_parts: int = 4,
    min_visible: float = 0.5,
    plates: StrPath | None = None,
    place: str = DEFAULT_PLACER,
    where: Where = "free",
    turn: float | None = None,
    shear: float | None = None,
    scale: str | None = None,
    truncation: float | None = None,
    gain: float | None = None,
    gamma: float | None = None,
    extra_blur: float | None = None,
    blend: BlendName = "soft",
    patches: bool = True,
    keep_doubtful: bool = False,
    run: StrPath | None = None,
    preset: HardPreset | None = None,
    cycles: int | None = None,
    hard_at: float | None = None,
    hard_to: float | None = None,
    ratio: float | None = None,
    diversity: float | None = None,
    dropout: float | None = None,
    discriminator: bool = False,
    device: str | None = None,
    templates: StrPath | None = None,
    on: StrPath | None = None,
    like: StrPath | None = None,
    per_class: int | None = None,
    fill_up: bool = False,
    size: str | None = None,
    blur: float | None = None,
    noise: float | None = None,
    tilt: float = TILT_DEG,
    roll: float = ROLL_DEG,
    distractors: StrPath | None = None,
    seed: int = 0,
    engine: str = DEFAULT_ENGINE,
    address: str | None = None,
    progress: bool = True,
) -> "DatasetReader":
    """Lay parts that are cut out of datasets on plates, or templates into photographs.

    count: pictures in all; as many as the datasets have samples if not given. max_parts: 1 to this many parts
    or signs a picture. min_visible: share of each that nothing hides. plates: the dataset whose bench parts
    are laid on; the first of these with one, or else the train images of photographs, their parts painted
    out. engine: what runs the child processes, for ``"ray"`` on the cluster at an address.

    place: who says where parts go, ``"random"`` for one. where: anywhere, or where and as large as train
    boxes of the class are. With any range given, parts are turned by up to ``turn`` degrees (180 if not
    given), sheared, scaled (``"0.7-1.4"``; as far as train boxes of a class differ if not given), let out of
    the picture by a share of their box, their light multiplied by up to ``gain`` and raised to ``gamma``, and
    blurred by up to ``extra_blur`` px; with none they keep their size and turn by quarters. blend: how edges
    are mixed. patches: lay patches of bench too. keep_doubtful: cut out parts whose mask and box disagree.

    run: the training of the target that ``"random-hard"`` and ``"learned"`` go by; preset: how their cycles
    go; cycles: how many; hard_at: hardness, 0 to 1, from which a composite is kept; hard_to: up to which;
    ratio: real images to each made one that train the target; diversity: how much learned places must spread;
    dropout: of the network that learns them; discriminator: hold them to what real pictures look like. None
    for what the preset says.

    templates: a folder of one PNG with alpha, or SVG, a class; datasets and plates are not read then. on: the
    photographs, a CSV of regions or a dataset that they are laid into. like: the dataset whose train boxes
    give sizes, light and blur. per_class: train instances of each class, 200 if neither it nor count is
    given; fill_up: less those that ``like`` has. size: longer sides of boxes, ``"20-120"`` px. blur: spread
    of an edge, px; noise: 8-bit counts. tilt, roll: degrees at most. distractors: a folder of pictures that
    are no class.
    """
    from synth.compute.progress import make_progress
    from synth.run_log import run_log
    from synth.sim.compose import TemplateRequest, make_options, make_settings, make_template_settings
    from synth.sim.ingredients import Ingredients
    from synth.sim.placing.ranges import Ranges, parse_scale
    from synth.sim.run import make_plan, render

    refuse_unknown(where=(where, Where), blend=(blend, BlendName))
    refuse_below(0, seed=seed)
    hard: dict[str, object] = {
        "run": None if run is None else Path(run),
        "preset": preset,
        "cycles": cycles,
        "hard_at": hard_at,
        "hard_to": hard_to,
    }
    hard |= {"ratio": ratio, "diversity": diversity, "dropout": dropout}
    hard |= {"discriminator": discriminator or None, "device": device}
    own = make_options(place, hard)
    if templates is None:
        readers = tuple(open_dataset(path).refuse_empty() for path in as_paths(datasets))
        bench = None if plates is None else open_dataset(plates)
        ingredients = Ingredients(
            readers,
            bench,
            max_parts,
            min_visible,
            place=place,
            ranges=Ranges(turn, shear, parse_scale(scale), truncation, gain, gamma, extra_blur),
            where=where,
            blend=blend,
            patches=patches,
            keep_doubtful=keep_doubtful,
            own=own,
        )
        settings = make_settings(ingredients, Path(out), count, seed=seed, engine=engine, address=address)
    else:
        request = TemplateRequest(
            templates=Path(templates),
            on=None if on is None else Path(on),
            like=None if like is None else Path(like),
            count=count,
            per_class=per_class,
            fill_up=fill_up,
            size=size,
            blur=blur,
            noise=noise,
            tilt=tilt,
            roll=roll,
            distractors=None if distractors is None else Path(distractors),
            max_parts=max_parts,
            min_visible=min_visible,
        )
        settings = make_template_settings(request, Path(out), seed=seed, engine=engine, address=address)
    console = as_console(progress=progress)
    with run_log(settings.out, settings, console):
        render(make_plan(settings), make_progress(console, "compose"))
    return open_dataset(out)
