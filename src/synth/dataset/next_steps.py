"""What a dataset can do next, and what it cannot, with the commands; told from what stands in it alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from synth.dataset.origin import REAL_KINDS
from synth.dataset.reader import DatasetReader
from synth.dataset.record import SPLITS
from synth.dataset.sample import MIN_VISIBLE_FOR_LABEL, Sample

MIN_VISIBLE_TO_CUT = 0.9
"""How much of a part must be visible for composites to cut it out."""

MIN_TEST_TO_COMPARE = 5
"""The fewest real test images that an interval is drawn over."""


@dataclass(frozen=True)
class NextStep:
    """One thing that could come next. able: whether it can. sentence: with the command, or the reason."""

    what: str
    able: bool
    sentence: str


def list_next_steps(dataset: DatasetReader) -> tuple[NextStep, ...]:
    """Training, rendering, composing, translating, painting and comparing, one after the other."""
    if not dataset.samples:
        return ()
    if not any("image" in sample.layers for sample in dataset):
        reason = "its samples are label maps without pictures"
        trained = ("train detection", "train normals", "train segmentation")
        names = (*trained, "render", "compose", "translate", "compare")
        return (*(NextStep(what, False, reason) for what in names), _paint(dataset))
    if not dataset.info.classes and dataset.info.semantic is None:
        return (_label(dataset), NextStep("train", False, "its pictures have no labels yet"))
    classes = (_classification,) if len(dataset.info.classes) > 1 else ()
    pixels = (_segmentation,) if dataset.info.semantic is not None else ()
    paint = (_paint,) if dataset.info.semantic is not None else ()
    makers = (_detection, *classes, _normals, *pixels, _render, _compose, _translate, *paint, _compare)
    return tuple(make(dataset) for make in makers)


def _shows_one_thing(dataset: DatasetReader) -> bool:
    """Whether every label is the class of a whole picture."""
    boxes = [(i.box_xyxy_px, (0, 0, *sample.size_wh)) for sample in dataset for i in sample.instances]
    return bool(boxes) and all(box == whole for box, whole in boxes)


def _classification(dataset: DatasetReader) -> NextStep:
    return _train(
        dataset,
        "classification",
        [s for s in dataset if any(i.visib_fract >= MIN_VISIBLE_FOR_LABEL for i in s.instances)],
        "classes",
        "no instance has a class: synth import folders takes one folder a class over",
    )


def _segmentation(dataset: DatasetReader) -> NextStep:
    labelled = [s for s in dataset if _has_label_map(s)]
    return _train(dataset, "segmentation", labelled, "label maps", "no picture has a label map")


def _label(dataset: DatasetReader) -> NextStep:
    return NextStep(
        "label",
        True,
        f"synth label {dataset.root} --run RUN, where RUN is the folder of a training of segmentation on "
        "pictures with label maps",
    )


def _has_label_map(sample: Sample) -> bool:
    """Beside a picture."""
    return {"image", "semantic"} <= sample.layers.keys()


def _detection(dataset: DatasetReader) -> NextStep:
    if _shows_one_thing(dataset):
        return NextStep("train detection", False, "every box is its whole picture: there is nothing to find")
    return _train(
        dataset,
        "detection",
        [s for s in dataset if any(i.visib_fract >= MIN_VISIBLE_FOR_LABEL for i in s.instances)],
        "boxes",
        "no instance has a box: synth import yolo, coco or bop takes labels over",
    )


def _normals(dataset: DatasetReader) -> NextStep:
    return _train(
        dataset,
        "normals",
        [s for s in dataset if any(i.normal_crop for i in s.instances)],
        "crops with normals",
        _why_no_normals(dataset),
    )


def _train(
    dataset: DatasetReader, task: str, labelled: Sequence[Sample], unit: str, without: str
) -> NextStep:
    what, splits = f"train {task}", {sample.split for sample in labelled}
    if not splits:
        return NextStep(what, False, without)
    if lacking := [split for split in ("train", "val") if split not in splits]:
        return NextStep(
            what,
            False,
            f"{' and '.join(lacking)} images have no {unit}, and a network learns from train and is chosen "
            f"by val images: {_deal(dataset)}",
        )
    is_test = any(sample.split == "test" and sample.is_labelled for sample in labelled)
    test = dataset.root if is_test else Path("OTHER")
    why = f"have {unit} that a network made" if "test" in splits else f"have no {unit}"
    of = "" if is_test else f"; its own test images {why}, so OTHER is a dataset that people labelled"
    return NextStep(what, True, f"synth {what} --data {dataset.root} --test {test}{of}")


def _deal(dataset: DatasetReader) -> str:
    if len(dataset) < len(SPLITS):
        return "three splits need three images or more, and synth dataset merge joins datasets"
    return (
        f"synth dataset split {dataset.root} --seed 0 --out OTHER deals splits anew, by chance; --test and "
        "--val name pictures or groups instead"
    )


def _why_no_normals(dataset: DatasetReader) -> str:
    instances = [i for sample in dataset for i in sample.instances]
    if any(i.normal_uvw for i in instances):
        return (
            "no labelled face is turned to the camera and visible enough for a crop: perhaps its normal "
            "points the other way"
        )
    if dataset.info.made_by.verb == "import bop" or (dataset.info.models and dataset.info.kind in REAL_KINDS):
        return (
            "no instance has a normal: import it again with --normal 0,0,1, an axis of the models, or "
            "--face, a point on the labelled face"
        )
    if dataset.info.kind in REAL_KINDS:
        return (
            "no instance has a normal, and boxes tell none: synth import bop takes poses and, with --normal, "
            "makes normals of them; synth capture labels normals itself"
        )
    return "no instance has a normal"


def _render(dataset: DatasetReader) -> NextStep:
    what, info, root = "render", dataset.info, dataset.root
    if info.kind not in REAL_KINDS:
        return NextStep(what, False, f"it is {info.kind}: renderings are made after photographs")
    if info.models:
        models = {model.class_name for model in info.models}
        posed = [
            s
            for s in dataset.of_split("train")
            if s.K is not None and any(i.T_cam_part and i.class_name in models for i in s.instances)
        ]
        if not posed:
            return NextStep(what, False, "no train sample has K and the pose of a model")
        if not any(sample.mask for sample in dataset.of_split("train")):
            return NextStep(what, False, "no train sample has a mask, which plates are made by")
        return NextStep(what, True, f"synth render --over {root}")
    if any(s.robot and s.K and s.T_base_cam for s in dataset if s.split != "test"):
        return NextStep(what, True, f"synth render --real {root}, with the cell that it was captured in")
    if any(s.instances for s in dataset.of_split("train")) and not _shows_one_thing(dataset):
        return NextStep(
            what, True, f"synth render --mesh FILE --over {root}, where FILE is the part's CAD file"
        )
    return NextStep(
        what,
        False,
        "no train sample shows a part: synth render --mesh FILE --over takes a folder of such pictures, with "
        "--distance",
    )


def _compose(dataset: DatasetReader) -> NextStep:
    what, root = "compose", dataset.root
    if dataset.info.kind == "composited":
        return NextStep(what, False, "it is composited: name the datasets that it was made from")
    cut = any(
        s.mask and not s.quality.get("analysis_only") and i.visib_fract >= MIN_VISIBLE_TO_CUT
        for s in dataset
        for i in s.instances
    )
    if not cut:
        return NextStep(
            what,
            False,
            "no sample has a mask, by which parts are cut out; drawings of them can be laid into its frames: "
            f"synth compose --templates FOLDER --on {root} --like {root}",
        )
    if len({tuple(sample.size_wh) for sample in dataset}) > 1:
        return NextStep(what, False, "its images differ in size, and composites have one")
    has_photographs = dataset.info.kind in REAL_KINDS and any(s.mask for s in dataset.of_split("train"))
    if dataset.plates or has_photographs:
        return NextStep(what, True, f"synth compose {root}")
    return NextStep(
        what,
        True,
        f"synth compose {root} --plates OTHER, where OTHER has plates of the empty bench at this size; it "
        "has none itself",
    )


def _translate(dataset: DatasetReader) -> NextStep:
    what, info, root = "translate", dataset.info, dataset.root
    n = {split: len(dataset.of_split(split)) for split in SPLITS}
    if n["train"] < 2 or n["val"] < 1:
        return NextStep(what, False, f"it needs two train images and one val image: {_deal(dataset)}")
    sizes = {tuple(s.size_wh) for s in dataset if s.split != "test"}
    if info.kind in ("translated", "painted"):
        return NextStep(what, False, f"it is {info.kind} already")
    if info.kind == "mixed":
        return NextStep(what, False, "it has pictures of several looks: name datasets of one look each")
    same = "of the same classes"
    if len(sizes) > 1:
        same += (
            "; its images differ in size, so --method must name a baseline or one that learns from crops "
            "of parts"
        )
    else:
        width, height = sizes.pop()
        same += f" and {width}×{height} pixels"
    if info.kind in REAL_KINDS:
        return NextStep(
            what, True, f"synth translate --real {root} --sim OTHER, where OTHER has renderings {same}"
        )
    return NextStep(
        what, True, f"synth translate --sim {root} --real OTHER, where OTHER has photographs {same}"
    )


def _paint(dataset: DatasetReader) -> NextStep:
    what, root = "paint", dataset.root
    if dataset.info.kind in REAL_KINDS and any(map(_has_label_map, dataset.of_split("train"))):
        return NextStep(what, True, f"synth paint MAPS --data {root}, where MAPS has maps of its classes")
    return NextStep(what, True, f"synth paint {root} --data OTHER, where OTHER has photographs and maps")


def _compare(dataset: DatasetReader) -> NextStep:
    what, info, root = "compare", dataset.info, dataset.root
    has_instances = any(s.instances for s in dataset)
    labelled = {s.split for s in dataset if s.instances or (not has_instances and _has_label_map(s))}
    needed = SPLITS if info.kind in REAL_KINDS else ("train", "val")
    if lacking := [split for split in needed if split not in labelled]:
        return NextStep(what, False, f"{' and '.join(lacking)} images have no labels: {_deal(dataset)}")
    n_test = len(dataset.of_split("test"))
    if info.kind in REAL_KINDS and n_test < MIN_TEST_TO_COMPARE:
        return NextStep(
            what,
            False,
            f"it has {n_test} test image{'' if n_test == 1 else 's'}, and a comparison is measured on "
            f"{MIN_TEST_TO_COMPARE} or more",
        )
    boxes = f" with {info.box_kind} boxes" if has_instances else " of pixels"
    has_normals = any(i.normal_crop for s in dataset for i in s.instances)
    alone = "detection" if has_instances else "segmentation"
    task = "classification" if _shows_one_thing(dataset) else alone
    tasks = "" if has_normals else f" --tasks {task}"
    is_made = any(s.split == "test" and not s.is_labelled for s in dataset if _has_label_map(s))
    if info.kind in REAL_KINDS and not is_made:
        return NextStep(
            what,
            True,
            f"synth compare --data real={root} --data other=OTHER{tasks}, where OTHER is a dataset of the "
            f"same classes{boxes}",
        )
    name = "labelled" if is_made else info.kind
    return NextStep(
        what,
        True,
        f"synth compare --data real=OTHER --data {name}={root}{tasks}, where OTHER has "
        f"photographs of the same classes{boxes}{' that people labelled' * is_made}",
    )


def say_next_steps(steps: Sequence[NextStep]) -> Iterator[str]:
    """A line each: what it can first."""
    for step in sorted(steps, key=lambda step: not step.able):
        yield f"  {'yes' if step.able else 'no ':<4} {step.what}: {step.sentence}"
