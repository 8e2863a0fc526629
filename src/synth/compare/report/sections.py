"""What the report shows below its verdict, section by section."""

from collections.abc import Sequence

import numpy as np

from synth.compare.arms import REAL
from synth.compare.collect import HEADLINE, Figures, Results
from synth.compare.cost import measure_image_cost
from synth.compare.explain import Attention
from synth.compare.plan import Contest, Plan
from synth.compare.report import tables
from synth.compare.report.content import Picture, Section
from synth.compare.report.curves import (
    draw_colours,
    draw_errors,
    draw_size_curve,
    draw_training,
    draw_vertical,
)
from synth.compare.report.strips import draw_basis, join, label_tile
from synth.compare.twins import find_twins
from synth.dataset.reader import DatasetReader
from synth.train.drawing import FOUND_RGB, TRUE_RGB, draw_boxes, draw_normal
from synth.train.run import TASKS, TrainResult
from synth.train.saliency import MAP_KINDS, draw_saliency
from synth.train.scores import normal_errors
from synth.train.tasks.normals import NormalCrops

N_WORST, N_SHOWN = 6, 4
_WIDE_PX = 300
_COLOURS_SAID = "Green: truth; magenta: prediction."


def show_normals(plan: Plan, contest: Contest, results: Results, figures: Figures) -> Section:
    """Angle errors: table, curves, vectors drawn, worst crops."""
    own = [(cell, r) for cell, r in results if cell.contest == contest]
    section = Section(f"Normals ({contest.settings.model}): angle errors on real test crops")
    section.tables.append(tables.list_arms(plan, contest, figures))
    name = f"normals_{contest.settings.model}"
    errors = {arm.name: normal_errors([r for c, r in own if c.arm == arm]) for arm in plan.arms}
    section.pictures += [
        draw_errors(f"{name}_errors", errors),
        draw_training(
            f"{name}_training",
            own,
            [
                ("train loss", "train_train_loss"),
                ("val loss, own images", "val_loss"),
                ("test loss", "test_loss"),
            ],
            "Losses throughout training (the paper's Figures 19 and 22). Val curves are of each arm's own "
            "images "
            "and cannot be compared with each other; test curves choose nothing. The paper chose its "
            "few-epoch "
            "models by test images; here val images do, at the dots.",
        ),
        draw_vertical(f"{name}_vertical", own),
        *_size_curve(plan, contest, figures),
    ]
    captured = plan.reader("normals", REAL)
    test = TASKS["normals"].load(captured, captured.of_split("test"), contest.settings)
    first = {arm.name: next(r for c, r in own if c.arm == arm) for arm in plan.arms}
    tiles = [
        _vector_tile(test, r, i, arm) for arm, r in first.items() for i in range(min(N_WORST, len(test)))
    ]
    section.pictures.append(
        join(
            f"{name}_vectors",
            f"The same test crops in every row (Figure 21). {_COLOURS_SAID} Arrows are (u, v).",
            tiles,
        )
    )
    for arm, result in first.items():
        worst = np.argsort(normal_errors([result])[0])[::-1][:N_WORST]
        caption = f"Worst test crops of the arm {arm}, seed {result.seed}. {_COLOURS_SAID}"
        section.pictures.append(
            join(
                f"{name}_worst_{arm}",
                caption,
                [_vector_tile(test, result, int(i), test.names[i]) for i in worst],
            )
        )
    return section


