"""Learning from labelled images: train, predict, compare."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from synth.front.opening import StrPath, as_console, as_paths, open_dataset, refuse_below, refuse_unknown

if TYPE_CHECKING:
    from synth.train.run import Settings


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

    found: of detection a list of [x0, y0, x1, y1, confidence] in pixels, of normals [u, v, w] in the axes
    of the crop.
    """

    picture: Path
    found: list[Any]


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
    net: str | None = None,
    side: int | None = None,
    images: int | None = None,
    pretrained: StrPath | None = None,
    plain_crops: bool = False,
    seed: int = 0,
    device: str | None = None,
    progress: bool = True,
) -> Training:
    """Train one network for a task, detection or normals.

    data: to learn from; several are mixed. then: tuned on this afterwards. test: whose test images are
    predicted, and never trained on. out: runs/train/TASK if not given. net: an architecture. side: of
    images in pixels. images: seen in all, repeats counted. pretrained: a local YOLOv5, its backbone frozen.
    plain_crops: plain crops, never turned. device: cpu, cuda, cuda:1, mps.

    Raises DatasetError where a test image would train, TrainingDiverged.
    """
    from synth.compute.progress import make_progress
    from synth.dataset.leak import LeakGuard
    from synth.run_log import run_log
    from synth.train.run import Source, TrainSpec, run_training

    refuse_below(0, seed=seed)
    refuse_below(1, images=images, side=side)
    first = tuple(Source(root) for root in as_paths(data))
    stages = (first,) if then is None else (first, (Source(Path(then)),))
    settings = _settings(task, first[0].root, net, side, images, pretrained, plain_crops=plain_crops)
    spec = TrainSpec(task, settings, stages, Path(test), seed)  # type: ignore[arg-type]
    readers = [open_dataset(root) for root in dict.fromkeys(s.root for stage in stages for s in stage)]
    guard = LeakGuard.of([open_dataset(test), *readers])
    for reader in readers:
        guard.check(reader, (*reader.of_split("train"), *reader.of_split("val")))
    folder, console = Path(out or f"runs/train/{task}"), as_console(progress=progress)
    bar, told = make_progress(console, "train", "steps"), 0

    def tell(step: int) -> None:
        nonlocal told
        bar.advanced(step - told)
        told = step

    with run_log(folder, spec, console):
        bar.begin(total=settings.n_steps, done=0)
        try:
            result = run_training(spec, folder, device=device, on_step=tell)
        finally:
            bar.end()
    assert result is not None, "it is None where minutes ran out"
    return Training(folder, result.best.step, dict(result.best.figures))


def predict(
    run: StrPath,
    pictures: StrPath | Sequence[StrPath],
    *,
    confidence: float = 0.5,
    device: str | None = None,
) -> list[Prediction]:
    """What a trained network says of some pictures, in their order.

    run: the folder of a training, or its weights.safetensors. pictures: files; for normals, crops.
    confidence: 0 to 1, boxes under it are left out.
    """
    from synth.train.trained import load_trained, predict_files

    files, trained = as_paths(pictures), load_trained(Path(run), device)
    said = [found for _, found in predict_files(trained, files)] if files else []
    if trained.task == "detection":
        said = [[box for box in boxes if box[4] >= confidence] for boxes in said]
    return [Prediction(*both) for both in zip(files, said, strict=True)]


