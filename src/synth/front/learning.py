"""Learning from labelled images, and asking what has learned: train, predict, label, compare."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synth.compute.engines import DEFAULT_ENGINE
from synth.dataset.choices import Criterion
from synth.front.opening import (
    StrPath,
    as_console,
    as_paths,
    refuse_below,
    refuse_text,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Picture = StrPath | NDArray[np.uint8]


@dataclass(frozen=True)
class Training:
    """A finished training.

    run: its folder, for `predict`. step: after which the network that is kept was taken. figures: of that
    network on val images.
    """

    run: Path
    step: int
    figures: dict[str, float]


@dataclass(frozen=True)
class Prediction:
    """What a network says of one picture.

    picture: its file; None for an array. found: of detection a list of [x0, y0, x1, y1, confidence] in
    pixels, each with the class's name last where there are several; of normals [u, v, w] in the axes of the
    crop; of classification [name, confidence]; of segmentation a dict with ``png``, class ids as a PNG in
    base64, and the ``classes`` and ``colours`` of the ids.
    """

    picture: Path | None
    found: Any


@dataclass(frozen=True)
class Comparison:
    """What a comparison found.

    verdict: sentences, most important first. report: the page. figures: those of report.json beside it, by
    key: numbers, or value with low and high, the ends of its 95 % interval.
    """

    verdict: tuple[str, ...]
    report: Path
    figures: dict[str, Any]


def train(
    task: str,
    data: StrPath | Sequence[StrPath] = "data/real",
    *,
    then: StrPath | None = None,
    test: StrPath = "data/real",
    out: StrPath | None = None,
    preset: str | None = None,
    net: str | None = None,
    side: int | None = None,
    images: int | None = None,
    photometric: float | None = None,
    pretrained: StrPath | None = None,
    plain_crops: bool = False,
    changes: Sequence[str] = (),
    seed: int = 0,
    device: str | None = None,
    progress: bool = True,
) -> Training:
    """Train one network for a task, such as detection or normals; a wrong name is answered with all.

    data: to learn from; several are mixed. then: tuned on this afterwards. test: whose test images are
    predicted, and never trained on. out: runs/train/TASK if not given. preset: quick, default or paper, the
    first network that `compare` would train. net: an architecture. side: of images in pixels. images: seen in
    all, repeats counted. photometric: random hue, saturation and brightness in training, 0 to 1; the task's.
    pretrained: a local checkpoint of it; of a detector the backbone, or the start of it, is frozen.
    plain_crops: never turned. changes: of the settings, ``learning_rate=0.001`` each. device: cpu, cuda,
    cuda:1, mps.

    Raises DatasetError where a test image would train, TrainingDiverged.
    """
    from synth.compute.progress import make_progress
    from synth.run_log import run_log
    from synth.train.request import make_spec
    from synth.train.run import run_training, say_unlearned

    refuse_below(0, seed=seed)
    refuse_below(1, images=images, side=side)
    spec = make_spec(
        task,
        as_paths(data),
        then=None if then is None else Path(then),
        test=Path(test),
        preset=preset,
        net=net,
        side_px=side,
        n_images=images,
        photometric=photometric,
        pretrained=None if pretrained is None else Path(pretrained),
        plain_crops=plain_crops,
        seed=seed,
        changes=changes,
    )
    folder, console = Path(out or f"runs/train/{task}"), as_console(progress=progress)
    bar, told = make_progress(console, "train", "steps"), 0

    def tell(step: int) -> None:
        nonlocal told
        bar.advanced(step - told)
        told = step

    with run_log(folder, spec, console):
        bar.begin(total=spec.settings.n_steps, done=0)
        try:
            result = run_training(spec, folder, device=device, on_step=tell)
        finally:
            bar.end()
        assert result is not None, "it is None where minutes ran out"
        if not result.has_learned:
            bar.say(say_unlearned(spec))
    return Training(folder, result.best.step, dict(result.best.figures))


def predict(
    run: StrPath,
    pictures: "Picture | Sequence[Picture]",
    *,
    confidence: float = 0.5,
    device: str | None = None,
) -> list[Prediction]:
    """What a trained network says of some pictures, in their order.

    run: the folder of a training, or its weights.safetensors. pictures: files, folders of them, datasets for
    networks that look at whole pictures, or arrays, RGB, uint8 [H,W,3]; for normals, crops. confidence: 0 to
    1, boxes under it are left out.
    """
    import os

    import numpy as np

    from synth.errors import InputError
    from synth.train.tasks import TASKS
    from synth.train.trained import list_pictures, load_trained, predict_files, predict_pictures

    if not 0 <= confidence <= 1:
        raise InputError(f"confidence must be 0 to 1, got {confidence:g}")
    trained = load_trained(Path(run), device)
    task = TASKS[trained.task]
    said: list[tuple[Path | None, Any]] = []
    for given in [pictures] if isinstance(pictures, str | os.PathLike | np.ndarray) else pictures:
        if isinstance(given, np.ndarray):
            said += [(None, found) for found in predict_pictures(trained, [given])]
        else:
            files = list_pictures(trained, [Path(given)])
            said += [(file, found) for file, _, found in predict_files(trained, files)]
    return [Prediction(file, task.only_sure(found, confidence)) for file, found in said]


def compare(
    data: Mapping[str, StrPath | Sequence[StrPath]] | None = None,
    *,
    mixes: Sequence[str] | None = None,
    ask: Sequence[str] = (),
    curve: bool = False,
    tasks: Sequence[str] | None = None,
    nets: Sequence[str] | None = None,
    preset: str = "default",
    seeds: int | None = None,
    images: int | None = None,
    photometric: float | None = None,
    choose: Criterion = "own-val",
    plain_crops: bool = False,
    pretrained: StrPath | None = None,
    baseline: bool = True,
    out: StrPath = "runs/compare",
    workers: int | None = None,
    engine: str = DEFAULT_ENGINE,
    address: str | None = None,
    device: str | None = None,
    progress: bool = True,
) -> Comparison:
    """Train on each kind of images, and say on real held-out ones what each is worth.

    data: datasets by name, ``{"real": "data/real", "rendered": "data/synthetic"}``; several under one name,
    one for each seed. The test images of ``real``, data/real if not given, decide. Without data: real,
    synthetic and translated in data/. mixes: what is trained on, names of data alone or put together:
    real+rendered (mixed), rendered-then-real (tuned), real@40 (so many); each alone if not given. ask:
    "MIX:MIX", questions beside those of each against real. curve: growing numbers of real images too. tasks:
    normals and detection if not given. nets: of one task, side by side, in place of the preset's. preset:
    quick takes minutes, default hours on a CPU, paper a GPU. seeds: trainings of each mix. images: each
    training sees in all. photometric: random hue, saturation and brightness in training, 0 to 1; each task's.
    choose: whose val images choose the weights, each mix's own or real ones. plain_crops: normals from plain
    crops too.
    pretrained: a local checkpoint of the detector, its backbone, or the start of it, frozen. baseline: add
    what a translation must beat, the nearest to real val images of the methods that are made in seconds.
    workers: trainings at a time. engine: what runs them, for ``"ray"`` on the cluster at an address. device:
    cpu, cuda, cuda:1, mps.

    Raises DatasetError where a test image would train, TrainingDiverged.
    """
    import json

    from synth.compare.baseline import add_baseline
    from synth.compare.report.write import REPORT_JSON, write_report
    from synth.compare.request import make_plan
    from synth.compare.run import run_plan
    from synth.compute.progress import make_progress
    from synth.gan.baseline import make_baseline
    from synth.run_log import run_log

    refuse_below(1, seeds=seeds, images=images, workers=workers)
    refuse_text(mixes=mixes, tasks=tasks, nets=nets, ask=ask)
    plan = make_plan(
        {name: as_paths(roots) for name, roots in (data or {}).items()},
        mixes=mixes,
        ask=ask,
        curve=curve,
        tasks=tasks,
        nets=nets,
        composed=False,
        preset=preset,
        seeds=seeds,
        images=images,
        photometric=photometric,
        plain_crops=plain_crops,
        pretrained=None if pretrained is None else Path(pretrained),
        choose=choose,
        out=Path(out),
        device=device,
        workers=workers,
        engine=engine,
        address=address,
    )
    console = as_console(progress=progress)
    if baseline:
        make = partial(make_baseline, make_progress=lambda *a: make_progress(console, *a), device=device)
        plan = add_baseline(plan, make, console.print)
    with run_log(plan.out, plan, console):
        results = run_plan(plan, lambda *words: make_progress(console, *words))
        page, verdict = write_report(plan, results)
    figures = json.loads((plan.out / REPORT_JSON).read_bytes())["figures"]
    return Comparison(tuple(sentence.text for sentence in verdict), page, figures)