def show_detection(plan: Plan, contest: Contest, results: Results, figures: Figures) -> Section:
    """Boxes: table, curves, predictions at two stages, worst images."""
    own = [(cell, r) for cell, r in results if cell.contest == contest]
    model = contest.settings.model
    section = Section(f"Detection ({model}): boxes on real test images")
    section.text.append(_how_begun(contest))
    section.tables += [tables.list_arms(plan, contest, figures), tables.list_use(contest, figures)]
    name = f"detection_{model}"
    section.pictures += [
        draw_training(
            f"{name}_losses",
            own,
            [
                (f"{split} {loss} loss", f"{split}_{loss}_loss")
                for split in ("train", "val")
                for loss in ("box", "cls", "dfl")
            ],
            "Losses throughout training, train images changed at random, val images of each arm's own "
            "(Figure 16).",
        ),
        draw_training(
            f"{name}_metrics",
            own,
            [
                (title, f"test_{key}")
                for title, key in (
                    ("precision", "precision"),
                    ("recall", "recall"),
                    ("mAP50", "map50"),
                    ("mAP50-95", "map50_95"),
                )
            ],
            "Metrics on real test images throughout training (Figure 17); they choose nothing.",
        ),
        *_size_curve(plan, contest, figures),
    ]
    captured = plan.reader("detection", REAL)
    first = {arm.name: next(r for c, r in own if c.arm == arm) for arm in plan.arms}
    tiles = [
        _box_tile(captured, r, boxes, i, f"{arm}, {stage}")
        for arm, r in first.items()
        for stage, boxes in (("early", r.early), ("kept", r.predicted))
        for i in range(min(2, len(r.names)))
    ]
    section.pictures.append(
        join(
            f"{name}_stages",
            "Predictions of confidence 0.5 and more at the first look and by the weights kept (Figure 18). "
            f"{_COLOURS_SAID}",
            tiles,
            a_row=4,
        )
    )
    for arm, result in first.items():
        worst = np.argsort([_overlap(result, i) for i in range(len(result.names))])[:N_SHOWN]
        caption = f"Worst test images of the arm {arm}, seed {result.seed}: least overlap. {_COLOURS_SAID}"
        strip = [_box_tile(captured, result, result.predicted, int(i), result.names[i]) for i in worst]
        section.pictures.append(join(f"{name}_worst_{arm}", caption, strip, a_row=4))
    return section


def show_samples(plan: Plan) -> Section:
    """A few images of each dataset, and the bases of its labels (Figures 5, 9 and 11)."""
    section = Section("The images")
    for task, roots in plan.roots.items():
        if section.pictures and next(iter(plan.roots.values())) == roots:
            continue
        tiles = []
        for kind in roots:
            reader = plan.reader(task, kind)
            samples = reader.of_split("train")[:N_SHOWN]
            boxes = [[i.box_of(reader.info.box_kind) for i in s.instances] for s in samples]
            tiles += [
                draw_boxes(reader.load_rgb(s), kind, b, [], _WIDE_PX)
                for s, b in zip(samples, boxes, strict=True)
            ]
        caption = f"Train images for {task}, {', '.join(roots)}, with their boxes."
        section.pictures.append(join(f"samples_{task}", caption, tiles, a_row=N_SHOWN))
    if "normals" in plan.roots:
        reader = plan.reader("normals", REAL)
        crop = next(
            c
            for s in reader.of_split("train")
            for i in range(len(s.instances))
            if (c := reader.load_crop(s, i)) is not None
        )
        section.pictures.append(
            join(
                "basis",
                "The bases: X and Y of the image, (u, v, w) of the normal (Figure 5).",
                [draw_basis(crop)],
            )
        )
    return section


def show_attention(plan: Plan, contest: Contest, attention: Attention, figures: Figures) -> Section:
    """Where networks look, in pictures and in numbers (Figures 20 and 23)."""
    section = Section(f"Why: where the networks look ({contest.settings.model})")
    section.tables += tables.list_attention(plan, contest, figures)
    for kind in MAP_KINDS:
        tiles = []
        for arm, maps in attention.maps.items():
            n_test = len(maps[kind]) - len(attention.train)
            for crops, part, name in (
                (attention.train.crops_u8, maps[kind][n_test:], "train"),
                (attention.test.crops_u8[:3], maps[kind][:3], "test"),
            ):
                tiles += [label_tile(t, f"{arm}, {name}") for t in _enlarge(draw_saliency(crops, part))]
        caption = f"{kind}: the same captured train and test crops in every row (Figures 20 and 23)."
        section.pictures.append(join(f"attention_{contest.settings.model}_{kind}", caption, tiles))
    return section


def show_twins(plan: Plan, contest: Contest) -> Section | None:
    """Captured crops and their twins that the real-trained network reads most differently."""
    section = Section("Twins whose predictions differ most")
    for kind in plan.roots["normals"]:
        twins = find_twins(plan, contest, kind) if kind != REAL else None
        if twins is None:
            continue
        worst = np.argsort(twins.turned_deg)[::-1][:N_WORST]
        tiles = [
            draw_normal(
                crops.crops_u8[i],
                f"{title} {crops.names[i]}",
                (crops.crop_uvw[i], TRUE_RGB),
                (read[i], FOUND_RGB),
            )
            for title, crops, read in zip(
                (REAL, kind), (twins.captured, twins.made), twins.read_uvw, strict=True
            )
            for i in worst
        ]
        angles = ", ".join(f"{twins.turned_deg[i]:.0f}°" for i in worst)
        caption = (
            f"Captured train and val crops and their {kind} twins, which have the same label, as the "
            "real-trained "
            f"network reads them; it reads {angles} apart, of {len(twins.turned_deg)} pairs with median "
            f"{np.median(twins.turned_deg):.1f}°. {_COLOURS_SAID}"
        )
        section.pictures.append(join(f"twins_{contest.settings.model}_{kind}", caption, tiles))
    return section if section.pictures else None