def compare(
    data: Mapping[str, StrPath] | None = None,
    *,
    mixes: Sequence[str] | None = None,
    tasks: Sequence[str] = ("detection", "normals"),
    preset: str = "default",
    seeds: int | None = None,
    images: int | None = None,
    choose: Literal["own-val", "real-val"] = "own-val",
    plain_crops: bool = False,
    pretrained: StrPath | None = None,
    out: StrPath = "runs/compare",
    workers: int | None = None,
    device: str | None = None,
    progress: bool = True,
) -> Comparison:
    """Train on each kind of images, and say on real held-out ones what each is worth.

    data: datasets by name, ``{"real": "data/real", "rendered": "data/synthetic"}``; the test images of
    ``real`` decide. The usual three if not given: real, synthetic and translated in data/. mixes: what is
    trained on, names of data alone or put together: real+translated (mixed), synthetic-then-real (tuned),
    real@40 (so many); each alone if not given. preset: quick takes minutes, default hours on a CPU, paper a
    GPU. seeds: trainings of each mix. images: each training sees in all. choose: whose val images choose the
    weights, each mix's own or real ones. plain_crops: normals from plain crops too. pretrained: a local
    YOLOv5, its backbone frozen. workers: trainings at a time. device: cpu, cuda, cuda:1, mps.

    Raises DatasetError where a test image would train, TrainingDiverged.
    """
    import json

    from synth.compare.arms import parse_arm
    from synth.compare.plan import Plan
    from synth.compare.presets import PRESETS, make_contests
    from synth.compare.report.write import REPORT_JSON, write_report
    from synth.compare.run import run_plan
    from synth.compute.progress import make_progress
    from synth.errors import InputError
    from synth.run_log import run_log
    from synth.train.run import TASKS, Choose

    refuse_unknown(choose=(choose, Choose))
    refuse_below(1, seeds=seeds, images=images, workers=workers)
    roots = {name: Path(root) for name, root in (data or _USUAL).items()}
    arms = tuple(parse_arm(name, roots) for name in mixes or roots)
    if unknown := [task for task in tasks if task not in TASKS]:
        raise InputError(f"there is no task {unknown[0]!r}: choose among {', '.join(TASKS)}")
    if preset not in PRESETS:
        raise InputError(f"there is no preset {preset!r}: choose among {', '.join(PRESETS)}")
    chosen = tuple(task for task in TASKS if task in tasks)
    used = {n: root for n, root in roots.items() if n == "real" or any(n in arm.kinds for arm in arms)}
    plan = Plan(
        arms=arms,
        contests=make_contests(
            preset,
            chosen,
            n_seeds=seeds,
            n_images=images,
            pretrained=None if pretrained is None else str(pretrained),
            plain_crops=plain_crops,
            box_kind=open_dataset(roots["real"]).info.box_kind,
        ),
        roots=dict.fromkeys(chosen, used),
        out=Path(out),
        choose=choose,
        device=device,
        n_workers=workers,
    )
    console = as_console(progress=progress)
    with run_log(plan.out, plan, console):
        results = run_plan(plan, lambda *words: make_progress(console, *words))
        page, verdict = write_report(plan, results)
    figures = json.loads((plan.out / REPORT_JSON).read_bytes())["figures"]
    return Comparison(tuple(sentence.text for sentence in verdict), page, figures)


_USUAL = {"real": "data/real", "synthetic": "data/synthetic", "translated": "data/translated"}


def _settings(
    task: str,
    first: Path,
    net: str | None,
    side: int | None,
    images: int | None,
    pretrained: StrPath | None,
    *,
    plain_crops: bool,
) -> "Settings":
    """A task's settings, its own defaults where nothing is asked."""
    from synth.errors import InputError
    from synth.train.tasks.detection import DetectionSettings
    from synth.train.tasks.normals import NormalSettings

    given: dict[str, Any] = {"net": net, "side_px": side, "n_images": images}
    options = {key: value for key, value in given.items() if value is not None}
    if task == "detection" and not plain_crops:
        if pretrained is not None:
            options |= {"pretrained": str(pretrained), "freeze": True}
        return DetectionSettings(**options, box_kind=open_dataset(first).info.box_kind)
    if task == "normals" and pretrained is None:
        if plain_crops:
            options |= {"crop": "paper", "rotate": False}
        return NormalSettings(**options)
    if task in ("detection", "normals"):
        raise InputError(f"{task} has no such option: pretrained is for detection, plain_crops for normals")
    raise InputError(f"there is no task {task!r}: choose among detection, normals")