def show_colours(means: dict[str, np.ndarray], figures: Figures) -> Section:
    """Colour distributions, and their distances."""
    section = Section("Why: colours")
    if "colours.floor" in figures:
        section.tables.append(tables.list_colours(figures))
    section.pictures.append(draw_colours("colours", means))
    return section


def show_costs(plan: Plan, results: Results) -> Section:
    """Seconds an image, and milliseconds a prediction."""
    task = next(iter(plan.roots))
    costs = [measure_image_cost(kind, plan.reader(task, kind)) for kind in plan.roots[task]]
    section = Section("Cost")
    if any(costs):
        section.tables.append(tables.list_costs([c for c in costs if c is not None]))
    section.tables.append(tables.list_latency(plan, results))
    return section


def show_paper_tables(plan: Plan, figures: Figures) -> Section | None:
    """The paper's Tables 1 and 2, and one for every other arm."""
    detectors = [c for c in plan.contests if c.task == "detection"]
    if not detectors:
        return None
    section = Section("Detection under the paper's protocol")
    arms = [REAL, *(a.name for a in plan.arms if a.name != REAL)]
    section.tables += [tables.list_paper_table(detectors, arm, figures) for arm in arms]
    return section


def _size_curve(plan: Plan, contest: Contest, figures: Figures) -> list[Picture]:
    headline = HEADLINE[contest.task]
    sizes = sorted((arm.curve_size, arm.name) for arm in plan.arms if arm.curve_size is not None)
    if not sizes:
        return []
    sizes.append((figures[f"{contest.key}.{REAL}.data"]["n_real_labels"], REAL))
    rows = [(n, figures[f"{contest.key}.{name}.{headline.name}"]) for n, name in sizes]
    levels = {
        arm.name: figures[f"{contest.key}.{arm.name}.{headline.name}"]["value"]
        for arm in plan.arms
        if REAL not in arm.kinds
    }
    curve = [(n, f["value"], f["low"], f["high"]) for n, f in rows]
    return [draw_size_curve(f"{contest.task}_{contest.settings.model}_size", headline.title, curve, levels)]


def _vector_tile(test: NormalCrops, result: TrainResult, i: int, title: str) -> np.ndarray:
    error = normal_errors([result])[0][i]
    return draw_normal(
        test.crops_u8[i],
        f"{title}  {error:.0f} deg",
        (result.true[i], TRUE_RGB),
        (result.predicted[i], FOUND_RGB),
    )


def _box_tile(
    captured: DatasetReader, result: TrainResult, boxes: list[list[list[float]]], i: int, title: str
) -> np.ndarray:
    sure = [box for box in boxes[i] if box[4] >= 0.5]
    return draw_boxes(
        captured.load_rgb(captured[result.names[i]]),
        title,
        result.true[i],
        sure,
        _WIDE_PX,
    )


def _overlap(result: TrainResult, i: int) -> float:
    """The least overlap (IoU) of a true box with the best sure one; 0 for a missed part."""
    sure = np.array([b[:4] for b in result.predicted[i] if b[4] >= 0.5]).reshape(-1, 4)
    true = np.array(result.true[i]).reshape(-1, 4)
    if not len(sure) or not len(true):
        return 0.0 if len(sure) != len(true) else 1.0
    low = np.maximum(true[:, None, :2], sure[None, :, :2])
    high = np.minimum(true[:, None, 2:], sure[None, :, 2:])
    both = (high - low).clip(0).prod(axis=2)
    areas = [(b[:, 2:] - b[:, :2]).prod(axis=1) for b in (true, sure)]
    return float((both / (areas[0][:, None] + areas[1][None] - both)).max(axis=1).min())


def _how_begun(contest: Contest) -> str:
    pretrained = getattr(contest.settings, "pretrained", None)
    begun = "from random weights" if pretrained is None else f"from {pretrained}, its backbone frozen"
    return (
        f"{contest.settings.model} is Ultralytics' own, with its package's v5u heads, trained {begun} at "
        f"{contest.settings.side_px} px."
    )


def _enlarge(tiles: np.ndarray) -> Sequence[np.ndarray]:
    side = tiles.shape[1]
    times = max(1, round(224 / side))
    return [np.kron(t, np.ones((times, times, 1), np.uint8)) for t in tiles]
